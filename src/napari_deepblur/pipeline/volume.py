"""The plan of a volume, executed for one stack: looked at, brought to units, restored, and put on record."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from napari_deepblur.devices import free_memory
from napari_deepblur.errors import ImageError
from napari_deepblur.identification.expectation import suspicions_of_pixels
from napari_deepblur.io.json_safe import json_safe
from napari_deepblur.noise import PoissonGaussianNoise, estimate_noise
from napari_deepblur.optics import psf_planes
from napari_deepblur.optics.volume_psf_metrics import VolumePsfMetrics, measure_volume_psf
from napari_deepblur.pipeline.named_array import of_plan
from napari_deepblur.pipeline.volume_plan import VolumePlan
from napari_deepblur.pipeline.volume_survey import VolumeSurvey, survey_volume
from napari_deepblur.progress import Progress
from napari_deepblur.restoration.verdict import Verdict, judge_volume
from napari_deepblur.restoration.volume import RestoredVolume, VolumeBlur, restore_volume_steps

_NOISE_PLANES = 5
_PEAK = 99.9
"""Percentile of a volume that becomes 1."""


@dataclass(frozen=True)
class VolumeDeblurring:
    """A restored volume and how it was made.

    Attributes
    ----------
    volume
        Restored volume, float32, shape (D, H, W): the light that each plane sends, in intensities of the stack, whose
        planes see it all at once. Of a series of stacks all of them, with the axes of the image: an array, or what the
        file holds.
    theta
        Coefficients of the pupil that was removed, (K,); None where the PSF was measured. Of a series (..., K), NaN
        where a stack was passed through.
    psf
        Its PSF, shape (P, k, l); of a series (..., P, k, l), with zeros around the smaller ones.
    settings
        JSON-safe record of everything needed to repeat the result.
    metrics
        Widths and sections of the PSF, of a series that of the first stack; None where it was measured.
    verdict
        Whether the result explains the stack; of a series the worst. None where planes are too small to tell.
    """

    volume: Any
    theta: NDArray[np.float32] | None
    psf: NDArray[np.float32]
    settings: dict[str, Any]
    metrics: VolumePsfMetrics | None = None
    verdict: Verdict | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What is said of the stack, its pupil and the run, in sentences."""
        return (*self.settings.get("pupil", {}).get("notes", ()), *self.settings["resolved"]["notes"])


def run_volume(
    plan: VolumePlan, volume: ArrayLike, theta: ArrayLike | None = None
) -> Generator[Progress, None, VolumeDeblurring]:
    """Execute a plan for one stack, step by step; closing the generator stops it and frees the device's memory.

    Parameters
    ----------
    plan
        What to do, for stacks of this shape.
    volume
        Observed stack, shape (D, H, W), any numeric type and unit.
    theta
        Coefficients that were identified in it; by default those of the settings, or those of the ideal pupil.

    Returns
    -------
    VolumeDeblurring
        As the value of the generator.

    Raises
    ------
    ImageError, NoiseError
        If the stack cannot be processed, or is not of the shape that was planned for.
    """
    volume = of_plan(volume, "ZYX", "Choose one focal stack, or rename its axes.")
    survey = survey_volume(np.asanyarray(volume), plan.model is not None)
    if survey.volume.shape != plan.shape:
        raise ImageError(f"The stack has the shape {survey.volume.shape}, but the plan was made for {plan.shape}.")
    yield Progress("noise", 0, plan.restorer.iterations)
    noise = plan.settings.known_noise() or _noise_of(survey, plan)
    coefficients, origin = _coefficients(plan, theta)
    blur = plan.blur
    if coefficients is not None and plan.model is not None:
        blur = replace(blur, planes=psf_planes(coefficients, plan.model))
    zero, top = noise.offset, float(np.percentile(survey.volume, _PEAK))
    span = max(top - zero, 1e-6 * max(abs(top), 1.0))
    unit = noise.rescaled(1 / span, -zero / span).referred_to(0.0)
    # In wide field the darkest places are lit by what is out of focus, which the model explains better than a constant
    # does: taking them for background cost 0.02 to 0.06 of correlation on simulated specimens.
    background = max((survey.darkest - zero) / span, 0.0) if plan.model is None else 0.0
    try:
        restored = yield from restore_volume_steps(
            ((survey.volume - np.float32(zero)) / np.float32(span)).astype(np.float32),
            blur,
            unit,
            plan.restorer,
            plan.device,
            plan.side,
            background=background,
            mask=survey.mask,
        )
    finally:
        free_memory(plan.device)
    result = (restored.volume * np.float32(span)).astype(np.float32)
    found = None if coefficients is None else coefficients.numpy()
    verdict = judge_volume(restored.left, unit)
    if verdict is not None:
        fullest = restored.left.image[int(np.argmax(restored.left.image.var(axis=(1, 2))))]
        verdict = replace(verdict, suspicions=suspicions_of_pixels(fullest, plan.settings.microscope, unit))
    record = _record(plan, survey, noise, found, origin, restored, zero + background * span)
    record["resolved"]["residual"] = None if verdict is None else verdict.as_record()
    metrics = _metrics(plan, blur)
    if metrics is not None:
        widths = {"fwhm_um": list(metrics.fwhm_um), "ideal_fwhm_um": list(metrics.ideal_fwhm_um)}
        record["psf"] = {"strehl": metrics.strehl, **widths}
    return VolumeDeblurring(result, found, blur.planes.numpy(), json_safe(record), metrics, verdict)


