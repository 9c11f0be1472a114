"""The blind estimate of the noise: its bias on blurred images, its units, its camera artefacts and its refusals."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_deepblur.errors import ImageError, NoiseError, UndersamplingWarning
from napari_deepblur.noise import PoissonGaussianNoise, estimate_noise
from napari_deepblur.operators import ZernikeFamily
from napari_deepblur.optics import Microscope

Image = NDArray[np.float64]
LEVELS = [(0.0, 0.001), (0.0002, 0.001), (0.01, 0.0), (0.0, 0.05), (0.05, 0.05)]


@pytest.fixture(scope="module")
def microscope() -> Microscope:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndersamplingWarning)
        return Microscope()


@pytest.fixture(scope="module")
def images(microscope: Microscope) -> dict[str, Image]:
    """Blurred images in [0, 1]: a photograph, a texture without a flat place, and sparse discs on a dark ground."""
    rows, columns = np.mgrid[:286, :286]
    discs = np.full((286, 286), 0.02)
    for y, x, radius, value in np.random.default_rng(0).uniform([0, 0, 2, 0.2], [286, 286, 14, 1], (60, 4)):
        discs[(rows - y) ** 2 + (columns - x) ** 2 < radius**2] = value
    scenes = {
        "camera": skimage.data.camera()[:286, 100:386] / 255,
        "grass": skimage.data.grass()[:286, :286] / 255,
        "discs": discs,
    }
    family = ZernikeFamily(microscope)
    theta = family.sample(len(scenes), seed=0)
    return {
        name: family.operator(one, (256, 256)).forward(scene).astype(np.float64).clip(0)
        for (name, scene), one in zip(scenes.items(), theta, strict=True)
    }


def deviation_errors(found: PoissonGaussianNoise, true: PoissonGaussianNoise, u: Image) -> Image:
    levels = np.percentile(u, [5, 25, 50, 75, 95])
    return np.asarray(np.sqrt(found.variance(levels) / true.variance(levels)) - 1)


@pytest.mark.parametrize(("alpha", "beta"), LEVELS)
@pytest.mark.parametrize("name", ["camera", "grass", "discs"])
@pytest.mark.parametrize("known", [True, False])
def test_standard_deviation_is_found(
    images: dict[str, Image], microscope: Microscope, name: str, alpha: float, beta: float, known: bool
) -> None:
    true = PoissonGaussianNoise(alpha, beta)
    found = estimate_noise(true.sample(images[name], seed=1), microscope if known else None)
    assert np.abs(deviation_errors(found, true, images[name])).max() < 0.15


@pytest.mark.parametrize("name", ["camera", "grass", "discs"])
def test_an_image_without_noise_has_almost_none(images: dict[str, Image], microscope: Microscope, name: str) -> None:
    found = estimate_noise(images[name].astype(np.float32), microscope)
    assert np.sqrt(found.variance(1.0)) < 2e-4


def test_photon_counts_above_a_camera_bias(images: dict[str, Image], microscope: Microscope) -> None:
    rng = np.random.default_rng(2)
    counts = 2.0 * rng.poisson(500 * images["discs"]) + 100 + 3 * rng.standard_normal(images["discs"].shape)
    true = PoissonGaussianNoise(2.0, 3.0, offset=100.0)
    found = estimate_noise(np.round(counts).astype(np.uint16), microscope)
    assert np.abs(deviation_errors(found, true, 100 + 1000 * images["discs"])).max() < 0.1
    assert found.alpha == pytest.approx(2.0, rel=0.1)
    assert 90 < found.offset < 140


def test_negative_intensities_get_a_negative_offset(images: dict[str, Image], microscope: Microscope) -> None:
    noisy = PoissonGaussianNoise(0.01, 0.005).sample(images["camera"], seed=3)
    found = estimate_noise(noisy - 5.0, microscope)
    assert found.offset < -4.9
    true = PoissonGaussianNoise(0.01, 0.005, offset=-5.0)
    assert np.abs(deviation_errors(found, true, images["camera"] - 5.0)).max() < 0.1


@pytest.mark.parametrize("gain", [1e-200, 1e-6, 37.0, 1e200])
def test_the_estimate_follows_the_units(images: dict[str, Image], gain: float) -> None:
    noisy = PoissonGaussianNoise(0.01, 0.01).sample(images["camera"], seed=4)
    expected, found = estimate_noise(noisy).rescaled(gain, 0.0), estimate_noise(gain * noisy)
    assert found.alpha == pytest.approx(expected.alpha, rel=1e-3)
    assert found.beta == pytest.approx(expected.beta, rel=1e-3)


def test_saturated_pixels_do_not_pull_the_noise_down(images: dict[str, Image], microscope: Microscope) -> None:
    true = PoissonGaussianNoise(0.0, 0.02)
    u = images["camera"] + 0.1
    found = estimate_noise(true.sample(u, seed=5).clip(0.0, 0.75), microscope)  # the sky and the tower are clipped
    assert np.abs(deviation_errors(found, true, u.clip(0, 0.7))).max() < 0.1


def test_rounding_is_noise_of_its_own(images: dict[str, Image], microscope: Microscope) -> None:
    stretched = 257 * np.round(255 * images["camera"]).astype(np.uint16)
    assert estimate_noise(stretched, microscope).beta >= 0.999 * 257 / np.sqrt(12)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", ">u2", "int32", "uint64", "float16", ">f4", "float64"])
def test_types_do_not_matter(images: dict[str, Image], microscope: Microscope, dtype: str) -> None:
    true = PoissonGaussianNoise(2.0, 3.0)
    counts = np.round(PoissonGaussianNoise(2.0, 3.0).sample(20 + 200 * images["camera"], seed=6)).clip(0, 255)
    found = estimate_noise(counts.astype(dtype)[::-1, ::-1], microscope)
    assert np.abs(deviation_errors(found, true, 20 + 200 * images["camera"])).max() < 0.12


def test_a_large_image_is_sampled(images: dict[str, Image], microscope: Microscope) -> None:
    noisy = PoissonGaussianNoise(0.01, 0.02).sample(np.tile(images["camera"], (2, 7)), seed=7)
    assert noisy.shape[1] > 1536
    found = estimate_noise(noisy, microscope)
    assert np.abs(deviation_errors(found, PoissonGaussianNoise(0.01, 0.02), images["camera"])).max() < 0.1


def test_small_images_are_estimated_roughly(images: dict[str, Image], microscope: Microscope) -> None:
    true = PoissonGaussianNoise(0.005, 0.02)
    found = [
        estimate_noise(true.sample(images["camera"], seed)[100:132, 90:122], microscope).variance(0.5)
        for seed in range(9)
    ]
    assert np.mean(np.sqrt(found)) == pytest.approx(np.sqrt(true.variance(0.5)), rel=0.2)


@pytest.mark.parametrize(
    ("image", "error", "words"),
    [
        (np.zeros((64, 64)), NoiseError, "constant"),
        (np.arange(400.0).reshape(20, 20), NoiseError, "at least 32"),
        (np.zeros(4096), ImageError, "two axes"),
        (np.zeros((3, 64, 64)), ImageError, "two axes"),
        (np.zeros((0, 0)), NoiseError, "at least 32"),
        (np.where(np.eye(64) > 0, np.nan, np.arange(64.0)), ImageError, "64 NaN"),
        (np.where(np.eye(64) > 0, np.inf, np.arange(64.0)), ImageError, "infinite"),
        (np.ones((64, 64), dtype=complex), ImageError, "real numbers"),
        (np.full((64, 64), "a"), ImageError, "real numbers"),
    ],
)
def test_refusals_say_what_was_found(image: NDArray[np.generic], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        estimate_noise(image)


@pytest.mark.parametrize("seed", range(4))
def test_odd_images_give_finite_parameters(seed: int) -> None:
    rng = np.random.default_rng(seed)
    binary = rng.random((64, 64)) < 0.1
    odd = [binary, binary.astype(np.float64), rng.poisson(0.05, (80, 40)), rng.standard_normal((48, 48))]
    one_bright = np.zeros((64, 64))
    one_bright[30, 30] = 1e-30
    for image in (*odd, one_bright, 1e300 * one_bright):
        found = estimate_noise(image)
        assert np.isfinite([found.alpha, found.beta, found.offset]).all()


@pytest.mark.parametrize("shape", [(120, 130), (101, 118), (99, 97)])
def test_the_noise_of_a_turned_image_is_that_of_the_image(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(5)
    scene = gaussian_filter(rng.random(shape), 4)
    image = rng.poisson(2000 * scene / scene.max()) + rng.normal(0, 3, shape)
    straight = estimate_noise(image)
    for turned in (image[::-1], image[:, ::-1], image.T, np.rot90(image)):
        found = estimate_noise(turned)
        assert found.alpha == pytest.approx(straight.alpha, rel=1e-6)
        assert found.variance(500.0) == pytest.approx(straight.variance(500.0), rel=1e-6)
