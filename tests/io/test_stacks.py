"""Axes of image files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_deepblur.errors import ImageError
from napari_deepblur.io.open_image import open_image
from napari_deepblur.io.stacks import read_stack

RNG = np.random.default_rng(0)


def values(*shape: int) -> np.ndarray:
    return RNG.integers(0, 255, shape).astype(np.uint8)


@pytest.mark.parametrize(
    ("shape", "options", "axes"),
    [
        ((20, 24), {}, "YX"),
        ((3, 2, 20, 24), {"imagej": True, "metadata": {"axes": "TCYX"}}, "TCYX"),
        ((3, 2, 20, 24), {"ome": True, "metadata": {"axes": "CZYX"}}, "CZYX"),
        ((5, 20, 24), {"photometric": "minisblack"}, "?YX"),
        ((20, 24, 3), {"photometric": "rgb"}, "YXS"),
        ((2, 20, 24, 3), {"ome": True, "photometric": "rgb", "metadata": {"axes": "TYXS"}}, "TYXS"),
    ],
)
def test_axes_are_those_of_the_file(tmp_path: Path, shape: tuple[int, ...], options: dict[str, object], axes: str):
    array = values(*shape)
    tifffile.imwrite(tmp_path / "stack.tif", array, **options)
    found, letters = read_stack(tmp_path / "stack.tif")
    assert letters == axes
    np.testing.assert_array_equal(found, array)


def test_planar_colours_come_last(tmp_path: Path):
    array = values(3, 20, 24)
    tifffile.imwrite(tmp_path / "planar.tif", array, photometric="rgb", planarconfig="separate")
    found, letters = read_stack(tmp_path / "planar.tif")
    assert letters == "YXS"
    np.testing.assert_array_equal(found, np.moveaxis(array, 0, -1))


def test_axes_of_length_one_go_but_rows_and_columns_stay(tmp_path: Path):
    tifffile.imwrite(tmp_path / "one.tif", values(1, 4, 1, 20, 24), imagej=True, metadata={"axes": "TZCYX"})
    assert read_stack(tmp_path / "one.tif")[1] == "ZYX"
    tifffile.imwrite(tmp_path / "row.tif", values(1, 24))
    assert read_stack(tmp_path / "row.tif")[0].shape == (1, 24)


def test_a_file_that_is_cut_while_it_is_read_is_an_error_and_ends_nothing(tmp_path: Path):
    """A mapped file would end the process by SIGBUS; so planes are read one by one, when they are asked for."""
    path = tmp_path / "series.tif"
    array = values(4, 200, 240)
    tifffile.imwrite(path, array, photometric="minisblack")
    with open_image(path) as image:
        np.testing.assert_array_equal(image[1, :3, ::2], array[1, :3, ::2])
        os.truncate(path, 80_000)
        with pytest.raises(ImageError, match="cut while it was read: plane 4"):
            image[3]


def test_other_formats_and_files_that_are_none(tmp_path: Path):
    Image.fromarray(values(20, 24, 3)).save(tmp_path / "colours.png")
    assert read_stack(tmp_path / "colours.png")[1] == "YXS"
    (tmp_path / "words.tif").write_text("no image")
    for name in ("words.tif", "absent.tif"):
        with pytest.raises(ImageError, match=name):
            read_stack(tmp_path / name)
