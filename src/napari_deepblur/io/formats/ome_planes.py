"""Where the planes of an OME-TIFF image lie: which directory of which file each one is, as its OME-XML says."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

from napari_deepblur.errors import ImageError

_MOST_PLANES = 2**20
"""Planes of an image beyond which a file is not believed."""

Place = tuple[Path, int]
"""A file, and the index of a directory in it."""


@dataclass(frozen=True)
class OmePlanes:
    """The planes of one image.

    Attributes
    ----------
    index, name
        Of the image in the XML.
    axes, lengths
        Leading axes as in an array, the slowest first, and their lengths.
    places
        Where each plane lies, in the order of these axes; None where the XML does not say.
    rows, columns
        Size of a plane.
    here
        Whether one of the planes at least lies in the file that was opened.
    """

    index: int
    name: str
    axes: str
    lengths: tuple[int, ...]
    places: tuple[Place | None, ...]
    rows: int
    columns: int
    here: bool


def ome_images(root: Element, source: Path, count: Callable[[Path], int]) -> list[OmePlanes]:
    """Find the planes of all images that OME-XML describes.

    Parameters
    ----------
    root
        The parsed XML.
    source
        The file that it was read from.
    count
        Number of directories of a file; 0 for one that holds no planes, such as a companion.

    Raises
    ------
    ImageError
        If the XML is not consistent, or claims more planes than can be.
    """
    own = root.get("UUID", "")
    images = root.findall("{*}Image")
    named = {
        uuid.get("FileName", "") for uuid in root.iterfind("{*}Image/{*}Pixels/{*}TiffData/{*}UUID")
    } - {""}  # fmt: skip
    # Of a file that was renamed; its planes are meant wherever one name is given to all of them.
    renamed = len(named) == 1 and not _inside(source, next(iter(named))).is_file() and count(source) > 0
    found = []
    for index, image in enumerate(images):
        pixels = image.find("{*}Pixels")
        if pixels is None:
            continue
        name = image.get("Name") or f"image {index}"
        found.append(_planes(index, name, pixels, source, own, renamed, count))
    return found


def missing_files(planes: OmePlanes) -> list[str]:
    """Return the names of the files that an image needs and that are not there."""
    names = {place[0] for place in planes.places if place is not None}
    return sorted(path.name for path in names if not path.is_file())


def _planes(
    index: int, name: str, pixels: Element, source: Path, own: str, renamed: bool, count: Callable[[Path], int]
) -> OmePlanes:
    sizes = {letter: _whole(pixels, f"Size{letter}") for letter in "XYCZT"}
    channels = pixels.findall("{*}Channel")
    samples = _whole(channels[0], "SamplesPerPixel") if channels and channels[0].get("SamplesPerPixel") else 1
    sizes["C"] = max(sizes["C"] // samples, 1)
    order = pixels.get("DimensionOrder", "XYCZT")
    if sorted(order) != sorted("XYCZT") or not order.startswith("XY"):
        raise ImageError(f"{source} has OME-XML with the DimensionOrder {order!r}, which OME does not know.")
    total = math.prod(sizes[letter] for letter in "CZT")
    if total > _MOST_PLANES:
        raise ImageError(
            f"{source} has OME-XML that claims {total} planes. No more than {_MOST_PLANES} are believed: the file is "
            "damaged, or made to fill the memory."
        )
    places: list[Place | None] = [None] * total
    data = pixels.findall("{*}TiffData")
    work = here = 0
    for entry in data:
        file, first, at, planes = _entry(entry, order, sizes, source, own, renamed, len(data) == 1, count)
        here += file == source
        planes = min(planes, total - at)
        work += planes
        if work > 2 * total + len(data):
            raise ImageError(f"{source} has OME-XML that names planes more than once: it is damaged, and is not read.")
        places[at : at + planes] = [(file, first + k) for k in range(planes)]
    if not data:
        places, here = [(source, k) for k in range(total)], int(count(source) > 0)
    leading = order[:1:-1]
    lengths = tuple(sizes[letter] for letter in leading)
    return OmePlanes(index, name, leading, lengths, tuple(places), sizes["Y"], sizes["X"], here > 0)


def _entry(
    entry: Element, order: str, sizes: dict[str, int], source: Path, own: str, renamed: bool, only: bool,
    count: Callable[[Path], int],
) -> tuple[Path, int, int, int]:  # fmt: skip
    """Return file, first directory, first plane and number of planes of a TiffData."""
    uuid = entry.find("{*}UUID")
    file = source
    if uuid is not None and not renamed:
        named = uuid.get("FileName", "")
        mine = bool(own) and (uuid.text or "").strip() == own and count(source) > 0
        if named and not (mine and not _inside(source, named).is_file()):
            file = _inside(source, named)
            if file.is_file() and source.is_file() and file.samefile(source):
                file = source
    at, step = 0, 1
    for letter in order[2:]:
        position = _whole(entry, f"First{letter}", 0)
        if position >= sizes[letter]:
            raise ImageError(f"{source} has OME-XML that names plane {position} of {sizes[letter]} ({letter}).")
        at += step * position
        step *= sizes[letter]
    first = _whole(entry, "IFD", 0)
    if entry.get("PlaneCount") is not None:
        planes = _whole(entry, "PlaneCount")
    elif entry.get("IFD") is not None:
        planes = 1
    elif only:
        planes = step
    else:
        planes = count(file) if file.is_file() else 1
    return file, first, at, planes


def _inside(source: Path, name: str) -> Path:
    """Return the file of a set, which lies in the folder of the others: a file has no say about other folders."""
    parts: Sequence[str] = name.replace("\\", "/").split("/")
    return source.parent / parts[-1]


def _whole(element: Element, name: str, default: int | None = None) -> int:
    text = element.get(name)
    if text is None and default is not None:
        return default
    try:
        value = int(text or "")
    except ValueError:
        value = -1
    if not (0 if default is not None else 1) <= value < 2**31:
        raise ImageError(f"The OME-XML of the file states {name} {text!r}, expected a whole number.")
    return value
