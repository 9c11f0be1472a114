"""What the command line says about optics: what the file states, and what nobody does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_deepblur.batch.file_optics import assumed_in_words, file_optics, warn_overruled
from napari_deepblur.errors import AssumptionWarning
from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.acquisition_files import read_acquisition
from napari_deepblur.io.images import read_image, write_tiff
from napari_deepblur.io.ome_tiff import read_ome_tiff, write_ome_tiff
from napari_deepblur.optics import Microscope


def test_assumed_values_are_named() -> None:
    said = assumed_in_words(Microscope(pixel_size_um=0.09), {"pixel_size_um", "na"}, Path("cells.tif"))
    assert said.startswith("Assumed, as neither cells.tif nor an option says: refractive index of the immersion 1.51, ")
    assert "emission wavelength 0.54 um" in said and "aperture" not in said and "ixel" not in said


def test_nothing_is_assumed_where_all_is_known(run: Callable[..., Any], cells: Path, tmp_path: Path) -> None:
    said = run("identify", cells)
    assert said.code == 0 and "Assumed, as neither cells.tif nor an option says: numerical aperture 1.41" in said.err
    known = run("identify", cells, "--na", 1.3, "--n-immersion", 1.5, "--wavelength-um", 0.52)
    assert known.code == 0 and "Assumed" not in known.err
    assert "Assumed" not in run("identify", cells, "--quiet").err


def test_wavelengths_that_are_known_are_kept_where_a_channel_has_none(
    tmp_path: Path,
) -> None:
    stack = np.random.default_rng(0).poisson(50, (3, 20, 24)).astype(np.uint16)
    said = Acquisition(axes="CYX", wavelengths_um=(0.455, 0.52, None), channels=("DAPI", "GFP", "BF"))
    write_ome_tiff(tmp_path / "three.ome.tif", stack, said)
    assert read_acquisition(tmp_path / "three.ome.tif").wavelengths_um == pytest.approx((0.455, 0.52, None))
    said_to_user: list[str] = []
    found = file_optics(tmp_path / "three.ome.tif", (), channels=3, say=said_to_user.append)
    assert found == {"channel_wavelengths_um": pytest.approx((0.455, 0.52, 0.54))}
    assert "0.455, 0.52 um, as three.ome.tif says; of BF it says none, assumed 0.54 um" in said_to_user[0]


def test_what_overrules_the_file_is_warned_about_with_both_numbers(tmp_path: Path) -> None:
    path = tmp_path / "b.tif"
    write_tiff(path, np.ones((20, 24), np.float32), pixel_size_um=0.09)
    with pytest.warns(AssumptionWarning, match=r"0\.07 um counts, as --pixel-size-um says, but b.tif says 0\.09"):
        warn_overruled(path, Microscope(pixel_size_um=0.07), {"pixel_size_um": "--pixel-size-um"})
    # What agrees, and what was taken from the file, is not.
    warn_overruled(path, Microscope(pixel_size_um=0.0901), {"pixel_size_um": "--pixel-size-um"})
    warn_overruled(path, Microscope(pixel_size_um=0.07), {})


def test_an_assumed_pixel_size_never_becomes_a_fact(run: Callable[..., Any], cells: Path, tmp_path: Path) -> None:
    plain, result, settings = tmp_path / "unknown.tif", tmp_path / "result.tif", tmp_path / "a.json"
    tifffile.imwrite(plain, read_image(cells))
    optics = ("--na", 1.2, "--n-immersion", 1.5, "--wavelength-um", 0.6, "--method", "wiener", "--theta", *[0.0] * 8)
    assert run("deblur", plain, "-o", result, *optics, "--save-settings", settings).code == 0
    assert read_acquisition(result).pixel_size_um is None
    record = read_ome_tiff(result).record
    assert record is not None and record["metadata"]["settings"]["assumed"] == ["pixel_size_um"]
    assert json.loads(settings.read_text())["assumed"] == ["pixel_size_um"]
    # Of another image, which states its own, the assumption says nothing; what was stated for the first one counts.
    again = run("deblur", cells, "-o", tmp_path / "again.tif", "--settings", settings)
    assert again.code == 0 and "Pixel size 0.09 um, as cells.tif says" in again.err
    assert read_acquisition(tmp_path / "again.tif").pixel_size_um == pytest.approx((0.09, 0.09))


@pytest.mark.filterwarnings("ignore::napari_deepblur.errors.AssumptionWarning")
def test_optics_that_options_state_stay_with_the_result(run: Callable[..., Any], cells: Path, tmp_path: Path) -> None:
    """A result of a result is made with the same optics, and a number that overrules the file does so in the result."""
    counts = np.stack([read_image(cells)] * 2)
    said = Acquisition(axes="CYX", pixel_size_um=(0.09, 0.09), na=0.8, channels=("a", "b"), wavelengths_um=(0.46, None))
    write_ome_tiff(tmp_path / "a.ome.tif", counts, said)
    quick = ("--method", "wiener", "--theta", *[0.0] * 8)
    last, optics = tmp_path / "a.ome.tif", ("--na", 1.2, "--n-immersion", 1.5)
    for name in ("b.ome.tif", "c.ome.zarr", "d.ome.tif"):
        assert run("deblur", last, "-o", tmp_path / name, *optics, *quick).code == 0
        last, optics = tmp_path / name, ()
        kept = read_acquisition(last)
        assert (kept.na, kept.n_immersion, kept.pixel_size_um) == (1.2, 1.5, (0.09, 0.09))
        # Of the second channel nobody has said anything.
        assert kept.wavelengths_um == (0.46, None) and kept.channels == ("a", "b")


def test_settings_without_optics_leave_them_to_the_file(run: Callable[..., Any], cells: Path, tmp_path: Path) -> None:
    settings, result = tmp_path / "method.json", tmp_path / "result.tif"
    for text in ('{"method": "wiener"}', '{"method": "wiener", "microscope": {"na": 1.2}}'):
        settings.write_text(text)
        done = run("deblur", cells, "-o", result, "--settings", settings, "--theta", *[0.0] * 8)
        assert done.code == 0 and "Pixel size 0.09 um, as cells.tif says" in done.err
        assert read_acquisition(result).pixel_size_um == pytest.approx((0.09, 0.09))
    assert read_acquisition(result).na == 1.2
