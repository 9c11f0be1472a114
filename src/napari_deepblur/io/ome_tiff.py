"""OME-TIFF: images that keep their units, optics, channels and the record of how they were made."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_deepblur.errors import ImageError, OutputError
from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.compression import Compression, tiff_compression
from napari_deepblur.io.diagnosis import diagnosed
from napari_deepblur.io.formats.format import Scene
from napari_deepblur.io.ome_plane_elements import plane_columns
from napari_deepblur.io.ome_xml import completed, parse_xml, read_record, xml_text
from napari_deepblur.io.open_image import open_image
from napari_deepblur.io.output import replacing

_LARGEST_CLASSIC_BYTES = 2**32 - 2**25
"""Offsets of TIFF end at 4 GB; some room is for the metadata, and for compression that makes noise longer."""

_TILE = 512
"""Side of the tiles of a pyramid, in pixels."""

_TYPES = (
    "bool",
    "int8",
    "int16",
    "int32",
    "uint8",
    "uint16",
    "uint32",
    "float32",
    "float64",
    "complex64",
    "complex128",
)
_UM_IN_CENTIMETRE = 1e4


@dataclass(frozen=True)
class OmeImage:
    """An image of an OME-TIFF file, and what the file says about it.

    Attributes
    ----------
    data
        Pixels, in the file's own type, axes as in `acquisition.axes`.
    acquisition
        How it was taken.
    name
        Name of the image; empty where it has none.
    record
        What `write_ome_tiff` was told to keep; None where the file is of another program.
    """

    data: NDArray[Any]
    acquisition: Acquisition
    name: str = ""
    record: dict[str, Any] | None = None


def write_ome_tiff(
    path: str | os.PathLike[str],
    data: Any,
    acquisition: Acquisition,
    *,
    name: str = "",
    record: Mapping[str, Any] | None = None,
    compression: Compression = "zlib",
    coarser: Sequence[Any] = (),
) -> None:
    """Write an OME-TIFF file, whole or not at all, plane by plane.

    Parameters
    ----------
    path
        The file; an existing one is replaced in one step once the new one is complete.
    data
        Pixels: an array or anything that is indexed like one, such as a dask array, of which one plane at a time is
        read. The type stays as it is, except that float16, which OME does not know, becomes float32.
    acquisition
        Axes (as many as the data have, ending with rows and columns or with rows, columns and colours), pixel size,
        plane spacing, optics and channels; what is unknown is left out. The pixel size is also written as a resolution
        in pixels per centimetre for programs that do not read OME-XML.
    name
        Name of the image.
    record
        Anything that JSON knows. Other programs ignore it.
    compression
        How the pixels are packed, without loss: ``"zlib"``, ``"zstd"``, which needs imagecodecs, or ``"none"``.
    coarser
        Copies of the data with fewer rows and columns, largest first: the levels of a pyramid (SubIFDs), with which the
        file is written in tiles. Viewers of slides ask for them.

    Raises
    ------
    OutputError
        If the file cannot be written, or OME-TIFF has no place for the axes or the type; an existing file is unharmed.
    """
    dtype = np.dtype(np.float32) if data.dtype == np.float16 else np.dtype(data.dtype)
    axes = acquisition.axes
    refused = type_refusal(path, dtype)
    if refused:
        raise OutputError(refused)
    if len(axes) != data.ndim:
        raise OutputError(
            f"{path} cannot be written: the image has {data.ndim} axes, shape {data.shape}, but its axes are {axes!r}."
        )
    size = acquisition.pixel_size_um
    options: dict[str, Any] = {}
    if size is not None:
        options = {
            "resolution": (_UM_IN_CENTIMETRE / size[1], _UM_IN_CENTIMETRE / size[0]),
            "resolutionunit": "CENTIMETER",
        }
    options |= {
        "dtype": dtype,
        "compression": tiff_compression(compression),
        "photometric": "rgb" if axes.endswith("S") else "minisblack",
    }
    size_of_all = sum(math.prod(level.shape) for level in (data, *coarser)) * dtype.itemsize
    form = {"ome": True, "bigtiff": size_of_all > _LARGEST_CLASSIC_BYTES}
    with replacing(path, keep=True) as partial:
        try:
            facts = _facts(acquisition, name, data.shape)
            if coarser:
                _write_pyramid(partial, (data, *coarser), form, options, facts)
            else:
                planes = _planes(data, dtype, axes.endswith("S"))
                tifffile.imwrite(partial, planes, shape=data.shape, metadata=facts, **form, **options)
            described = completed(_description(partial), acquisition, record)
            tifffile.tiffcomment(partial, described.encode())
        except (TypeError, ValueError, tifffile.OmeXmlError) as error:
            raise OutputError(
                f"{path} cannot be written as OME-TIFF ({error}). Expected axes such as TCZYX or YXS and a record of "
                "numbers and words."
            ) from error


def type_refusal(path: str | os.PathLike[str], dtype: np.dtype[Any]) -> str:
    """Say that OME-TIFF has no pixels of a type; empty where it has."""
    if dtype.name in _TYPES:
        return ""
    return (
        f"{path} cannot be written: OME-TIFF has no pixels of the type {dtype}. Convert the image to one of "
        f"{', '.join(_TYPES)}."
    )


def read_ome_tiff(path: str | os.PathLike[str], scene: Scene = None) -> OmeImage:
    """Read one image of an OME-TIFF file into memory.

    Parameters
    ----------
    path
        The file; of a set of files any one.
    scene
        Which of its images: an index from 0, or a name. Where a set has one image a file, it is that of the file.

    Raises
    ------
    ImageError
        If it is missing, damaged, incomplete, no OME-TIFF, or holds several images and none was chosen.
    """
    source = Path(path)
    text = _xml(source)
    with open_image(source, scene) as image:
        return OmeImage(np.asarray(image), image.acquisition, image.name, read_record(text))


def read_ome_record(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Return the record alone, which `write_ome_tiff` was told to keep; raises `ImageError` as `read_ome_tiff`."""
    return read_record(_xml(Path(path)))


