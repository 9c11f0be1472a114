"""Where the time of blind deblurring goes, and the least that this machine needs for convolutions and transforms.

    python -m benchmarks.floor 512 2048
    python -m benchmarks.floor 8192 --repeats 1

One thread. `network` are convolutions and the products of dense layers, `transforms` the FFTs of operators and
solvers, `optics` all other matrix products (PSFs and spectra of the posterior), `other` the rest of torch's operations,
`outside` what torch does not do: noise, evidence, orientation, Python. The floor is the multiplications of the first at
the rate of one large matrix product in the precision that the networks run in, the transforms at the rate of the
library alone, each at its own size, and the matrix products in float32.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.timing.speed import Image, blurred_image
from napari_deepblur.devices import inference_precision
from napari_deepblur.pipeline import DeblurSettings, deblur_steps
from napari_deepblur.progress import finished

_NETWORK = ("convolution", "linear", "addmm")
_TRANSFORMS = ("_fft_r2c", "_fft_c2r", "_fft_c2c")
_PRODUCTS = ("aten::mm", "aten::bmm")
_SIDE = 1024
_CPU = torch.device("cpu")


class Parts(NamedTuple):
    """Seconds of each part.

    Attributes
    ----------
    network, transforms, optics, other, outside
        As the module says.
    """

    network: float
    transforms: float
    optics: float
    other: float
    outside: float


def quickest(work: Callable[[], object], repeats: int = 7) -> float:
    """Least processor time of several calls, after one that does not count."""
    work()
    found = math.inf
    for _ in range(repeats):
        begun = time.process_time()
        work()
        found = min(found, time.process_time() - begun)
    return found


def run(image: Image) -> None:
    """Deblur one image blindly."""
    finished(deblur_steps(image, DeblurSettings(device="cpu")))


def parts_of(image: Image) -> tuple[Parts, Counter[tuple[str, tuple[int, ...]]]]:
    """Seconds of each part in one run, and how often each transform was taken."""
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as seen:
        # The profiler knows the time of the clock.
        begun = time.perf_counter()
        run(image)
        total = time.perf_counter() - begun
    seconds: Counter[str] = Counter()
    transforms: Counter[tuple[str, tuple[int, ...]]] = Counter()
    for event in seen.key_averages(group_by_input_shape=True):
        part = _part_of(event.key)
        seconds[part] += event.self_cpu_time_total / 1e6
        if part == "transforms":
            transforms[event.key, tuple(event.input_shapes[0])] += event.count
    known = {name: seconds[name] for name in Parts._fields if name != "outside"}
    return Parts(**known, outside=max(total - sum(known.values()), 0.0)), transforms


def _part_of(name: str) -> str:
    if any(word in name for word in _NETWORK):
        return "network"
    if any(word in name for word in _TRANSFORMS):
        return "transforms"
    return "optics" if name in _PRODUCTS else "other"


def floor_of(image: Image, transforms: Counter[tuple[str, tuple[int, ...]]]) -> Parts:
    """Seconds that the parts would take at the rates of the machine; 0 for those that have none."""
    with FlopCounterMode(display=False) as counted:
        run(image)
    flops: Counter[str] = Counter()
    for operation, count in counted.get_flop_counts()["Global"].items():
        flops[_part_of("aten::" + str(operation).removeprefix("aten."))] += count
    square = torch.randn(_SIDE, _SIDE)
    single = 2 * _SIDE**3 / quickest(lambda: square @ square)
    with inference_precision(_CPU):
        fast = 2 * _SIDE**3 / quickest(lambda: square @ square)
    spectra = sum(count * _seconds_of(*which) for which, count in transforms.items())
    return Parts(flops["network"] / fast, spectra, flops["optics"] / single, 0.0, 0.0)


def _seconds_of(name: str, shape: tuple[int, ...]) -> float:
    """Seconds of one transform by itself."""
    calls: dict[str, Callable[[Any], object]] = {
        "aten::_fft_r2c": torch.fft.rfft2,
        "aten::_fft_c2r": torch.fft.irfft2,
        "aten::_fft_c2c": torch.fft.fft2,
    }
    values = torch.randn(shape, dtype=torch.float32 if name.endswith("r2c") else torch.complex64)
    return quickest(lambda: calls[name](values), 3)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sides", nargs="+", type=int, metavar="SIDE")
    parser.add_argument("--repeats", type=int, default=5, help="runs, of which the quickest is the total (5)")
    given = parser.parse_args()
    torch.set_num_threads(1)
    print("| side | processor seconds | network | transforms | optics | other | outside | floor, share of the total |")
    print("|---" * 8 + "|")
    for side in given.sides:
        image = blurred_image(side)
        total = quickest(lambda image=image: run(image), given.repeats)  # type: ignore[misc]
        parts, transforms = parts_of(image)
        floor = floor_of(image, transforms)
        shares = " | ".join(
            f"{part / sum(parts):.0%}" + (f", floor {least:.2f} s" if least else "")
            for part, least in zip(parts, floor, strict=True)
        )
        print(f"| {side} | {total:.2f} | {shares} | {sum(floor):.2f} s, {sum(floor) / total:.0%} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
