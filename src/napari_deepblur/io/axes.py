"""What the axes of an array are: time, depth, channels, rows and columns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from numbers import Real

from napari_deepblur.errors import ImageError, SettingsError

AXES = {
    "T": "time",
    "P": "position",
    "Z": "depth",
    "C": "channel",
    "S": "colour",
    "Y": "rows",
    "X": "columns",
}
"""Letters of axes, as OME writes them, and their names; S, samples, are the colours of an RGB image."""

OPTICS = "CS"
"""Axes along which the light differs, and so the blur."""

_DEFAULTS = {0: "", 1: "T", 2: "TZ", 3: "TCZ", 4: "TPCZ"}
"""Leading axes of stacks that do not say what they are."""

_NAMES = {
    "t": "T", "time": "T", "frame": "T", "frames": "T", "timepoint": "T",
    "p": "P", "position": "P", "pos": "P", "scene": "P", "m": "P",
    "z": "Z", "depth": "Z", "plane": "Z", "slice": "Z",
    "c": "C", "ch": "C", "channel": "C", "channels": "C", "wavelength": "C",
    "s": "S", "rgb": "S", "colour": "S", "color": "S", "samples": "S",
    "y": "Y", "row": "Y", "rows": "Y", "height": "Y",
    "x": "X", "column": "X", "columns": "X", "width": "X",
}  # fmt: skip


def guess_axes(ndim: int, labels: Sequence[str] = (), colour: bool = False) -> str:
    """Guess the axes of an array.

    Parameters
    ----------
    ndim
        Number of axes, colours not counted.
    labels
        What the axes are called, one name each; names that say nothing, such as ``"axis -3"``, count as absent.
    colour
        Whether a last axis of three or four colours follows.

    Returns
    -------
    str
        One letter of `AXES` for each axis. Where names are absent, the last two are rows and columns.

    Raises
    ------
    ImageError
        If there are fewer than two axes, or more than can be told apart.
    """
    if not 2 <= ndim <= 2 + max(_DEFAULTS):
        raise ImageError(
            f"The image has {ndim} axes, expected two to {2 + max(_DEFAULTS)}: {', '.join(AXES.values())}."
        )
    named: list[str | None] = [axis_named(label) for label in labels] or [None] * ndim
    repeated = {letter for letter in named if letter is not None and named.count(letter) > 1}
    if len(named) != ndim or repeated or (("Y" in named) != ("X" in named)) or "S" in named:
        named = [None] * ndim
    if "Y" not in named:
        if any(named[-2:]):
            named = [None] * ndim
        named[-2:] = "YX"
    free = [letter for letter in _DEFAULTS[ndim - 2] if letter not in named]
    free += [letter for letter in "TZCP" if letter not in named and letter not in free]
    for position, letter in enumerate(named):
        if letter is None:
            named[position] = free.pop(0)
    return "".join(letter or "" for letter in named) + ("S" if colour else "")


def axis_named(name: str) -> str | None:
    """Return the letter of an axis by its name, in any case, such as ``"time"`` or ``"z"``; None for other names."""
    return _NAMES.get(name.strip().lower())


def named_axes(letters: str) -> str:
    """Guess the axes that a file leaves open, written ``?`` in its letters; raises `ImageError` as `guess_axes`.

    A section along the depth, which has columns but no rows or the other way, is no image whose blur is known: it
    raises an `ImageError`, too.
    """
    planar = letters.removesuffix("S")
    if ("Y" in planar) != ("X" in planar):
        raise ImageError(
            f"The image has the axes {planar}: it is a section along the depth, without rows (Y) or columns (X), and "
            "the blur of this program is that of planes across the light."
        )
    return guess_axes(len(planar), planar.replace("?", " "), letters.endswith("S"))


def planes_last(axes: str) -> str:
    """Return the same axes with rows, columns and then colours at the end, as image files have them."""
    return "".join(letter for letter in axes if letter not in "YXS") + "YX" + "S" * ("S" in axes)


def check_axes(axes: str, shape: Sequence[int]) -> None:
    """Raise an `ImageError` if axes do not fit a shape: unknown or repeated letters, no rows or columns, no pixels."""
    if len(axes) != len(shape):
        raise ImageError(
            f"The image has {len(shape)} axes, shape {tuple(shape)}, but {len(axes)} were named: {axes!r}."
        )
    unknown = sorted(set(axes) - set(AXES))
    if unknown:
        raise ImageError(f"Unknown axes {', '.join(unknown)} in {axes!r}, expected letters of {''.join(AXES)}.")
    if len(set(axes)) != len(axes):
        raise ImageError(f"An axis is named twice in {axes!r}: each may be there once.")
    if not {"Y", "X"} <= set(axes):
        raise ImageError(f"The axes {axes!r} lack rows (Y) or columns (X), in which the blur lives.")
    if 0 in shape:
        raise ImageError(f"The image has the shape {tuple(shape)}: there are no pixels in it.")


def check_spacing(axes: str, plane_spacing_um: float | None) -> None:
    """Raise a `SettingsError` if a distance of planes is no number, or is given for what is no single focal stack."""
    if plane_spacing_um is not None and not (isinstance(plane_spacing_um, Real) and math.isfinite(plane_spacing_um)):
        raise SettingsError(f"The plane spacing is {plane_spacing_um!r:.80}, expected a finite number of micrometres.")
    if plane_spacing_um is not None and leading(axes) != "Z":
        raise SettingsError(
            f"A plane spacing is for a stack, whose axes are ZYX, and those of the image are {axes}. Leave it "
            "out, or name the axes."
        )


def leading(axes: str) -> str:
    """Axes that are not rows or columns, in their order."""
    return "".join(letter for letter in axes if letter not in "YX")


def frame_indices(axes: str, shape: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Positions along the leading axes of all frames, the last axis fastest; one empty position for a plane."""
    lengths = [length for letter, length in zip(axes, shape, strict=True) if letter not in "YX"]
    return product(*(range(length) for length in lengths))


def frame_slices(axes: str, index: Sequence[int]) -> tuple[int | slice, ...]:
    """Index of a frame in the array."""
    return part_slices(axes, index, (slice(None), slice(None)))


def part_slices(axes: str, index: Sequence[int], region: tuple[slice, slice]) -> tuple[int | slice, ...]:
    """Index of rows and columns of a frame in the array."""
    remaining, inside = iter(index), dict(zip("YX", region, strict=True))
    return tuple(inside[letter] if letter in "YX" else next(remaining) for letter in axes)


def frame_name(axes: str, index: Sequence[int]) -> str:
    """Name of a frame for people, such as ``"time 3, channel 0"``; ``"the image"`` for a plane."""
    parts = [f"{AXES[letter]} {i}" for letter, i in zip(leading(axes), index, strict=True)]
    return ", ".join(parts) or "the image"


def channel_of(axes: str, index: Sequence[int]) -> int:
    """Return the number of a frame's channel; 0 where there are none."""
    return index[leading(axes).index("C")] if "C" in axes else 0


def other_axes(axes: str) -> str:
    """Return the axes along which there is one volume after another."""
    return "".join(letter for letter in axes if letter not in "ZYX")


def volume_refusal(axes: str) -> str:
    """Say why an image of these axes is no volume; empty where it is one, or a series of them."""
    if {"X", "Y", "Z"} <= set(axes) and "S" not in axes:
        return ""
    why = "colours are no channels of a microscope" if "S" in axes else "a volume has planes along Z"
    return (
        f"The axes of the image are {axes}, expected Z, Y and X, and perhaps T, P and C: {why}. Name the axes "
        "otherwise, or go plane by plane."
    )
