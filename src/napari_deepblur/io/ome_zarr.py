"""The attributes of OME-Zarr 0.5 that results are written with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.formats.zarr_metadata import OPTICS, OWN, PLANES
from napari_deepblur.io.zarr_places import started

_KINDS = {"T": "time", "C": "channel", "Z": "space", "Y": "space", "X": "space"}
_RGB = (("red", "FF0000"), ("green", "00FF00"), ("blue", "0000FF"), ("transparency", "FFFFFF"))


def stored_axes(axes: str) -> str:
    """Return axes as OME-Zarr orders them: time, channel, depth, rows, columns; colours are channels there."""
    return "".join(letter for letter in "TCZYX" if letter in axes.replace("S", "C"))


def image_attributes(
    name: str,
    axes: str,
    levels: Sequence[str],
    acquisition: Acquisition,
    ranges: Sequence[tuple[float, float]],
    record: Mapping[str, Any],
) -> dict[str, Any]:
    """Write all attributes of the group of an image.

    Parameters
    ----------
    name
        Of the image.
    axes
        Letters of the axes of the result, ``S`` for colours.
    levels
        Paths of the arrays, each of half the size of the one before, whose pixels are means of four.
    acquisition
        How it was taken, with the pixel size of the result.
    ranges
        Smallest and largest value of each channel.
    record
        How it was made.
    """
    letters = stored_axes(axes)
    steps: dict[str, float | None] = {"T": acquisition.time_increment_s, "Z": acquisition.plane_spacing_um}
    steps["Y"], steps["X"] = acquisition.pixel_size_um or (None, None)
    described = []
    for letter in letters:
        axis = {"name": letter.lower(), "type": _KINDS[letter]}
        if steps.get(letter):
            axis["unit"] = "second" if letter == "T" else "micrometer"
        described.append(axis)
    planes = acquisition.planes
    starts = (
        [0.0] * len(letters) if planes is None else started(planes, letters, [bool(steps.get(one)) for one in letters])
    )
    datasets = []
    for level, path in enumerate(levels):
        unit = [steps.get(letter) or 1.0 for letter in letters]
        inside = [letter in "YX" for letter in letters]
        scale = [step * 2**level if halved else step for step, halved in zip(unit, inside, strict=True)]
        transforms = [{"type": "scale", "scale": scale}]
        # The middle of a mean of pixels is not that of the first of them.
        shift = [step * (2**level - 1) / 2 if halved else 0.0 for step, halved in zip(unit, inside, strict=True)]
        shift = [start + own for start, own in zip(starts, shift, strict=True)]
        if any(shift):
            transforms.append({"type": "translation", "translation": shift})
        datasets.append({"path": path, "coordinateTransformations": transforms})
    ome: dict[str, Any] = {
        "version": "0.5",
        "multiscales": [{"name": name, "axes": described, "datasets": datasets, "type": "mean"}],
    }
    channels = _channels(axes, acquisition, ranges)
    if channels:
        ome["omero"] = {"channels": channels}
    optics = {key: getattr(acquisition, key) for key in OPTICS if getattr(acquisition, key)}
    own: dict[str, Any] = {"record": dict(record), "optics": optics}
    if planes is not None:
        own[PLANES] = planes.as_json()
    return {"ome": ome, OWN: own}


def _channels(axes: str, acquisition: Acquisition, ranges: Sequence[tuple[float, float]]) -> list[dict[str, Any]]:
    """Describe the channels; nothing where nothing is known of them."""
    count = len(ranges)
    names, colours = acquisition.channels, acquisition.channel_colours
    if "S" in axes:
        names, colours = tuple(name for name, _ in _RGB[:count]), tuple(colour for _, colour in _RGB[:count])
    if len(names) != count and len(colours) != count:
        return []
    return [
        {
            "label": names[place] if len(names) == count else "",
            "color": (colours[place] if len(colours) == count else "") or "FFFFFF",
            "active": True,
            "window": {"min": low, "max": high, "start": low, "end": high},
        }
        for place, (low, high) in enumerate(ranges)
    ]
