r"""Phase retrieval: the modelled PSF against the true one in all planes, on simulated bead stacks, and on real ones.

    python -m benchmarks.pupil_from_beads --pupils 3
    python -m benchmarks.pupil_from_beads --real BEADS.tif --na 0.85 --wavelength-um 0.52 --pixel-size-um 0.13 \
        --n-immersion 1.0 --plane-spacing-um 0.3 --figure FIGURE.png

The simulated beads send 2000 photons to each plane of the camera, of which those beyond the patch are lost, onto a
background of 10 photons a pixel with a read noise of 1.5; NA 1.2 water, pixels of 0.1 um, 25 planes 0.25 um apart; Noll
4 to 15 uniform in +-0.1 waves; beads lie between pixels, and up to 0.3 um above and below each other.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from napari_deepblur import Microscope, PupilRetrieval, retrieve_pupil
from napari_deepblur.calibration.pupil.figure import pupil_png
from napari_deepblur.io.images import read_image
from napari_deepblur.optics import psf_model, zernike_psf

MODES = tuple(range(4, 16))
OPTICS = Microscope(1.2, 0.525, 0.1, 1.33)
PLANES, SPACING_UM, PHOTONS, WAVES = 25, 0.25, 2000.0, 0.1
_BACKGROUND, _READ, _OFFSET = 10.0, 1.5, 100.0
_HALF, _FIELD, _HEIGHT_UM = 40, 200, 0.3
"""Half the square that a bead's light is computed on, side of the field in pixels, and highest bead."""


def true_psfs(theta: NDArray[np.float64], place: tuple[float, float, float], size: int) -> NDArray[np.float64]:
    """PSFs of all planes of a bead at (row, column) beside the middle pixel and at a plane, shape (Z, k, k)."""
    row, column, plane = place
    step = SPACING_UM / OPTICS.pixel_size_um
    model = psf_model(OPTICS.pupil, (2, 3, *MODES), size, step * PLANES)
    tilts = torch.tensor([column, row]) * -0.5 * OPTICS.cutoff
    z = step * (torch.arange(PLANES) - plane)
    wavefront = torch.cat([tilts, torch.from_numpy(theta)]).float()
    return zernike_psf(wavefront.expand(PLANES, -1), model, z).numpy().astype(np.float64)


def bead_stack(theta: NDArray[np.float64], side: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Simulate side x side beads in a field; counts (Z, H, W) and their rows, columns and planes (N, 3)."""
    rng = np.random.default_rng(seed)
    clean = np.full((PLANES, _FIELD + 2 * _HALF, _FIELD + 2 * _HALF), _BACKGROUND)
    places = []
    for cell in np.ndindex(side, side):
        row, column = (np.array(cell) + 0.5) * _FIELD / side + rng.uniform(-3, 3, 2)
        plane = PLANES // 2 + rng.uniform(-_HEIGHT_UM, _HEIGHT_UM) / SPACING_UM
        r, c = round(row), round(column)
        psfs = true_psfs(theta, (row - r, column - c, plane), 2 * _HALF + 1)
        clean[:, r : r + 2 * _HALF + 1, c : c + 2 * _HALF + 1] += PHOTONS * psfs
        places.append((row, column, plane))
    clean = clean[:, _HALF:-_HALF, _HALF:-_HALF]
    return rng.poisson(clean) + rng.normal(0, _READ, clean.shape) + _OFFSET, np.array(places)


def snr(true: NDArray[np.floating], other: NDArray[np.floating]) -> tuple[float, float]:
    """PSF SNR in decibels over all planes, and of the worst plane."""
    error, power = np.square(true - other).sum((1, 2)), np.square(true).sum((1, 2))
    return float(-10 * np.log10(error.sum() / power.sum())), float(-10 * np.log10((error / power).max()))


def simulated_row(seed: int, side: int) -> str:
    """Retrieve one random pupil from side x side beads, and return a row of the table."""
    theta = np.random.default_rng(seed).uniform(-WAVES, WAVES, len(MODES))
    stack, places = bead_stack(theta, side, seed)
    started = time.perf_counter()
    found = retrieve_pupil(stack, OPTICS, plane_spacing_um=SPACING_UM)
    seconds = time.perf_counter() - started
    nearest = places[np.hypot(*(places[:, :2] - found.places[0, :2]).T).argmin()]
    true = true_psfs(theta, (0.0, 0.0, float(nearest[2])), found.modelled.shape[-1])
    whole, worst = snr(true, found.modelled)
    common = [j for j in found.modes if j in MODES]
    error = [found.theta[found.modes.index(j)] - theta[MODES.index(j)] for j in common]
    spread = [found.theta_std[found.modes.index(j)] for j in common]
    return (
        f"| {seed} | {len(found.places)} | {whole:.1f} | {worst:.1f} | {snr(true, found.measured)[0]:.1f} | "
        f"{np.sqrt(np.mean(np.square(error))):.4f} | {np.mean(spread):.4f} | {found.misfit:.3f} | {seconds:.0f} |"
    )


def real_words(found: PupilRetrieval) -> str:
    """Say how far the model of a real stack is from what was measured."""
    return (
        f"{len(found.places)} beads, patches of {found.modelled.shape[-1]} pixels: modelled against measured PSF "
        f"{found.psf_snr:.1f} dB (noise allows {found.noise_snr:.1f}), misfit {found.misfit:.1f}, wavefront "
        f"{found.rms:.3f} waves RMS, largest {found.parameter_names[int(np.abs(found.theta).argmax())]}"
    )


def main() -> None:
    """Print the table, or the figures of a real stack."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pupils", type=int, default=3, help="number of random pupils")
    parser.add_argument("--side", type=int, default=2, help="beads along each side of the field")
    parser.add_argument("--real", type=Path, help="a real bead stack, instead of simulated ones")
    for name in ("--na", "--wavelength-um", "--pixel-size-um", "--n-immersion", "--plane-spacing-um"):
        parser.add_argument(name, type=float)
    parser.add_argument("--amplitude", type=int, nargs="*", default=[])
    parser.add_argument("--figure", type=Path)
    asked = parser.parse_args()
    if asked.real is not None:
        optics = Microscope(asked.na, asked.wavelength_um, asked.pixel_size_um, asked.n_immersion)
        stack = read_image(asked.real)
        found = retrieve_pupil(stack, optics, plane_spacing_um=asked.plane_spacing_um, amplitude=asked.amplitude)
        print(real_words(found), *found.notes, sep="\n")
        if asked.figure is not None:
            asked.figure.write_bytes(pupil_png(found))
        return
    print(
        "| pupil | beads | modelled / true (dB) | worst plane | measured / true | error | its error bar | misfit | s |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for seed in range(asked.pupils):
        print(simulated_row(seed, asked.side), flush=True)


if __name__ == "__main__":
    main()
