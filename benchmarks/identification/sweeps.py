"""Identification against one thing at a time: noise, size of the aberrations, sampling, and size of the image."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor
from tqdm import tqdm

from benchmarks.identification.identified import Found, Identifier, identify_images, mean_family_psf, snr_of_one
from benchmarks.reports.report import Cell, Origin, Report
from benchmarks.simulation.images import PAPER_SIDE, blur_and_spoil, centre, draw_test_scenes, seed_of
from napari_deepblur.errors import UndersamplingWarning
from napari_deepblur.operators import ZernikeFamily
from napari_deepblur.optics import Microscope, psf_snr
from napari_deepblur.pipeline.settings import recommended_psf_size
from napari_deepblur.training.identification import NOISE_LEVELS

BETAS = (0.0, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
AMPLITUDES = (0.05, 0.10, 0.15, 0.20, 0.25)
CUTOFFS = (0.10, 0.12, 0.14, 0.16, 0.18, 0.20, 0.22, 0.24, 0.2611, 0.27)
SIZES = (128, 192, 256, 400, 512, 768, 1024)

_SMALLEST = 0.45
"""Shortest side of a file over that of the largest field: most are 512 pixels long."""


class Sweep(NamedTuple):
    """What is common to all sweeps.

    Attributes
    ----------
    folder
        The training folder, of which the validation split is read.
    identifier
        With what.
    images
        Number of images; the same at every point.
    seed
        Of scenes, blurs and noise.
    """

    folder: Path
    identifier: Identifier
    images: int
    seed: int


def sweep_noise(sweep: Sweep, origin: Origin, betas: Sequence[float] = BETAS, side: int = PAPER_SIDE) -> Report:
    """Fig. 5a of the paper: beta grows, alpha is 0; the same scenes, PSFs and noise patterns."""
    start = time.perf_counter()
    family = sweep.identifier.family
    scenes = draw_test_scenes(sweep.folder, sweep.images, side + family.psf_size - 1, sweep.seed)
    theta = _theta(sweep, family)
    rows = []
    with _bar("Noise", len(betas) * sweep.images) as bar:
        for beta in betas:
            batch = blur_and_spoil(scenes.pixels, theta, family, (0.0, beta), seed_of(sweep.seed, "noise"))
            found = identify_images(batch.image, sweep.identifier, with_network_alone=True, bar=bar)
            assert found.network_psf is not None
            alone = float(psf_snr(batch.psf, found.network_psf).mean())
            point = _point(batch.psf, found, mean_family_psf(family))
            rows.append({"noise": "alpha 0", "beta": beta, **point, "network alone (dB)": alone})
    notes = (*_notes(sweep, side), "The noise is estimated from the image.")
    title = "Identification against noise (Fig. 5a of the paper)"
    return Report("identification-noise", title, origin, time.perf_counter() - start, tuple(rows), notes)


def sweep_amplitude(
    sweep: Sweep,
    origin: Origin,
    levels: Sequence[str],
    amplitudes: Sequence[float] = AMPLITUDES,
    side: int = PAPER_SIDE,
) -> Report:
    """Fig. 5b of the paper: coefficients uniform in +-a, while +-0.15 is expected; the same directions and scenes."""
    start = time.perf_counter()
    family = sweep.identifier.family
    scenes = draw_test_scenes(sweep.folder, sweep.images, side + family.psf_size - 1, sweep.seed)
    unit = _theta(sweep, family) / np.float32(family.box)

    def point(amplitude: float, level: str, bar: Any) -> dict[str, Cell]:
        theta = np.float32(amplitude) * unit
        batch = blur_and_spoil(scenes.pixels, theta, family, NOISE_LEVELS[level], seed_of(sweep.seed, "noise"))
        ignorant = mean_family_psf(family, amplitude)
        return _point(batch.psf, identify_images(batch.image, sweep.identifier, bar=bar), ignorant)

    rows = _rows("amplitude (waves)", amplitudes, levels, sweep, point)
    notes = (
        *_notes(sweep, side),
        f"`identify` is told +-{family.box:g} waves throughout; the mean PSF is that of the true amplitude.",
    )
    title = "Identification against the amplitude of the aberrations (Fig. 5b of the paper)"
    return Report("identification-amplitude", title, origin, time.perf_counter() - start, rows, notes)


def sweep_cutoff(
    sweep: Sweep, origin: Origin, levels: Sequence[str], cutoffs: Sequence[float] = CUTOFFS, side: int = PAPER_SIDE
) -> Report:
    """PSF SNR against the sampling, fc in cycles per pixel: the same scenes and coefficients, other pixel sizes."""
    start = time.perf_counter()
    families = {fc: _resampled(sweep.identifier.family, fc) for fc in cutoffs}
    widest = max(family.psf_size for family in families.values())
    scenes = draw_test_scenes(sweep.folder, sweep.images, side + widest - 1, sweep.seed)

    def point(cutoff: float, level: str, bar: Any) -> dict[str, Cell]:
        family = families[cutoff]
        sharp = centre(scenes.pixels, side + family.psf_size - 1)
        noise = NOISE_LEVELS[level]
        batch = blur_and_spoil(sharp, _theta(sweep, family), family, noise, seed_of(sweep.seed, "noise"))
        found = identify_images(batch.image, sweep.identifier._replace(family=family), bar=bar)
        return {**_point(batch.psf, found, mean_family_psf(family)), "PSF size": family.psf_size}

    rows = _rows("fc (cycles per pixel)", cutoffs, levels, sweep, point)
    notes = (
        *_notes(sweep, side),
        "Scenes have the same pixels at every fc: finer sampling shows less of the sample.",
    )
    title = "Identification against the sampling"
    return Report("identification-cutoff", title, origin, time.perf_counter() - start, rows, notes)


def sweep_size(sweep: Sweep, origin: Origin, levels: Sequence[str], sizes: Sequence[int] = SIZES) -> Report:
    """PSF SNR against the side of the image: middles of the same blurred images."""
    start = time.perf_counter()
    family = sweep.identifier.family
    scenes = draw_test_scenes(
        sweep.folder, sweep.images, max(sizes) + family.psf_size - 1, sweep.seed, smallest=_SMALLEST
    )
    theta, seed = _theta(sweep, family), seed_of(sweep.seed, "noise")
    batches = {level: blur_and_spoil(scenes.pixels, theta, family, NOISE_LEVELS[level], seed) for level in levels}

    def point(size: int, level: str, bar: Any) -> dict[str, Cell]:
        batch = batches[level]
        found = identify_images(centre(batch.image, size).contiguous(), sweep.identifier, bar=bar)
        return _point(batch.psf, found, mean_family_psf(family))

    rows = _rows("side (pixels)", sizes, levels, sweep, point)
    notes = (
        *_notes(sweep, None),
        "Files that are smaller than the largest field are mirrored, which adds less than as much new evidence.",
    )
    title = "Identification against the size of the image"
    return Report("identification-size", title, origin, time.perf_counter() - start, rows, notes)


def _rows(
    name: str,
    values: Sequence[Any],
    levels: Sequence[str],
    sweep: Sweep,
    point: Callable[[Any, str, Any], dict[str, Cell]],
) -> tuple[dict[str, Cell], ...]:
    with _bar(name, len(values) * len(levels) * sweep.images) as bar:
        return tuple({"noise": level, name: v, **point(v, level, bar)} for level in levels for v in values)


def _point(true: Tensor, found: Found, ignorant: Tensor) -> dict[str, Cell]:
    snr = psf_snr(true, found.psf)
    return {
        "identify (dB)": float(snr.mean()),
        "std (dB)": float(snr.std(correction=0)),
        "median (dB)": float(snr.quantile(0.5)),
        "worst tenth (dB)": float(snr.quantile(0.1)),
        "mean PSF (dB)": float(snr_of_one(true, ignorant).mean()),
        "s per image": float(found.seconds.median()),
    }


def _theta(sweep: Sweep, family: ZernikeFamily) -> Any:
    return family.sample(sweep.images, seed_of(sweep.seed, "kernels"))


def _resampled(family: ZernikeFamily, cutoff: float) -> ZernikeFamily:
    """Take the same optics and modes with the pixel size that gives this cut-off."""
    m = family.microscope
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndersamplingWarning)
        microscope = Microscope(m.na, m.wavelength_um, cutoff * m.wavelength_um / m.na, m.n_immersion)
    return ZernikeFamily(microscope, family.modes, family.max_amplitude, recommended_psf_size(microscope))


def _notes(sweep: Sweep, side: int | None) -> tuple[str, ...]:
    fields = "" if side is None else f" of {side} x {side} pixels"
    levels = "; ".join(f"{name}: alpha {a:g}, beta {b:g}" for name, (a, b) in NOISE_LEVELS.items())
    return (
        f"Means over the same {sweep.images} images{fields} at every point, each with its own PSF; the whole pipeline, "
        "with the noise estimated from the image.",
        f"Noise levels: {levels}.",
    )


def _bar(words: str, total: int) -> Any:
    return tqdm(total=total, desc=words, unit="image")
