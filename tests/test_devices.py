"""Names of devices, and what is done where there are none."""

from __future__ import annotations

import pytest
import torch

from napari_deepblur import devices
from napari_deepblur.devices import (
    DEVICE_VARIABLE,
    available_devices,
    free_memory,
    inference_precision,
    is_out_of_memory,
    resolve_device,
    works,
)
from napari_deepblur.errors import DeviceError


def test_the_processor_is_always_there_and_first() -> None:
    found = available_devices()
    assert found[0][0] == "cpu"
    assert "processor" in found[0][1]
    assert resolve_device("cpu") == torch.device("cpu")
    assert works(torch.device("cpu"))
    for name, _ in found:
        assert resolve_device(name) == torch.device(name)


@pytest.mark.parametrize("name", ["abacus", "", "CPU", "cuda:99", "cpu:7", "tpu", "cuda:-1"])
def test_unknown_and_absent_devices_are_refused_with_those_that_exist(name: str) -> None:
    with pytest.raises(DeviceError, match=r"expected 'auto' or one of cpu") as caught:
        resolve_device(name)
    assert repr(name) in str(caught.value)


def test_automatic_takes_the_first_gpu_and_else_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "available_devices", lambda: [("cpu", ""), ("cuda:0", ""), ("cuda:1", "")])
    assert resolve_device("auto") == torch.device("cuda:0")
    assert resolve_device("cuda") == torch.device("cuda:0")
    assert resolve_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(DeviceError, match="cpu, cuda:0, cuda:1"):
        resolve_device("mps")
    monkeypatch.setattr(devices, "available_devices", lambda: [("cpu", "")])
    assert resolve_device("auto") == torch.device("cpu")


def test_the_environment_says_what_automatic_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "available_devices", lambda: [("cpu", ""), ("cuda:0", ""), ("cuda:1", "")])
    monkeypatch.setenv(DEVICE_VARIABLE, "cuda:1")
    assert resolve_device("auto") == torch.device("cuda:1")
    assert resolve_device("cuda:0") == torch.device("cuda:0")
    monkeypatch.setenv(DEVICE_VARIABLE, "auto")
    assert resolve_device("auto") == torch.device("cuda:0")
    monkeypatch.setenv(DEVICE_VARIABLE, "")
    assert resolve_device("auto") == torch.device("cuda:0")
    monkeypatch.setenv(DEVICE_VARIABLE, "mps")
    with pytest.raises(DeviceError, match=f"'mps'.*{DEVICE_VARIABLE}.*cpu, cuda:0, cuda:1"):
        resolve_device("auto")


def test_the_processor_is_chosen_without_touching_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "available_devices", lambda: pytest.fail("looked for GPUs"))
    assert resolve_device("cpu") == torch.device("cpu")


def test_a_device_without_complex_transforms_does_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(*_: object) -> None:
        raise NotImplementedError("aten::_fft_r2c")

    monkeypatch.setattr(torch.fft, "rfft2", lacking)
    assert not works(torch.device("cpu"))


def test_out_of_memory_is_recognised_in_every_form() -> None:
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"))
    assert is_out_of_memory(RuntimeError("MPS backend out of memory"))
    assert not is_out_of_memory(RuntimeError("shapes do not match"))
    assert not is_out_of_memory(ValueError("out of memory"))


def test_the_allocator_of_the_processor_says_what_we_listen_for() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)
    free_memory(torch.device("cpu"))


def test_reduced_precision_ends_with_its_block_and_spares_transforms() -> None:
    with inference_precision(torch.device("cpu")):
        assert torch.fft.rfft2(torch.ones(8, 8)).dtype == torch.complex64
    assert not torch.is_autocast_enabled("cpu")
