"""Identification in vectorial light, with good and bad cameras, and against the amplitude of the aberrations."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from benchmarks.identification.identified import mean_family_psf, snr_of_one
from benchmarks.reports.report import Cell, Origin, Report
from benchmarks.simulation.camera import AT_ONCE, expose
from benchmarks.simulation.images import PAPER_SIDE, draw_test_scenes, seed_of
from benchmarks.simulation.worlds import AMPLITUDE, LIGHT_WORLDS, NOISES, Amplitude, light_world
from benchmarks.worlds.estimates import Estimates, Machine, coverage, decibels, estimate, joined, progress

AMPLITUDES = (0.05, 0.10, 0.15, 0.25)


class Task(NamedTuple):
    """What is common to the parts of this benchmark.

    Attributes
    ----------
    folder
        The training folder, whose validation split is the test.
    images, kernels
        Numbers of images, and of PSFs that each is blurred by.
    noises
        Keys of `NOISES`.
    seed
        Of everything.
    side
        Side of the images in pixels.
    machine
        Where it is computed.
    """

    folder: Path
    images: int
    kernels: int
    noises: tuple[str, ...]
    seed: int
    side: int = PAPER_SIDE
    machine: Machine = Machine()


def run_light(
    task: Task, origin: Origin, worlds: Sequence[str] = LIGHT_WORLDS, amplitude: Amplitude = AMPLITUDE, name: str = ""
) -> Report:
    """Identify every image blurred by every PSF, in each world and at each noise level.

    Parameters
    ----------
    task
        What is measured.
    origin
        Where the numbers come from.
    worlds
        Keys of `LIGHT_WORLDS`.
    amplitude
        What identification is told.
    name
        Added to the name of the files, for a part of the table.

    Returns
    -------
    Report
        A row for each world and noise level.
    """
    start = time.perf_counter()
    rows: list[dict[str, Cell]] = []
    details: dict[str, list[float]] = {}
    with progress("Light", len(worlds) * len(task.noises) * task.images * task.kernels) as bar:
        for key in worlds:
            world = light_world(key)
            family = world.assumed(amplitude)
            scenes = draw_test_scenes(task.folder, task.images, task.side + family.psf_size - 1, task.seed).pixels
            theta = torch.from_numpy(world.draw(task.kernels, seed_of(task.seed, "kernels")))
            psfs = world.truth.psf_tensor(theta)
            ignorant = snr_of_one(psfs, mean_family_psf(world.truth))
            for noise in task.noises:
                parts = []
                for index in range(task.images):
                    # The noise of `benchmark identification --part map`.
                    generator = torch.Generator().manual_seed(seed_of(task.seed, "noise", index))
                    for waves, psf in zip(theta.split(AT_ONCE), psfs.split(AT_ONCE), strict=True):
                        scene = scenes[index].expand(len(psf), -1, -1, -1)
                        image = expose(scene, psf, NOISES[noise], generator).image
                        parts.append(estimate(image, psf, waves, family, task.machine))
                        bar.update(len(psf))
                found = joined(parts)
                details[f"{key}, {noise}"] = [round(float(value), 2) for value in found.snr]
                first = {"world": world.name, "noise": noise}
                rows.append({**first, **found.as_cells(), "mean PSF (dB)": float(ignorant.mean())})
    notes = (
        f"{task.images} images x {task.kernels} PSFs of {task.side} x {task.side} pixels; Noll 4-10, uniform in "
        f"+-{AMPLITUDE:g} waves; `identify` is told {_told(amplitude)}. NA 1.41 oil: n 1.51; NA 1.2 water: n 1.33; "
        "0.540 um, pixels of 0.100 um. PSFs are blurred and identified in the light of the row.",
        *_notes(task),
    )
    title = "Identification in vectorial and in scalar light"
    return Report(
        f"worlds-light{name}", title, origin, time.perf_counter() - start, tuple(rows), notes, {"snr_db": details}
    )


def run_amplitude(task: Task, origin: Origin, amplitudes: Sequence[float] = AMPLITUDES, name: str = "") -> Report:
    """Identify aberrations of several sizes, with nothing stated about them, and with their size stated.

    Parameters
    ----------
    task
        What is measured; each image has a PSF of its own.
    origin
        Where the numbers come from.
    amplitudes
        Half-widths of the box that true coefficients are drawn from.
    name
        Added to the name of the files, for a part of the table.

    Returns
    -------
    Report
        A row for each noise level and amplitude.
    """
    start = time.perf_counter()
    world = light_world("oil")
    scenes = draw_test_scenes(task.folder, task.images, task.side + world.truth.psf_size - 1, task.seed).pixels
    rows: list[dict[str, Cell]] = []
    with progress("Amplitude", 2 * len(task.noises) * len(amplitudes) * task.images) as bar:
        for noise in task.noises:
            for amplitude in amplitudes:
                theta = torch.from_numpy(world.draw(task.images, seed_of(task.seed, "kernels"), amplitude))
                generator = torch.Generator().manual_seed(seed_of(task.seed, "noise"))
                nothing, stated = world.assumed(None), world.assumed(amplitude)
                silent: list[Estimates] = []
                told: list[Estimates] = []
                for scene, waves in zip(scenes.split(AT_ONCE), theta.split(AT_ONCE), strict=True):
                    psf = world.truth.psf_tensor(waves)
                    image = expose(scene, psf, NOISES[noise], generator).image
                    for family, parts in ((nothing, silent), (stated, told)):
                        parts.append(estimate(image, psf, waves, family, task.machine))
                        bar.update(len(psf))
                blind, informed = joined(silent), joined(told)
                true = torch.cat([world.truth.psf_tensor(part) for part in theta.split(AT_ONCE)])
                ignorant = snr_of_one(true, mean_family_psf(world.truth, amplitude))
                rows.append(
                    {
                        "noise": noise,
                        "amplitude (waves)": amplitude,
                        **{f"nothing stated: {key}": value for key, value in decibels(blind.snr).items()},
                        "stated: PSF SNR (dB)": float(informed.snr.mean()),
                        "mean PSF (dB)": float(ignorant.mean()),
                        **coverage(blind.error, blind.std),
                        "stated: within one std (%)": coverage(informed.error, informed.std)["within one std (%)"],
                    }
                )
    notes = (
        f"{task.images} images of {task.side} x {task.side} pixels, each with its own PSF; NA 1.41 oil, vectorial "
        "light, Noll 4-10. The same scenes, directions of the aberrations and noise patterns in every row.",
        "Nothing stated: `ZernikeFamily` without `max_amplitude`, as whoever does not know leaves it; the columns of "
        "errors belong to it. The mean PSF is that of the true amplitude.",
        *_notes(task),
    )
    title = "Identification of aberrations whose size nobody states"
    return Report(f"worlds-amplitude{name}", title, origin, time.perf_counter() - start, tuple(rows), notes)


def _told(amplitude: Amplitude) -> str:
    return f"+-{amplitude:g} waves" if isinstance(amplitude, float) else 'max_amplitude="auto"'


def _notes(task: Task) -> tuple[str, ...]:
    levels = "; ".join(f"{name}: alpha {NOISES[name][0]:g}, beta {NOISES[name][1]:g}" for name in task.noises)
    return (
        f"Noise, estimated from each image: {levels}.",
        "Coefficients are compared modulo the joint sign of the even modes; Gaussian errors lie within one standard "
        "deviation in 68 %, within two in 95 % of all cases.",
    )
