"""Calibration on the simulated microscope: modelled PSFs against the true ones, where no bead was.

    python -m benchmarks.calibration --stacks 18
    python -m benchmarks.calibration --stacks 18 --family src/napari_deepblur/families/demonstration.safetensors
    python -m benchmarks.calibration --stacks 18 --measure src/napari_deepblur/families/demonstration.safetensors

The second command only calibrates, at 2000 photons, and writes the family that comes with the package; the third
measures a file that was made so.

Held-out places are drawn at random, where beads can be used (patches lie in the field) and over the whole field. The
light of a bead tells its place only up to the shift that its aberrations cause, so that the truth is first moved to the
model by one shift for all planes of a stack. PSF SNR is -10 log10(|h - h_hat|^2 / |h|^2) on the patch, both of sum one.

The truth has a hold-out curve of its own: the mean relative error of models with 1, 2, ... eigen-PSFs (and of 1, 2, ...
maps), against the true PSFs. Its best number is found by the rule that the program uses, the smallest number within
0.001 of the least error, on errors that the program cannot see; the number with the least error is given too.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from napari_deepblur.calibration import calibrate
from napari_deepblur.calibration.centring import _best_shifts, margin_for
from napari_deepblur.calibration.demonstration import Demonstration, bead_stack, true_psfs
from napari_deepblur.calibration.selection import choose
from napari_deepblur.io.families import load_family, save_family
from napari_deepblur.operators import ProductConvolutionFamily

PATCH = 63
LEVELS = {"clean": None, "2000 photons": 2000.0, "200 photons": 200.0}
TARGETS = {"clean": 20.0, "200 photons": 14.0}


class Held(NamedTuple):
    """True PSFs of held-out places, (P, Z, k, k) for each stack, moved to the model; and the maps there, (J, P)."""

    true: list[NDArray[np.float64]]
    maps: list[NDArray[np.float64]]


def blurs(demo: Demonstration, family: ProductConvolutionFamily) -> NDArray[np.float32]:
    """Return the thetas of all stacks and planes, shape (stacks, Z, I, J)."""
    assert family.thetas is not None
    return family.thetas.reshape(demo.n_stacks, demo.n_planes, len(family.eigen_psfs), len(family.maps))


def hold_out(demo: Demonstration, family: ProductConvolutionFamily, margin: float, count: int, seed: int) -> Held:
    """Draw `count` places of each stack, `margin` pixels inside the field; true PSFs there, moved to the model."""
    rng = np.random.default_rng(seed)
    true, maps = [], []
    for stack, theta in enumerate(blurs(demo, family)):
        points = rng.uniform(margin, np.array(demo.field_shape) - 1 - margin, (count, 2))
        weights = family.maps_at(points).T
        model = np.einsum("zij,jp,iyx->pzyx", theta, weights, family.eigen_psfs, optimize=True)
        side = PATCH + 2 * margin_for(PATCH)
        wide = true_psfs(demo, stack, points, side)
        pairs = zip(wide, model, strict=True)
        shifts = np.concatenate([_best_shifts(fft.rfft2(h[None]), m, side) for h, m in pairs])
        psfs = true_psfs(demo, stack, points, PATCH, shifts=-shifts).astype(np.float64)
        true.append(psfs / psfs.sum(axis=(-2, -1), keepdims=True))
        maps.append(weights)
    return Held(true, maps)


def errors(
    demo: Demonstration, family: ProductConvolutionFamily, held: Held, n_psfs: int = 999, n_maps: int = 999
) -> NDArray[np.float64]:
    """Relative squared errors of all planes at all places, shape (stacks, P, Z)."""
    result = []
    for true, maps, theta in zip(held.true, held.maps, blurs(demo, family), strict=True):
        cut = theta[:, :n_psfs, :n_maps]
        model = np.einsum("zij,jp,iyx->pzyx", cut, maps[:n_maps], family.eigen_psfs[:n_psfs], optimize=True)
        result.append(np.square(model - true).sum(axis=(-2, -1)) / np.square(true).sum(axis=(-2, -1)))
    return np.array(result)


def snr_cells(demo: Demonstration, family: ProductConvolutionFamily, places: int) -> list[str]:
    """Return PSF SNR in dB where beads can be, and over the whole field: of the mean error (median)."""
    cells = []
    for margin in (PATCH // 2 + margin_for(PATCH), 0.0):
        error = errors(demo, family, hold_out(demo, family, margin, places, seed=11))
        cells.append(f"{-10 * np.log10(error.mean()):.1f} ({np.median(-10 * np.log10(error)):.1f})")
    return cells


def main() -> None:
    """Measure at each light level, and write the table; or only make or measure a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stacks", type=int, default=18)
    parser.add_argument("--places", type=int, default=4, help="held-out places of each stack")
    parser.add_argument("--levels", nargs="+", choices=LEVELS, default=["clean", "200 photons"])
    parser.add_argument("--most", type=int, nargs=2, default=(32, 12), help="numbers tried on the true curve")
    parser.add_argument("--family", type=Path, help="only calibrate at 2000 photons, and write this file")
    parser.add_argument("--measure", type=Path, metavar="FAMILY", help="only measure this file")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results", help="folder of the table")
    arguments = parser.parse_args()
    demo = Demonstration(n_stacks=arguments.stacks)
    if arguments.measure:
        family = load_family(arguments.measure)
        assert isinstance(family, ProductConvolutionFamily)
        print("PSF SNR in dB where beads can be, whole field:", *snr_cells(demo, family, arguments.places))
        return
    if arguments.family:
        stacks = [bead_stack(demo, index, LEVELS["2000 photons"]) for index in range(demo.n_stacks)]
        found = calibrate(stacks, demo.microscope, bead_diameter_um=demo.bead_diameter_um, patch_size=PATCH)
        save_family(found.family, arguments.family)
        print(f"{found.thetas.shape}, {arguments.family.stat().st_size} bytes, {found.beads.counts()}")
        return
    lines = [
        "# Calibration of the simulated microscope",
        "",
        f"`python -m benchmarks.calibration --stacks {arguments.stacks} --places {arguments.places} --levels "
        + " ".join(f'"{level}"' for level in arguments.levels)
        + f"`: {demo.n_stacks} stacks of {demo.n_planes} planes, patches of {PATCH} pixels.",
        "PSF SNR at held-out places: dB of the mean error (median over planes and places); target in brackets.",
        "",
        "| beads | kept | where beads can be (dB) | whole field (dB) | eigen-PSFs: chosen / best / least | maps | s |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in arguments.levels:
        started = time.perf_counter()
        stacks = [bead_stack(demo, index, LEVELS[name]) for index in range(demo.n_stacks)]
        simulated = time.perf_counter()
        measure = partial(calibrate, stacks, demo.microscope, bead_diameter_um=demo.bead_diameter_um, patch_size=PATCH)
        found = measure()
        seconds = time.perf_counter() - simulated
        print(f"{name}: simulated in {simulated - started:.0f} s, calibrated in {seconds:.0f} s", flush=True)
        cells = snr_cells(demo, found.family, arguments.places)
        cells[0] += f" [{TARGETS[name]:.0f}]" if name in TARGETS else ""
        n_psfs, n_maps = arguments.most
        wide = measure(n_psfs=n_psfs, n_maps=n_maps).family
        held = hold_out(demo, wide, PATCH // 2 + margin_for(PATCH), arguments.places, seed=12)
        chosen_psfs, chosen_maps = found.thetas.shape[1:]
        counts, map_counts = range(1, len(wide.eigen_psfs) + 1), range(1, len(wide.maps) + 1)
        psf_curve = np.array([np.inf] + [errors(demo, wide, held, n).mean() for n in counts])
        map_curve = np.array([np.inf] + [errors(demo, wide, held, chosen_psfs, n).mean() for n in map_counts])
        best = f"{chosen_psfs} / {choose(psf_curve)} / {psf_curve.argmin()}"
        best += f" | {chosen_maps} / {choose(map_curve)} / {map_curve.argmin()}"
        lines.append(f"| {name} | {found.beads.counts()['kept']} | {' | '.join(cells)} | {best} | {seconds:.0f} |")
        print(lines[-1], flush=True)
        print("true error by eigen-PSFs", np.round(psf_curve[1:], 5).tolist())
        print("true error by maps", np.round(map_curve[1:], 5).tolist(), flush=True)
    lines += [
        "",
        '"best" is the smallest number whose error against the true PSFs is within 0.001 of the least, which is the '
        "program's own",
        'rule on data that it does not have; "least" is the number with the least error '
        f"({arguments.most[0]} is the most that was tried).",
        "Seconds are those of one `calibrate`, beside whatever else the machine did.",
    ]
    table = "\n".join(lines) + "\n"
    print(table)
    (arguments.output / "calibration.md").write_text(table)


if __name__ == "__main__":
    main()
