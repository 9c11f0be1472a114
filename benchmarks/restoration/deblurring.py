"""Table 1 of the paper: restored images of every method, with every kind of blur, at three noise levels."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from tqdm import tqdm

from benchmarks.identification.identified import Identifier
from benchmarks.reports.report import Cell, Origin, Report
from benchmarks.restoration.blurs import AVERAGE, ESTIMATED, TRUE, Observed, blind_methods, observe
from benchmarks.restoration.restored import Scores, restore, score
from benchmarks.restoration.tuning import STRENGTHS, tune_all
from benchmarks.simulation.images import PAPER_SIDE, Batch, blur_and_spoil, draw_test_scenes, seed_of
from napari_deepblur.optics import psf_snr
from napari_deepblur.restoration.blur import ConvolutionBlur
from napari_deepblur.restoration.restorers import NetworkRestorer, Restorer
from napari_deepblur.training.identification import NOISE_LEVELS

BLURRED = "blurred image"
KINDS = (ESTIMATED, TRUE, AVERAGE)
BLIND = "blind"
"""The blind methods of others, among the methods of `run_deblurring`."""
_BLIND_SOLVER = "total-variation"


class Trial(NamedTuple):
    """One method on one image.

    Attributes
    ----------
    scores
        SSIM and PSNR.
    psf_snr
        Of the PSF that was used, in decibels; infinite for the true one.
    seconds
        To find the blur and to restore.
    """

    scores: Scores
    psf_snr: float
    seconds: float


class Task(NamedTuple):
    """What is measured.

    Attributes
    ----------
    folder
        The training folder: its validation split is the test, and its training split chooses parameters.
    identifier
        What identifies.
    network
        The deblurring network.
    images, tuning_images
        Numbers of images.
    seed
        Of everything.
    side
        Side of the images in pixels.
    """

    folder: Path
    identifier: Identifier
    network: NetworkRestorer
    images: int
    tuning_images: int
    seed: int
    side: int = PAPER_SIDE


def run_deblurring(
    task: Task,
    origin: Origin,
    levels: Sequence[str] = tuple(NOISE_LEVELS),
    methods: Sequence[str] = (*STRENGTHS, BLIND),
) -> Report:
    """Restore every test image with the network and other methods.

    Parameters
    ----------
    task
        What is measured.
    origin
        Where the numbers come from.
    levels
        Keys of `NOISE_LEVELS`.
    methods
        Keys of `STRENGTHS`, and `BLIND` for the blind methods of others.

    Returns
    -------
    Report
        A row for each noise level and method; the choices of parameters and the recovered shares in the details.
    """
    start = time.perf_counter()
    rows: list[dict[str, Cell]] = []
    notes, choices, shares = [], {}, {}
    tests, examples = _batches(task, "validation", task.images), _batches(task, "train", task.tuning_images)
    others = BLIND in methods
    pairs = [(method, kind) for method in STRENGTHS if method in methods for kind in KINDS]
    pairs += [(_BLIND_SOLVER, name) for name in (blind_methods() if others else ())]
    for level in levels:
        known = observe(examples(level), task.identifier, f"Tuning, {level}", others=others)
        tuned = tune_all(pairs, known, task.identifier.device)
        choices[level] = [choice._asdict() for choice in tuned]
        restorers: list[tuple[str, str, Restorer]] = [("network", kind, task.network) for kind in KINDS]
        restorers += [(choice.method, choice.kind, choice.restorer()) for choice in tuned]
        observed = observe(tests(level), task.identifier, f"Blurs, {level}", others=others)
        trials = _restore_all(observed, restorers, task.identifier.device, level)
        blurred = trials[BLURRED, ""]
        rows += [_row(level, method, kind, done, blurred) for (method, kind), done in trials.items()]
        share = recovered_share(*(_mean_ssim(trials["network", kind]) for kind in KINDS))
        shares[level] = share
        notes.append(_share_note(level, share))
    details = {"recovered_share": shares, "tuned": choices}
    title = "Deblurring (Table 1 of the paper)"
    return Report(
        report_name(levels), title, origin, time.perf_counter() - start, tuple(rows), (*notes, *_notes(task)), details
    )


def report_name(levels: Sequence[str]) -> str:
    """Name of the files: a run over some of the noise levels does not replace the whole table."""
    return "deblurring" if set(levels) == set(NOISE_LEVELS) else "-".join(["deblurring", *levels])


def recovered_share(ours: float, true: float, average: float) -> float | None:
    """Share of what knowing the blur would bring that identification brings: (ours - average) / (true - average).

    None where the true operator brings less than 0.002 of SSIM over the mean PSF: the share would be noise.
    """
    return (ours - average) / (true - average) if true - average >= 0.002 else None


def _batches(task: Task, split: str, count: int) -> Callable[[str], Batch]:
    """Make the images of a noise level: the same scenes, PSFs and noise patterns at each."""
    family = task.identifier.family
    side = task.side + family.psf_size - 1
    scenes = draw_test_scenes(task.folder, count, side, task.seed, "train" if split == "train" else "validation")
    theta = family.sample(count, seed_of(task.seed, "kernels", split))

    def batch(level: str) -> Batch:
        return blur_and_spoil(scenes.pixels, theta, family, NOISE_LEVELS[level], seed_of(task.seed, "noise", split))

    return batch


def _restore_all(
    observed: Sequence[Observed], methods: Sequence[tuple[str, str, Restorer]], device: torch.device, level: str
) -> dict[tuple[str, str], list[Trial]]:
    blurred = [Trial(score(one.image, one.sharp), float("nan"), 0.0) for one in observed]
    trials: dict[tuple[str, str], list[Trial]] = {(BLURRED, ""): blurred}
    with tqdm(total=len(methods) * len(observed), desc=f"Restoring, {level}", unit="image") as bar:
        for method, kind, restorer in methods:
            trials[method, kind] = list(_trials(observed, kind, restorer, device, bar))
    return trials


def _trials(
    observed: Sequence[Observed], kind: str, restorer: Restorer, device: torch.device, bar: tqdm[None]
) -> Iterator[Trial]:
    for one in observed:
        blur = one.blurs[kind]
        assert isinstance(blur, ConvolutionBlur)
        restored, seconds = restore(one.image, blur, one.noise, restorer, device)
        yield Trial(score(restored, one.sharp), float(psf_snr(one.true, blur.psf)), seconds + one.seconds[kind])
        bar.update(1)


def _row(level: str, method: str, kind: str, trials: Sequence[Trial], blurred: Sequence[Trial]) -> dict[str, Cell]:
    ssim, psnr = ([getattr(trial.scores, name) for trial in trials] for name in ("ssim", "psnr"))
    snr = np.array([trial.psf_snr for trial in trials])
    known = bool(np.isfinite(snr).all())
    return {
        "noise": level,
        "method": f"{method}, {kind} operator".replace(f"{AVERAGE} operator", AVERAGE) if kind else method,
        "SSIM": float(np.mean(ssim)),
        "SSIM std": float(np.std(ssim)),
        "SSIM gain": float(np.mean(ssim)) - _mean_ssim(blurred),
        "PSNR (dB)": float(np.mean(psnr)),
        "PSNR std": float(np.std(psnr)),
        "PSF SNR (dB)": float(snr.mean()) if known else None,
        "PSF SNR std": float(snr.std()) if known else None,
        "s per image": float(np.median([trial.seconds for trial in trials])) if kind else None,
    }


def _mean_ssim(trials: Sequence[Trial]) -> float:
    return float(np.mean([trial.scores.ssim for trial in trials]))


def _share_note(level: str, share: float | None) -> str:
    if share is None:
        return f"Recovered share, noise {level}: undefined, the true operator brings no more than the mean PSF."
    return f"Recovered share, noise {level}: {100 * share:.0f} %."


def _notes(task: Task) -> tuple[str, ...]:
    levels = "; ".join(f"{name}: alpha {a:g}, beta {b:g}" for name, (a, b) in NOISE_LEVELS.items())
    missing = [name for name in ("l0 gradient", "Goldstein-Fattal") if name not in blind_methods()]
    return (
        "Recovered share = (SSIM with the estimated operator - with the mean PSF) / (with the true operator - with the "
        "mean PSF), network rows: what identification is worth.",
        f"{task.images} images of {task.side} x {task.side} pixels, blurred images of peak one; {levels}. The noise is "
        "estimated from the image for every row.",
        "SSIM with a data range of one, on results as they come out; gain over the blurred image. Seconds include the "
        "identification where there is one; medians.",
        f"Classical methods: iterations and strength chosen by SSIM on {task.tuning_images} images of the training "
        "split, for each noise level and kind of operator; the choices are in the JSON file.",
        "Blind kernels of the l0 gradient and of Goldstein and Fattal are shifted by whole pixels to where they are "
        "closest to the true PSF, which favours them, and followed by total variation.",
        *([f"Not run: {', '.join(missing)}."] if missing else []),
        "NAFNet (Chen et al. 2022): not run, it needs a GPU to train.",
    )
