"""OME-Zarr folders as sinks: what goes in comes out, and nothing half-done has the final name."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_deepblur.errors import OutputError
from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.compression import Compression
from napari_deepblur.io.formats.zarr import read_store_record
from napari_deepblur.io.open_image import open_image
from napari_deepblur.io.sinks import Form, OmeZarrSink, file_sink, sink_of
from napari_deepblur.io.sinks.base import Region
from napari_deepblur.io.sinks.pyramid import halved

RNG = np.random.default_rng(0)
TAKEN = Acquisition(
    plane_spacing_um=0.3,
    time_increment_s=2.5,
    na=1.3,
    n_immersion=1.515,
    wavelengths_um=(0.461, None),
    channels=("DAPI", "µ"),
    channel_colours=("0000FF", ""),
)


def tiles(shape: tuple[int, int], side: int) -> list[Region]:
    return [
        (slice(y, min(y + side, shape[0])), slice(x, min(x + side, shape[1])))
        for y in range(0, shape[0], side)
        for x in range(0, shape[1], side)
    ]


def filled(sink: OmeZarrSink, pixels: np.ndarray, form: Form, side: int = 300) -> None:
    """Write all planes of an array with rows and columns last, tile by tile."""
    assert sink.refusal(form) == ""
    sink.open(form)
    for index in np.ndindex(*pixels.shape[:-2]):
        for region in tiles(pixels.shape[-2:], side):
            sink.write(index, region, pixels[(*index, *region)])


def test_everything_physical_comes_back(tmp_path: Path) -> None:
    pixels = RNG.normal(size=(3, 2, 4, 30, 50)).astype(np.float32)
    form = Form(pixels.shape, "TCZYX", pixels.dtype, 0.08)
    sink = file_sink(tmp_path / "a.ome.zarr", TAKEN)
    assert isinstance(sink, OmeZarrSink)
    filled(sink, pixels, form)
    assert not (tmp_path / "a.ome.zarr").exists()
    np.testing.assert_array_equal(np.asarray(sink.finish({"made": "so"})), pixels)
    assert [path.name for path in tmp_path.iterdir()] == ["a.ome.zarr"]
    with open_image(tmp_path / "a.ome.zarr") as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)
        said, name = image.acquisition, image.name
    assert (said.axes, said.pixel_size_um, name) == ("TCZYX", (0.08, 0.08), "a")
    for fact in ("plane_spacing_um", "time_increment_s", "na", "n_immersion", "wavelengths_um", "channels"):
        assert getattr(said, fact) == getattr(TAKEN, fact), fact
    assert said.channel_colours == ("0000FF", "FFFFFF")
    assert read_store_record(tmp_path / "a.ome.zarr") == {"metadata": {"made": "so"}}


def test_the_metadata_are_those_of_the_standard(tmp_path: Path) -> None:
    pixels = RNG.random((2, 1100, 700), np.float32)
    sink = OmeZarrSink(tmp_path / "a.zarr", TAKEN)
    filled(sink, pixels, Form(pixels.shape, "CYX", pixels.dtype, 0.1))
    sink.finish({})
    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="r")
    ome = dict(group.attrs)["ome"]
    (scales,) = ome["multiscales"]
    assert ome["version"] == "0.5" and group.metadata.zarr_format == 3
    assert scales["axes"] == [
        {"name": "c", "type": "channel"},
        {"name": "y", "type": "space", "unit": "micrometer"},
        {"name": "x", "type": "space", "unit": "micrometer"},
    ]
    assert [level["path"] for level in scales["datasets"]] == ["0", "1", "2"]
    scale, shift = scales["datasets"][2]["coordinateTransformations"]
    assert scale["scale"] == pytest.approx([1, 0.4, 0.4]) and shift["translation"] == pytest.approx([0, 0.15, 0.15])
    window = ome["omero"]["channels"][1]["window"]
    assert (window["min"], window["max"]) == (float(pixels[1].min()), float(pixels[1].max()))
    assert group["0"].metadata.dimension_names == ("c", "y", "x")


def test_what_is_large_lies_in_whole_shards_under_a_pyramid_of_means(tmp_path: Path) -> None:
    pixels = RNG.random((1501, 2100), np.float32)
    sink = OmeZarrSink(tmp_path / "a.zarr")
    filled(sink, pixels, Form(pixels.shape, "YX", pixels.dtype), side=370)
    sink.finish({})
    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="r")
    assert group["0"].shards == (1024, 1024) and group["0"].chunks == (256, 256)
    assert [group[str(level)].shape for level in range(4)] == [(1501, 2100), (751, 1050), (376, 525), (188, 263)]
    assert len([path for path in (tmp_path / "a.zarr" / "0" / "c").rglob("*") if path.is_file()]) == 6
    np.testing.assert_array_equal(group["0"][...], pixels)
    np.testing.assert_array_equal(group["1"][...], halved(pixels))
    np.testing.assert_array_equal(group["3"][...], halved(halved(halved(pixels))))


def test_halves_are_means_of_what_is_there() -> None:
    np.testing.assert_array_equal(halved(np.array([[1, 3, 10], [5, 7, 20], [2, 4, 30]])), [[4, 15], [3, 30]])


def test_blocks_wait_no_longer_than_they_must(tmp_path: Path) -> None:
    sink = OmeZarrSink(tmp_path / "a.zarr")
    pixels = RNG.random((3000, 1100), np.float32)
    sink.open(Form(pixels.shape, "YX", pixels.dtype))
    assert sink._stored is not None
    most = 0
    for region in tiles(pixels.shape, 500):
        sink.write((), region, pixels[region])
        most = max(most, sum(held.size for held, _ in sink._stored.blocks._pending.values()))
    assert not sink._stored.blocks._pending and most <= 2 * 1024 * 1100
    sink.abandon()
    assert list(tmp_path.iterdir()) == []


def test_of_parts_that_come_again_the_last_count(tmp_path: Path) -> None:
    first, second = RNG.random((2, 600, 400), np.float32)
    sink = OmeZarrSink(tmp_path / "a.zarr")
    filled(sink, first, Form(first.shape, "YX", first.dtype), side=600)
    for region in tiles((450, 400), 130):
        sink.write((), region, second[region])
    expected = np.concatenate([second[:450], first[450:]])
    np.testing.assert_array_equal(np.asarray(sink.finish({})), expected)


def test_axes_are_stored_in_the_order_of_the_standard_and_come_back_in_their_own(tmp_path: Path) -> None:
    colours = RNG.integers(0, 255, (2, 3, 20, 30)).astype(np.uint8)
    result = np.moveaxis(colours, 1, -1)
    sink = OmeZarrSink(tmp_path / "a.zarr")
    form = Form(result.shape, "ZYXS", result.dtype)
    sink.open(form)
    for z, s in np.ndindex(2, 3):
        sink.write((z, s), (slice(0, 20), slice(0, 30)), colours[z, s].astype(np.float32) + np.float32(0.3))
    made = sink.finish({})
    assert made.shape == result.shape
    np.testing.assert_array_equal(np.asarray(made), result)
    np.testing.assert_array_equal(made[1, :, 3:9, 2], result[1, :, 3:9, 2])
    with open_image(tmp_path / "a.zarr") as image:
        assert image.axes == "CZYX" and image.acquisition.channels == ("red", "green", "blue")
        np.testing.assert_array_equal(np.asarray(image), colours.swapaxes(0, 1))


def test_only_results_of_this_program_are_replaced(tmp_path: Path) -> None:
    form = Form((20, 30), "YX", np.dtype(np.float32))
    for value in (1, 2):
        filled(OmeZarrSink(tmp_path / "a.zarr"), np.full((20, 30), value, np.float32), form)
        sink = OmeZarrSink(tmp_path / "a.zarr")
        filled(sink, np.full((20, 30), value, np.float32), form)
        np.testing.assert_array_equal(np.asarray(sink.finish({})), value)
    foreign = tmp_path / "b.zarr"
    zarr.open_group(str(foreign), mode="w").create_array("0", data=np.ones((3, 3)))
    assert "never replaced" in OmeZarrSink(foreign).refusal(form)
    (tmp_path / "c.zarr").mkdir()
    assert "never replaced" in OmeZarrSink(tmp_path / "c.zarr").refusal(form)


def test_what_cannot_be_written_is_said_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    form = Form((20, 30), "YX", np.dtype(np.float32))
    assert "does not exist" in OmeZarrSink(tmp_path / "nowhere" / "a.zarr").refusal(form)
    sink = OmeZarrSink(tmp_path / "a.zarr")
    assert "the axes time" in sink.refusal(Form((2, 20, 30), "PYX", form.dtype))
    assert "the axes time" in sink.refusal(Form((2, 20, 30, 3), "CYXS", form.dtype))
    assert "GiB left" in sink.refusal(Form((10**5, 10**6, 10**6), "ZYX", form.dtype))
    monkeypatch.setattr("napari_deepblur.io.sinks.zarr.find_spec", lambda name: None)
    assert "napari-deepblur[formats]" in sink.refusal(form)


def test_a_folder_that_vanishes_is_a_diagnosis(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    sink = sink_of(tmp_path / "x" / "a.zarr")
    form = Form((20, 30), "YX", np.dtype(np.float32))
    sink.open(form)
    (tmp_path / "x").rename(tmp_path / "y")
    (tmp_path / "x").write_text("a file")
    with pytest.raises(OutputError, match="could not be written"):
        sink.write((), (slice(0, 20), slice(0, 30)), np.ones((20, 30), np.float32))
    sink.abandon()


def test_a_folder_that_was_removed_while_it_was_written_is_told(tmp_path: Path) -> None:
    sink, form = OmeZarrSink(tmp_path / "out" / "r.zarr"), Form((3, 300, 300), "TYX", np.dtype(np.float32))
    (tmp_path / "out").mkdir()
    sink.open(form)
    whole = (slice(0, 300), slice(0, 300))
    sink.write((0,), whole, np.ones((300, 300), np.float32))
    shutil.rmtree(tmp_path / "out")
    (tmp_path / "out").mkdir()
    with pytest.raises(OutputError, match=r"could not be written|was removed while"):
        sink.write((1,), whole, np.ones((300, 300), np.float32))
        sink.finish({})
    sink.abandon()
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    "compression, codecs", [("none", set()), ("zlib", {"gzip"}), ("zstd", {"zstd"}), (None, {"zstd"})]
)
def test_pixels_are_packed_as_asked(tmp_path: Path, compression: Compression | None, codecs: set[str]) -> None:
    pixels = RNG.normal(size=(1100, 1300)).astype(np.float32)
    sink = file_sink(tmp_path / "a.zarr", compression=compression)
    assert isinstance(sink, OmeZarrSink)
    filled(sink, pixels, Form(pixels.shape, "YX", pixels.dtype), 600)
    np.testing.assert_array_equal(np.asarray(sink.finish({})), pixels)
    for level in ("0", "1"):
        text = (tmp_path / "a.zarr" / level / "zarr.json").read_text(encoding="utf-8")
        inner = text.split('"index_codecs"')[0]
        assert {name for name in ("zstd", "gzip", "blosc") if f'"{name}"' in inner} == codecs
