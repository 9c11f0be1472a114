"""How far the measured resolution of a picture can be believed, as Markdown tables.

    python -m benchmarks.resolution --specimens 2 --output benchmarks/results/resolution.md

Specimens are given a sharp limit of frequencies, or the transfer function of optics, and shot noise. Two exposures of
each give a Fourier ring correlation, which falls to 1/7 at the finest detail that a picture of so much light can show.
The last table is of restored images: there the detail that is true is that whose correlation with the sharp image is
above one half.
"""

from __future__ import annotations

import argparse
import warnings
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.simulation.geometry import Array, Box
from benchmarks.simulation.specimens import KINDS, draw_specimen
from napari_deepblur import Microscope, PoissonGaussianNoise, ZernikeFamily, deblur, image_resolution
from napari_deepblur.errors import UndersamplingWarning
from napari_deepblur.pipeline.methods import Method

SIDE, PIXEL_UM = 256, 0.08
PHOTONS = (100.0, 1000.0, 10000.0)
"""Light of the brightest pixel."""
LIMITS = (0.15, 0.25, 0.35, 0.45)
"""In cycles per pixel."""
METHODS: tuple[Method, ...] = ("wiener", "richardson-lucy-tv", "total-variation", "network")
_SMOOTH = 5


class Row(NamedTuple):
    """A picture with its limit, all periods in micrometres."""

    limit: float
    correlated: float
    found: float


