"""A focal stack deblurred as one volume: its pupil found in it, and all planes restored together."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from napari_deepblur.checked_image import unmasked
from napari_deepblur.errors import OutputError, SettingsError
from napari_deepblur.identification.volumes.identify import SpecimenChoice, identify_volume_steps
from napari_deepblur.identification.volumes.results import VolumeIdentification
from napari_deepblur.io.axes import check_axes
from napari_deepblur.io.json_safe import json_safe
from napari_deepblur.io.sinks import Form, Sink
from napari_deepblur.optics import KnownPupil
from napari_deepblur.pipeline.series.arrays import Frames, read, whole
from napari_deepblur.pipeline.settings import DeblurSettings
from napari_deepblur.pipeline.volume import VolumeDeblurring, run_volume
from napari_deepblur.pipeline.volume_estimate import FEWEST_PLANES
from napari_deepblur.pipeline.volume_plan import plan_volume
from napari_deepblur.progress import Progress, within

_ALL, _IDENTIFIED = 1000, 600
"""Units of progress of a run, and how many of them the identification takes."""


def deblur_volume_steps(
    array: Frames,
    axes: str,
    settings: DeblurSettings,
    sink: Sink,
    plane_spacing_um: float | None,
    specimen: SpecimenChoice = "auto",
    psf: ArrayLike | KnownPupil | None = None,
) -> Generator[Progress, None, VolumeDeblurring]:
    """Deblur a stack as a volume into a sink, step by step.

    Where the settings know no coefficients, one wavefront is identified for all planes (`identify_stack`), with the
    signs of its modes; of one or two planes the ideal pupil is removed.

    Parameters
    ----------
    array
        The stack: anything with a shape and parts that NumPy can read.
    axes
        Its axes, ``"ZYX"`` in any order.
    settings
        With a Zernike blur that is the same in the whole field, or the file of a measured PSF or of a pupil.
    sink
        Where the result goes.
    plane_spacing_um
        Distance of each plane from the one before, signed, in micrometres in the immersion medium.
    specimen
        As in `identify_stack`.
    psf
        As in `plan_volume`.

    Returns
    -------
    VolumeDeblurring
        As the value of the generator.

    Raises
    ------
    SettingsError
        If the axes are not those of one stack, or the spacing is missing.
    FamilyError, ImageError, NoiseError, DeviceError, WeightsError, OutputError
        As `plan_volume`, `identify_stack` and `run_volume`; what can be known before the first step is.
    """
    check_axes(axes, array.shape)
    reason = volume_refusal(axes)
    if reason:
        raise SettingsError(reason)
    order = [axes.index(letter) for letter in "ZYX"]
    shape = tuple(array.shape[i] for i in order)
    plan = plan_volume(settings, shape, plane_spacing_um, psf)
    form = Form(shape, "ZYX", np.dtype(np.float32), settings.stated_pixel_size_um)
    reason = sink.refusal(form)
    if reason:
        raise OutputError(reason)
    stack = read(array[tuple(slice(None) for _ in axes)]).transpose(order)
    sink.open(form)
    try:
        theta, said, done = None, {}, 0
        if plan.theta is None and plan.family is not None and shape[0] >= FEWEST_PLANES:
            steps = identify_volume_steps(
                unmasked(stack), plan.family, plan.spacing_um, settings.known_noise(), specimen
            )
            found = yield from within(steps, 0, _IDENTIFIED, _ALL)
            theta, said, done = found.theta, _said(found), _IDENTIFIED
        result = yield from within(run_volume(plan, stack, theta), done, _ALL, _ALL)
        asked = {"volume": True, "plane_spacing_um": plan.spacing_um, "specimen": specimen}
        record = json_safe({**result.settings, "axes": "ZYX", "stack": asked, **said})
        for index, plane in enumerate(result.volume):
            sink.write((index,), whole(plane.shape), plane)
        sink.finish(record)
    except BaseException:
        sink.abandon()
        raise
    return replace(result, settings=record)


def volume_refusal(axes: str) -> str:
    """Say why an image of these axes is no volume; empty where it is one."""
    if sorted(axes) == ["X", "Y", "Z"]:
        return ""
    return (
        f"The axes of the image are {axes}, expected ZYX: one stack at a time is deblurred as a volume. Choose a "
        "channel and a time, or go plane by plane."
    )


def _said(found: VolumeIdentification) -> dict[str, Any]:
    """Return what was identified, for the record."""
    return {
        "pupil": {
            "specimen": found.specimen,
            "theta": found.theta.tolist(),
            "theta_std": found.theta_std.tolist(),
            "sign_probability": found.sign_probability,
            "parameter_names": list(found.parameter_names),
            "notes": list(found.notes),
        }
    }
