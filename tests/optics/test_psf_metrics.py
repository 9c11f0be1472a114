"""Measures of PSFs against closed forms."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from napari_deepblur.errors import FamilyError
from napari_deepblur.operators import ZernikeFamily
from napari_deepblur.optics import Microscope
from napari_deepblur.optics.psf_metrics import fwhm, measure_psf, otf_profile

OPTICS = Microscope(na=0.8, wavelength_um=0.5, pixel_size_um=0.1, n_immersion=1.0)


def gaussian(rows: float, columns: float, at: tuple[float, float] = (0, 0)) -> np.ndarray:
    y, x = np.mgrid[-20:21, -20:21]
    psf = np.exp(-0.5 * (((y - at[0]) / rows) ** 2 + ((x - at[1]) / columns) ** 2))
    return np.asarray(psf / psf.sum())


@pytest.mark.parametrize("at", [(0, 0), (0.3, -0.4)])
def test_the_width_of_a_gaussian(at: tuple[float, float]) -> None:
    factor = 2 * math.sqrt(2 * math.log(2))
    assert fwhm(gaussian(1.5, 3, at)) == pytest.approx((factor * 1.5, factor * 3), rel=0.005)


def test_the_width_of_what_fills_the_square() -> None:
    assert fwhm(np.ones((9, 9))) == (8, 8)


def test_the_transfer_function_of_a_gaussian() -> None:
    frequency, transfer = otf_profile(gaussian(2, 2), 0.1)
    expected = np.exp(-2 * (math.pi * 0.2 * frequency) ** 2)
    np.testing.assert_allclose(transfer, expected, atol=0.004)
    assert frequency[-1] == pytest.approx(5) and transfer[0] == pytest.approx(1)


def test_without_aberrations_all_is_ideal() -> None:
    # In scalar light, whose disc has a formula.
    optics = dataclasses.replace(OPTICS, light="scalar")
    found = measure_psf(7 * ZernikeFamily(optics, psf_size=41).psf([0.0] * 8), optics)
    assert found.strehl == pytest.approx(1, abs=1e-4)
    assert found.fwhm_um == pytest.approx(found.ideal_fwhm_um)
    # An Airy disc, 0.514 wavelength / NA, of pixels that average nothing.
    assert found.fwhm_um[0] == pytest.approx(0.514 * 0.5 / 0.8, rel=0.02)
    assert found.limit == pytest.approx(3.2)
    beyond = found.frequency > 1.1 * found.limit
    assert found.transfer[beyond].max() < 0.02 < found.transfer[found.frequency < 0.8 * found.limit].min()


def test_a_small_aberration_lowers_the_peak_as_marechal_says() -> None:
    family = ZernikeFamily(OPTICS, psf_size=61)
    theta = np.array([0.02, 0.03, -0.02, 0.02, 0, 0.01, 0, 0.02])
    sigma = float(np.sqrt(np.square(theta).sum()))
    found = measure_psf(family.psf(theta), OPTICS)
    assert found.strehl == pytest.approx(math.exp(-((2 * math.pi * sigma) ** 2)), abs=0.02)


@pytest.mark.parametrize("psf", [np.ones((4, 4)), np.ones((3, 5)), np.zeros((5, 5)), np.ones(5)])
def test_what_is_no_psf(psf: np.ndarray) -> None:
    with pytest.raises(FamilyError, match="odd square"):
        measure_psf(psf, OPTICS)