def ring_correlation(first: Array, second: Array, threshold: float) -> float:
    """Return the period in pixels at which the Fourier ring correlation of two square images falls to a threshold."""
    number = len(first) // 2
    window = np.outer(np.hanning(len(first)), np.hanning(len(first)))
    one, two = (np.fft.fft2((image - image.mean()) * window) for image in (first, second))
    frequency = np.fft.fftfreq(len(first))
    ring = np.floor(np.hypot(frequency[:, None], frequency[None]) * 2 * number).astype(int).ravel()
    cross, power_one, power_two = (
        np.bincount(ring, values.ravel())[:number]
        for values in ((one * two.conj()).real, np.abs(one) ** 2, np.abs(two) ** 2)
    )
    correlation = cross / np.sqrt(power_one * power_two).clip(1e-30)
    padded = np.pad(correlation, _SMOOTH // 2, mode="edge")
    below = np.flatnonzero(np.convolve(padded, np.ones(_SMOOTH) / _SMOOTH, "valid") < threshold)
    return 2 * number / (below[0] + 0.5 if len(below) else number)


def transfer(limit: float, sharp: bool) -> Array:
    """Return a disc, or the transfer function of a circular pupil, up to a limit in cycles per pixel."""
    axis = np.fft.fftfreq(SIDE)
    share = np.hypot(axis[:, None], axis[None]) / limit
    if sharp:
        return np.asarray(share < 1, np.float64)
    inside = share.clip(max=1)
    return np.asarray(2 / np.pi * (np.arccos(inside) - inside * np.sqrt(1 - inside**2)))


def scene(kind: str, seed: int, side: int = SIDE) -> NDArray[np.float32]:
    """Draw the middle plane of a specimen."""
    return np.asarray(draw_specimen(kind, Box((9, side, side), (0.2, PIXEL_UM, PIXEL_UM)), seed)[4], np.float32)


def limited(specimens: int, sharp: bool) -> dict[tuple[float, str], list[Row]]:
    """Pictures with a known limit, by light and kind."""
    rows: dict[tuple[float, str], list[Row]] = defaultdict(list)
    rng = np.random.default_rng(7)
    for photons in PHOTONS:
        for kind in KINDS:
            for seed in range(specimens):
                spectrum = np.fft.fft2(scene(kind, seed))
                for limit in LIMITS:
                    light = np.fft.ifft2(spectrum * transfer(limit, sharp)).real
                    # Rings below zero are raised, not cut off, which would put detail beyond the limit.
                    light -= min(light.min(), 0.0)
                    first, second = (rng.poisson(photons * (light / light.max() + 0.02), (2, SIDE, SIDE))).astype(float)
                    found = image_resolution(first, PIXEL_UM).um
                    correlated = PIXEL_UM * ring_correlation(first, second, 1 / 7)
                    rows[photons, kind].append(Row(PIXEL_UM / limit, correlated, np.nan if found is None else found))
    return rows


def as_rows(rows: dict[tuple[float, str], list[Row]]) -> list[str]:
    """One line for each light and kind."""
    lines = [
        "| photons | specimen | images | not found | within 10 % of the limit | detail reaches the limit | of those, "
        "within 10 % | found / limit: median, range | found / ring correlation: median |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for (photons, kind), entries in rows.items():
        ratio = np.array([entry.found / entry.limit for entry in entries])
        reached = np.array([entry.correlated < 1.1 * entry.limit for entry in entries])
        near = np.abs(ratio - 1) < 0.1
        known = ratio[np.isfinite(ratio)]
        against = np.nanmedian([entry.found / entry.correlated for entry in entries])
        spread = f"{np.median(known):.2f}, {known.min():.2f} to {known.max():.2f}" if len(known) else "none"
        cells = [f"{photons:g}", kind, len(entries), len(ratio) - len(known), near.sum(), reached.sum()]
        lines.append("| " + " | ".join(map(str, [*cells, (near & reached).sum(), spread, f"{against:.2f}"])) + " |")
    return lines


def noise_alone(images: int = 50) -> str:
    """How many images of noise are given a resolution."""
    rng = np.random.default_rng(3)
    wrong = {
        side: sum(image_resolution(rng.poisson(20.0, (side, side)), PIXEL_UM).um is not None for _ in range(images))
        for side in (32, 64, 128, 256)
    }
    return "; ".join(f"{count} of {images} at {side} pixels a side" for side, count in wrong.items())


def restored(specimens: int) -> list[str]:
    """Compare the number of restored images with how far their detail is true."""
    family = ZernikeFamily(Microscope(1.2, 0.525, PIXEL_UM, 1.33), psf_size=31)
    rows: dict[tuple[float, str], list[Row]] = defaultdict(list)
    for kind in tqdm(KINDS, unit="kind"):
        for seed in range(specimens):
            sharp = scene(kind, seed, SIDE + family.psf_size - 1)
            theta = family.sample(1, seed)[0]
            clean = family.operator(theta, (SIDE, SIDE)).forward(sharp)
            border = family.psf_size // 2
            truth = sharp[border:-border, border:-border].astype(float)
            for photons in PHOTONS:
                noise = PoissonGaussianNoise(1 / photons, 0.002)
                image = noise.sample(clean / clean.max(), seed).astype(np.float32)
                pictures: dict[str, NDArray[np.float32]] = {"(the image)": image}
                for method in METHODS:
                    done = deblur(image, family, theta=theta, noise=noise, method=method, device="cpu")
                    pictures[method] = done.image
                for shown, picture in pictures.items():
                    found = image_resolution(picture, PIXEL_UM).um
                    true = PIXEL_UM * ring_correlation(picture.astype(float), truth, 0.5)
                    rows[photons, shown].append(Row(0.525 / 2.4, true, np.nan if found is None else found))
    lines = [
        "| photons | picture | measured, um | true detail, um | measured / true: median, range | not found |",
        "|---|---|---|---|---|---|",
    ]
    for (photons, shown), entries in rows.items():
        measured, detail = (np.array([getattr(entry, name) for entry in entries]) for name in ("found", "correlated"))
        known = np.isfinite(measured)
        if not known.any():
            lines.append(f"| {photons:g} | {shown} | none | {np.median(detail):.3f} | | {len(entries)} |")
            continue
        ratio = (measured / detail)[known]
        lines.append(
            f"| {photons:g} | {shown} | {np.median(measured[known]):.3f} | {np.median(detail):.3f} | "
            f"{np.median(ratio):.2f}, {ratio.min():.2f} to {ratio.max():.2f} | {(~known).sum()} |"
        )
    return lines


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--specimens", type=int, default=2, metavar="N", help="of each kind (2)")
    parser.add_argument("--output", type=Path, help="Markdown file; printed as well")
    options = parser.parse_args()
    warnings.simplefilter("ignore", UndersamplingWarning)
    lines = [
        f"`python -m benchmarks.resolution --specimens {options.specimens}`; torch {torch.__version__}.",
        "",
        f"Sharp limits at {', '.join(map(str, LIMITS))} cycles per pixel:",
        "",
        *as_rows(limited(options.specimens, sharp=True)),
        "",
        "The same limits of the transfer function of optics, which fades out:",
        "",
        *as_rows(limited(options.specimens, sharp=False)),
        "",
        f"Noise alone was given a resolution in {noise_alone()}.",
        "",
        f"Restored with the true blur, optics of limit {0.525 / 2.4:.3f} um; true detail correlates with the sharp",
        "image by more than one half:",
        "",
        *restored(options.specimens),
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    if options.output is not None:
        options.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
