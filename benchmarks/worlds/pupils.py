"""The pupil from focal stacks: specimens of many planes and of one, blind, beside the ideal pupil.

Run as ``python -m benchmarks.worlds.pupils --stacks 2``; prints one line for each stack and a table.
"""

from __future__ import annotations

import argparse
import math
import time
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.simulation.geometry import Box
from benchmarks.simulation.images import seed_of
from benchmarks.simulation.specimens import KINDS, draw_specimen
from benchmarks.simulation.worlds import NOISES, World, thick_world
from napari_deepblur import PoissonGaussianNoise, VolumeIdentification, identify_stack
from napari_deepblur.operators import ConvolutionOperator
from napari_deepblur.optics import PsfModel, psf_model, psf_snr, zernike_psf

SPACING_UM = 0.25
_MARGIN = 20
"""Pixels around the cone of light that belong to a PSF."""

_MEASURED = 63
"""Side of the PSFs that are compared."""


class Row(NamedTuple):
    """What came of one stack: decibels over all planes, and errors of the coefficients in standard deviations."""

    snr: float
    ideal: float
    sign: bool
    sure: float
    within: float
    seconds: float
    specimen: str


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stacks", type=int, default=2, metavar="N", help="of each kind (2)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--side", type=int, default=256, metavar="PIXELS")
    parser.add_argument("--noise", choices=tuple(NOISES), default="medium")
    parser.add_argument("--specimen", nargs="+", choices=tuple(KINDS), default=tuple(KINDS))
    parser.add_argument(
        "--planes", type=int, nargs="+", default=(25, 5), help="25 of a thick specimen, 5 of a thin one"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    table = ["| specimen | planes | stacks | PSF SNR (dB) | least | ideal pupil | signs | within one std (%) | s |"]
    table.append("|---|---|---|---|---|---|---|---|---|")
    for planes in arguments.planes:
        for kind in arguments.specimen:
            rows = [measured(kind, planes, i, arguments) for i in range(arguments.stacks)]
            snr, ideal, signs, _, within, seconds = (np.array(column) for column in list(zip(*rows, strict=True))[:6])
            table.append(
                f"| {kind} | {planes} | {len(rows)} | {snr.mean():.1f} | {snr.min():.1f} | {ideal.mean():.1f} | "
                f"{signs.sum()} of {len(rows)} | {100 * within.mean():.0f} | {seconds.mean():.0f} |"
            )
    print("\n".join(table))


def measured(kind: str, planes: int, index: int, arguments: argparse.Namespace) -> Row:
    """Simulate one stack, identify it, and compare."""
    world = thick_world()
    seed = seed_of(arguments.seed, "pupils", kind, planes, index)
    theta = world.truth.sample(1, seed)[0]
    # Focus is a shift along z in a volume.
    theta[[mode == 4 for mode in world.truth.modes]] = 0.0
    noise = PoissonGaussianNoise(*NOISES[arguments.noise])
    stack = take_stack(world, kind, planes, planes if planes > 5 else 1, theta, noise, seed, arguments.side)
    begin = time.process_time()
    found = identify_stack(stack, world.truth, SPACING_UM, noise, specimen="auto")
    seconds = time.process_time() - begin
    row = compare(world, found, theta, planes, seconds)
    print(
        f"{kind} {planes} {index}: {row.snr:.1f} dB, ideal {row.ideal:.1f}, {row.specimen}, sign {row.sign} "
        f"(p {row.sure:.3f}), within one std {row.within:.2f}, {row.seconds:.0f} s",
        flush=True,
    )
    return row


def take_stack(
    world: World,
    kind: str,
    planes: int,
    of_specimen: int,
    theta: NDArray[np.float32],
    noise: PoissonGaussianNoise,
    seed: int,
    side: int,
) -> NDArray[np.float32]:
    """Return planes (Z, side, side) of peak one of a specimen of so many planes, all through the same pupil."""
    optics = world.truth.microscope
    slope = optics.na / math.sqrt(optics.n_immersion**2 - optics.na**2)
    lags = range(-(planes + of_specimen - 2) // 2, (planes + of_specimen - 2) // 2 + 1)
    step = SPACING_UM / optics.pixel_size_um
    sizes = {lag: 2 * (math.ceil(abs(lag * step) * slope) + _MARGIN) + 1 for lag in lags}
    big = side + max(sizes.values()) - 1
    # Thin specimens are the middle of thick ones.
    box = Box((25, big, big), (SPACING_UM, optics.pixel_size_um, optics.pixel_size_um))
    first = (25 - of_specimen) // 2
    volume = torch.from_numpy(draw_specimen(kind, box, seed)[first : first + of_specimen])
    seen = np.zeros((planes, side, side))
    for lag, size in sizes.items():
        psf = _psfs(
            theta, psf_model(optics.pupil, world.truth.modes, size, abs(lag * step)), np.array([float(lag * step)])
        )
        for plane in range(planes):
            source = plane - lag - (planes - of_specimen) // 2
            if 0 <= source < of_specimen:
                spare = (big - side - size + 1) // 2
                scene = volume[source, spare : big - spare, spare : big - spare]
                seen[plane] += ConvolutionOperator(psf[0], (side, side)).forward(scene).numpy()
    sampled = noise.sample(np.clip(seen / seen.max(), 0, None), seed_of(seed, "noise"))
    return np.asarray(sampled, dtype=np.float32)


def compare(world: World, found: VolumeIdentification, theta: NDArray[np.float32], planes: int, seconds: float) -> Row:
    """Compare PSFs of all planes; for a thick specimen at the shift along z that suits the estimate best."""
    step = SPACING_UM / world.truth.microscope.pixel_size_um
    z = np.array([step * (plane - (planes - 1) / 2) for plane in range(planes)])
    model = psf_model(world.truth.microscope.pupil, world.truth.modes, _MEASURED, float(np.abs(z).max()) + 5)
    true = _psfs(theta, model, z)
    focus = float(np.mean(z - found.offsets_um / world.truth.microscope.pixel_size_um))
    shifts = np.linspace(-2, 2, 21) if found.specimen == "thick" else np.array([-focus])
    free = np.array([mode != 4 for mode in world.truth.modes])
    error = np.abs(found.theta - theta)[free]
    wrong = float(np.square(found.theta + theta).sum()) < float(np.square(found.theta - theta).sum())
    if wrong:
        error = np.abs(found.theta + theta)[free]
    return Row(
        max(_snr(true, _psfs(found.theta, model, z + shift)) for shift in shifts),
        max(_snr(true, _psfs(0 * theta, model, z + shift)) for shift in np.linspace(-2, 2, 21)),
        not wrong,
        found.sign_probability,
        float((error < found.theta_std[free]).mean()),
        seconds,
        found.specimen,
    )


def _psfs(theta: NDArray[np.float32], model: PsfModel, z: NDArray[np.float64]) -> Tensor:
    waves = torch.from_numpy(np.asarray(theta, np.float32))
    return torch.stack([zernike_psf(waves, model, torch.tensor(float(distance))) for distance in z])


def _snr(true: Tensor, other: Tensor) -> float:
    return float(psf_snr(true.flatten(0, 1), other.flatten(0, 1)))


if __name__ == "__main__":
    main()
