"""A part of a plane of a file is what slicing the whole plane gives, and is read without the rest of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.lazy_image import LazyImage, reads_parts
from napari_deepblur.io.open_image import open_image

PLANES = np.random.default_rng(0).integers(0, 4000, (2, 300, 200)).astype(np.uint16)
PLACES = [(1, slice(40, 171), slice(33, 150)), (0, slice(250, 300), slice(0, 200)), (slice(0, 2), slice(3, 9), 7)]


def _plain(path: Path) -> None:
    tifffile.imwrite(path, PLANES, photometric="minisblack")


def _strips(path: Path) -> None:
    tifffile.imwrite(path, PLANES, photometric="minisblack", compression="zlib", rowsperstrip=64)


def _tiles(path: Path) -> None:
    tifffile.imwrite(path, PLANES, photometric="minisblack", compression="zlib", tile=(64, 48))


def _ome(path: Path) -> None:
    tifffile.imwrite(path, PLANES, ome=True, metadata={"axes": "TYX"}, tile=(128, 128), compression="zlib")


def _zarr(path: Path) -> None:
    import zarr

    group = zarr.open_group(str(path), mode="w", zarr_format=3)
    group.create_array("0", data=PLANES, chunks=(1, 64, 64), dimension_names=["t", "y", "x"])
    axes = [{"name": "t", "type": "time"}, *({"name": name, "type": "space"} for name in "yx")]
    scale = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1.0, 1.0, 1.0]}]}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"name": "image", "axes": axes, "datasets": [scale]}]}


@pytest.mark.parametrize(
    ("name", "write"),
    [("a.tif", _plain), ("a.tif", _strips), ("a.tif", _tiles), ("a.ome.tif", _ome), ("a.ome.zarr", _zarr)],
)
def test_parts_of_planes(
    name: str, write: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / name)
    with open_image(tmp_path / name) as image:
        assert reads_parts(image) and reads_parts(image.transpose((0, 1, 2)))
        np.testing.assert_array_equal(np.asarray(image), PLANES)
        monkeypatch.setattr(LazyImage, "_plane", lambda *_: pytest.fail("all of the plane was read"))
        for place in PLACES[:2]:
            np.testing.assert_array_equal(image[place], PLANES[place])
        monkeypatch.undo()
        np.testing.assert_array_equal(image[PLACES[2]], PLANES[PLACES[2]])
        np.testing.assert_array_equal(image[1, 5:200:3, ::-1], PLANES[1, 5:200:3, ::-1])


def test_one_large_strip_is_read_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_deepblur.io.formats.tiff_regions._MOST_PIXELS", 1000)
    _strips(tmp_path / "a.tif")
    with open_image(tmp_path / "a.tif") as image:
        assert not reads_parts(image)
        np.testing.assert_array_equal(image[PLACES[0]], PLANES[PLACES[0]])


def test_arrays_and_planes_without_parts() -> None:
    def read(index: tuple[int, ...]) -> NDArray[Any]:
        return np.asarray(PLANES[index])

    assert reads_parts(PLANES)
    assert not reads_parts(LazyImage(read, "TYX", PLANES.shape, PLANES.dtype, Acquisition()))
