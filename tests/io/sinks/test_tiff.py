"""OME-TIFF files as sinks, and the choice of a sink."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_deepblur.errors import OutputError
from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.axes import frame_indices
from napari_deepblur.io.claims import partial_folder
from napari_deepblur.io.images import read_image
from napari_deepblur.io.ome_tiff import read_ome_tiff
from napari_deepblur.io.sinks import ArraySink, Form, OmeTiffSink, Sink, file_sink, sink_of

FORM = Form((2, 4, 5), "CYX", np.dtype(np.float32), 0.08)


def test_a_file_is_there_when_it_is_complete_with_what_is_known_of_it(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    sink = file_sink(path, Acquisition(na=1.3, channels=("a", "b"), pixel_size_um=(1.0, 1.0), axes="ZCYX"))
    assert sink.refusal(FORM) == ""
    sink.open(FORM)
    pixels = np.arange(40, dtype=np.float32).reshape(2, 4, 5)
    for c in range(2):
        for rows in (slice(0, 3), slice(3, 4)):
            sink.write((c,), (rows, slice(0, 5)), pixels[c, rows])
    assert not path.exists()
    np.testing.assert_array_equal(sink.finish({"made": "so"}), pixels)
    written = read_ome_tiff(path)
    np.testing.assert_array_equal(written.data, pixels)
    assert written.record == {"metadata": {"made": "so"}}
    said = written.acquisition
    assert (said.axes, said.na, said.channels, said.pixel_size_um) == ("CYX", 1.3, ("a", "b"), (0.08, 0.08))


def test_what_is_given_up_leaves_no_file(tmp_path: Path) -> None:
    sink = OmeTiffSink(tmp_path / "a.tif")
    sink.open(FORM)
    sink.write((0,), (slice(0, 4), slice(0, 5)), np.ones((4, 5), np.float32))
    sink.abandon()
    assert list(tmp_path.iterdir()) == []


def test_what_a_file_cannot_hold_is_refused(tmp_path: Path) -> None:
    sink = OmeTiffSink(tmp_path / "a.tif")
    assert "Transpose" in sink.refusal(FORM._replace(axes="YXC"))
    assert sink.refusal(FORM._replace(axes="YXS")) == ""
    # Before anything is computed: OME has no whole numbers of 64 bits.
    assert "no pixels of the type int64" in sink.refusal(FORM._replace(axes="YXS", dtype=np.dtype(np.int64)))
    assert "does not exist" in OmeTiffSink(tmp_path / "nowhere" / "a.tif").refusal(FORM)


def test_the_sink_that_is_meant(tmp_path: Path) -> None:
    given = np.zeros((2, 2))
    sink = ArraySink(given)
    assert sink_of(sink) is sink
    other = sink_of(given)
    assert isinstance(other, ArraySink) and other.array is given
    assert isinstance(sink_of(None), ArraySink)
    assert isinstance(sink_of(str(tmp_path / "a.TIF")), OmeTiffSink)
    with pytest.raises(OutputError, match=r"'.png' names none of the formats"):
        sink_of(tmp_path / "a.png")
    with pytest.raises(OutputError, match="give an array"):
        sink_of([[1, 2]])


def test_a_large_result_that_was_begun_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_deepblur.io.sinks.tiff._STORED_PIXELS", 1)
    path, made_of = tmp_path / "a.ome.tif", {"source": "x"}
    pixels = np.random.default_rng(0).random((2, 300, 280), np.float32)
    form = Form(pixels.shape, "TYX", pixels.dtype)
    first = OmeTiffSink(path, made_of=made_of)
    first.open(form)
    first.write((0,), (slice(0, 256), slice(0, 280)), pixels[0, :256])
    # As when its process dies: the lock goes, and nothing else happens.
    first._claim.give_back()
    assert not path.exists() and partial_folder(path).is_dir()
    again = OmeTiffSink(path, made_of=made_of)
    again.open(form)
    begun = again.unfinished()
    assert begun is not None
    plane, there = begun.planes((0,))
    assert there[:256].all() and not there[256:].any()
    np.testing.assert_array_equal(plane[there], pixels[0][there])
    again.write((0,), (slice(256, 300), slice(0, 280)), pixels[0, 256:])
    again.write((1,), (slice(0, 300), slice(0, 280)), pixels[1])
    np.testing.assert_array_equal(again.finish({}), pixels)
    np.testing.assert_array_equal(tifffile.imread(path), pixels)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.ome.tif"]


def test_what_was_begun_of_something_else_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_deepblur.io.sinks.tiff._STORED_PIXELS", 1)
    path, form = tmp_path / "a.ome.tif", Form((300, 280), "YX", np.dtype(np.float32))
    for source in ("x", "y"):
        sink = OmeTiffSink(path, made_of={"source": source})
        sink.open(form)
        begun = sink.unfinished()
        assert begun is not None and not begun.planes(())[1].any()
        sink.write((), (slice(0, 256), slice(0, 280)), np.ones((256, 280), np.float32))
        sink.abandon()
        assert partial_folder(path).is_dir()


@pytest.mark.parametrize("axes, shape", [("ZYX", (2, 40, 4100)), ("YX", (4099, 30)), ("YXS", (33, 4100, 3))])
def test_large_planes_have_a_pyramid(tmp_path: Path, axes: str, shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 65535, shape).astype(np.uint16)
    written = saved(OmeTiffSink(tmp_path / "a.ome.tif"), pixels, axes)
    np.testing.assert_array_equal(read_image(tmp_path / "a.ome.tif"), pixels)
    np.testing.assert_array_equal(written, pixels)
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as file:
        (series,) = file.series
        levels = [np.asarray(level.asarray()) for level in series.levels]
        assert series.axes == axes and series.pages[0].is_tiled
    assert max(levels[-1].shape) <= 512 < max(levels[-2].shape)
    # Of each level, every two by two pixels make one of the next.
    for finer, coarser in pairwise(levels):
        y = axes.index("Y")
        where = (slice(None),) * y
        whole = finer[(*where, *(slice(0, 2 * (side // 2)) for side in finer.shape[y : y + 2]))].astype(float)
        four = sum(whole[(*where, slice(i, None, 2), slice(j, None, 2))] for i in (0, 1) for j in (0, 1)) / 4
        inner = (*where, slice(0, four.shape[y]), slice(0, four.shape[y + 1]))
        np.testing.assert_array_equal(coarser[inner], np.rint(four))


@pytest.mark.parametrize(
    "axes, shape",
    [("CZYX", (2, 3, 30, 40)), ("ZCYX", (2, 3, 30, 40)), ("TYXS", (2, 30, 40, 3)), ("TCYX", (1, 2, 30, 40))],
)
def test_a_result_that_waited_in_a_folder_is_read_from_its_file(
    axes: str, shape: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_deepblur.io.sinks.tiff._STORED_PIXELS", 1)
    pixels = np.random.default_rng(0).integers(0, 65535, shape).astype(np.uint16)
    path = tmp_path / "a.ome.tif"
    result = saved(OmeTiffSink(path, made_of={"source": "x"}), pixels, axes)
    assert (result.shape, result.dtype, result.ndim) == (shape, pixels.dtype, len(shape))
    np.testing.assert_array_equal(np.asarray(result), pixels)
    for key in (0, (slice(None), 1), (..., slice(3, 9)), (0, slice(0, 1), slice(2, 5))):
        np.testing.assert_array_equal(result[key], pixels[key])
    np.testing.assert_array_equal(read_image(path), np.squeeze(pixels))
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.ome.tif"]


@pytest.mark.parametrize("axes, shape", [("ZYX", (2, 40, 4100)), ("YXS", (33, 4100, 3))])
def test_levels_are_the_same_wherever_the_result_waited(
    axes: str, shape: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.random.default_rng(0).integers(0, 65535, shape).astype(np.uint16)
    saved(OmeTiffSink(tmp_path / "memory.tif", made_of={"source": "x"}), pixels, axes)
    monkeypatch.setattr("napari_deepblur.io.sinks.tiff._STORED_PIXELS", 1)
    saved(OmeTiffSink(tmp_path / "folder.tif", made_of={"source": "x"}), pixels, axes)
    with tifffile.TiffFile(tmp_path / "memory.tif") as one, tifffile.TiffFile(tmp_path / "folder.tif") as other:
        assert len(one.series[0].levels) == len(other.series[0].levels) > 1
        for level, twin in zip(one.series[0].levels, other.series[0].levels, strict=True):
            np.testing.assert_array_equal(level.asarray(), twin.asarray())


def test_other_planes_have_none(tmp_path: Path) -> None:
    saved(OmeTiffSink(tmp_path / "a.tif"), np.zeros((4096, 3), np.float32), "YX")
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert len(file.series[0].levels) == 1


def test_pixels_are_packed_as_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.ones((2, 40, 50), np.float32)
    for name, tag in (("none", 1), ("zlib", 8)):
        saved(file_sink(tmp_path / f"{name}.tif", compression=name), pixels, "ZYX")  # type: ignore[arg-type]
        with tifffile.TiffFile(tmp_path / f"{name}.tif") as file:
            assert {page.tags["Compression"].value for page in file.pages} == {tag}
        np.testing.assert_array_equal(read_image(tmp_path / f"{name}.tif"), pixels)
    form = Form(pixels.shape, "ZYX", pixels.dtype)
    monkeypatch.setattr("napari_deepblur.io.compression.find_spec", lambda _: None)
    assert "imagecodecs, which is not installed" in OmeTiffSink(tmp_path / "a.tif", compression="zstd").refusal(form)
    strange = OmeTiffSink(tmp_path / "a.tif", compression="lossy")  # type: ignore[arg-type]
    assert "there are zlib, zstd, none" in strange.refusal(form)


def saved(sink: Sink, pixels: np.ndarray, axes: str) -> Any:
    """Write all parts of an array, each of half the rows of a plane or colour."""
    form = Form(pixels.shape, axes, pixels.dtype, 0.1)
    assert sink.refusal(form) == ""
    sink.open(form)
    for index in frame_indices(axes, pixels.shape):
        plane = pixels[(*index[:-1], ..., index[-1])] if "S" in axes else pixels[index]
        half = plane.shape[0] // 2
        for rows in (slice(0, half), slice(half, plane.shape[0])):
            sink.write(index, (rows, slice(0, plane.shape[1])), plane[rows].astype(np.float32))
    return sink.finish({})
