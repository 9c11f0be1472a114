"""What is said about one result: of a run of this session, or of a preview. `recorded_findings.py` reads records."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_deepblur.errors import UndersamplingWarning
from napari_deepblur.optics import Microscope
from napari_deepblur.widgets.origins import assumptions

if TYPE_CHECKING:
    from napari_deepblur.identification.results import Identification
    from napari_deepblur.optics.psf_metrics import PsfMetrics
    from napari_deepblur.optics.volume_psf_metrics import VolumePsfMetrics
    from napari_deepblur.pipeline.results import Deblurring
    from napari_deepblur.pipeline.series import History, StackDeblurring, Told
    from napari_deepblur.resolution import ResolutionGain
    from napari_deepblur.restoration.verdict import Verdict

PSF_KEY = "psf"
"""Where the record of a result keeps the numbers of its PSF."""


@dataclass(frozen=True)
class PsfNumbers:
    """Strehl ratio, and widths at half maximum with and without aberrations, in micrometres.

    Along rows and columns, and of a volume along z before them.
    """

    strehl: float
    fwhm_um: tuple[float, ...]
    ideal_fwhm_um: tuple[float, ...]

    def words(self) -> str:
        """Return one sentence."""
        *depth, rows, columns = self.fwhm_um
        if depth:
            ideal = self.ideal_fwhm_um
            return (
                f"Strehl ratio {self.strehl:.2f}; width at half maximum {columns:.3f} x {rows:.3f} µm lateral (x, y), "
                f"{depth[0]:.3f} µm axial; {(ideal[1] + ideal[2]) / 2:.3f} and {ideal[0]:.3f} µm without aberrations."
            )
        return (
            f"Strehl ratio {self.strehl:.2f}; width at half maximum {columns:.3f} x {rows:.3f} µm (columns x rows), "
            f"{sum(self.ideal_fwhm_um) / 2:.3f} µm without aberrations."
        )


@dataclass(frozen=True)
class Findings:
    """What is said about a result.

    Attributes
    ----------
    name
        Of the layer.
    verdict
        Whether it explains the image; of a series the worst.
    verdict_of
        The frame that the verdict is of, in words; empty where there is one only.
    identification
        Coefficients and noise; None where nothing was identified.
    numbers
        Of the PSF.
    resolution
        Of the image and of the result; None where it was not measured.
    metrics
        Its profiles, where they are at hand.
    volume
        The same of a PSF of three dimensions.
    remark
        What else was found of a volume, in words.
    history
        Of a series, the coefficients against its frames.
    rests_on
        The numbers that nobody has stated, in words; empty where there are none.
    is_preview
        Whether it is of a preview.
    has_residual
        Whether what is left of the image can be shown.
    """

    name: str
    verdict: Verdict | None = None
    verdict_of: str = ""
    identification: Identification | None = None
    numbers: PsfNumbers | None = None
    resolution: ResolutionGain | None = None
    metrics: PsfMetrics | None = None
    volume: VolumePsfMetrics | None = None
    remark: str = ""
    history: History | None = None
    rests_on: str = ""
    is_preview: bool = False
    has_residual: bool = False


def found_in_run(name: str, series: StackDeblurring, told: Told, rests_on: str, has_residual: bool) -> Findings:
    """Describe the result of a run, which says so much of itself."""
    found, metrics = series.first.identification, _metrics(series.first)
    return Findings(
        name=name,
        verdict=told.verdict,
        verdict_of=told.of,
        identification=found,
        numbers=_numbers(metrics),
        resolution=told.resolution,
        metrics=metrics,
        history=series.history(),
        rests_on=rests_on,
        has_residual=has_residual,
    )


def found_in_preview(name: str, result: Deblurring) -> Findings:
    """Describe a preview."""
    metrics = _metrics(result)
    return Findings(
        name=name,
        verdict=result.verdict,
        identification=result.identification,
        numbers=_numbers(metrics),
        resolution=result.resolution,
        metrics=metrics,
        rests_on=assumptions(result.settings),
        is_preview=True,
    )


def record_of(findings: Findings) -> dict[str, Any]:
    """Return what a record keeps of it beside what the run has written, JSON-safe."""
    if findings.numbers is None:
        return {}
    known = findings.numbers
    return {
        PSF_KEY: {
            "strehl": known.strehl,
            "fwhm_um": list(known.fwhm_um),
            "ideal_fwhm_um": list(known.ideal_fwhm_um),
        }
    }


def _metrics(result: Deblurring) -> PsfMetrics | None:
    """Measure the PSF that was found, with the optics that were stated."""
    from napari_deepblur.optics.psf_metrics import measure_psf

    found = result.identification
    if found is None:
        return None
    with warnings.catch_warnings():
        # The form has said so.
        warnings.simplefilter("ignore", UndersamplingWarning)
        microscope = Microscope.from_record(result.settings["settings"]["microscope"] or {})
        return measure_psf(found.psf, microscope)


def _numbers(metrics: PsfMetrics | None) -> PsfNumbers | None:
    return None if metrics is None else PsfNumbers(metrics.strehl, metrics.fwhm_um, metrics.ideal_fwhm_um)
