"""One image with a blur that varies, restored with every method."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.field.kernels import average_of_family, decibels, even_points
from benchmarks.field.patchwise import restore_patchwise
from benchmarks.field.scenes import (
    MEAN,
    NOISE,
    TRUE,
    TUNING,
    FieldTask,
    observe_field,
)
from benchmarks.restoration.blurs import Observed
from benchmarks.restoration.restored import Image, Scores, restore, score
from benchmarks.restoration.tuning import Choice, tune
from benchmarks.simulation.images import seed_of
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.pipeline import identify_steps
from napari_deepblur.progress import finished
from napari_deepblur.restoration.blur import Blur, FamilyBlur
from napari_deepblur.training.gray_images import read_gray
from napari_deepblur.training.pool import Pool, open_pool


class FieldCase(NamedTuple):
    """One image, and what became of it.

    Attributes
    ----------
    name
        Of the image.
    observed, sharp
        Blurred image and sharp scene, shape (H, W).
    psfs
        Impulse responses by where they are from, each (P, k, k).
    snr
        Kernel SNR in decibels by where the parameters are from, mean over the places.
    restored
        Restored images by method and source of the parameters.
    scores
        Their scores; (``"blurred"``, ``""``) for the image as it is.
    seconds
        Of each.
    """

    name: str
    observed: Image
    sharp: Image
    psfs: Mapping[str, NDArray[np.float32]]
    snr: Mapping[str, float]
    restored: Mapping[tuple[str, str], Image]
    scores: Mapping[tuple[str, str], Scores]
    seconds: Mapping[tuple[str, str], float]


def tune_on_training(task: FieldTask) -> Choice:
    """Choose iterations and strength of Richardson-Lucy on images of the training split, with their true operators."""
    pool = open_pool(task.folder)
    # The first of each folder that covers the field.
    names = [next(iter(found)) for folder in TUNING if (found := _large(pool, folder, task.family.field_shape))]
    thetas = task.family.sample(len(names), seed_of(task.seed, "tuning"))
    examples = []
    for name, theta in zip(names, thetas, strict=True):
        image, sharp = observe_field(task, name, theta)
        blurs = {TRUE: FamilyBlur(task.family, torch.from_numpy(theta))}
        true = torch.from_numpy(task.family.psf(theta))
        examples.append(Observed(image, sharp, true, PoissonGaussianNoise(*NOISE), blurs, {TRUE: 0.0}))
    return tune("richardson-lucy", TRUE, examples, task.device)


def _large(pool: Pool, folder: str, shape: tuple[int, int] | None) -> list[str]:
    names = [name for name in pool.split("train") if name.startswith(folder)]
    least = 0 if shape is None else 0.9 * min(shape)
    return next(([name] for name in names if min(read_gray(pool.folder / name).shape) >= least), [])


def restore_case(task: FieldTask, name: str, theta: NDArray[np.float32], choice: Choice) -> FieldCase:
    """Identify one image, and restore it with every method."""
    family, device = task.family, task.device
    image, sharp = observe_field(task, name, theta)
    points = even_points((image.shape[0], image.shape[1]))
    parameters: dict[str, NDArray[np.float32]] = {TRUE: theta, MEAN: family.sample(2000, 1).mean(0)}
    blurs: dict[str, Blur] = {
        TRUE: FamilyBlur(family, torch.from_numpy(theta)),
        MEAN: average_of_family(family),
    }
    noise = PoissonGaussianNoise(*NOISE)
    for source, network in task.networks.items():
        found = finished(identify_steps(image, family, None, device, network))
        parameters[source], noise = found.theta, found.noise
        blurs[source] = FamilyBlur(family, torch.from_numpy(found.theta), float(found.psf_spread.mean()))
    psfs = {source: family.psf(values, points) for source, values in parameters.items()}
    restored: dict[tuple[str, str], Image] = {("blurred", ""): image}
    seconds: dict[tuple[str, str], float] = {}
    for source, blur in blurs.items():
        restored["network", source], seconds["network", source] = restore(image, blur, noise, task.restorer, device)
    best = next(iter(task.networks))
    for source in (best, TRUE):
        solver = choice.restorer()
        restored["Richardson-Lucy", source], seconds["Richardson-Lucy", source] = restore(
            image, blurs[source], noise, solver, device
        )
        start = time.perf_counter()
        restored["patchwise Richardson-Lucy", source] = restore_patchwise(
            image, family, parameters[source], noise, solver, device
        )
        seconds["patchwise Richardson-Lucy", source] = time.perf_counter() - start
    scores = {key: score(value, sharp) for key, value in restored.items()}
    snr = {source: float(decibels(psfs[TRUE], psfs[source]).mean()) for source in psfs if source != TRUE}
    return FieldCase(name, image, sharp, psfs, snr, restored, scores, seconds)
