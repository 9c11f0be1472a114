"""The benchmark of blurs that vary over the field, as a table."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np
from tqdm import tqdm

from benchmarks.field.cases import FieldCase, restore_case, tune_on_training
from benchmarks.field.kernels import identify_many
from benchmarks.field.scenes import (
    IMAGES,
    NOISE,
    NOISY,
    TUNING,
    FieldTask,
)
from benchmarks.reports.report import Cell, Origin, Report
from benchmarks.restoration.tuning import Choice
from benchmarks.simulation.images import seed_of


def run_field(task: FieldTask, origin: Origin) -> tuple[list[FieldCase], Report]:
    """Identify and restore the images; a row for each method, with the SSIM of each image."""
    start = time.perf_counter()
    choice = tune_on_training(task)
    names = (*IMAGES, *NOISY)
    thetas = task.family.sample(len(names), seed_of(task.seed, "operators"))
    pairs = list(zip(names, thetas, strict=True))
    cases = [restore_case(task, name, theta, choice) for name, theta in tqdm(pairs, unit="image")]
    many = identify_many(task)
    return cases, report_field(cases, many, choice, task, origin, time.perf_counter() - start)


def report_field(
    cases: Sequence[FieldCase],
    many: Mapping[str, Sequence[float]],
    choice: Choice,
    task: FieldTask,
    origin: Origin,
    seconds: float,
) -> Report:
    """Make the table: a row for each method and source of the operator."""
    rows: list[dict[str, Cell]] = []
    names = [short_name(case.name) for case in cases]
    for key in cases[0].scores:
        method, source = key
        values = [case.scores[key] for case in cases]
        row: dict[str, Cell] = {"method": method, "operator": source}
        known = [case.snr[source] for case in cases] if source in cases[0].snr else None
        row["kernel SNR (dB)"] = None if known is None else float(np.mean(known))
        row["least"] = None if known is None else float(np.min(known))
        row |= {name: value.ssim for name, value in zip(names, values, strict=True)}
        clean = [value for case, value in zip(cases, values, strict=True) if case.name in IMAGES]
        row["mean SSIM"] = float(np.mean([value.ssim for value in clean]))
        row["mean PSNR (dB)"] = float(np.mean([value.psnr for value in clean]))
        times = [case.seconds[key] for case in cases if key in case.seconds]
        row["seconds"] = float(np.median(times)) if times else None
        rows.append(row)
    for source, values_db in many.items():
        row = {**dict.fromkeys(rows[0]), "method": f"identified alone, {len(values_db)} images", "operator": source}
        row |= {"kernel SNR (dB)": float(np.mean(values_db)), "least": float(np.min(values_db))}
        rows.append(row)
    notes = (
        "SSIM of each image, of the whole field; operators drawn from the family, medium noise "
        f"(alpha {NOISE[0]}, beta {NOISE[1]}), estimated from the image.",
        "Kernel SNR: mean over four places of all images, and the least image. Identified alone: images of the "
        "validation split and of scikit-image, each with its own operator.",
        f"Means are of the first {len(IMAGES)}; the others ({len(NOISY)}) are noisy themselves, by more than a tenth "
        "of their contrast, so that a method is rewarded for noise.",
        "Mean of the family: one PSF in the restorations, but varying over the field in its SNR.",
        f"Richardson-Lucy: {choice.iterations} iterations, total variation {choice.strength:g}, chosen on images "
        f"of the training split ({', '.join(TUNING)}) with their true operators.",
        "Patchwise: one local PSF for each patch of 128 pixels, from the parameters in its row.",
    )
    details = {
        "family": list(np.shape(task.family.eigen_psfs)),
        "images": [case.name for case in cases],
        "kernel_snr": {case.name: dict(case.snr) for case in cases},
        "identified_alone": {source: [round(value, 3) for value in values] for source, values in many.items()},
    }
    title = "Blurs that vary over the field, identified and removed"
    return Report("field", title, origin, seconds, tuple(rows), notes, details)


def short_name(name: str) -> str:
    """Last part of an image's name, as the head of a column."""
    return name.removeprefix("scikit-image ").split("/")[-1].removesuffix(".png")[:18]
