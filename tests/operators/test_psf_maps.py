"""Maps over the field of the quality of PSFs, against PSFs whose quality is known."""

from __future__ import annotations

import numpy as np
import pytest

from napari_deepblur import (
    EigenPsfFamily,
    FieldZernikeFamily,
    Microscope,
    ProductConvolutionFamily,
    ZernikeFamily,
    psf_maps,
)
from napari_deepblur.errors import FamilyError
from napari_deepblur.optics.psf_metrics import encircled_radius, ideal_psf, measure_psf, otf_cutoff

OPTICS = Microscope(na=0.8, wavelength_um=0.5, pixel_size_um=0.1, n_immersion=1.0, light="scalar")


def test_a_uniform_family_has_constant_maps() -> None:
    family = ZernikeFamily(OPTICS, modes=(4, 5), psf_size=31)
    maps = psf_maps(family, (0.05, 0.02), shape=(64, 96), grid=(3, 4))
    known = measure_psf(family.psf((0.05, 0.02)), OPTICS)
    assert maps.strehl is not None
    assert maps.strehl.shape == (3, 4)
    np.testing.assert_allclose(maps.strehl, known.strehl, rtol=1e-5)
    np.testing.assert_allclose(maps.fwhm_um, np.mean(known.fwhm_um), rtol=1e-5)
    assert np.ptp(maps.encircled_um) == np.ptp(maps.cutoff) == 0
    assert maps.spacing == (64 / 3, 24)


def test_a_linear_defocus_has_the_strehl_ratios_of_the_exact_psfs() -> None:
    family = FieldZernikeFamily(OPTICS, modes=(4,), degree=1, field_shape=(90, 180), psf_size=31)
    theta = (0.0, 0.12, 0.0)
    maps = psf_maps(family, theta, grid=(3, 5))
    places = [(row, column) for row in (14.5, 44.5, 74.5) for column in (17.5, 53.5, 89.5, 125.5, 161.5)]
    defocus = family.coefficients(theta, places)[:, 0].reshape(3, 5)
    local = ZernikeFamily(OPTICS, modes=(4,), psf_size=31)
    assert maps.strehl is not None
    for waves, strehl, width in zip(defocus.flat, maps.strehl.flat, maps.fwhm_um.flat, strict=True):
        known = measure_psf(local.psf((waves,)), OPTICS)
        assert strehl == pytest.approx(known.strehl, rel=1e-4)
        assert width == pytest.approx(np.mean(known.fwhm_um), rel=1e-4)
        # Marechal's exp(-(2 pi sigma)^2), which no PSF was computed for.
        assert strehl == pytest.approx(np.exp(-((2 * np.pi * waves) ** 2)), abs=0.03)
    # Sharpest in the middle, where nothing is out of focus, and wider towards both sides.
    assert maps.strehl[1, 2] == pytest.approx(1, abs=1e-4)
    assert (np.diff(maps.encircled_um[1]) * [-1, -1, 1, 1] > 0).all()
    assert (np.diff(maps.cutoff[1]) * [1, 1, -1, -1] > 0).all()


def test_a_part_of_the_field_has_the_maps_of_that_part() -> None:
    family = FieldZernikeFamily(OPTICS, modes=(4,), degree=1, field_shape=(80, 80), psf_size=21)
    whole = psf_maps(family, (0.05, 0.1, 0.03), grid=(4, 4))
    part = psf_maps(family, (0.05, 0.1, 0.03), shape=(40, 40), origin=(40, 20), grid=(2, 2))
    np.testing.assert_allclose(part.fwhm_um, whole.fwhm_um[2:, 1:3], rtol=1e-5)


def test_measured_families_have_maps_and_without_optics_no_strehl_ratio() -> None:
    eigen = np.stack([ideal_psf(OPTICS, 21), ZernikeFamily(OPTICS, (4,), psf_size=21).psf((0.15,))])
    maps = np.stack([np.linspace(1, 0, 50)[None].repeat(40, 0), np.linspace(0, 1, 50)[None].repeat(40, 0)])
    family = ProductConvolutionFamily(eigen, maps, pixel_size_um=0.1)
    found = psf_maps(family, (1, 0, 0, 1), grid=(2, 5))
    assert found.strehl is None
    assert (np.diff(found.encircled_um, axis=1) > 0).all()
    with pytest.raises(FamilyError, match="pixel_size_um"):
        psf_maps(EigenPsfFamily(eigen), (1, 0), shape=(40, 40))
    with pytest.raises(FamilyError, match="give the shape"):
        psf_maps(EigenPsfFamily(eigen, pixel_size_um=0.1), (1, 0))
    with pytest.raises(FamilyError, match="grid"):
        psf_maps(family, (1, 0, 0, 1), grid=(41, 5))


def test_radius_and_cutoff_of_a_gaussian_are_those_of_the_formula() -> None:
    axis = np.arange(-20, 21)
    sigma = 3.0
    psf = np.exp(-(axis[:, None] ** 2 + axis[None] ** 2) / (2 * sigma**2))
    assert encircled_radius(psf) == pytest.approx(sigma * np.sqrt(2 * np.log(2)), rel=0.01)
    expected = np.sqrt(np.log(20) / 2) / (np.pi * sigma * 0.1)
    assert otf_cutoff(psf, 0.1) == pytest.approx(expected, rel=0.02)
