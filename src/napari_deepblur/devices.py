"""Where to compute, and with which precision."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from napari_deepblur.errors import DeviceError

if TYPE_CHECKING:
    import torch

# torch is imported where it is asked: who needs a name of the environment does not wait for it.

DEVICE_VARIABLE = "NAPARI_DEEPBLUR_DEVICE"
"""Environment variable that names the device that ``"auto"`` stands for."""

MEMORY_VARIABLE = "NAPARI_DEEPBLUR_TILE_MEMORY"
"""Environment variable: memory in GiB that automatic tiles may fill."""


def available_devices() -> list[tuple[str, str]]:
    """Devices of this machine as pairs (name for `resolve_device`, label for people)."""
    import torch

    devices = [("cpu", f"processor ({torch.get_num_threads()} threads)")]
    for index in range(torch.cuda.device_count()):
        name = f"cuda:{index}"
        if works(torch.device(name)):
            free, _ = torch.cuda.mem_get_info(index)
            devices.append((name, f"{torch.cuda.get_device_name(index)} ({free / 2**30:.1f} GiB free)"))
    if works(torch.device("mps")):
        devices.append(("mps", "Apple GPU (MPS)"))
    return devices


def resolve_device(name: str) -> torch.device:
    """Turn a name into a device that works here.

    Parameters
    ----------
    name
        ``"auto"`` (the first GPU that works, else the processor), ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``. The
        environment variable NAPARI_DEEPBLUR_DEVICE says what ``"auto"`` is instead.

    Returns
    -------
    torch.device
        The device.

    Raises
    ------
    DeviceError
        If the name is unknown or the device is not here, with those that are.
    """
    import torch

    wish = os.environ.get(DEVICE_VARIABLE, "") if name == "auto" else ""
    name = wish or name
    if name == "cpu":
        # Nothing else is looked at: the first touch of a GPU takes time, and memory that others may need.
        return torch.device("cpu")
    here = [key for key, _ in available_devices()]
    if name == "auto":
        return torch.device(next((key for key in here if key != "cpu"), "cpu"))
    wanted = "cuda:0" if name == "cuda" else name
    if wanted not in here:
        source = f" (from the preferences or the environment variable {DEVICE_VARIABLE})" if wish else ""
        raise DeviceError(f"The device {name!r}{source} is not available, expected 'auto' or one of {', '.join(here)}.")
    return torch.device(wanted)


def works(device: torch.device) -> bool:
    """Probe a device with a small complex FFT: early MPS lacks it, and so does CUDA without a fitting driver."""
    import torch

    if device.type == "mps" and not torch.backends.mps.is_available():
        return False
    try:
        spectrum = torch.fft.rfft2(torch.ones(8, 8, device=device))
        return bool(abs(torch.fft.irfft2(spectrum, s=(8, 8)).sum().item() - 64) < 1e-3)
    except (RuntimeError, NotImplementedError):
        return False


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that a device, or the machine, has run out of memory."""
    import torch

    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    # The processor and MPS have no exception of their own for it.
    said = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in said or "can't allocate memory" in said)


def free_memory(device: torch.device) -> None:
    """Give memory that is cached but not used back to the device."""
    import torch

    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


@contextlib.contextmanager
def inference_precision(device: torch.device) -> Iterator[None]:
    """Compute convolutions in bfloat16 where the hardware does so natively, else in float32.

    The blur operator and its solves stay in float32 everywhere.
    """
    import torch

    fast = (device.type == "cuda" and torch.cuda.is_bf16_supported()) or (device.type == "cpu" and _cpu_has_bfloat16())
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=fast):
        yield


def _cpu_has_bfloat16() -> bool:
    import torch

    # Without native instructions bfloat16 is emulated, and slower than float32.
    if "AVX512" not in torch.backends.cpu.get_cpu_capability():
        return False
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return supported is not None and bool(supported())
