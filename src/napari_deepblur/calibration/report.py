"""A calibration as a page that a core facility keeps: verdict, PSFs, width over the field, and the numbers."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from html import escape

import numpy as np

from napari_deepblur.calibration.figure import figure_png, width_map_png
from napari_deepblur.calibration.results import Calibration
from napari_deepblur.calibration.verdict import SIGNS, Finding, width, worst
from napari_deepblur.operators.psf_maps import psf_maps

_STYLE = """
body { font-family: sans-serif; color: #20242c; max-width: 62rem; margin: 2rem auto; }
table { border-collapse: collapse; } td, th { padding: 0.25rem 0.75rem; text-align: left; vertical-align: top; }
tr { border-bottom: 1px solid #d5dae1; } img { max-width: 100%; }
.good { color: #1f7a36; } .warning { color: #9a5b00; } .bad { color: #b3261e; }
"""

_WORDS = {
    "good": "Nothing speaks against this calibration.",
    "warning": "Usable, with what is marked below in mind.",
    "bad": "Not to be relied on before what is marked below is mended.",
}


def report_html(found: Calibration, findings: Sequence[Finding], title: str, version: str) -> str:
    """Write a calibration as one HTML page, with its pictures inside; a browser prints it as PDF.

    Parameters
    ----------
    found
        The calibration.
    findings
        Of `judge`.
    title
        What was calibrated, in the user's words.
    version
        Of the program.
    """
    counts = [(reason, str(number)) for reason, number in found.beads.counts().items()]
    figure = picture(figure_png(found), "Eigen-PSFs, maps, errors, beads")
    body = f"""<h2>Numbers</h2>{table(_numbers(found))}
<h2>Width over the field</h2>{_map(found)}
<h2>Eigen-PSFs, maps, and beads beside the model</h2>{figure}
<h2>Beads</h2>{table(counts)}"""
    return page_html(title, "Calibration with beads", version, findings, body)


def page_html(title: str, what: str, version: str, findings: Sequence[Finding], body: str) -> str:
    """Return a whole page: the verdict, and below it what there is to see.

    Parameters
    ----------
    title
        In the user's words.
    what
        What kind of page it is.
    version
        Of the program.
    findings
        The verdict.
    body
        HTML.
    """
    level = worst(findings)
    rows = [(f"{SIGNS[one.level]} {one.title}", one.words, one.level) for one in findings]
    verdict = "".join(f'<tr class="{kind}"><th>{escape(a)}</th><td>{escape(b)}</td></tr>' for a, b, kind in rows)
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style></head><body>
<h1>{escape(title)}</h1>
<p>{escape(what)}, {date.today().isoformat()}, napari-deepblur {escape(version)}.</p>
<h2 class="{level}">{SIGNS[level]} {_WORDS[level]}</h2>
<table>{verdict}</table>
{body}
</body></html>
"""


def table(rows: Sequence[tuple[str, str]]) -> str:
    """Return a table of names and what belongs to them."""
    return f"<table>{''.join(f'<tr><th>{escape(a)}</th><td>{escape(b)}</td></tr>' for a, b in rows)}</table>"


def picture(png: bytes, words: str) -> str:
    """Return a picture that is part of the page; the words are for those who do not see it."""
    return f'<img alt="{escape(words)}" src="data:image/png;base64,{base64.b64encode(png).decode("ascii")}">'


def _numbers(found: Calibration) -> list[tuple[str, str]]:
    rows, columns = found.field_shape
    size = found.eigen_psfs.shape[-1]
    numbers = [
        ("Field", f"{rows} x {columns} pixels"),
        ("PSF", f"{size} x {size} pixels"),
        ("Eigen-PSFs, maps, planes", f"{len(found.eigen_psfs)}, {len(found.maps)}, {len(found.thetas)}"),
    ]
    if found.microscope is not None:
        numbers += [(name.replace("_", " "), str(value)) for name, value in asdict(found.microscope).items()]
    metrics = width(found)
    if metrics is not None:
        vertical, horizontal = metrics.fwhm_um
        numbers.append(("FWHM, vertical and horizontal", f"{vertical:.3f} and {horizontal:.3f} µm, sharpest plane"))
        numbers.append(("Strehl ratio", f"{metrics.strehl:.2f}, sharpest plane"))
    return numbers


def _map(found: Calibration) -> str:
    if found.microscope is None:
        return "<p>The optics were not given: pixels have no size.</p>"
    family = found.family
    # The plane with the highest peak has the smallest width: that of focus.
    maps = [psf_maps(family, theta.ravel()).fwhm_um for theta in found.thetas]
    sharp = min(maps, key=lambda widths: float(np.nan_to_num(widths, nan=np.inf).mean()))
    return picture(width_map_png(sharp, found.field_shape), "Full width at half maximum over the field")
