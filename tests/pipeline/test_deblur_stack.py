"""The public function for everything with more than one plane."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_deepblur import StackDeblurring, deblur, deblur_stack, save_family
from napari_deepblur.errors import AssumptionWarning, ImageError, OutputError, SettingsError
from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.ome_tiff import read_ome_tiff, write_ome_tiff
from napari_deepblur.io.open_image import open_image
from napari_deepblur.io.sinks import ArraySink
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import EigenPsfFamily, ZernikeFamily
from napari_deepblur.optics import Microscope

OPTICS = Microscope(na=1.3, wavelength_um=0.55, pixel_size_um=0.09, n_immersion=1.515)
FAMILY = ZernikeFamily(OPTICS, (4, 7), psf_size=31)
KNOWN: dict[str, Any] = {
    "theta": (0.1, 0.05), "noise": PoissonGaussianNoise(0.5, 2.0, 10.0), "method": "wiener", "device": "cpu"
}  # fmt: skip


@pytest.fixture
def stack() -> NDArray[np.uint16]:
    rng = np.random.default_rng(0)
    # As smooth as the optics make it: what is sharper would be set aside, with a note.
    return rng.poisson(gaussian_filter(rng.gamma(0.5, 100, (2, 64, 66)), (0, 1.5, 1.5))).astype(np.uint16)


def planes_of(array: NDArray[Any], family: Any = FAMILY) -> NDArray[np.float32]:
    return np.stack([deblur(plane, family, **KNOWN).image for plane in array])


def test_each_plane_is_what_deblur_makes_of_it(stack: NDArray[np.uint16]) -> None:
    result = deblur_stack(stack, FAMILY, **KNOWN)
    assert isinstance(result, StackDeblurring)
    assert (result.record["axes"], result.image.dtype, result.notes) == ("TYX", np.float32, ())
    np.testing.assert_array_equal(result.image, planes_of(stack))
    assert result.history() is None
    # Also one plane, and lists of lists.
    np.testing.assert_array_equal(deblur_stack(stack[0].tolist(), FAMILY, **KNOWN).image, result.image[0])


def test_axes_are_guessed_from_what_is_known(stack: NDArray[np.uint16]) -> None:
    found = deblur_stack(stack, FAMILY, plane_spacing_um=0.3, method="wiener", device="cpu")
    assert found.record["axes"] == "ZYX" and found.record["stack"]["plane_spacing_um"] == 0.3
    history = found.history()
    assert history is not None and history.frames == ("depth 0", "depth 1")
    colours = np.moveaxis(np.stack([stack[0]] * 3), 0, -1).astype(np.uint8)
    result = deblur_stack(colours, FAMILY, **KNOWN)
    assert (result.record["axes"], result.image.dtype) == ("YXS", np.uint8)
    gray = deblur_stack(colours, FAMILY, colours="luminance", **KNOWN)
    assert (gray.record["axes"], gray.record["colours"], gray.image.shape) == ("YX", "luminance", (64, 66))
    with pytest.raises(SettingsError, match="whose axes are ZYX, and those of the image are TYX"):
        deblur_stack(stack, FAMILY, axes="TYX", plane_spacing_um=0.3)


def test_the_result_goes_where_it_is_wanted(stack: NDArray[np.uint16], tmp_path: Path) -> None:
    expected = planes_of(stack)
    mapped = np.lib.format.open_memmap(tmp_path / "out.npy", "w+", np.float32, stack.shape)
    assert deblur_stack(stack, FAMILY, out=mapped, **KNOWN).image is mapped
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), expected)
    result = deblur_stack(stack, FAMILY, out=tmp_path / "out.ome.tif", **KNOWN)
    written = read_ome_tiff(tmp_path / "out.ome.tif")
    np.testing.assert_array_equal(written.data, expected)
    np.testing.assert_array_equal(result.image, expected)
    assert written.record == {"metadata": result.record}
    assert (written.acquisition.axes, written.acquisition.pixel_size_um) == ("TYX", (0.09, 0.09))
    sink = ArraySink()
    assert deblur_stack(stack, FAMILY, out=sink, **KNOWN).image is sink.array


def test_the_image_itself_is_no_place_for_the_result(stack: NDArray[np.uint16]) -> None:
    image = stack.astype(np.float32)
    with pytest.raises(OutputError, match="is the image itself"):
        deblur_stack(image, FAMILY, out=image, **KNOWN)
    np.testing.assert_array_equal(image, stack)


def test_settings_have_the_names_of_the_command_line(stack: NDArray[np.uint16]) -> None:
    """Without an object: the family is made for each channel's own light, and a name that is wrong is refused."""
    optics = {"microscope": OPTICS, "channel_wavelengths_um": (0.55, 0.65), "modes": (4, 7), "psf_size": 31}
    several = deblur_stack(stack, axes="CYX", **optics, **KNOWN)
    red = ZernikeFamily(Microscope(1.3, 0.65, 0.09, 1.515), (4, 7), psf_size=31)
    np.testing.assert_array_equal(several.image[0], planes_of(stack[:1])[0])
    np.testing.assert_array_equal(several.image[1], planes_of(stack[1:], red)[0])
    with pytest.raises(SettingsError, match="metod"):
        deblur_stack(stack, metod="wiener")
    with pytest.raises(SettingsError, match="has its own modes: leave"):
        deblur_stack(stack, FAMILY, modes=(4,))


