"""What is said about one result: of a run of this session, of a layer that carries a record, or of a preview."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_deepblur.errors import DeepblurError, UndersamplingWarning
from napari_deepblur.identification.results import Identification
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.optics import Microscope
from napari_deepblur.optics.psf_metrics import PsfMetrics, measure_psf
from napari_deepblur.optics.volume_psf_metrics import VolumePsfMetrics
from napari_deepblur.pipeline.parts import FieldZernikeBlur, ZernikeBlur
from napari_deepblur.pipeline.results import Deblurring
from napari_deepblur.pipeline.series import History, StackDeblurring, frame_axes, history_of
from napari_deepblur.pipeline.settings import DeblurSettings
from napari_deepblur.pipeline.volume import VolumeDeblurring
from napari_deepblur.resolution import ResolutionGain
from napari_deepblur.restoration.verdict import Verdict, badness
from napari_deepblur.widgets.layers import METADATA_KEY
from napari_deepblur.widgets.origins import assumptions

if TYPE_CHECKING:
    from napari.layers import Layer

PSF_KEY = "psf"
"""Where the record of a result keeps the numbers of its PSF."""
_LIGHTS = ("green", "yellow", "red")


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


def found_in_run(name: str, series: StackDeblurring, worst: tuple[str, Verdict] | None, has_residual: bool) -> Findings:
    """Describe the result of a run; `worst` is the verdict on the worst frame, and what the frame is called."""
    found, metrics = series.first.identification, _metrics(series.first)
    return Findings(
        name=name,
        verdict=worst[1] if worst is not None else series.first.verdict,
        verdict_of=worst[0] if worst is not None else "",
        identification=found,
        numbers=_numbers(metrics),
        resolution=series.first.resolution,
        metrics=metrics,
        history=series.history(),
        rests_on=assumptions(series.record),
        has_residual=has_residual,
    )


def found_in_volume(name: str, record: Mapping[str, Any], metrics: VolumePsfMetrics | None) -> Findings:
    """Describe the result of a run on a volume, by its record and its PSF."""
    return replace(_found(name, record), volume=metrics)


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


def found_in_volume_preview(name: str, result: VolumeDeblurring) -> Findings:
    """Describe a preview of a volume."""
    found = replace(found_in_volume(name, result.settings, result.metrics), rests_on=assumptions(result.settings))
    return replace(found, is_preview=True)


def found_in_record(layer: Layer) -> Findings | None:
    """Read what the record of a layer says; None where it carries none of a run.

    The record may come from another program or version: what cannot be understood counts as absent.
    """
    record = layer.metadata.get(METADATA_KEY)
    resolved = record.get("resolved") if isinstance(record, Mapping) else None
    if not isinstance(record, Mapping) or not isinstance(resolved, Mapping) or "preview" in record:
        return None
    return _found(str(layer.name), record)


def _found(name: str, record: Mapping[str, Any]) -> Findings:
    """Read what a record says."""
    worst, resolved = _worst_of(record), record["resolved"]
    try:
        history = history_of(record)
    except (DeepblurError, KeyError, TypeError, ValueError, AttributeError):
        history = None
    return Findings(
        name=name,
        verdict=worst[1] if worst is not None else _verdict(resolved.get("residual")),
        verdict_of=worst[0] if worst is not None else "",
        identification=None if history is None else _recorded_identification(record, resolved, history),
        numbers=_recorded_numbers(record.get(PSF_KEY)),
        resolution=ResolutionGain.from_record(resolved.get("resolution")),
        history=history,
        rests_on=assumptions(record),
        remark=_remark(record, resolved),
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


def worst_frame(verdicts: Mapping[str, Verdict]) -> tuple[str, Verdict] | None:
    """Return the frame whose verdict is the worst, and the verdict; None where there are none."""
    if not verdicts:
        return None
    return max(verdicts.items(), key=lambda entry: badness(entry[1]))


def _metrics(result: Deblurring) -> PsfMetrics | None:
    """Measure the PSF that was found, with the optics that were stated."""
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


def _recorded_numbers(kept: Any) -> PsfNumbers | None:
    try:
        widths, ideal = (tuple(map(float, kept[name])) for name in ("fwhm_um", "ideal_fwhm_um"))
        if len(widths) not in (2, 3) or len(ideal) != len(widths):
            return None
        return PsfNumbers(float(kept["strehl"]), widths, ideal)
    except (KeyError, TypeError, ValueError):
        return None


def _remark(record: Mapping[str, Any], resolved: Mapping[str, Any]) -> str:
    """Say of a volume which pupil was removed, and how sure its signs are."""
    if resolved.get("volume") is not True:
        return ""
    pupil = record.get("pupil")
    if isinstance(pupil, Mapping) and isinstance(pupil.get("sign_probability"), int | float):
        frames = record.get("frames")
        if isinstance(frames, list):
            return (
                f"{len(frames)} volumes; this is the wavefront of the first, taken for a {pupil.get('specimen')} "
                "specimen. The joint sign is right with a probability of "
                f"{_sure(record['stack'].get('sign_probability'))} in each."
            )
        return (
            f"One wavefront for all planes, taken for a {pupil.get('specimen')} specimen. The joint sign is right with "
            f"a probability of {_sure(pupil['sign_probability'])}."
        )
    return f"Pupil of all planes: {resolved.get('pupil')}."


def _sure(probability: Any) -> str:
    told = min(float(probability), 0.99)
    return f"{told:.2f}{' or more' if told == 0.99 else ''}"


def _verdict(kept: Any) -> Verdict | None:
    try:
        light, numbers = kept["light"], {name: kept.get(name) for name in ("excess", "wrong", "expected_db")}
        if light not in _LIGHTS:
            return None
        return Verdict(
            light,
            float(kept["structure"]),
            unexplained=float(kept.get("unexplained", 0.0)),
            suspicions=tuple(map(str, kept.get("suspicions", ()))),
            **{name: None if value is None else float(value) for name, value in numbers.items()},
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _worst_of(record: Mapping[str, Any]) -> tuple[str, Verdict] | None:
    from napari_deepblur.io.axes import frame_name

    frames = record.get("frames")
    if not isinstance(frames, list) or not isinstance(record.get("axes"), str) or len(frames) < 2:
        return None
    axes = frame_axes(record)
    found: dict[str, Verdict] = {}
    for entry in frames:
        verdict = _verdict(entry.get("residual")) if isinstance(entry, Mapping) else None
        if verdict is not None:
            found[frame_name(axes, entry["index"])] = verdict
    return worst_frame(found)


def _recorded_identification(
    record: Mapping[str, Any], resolved: Mapping[str, Any], history: History
) -> Identification | None:
    """Return the coefficients of the first frame; the record has no picture of their PSF."""
    from napari_deepblur.optics.zernike import is_even

    noise = resolved.get("noise")
    try:
        known = PoissonGaussianNoise(**noise) if isinstance(noise, Mapping) else PoissonGaussianNoise(0.0, 0.0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UndersamplingWarning)
            blur = DeblurSettings(**record["settings"]).blur
    except (DeepblurError, KeyError, TypeError, ValueError):
        return None
    even = np.zeros(len(history.names), bool)
    zernike = isinstance(blur, ZernikeBlur | FieldZernikeBlur)
    # The planes of a volume tell all signs.
    if isinstance(blur, ZernikeBlur) and len(blur.modes) == len(even) and "pupil" not in record:
        even = np.array([is_even(j) for j in blur.modes])
    return Identification(
        theta=history.theta[0].astype(np.float32),
        theta_std=history.theta_std[0].astype(np.float32),
        psfs=np.zeros((0, 1, 1), np.float32),
        psf_spread=np.zeros(0, np.float32),
        points=np.zeros((0, 2), np.float32),
        noise=known,
        parameter_names=history.names,
        even_modes=even,
        units="waves RMS" if zernike else "",
    )
