"""Run one variant of the speed benchmark once and print the peak memory in MB; a process of its own for each."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import torch

from napari_deepblur.benchmark.speed import prepare


def main(arguments: Sequence[str]) -> None:
    """Run: variant, side in pixels, device, threads."""
    variant, size, name, threads = arguments
    torch.set_num_threads(int(threads))
    device = torch.device(name)
    prepare(variant, int(size), device)()
    if device.type == "cuda":
        print(torch.cuda.max_memory_allocated(device) / 2**20)
        return
    # Not on Windows, where the table has an empty cell.
    import resource

    unit = 2**20 if sys.platform == "darwin" else 2**10
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit)


if __name__ == "__main__":
    main(sys.argv[1:])
