"""Series, channels and colours on the command line: the same planes as in the dock, axes and optics from the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.images import read_image
from napari_deepblur.io.ome_tiff import read_ome_tiff, write_ome_tiff
from napari_deepblur.io.pixel_size import read_pixel_size_um
from napari_deepblur.optics import Microscope
from napari_deepblur.pipeline import DeblurSettings
from tests.pipeline.series.frames_of import frames_of

OPTICS = Acquisition(
    pixel_size_um=(0.08, 0.08), na=1.3, n_immersion=1.515, wavelengths_um=(0.45, 0.6), axes="TCYX", channels=("a", "b")
)
QUICK = ("--method", "wiener", "--device", "cpu", "--theta", *([0.05] * 8))
SIZE = ("--pixel-size-um", 0.09)


@pytest.fixture
def series(cells: Path, tmp_path: Path) -> Path:
    """Two times and two channels, with all that OME-XML can say."""
    plane = read_image(cells)
    array = np.stack([np.stack([plane, plane[::-1, ::-1]]), np.stack([plane[::-1], plane[:, ::-1]])])
    write_ome_tiff(tmp_path / "series.ome.tif", array, OPTICS)
    return tmp_path / "series.ome.tif"


def settings(wavelengths: tuple[float, ...] | None) -> DeblurSettings:
    microscope = Microscope(na=1.3, wavelength_um=0.45, pixel_size_um=0.08, n_immersion=1.515)
    return DeblurSettings(
        microscope=microscope, channel_wavelengths_um=wavelengths, method="wiener", device="cpu", theta=(0.05,) * 8
    )


def test_a_series_has_the_optics_of_its_file_and_each_channel_its_own(
    run: Callable[..., Any], series: Path, tmp_path: Path
):
    outcome = run("deblur", series, "-o", tmp_path / "out.tif", *QUICK)
    assert outcome.code == 0, outcome.err
    for said in ("Pixel size 0.08 um", "Numerical aperture 1.3", "channels 0.45, 0.6 um"):
        assert said in outcome.err
    written = read_ome_tiff(tmp_path / "out.tif")
    assert written.acquisition.axes == "TCYX"
    assert written.acquisition.channels == ("a", "b")
    for frame in frames_of(read_image(series), "TCYX", settings((0.45, 0.6))):
        np.testing.assert_array_equal(written.data[frame.index], frame.image)
    assert written.record is not None
    assert written.record["metadata"]["settings"]["channel_wavelengths_um"] == [0.45, 0.6]
    assert len(written.record["metadata"]["frames"]) == 4


def test_an_option_counts_more_than_the_file(run: Callable[..., Any], series: Path, tmp_path: Path):
    outcome = run("deblur", series, "-o", tmp_path / "out.tif", "--wavelength-um", 0.45, "--quiet", *QUICK)
    assert outcome == (0, "", "")
    one = next(iter(frames_of(read_image(series), "TCYX", settings(None))))
    written = read_ome_tiff(tmp_path / "out.tif")
    np.testing.assert_array_equal(written.data[0, 0], one.image)
    assert written.record is not None and written.record["metadata"]["settings"]["channel_wavelengths_um"] is None


def test_wavelengths_that_do_not_fit_the_channels_are_one_line(run: Callable[..., Any], series: Path, tmp_path: Path):
    outcome = run("deblur", series, "-o", tmp_path / "out.tif", "--wavelength-um", "0.45,0.5,0.6", "--quiet", *QUICK)
    assert outcome.code == 2 and "3 wavelengths" in outcome.err and "2 channels" in outcome.err
    outcome = run("deblur", series, "-o", tmp_path / "out.tif", "--wavelength-um", "0.45,0.5", "--axes", "TZYX", *QUICK)
    assert outcome.code == 2 and "no axis of channels" in outcome.err
    assert not (tmp_path / "out.tif").exists()


def test_axes_can_be_named_and_the_blur_identified_once(run: Callable[..., Any], cells: Path, tmp_path: Path):
    plane = read_image(cells)
    # Columns before rows, in a file that does not say so.
    tifffile.imwrite(tmp_path / "stack.tif", np.stack([plane.T, plane.T[::-1]]), photometric="minisblack")
    options = ("--axes", "zxy", "--one-operator", "--pixel-size-um", 0.09, "--device", "cpu", "--quiet")
    outcome = run("deblur", tmp_path / "stack.tif", "-o", tmp_path / "out.tif", "--psfs", tmp_path / "p.tif", *options)
    assert outcome == (0, "", "")
    written = read_ome_tiff(tmp_path / "out.tif")
    assert written.data.shape == (2, *plane.shape) and written.record is not None
    assert [entry["identified"] for entry in written.record["metadata"]["frames"]] == [True, False]
    assert read_image(tmp_path / "p.tif").ndim == 2


def test_colours_stay_colours_and_the_luminance_is_one_plane(run: Callable[..., Any], tmp_path: Path):
    colours = np.random.default_rng(0).integers(0, 255, (70, 72, 3)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "rgb.tif", colours, photometric="rgb")
    options = ("--pixel-size-um", 0.09, "--quiet", *QUICK)
    assert run("deblur", tmp_path / "rgb.tif", "-o", tmp_path / "out.tif", *options) == (0, "", "")
    assert read_image(tmp_path / "out.tif").shape == colours.shape
    assert read_image(tmp_path / "out.tif").dtype == np.uint8
    assert run("deblur", tmp_path / "rgb.tif", "-o", tmp_path / "gray.tif", "--luminance", *options) == (0, "", "")
    assert read_image(tmp_path / "gray.tif").shape == colours.shape[:2]


@pytest.mark.filterwarnings("ignore:Pixel size .* counts:napari_deepblur.errors.AssumptionWarning")
def test_pixels_that_are_not_square_are_refused(run: Callable[..., Any], cells: Path, tmp_path: Path):
    write_ome_tiff(tmp_path / "odd.tif", read_image(cells), Acquisition(pixel_size_um=(0.09, 0.1), axes="YX"))
    outcome = run("deblur", tmp_path / "odd.tif", "-o", tmp_path / "out.tif", *QUICK)
    assert outcome.code == 2 and "not square (0.09 x 0.1 um)" in outcome.err
    assert run("deblur", tmp_path / "odd.tif", "-o", tmp_path / "out.tif", "--pixel-size-um", 0.09, *QUICK).code == 0


def test_the_coefficients_of_every_frame_are_a_table(run: Callable[..., Any], series: Path, tmp_path: Path):
    options = ("--method", "wiener", "--device", "cpu", "--quiet", "--coefficients", tmp_path / "table.csv")
    assert run("deblur", series, "-o", tmp_path / "out.tif", *options) == (0, "", "")
    lines = (tmp_path / "table.csv").read_text().splitlines()
    assert lines[0] == "frame,coefficient,value,std" and len(lines) == 1 + 4 * 8
    assert lines[-1].startswith('"time 1, channel 1",')


def test_a_table_of_what_is_given_is_refused_before_the_run(run: Callable[..., Any], cells: Path, tmp_path: Path):
    outcome = run("deblur", cells, "-o", tmp_path / "out.tif", "--coefficients", tmp_path / "table.csv", *QUICK, *SIZE)
    assert outcome.code == 2 and "--coefficients is a table of what is identified" in outcome.err
    assert list(tmp_path.iterdir()) == []


def test_rows_and_columns_in_the_other_order_are_another_result(run: Callable[..., Any], cells: Path, tmp_path: Path):
    tifffile.imwrite(tmp_path / "a.tif", np.stack([read_image(cells)] * 2), photometric="minisblack")
    shapes = []
    for axes in ("TYX", "TXY", "TXY"):
        outcome = run("deblur", tmp_path / "a.tif", "-o", tmp_path / "out.tif", "--axes", axes, *QUICK, *SIZE)
        assert outcome.code == 0
        shapes.append(read_image(tmp_path / "out.tif").shape)
    assert shapes == [(2, 80, 96), (2, 96, 80), (2, 96, 80)] and "up to date" in outcome.err


def test_a_stack_with_a_spacing_tells_the_sign(run: Callable[..., Any], cells: Path, tmp_path: Path):
    plane = read_image(cells)
    tifffile.imwrite(tmp_path / "stack.tif", np.stack([plane, plane[::-1], plane[:, ::-1]]), photometric="minisblack")
    options = ("--method", "wiener", "--pixel-size-um", 0.09, "--plane-spacing-um", 0.3, "--quiet")
    outcome = run("deblur", tmp_path / "stack.tif", "-o", tmp_path / "out.tif", "--axes", "ZYX", *options)
    assert outcome == (0, "", "")
    record = read_ome_tiff(tmp_path / "out.tif").record
    assert record is not None and record["metadata"]["stack"]["plane_spacing_um"] == 0.3
    outcome = run("deblur", tmp_path / "stack.tif", "-o", tmp_path / "out.tif", "--axes", "TYX", *options)
    assert outcome.code == 2 and "is for a stack" in outcome.err


def test_a_bad_frame_is_named_and_the_others_are_written(run: Callable[..., Any], cells: Path, tmp_path: Path):
    plane = read_image(cells).astype(np.float32)
    array = np.stack([plane, plane[::-1], plane])
    array[1, 5, 5] = np.nan
    array[2] = 7
    tifffile.imwrite(tmp_path / "series.tif", array, photometric="minisblack")
    options = ("--axes", "TYX", "--pixel-size-um", 0.09, "--quiet", *QUICK)
    outcome = run("deblur", tmp_path / "series.tif", "-o", tmp_path / "out.tif", *options)
    assert (outcome.code, outcome.out) == (0, "")
    said = outcome.err.splitlines()
    assert said[0].startswith("napari-deepblur: series.tif: time 1 was passed through: 1 of ")
    assert said[1:] == ["napari-deepblur: series.tif: time 2: all pixels are 7, passed through"]
    written = read_ome_tiff(tmp_path / "out.tif")
    np.testing.assert_array_equal(written.data[1:], array[1:])
    assert not np.array_equal(written.data[0], array[0])
    tifffile.imwrite(tmp_path / "series.tif", array[[1, 1]], photometric="minisblack")
    outcome = run("deblur", tmp_path / "series.tif", "-o", tmp_path / "none.tif", *options)
    assert outcome.code == 2 and "None of the 2 frames" in outcome.err and not (tmp_path / "none.tif").exists()


def test_a_format_that_is_not_written_is_refused_before_the_work(run: Callable[..., Any], cells: Path, tmp_path: Path):
    outcome = run("deblur", cells, "-o", tmp_path / "out.png", *QUICK)
    assert outcome.code == 2 and "suffix '.png' names none of the formats" in outcome.err
    assert not (tmp_path / "out.png").exists()


def test_ome_zarr_in_and_out(run: Callable[..., Any], cells: Path, tmp_path: Path) -> None:
    quick = ("--method", "wiener", "--device", "cpu", "--theta", *([0.05] * 8), "--quiet")
    store, other, plain = tmp_path / "a.ome.zarr", tmp_path / "b.ome.zarr", tmp_path / "b.tif"
    assert run("deblur", cells, "-o", store, *quick).code == 0
    assert run("deblur", cells, "-o", plain, *quick).code == 0
    np.testing.assert_array_equal(read_image(store), read_image(plain))
    assert read_pixel_size_um(store) == 0.09
    assert run("deblur", store, "-o", other, *quick).code == 0
    assert read_image(other).shape == read_image(store).shape
    inside = run("deblur", store, "-o", store / "c.ome.zarr", *quick)
    assert inside.code == 2 and "input image" in inside.err
    (tmp_path / "d.zarr").mkdir()
    foreign = run("deblur", cells, "-o", tmp_path / "d.zarr", *quick)
    assert foreign.code == 2 and "never replaced" in foreign.err and not list((tmp_path / "d.zarr").iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ome.zarr", "b.ome.zarr", "b.tif", "d.zarr"]
