"""Optics that a caller gives, against those of the file of the image: said with both numbers, at every door."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_deepblur import Microscope, ZernikeFamily, deblur, deblur_stack, identify, identify_stack, load_family
from napari_deepblur.cli import main
from napari_deepblur.errors import AssumptionWarning, SettingsError
from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.families import find_family
from napari_deepblur.io.ome_tiff import write_ome_tiff
from napari_deepblur.io.open_image import open_image
from napari_deepblur.pipeline.overruled import overruled

SAID = {"na": 1.2, "n_immersion": 1.33, "pixel_size_um": (0.08, 0.08)}
OPTICS = Microscope(na=1.2, n_immersion=1.33, pixel_size_um=0.08, wavelength_um=0.525)
IMAGE = np.random.default_rng(0).poisson(200, (2, 64, 64)).astype(np.uint16)
KNOWN: dict[str, Any] = {"theta": [0.0] * 8, "method": "wiener", "device": "cpu"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "cells.ome.tif"
    said = Acquisition(axes="CYX", wavelengths_um=(0.525, 0.525), **SAID)  # type: ignore[arg-type]
    write_ome_tiff(path, IMAGE, said)
    return path


WRONG = {"na": 1.0, "n_immersion": 1.5, "pixel_size_um": 0.1, "wavelength_um": 0.6}
WORDS = {
    "na": "Numerical aperture 1 counts, as the microscope that was given says, but cells.ome.tif says 1.2",
    "n_immersion": "Refractive index of the immersion 1.5 counts, as .* but cells.ome.tif says 1.33",
    "pixel_size_um": "Pixel size 0.1 um counts, as .* but cells.ome.tif says 0.08",
    "wavelength_um": "Emission wavelength 0.6 um counts, as .* but cells.ome.tif says 0.525",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_microscope_that_contradicts_the_file_is_said(path: Path, name: str) -> None:
    other = OPTICS.__class__(**{**vars(OPTICS), name: WRONG[name]})
    with open_image(path) as image, pytest.warns(AssumptionWarning, match=WORDS[name]) as caught:
        deblur_stack(image, microscope=other, **KNOWN)
    assert len(caught) == 1


def test_one_that_agrees_is_silent(path: Path) -> None:
    with open_image(path) as image, warnings.catch_warnings():
        warnings.simplefilter("error")
        deblur_stack(image, microscope=OPTICS, **KNOWN)
        deblur_stack(image, ZernikeFamily(OPTICS), **KNOWN)
        # Nobody stated them.
        deblur_stack(image, **KNOWN)
        # An array states nothing.
        deblur_stack(np.asarray(image), microscope=Microscope(na=1.0), axes="CYX", **KNOWN)


def test_wavelengths_of_channels_are_compared_each_with_its_own(path: Path) -> None:
    with open_image(path) as image, pytest.warns(AssumptionWarning, match=r"channels|0\.45, 0\.525 um count, as"):
        deblur_stack(image, microscope=OPTICS, channel_wavelengths_um=(0.45, 0.525), **KNOWN)


@pytest.mark.parametrize(
    ("counts", "stated", "several", "said"),
    [
        (0.5, (0.45, 0.6), None, 1),  # one for all, of channels that differ
        (0.5, (0.5, None), None, 0),
        (0.5, (0.45, 0.6), (0.45, 0.6), 0),
        (0.5, (0.45, 0.6), (0.6, 0.45), 1),
        (0.5, (), None, 0),
        (0.5, (0.45, 0.6, 0.7), (0.45, 0.6), 0),  # of another number of channels: not of these
    ],
)
def test_what_contradicts(counts: float, stated: Any, several: Any, said: int) -> None:
    taken = Acquisition(wavelengths_um=stated)
    found = overruled(taken, "a.tif", Microscope(na=1.0, wavelength_um=counts), {"wavelength_um": "me"}, several)
    assert len(list(found)) == said


def one_plane(image: Any, family: ZernikeFamily) -> None:
    deblur(image, family, **KNOWN)


def one_identified(image: Any, family: ZernikeFamily) -> None:
    identify(image, family, device="cpu")


@pytest.mark.parametrize("call", [one_plane, one_identified])
def test_a_family_brings_optics_that_count(tmp_path: Path, call: Callable[[Any, ZernikeFamily], None]) -> None:
    path = tmp_path / "cells.ome.tif"
    write_ome_tiff(path, IMAGE[0], Acquisition(axes="YX", **SAID))  # type: ignore[arg-type]
    with open_image(path) as image, pytest.warns(AssumptionWarning, match="aperture 1.1 counts, as the family that"):
        call(image, ZernikeFamily(Microscope(na=1.1, n_immersion=1.33, pixel_size_um=0.08)))


def test_the_family_of_a_stack_too(path: Path) -> None:
    other = ZernikeFamily(Microscope(na=1.1, n_immersion=1.33, pixel_size_um=0.08, wavelength_um=0.525))
    with open_image(path) as image, pytest.warns(AssumptionWarning, match="aperture 1.1 counts, as the family that"):
        identify_stack(image, other, 0.3, device="cpu")


@pytest.mark.parametrize("as_object", [True, False])
def test_a_family_of_other_pixels_is_refused_as_in_the_shell(path: Path, as_object: bool) -> None:
    family: Any = load_family(find_family("demonstration")) if as_object else "demonstration"
    with open_image(path) as image, pytest.raises(SettingsError, match=r"made for pixels of .* um, but the image has"):
        deblur_stack(image, family, method="wiener", device="cpu")


@pytest.mark.parametrize("name", ["out.ome.tif", "out.ome.zarr"])
@pytest.mark.parametrize("shell", [True, False])
def test_a_picture_of_a_psf_costs_an_image_of_two_colours_nothing(tmp_path: Path, shell: bool, name: str) -> None:
    """Its channels were refused in the shell, for wavelengths that nobody had given; its pixel size was lost."""
    said = Acquisition(axes="CYX", wavelengths_um=(0.45, 0.6), na=1.0, n_immersion=1.33, pixel_size_um=(0.09, 0.09))
    write_ome_tiff(tmp_path / "two.ome.tif", IMAGE, said)
    rows, columns = np.mgrid[-7:8, -7:8]
    tifffile.imwrite(tmp_path / "psf.tif", np.exp(-(rows**2 + columns**2) / 4).astype(np.float32))
    out, psf = tmp_path / name, str(tmp_path / "psf.tif")
    if shell:
        words = ["deblur", str(tmp_path / "two.ome.tif"), "-o", str(out), "--family", psf, "--method", "wiener"]
        assert main([*words, "--quiet"]) == 0
    else:
        with open_image(tmp_path / "two.ome.tif") as image:
            deblur_stack(image, psf, method="wiener", device="cpu", out=out)
    with open_image(out) as image:
        taken = image.acquisition
    assert taken.pixel_size_um == pytest.approx((0.09, 0.09))
    assert taken.wavelengths_um == pytest.approx((0.45, 0.6)) and taken.na == 1.0


@pytest.mark.parametrize("shell", [True, False])
def test_a_plane_spacing_that_contradicts_the_file_is_said_and_is_that_of_the_result(
    tmp_path: Path, shell: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "cells.ome.tif", tmp_path / "out.ome.tif"
    write_ome_tiff(path, IMAGE, Acquisition(axes="ZYX", plane_spacing_um=0.3, wavelengths_um=(0.525,), **SAID))  # type: ignore[arg-type]
    words = "Plane spacing 0.5 um counts, as was asked for, but cells.ome.tif says 0.3"
    options = ["--method", "wiener", "--theta", *["0"] * 8, "--plane-spacing-um", "-0.5", "--quiet"]
    if shell:
        with warnings.catch_warnings():
            # What the shell shows on standard error.
            warnings.simplefilter("default")
            assert main(["deblur", str(path), "-o", str(out), *options]) == 0
        assert words in capsys.readouterr().err
    else:
        with open_image(path) as image, pytest.warns(AssumptionWarning, match=words):
            deblur_stack(image, plane_spacing_um=-0.5, out=out, **KNOWN)
    with open_image(out) as image:
        assert image.acquisition.plane_spacing_um == pytest.approx(0.5)