def test_a_family_is_an_object_or_its_file(stack: NDArray[np.uint16], tmp_path: Path) -> None:
    family = EigenPsfFamily(np.random.default_rng(0).uniform(size=(2, 5, 5)), np.eye(2), OPTICS)
    save_family(family, tmp_path / "mine.safetensors")
    known = KNOWN | {"theta": (1.0, 0.5)}
    ours = deblur_stack(stack, family, **known).image
    np.testing.assert_array_equal(deblur_stack(stack, str(tmp_path / "mine.safetensors"), **known).image, ours)
    np.testing.assert_array_equal(ours[0], deblur(stack[0], family, **known).image)


def test_axes_that_do_not_fit_are_refused(stack: NDArray[np.uint16]) -> None:
    with pytest.raises(ImageError, match="3 axes"):
        deblur_stack(stack, FAMILY, axes="YX")


def test_a_file_that_is_opened_lazily_keeps_its_channels_in_ome_zarr(stack: NDArray[Any], tmp_path: Path) -> None:
    taken = Acquisition(pixel_size_um=(0.09, 0.09), channels=("a", "b"), axes="CYX")
    write_ome_tiff(tmp_path / "a.ome.tif", stack, taken)
    with open_image(tmp_path / "a.ome.tif") as image:
        result = deblur_stack(image, FAMILY, axes="CYX", out=tmp_path / "b.ome.zarr", **KNOWN)
    expected = deblur_stack(stack, FAMILY, axes="CYX", **KNOWN).image
    np.testing.assert_array_equal(np.asarray(result.image), expected)
    with open_image(tmp_path / "b.ome.zarr") as image:
        assert image.acquisition.channels == ("a", "b") and image.acquisition.pixel_size_um == (0.09, 0.09)
        np.testing.assert_array_equal(np.asarray(image), expected)


def test_a_file_that_is_opened_lazily_brings_its_axes_and_optics(stack: NDArray[Any], tmp_path: Path) -> None:
    """Three equal planes were taken for times, and the pixel size and aperture of nobody for those of the file."""
    taken = Acquisition(
        axes="CYX",
        pixel_size_um=(0.09, 0.09),
        na=1.2,
        n_immersion=1.33,
        wavelengths_um=(0.46, 0.52),
        channels=("a", "b"),
    )
    write_ome_tiff(tmp_path / "a.ome.tif", stack[:2], taken)
    options: dict[str, Any] = {"theta": KNOWN["theta"], "method": "wiener", "modes": (4, 7)}
    with open_image(tmp_path / "a.ome.tif") as image:
        result = deblur_stack(image, out=tmp_path / "b.ome.tif", **options)
        with pytest.warns(AssumptionWarning) as said_otherwise:
            one = deblur_stack(image, axes="CYX", microscope=OPTICS, out=tmp_path / "c.ome.tif", **options)
    settings = result.settings
    assert settings.microscope == Microscope(1.2, 0.46, 0.09, 1.33) and settings.assumed == ()
    assert settings.channel_wavelengths_um == (0.46, 0.52) and result.record["axes"] == "CYX"
    with open_image(tmp_path / "b.ome.tif") as image:
        said = image.acquisition
    assert (said.na, said.n_immersion, said.pixel_size_um) == (1.2, 1.33, (0.09, 0.09))
    assert said.wavelengths_um == pytest.approx((0.46, 0.52)) and image.axes == "CYX"
    # What is given counts, and is what the result says; that the file says other numbers is said.
    assert any("a.ome.tif says 1.2." in str(one.message) for one in said_otherwise)
    assert one.settings.microscope == OPTICS
    with open_image(tmp_path / "c.ome.tif") as image:
        assert image.acquisition.na == OPTICS.na


def test_optics_that_nobody_states_are_assumed_and_not_written(stack: NDArray[Any], tmp_path: Path) -> None:
    result = deblur_stack(stack, out=tmp_path / "a.ome.tif", theta=KNOWN["theta"], modes=(4, 7), method="wiener")
    assert result.settings.assumed == ("na", "wavelength_um", "pixel_size_um", "n_immersion")
    with open_image(tmp_path / "a.ome.tif") as image:
        assert image.acquisition.pixel_size_um is None and image.acquisition.na is None


def test_lengths_that_are_not_known_yet_are_refused(stack: NDArray[Any]) -> None:
    lazy = pytest.importorskip("dask.array").from_array(stack)
    with pytest.raises(ImageError, match="compute_chunk_sizes"):
        deblur_stack(lazy[lazy[:, 0, 0] >= 0], FAMILY)
