"""Where to compute, and with which precision."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from napari_deepblur.errors import DeviceError


def available_devices() -> list[tuple[str, str]]:
    """Devices of this machine as pairs (name for `resolve_device`, label for people)."""
    devices = [("cpu", f"processor ({torch.get_num_threads()} threads)")]
    for index in range(torch.cuda.device_count()):
        free, _ = torch.cuda.mem_get_info(index)
        devices.append((f"cuda:{index}", f"{torch.cuda.get_device_name(index)} ({free / 2**30:.1f} GiB free)"))
    if _mps_works():
        devices.append(("mps", "Apple GPU (MPS)"))
    return devices


def resolve_device(name: str) -> torch.device:
    """Turn a name into a device that works here.

    Parameters
    ----------
    name
        ``"auto"`` (the first GPU that works, else the processor), ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.

    Returns
    -------
    torch.device
        The device.

    Raises
    ------
    DeviceError
        If the name is unknown or the device is not here, with those that are.
    """
    here = [key for key, _ in available_devices()]
    if name == "auto":
        return torch.device(next((key for key in here if key != "cpu"), "cpu"))
    wanted = "cuda:0" if name == "cuda" else name
    if wanted not in here:
        raise DeviceError(f"The device {name!r} is not available, expected 'auto' or one of {', '.join(here)}.")
    return torch.device(wanted)


@contextlib.contextmanager
def inference_precision(device: torch.device) -> Iterator[None]:
    """Compute convolutions in bfloat16 where the hardware does so natively, else in float32.

    The blur operator and its solves stay in float32 everywhere.
    """
    fast = (device.type == "cuda" and torch.cuda.is_bf16_supported()) or (device.type == "cpu" and _cpu_has_bfloat16())
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=fast):
        yield


def _cpu_has_bfloat16() -> bool:
    # Without native instructions bfloat16 is emulated, and slower than float32.
    capability = torch.backends.cpu.get_cpu_capability()
    return "AVX512" in capability and bool(torch.cpu._is_avx512_bf16_supported())


def _mps_works() -> bool:
    """Probe MPS with a small complex FFT, which early versions lack."""
    if not torch.backends.mps.is_available():
        return False
    try:
        spectrum = torch.fft.rfft2(torch.ones(8, 8, device="mps"))
        return bool(abs(torch.fft.irfft2(spectrum, s=(8, 8)).sum().item() - 64) < 1e-3)
    except (RuntimeError, NotImplementedError):
        return False
