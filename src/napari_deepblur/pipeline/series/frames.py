"""Series, stacks, channels and colours: deblurred frame by frame, and never in memory all at once."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.bands import blocks
from napari_deepblur.errors import DeepblurError, ImageError, NoiseError, OutputError, SettingsError
from napari_deepblur.identification.plane_signs import signed_planes
from napari_deepblur.identification.results import Identification
from napari_deepblur.io.axes import OPTICS, channel_of, check_axes, frame_indices, frame_name, leading
from napari_deepblur.io.json_safe import json_safe
from napari_deepblur.io.sinks import ArraySink, Form, Sink
from napari_deepblur.operators import OperatorFamily
from napari_deepblur.pipeline.opened import by_regions
from napari_deepblur.pipeline.plan import Plan, plan
from napari_deepblur.pipeline.results import Deblurring
from napari_deepblur.pipeline.run import run_parts
from napari_deepblur.pipeline.series.arrays import (
    LUMINANCE,
    Frames,
    Luminance,
    read_frame,
    result_type,
    source_plane,
    whole,
)
from napari_deepblur.pipeline.series.outcome import Frame, StackDeblurring, Written
from napari_deepblur.pipeline.series.resumed import resumed
from napari_deepblur.pipeline.series.told import all_equal, nothing_to_deblur, passed_through
from napari_deepblur.pipeline.settings import DeblurSettings
from napari_deepblur.plane import SourcePlane
from napari_deepblur.progress import Progress, changed, one_of
from napari_deepblur.restoration.tiling import Part

Reuse = Literal["each", "first"]
"""Identify the blur of each frame, or once for all frames of the same light."""

Colours = Literal["each", "luminance"]
"""Deblur red, green and blue each by itself, or the luminance alone."""


Steps = Generator[Progress | Written | Frame, None, StackDeblurring]


def deblur_stack_steps(
    array: Frames,
    axes: str,
    settings: DeblurSettings,
    sink: Sink,
    reuse: Reuse = "each",
    family: OperatorFamily | None = None,
    plane_spacing_um: float | None = None,
    colours: Colours = "each",
    spread: Sink | None = None,
) -> Steps:
    """Deblur frame by frame into a sink, yielding progress, what has been written, and each frame when it is ready.

    Each frame is read when its turn comes, and nothing is kept of it. A frame that cannot be deblurred for what is in
    it (all pixels equal, as where a series was aborted; NaN; noise that cannot be estimated) is passed through and
    named in the notes; so is, without a note, the fourth colour, the transparency.

    Parameters
    ----------
    array
        Anything with a shape and parts that NumPy can read.
    axes
        One letter of `io.axes.AXES` for each axis.
    settings
        Of every frame.
    sink
        Where the result goes; given up where the run fails or is closed.
    reuse
        ``"each"``: the blur is identified on each frame. ``"first"``: on the first frame, for each channel and colour
        by itself, and taken over for all others; the noise is still estimated on each.
    family
        As in `plan`.
    plane_spacing_um
        Distance of the planes of a stack, where it is known. If depth is the only axis beside rows and columns, and the
        blur of each plane was identified as Zernike modes that hold for the whole field, the record then has the joint
        sign of the even modes (`identify_stack`). The pixels do not depend on it.
    colours
        Of an array with colours: deblur each, or the luminance alone, which has no axis of colours.
    spread
        Where the spread of each frame goes, if blurs are drawn; a new array by default. Of a frame that was passed
        through it is zero.

    Returns
    -------
    StackDeblurring
        As the value of the generator.

    Raises
    ------
    ImageError, NoiseError
        If no frame can be deblurred.
    FamilyError, SettingsError, DeviceError, WeightsError
        Those of `plan`, and those of `run` with the name of the frame.
    OutputError
        If the sink cannot take the result, before anything is computed; or where it turns out later.
    """
    check_axes(axes, array.shape)
    of_colours = {"colours": colours} if axes.endswith("S") else {}
    if colours == "luminance" and axes.endswith("S"):
        array, axes = Luminance(array), axes.removesuffix("S")
    check_channels(axes, array.shape, settings)
    made = plan(settings, (array.shape[axes.index("Y")], array.shape[axes.index("X")]), family)
    # A pixel size that was only assumed is not written as if it were known.
    own = family is not None or settings.family_file is not None
    pixel = (made.family.pixel_size_um if own else None) or settings.stated_pixel_size_um
    form = Form(tuple(array.shape), axes, result_type(axes, array), pixel)
    spread = (spread or ArraySink()) if settings.compute.draws else None
    sinks = [(sink, form), *([] if spread is None else [(spread, form._replace(dtype=np.dtype(np.float32)))])]
    reasons = [reason for one, its_form in sinks if (reason := one.refusal(its_form))]
    if reasons:
        raise OutputError(reasons[0])
    opened: list[Sink] = []
    try:
        for one, its_form in sinks:
            one.open(its_form)
            opened.append(one)
        entries: list[dict[str, Any]] = []
        notes: list[str] = []
        first: Deblurring | None = None
        with closing(_frames(array, axes, made, reuse, sink)) as steps:
            for step in steps:
                if isinstance(step, Frame):
                    first = first or step.result
                    entries.append(_entry(step))
                    notes += [step.note] if step.note else []
                    if spread is not None:
                        spread.write(step.index, whole(step.image.shape), _spread_of(step))
                yield step
        if first is None:
            raise ImageError(nothing_to_deblur(notes, "frames"))
        record = {**first.settings, "axes": axes, "reuse": reuse, **of_colours, "frames": entries}
        record["settings"] = settings.model_dump(mode="json")
        if first.identification is not None:
            record["parameter_names"] = list(first.identification.parameter_names)
        record["image"] = {"shape": [int(length) for length in array.shape]}
        if plane_spacing_um and leading(axes) == "Z":
            record |= signed_planes(entries, made.family, plane_spacing_um)
        record = json_safe(record)
        uncertain = None if spread is None else spread.finish(record | {"shows": "spread over likely blurs"})
        image = sink.finish(record)
    except BaseException:
        for one in opened:
            one.abandon()
        raise
    return StackDeblurring(image, first, settings, record, tuple(notes), made.family, uncertain)


def _frames(
    array: Frames, axes: str, made: Plan, reuse: Reuse, sink: Sink
) -> Generator[Progress | Written | Frame, None, None]:
    """Deblur and write all frames, in the order of the array."""
    of_light: dict[int, Plan] = {}
    found: dict[tuple[int, ...], Identification] = {}
    indices, large = list(frame_indices(axes, array.shape)), by_regions(made)
    for number, index in enumerate(indices):
        name = frame_name(axes, index)
        plane = source_plane(array, axes, index) if large else read_frame(array, axes, index)
        result: Deblurring | None = None
        known: Identification | None = None
        note = ""
        if _is_transparency(axes, index):
            pass
        elif len(indices) > 1 and isinstance(plane, np.ndarray) and _is_constant(plane):
            note = all_equal(name, plane.flat[0])
        else:
            light = tuple(i for i, letter in zip(index, leading(axes), strict=True) if letter in OPTICS)
            known = found.get(light) if reuse == "first" else None
            try:
                channel = channel_of(axes, index)
                if channel not in of_light:
                    of_light[channel] = made.of_channel(channel)
                chosen, blur, begun = resumed(of_light[channel], sink, index, known)
                steps = _written(run_parts(chosen, plane, blur, begun), index, sink)
                if len(indices) > 1:
                    steps = one_of(steps, number, len(indices), f"{number + 1}/{len(indices)}")
                result = yield from steps
                said = "; ".join(result.settings["resolved"]["notes"])
                note = f"{name}: {said}" if said else ""
            except (ImageError, NoiseError) as error:
                # What is wrong with one frame is not wrong with the others.
                if len(indices) == 1:
                    raise
                note = passed_through(name, error)
            except DeepblurError as error:
                if len(indices) == 1:
                    raise
                raise type(error)(f"{name}: {error}") from error
        if result is None:
            image = _passed_through(plane, index, sink)
        else:
            image = result.image
            if result.identification is not None:
                found.setdefault(light, result.identification)
        yield Frame(index, image, result, result is not None and known is None, note)


def _passed_through(plane: NDArray[Any] | SourcePlane, index: tuple[int, ...], sink: Sink) -> NDArray[np.float32]:
    """Write a frame as it is; a large one in parts, of which nothing is returned."""
    if isinstance(plane, SourcePlane):
        for place, _, _ in blocks(plane.shape):
            sink.write(index, place, plane[place])
        return np.zeros((0, 0), np.float32)
    with np.errstate(over="ignore"):
        image = plane.astype(np.float32)
    sink.write(index, whole(image.shape), image)
    return image


def _written(
    steps: Generator[Progress | Part, None, Deblurring], index: tuple[int, ...], sink: Sink
) -> Generator[Progress | Written, None, Deblurring]:
    """Write the parts of a frame as they are completed."""

    def write(step: Progress | Part) -> Progress | Written:
        if isinstance(step, Progress):
            return step
        sink.write(index, step.region, step.image)
        return Written(index, step.region)

    return changed(steps, write)


def check_channels(axes: str, shape: Sequence[int], settings: DeblurSettings) -> None:
    """Raise a `SettingsError` if there are not as many wavelengths as channels."""
    wavelengths = settings.channel_wavelengths_um
    if wavelengths is None:
        return
    channels = shape[axes.index("C")] if "C" in axes else 0
    if channels != len(wavelengths):
        has = f"{channels} channels" if channels else f"no axis of channels (C) among its axes {axes}"
        raise SettingsError(
            f"{len(wavelengths)} wavelengths were given for channels, but the image has {has}. Give one for each "
            "channel, or one for all."
        )


def _is_transparency(axes: str, index: Sequence[int]) -> bool:
    return any(letter == "S" and i == len(LUMINANCE) for letter, i in zip(leading(axes), index, strict=True))


def _is_constant(plane: NDArray[Any]) -> bool:
    return plane.size > 0 and bool((plane == plane.flat[0]).all())


def _spread_of(frame: Frame) -> NDArray[np.float32]:
    spread = None if frame.result is None else frame.result.spread
    return np.zeros(frame.image.shape, np.float32) if spread is None else spread


def _entry(frame: Frame) -> dict[str, Any]:
    entry: dict[str, Any] = {"index": list(frame.index), "identified": frame.identified, "note": frame.note}
    if frame.result is None:
        return entry | {"theta": None, "theta_std": None, "noise": None, "residual": None}
    found, resolved = frame.result.identification, frame.result.settings["resolved"]
    known = {name: resolved[name] for name in ("theta", "noise", "residual")}
    return entry | known | {"theta_std": None if found is None else found.theta_std.tolist()}
