"""Local PSFs compared: kernel SNR at even places of the field."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.field.scenes import MEAN, FieldTask, blur_field
from benchmarks.simulation.images import draw_test_scenes, seed_of
from napari_deepblur.operators.families import MeasuredFamily
from napari_deepblur.pipeline import identify_steps
from napari_deepblur.progress import finished
from napari_deepblur.restoration.blur import ConvolutionBlur

_POINTS = 2
"""Rows and columns of the impulse responses that are compared."""


def even_points(shape: tuple[int, int]) -> NDArray[np.float64]:
    """Four evenly spaced places (row, column) of the field, shape (4, 2)."""
    axes = [(np.arange(_POINTS) + 0.5) * side / _POINTS - 0.5 for side in shape]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)


def decibels(true: NDArray[np.float32], guess: NDArray[np.float32]) -> NDArray[np.float32]:
    """Kernel SNR -10 log10(|h - h_hat|^2 / |h|^2) of each PSF, shape (P,)."""
    error = np.square(true - guess).sum(axis=(-2, -1)) / np.square(true).sum(axis=(-2, -1))
    return np.asarray(-10 * np.log10(np.maximum(error, 1e-12)), dtype=np.float32)


def average_of_family(family: MeasuredFamily) -> ConvolutionBlur:
    """One PSF for the whole field: the mean over the family and its field, with its expected error."""
    points = even_points(family.field_shape or (1, 1))
    psfs = np.concatenate([family.psf(theta, points) for theta in family.sample(200, 1)])
    mean = psfs.mean(axis=0)
    spread = np.square(psfs - mean).sum(axis=(-2, -1)).mean() / np.square(mean).sum()
    return ConvolutionBlur(torch.from_numpy(mean), float(spread))


def identify_many(task: FieldTask) -> dict[str, list[float]]:
    """Kernel SNR (dB) of test images of every kind, by where the parameters are from."""
    shape = task.family.field_shape or (512, 512)
    side = max(shape) + task.family.psf_size - 1
    scenes = draw_test_scenes(task.folder, task.identified, side, seed_of(task.seed, "many")).pixels
    thetas = task.family.sample(task.identified, seed_of(task.seed, "many operators"))
    mean, points = task.family.sample(2000, 1).mean(0), even_points(shape)
    found: dict[str, list[float]] = {source: [] for source in (*task.networks, MEAN)}
    for index, theta in enumerate(tqdm(thetas, desc="Identifying", unit="image")):
        image, _ = blur_field(task, scenes[index : index + 1], theta, f"many {index}")
        guesses = {MEAN: mean}
        for source, network in task.networks.items():
            guesses[source] = finished(identify_steps(image, task.family, None, task.device, network)).theta
        true = task.family.psf(theta, points)
        for source, guess in guesses.items():
            found[source].append(float(decibels(true, task.family.psf(guess, points)).mean()))
    return found
