"""What the record of a result says about it: of a layer from a file, of a volume, of whatever has no more than that."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_deepblur.errors import DeepblurError, UndersamplingWarning
from napari_deepblur.identification.results import Identification
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.pipeline.parts import FieldZernikeBlur, ZernikeBlur
from napari_deepblur.pipeline.series import history_of, told_in
from napari_deepblur.pipeline.settings import DeblurSettings
from napari_deepblur.widgets.deblur.findings import PSF_KEY, Findings, PsfNumbers
from napari_deepblur.widgets.layers import METADATA_KEY
from napari_deepblur.widgets.origins import assumptions

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_deepblur.optics.volume_psf_metrics import VolumePsfMetrics
    from napari_deepblur.pipeline.series import History
    from napari_deepblur.pipeline.volume import VolumeDeblurring


def found_in_volume(name: str, record: Mapping[str, Any], metrics: VolumePsfMetrics | None) -> Findings:
    """Describe the result of a run on a volume, by its record and its PSF."""
    return replace(_found(name, record), volume=metrics)


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
    told, resolved = told_in(record), record["resolved"]
    try:
        history = history_of(record)
    except (DeepblurError, KeyError, TypeError, ValueError, AttributeError):
        history = None
    return Findings(
        name=name,
        verdict=told.verdict,
        verdict_of=told.of,
        identification=None if history is None else _recorded_identification(record, resolved, history),
        numbers=_recorded_numbers(record.get(PSF_KEY)),
        resolution=told.resolution,
        history=history,
        rests_on=assumptions(record),
        remark=_remark(record, resolved),
    )


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
