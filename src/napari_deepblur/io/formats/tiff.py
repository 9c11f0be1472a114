"""TIFF in all its kinds: OME (sets of files, companions, pyramids), ImageJ, LSM, STK, NDTiff, plain, BigTIFF."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_deepblur.errors import AssumptionWarning, ImageError
from napari_deepblur.io.acquisition import Acquisition, said_by
from napari_deepblur.io.formats.format import Format, Scene, chosen
from napari_deepblur.io.formats.lzw import offer_lzw
from napari_deepblur.io.formats.ome_planes import OmePlanes, missing_files, ome_images
from napari_deepblur.io.formats.tiff_levels import PlanePages, coarser_levels_of
from napari_deepblur.io.formats.tiff_metadata import tiff_metadata
from napari_deepblur.io.formats.tiff_planes import tiff_planes
from napari_deepblur.io.formats.tiff_regions import has_regions, read_region
from napari_deepblur.io.formats.tiff_series import files_of, read_series, series_of
from napari_deepblur.io.formats.tiff_structure import SIGNATURES, check_length, check_segments, count_directories
from napari_deepblur.io.formats.tiff_values import meaning, page_axes
from napari_deepblur.io.lazy_image import Index, Inner, LazyImage, ReadPart, levels_after_first
from napari_deepblur.io.ome_xml import images_of, parse_xml, read_ome_element, refuse_entities

_AXES_ORIGIN = "TIFF"


def _knows(head: bytes, path: Path) -> bool:
    return head[:4] in SIGNATURES or (head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<") and b"<OME" in head)


def _scenes(source: Path) -> Sequence[str]:
    root = ome_root(source)
    if root is not None:
        return [image.get("Name") or f"image {index}" for index, image in enumerate(images_of(root))]
    # Before tifffile goes through the planes, which it does for ever where they lead in a circle.
    count_directories(source)
    with tifffile.TiffFile(source) as file:
        return _names(series_of(file, source))


def _opened(source: Path, scene: Scene) -> LazyImage:
    offer_lzw()
    root = ome_root(source)
    if root is not None:
        return _ome(source, root, scene)
    count_directories(source)
    file = tifffile.TiffFile(source)
    try:
        series = series_of(file, source)
        names = _names(series)
        index = chosen(source, names, scene)
        read, read_part, axes, shape, dtype = read_series(series[index], source)
        lead = len(axes.removesuffix("S")) - 2
        planes = tiff_planes(series[index], source, axes[:lead], shape[:lead])
        said = said_by(_AXES_ORIGIN, str(source), axes=axes, planes=planes).or_else(tiff_metadata(file, str(source)))
        more: dict[str, Any] = {"scenes": names, "scene": index, "close": file.close, "read_part": read_part}
        more["files"] = files_of(series[index])

        def coarser() -> list[LazyImage]:
            levels = (_level(one, source, said) for one in series[index].levels[1:])
            return levels_after_first(itertools.chain([image], levels), lead)

        image: LazyImage = LazyImage(read, axes, shape, dtype, said, name=names[index], coarser=coarser, **more)
        return image
    except BaseException:
        file.close()
        raise


def _level(series: Any, source: Path, said: Acquisition) -> LazyImage:
    read, read_part, axes, shape, dtype = read_series(series, source)
    return LazyImage(read, axes, shape, dtype, said, read_part=read_part)


TIFF = Format("TIFF", _knows, _scenes, _opened)


def ome_root(source: Path) -> Element | None:
    """Parse the OME-XML of a TIFF file, of the companion that it refers to, or of a companion itself.

    Returns
    -------
    Element or None
        None where there is none, or none that describes an image.

    Raises
    ------
    ImageError
        If the XML declares entities, or refers to a companion that is missing.
    """
    with open(source, "rb") as opened:
        is_tiff = opened.read(4) in SIGNATURES
    if is_tiff:
        with tifffile.TiffFile(source) as file:
            text = file.ome_metadata
    else:
        text = source.read_text(encoding="utf-8-sig")
    if not text:
        return None
    try:
        root = parse_xml(text)
    except ImageError:
        refuse_entities(text)
        if is_tiff:
            # The pixels are not lost with the metadata: the file is read as a TIFF file without.
            return None
        raise
    only = root.find("{*}BinaryOnly")
    if only is not None:
        companion = source.parent / Path(only.get("MetadataFile", "")).name
        if not companion.is_file():
            raise ImageError(
                f"{source.name} belongs to a set whose metadata are in {companion.name}, which is not beside it. Copy "
                "all files of the set into one folder."
            )
        own = only.get("UUID", "")
        root = parse_xml(companion.read_text(encoding="utf-8-sig"))
        root.set("UUID", own)
    return root if images_of(root) else None


def _names(series: Sequence[Any]) -> list[str]:
    return [one.name or f"image {index}" for index, one in enumerate(series)]


def _ome(source: Path, root: Element, scene: Scene) -> LazyImage:
    @cache
    def count(path: Path) -> int:
        with open(path, "rb") as opened:
            return count_directories(path) if opened.read(4) in SIGNATURES else 0

    images = ome_images(root, source, count)
    names = [image.name for image in images]
    here = [place for place, image in enumerate(images) if image.here] if count(source) else []
    at = chosen(source, names, scene, here)
    planes = images[at]
    _check_set(source, planes, count)
    _warn_of_unnamed(source, images, count(source))
    files = _Files()
    try:
        read, read_part, axes, shape, dtype, pages = _planes(source, planes, files)
        said = said_by(_AXES_ORIGIN, str(source), axes=axes).or_else(
            read_ome_element(root, images_of(root)[planes.index], str(source))
        )
        own = sorted({place[0] for place in planes.places if place is not None})
        more: dict[str, Any] = {"scenes": names, "scene": at, "close": files.close, "files": own}
        more["read_part"] = read_part
        more["coarser"] = lambda: [] if pages is None else coarser_levels_of(image, pages)
        image: LazyImage = LazyImage(read, axes, shape, dtype, said, name=planes.name, **more)
        return image
    except BaseException:
        files.close()
        raise


def _check_set(source: Path, planes: OmePlanes, count: Any) -> None:
    """Compare what the XML promises with the files and directories that are there."""
    absent = missing_files(planes)
    unknown = sum(place is None for place in planes.places)
    if absent or unknown:
        listed = ", ".join(absent[:5]) + (f" and {len(absent) - 5} more" if len(absent) > 5 else "")
        what = f"{listed} are not beside it" if absent else f"it does not say where {unknown} of them are"
        raise ImageError(
            f"{source.name} promises {len(planes.places)} planes of '{planes.name}', but {what}. Copy all files of the "
            "set into one folder, or save the planes that you have by themselves."
        )
    needed: dict[Path, int] = {}
    for place in planes.places:
        if place is not None:
            needed[place[0]] = max(needed.get(place[0], 0), place[1] + 1)
    for path, most in needed.items():
        check_length(path, most, count(path), "its OME-XML")


def _warn_of_unnamed(source: Path, images: Sequence[OmePlanes], held: int) -> None:
    """Warn of planes of the file that its OME-XML does not name, and that are therefore not read."""
    named = {place[1] for image in images for place in image.places if place is not None and place[0] == source}
    if not named or held <= len(named):
        return
    with tifffile.TiffFile(source) as file:
        keys = [file.pages[number].keyframe for number in range(held) if number not in named]
        left = sum(key is None or not key.is_reduced for key in keys)
    if left:
        warnings.warn(
            f"{source.name} holds {held} planes, of which its OME-XML names {held - left}: the other {left} are not "
            "read. Was the file changed by a program that does not know OME?",
            AssumptionWarning,
            stacklevel=2,
        )


def _planes(
    source: Path, planes: OmePlanes, files: _Files
) -> tuple[Any, ReadPart | None, str, tuple[int, ...], Any, PlanePages | None]:
    places = [place for place in planes.places if place is not None]
    key = files.page(*places[0]).keyframe
    page_letters = str(key.axes).replace("Z", "")
    sides = tuple(n for n, letter in zip(key.shape, key.axes, strict=True) if letter in "YXS")
    by_file: dict[Path, set[int]] = {}
    for path, number in places:
        by_file.setdefault(path, set()).add(number)
    for path, numbers in by_file.items():
        check_segments(path, (files.page(path, number) for number in sorted(numbers)), planes.name)
    if page_letters not in ("YX", "YXS", "SYX") or math.prod(sides) != math.prod(key.shape):
        raise ImageError(f"{source} has pages with the axes {key.axes}, shape {key.shape}, which OME-TIFF has not.")
    rows, columns = (sides[page_letters.index(letter)] for letter in "YX")
    if (rows, columns) != (planes.rows, planes.columns):
        raise ImageError(
            f"{source} says in its OME-XML that planes of '{planes.name}' have {planes.rows} x {planes.columns} "
            f"pixels, but its pages have {rows} x {columns}: the metadata are of another image."
        )
    after, kept, dtype = page_axes(page_letters, sides, key, True)
    meant = meaning(page_letters, key, True)

    def page_at(index: Index) -> Any:
        return files.page(*places[int(np.ravel_multi_index(index, planes.lengths)) if index else 0])

    def read(index: Index) -> NDArray[Any]:
        page = page_at(index)
        found = page.asarray(maxworkers=1)
        if found.dtype != key.dtype or math.prod(found.shape) != math.prod(sides):
            raise ImageError(f"{source} has planes of different sizes or types in '{planes.name}'.")
        return np.asarray(meant(np.reshape(found, sides)))

    def read_part(index: Index, inner: Inner) -> NDArray[Any]:
        page = page_at(index)
        if page.keyframe.dtype != key.dtype or tuple(page.keyframe.shape) != tuple(key.shape) or not has_regions(page):
            return np.asarray(read(index)[inner])
        return np.asarray(meant(read_region(page, *inner)))

    if after.endswith("S") and kept[-1] not in (3, 4):
        lazy, axes, lengths, kind = _samples_as_channels(read, planes, kept, dtype)
        return lazy, None, axes, lengths, kind, None
    by_parts = page_letters == after == "YX" and has_regions(page_at((0,) * len(planes.lengths)))
    pages = PlanePages(page_at, page_letters, planes.axes, planes.lengths, meant)
    return read, read_part if by_parts else None, planes.axes + after, (*planes.lengths, *kept), dtype, pages


def _samples_as_channels(
    read: Any, planes: OmePlanes, kept: tuple[int, ...], dtype: Any
) -> tuple[Any, str, tuple[int, ...], Any]:
    """Treat samples that are no colours, such as two, as channels."""
    place = planes.axes.index("C")
    samples = kept[-1]
    lengths = tuple(n * samples if i == place else n for i, n in enumerate(planes.lengths))

    def sample(index: Index) -> NDArray[Any]:
        own = tuple(n // samples if i == place else n for i, n in enumerate(index))
        return np.asarray(read(own)[..., index[place] % samples])

    return sample, planes.axes + "YX", (*lengths, *kept[:-1]), dtype


class _Files:
    """The open files of a set; few at a time, as systems allow no more."""

    _MOST = 32

    def __init__(self) -> None:
        self._open: dict[Path, tifffile.TiffFile] = {}

    def page(self, path: Path, number: int) -> Any:
        file = self._open.get(path)
        if file is None:
            if len(self._open) >= self._MOST:
                self._open.pop(next(iter(self._open))).close()
            file = self._open[path] = tifffile.TiffFile(path)
        return file.pages[number]

    def close(self) -> None:
        while self._open:
            self._open.popitem()[1].close()


def stated(source: Path) -> Acquisition:
    """Read how the images of a TIFF file were taken, whether or not its pixels are all there."""
    root = ome_root(source)
    with tifffile.TiffFile(source) as file:
        if root is None:
            return tiff_metadata(file, str(source))
        return read_ome_element(root, images_of(root)[0], str(source))