def _xml(source: Path) -> str:
    if not source.is_file():
        raise ImageError(f"There is no image file {source}. Check the path.")
    with diagnosed(source), tifffile.TiffFile(source) as file:
        text = file.ome_metadata
    if not text:
        raise ImageError(f"{source} is a TIFF file without OME-XML. Open it with another reader.")
    parse_xml(text)
    return str(text)


def is_ome_tiff(path: str | os.PathLike[str]) -> bool:
    """Tell whether a file is a TIFF file with OME-XML, by its header and first description."""
    try:
        with tifffile.TiffFile(path) as file:
            return bool(file.ome_metadata)
    except Exception:
        # Whatever tifffile raises on a damaged file: it is none then.
        return False


def _write_pyramid(
    path: Path, levels: Sequence[Any], form: Mapping[str, Any], options: Mapping[str, Any], facts: Mapping[str, Any]
) -> None:
    """Write an image in tiles, each of its planes with its copies of fewer pixels below it."""
    colours = options["photometric"] == "rgb"
    with tifffile.TiffWriter(path, **form) as file:
        more: dict[str, Any] = {"subifds": len(levels) - 1, "metadata": dict(facts)}
        for level in levels:
            tiles = _tiles(level, options["dtype"], colours)
            file.write(tiles, shape=level.shape, tile=(_TILE, _TILE), **options, **more)
            more = {"subfiletype": 1, "metadata": None}


def _tiles(data: Any, dtype: np.dtype[Any], colours: bool) -> Iterator[NDArray[Any]]:
    """Yield all tiles in the order of the file, those at the end filled up with zeros."""
    shape = data.shape[: data.ndim - colours]
    for index in np.ndindex(*shape[:-2]):
        for top in range(0, shape[-2], _TILE):
            for left in range(0, shape[-1], _TILE):
                part = np.asarray(data[(*index, slice(top, top + _TILE), slice(left, left + _TILE))], dtype)
                tile = np.zeros((_TILE, _TILE, *part.shape[2:]), dtype)
                tile[: part.shape[0], : part.shape[1]] = part
                yield tile


def _planes(data: Any, dtype: np.dtype[Any], colours: bool) -> Iterator[NDArray[Any]]:
    for index in np.ndindex(*data.shape[: data.ndim - 2 - colours]):
        yield np.asarray(data[index] if index else data, dtype)


def _facts(acquisition: Acquisition, name: str, shape: tuple[int, ...]) -> dict[str, Any]:
    facts: dict[str, Any] = {"axes": acquisition.axes}
    if name:
        facts["Name"] = xml_text(name)
    if acquisition.pixel_size_um is not None:
        for axis, size in zip("YX", acquisition.pixel_size_um, strict=True):
            facts |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": "µm"}
    if acquisition.plane_spacing_um is not None:
        facts |= {"PhysicalSizeZ": acquisition.plane_spacing_um, "PhysicalSizeZUnit": "µm"}
    if acquisition.time_increment_s is not None:
        facts |= {"TimeIncrement": acquisition.time_increment_s, "TimeIncrementUnit": "s"}
    columns = {} if acquisition.planes is None else plane_columns(acquisition.planes, acquisition.axes, shape)
    if columns:
        facts["Plane"] = columns
    count = shape[acquisition.axes.index("C")] if "C" in acquisition.axes else 1
    channels: dict[str, Any] = {}
    if len(acquisition.channels) == count and any(acquisition.channels):
        channels["Name"] = [xml_text(channel) for channel in acquisition.channels]
    wavelengths = acquisition.wavelengths_um
    if len(wavelengths) == count and any(value is not None for value in wavelengths):
        channels["EmissionWavelength"] = [None if value is None else round(1e3 * value, 6) for value in wavelengths]
        channels["EmissionWavelengthUnit"] = [None if value is None else "nm" for value in wavelengths]
    if len(acquisition.channel_colours) == count:
        channels["Color"] = [_signed(colour) for colour in acquisition.channel_colours]
    if channels:
        facts["Channel"] = channels
    return facts


def _signed(colour: str) -> int | None:
    """Write an opaque colour as OME-XML does, in one signed number of 32 bits: red, green, blue, opacity."""
    if not colour:
        return None
    number = int(colour, 16) << 8 | 0xFF
    return number - 2**32 if number >= 2**31 else number


def _description(path: Path) -> str:
    with tifffile.TiffFile(path) as file:
        return str(file.ome_metadata)
