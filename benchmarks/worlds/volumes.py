"""Stacks of simulated specimens: the image, ours plane by plane, and every method for volumes, ideal and true pupil."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.metrics import structural_similarity
from torch import Tensor

from benchmarks.reports.report import Cell, Origin, Report
from benchmarks.simulation.images import seed_of
from benchmarks.simulation.stacks import SPACING_UM, take_stack
from benchmarks.simulation.worlds import NOISES, World, thick_world
from benchmarks.worlds.estimates import Machine, progress
from benchmarks.worlds.thick import correlation
from napari_deepblur import deblur, identify_stack
from napari_deepblur.operators import VolumeOperator
from napari_deepblur.optics import psf_model, psf_planes, psf_planes_model, psf_snr, zernike_psf
from napari_deepblur.pipeline.settings import DeblurSettings
from napari_deepblur.pipeline.volume import run_volume
from napari_deepblur.pipeline.volume_plan import plan_volume
from napari_deepblur.progress import finished

Volume = NDArray[np.float32]

PLANES = (1, 5, 25)
BEYOND = 2
"""Planes of the specimen above and below a stack of more than one."""

SIDE = 96
METHODS = ("richardson-lucy", "richardson-lucy-tv", "total-variation", "wiener", "network")
IMAGE, PLANE_BY_PLANE, CLASSICAL = "image", "plane by plane, blind", "plain Richardson-Lucy, 40"
PUPILS = ("ideal", "true", "blind")
_PLAIN = 40
_FEWEST_PLANES = 3


def run_volumes(
    images: int,
    kinds: Sequence[str],
    noises: Sequence[str],
    planes: Sequence[int],
    methods: Sequence[str],
    seed: int,
    machine: Machine,
    origin: Origin,
    side: int = SIDE,
    name: str = "",
) -> Report:
    """Restore stacks of specimens of each kind, thickness and noise level.

    Parameters
    ----------
    images
        Specimens of each kind, each with its own pupil.
    kinds, noises, planes, methods
        Which.
    seed
        Of everything.
    machine
        Where it is computed.
    origin
        Where the numbers come from.
    side
        Rows and columns.
    name
        Added to the name of the files.

    Returns
    -------
    Report
        A row for each method, on average over the specimens of one kind, thickness and noise level.
    """
    start = time.perf_counter()
    world = thick_world()
    theta = world.draw(images, seed_of(seed, "volume kernels"), world.truth.box)
    # Focus is a shift along z, which nobody can tell from the specimen's place.
    theta[:, [j == 4 for j in world.truth.modes]] = 0
    rows: list[dict[str, Cell]] = []
    with progress("Volumes", len(kinds) * len(noises) * len(planes) * images) as bar:
        for kind in kinds:
            for noise in noises:
                for count in planes:
                    found: dict[str, list[dict[str, float]]] = {}
                    pupils: list[float] = []
                    for index, waves in enumerate(theta):
                        beyond = BEYOND if count > 1 else 0
                        stack = take_stack(world, kind, count, waves, noise, seed_of(seed, kind, index), side, beyond)
                        blind = _identified(stack.image, world)
                        for method, result, seconds in _everyhow(stack.image, waves, blind, world, methods, machine):
                            scores = judge(result, stack.sharp) | {"seconds": seconds}
                            found.setdefault(method, []).append(scores)
                        pupils.append(volume_snr(world, waves, blind, count))
                        bar.update(1)
                    ideal = [volume_snr(world, waves, np.zeros_like(waves), count) for waves in theta]
                    snr = {
                        "PSF of the ideal pupil (dB)": float(np.mean(ideal)),
                        "PSF found (dB)": float(np.mean(pupils)),
                        "least (dB)": float(np.min(pupils)),
                    }
                    for method, each in found.items():
                        mean = {key: float(np.mean([scores[key] for scores in each])) for key in each[0]}
                        about: dict[str, Cell] = {"specimen": kind, "um": SPACING_UM * count, "noise": noise}
                        rows.append({**about, "method": method, **mean, **snr})
    notes = (
        f"{images} specimens of each kind, {side} x {side} pixels, planes {SPACING_UM} um apart, {BEYOND} more of the "
        "specimen above and below each stack of several; NA 1.2 water, 0.525 um, pixels of 0.1 um; Noll 5-11 in +-0.1 "
        "waves, the same in all planes; simulated plane by plane, without the operator that restores. Blind: told the "
        "amplitude, as for a plane; the PSF found is compared in three dimensions, up to a shift along z.",
        "Noise: " + "; ".join(f"{key}: alpha {NOISES[key][0]:g}, beta {NOISES[key][1]:g}" for key in noises) + ".",
        "r: correlation with the specimen, of the middle plane and of the volume; SSIM: mean over the planes, of "
        "images brought to the truth's units by a line; seconds are of a shared machine.",
    )
    return Report(f"worlds-volumes{name}", "Volumes", origin, time.perf_counter() - start, tuple(rows), notes)


def _identified(image: Volume, world: World) -> Volume:
    """Coefficients of the pupil that the stack itself tells; zeros where it has too few planes for that."""
    if len(image) < _FEWEST_PLANES:
        return np.zeros(len(world.truth.modes), np.float32)
    return identify_stack(image, world.assumed(world.truth.box), SPACING_UM, specimen="auto").theta


def _everyhow(
    image: Volume, theta: Volume, blind: Volume, world: World, methods: Sequence[str], machine: Machine
) -> list[tuple[str, Volume, float]]:
    results: list[tuple[str, Volume, float]] = [(IMAGE, image, 0.0)]
    if "plane-by-plane" in methods:
        start = time.perf_counter()
        family = world.assumed(world.truth.box)
        planes = [deblur(plane, family, device=machine.device, size=machine.size).image for plane in image]
        results.append((PLANE_BY_PLANE, np.stack(planes), time.perf_counter() - start))
    for pupil in PUPILS:
        waves = {"ideal": np.zeros_like(theta), "true": theta, "blind": blind}[pupil]
        if "plain" in methods:
            start = time.perf_counter()
            plain = plain_richardson_lucy(image, waves, world)
            results.append((f"{CLASSICAL}, {pupil} pupil", plain, time.perf_counter() - start))
        for method in (known for known in METHODS if known in methods):
            start = time.perf_counter()
            options: dict[str, Any] = {"method": method, "device": machine.device, "size": machine.size}
            blur: dict[str, Any] = {"microscope": world.truth.microscope, "modes": world.truth.modes}
            settings = DeblurSettings(**blur, **options, theta=tuple(map(float, waves)))
            plan = plan_volume(settings, image.shape, SPACING_UM)
            restored = finished(run_volume(plan, image)).volume
            results.append((f"{method}, {pupil} pupil", restored, time.perf_counter() - start))
    return results


def plain_richardson_lucy(image: Volume, theta: Volume, world: World, iterations: int = _PLAIN) -> Volume:
    """Restore by the classical iteration x <- x A'(y / A x) / A'1, as other programs do, for comparison."""
    microscope = world.truth.microscope
    size = world.truth.psf_size
    step = SPACING_UM / microscope.pixel_size_um
    model = psf_planes_model(microscope.pupil, world.truth.modes, 2 * size + 1, step, len(image) - 1)
    operator = VolumeOperator(psf_planes(torch.from_numpy(theta), model), image.shape, (0, size, size))
    y = torch.from_numpy(image).clamp_min(0)
    seen = operator.adjoint(torch.ones_like(y)).clamp_min(1e-3)
    x = torch.full(operator.scene_shape, float(y.mean() / seen.max()))
    for _ in range(iterations):
        x = x * operator.adjoint(y / operator.forward(x).clamp_min(1e-6)).clamp_min(0) / seen
    return np.asarray(x[:, size:-size, size:-size].numpy())


_LEAST_CONTRAST = 0.01
"""Range of a plane of the specimen over that of the whole, below which it holds nothing to be compared."""


def judge(result: Volume, truth: Volume) -> dict[str, float]:
    """Compare a volume with the truth."""
    middle = len(truth) // 2
    # Of planes that hold nothing, similarity is a ratio of rounding errors.
    least = _LEAST_CONTRAST * float(np.ptp(truth))
    likeness = [_similarity(a, b) for a, b in zip(result, truth, strict=True) if np.ptp(b) > least]
    return {
        "r plane": correlation(result[middle], truth[middle]),
        "r volume": correlation(result, truth),
        "SSIM": float(np.mean(likeness)),
    }


def volume_snr(world: World, theta: Volume, other: Volume, planes: int) -> float:
    """SNR of another pupil's three-dimensional PSF, in decibels, at the shift along z that suits it best."""
    microscope = world.truth.microscope
    step, half = SPACING_UM / microscope.pixel_size_um, max(planes // 2, 1)
    model = psf_model(microscope.pupil, world.truth.modes, world.truth.psf_size, step * half + 5)
    z = step * torch.arange(-half, half + 1)

    def planes_of(waves: Volume, shift: float) -> Tensor:
        return torch.stack([zernike_psf(torch.from_numpy(waves), model, height) for height in z + shift]).flatten(0, 1)

    true = planes_of(theta, 0.0)
    return max(float(psf_snr(true, planes_of(other, float(shift)))) for shift in np.linspace(-2, 2, 21))


def _similarity(image: Volume, truth: Volume) -> float:
    slope, offset = np.polyfit(image.ravel(), truth.ravel(), 1) if np.ptp(image) > 0 else (0.0, truth.mean())
    return float(structural_similarity(slope * image + offset, truth, data_range=float(np.ptp(truth))))
