"""Pictures of PSFs as families of one member."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

from napari_deepblur import deblur, load_family
from napari_deepblur.errors import AssumptionWarning, FamilyFileError, SettingsError
from napari_deepblur.io.images import write_tiff
from napari_deepblur.io.psf_files import load_psf
from napari_deepblur.operators import EigenPsfFamily, ZernikeFamily
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
    "a negative": (8 - gaussian(41, 41), "darker in its middle"),
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


def test_the_background_of_a_camera_is_subtracted_and_said(tmp_path: Path) -> None:
    point = np.zeros((41, 41))
    point[20, 20] = 1
    counts = gaussian_filter(point, 2.0)
    counts = counts / counts.max() * 4000
    tifffile.imwrite(tmp_path / "clean.tif", counts.round().astype(np.uint16))
    clean = load_psf(tmp_path / "clean.tif").psf((1.0,))
    noise = np.random.default_rng(0).normal(0, 10, counts.shape)
    for name, picture, most in (("even", counts + 100, 1e-6), ("noisy", counts + 100 + noise, 0.02)):
        tifffile.imwrite(tmp_path / f"{name}.tif", picture.round().astype(np.uint16))
        with pytest.warns(AssumptionWarning, match="even background of"):
            found = load_psf(tmp_path / f"{name}.tif").psf((1.0,))
        assert np.abs(found - clean).sum() < most


# The strongest of these aberrations move the light as far as a picture that was cut wrongly.
@pytest.mark.filterwarnings("ignore:The light in:napari_deepblur.errors.AssumptionWarning")
def test_the_wings_of_a_psf_and_a_box_are_no_background(tmp_path: Path) -> None:
    family = ZernikeFamily(Microscope(pixel_size_um=0.09), max_amplitude=0.3)
    for number, theta in enumerate(family.sample(20, 0)):
        psf = family.psf(theta)
        tifffile.imwrite(tmp_path / f"{number}.tif", psf)
        np.testing.assert_allclose(load_psf(tmp_path / f"{number}.tif").psf((1.0,)), psf / psf.sum(), atol=1e-7)
    tifffile.imwrite(tmp_path / "box.tif", np.ones((5, 5), np.float32))
    np.testing.assert_allclose(load_psf(tmp_path / "box.tif").psf((1.0,)), 0.04)


def test_pixels_of_a_psf_are_square(tmp_path: Path) -> None:
    psf = gaussian_filter(np.eye(1, 441, 220).reshape(21, 21), 2.0).astype(np.float32)
    facts = {"axes": "YX", "PhysicalSizeX": 0.1, "PhysicalSizeY": 0.065}
    tifffile.imwrite(tmp_path / "psf.ome.tif", psf, ome=True, metadata=facts)
    with pytest.raises(FamilyFileError, match=r"not square \(0\.065 x 0\.1 um\)"):
        load_psf(tmp_path / "psf.ome.tif")


def counts(at: tuple[float, float] | None = None, side: int = 41) -> np.ndarray:
    y, x = np.mgrid[:side, :side]
    row, column = at or (side // 2, side // 2)
    return 4000 * np.exp(-((y - row) ** 2 + (x - column) ** 2) / 8)


def loaded(path: Path, picture: np.ndarray) -> np.ndarray:
    tifffile.imwrite(path, picture.astype(np.uint16))
    return np.asarray(load_psf(path).psf((1.0,)))


def middle(psf: np.ndarray) -> np.ndarray:
    place = np.arange(len(psf)) - len(psf) // 2
    return np.array([(psf.sum(axis) * place).sum() for axis in (1, 0)])


@pytest.mark.parametrize("spoilt", ["a slope", "a hot pixel", "few photons"])
def test_a_slanting_background_and_hot_pixels_are_no_light(tmp_path: Path, spoilt: str) -> None:
    picture = {
        "a slope": counts() + 100 + 2 * np.arange(41),
        "a hot pixel": np.where(np.eye(1, 41 * 41, 210).reshape(41, 41) > 0, 60000, counts() + 100),
        "few photons": np.random.default_rng(0).poisson(counts() / 4 + 100),
    }[spoilt]
    clean = loaded(tmp_path / "clean.tif", counts())
    with pytest.warns(AssumptionWarning, match="even background"):
        found = loaded(tmp_path / "psf.tif", picture)
    assert np.abs(found - clean).sum() < 0.12


def test_the_middle_of_even_sides_may_lie_between_pixels(tmp_path: Path) -> None:
    with pytest.warns(AssumptionWarning, match="half a pixel"):
        found = loaded(tmp_path / "psf.tif", counts((19.5, 19.5), 40))
    np.testing.assert_allclose(middle(found), 0, atol=1e-3)


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (counts((22, 20)), "2.0 pixels from the middle"),
        (np.minimum(3 * counts(), 4095), "25 pixels of psf.tif have the largest value"),
        (np.minimum(3 * counts(), 3000), "pixels of psf.tif have the largest value"),
    ],
)
def test_what_is_doubtful_in_a_psf_is_told(tmp_path: Path, picture: np.ndarray, words: str) -> None:
    with pytest.warns(AssumptionWarning, match=words):
        loaded(tmp_path / "psf.tif", picture)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", ["coarse digits", "disc"])
def test_a_flat_peak_of_few_digits_or_of_a_disc_is_not_taken_for_saturated(tmp_path: Path, kind: str) -> None:
    squared = np.square(np.indices((41, 41)) - 20).sum(0)
    picture = np.rint(60 * np.exp(-squared / 128)) if kind == "coarse digits" else np.where(squared < 50, 1000, 0)
    assert (picture == picture.max()).sum() >= 5
    assert loaded(tmp_path / "psf.tif", picture).sum() == pytest.approx(1, abs=1e-5)
