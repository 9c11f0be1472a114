"""Pictures of PSFs as families of one member."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

from napari_deepblur import deblur, load_family
from napari_deepblur.errors import FamilyFileError, SettingsError
from napari_deepblur.io.images import write_tiff
from napari_deepblur.io.psf_files import load_psf
from napari_deepblur.operators import EigenPsfFamily
from napari_deepblur.optics import Microscope
from napari_deepblur.pipeline import DeblurSettings


def gaussian(rows: int, columns: int, at: tuple[float, float] | None = None) -> np.ndarray:
    """Peak at pixel (rows // 2, columns // 2), as programs that work with Fourier transforms have it."""
    y, x = np.mgrid[:rows, :columns]
    row, column = at or (rows // 2, columns // 2)
    return (7 * np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * 1.3**2))).astype(np.float32)


@pytest.mark.parametrize("shape", [(15, 15), (16, 16), (14, 15), (9, 20)])
def test_any_shape_becomes_an_odd_square_around_its_middle(tmp_path: Path, shape: tuple[int, int]):
    write_tiff(tmp_path / "psf.tif", gaussian(*shape), pixel_size_um=0.08)
    family = load_family(tmp_path / "psf.tif")
    assert isinstance(family, EigenPsfFamily) and family.pixel_size_um == pytest.approx(0.08)
    psf = family.psf([1])
    side = max(n + 1 - n % 2 for n in shape)
    assert psf.shape == (side, side)
    assert np.unravel_index(psf.argmax(), psf.shape) == (side // 2, side // 2)
    assert psf.sum() == pytest.approx(1, abs=1e-5)


BAD = {
    "several": (np.stack([gaussian(9, 9)] * 3), "expected one PSF"),
    "negative": (gaussian(9, 9) - 1, "nowhere negative"),
    "nothing": (np.zeros((9, 9), np.float32), "somewhere positive"),
    "not finite": (np.where(gaussian(9, 9) > 6, np.nan, gaussian(9, 9)), "values from nan"),
    "too large": (gaussian(300, 9), "255"),
    "off centre": (gaussian(41, 41, (10, 20)), "10.0 pixels from the middle"),
    "complex": (gaussian(9, 9).astype(np.complex64), "complex64"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_psf_is_refused_with_a_reason(tmp_path: Path, name: str):
    array, words = BAD[name]
    tifffile.imwrite(tmp_path / "psf.tif", array, photometric="minisblack")
    with pytest.raises(FamilyFileError, match=words):
        load_psf(tmp_path / "psf.tif")


def test_a_file_that_is_no_image(tmp_path: Path):
    (tmp_path / "psf.tif").write_text("words")
    with pytest.raises(FamilyFileError, match=r"psf\.tif"):
        load_family(tmp_path / "psf.tif")


def test_deblurring_with_a_psf_identifies_nothing_and_sharpens(tmp_path: Path):
    rng = np.random.default_rng(0)
    scene = gaussian_filter(rng.gamma(0.2, 2000, (92, 92)), 1)
    write_tiff(tmp_path / "psf.tif", gaussian(13, 13), pixel_size_um=0.09)
    family = load_psf(tmp_path / "psf.tif")
    image = rng.poisson(family.operator([1], (80, 80)).forward(scene) + 10)
    result = deblur(image, str(tmp_path / "psf.tif"), method="richardson-lucy", device="cpu", iterations=30)
    sharp = scene[6:-6, 6:-6]
    assert result.identification is None and result.settings["resolved"]["theta"] == [1.0]
    assert np.square(result.image - 10 - sharp).mean() < 0.6 * np.square(image - 10 - sharp).mean()


def test_a_psf_of_other_pixels_than_the_image_is_refused(tmp_path: Path):
    write_tiff(tmp_path / "psf.tif", gaussian(13, 13), pixel_size_um=0.05)
    settings = DeblurSettings(microscope=Microscope(pixel_size_um=0.09), family=str(tmp_path / "psf.tif"))
    with pytest.raises(SettingsError, match=r"0\.05 um"):
        settings.operator_family((80, 80))
