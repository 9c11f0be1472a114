"""OME-TIFF: what is written comes back to the last bit, and other programs read what concerns them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_deepblur.errors import ImageError, OutputError
from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.acquisition_files import read_acquisition
from napari_deepblur.io.ome_tiff import is_ome_tiff, read_ome_tiff, write_ome_tiff

RANDOM = np.random.default_rng(0)
OPTICS: dict[str, Any] = {
    "pixel_size_um": (0.1, 0.065), "plane_spacing_um": 0.3, "na": 1.2, "n_immersion": 1.334,
    "wavelengths_um": (0.509, 0.461), "channels": ("GFP", "<DAPI> & \"µ\""),
    "channel_colours": ("00FF00", "FF8001"),
}  # fmt: skip
RECORD = {"settings": {"theta": [0.1, -1e-7], "path": "C:\\cells & <more>/µ.tif\x07"}, "nested": {"a": [None, True]}}


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "i4", "f4", "f8"])
def test_everything_comes_back_as_it_was(tmp_path: Path, dtype: str) -> None:
    data = (RANDOM.standard_normal((3, 2, 17, 20)) * 100).astype(dtype)
    path = tmp_path / "stack.ome.tif"
    write_ome_tiff(path, data, Acquisition(axes="ZCYX", **OPTICS), name="cells <1>", record=RECORD)
    back = read_ome_tiff(path)
    np.testing.assert_array_equal(back.data, data)
    assert back.data.dtype == data.dtype
    assert back.name == "cells <1>"
    assert back.record == RECORD
    for name, value in OPTICS.items():
        if name not in ("channels", "channel_colours"):
            assert getattr(back.acquisition, name) == pytest.approx(value), name
    assert back.acquisition.channels == OPTICS["channels"]
    assert back.acquisition.channel_colours == OPTICS["channel_colours"]
    assert back.acquisition.axes == "ZCYX"
    assert set(back.acquisition.origins.values()) == {"OME-XML", "TIFF"}


def test_other_programs_read_valid_ome_xml_and_a_resolution(tmp_path: Path) -> None:
    path = tmp_path / "plane.ome.tif"
    write_ome_tiff(path, RANDOM.random((18, 20), np.float32), Acquisition(axes="YX", **OPTICS), record=RECORD)
    with tifffile.TiffFile(path) as file:
        assert file.is_ome
        assert file.series[0].axes == "YX"
        assert file.pages.first.compression == tifffile.COMPRESSION.ADOBE_DEFLATE
        height, width = (1e4 * d / n for n, d in (file.pages.first.tags[f"{a}Resolution"].value for a in "YX"))
        root = tifffile.xml2dict(file.ome_metadata)["OME"]
    assert (height, width) == pytest.approx((0.1, 0.065), rel=1e-5)
    # In the order of the schema.
    assert [name for name in root if name in ("Instrument", "Image", "StructuredAnnotations")] == [
        "Instrument", "Image", "StructuredAnnotations",
    ]  # fmt: skip
    assert [name for name in root["Image"] if name[0].isupper() and name not in ("ID", "Name")] == [
        "InstrumentRef", "ObjectiveSettings", "Pixels", "AnnotationRef",
    ]  # fmt: skip
    assert root["Instrument"]["Objective"]["LensNA"] == 1.2


def test_what_is_unknown_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "plane.ome.tif"
    write_ome_tiff(path, np.ones((18, 20), np.uint8), Acquisition(axes="YX"))
    found = read_ome_tiff(path)
    assert found.record is None
    assert dict(found.acquisition.origins) == {"axes": "TIFF"}


def test_planes_are_read_one_at_a_time(tmp_path: Path) -> None:
    class Lazy:
        shape, ndim, dtype = (4, 18, 20), 3, np.dtype(np.float32)

        def __getitem__(self, index: tuple[int, ...]) -> np.ndarray:
            (plane,) = index
            return np.full((18, 20), plane, np.float32)

        def __array__(self, *_: object, **__: object) -> np.ndarray:
            raise MemoryError("all at once")

    write_ome_tiff(tmp_path / "lazy.ome.tif", Lazy(), Acquisition(axes="TYX"))
    back = read_ome_tiff(tmp_path / "lazy.ome.tif").data
    np.testing.assert_array_equal(back, np.arange(4)[:, None, None] * np.ones((1, 18, 20)))


def test_colours_and_half_precision(tmp_path: Path) -> None:
    colours = RANDOM.integers(0, 255, (18, 20, 3)).astype(np.uint8)
    write_ome_tiff(tmp_path / "rgb.ome.tif", colours, Acquisition(axes="YXS"))
    back = read_ome_tiff(tmp_path / "rgb.ome.tif")
    np.testing.assert_array_equal(back.data, colours)
    assert back.acquisition.axes == "YXS"
    half = RANDOM.random((18, 20)).astype(np.float16)
    write_ome_tiff(tmp_path / "half.ome.tif", half, Acquisition(axes="YX"))
    back = read_ome_tiff(tmp_path / "half.ome.tif")
    assert back.data.dtype == np.float32
    np.testing.assert_array_equal(back.data, half)


def test_names_that_xml_cannot_hold_do_not_cost_the_image(tmp_path: Path) -> None:
    names = ("DA\x00PI", "G\udcffFP\ufffe", "ä&<\n>\U0001f52c")
    path = tmp_path / "out.ome.tif"
    write_ome_tiff(path, np.ones((3, 4, 4)), Acquisition(axes="CYX", channels=names), name="\x1b[31m", record={"a": 1})
    back = read_ome_tiff(path)
    assert back.record == {"a": 1} and back.name == "�[31m"
    assert back.acquisition.channels[:2] == ("DA�PI", "G�FP�")
    assert back.acquisition.channels[2].split() == names[2].split()


@pytest.mark.parametrize(
    ("data", "axes", "record", "words"),
    [
        (np.zeros((4, 4), np.int64), "YX", None, "type int64"),
        (np.zeros((4, 4), np.uint8), "ZYX", None, "2 axes"),
        (np.zeros((4, 4, 4), np.uint8), "YXZ", None, "dimensions must end"),
        (np.zeros((4, 4), np.uint8), "YX", {"layer": object()}, "not JSON serializable"),
    ],
)
def test_what_cannot_be_written_leaves_no_file(
    tmp_path: Path, data: np.ndarray, axes: str, record: dict[str, object] | None, words: str
) -> None:
    path = tmp_path / "out.ome.tif"
    path.write_bytes(b"old")
    with pytest.raises(OutputError, match=words):
        write_ome_tiff(path, data, Acquisition(axes=axes), record=record)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.ome.tif"]


def test_files_of_others_and_damaged_ones(tmp_path: Path) -> None:
    plain = tmp_path / "plain.tif"
    tifffile.imwrite(plain, np.zeros((4, 4), np.uint8))
    assert not is_ome_tiff(plain)
    with pytest.raises(ImageError, match="without OME-XML"):
        read_ome_tiff(plain)
    whole = tmp_path / "whole.ome.tif"
    write_ome_tiff(whole, RANDOM.random((40, 40), np.float32), Acquisition(axes="YX"), record=RECORD)
    assert is_ome_tiff(whole)
    whole.write_bytes(whole.read_bytes()[:2000])
    with pytest.raises(ImageError, match=r"cannot be read|without OME-XML"):
        read_ome_tiff(whole)
    assert read_acquisition(whole).na is None
    assert not is_ome_tiff(tmp_path / "absent.tif")
