"""Parts of an image, deblurred as the whole would be."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_deepblur.pipeline import DeblurSettings, deblur
from napari_deepblur.pipeline.plan import plan
from napari_deepblur.pipeline.preview import Region, preview

SETTINGS = DeblurSettings(
    microscope={"na": 1.4, "wavelength_um": 0.5, "pixel_size_um": 0.08, "n_immersion": 1.515},
    method="wiener",
    noise=(0.5, 2.0),
    theta=(0.05, 0, 0, 0.05, 0, 0, 0, 0),
)


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        (Region(10, 20, 60, 70), Region(10, 20, 60, 70)),
        (Region(-30, -5, 500, 40), Region(0, 0, 100, 40)),
        (Region(60, 70, 10, 20), Region(10, 20, 60, 70)),
        (Region(40, 40, 40, 42), Region(32, 33, 48, 49)),
        (Region(98, 0, 99, 90), Region(84, 0, 100, 90)),
        (Region(300, 300, 400, 400), Region(84, 104, 100, 120)),
    ],
)
def test_a_region_is_brought_into_the_image(region: Region, expected: Region) -> None:
    assert region.within((100, 120), 512) == expected
    assert expected.within((100, 120), 512) == expected


def test_of_a_large_region_the_middle_is_taken() -> None:
    assert Region(0, 0, 1000, 100).within((1000, 100), 256) == Region(372, 0, 628, 100)


def test_a_part_is_what_the_whole_run_gives_there() -> None:
    rng = np.random.default_rng(4)
    # As blurred as optics leave it: rows that differ from their neighbours as a whole would be set aside.
    image = gaussian_filter(200 + 50 * rng.normal(size=(160, 150)).cumsum(0).cumsum(1), 2)
    image = np.clip(image - image.min(), 0, None) / np.ptp(image) * 900 + 50
    region = Region(50, 40, 110, 100)
    shown = preview(plan(SETTINGS, (160, 150)), image, region)
    assert shown.image.shape == region.shape == (60, 60)
    family = SETTINGS.operator_family(image.shape)  # type: ignore[arg-type]
    whole = deblur(image, family, theta=SETTINGS.blur.theta, noise=SETTINGS.known_noise(), method="wiener").image
    error = shown.image - whole[50:110, 40:100]
    contrast = whole[50:110, 40:100].std()
    assert np.sqrt((error**2).mean()) < 0.05 * contrast


def test_a_part_of_a_varying_blur_is_blurred_as_at_its_place() -> None:
    rng = np.random.default_rng(4)
    # As blurred as optics leave it: rows that differ from their neighbours as a whole would be set aside.
    image = gaussian_filter(200 + 50 * rng.normal(size=(160, 150)).cumsum(0).cumsum(1), 2)
    image = np.clip(image - image.min(), 0, None) / np.ptp(image) * 900 + 50
    # Defocus that grows along the rows.
    theta = np.zeros((8, 3))
    theta[0] = 0.05, 0.05, 0.0
    varying = SETTINGS.replace(family="field-zernike", degree=1, theta=tuple(theta.ravel()))
    family = varying.operator_family((160, 150))
    whole = deblur(image, family, theta=varying.blur.theta, noise=varying.known_noise(), method="wiener").image
    errors = []
    for settings in (varying, SETTINGS):
        shown = preview(plan(settings, (160, 150)), image, Region(100, 40, 160, 100))
        errors.append(np.sqrt(np.mean((shown.image - whole[100:160, 40:100]) ** 2)))
    assert errors[0] < 0.05 * whole[100:160, 40:100].std()
    assert errors[0] < errors[1] / 3
