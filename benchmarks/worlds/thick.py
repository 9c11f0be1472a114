"""One plane of thick specimens: the PSF in focus, and how much of the plane in focus comes back."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch

from benchmarks.identification.identified import mean_family_psf, snr_of_one
from benchmarks.reports.report import Cell, Origin, Report
from benchmarks.simulation.images import seed_of
from benchmarks.simulation.specimens import KINDS, draw_specimen
from benchmarks.simulation.thick import Plane, ThickCamera
from benchmarks.simulation.worlds import NOISES, Amplitude, World, thick_world
from benchmarks.worlds.estimates import Machine, compared, coverage, decibels, joined, progress
from benchmarks.worlds.restored import AVERAGE, BLIND, BLURRED, CLASSICAL, TRUE, Image, restore_everyhow

SPACING_UM = 0.25
PLANES = (1, 9, 25)
"""Planes of the specimens: 0.25, 2.25 and 6.25 um."""

SIDE = 256
_COLUMNS = {BLURRED: "image", BLIND: "blind", TRUE: "true PSF", AVERAGE: "mean PSF"} | {key: key for key in CLASSICAL}


def run_thick(
    images: int,
    noises: Sequence[str],
    seed: int,
    machine: Machine,
    origin: Origin,
    kinds: Sequence[str] = tuple(KINDS),
    planes: Sequence[int] = PLANES,
    side: int = SIDE,
    amplitude: Amplitude = 0.1,
    name: str = "",
) -> Report:
    """Identify and restore one plane of each specimen.

    Parameters
    ----------
    images
        Specimens of each kind, each with its own PSF; the same ones at every thickness and noise level.
    noises
        Keys of `NOISES`.
    seed
        Of everything.
    machine
        Where it is computed.
    origin
        Where the numbers come from.
    kinds
        Keys of `specimens.KINDS`.
    planes
        Numbers of planes, odd: the middle ones of the same specimens.
    side
        Side of the images in pixels.
    amplitude
        What identification is told.
    name
        Added to the name of the files, for a part of the table.

    Returns
    -------
    Report
        A row for each noise level, kind and thickness.
    """
    start = time.perf_counter()
    world = thick_world()
    theta = world.draw(images, seed_of(seed, "thick kernels"), world.truth.box)
    mean = mean_family_psf(world.truth)
    rows: list[dict[str, Cell]] = []
    with progress("Thick specimens", len(noises) * len(kinds) * len(planes) * images) as bar:
        for noise in noises:
            for kind in kinds:
                for count in planes:
                    parts, correlations, shares = [], [], []
                    for index, waves in enumerate(theta):
                        plane = observe(world, kind, count, waves, noise, seed_of(seed, kind, index), side, max(planes))
                        begin = time.perf_counter()
                        family = world.assumed(amplitude)
                        found, restored = restore_everyhow(plane.image, family, waves, world, machine)
                        seconds = torch.tensor([time.perf_counter() - begin])
                        true = torch.from_numpy(waves)[None]
                        parts.append(compared([found], world.truth.psf_tensor(true), true, seconds))
                        correlations.append([correlation(restored[key], plane.sharp) for key in _COLUMNS])
                        shares.append(plane.out_of_focus)
                        bar.update(1)
                    result, averages = joined(parts), dict(zip(_COLUMNS, np.mean(correlations, axis=0), strict=True))
                    psfs = world.truth.psf_tensor(torch.from_numpy(theta))
                    rows.append(
                        {
                            "specimen": kind,
                            "um": SPACING_UM * count,
                            "noise": noise,
                            "out of focus (%)": 100 * float(np.mean(shares)),
                            **decibels(result.snr),
                            "mean PSF (dB)": float(snr_of_one(psfs, mean).mean()),
                            "within one std (%)": coverage(result.error, result.std)["within one std (%)"],
                            "within two std (%)": coverage(result.error, result.std)["within two std (%)"],
                            **{f"r {words}": float(averages[key]) for key, words in _COLUMNS.items()},
                            "gain": float(averages[BLIND] - averages[BLURRED]),
                        }
                    )
    told = "nothing" if amplitude is None else f"+-{amplitude:g} waves" if amplitude != "auto" else str(amplitude)
    notes = (
        f"{images} specimens of each kind, {side} x {side} pixels, each with its own PSF (Noll 4-11, +-0.1 waves; "
        f"told: {told}); NA 1.2 water (1.33), 0.525 um, pixels of 0.1 um, vectorial light; planes {SPACING_UM} um "
        "apart, thin specimens being the middle of the thick ones.",
        "Noise: " + "; ".join(f"{key}: alpha {NOISES[key][0]:g}, beta {NOISES[key][1]:g}" for key in noises) + ".",
        "PSF SNR of the PSF in focus. Out of focus: share of the light in the image from other planes.",
        "r: correlation of the plane in focus with the image, with the network's results (blind, true PSF in focus, "
        "mean PSF of the family) and with classical ones of the PSF that was identified; gain: blind less image.",
    )
    title = "One plane of thick specimens"
    return Report(f"worlds-thick{name}", title, origin, time.perf_counter() - start, tuple(rows), notes)


def observe(
    world: World, kind: str, planes: int, theta: Image, noise: str, seed: int, side: int, most: int | None = None
) -> Plane:
    """Take an image of the middle of a specimen.

    Parameters
    ----------
    world
        The optics.
    kind
        Of the specimen.
    planes
        How many of its planes there are, odd.
    theta
        Aberrations.
    noise
        A key of `NOISES`.
    seed
        Of specimen and noise.
    side
        Of the image in pixels.
    most
        Planes that the specimen is drawn with; those beyond `planes` are cut off. By default none are.
    """
    family = world.truth
    widest = ThickCamera(family.microscope, family.modes, most or planes, SPACING_UM, side)
    volume = draw_specimen(kind, widest.box, seed)
    camera = ThickCamera(family.microscope, family.modes, planes, SPACING_UM, side)
    first, spare = ((a - b) // 2 for a, b in zip(widest.box.shape[:2], camera.box.shape[:2], strict=True))
    inner = slice(spare, spare + camera.box.shape[1])
    return camera.take(volume[first : first + planes, inner, inner], theta, NOISES[noise], seed_of(seed, "noise"))


def correlation(one: Image, other: Image) -> float:
    """Pearson's correlation of two images."""
    a, b = (image.astype(np.float64) - float(image.mean(dtype=np.float64)) for image in (one, other))
    return float((a * b).sum() / max(np.sqrt((a**2).sum() * (b**2).sum()), 1e-30))
