"""Series, stacks, channels and colours: deblurred frame by frame, and never in memory all at once."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.errors import DeepblurError, ImageError, SettingsError
from napari_deepblur.identification.plane_signs import signed_planes
from napari_deepblur.identification.results import Identification
from napari_deepblur.operators import OperatorFamily
from napari_deepblur.pipeline.plan import Plan, plan
from napari_deepblur.pipeline.results import Deblurring
from napari_deepblur.pipeline.run import run
from napari_deepblur.pipeline.series.arrays import LUMINANCE, Frames, read_frame
from napari_deepblur.pipeline.series.axes import OPTICS, check_axes, frame_indices, frame_name, leading
from napari_deepblur.pipeline.series.history import History, history_of
from napari_deepblur.pipeline.settings import DeblurSettings
from napari_deepblur.progress import Progress, one_of

Reuse = Literal["each", "first"]
"""Identify the blur of each frame, or once for all frames of the same light."""


@dataclass(frozen=True)
class Frame:
    """One frame of the result.

    Attributes
    ----------
    index
        Its position along the leading axes.
    image
        Restored plane (rows, columns), in the units of the input; the input itself where there was nothing to restore.
    result
        All about it; None where it was passed through.
    identified
        Whether the blur was identified on this frame, and not taken over from another.
    note
        What was done otherwise than asked for, in words.
    """

    index: tuple[int, ...]
    image: NDArray[np.float32]
    result: Deblurring | None
    identified: bool
    note: str


@dataclass(frozen=True)
class Series:
    """All frames have been deblurred.

    Attributes
    ----------
    first
        Result of the first frame that was not passed through.
    settings
        Of the run.
    record
        JSON-safe: that of `first`, with axes, and what was found for each frame.
    notes
        Of all frames, each with the frame's name.
    family
        The blurs that were possible.
    """

    first: Deblurring
    settings: DeblurSettings
    record: dict[str, Any]
    notes: tuple[str, ...]
    family: OperatorFamily

    def history(self) -> History | None:
        """Return the coefficients frame by frame; None where no blur was identified."""
        return None if self.first.identification is None else history_of(self.record)


def deblur_frames(
    array: Frames,
    axes: str,
    settings: DeblurSettings,
    reuse: Reuse = "each",
    family: OperatorFamily | None = None,
) -> Iterator[Frame]:
    """Deblur an array of any number of axes, frame by frame.

    Parameters
    ----------
    array, axes, settings, reuse, family
        As in `deblur_frames_steps`.

    Returns
    -------
    Iterator of Frame
        In the order of the array.
    """
    for step in deblur_frames_steps(array, axes, settings, reuse, family):
        if isinstance(step, Frame):
            yield step


def deblur_frames_steps(
    array: Frames,
    axes: str,
    settings: DeblurSettings,
    reuse: Reuse = "each",
    family: OperatorFamily | None = None,
    plane_spacing_um: float | None = None,
) -> Generator[Progress | Frame, None, Series]:
    """Deblur frame by frame, yielding progress, and each frame when it is ready.

    Each frame is read when its turn comes, and nothing is kept of it. A frame in which all pixels are equal, as where a
    series was aborted, is passed through; so is the fourth colour, the transparency.

    Parameters
    ----------
    array
        Anything with a shape and parts that NumPy can read.
    axes
        One letter of `axes.AXES` for each axis.
    settings
        Of every frame.
    reuse
        ``"each"``: the blur is identified on each frame. ``"first"``: on the first frame, for each channel and colour
        by itself, and taken over for all others; the noise is still estimated on each.
    family
        As in `plan`.
    plane_spacing_um
        Distance of the planes of a stack, where it is known. If depth is the only axis beside rows and columns, and the
        blur of each plane was identified as Zernike modes that hold for the whole field, the record then has the joint
        sign of the even modes (`identify_stack`). The pixels do not depend on it.

    Returns
    -------
    Series
        As the value of the generator.

    Raises
    ------
    ImageError, NoiseError, FamilyError, SettingsError, DeviceError, WeightsError
        Those of `plan`, and those of `run` with the name of the frame; an `ImageError` if all frames are constant.
    """
    check_axes(axes, array.shape)
    _check_channels(axes, array.shape, settings)
    made = plan(settings, (array.shape[axes.index("Y")], array.shape[axes.index("X")]), family)
    of_light: dict[int, Plan] = {}
    indices = list(frame_indices(axes, array.shape))
    first: Deblurring | None = None
    found: dict[tuple[int, ...], Identification] = {}
    entries: list[dict[str, Any]] = []
    notes: list[str] = []
    for number, index in enumerate(indices):
        name = frame_name(axes, index)
        plane = read_frame(array, axes, index)
        if _is_transparency(axes, index):
            frame = Frame(index, plane.astype(np.float32), None, False, "")
        elif len(indices) > 1 and _is_constant(plane):
            note = f"{name}: all pixels are {plane.flat[0]:g}, passed through"
            frame = Frame(index, plane.astype(np.float32), None, False, note)
        else:
            light = tuple(i for i, letter in zip(index, leading(axes), strict=True) if letter in OPTICS)
            known = found.get(light) if reuse == "first" else None
            try:
                channel = channel_of(axes, index)
                if channel not in of_light:
                    of_light[channel] = made.of_channel(channel)
                steps = run(of_light[channel], plane, known)
                if len(indices) > 1:
                    steps = one_of(steps, number, len(indices), f"{number + 1}/{len(indices)}")
                result = yield from steps
            except DeepblurError as error:
                if len(indices) == 1:
                    raise
                raise type(error)(f"{name}: {error}") from error
            first = first or result
            if result.identification is not None:
                found.setdefault(light, result.identification)
            said = "; ".join(result.settings["resolved"]["notes"])
            frame = Frame(index, result.image, result, known is None, f"{name}: {said}" if said else "")
        entries.append(_entry(frame))
        notes += [frame.note] if frame.note else []
        yield frame
    if first is None:
        raise ImageError(
            f"In each of the {len(indices)} frames all pixels have the same value: there is nothing to deblur."
        )
    record = {**first.settings, "axes": axes, "reuse": reuse, "frames": entries}
    record["settings"] = settings.model_dump(mode="json")
    if first.identification is not None:
        record["parameter_names"] = list(first.identification.parameter_names)
    record["image"] = {"shape": [int(length) for length in array.shape]}
    if plane_spacing_um and leading(axes) == "Z":
        record |= signed_planes(entries, made.family, plane_spacing_um)
    return Series(first, settings, record, tuple(notes), made.family)


def channel_of(axes: str, index: Sequence[int]) -> int:
    """Return the number of a frame's channel; 0 where there are none."""
    return index[leading(axes).index("C")] if "C" in axes else 0


def _check_channels(axes: str, shape: Sequence[int], settings: DeblurSettings) -> None:
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


def _entry(frame: Frame) -> dict[str, Any]:
    entry: dict[str, Any] = {"index": list(frame.index), "identified": frame.identified, "note": frame.note}
    if frame.result is None:
        return entry | {"theta": None, "theta_std": None, "noise": None}
    found, resolved = frame.result.identification, frame.result.settings["resolved"]
    std = None if found is None else found.theta_std.tolist()
    return entry | {"theta": resolved["theta"], "theta_std": std, "noise": resolved["noise"]}
