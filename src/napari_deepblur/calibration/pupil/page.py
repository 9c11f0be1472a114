"""A pupil as a page that a core facility keeps: verdict, PSFs, wavefront, and the numbers."""

from __future__ import annotations

from dataclasses import asdict
from html import escape

from napari_deepblur.calibration.pupil.figure import pupil_png
from napari_deepblur.calibration.pupil.results import PupilRetrieval
from napari_deepblur.calibration.pupil.verdict import PupilWidths, judge_pupil, pupil_widths
from napari_deepblur.calibration.report import page_html, picture, table


def pupil_html(found: PupilRetrieval, title: str, version: str) -> str:
    """Write a pupil as one HTML page, with its pictures inside; a browser prints it as PDF.

    Parameters
    ----------
    found
        The pupil.
    title
        What was measured, in the user's words.
    version
        Of the program.
    """
    widths = pupil_widths(found)
    names = zip(found.modes, found.parameter_names, strict=True)
    named = [f"Noll {j} {'' if name.startswith('Noll') else name}" for j, name in names]
    waves = [(name, f"{c:+.4f} ± {std:.4f}") for name, c, std in zip(named, found.theta, found.theta_std, strict=True)]
    passed = zip(found.amplitude_modes, found.amplitude, found.amplitude_std, strict=True)
    through = [(f"Noll {j}", f"{c:+.4f} ± {std:.4f}") for j, c, std in passed]
    body = f"""<h2>Numbers</h2>{table(_numbers(found, widths))}
<h2>Measured and modelled PSF, and the pupil</h2>{picture(pupil_png(found), "PSFs through focus, wavefront")}
<h2>Wavefront (waves RMS)</h2>{table(waves)}
<h2>Transmission</h2>{table(through) if through else "<p>Taken to be that of an aplanatic objective.</p>"}
{"".join(f"<p>{escape(note)}</p>" for note in found.notes)}"""
    return page_html(title, "Pupil from a stack of beads", version, judge_pupil(found, widths), body)


def _numbers(found: PupilRetrieval, widths: PupilWidths) -> list[tuple[str, str]]:
    depth, side = found.measured.shape[:2]
    said = [
        (f"FWHM along {name}", f"measured {measured:.3f}, modelled {modelled:.3f}, without aberrations {ideal:.3f} µm")
        for name, measured, modelled, ideal in zip("zyx", *widths, strict=True)
    ]
    return [
        *said[::-1],
        ("Wavefront", f"{found.rms:.3f} waves RMS"),
        ("PSF", f"{depth} planes {found.plane_spacing_um:g} µm apart, {side} x {side} pixels"),
        *((name.replace("_", " "), str(value)) for name, value in asdict(found.microscope).items()),
    ]
