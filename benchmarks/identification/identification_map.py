"""Fig. 4 of the paper: every test image blurred by every test PSF."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from benchmarks.identification.identified import Identifier, identify_images, mean_family_psf, snr_of_one
from benchmarks.reports.report import Cell, Origin, Report
from benchmarks.simulation.images import PAPER_SIDE, blur_and_spoil, draw_test_scenes, seed_of
from napari_deepblur.optics import psf_snr
from napari_deepblur.training.identification import NOISE_LEVELS

PAPER_SNR = {"none": 12.9, "high": 7.9}
"""Mean PSF SNR in decibels that Debarnot and Weiss (2024) report; their high noise need not be ours to the digit."""


class Case(NamedTuple):
    """One pair of image and PSF, to be shown.

    Attributes
    ----------
    words
        What is special about it.
    image
        Blurred image, shape (H, W).
    true, estimated
        PSFs, shape (k, k).
    snr
        PSF SNR in decibels.
    """

    words: str
    image: NDArray[np.float32]
    true: NDArray[np.float32]
    estimated: NDArray[np.float32]
    snr: float


class SnrMap(NamedTuple):
    """PSF SNR of N images times M PSFs.

    Attributes
    ----------
    snr
        Of the whole pipeline, in decibels, shape (N, M).
    network_snr
        Of the network without the spectral fit, shape (N, M).
    ignorant_snr
        Of the mean PSF, shape (M,).
    names
        The images' names.
    seconds
        Median time of one identification.
    cases
        The hardest image and the hardest PSF.
    """

    snr: NDArray[np.float32]
    network_snr: NDArray[np.float32]
    ignorant_snr: NDArray[np.float32]
    names: tuple[str, ...]
    seconds: float
    cases: tuple[Case, ...]


def compute_map(
    folder: Path, identifier: Identifier, noise: str, images: int, kernels: int, seed: int, side: int = PAPER_SIDE
) -> SnrMap:
    """Identify every pair of image and PSF.

    Parameters
    ----------
    folder
        The training folder, of which the validation split is read.
    identifier
        With what.
    noise
        A key of `NOISE_LEVELS`; the pipeline is not told.
    images, kernels
        Numbers N and M.
    seed
        Of scenes, PSFs and noise.
    side
        Side of the images in pixels.

    Returns
    -------
    SnrMap
        With the picture of the hardest image (lowest mean over PSFs), and that of the hardest PSF.
    """
    family = identifier.family
    scenes = draw_test_scenes(folder, images, side + family.psf_size - 1, seed)
    theta = family.sample(kernels, seed_of(seed, "kernels"))
    true = family.psf_tensor(torch.from_numpy(theta))
    estimated, alone, seconds = [], [], []
    with tqdm(total=images * kernels, desc=f"Map, noise {noise}", unit="image") as bar:
        for index in range(images):
            spoiled = _row(scenes.pixels[index], theta, identifier, noise, seed_of(seed, "noise", index))
            found = identify_images(spoiled, identifier, with_network_alone=True, bar=bar)
            assert found.network_psf is not None
            estimated.append(found.psf)
            alone.append(found.network_psf)
            seconds.append(found.seconds)
    psfs = torch.stack(estimated)
    snr = psf_snr(true.expand_as(psfs), psfs)

    def case(words: str, i: int, j: int) -> Case:
        image = _row(scenes.pixels[i], theta, identifier, noise, seed_of(seed, "noise", i))[j, 0]
        return Case(words, image.numpy(), true[j].numpy(), psfs[i, j].numpy(), float(snr[i, j]))

    hardest_image, hardest_kernel = int(snr.mean(1).argmin()), int(snr.mean(0).argmin())
    cases = (
        case("hardest image, its median PSF", hardest_image, _median(snr[hardest_image])),
        case("hardest PSF, its median image", _median(snr[:, hardest_kernel]), hardest_kernel),
    )
    return SnrMap(
        snr.numpy(),
        psf_snr(true.expand_as(psfs), torch.stack(alone)).numpy(),
        snr_of_one(true, mean_family_psf(family)).numpy(),
        scenes.names,
        float(torch.cat(seconds).median()),
        cases,
    )


def report_map(found: SnrMap, noise: str, origin: Origin, seconds: float) -> Report:
    """Table and numbers of a map."""
    images, kernels = found.snr.shape
    level = NOISE_LEVELS[noise]
    paper: dict[str, Cell] = {"method": "the paper (as published)", "mean (dB)": PAPER_SNR.get(noise)}
    empty = dict.fromkeys(("std (dB)", "median (dB)", "worst tenth (dB)", "s per image"))
    rows = (
        {**statistics("identify", found.snr), "s per image": found.seconds},
        {**statistics("network alone, one look, no spectral fit", found.network_snr), "s per image": None},
        {**statistics("mean PSF", np.broadcast_to(found.ignorant_snr, found.snr.shape)), "s per image": None},
        {**paper, **empty},
    )
    hardest = np.argsort(found.snr.mean(1))[:5]
    notes = (
        f"{images} images x {kernels} PSFs, {found.snr.size} pairs; alpha {level[0]:g}, beta {level[1]:g}, of which "
        "nothing is told: the noise is estimated from each image.",
        "PSF SNR = -10 log10(|h - h_hat|^2 / |h|^2). Worst tenth: the tenth percentile of all pairs.",
        "Images whose blur is hardest to identify: "
        + "; ".join(f"{found.names[i]} ({found.snr[i].mean():.1f} dB)" for i in hardest)
        + ".",
    )
    details = {
        "snr_db": np.round(found.snr.astype(float), 2).tolist(),
        "network_snr_db": np.round(found.network_snr.astype(float), 2).tolist(),
        "images": list(found.names),
    }
    title = f"Identification, noise {noise}: every image with every PSF"
    return Report(f"identification-map-{noise}", title, origin, seconds, rows, notes, details)


def statistics(method: str, snr: NDArray[np.float32]) -> dict[str, Cell]:
    """Mean, standard deviation, median and tenth percentile of decibels."""
    return {
        "method": method,
        "mean (dB)": float(snr.mean()),
        "std (dB)": float(snr.std()),
        "median (dB)": float(np.median(snr)),
        "worst tenth (dB)": float(np.quantile(snr, 0.1)),
    }


def run_map(
    folder: Path, identifier: Identifier, noise: str, images: int, kernels: int, seed: int, origin: Origin
) -> tuple[SnrMap, Report]:
    """Compute a map and its report."""
    start = time.perf_counter()
    found = compute_map(folder, identifier, noise, images, kernels, seed)
    return found, report_map(found, noise, origin, time.perf_counter() - start)


def _row(scene: Tensor, theta: NDArray[np.float32], identifier: Identifier, noise: str, seed: int) -> Tensor:
    """Blur one scene (1, S, S) by every PSF: images (M, 1, H, W)."""
    scenes = scene.expand(len(theta), *scene.shape)
    return blur_and_spoil(scenes, theta, identifier.family, NOISE_LEVELS[noise], seed).image


def _median(values: Tensor) -> int:
    return int(values.argsort()[len(values) // 2])
