"""Run one variant of the speed benchmark once and print the peak memory in MB; a process of its own for each."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.timing.speed import prepare


def main(arguments: Sequence[str]) -> None:
    """Run: variant, side in pixels, device, threads."""
    variant, size, name, threads = arguments
    torch.set_num_threads(int(threads))
    device = torch.device(name)
    prepare(variant, int(size), device)()
    if device.type == "cuda":
        print(torch.cuda.max_memory_allocated(device) / 2**20)
        return
    print(peak_mb())


def peak_mb() -> float:
    """Peak resident memory of this program in MB; raises `ImportError` on Windows, where nothing tells it."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not `ru_maxrss`: on Linux a process starts with that of the one that started it, here the benchmark itself.
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        if "VmHWM" in lines:
            return int(lines["VmHWM"].split()[0]) / 2**10
    import resource

    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


if __name__ == "__main__":
    main(sys.argv[1:])
