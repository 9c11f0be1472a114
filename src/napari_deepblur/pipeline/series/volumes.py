"""Focal stacks deblurred as volumes: a pupil found in each, and all its planes restored together."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_deepblur.checked_image import unmasked
from napari_deepblur.errors import DeepblurError, ImageError, NoiseError, OutputError, SettingsError
from napari_deepblur.identification.volumes.identify import SpecimenChoice, identify_volume_steps
from napari_deepblur.identification.volumes.results import VolumeIdentification
from napari_deepblur.io.axes import channel_of, check_axes, frame_name, other_axes, planes_last, volume_refusal
from napari_deepblur.io.json_safe import json_safe
from napari_deepblur.io.sinks import Form, Sink
from napari_deepblur.optics import KnownPupil
from napari_deepblur.pipeline.series.arrays import Frames, lazy_volume, read, whole
from napari_deepblur.pipeline.series.frames import Reuse, check_channels
from napari_deepblur.pipeline.series.told import nothing_to_deblur, passed_through
from napari_deepblur.pipeline.settings import DeblurSettings
from napari_deepblur.pipeline.volume import VolumeDeblurring, run_volume
from napari_deepblur.pipeline.volume_estimate import FEWEST_PLANES
from napari_deepblur.pipeline.volume_plan import VolumePlan, plan_volume
from napari_deepblur.progress import Progress, one_of, within
from napari_deepblur.restoration.verdict import badness

_ALL, _IDENTIFIED = 1000, 600
"""Units of progress of a run, and how many of them the identification takes."""

_NO_PIXELS = np.zeros((0, 0, 0), np.float32)
"""In place of those that are in the sink."""


@dataclass(frozen=True)
class _Stack:
    """What came of one stack: its result, what was identified in it or in the one before, and what is to be noted."""

    index: tuple[int, ...]
    result: VolumeDeblurring | None
    found: VolumeIdentification | None
    identified: bool
    note: str


def deblur_volume_steps(
    array: Frames,
    axes: str,
    settings: DeblurSettings,
    sink: Sink,
    plane_spacing_um: float | None,
    specimen: SpecimenChoice = "auto",
    psf: ArrayLike | KnownPupil | None = None,
    reuse: Reuse = "each",
) -> Generator[Progress, None, VolumeDeblurring]:
    """Deblur stacks as volumes into a sink, step by step: one stack, or those of all times, positions and channels.

    Where the settings know no coefficients, one wavefront is identified for all planes (`identify_stack`), with the
    signs of its modes; of one or two planes the ideal pupil is removed. A stack of a series that cannot be deblurred
    for what is in it is passed through and named in the notes.

    Parameters
    ----------
    array
        Anything with a shape and parts that NumPy can read; one stack of it is in memory at a time.
    axes
        Its axes: Z, Y and X, and any of T, P and C, in any order.
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
    reuse
        ``"each"``: a wavefront is identified in each stack. ``"first"``: in the first of each channel only.

    Returns
    -------
    VolumeDeblurring
        As the value of the generator.

    Raises
    ------
    SettingsError
        If the axes are not those of stacks, or the spacing is missing.
    FamilyError, ImageError, NoiseError, DeviceError, WeightsError, OutputError
        As `plan_volume`, `identify_stack` and `run_volume`; what can be known before the first step is.
    """
    check_axes(axes, array.shape)
    reason = volume_refusal(axes)
    if reason:
        raise SettingsError(reason)
    lengths = dict(zip(axes, array.shape, strict=True))
    others = other_axes(axes)
    check_channels(axes, array.shape, settings)
    stack_shape = lengths["Z"], lengths["Y"], lengths["X"]
    plans = [
        plan_volume(settings.of_channel(channel), stack_shape, plane_spacing_um, psf)
        for channel in range(1 if settings.channel_wavelengths_um is None else lengths["C"])
    ]
    ordered = planes_last(axes) if others else "ZYX"
    form = Form(tuple(lengths[a] for a in ordered), ordered, np.dtype(np.float32), settings.stated_pixel_size_um)
    reason = sink.refusal(form)
    if reason:
        raise OutputError(reason)
    indices = list(product(*(range(lengths[letter]) for letter in others)))
    stacks: list[_Stack] = []
    taken: dict[int, VolumeIdentification] = {}
    sink.open(form)
    try:
        for number, index in enumerate(indices):
            channel = channel_of(others, index)
            known = taken.get(channel) if reuse == "first" else None
            plan = plans[min(channel, len(plans) - 1)]
            stack = read(lazy_volume(array, axes, index))
            steps = _stack_steps(plan, stack, index, known, specimen, frame_name(others, index) if others else "")
            if len(indices) > 1:
                steps = one_of(steps, number, len(indices), f"{number + 1}/{len(indices)}")
            made = yield from steps
            planes = stack if made.result is None else made.result.volume
            for z, plane in enumerate(planes):
                place = iter(index)
                at = tuple(z if letter == "Z" else next(place) for letter in ordered if letter not in "YX")
                sink.write(at, whole(plane.shape), np.asarray(plane, np.float32))
            if made.found is not None:
                taken.setdefault(channel, made.found)
            # Its pixels are in the sink.
            kept = made.result if made.result is None or not others else replace(made.result, volume=_NO_PIXELS)
            stacks.append(replace(made, result=kept))
        record = _record(stacks, ordered, reuse)
        image = sink.finish(record)
    except BaseException:
        sink.abandon()
        raise
    first = next(made.result for made in stacks if made.result is not None)
    if not others:
        return replace(first, settings=record)
    verdicts = [made.result.verdict for made in stacks if made.result is not None and made.result.verdict is not None]
    first = replace(first, verdict=max(verdicts, key=badness, default=None))
    shape = tuple(lengths[letter] for letter in others)
    return replace(first, volume=image, settings=record, **_joined(stacks, shape))


def one_volume_steps(
    plan: VolumePlan, stack: NDArray[Any], known: VolumeIdentification | None, specimen: SpecimenChoice
) -> Generator[Progress, None, tuple[VolumeDeblurring, VolumeIdentification | None]]:
    """Identify the wavefront of one stack (Z, H, W), unless it is known, and restore it.

    Returns
    -------
    tuple
        The result, with its record, and what was identified or known; None where nobody looked for it.
    """
    found, done = known, 0
    if found is None and plan.theta is None and plan.family is not None and plan.shape[0] >= FEWEST_PLANES:
        noise = plan.settings.known_noise()
        steps = identify_volume_steps(unmasked(stack), plan.family, plan.spacing_um, noise, specimen)
        found = yield from within(steps, 0, _IDENTIFIED, _ALL)
        done = _IDENTIFIED
    theta = None if found is None else found.theta
    result = yield from within(run_volume(plan, stack, theta), done, _ALL, _ALL)
    asked = {"volume": True, "plane_spacing_um": plan.spacing_um, "specimen": specimen}
    return replace(result, settings={**result.settings, "axes": "ZYX", "stack": asked, **_said(found)}), found


def _stack_steps(
    plan: VolumePlan,
    stack: NDArray[Any],
    index: tuple[int, ...],
    known: VolumeIdentification | None,
    specimen: SpecimenChoice,
    name: str,
) -> Generator[Progress, None, _Stack]:
    """Identify and restore one stack; one of a series, which has a name, is passed through where that is impossible."""
    try:
        result, found = yield from one_volume_steps(plan, stack, known, specimen)
    except (ImageError, NoiseError) as error:
        if not name:
            raise
        return _Stack(index, None, None, False, passed_through(name, error))
    except DeepblurError as error:
        if not name:
            raise
        raise type(error)(f"{name}: {error}") from error
    said = "; ".join(result.settings["resolved"]["notes"])
    return _Stack(index, result, found, found is not None and known is None, f"{name}: {said}" if name and said else "")


def _record(stacks: list[_Stack], axes: str, reuse: Reuse) -> dict[str, Any]:
    """Return the record of the first stack, and what was found in each where there are several."""
    first = next((made.result for made in stacks if made.result is not None), None)
    if first is None:
        raise ImageError(nothing_to_deblur([made.note for made in stacks], "stacks"))
    record: dict[str, Any] = dict(first.settings)
    if axes != "ZYX":
        signs = [made.found.sign_probability for made in stacks if made.found is not None]
        sure = {"sign_probability": min(signs)} if signs else {}
        record |= {"axes": axes, "reuse": reuse, "frames": [_entry(made) for made in stacks]}
        record["stack"] = {**record["stack"], **sure}
        record["resolved"] = {**record["resolved"], "notes": [made.note for made in stacks if made.note]}
    return {key: json_safe(value) for key, value in record.items()}


def _entry(made: _Stack) -> dict[str, Any]:
    entry: dict[str, Any] = {"index": list(made.index), "identified": made.identified, "note": made.note}
    if made.result is None:
        return entry | {"theta": None, "theta_std": None, "noise": None, "residual": None}
    resolved, found = made.result.settings["resolved"], made.found
    std = None if found is None else found.theta_std.tolist()
    known = {name: resolved[name] for name in ("theta", "noise", "residual")}
    return entry | known | {"theta_std": std}


def _joined(stacks: list[_Stack], shape: tuple[int, ...]) -> dict[str, Any]:
    """Coefficients (..., K) and PSFs (..., P, k, l) of all stacks; NaN and zeros for those that were passed through."""
    results = [made.result for made in stacks]
    psfs = [None if result is None else result.psf for result in results]
    largest = tuple(np.max([psf.shape for psf in psfs if psf is not None], axis=0).tolist())
    psf = np.zeros((len(stacks), *largest), np.float32)
    for place, one in zip(psf, psfs, strict=True):
        if one is not None:
            middle = (slice((a - b) // 2, (a - b) // 2 + b) for a, b in zip(largest, one.shape, strict=True))
            place[tuple(middle)] = one
    joined: dict[str, Any] = {"psf": psf.reshape(*shape, *largest)}
    thetas = [None if result is None else result.theta for result in results]
    count = next((len(theta) for theta in thetas if theta is not None), None)
    if count is not None:
        unknown = np.full(count, math.nan, np.float32)
        rows = np.stack([unknown if theta is None else theta for theta in thetas])
        joined["theta"] = rows.reshape(*shape, count)
    return joined


def _said(found: VolumeIdentification | None) -> dict[str, Any]:
    """Return what was identified, for the record."""
    if found is None:
        return {}
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