def _coefficients(plan: VolumePlan, theta: ArrayLike | None) -> tuple[Tensor | None, str]:
    """Return the coefficients of the pupil and where they are from; None where the PSF was measured.

    This is where a pupil that is identified in the stack comes in: its coefficients are handed to `run_volume`.
    """
    if plan.family is None:
        return None, "measured PSF"
    if theta is not None:
        return plan.family.check(theta), "identified"
    if plan.theta is not None:
        return plan.theta, "known"
    return torch.zeros(plan.family.n_parameters), "ideal pupil"


def _metrics(plan: VolumePlan, blur: VolumeBlur) -> VolumePsfMetrics | None:
    """Measure the PSF against that of the same optics without aberrations."""
    if plan.family is None or plan.model is None:
        return None
    ideal = psf_planes(torch.zeros(plan.family.n_parameters), plan.model)
    pixel = plan.family.microscope.pixel_size_um
    return measure_volume_psf(blur.planes.numpy(), ideal.numpy(), (plan.spacing_um, pixel, pixel))


def _noise_of(survey: VolumeSurvey, plan: VolumePlan) -> PoissonGaussianNoise:
    """Estimate the noise of some planes, and take the one that is in the middle at the mean intensity."""
    seen = [z for z in range(len(survey.volume)) if survey.mask is None or survey.mask[z].mean() > 0.5]
    chosen = sorted({seen[round(i)] for i in np.linspace(0, len(seen) - 1, _NOISE_PLANES)})
    found = [estimate_noise(survey.volume[z], plan.settings.microscope) for z in chosen]
    mean = float(survey.volume.mean())
    return sorted(found, key=lambda noise: float(noise.variance(mean)))[len(found) // 2]


def _record(
    plan: VolumePlan,
    survey: VolumeSurvey,
    noise: PoissonGaussianNoise,
    theta: NDArray[np.float32] | None,
    origin: str,
    restored: RestoredVolume,
    background: float,
) -> dict[str, Any]:
    own_version = import_module("napari_deepblur").__version__
    return {
        "schema": 2,
        "versions": {"napari-deepblur": own_version, "torch": torch.__version__, "numpy": np.__version__},
        "image": {"shape": list(plan.shape), "plane_spacing_um": plan.spacing_um},
        "settings": plan.settings.model_dump(mode="json"),
        "resolved": {
            "volume": True,
            "theta": None if theta is None else theta.tolist(),
            "pupil": origin,
            "noise": {"alpha": noise.alpha, "beta": noise.beta, "offset": noise.offset},
            "background": background,
            "iterations": restored.iterations,
            "psf_shape": list(plan.blur.planes.shape),
            "margin": list(plan.blur.margin),
            "device": str(plan.device),
            "tile": restored.side,
            "weights": plan.weights,
            "notes": [*plan.notes, *survey.notes],
        },
    }
