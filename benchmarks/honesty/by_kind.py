"""What the verdict says of images of each kind, in and out of what the program was made for: the table of a survey."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.honesty.survey import GOOD_ABOVE_DB, Size, survey
from benchmarks.reports.report import Cell, Origin, Report
from napari_deepblur.networks.expectation import WRONG_BELOW_DB

_LIGHTS = ("green", "yellow", "red")


def run_honesty(
    folder: Path, images: int, seed: int, origin: Origin, device: str = "auto", size: Size = "auto"
) -> Report:
    """Deblur images of all kinds, and compare the verdict of each with what was true.

    Parameters
    ----------
    folder
        The training folder, whose validation split is the test.
    images
        Their number: three in ten in the domain, one in ten planes of thick specimens, the others of a kind drawn at
        random.
    seed
        Of the first image; each further one has the next.
    origin
        Where the numbers come from.
    device, size
        As `napari_deepblur.deblur` takes them.

    Returns
    -------
    Report
        A row for each kind, and one for all.
    """
    start = time.perf_counter()
    rows = survey(folder, "validation", images, seed, device, size)
    return report_of(rows, images, origin, time.perf_counter() - start)


def report_of(rows: Sequence[dict[str, Any]], images: int, origin: Origin, seconds: float) -> Report:
    """Describe a survey of so many images by kind, and what became of the wrong and of the good estimates."""
    kinds = sorted({row["kind"] for row in rows})
    lines = [_line(kind, [row for row in rows if row["kind"] == kind]) for kind in kinds]
    found = np.array([row["psf_snr_db"] for row in rows])
    lights = np.array([row["light"] for row in rows])
    green = lights == "green"
    notes = [
        _share("wrong", f"PSF SNR under {WRONG_BELOW_DB:g} dB", green[found < WRONG_BELOW_DB]),
        _share("good", f"over {GOOD_ABOVE_DB:g} dB", green[found > GOOD_ABOVE_DB]),
        "Odds: probability that the estimate is wrong, as the program says it. Correlation: of image and result with "
        "the sharp scene.",
        "Kinds, and how each is made: `benchmarks/honesty/kinds.py`. What was learned from other images: "
        "`benchmarks/results/honesty.md`.",
    ]
    refused = images - len(rows)
    if refused:
        notes.append(f"{refused} of {images} images were refused.")
    details = {name: [row[name] for row in rows] for name in ("kind", "psf_snr_db", "light", "odds")}
    return Report(
        "honesty-kinds",
        "The verdict on images of many kinds",
        origin,
        seconds,
        (*lines, _line("all", rows)),
        tuple(notes),
        details,
    )


def _line(kind: str, rows: Sequence[dict[str, Any]]) -> dict[str, Cell]:
    def mean(name: str) -> float:
        return float(np.mean([row[name] for row in rows]))

    found = [float(row["psf_snr_db"]) for row in rows]
    lights = [row["light"] for row in rows]
    return {
        "kind": kind,
        "images": len(rows),
        "PSF SNR (dB)": mean("psf_snr_db"),
        "wrong": sum(db < WRONG_BELOW_DB for db in found),
        **{light: lights.count(light) for light in _LIGHTS},
        "wrong and green": sum(
            light == "green" and db < WRONG_BELOW_DB for light, db in zip(lights, found, strict=True)
        ),
        "mean odds": mean("odds"),
        "correlation before": mean("correlation_before"),
        "after": mean("correlation"),
    }


def _share(name: str, words: str, green: Any) -> str:
    share = f" ({green.mean():.0%})" if len(green) else ""
    return f"Of {len(green)} {name} estimates ({words}) {int(green.sum())} are green{share}."
