"""What no light through the optics can have made: found where it is, and nothing found where it is not."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from napari_deepblur.errors import ImageError, UndersamplingWarning
from napari_deepblur.noise.evidence import gather_evidence
from napari_deepblur.operators import ZernikeFamily
from napari_deepblur.optics import Microscope

Pixels = NDArray[np.float64]


def microscope(fc: float) -> Microscope:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndersamplingWarning)
        return Microscope(na=1.2, wavelength_um=0.12 / fc, pixel_size_um=0.1, n_immersion=1.5)


def blurred(fc: float, seed: int = 0) -> Pixels:
    """Points, filaments of points and discs on a dark ground, in focus: as sharp as it gets."""
    rng = np.random.default_rng(seed)
    scene = np.full((190, 190), 0.02)
    scene[tuple(rng.integers(0, 190, (2, 80)))] = rng.uniform(2, 30, 80)
    rows, columns = np.mgrid[:190, :190]
    for y, x, radius, value in rng.uniform([0, 0, 2, 0.3], [190, 190, 15, 1.5], (20, 4)):
        scene[(rows - y) ** 2 + (columns - x) ** 2 < radius**2] += value
    for row, slope in rng.uniform([20, -0.4], [170, 0.4], (8, 2)):
        line = np.clip(np.round(row + slope * np.arange(190)), 0, 189).astype(int)
        scene[line, np.arange(190)] += 3
    family = ZernikeFamily(microscope(fc))
    return family.operator(np.zeros(8), (160, 160)).forward(scene).astype(np.float64).clip(0)


@pytest.mark.parametrize("fc", [0.13, 0.26, 0.35, 0.44])
@pytest.mark.parametrize("photons", [3, 100, 3000, None])
@pytest.mark.parametrize("camera", [True, False])
def test_nothing_is_set_aside_in_clean_images(fc: float, photons: int | None, camera: bool) -> None:
    u = blurred(fc)
    image = u if photons is None else np.random.default_rng(1).poisson(photons * u).astype(np.float64)
    if camera:
        gain = 1 if photons is not None else 255 / u.max()
        image = np.round(gain * image + np.random.default_rng(2).normal(0, 2, u.shape) + 100)
    checked = image.astype(np.float32)
    found = gather_evidence(checked, microscope(fc))
    assert found.pixels is checked and found.hidden is None and found.notes == ()


@pytest.fixture(scope="module")
def camera_image() -> NDArray[np.float32]:
    rng = np.random.default_rng(3)
    return (rng.poisson(300 * blurred(0.26)) + rng.normal(0, 3, (160, 160)) + 200).round().astype(np.float32)


def test_hot_pixels_are_found_and_filled_in(camera_image: NDArray[np.float32]) -> None:
    rng = np.random.default_rng(4)
    places = tuple(rng.integers(0, 160, (2, 30)))
    hot = camera_image.copy()
    hot[places] = 30000
    hot[40:42, 50:52] = 25000  # a block of four,
    hot[100, 30:50] = 9000  # and the track of a particle
    wrong = hot != camera_image
    found = gather_evidence(hot, microscope(0.26))
    assert found.hidden is not None and found.hidden[wrong].all() and found.hidden.sum() <= wrong.sum() + 2
    # What is filled in deviates from what was there little more than by the noise.
    deviation = np.sqrt(found.noise.variance(camera_image))
    assert np.median(np.abs(found.pixels - camera_image)[wrong] / deviation[wrong]) < 3
    np.testing.assert_array_equal(found.pixels[~wrong], camera_image[~wrong])
    assert "isolated" in found.notes[0] and found.blank is None
    clean = gather_evidence(camera_image, microscope(0.26)).noise
    assert found.noise.variance(400) == pytest.approx(clean.variance(400), rel=0.05)


def test_dead_pixels_and_rows_are_found(camera_image: NDArray[np.float32]) -> None:
    dead = camera_image.copy()
    bright = np.argwhere(camera_image > np.quantile(camera_image, 0.6))[::300]
    dead[tuple(bright.T)] = 0
    dead[80] = 0
    found = gather_evidence(dead, microscope(0.26))
    assert found.hidden is not None and found.hidden[80].all()
    assert found.hidden[tuple(bright.T)].mean() > 0.6


@pytest.mark.parametrize("value", [0.0, 1000.0])
@pytest.mark.parametrize("form", ["border", "corner", "disc", "columns"])
def test_masks_and_borders_are_found(camera_image: NDArray[np.float32], form: str, value: float) -> None:
    rows, columns = np.mgrid[:160, :160]
    region = {
        "border": (rows < 6) | (columns >= 152),
        "corner": 2 * rows + columns < 90,
        "disc": (rows - 80) ** 2 + (columns - 80) ** 2 > 72**2,
        "columns": (columns > 40) & (columns < 43),
    }[form]
    spoilt = np.where(region, np.float32(value), camera_image)
    found = gather_evidence(spoilt, microscope(0.26))
    assert found.hidden is not None and found.hidden[region].all()
    assert (found.hidden & ~region).sum() <= 3
    assert "constant" in found.notes[0]


def test_saturated_pixels_are_found(camera_image: NDArray[np.float32]) -> None:
    top = np.float32(np.round(np.quantile(camera_image, 0.95)))
    found = gather_evidence(np.minimum(camera_image, top), microscope(0.26))
    assert found.hidden is not None
    np.testing.assert_array_equal(found.hidden, camera_image >= top)
    assert "saturated" in found.notes[0] and (found.pixels[found.hidden] >= top).all()


def test_what_was_cut_off_at_black_is_kept(camera_image: NDArray[np.float32]) -> None:
    dark = np.maximum(camera_image - np.float32(np.quantile(camera_image, 0.4)), 0)
    assert gather_evidence(dark, microscope(0.26)).hidden is None


def test_masks_of_arrays_count(camera_image: NDArray[np.float32]) -> None:
    masked = np.zeros((160, 160), bool)
    masked[20:50, 30:90] = True
    found = gather_evidence(camera_image, microscope(0.26), masked=masked)
    assert found.hidden is not None
    np.testing.assert_array_equal(found.hidden, masked)


@pytest.mark.parametrize("what", ["block", "scale bar", "letters", "column"])
def test_what_was_drawn_into_an_image_is_no_saturated_light(camera_image: NDArray[np.float32], what: str) -> None:
    rows, columns = np.mgrid[:160, :160]
    region = {
        "block": (rows // 3 == 20) & (columns // 3 == 30),
        "scale bar": (rows >= 140) & (rows < 145) & (columns > 90) & (columns < 150),
        "letters": (rows > 20) & (rows < 36) & (columns % 8 < 3) & (columns > 100),
        "column": columns == 70,
    }[what]
    spoilt = np.where(region, np.float32(65535), camera_image)
    found = gather_evidence(spoilt, microscope(0.26))
    assert found.hidden is not None and found.hidden[region].all()
    # Filled in as the image around is: it is not taken for light that is brighter than the camera holds.
    assert found.pixels.max() <= 1.5 * camera_image.max()


def test_smoothed_letters_are_found_with_their_strokes(camera_image: NDArray[np.float32]) -> None:
    letters = Image.new("L", (160, 160))
    ImageDraw.Draw(letters).text((40, 120), "10 um  GFP", fill=255, font_size=16)
    share = np.array(letters) / 255
    spoilt = np.rint(camera_image * (1 - share) + share * 65535).astype(np.float32)
    found = gather_evidence(spoilt, microscope(0.26))
    assert found.hidden is not None and found.hidden[share > 0.3].mean() > 0.95
    assert np.quantile(found.pixels, 0.999) < 1.5 * camera_image.max()


def test_a_long_track_is_followed_to_its_end(camera_image: NDArray[np.float32]) -> None:
    track = np.array([(20 + k, 40 + k // 2) for k in range(40)]).T
    spoilt = camera_image.copy()
    spoilt[tuple(track)] = 20000
    found = gather_evidence(spoilt, microscope(0.26))
    assert found.hidden is not None and found.hidden[tuple(track)].all() and found.hidden.sum() <= 42


@pytest.mark.parametrize(("lines", "more"), [([70], 150), ([70, 71], 3000), ([60, 100], 150)])
@pytest.mark.parametrize("axis", [0, 1])
def test_rows_and_columns_of_another_offset_are_found(
    camera_image: NDArray[np.float32], lines: list[int], more: float, axis: int
) -> None:
    spoilt = camera_image.copy()
    np.moveaxis(spoilt, axis, 0)[lines] += more
    found = gather_evidence(spoilt, microscope(0.26))
    assert found.hidden is not None
    np.testing.assert_array_equal(np.flatnonzero(found.hidden.mean(axis=1 - axis) > 0.9), lines)
    assert "rows or columns" in found.notes[0]


@pytest.mark.parametrize("value", [1e20, -1e25, 3e29])
def test_numbers_for_no_data_count_for_nothing(camera_image: NDArray[np.float32], value: float) -> None:
    spoilt = camera_image.copy()
    spoilt[40:44, 50] = value
    found = gather_evidence(spoilt, microscope(0.26))
    assert found.hidden is not None and found.hidden[40:44, 50].all() and found.hidden.sum() <= 5
    assert np.abs(found.pixels).max() <= camera_image.max()


@pytest.mark.parametrize("form", ["round", "two sides"])
def test_the_dark_around_a_stop_is_found(form: str) -> None:
    rng = np.random.default_rng(6)
    light = 300 + 600 * blurred(0.26, 1)
    rows, columns = np.mgrid[:160, :160]
    outside = ((rows - 80) ** 2 + (columns - 80) ** 2 > 70**2) if form == "round" else (rows < 20) | (columns < 30)
    image = (rng.poisson(np.where(outside, 4.0, light)) + rng.normal(0, 3, (160, 160)) + 200).round()
    found = gather_evidence(image.astype(np.float32), microscope(0.26))
    assert found.hidden is not None and found.blank is not None
    assert found.hidden[outside].mean() > 0.99 and found.hidden[~outside].mean() < 0.02


@pytest.mark.parametrize("side", [3, 5])
@pytest.mark.parametrize("fc", [0.2, 0.26, 0.3])
def test_groups_of_unequal_hot_pixels_are_found_whole(side: int, fc: float) -> None:
    rng = np.random.default_rng(7)
    image = (rng.poisson(300 * blurred(fc, 2)) + rng.normal(0, 3, (160, 160)) + 200).round().astype(np.float32)
    spoilt = image.copy()
    spoilt[60 : 60 + side, 70 : 70 + side] = rng.uniform(20000, 60000, (side, side)).round()
    found = gather_evidence(spoilt, microscope(fc))
    assert found.hidden is not None
    np.testing.assert_array_equal(found.hidden, spoilt != image)
    assert found.pixels.max() <= 1.5 * image.max()


@pytest.mark.parametrize("share", [0.004, 0.01, 0.02])
def test_hot_pixels_do_not_hide_in_the_noise_that_they_are(share: float, camera_image: NDArray[np.float32]) -> None:
    hot = np.random.default_rng(5).random((160, 160)) < share
    spoilt = np.where(hot, np.float32(40000), camera_image)
    found = gather_evidence(spoilt, microscope(0.26))
    # So many make the optics doubted, by which neighbouring ones may be light.
    assert found.hidden is not None and found.hidden[hot].mean() > 0.99 and not (found.hidden & ~hot).any()
    clean = gather_evidence(camera_image, microscope(0.26)).noise
    assert found.noise.variance(400) == pytest.approx(clean.variance(400), rel=0.1)


def test_an_image_of_one_value_but_for_outliers_is_told_from_one_with_noise() -> None:
    image = np.full((64, 64), 100, np.float32)
    image[20, 30] = 60000
    with pytest.raises(ImageError, match="All pixels but 1 outliers have the same value, 100"):
        gather_evidence(image, microscope(0.26))


@pytest.mark.parametrize("power", [-60, 60])
def test_what_is_filled_in_does_not_depend_on_the_unit(camera_image: NDArray[np.float32], power: int) -> None:
    image = camera_image.astype(np.float32)
    image[20, 30], image[40:52, 40:52], image[:9] = 5e5, 0, 0
    unit = np.float32(2.0**power)
    # Numbers whose digits do not show: what they were rounded to is told by wholeness, which depends on the unit.
    image = image / np.float32(np.pi)
    one, other = (gather_evidence(values, microscope(0.26)) for values in (image, unit * image))
    assert one.hidden is not None and other.hidden is not None
    np.testing.assert_array_equal(other.hidden[:, :], one.hidden[:, :])
    np.testing.assert_allclose(other.pixels[:, :] / unit, one.pixels[:, :], rtol=1e-4)
    assert other.noise.alpha / unit == pytest.approx(one.noise.alpha, rel=1e-6)
