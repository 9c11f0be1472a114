"""ND2, of Nikon, by the package nd2: positions are a choice, and what the metadata say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.errors import ImageError
from napari_deepblur.io.acquisition import Acquisition, as_number, read_objective, said_by
from napari_deepblur.io.diagnosis import missing
from napari_deepblur.io.formats.format import Format, Scene, chosen
from napari_deepblur.io.lazy_image import Index, LazyImage
from napari_deepblur.io.modality import modality_in
from napari_deepblur.io.taken_planes import PlaneTaken, TakenPlanes

_SIGNATURES = (b"\xda\xce\xbe\x0a", b"\x00\x00\x00\x0cjP  ")
_ORIGIN = "ND2 metadata"
_MOST_ASKED = 4096
"""Frames beyond which only the first is asked where it was taken."""


def _knows(head: bytes, path: Path) -> bool:
    return head.startswith(_SIGNATURES[0]) or (head.startswith(_SIGNATURES[1]) and path.suffix.lower() == ".nd2")


def _scenes(source: Path) -> Sequence[str]:
    with _file(source) as file:
        return _names(file, source)


def _opened(source: Path, scene: Scene) -> LazyImage:
    file = _file(source)
    try:
        names = _names(file, source)
        return _image(file, source, names, chosen(source, names, scene))
    except BaseException:
        file.close()
        raise


ND2 = Format("ND2", _knows, _scenes, _opened)


def _file(source: Path) -> Any:
    if find_spec("nd2") is None:
        raise missing(source, "ND2", "nd2")
    import nd2

    return nd2.ND2File(source)


def _names(file: Any, source: Path) -> list[str]:
    count = int(file.sizes.get("P", 1))
    return [source.stem] if count == 1 else [f"position {number}" for number in range(count)]


def _image(file: Any, source: Path, names: Sequence[str], index: int) -> LazyImage:
    sizes = {d: int(n) for d, n in file.sizes.items()}
    inner = [d for d in sizes if d in "CYXS"]
    outer = [d for d in sizes if d not in "CYXS"]
    promised, found = math.prod(sizes[d] for d in outer), len(file.loop_indices)
    frames = int(file.metadata.contents.frameCount) if file.metadata and file.metadata.contents else found
    if min(found, frames) < promised:
        raise ImageError(
            f"{source} promises {promised} frames, and holds {min(found, frames)}: the acquisition was broken off, or "
            "the file was cut. Export the frames that are complete."
        )
    order = {tuple(place.get(d, 0) for d in outer): number for number, place in enumerate(file.loop_indices)}
    leading = [d for d in outer if d != "P"] + (["C"] if "C" in sizes else [])
    tail = [d for d in "YXS" if d in sizes]

    def read(position: Index) -> NDArray[Any]:
        at = dict(zip(leading, position, strict=True)) | {"P": index}
        frame = np.asarray(file.read_frame(order[tuple(at[d] for d in outer)]))
        frame = frame.reshape([sizes[d] for d in inner])
        return frame[at["C"]] if "C" in sizes else frame

    axes = "".join(d if d in "TZC" else "?" for d in leading) + "".join(tail)
    shape = [sizes[d] for d in (*leading, *tail)]

    def taken(position: Index) -> PlaneTaken:
        at = dict(zip(leading, position, strict=True)) | {"P": index}
        return _taken(file, order[tuple(at[d] for d in outer)])

    # All channels of a frame are taken at one place.
    letters = [d for d in leading if d != "C"]
    lengths = [sizes[d] for d in letters]
    each = lengths if math.prod(lengths) <= _MOST_ASKED else [1] * len(lengths)
    planes = TakenPlanes.of(axes[: len(letters)], each, lambda at: taken((*at, 0) if "C" in sizes else at))
    said = _said(file, str(source), axes).or_else(said_by(_ORIGIN, str(source), planes=planes))
    return LazyImage(
        read, axes, shape, file.dtype, said, name=names[index], scenes=names, scene=index, close=file.close
    )


def _taken(file: Any, frame: int) -> PlaneTaken:
    """Return where the stage was at a frame, and when."""
    channels = getattr(file.frame_metadata(frame), "channels", None) or ()
    if not channels:
        return PlaneTaken()
    place = getattr(channels[0].position, "stagePositionUm", None)
    z, y, x = (None if place is None else as_number(getattr(place, axis)) for axis in "zyx")
    milliseconds = as_number(getattr(channels[0].time, "relativeTimeMs", None))
    return PlaneTaken(z, y, x, None if milliseconds is None else 1e-3 * milliseconds)


def _said(file: Any, source: str, axes: str) -> Acquisition:
    values: dict[str, Any] = {}
    named: dict[str, Any] = {}
    channels = list(getattr(file.metadata, "channels", None) or ())
    if channels:
        volume, scope = channels[0].volume, channels[0].microscope
        sides, calibrated = volume.axesCalibration, volume.axesCalibrated
        if calibrated[0] and calibrated[1]:
            values["pixel_size_um"] = (float(sides[1]), float(sides[0]))
        if "Z" in axes and calibrated[2]:
            values["plane_spacing_um"] = float(sides[2])
        values["na"] = scope.objectiveNumericalAperture
        values["n_immersion"] = scope.immersionRefractiveIndex
        named |= read_objective(scope.objectiveName or "")
        waves = [channel.channel.emissionLambdaNm for channel in channels]
        values["wavelengths_um"] = tuple(1e-3 * value if value else None for value in waves)
        values["channels"] = tuple(str(channel.channel.name) for channel in channels)
        # OME has LaserScanningConfocal, Nikon laserScanConfocal.
        values["modality"] = modality_in(*(flag for one in channels for flag in one.microscope.modalityFlags or ()))
    for loop in file.experiment or ():
        period = getattr(loop.parameters, "periodMs", 0) if loop.type == "TimeLoop" else 0
        if period:
            values["time_increment_s"] = 1e-3 * float(period)
    said = said_by(_ORIGIN, source, **values).or_else(said_by("engraving", source, **named))
    return said_by("ND2", source, axes=axes).or_else(said)
