"""The joint sign of the even modes from planes at known distances: laws of the fit."""

from __future__ import annotations

import numpy as np
import pytest

from napari_deepblur.identification.plane_signs import defocus_per_um, settle_signs, signed_planes
from napari_deepblur.operators import ZernikeFamily
from napari_deepblur.optics import Microscope

EVEN = np.array([0.06, -0.05, 0.04, 0.03])


def _planes(seed: int, offsets: np.ndarray, change: np.ndarray, error: float = 0.01) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients of planes as single images give them: each of a random sign, with errors."""
    rng = np.random.default_rng(seed)
    signs = rng.choice([-1.0, 1.0], len(offsets))
    true = EVEN + offsets[:, None] * change
    return signs[:, None] * true + rng.normal(0, error, true.shape), signs


def test_paraxial_defocus_is_the_textbook_number() -> None:
    # sqrt(n^2 - NA^2 rho^2) / lambda is about -NA^2 rho^2 / (2 n lambda), and rho^2 = Z_4 / (2 sqrt 3) + a constant.
    optics = Microscope(na=0.1, wavelength_um=0.5, pixel_size_um=0.5, n_immersion=1.0)
    change = defocus_per_um(ZernikeFamily(optics, (4, 5, 7, 11)))
    assert change[0] == pytest.approx(-(0.1**2) / (2 * 0.5) / (2 * np.sqrt(3)), rel=0.01)
    np.testing.assert_array_equal(change[1:3], 0)
    assert abs(change[3]) < 0.01 * abs(change[0])


def test_a_high_aperture_also_changes_the_spherical_mode() -> None:
    change = defocus_per_um(ZernikeFamily(Microscope(pixel_size_um=0.09), (4, 11)))
    assert change[0] < 0 and change[1] < 0
    assert 0.05 < change[1] / change[0] < 0.4


@pytest.mark.parametrize("seed", range(8))
def test_signs_come_back_whatever_each_plane_said(seed: int) -> None:
    offsets, change = np.arange(-2, 3) * 0.2, np.array([-0.3, 0.0, 0.0, -0.05])
    planes, signs = _planes(seed, offsets, change)
    found = settle_signs(planes, np.full_like(planes, 0.01), offsets, change)
    np.testing.assert_array_equal(found.signs, signs)
    np.testing.assert_allclose(found.even, EVEN, atol=0.02)
    assert found.log_odds > 5


def test_a_spacing_of_the_other_sign_turns_the_answer() -> None:
    offsets, change = np.arange(-2, 3) * 0.2, np.array([-0.3, 0.0, 0.0, -0.05])
    planes, _ = _planes(0, offsets, change)
    std = np.full_like(planes, 0.01)
    one, other = settle_signs(planes, std, offsets, change), settle_signs(planes, std, -offsets, change)
    np.testing.assert_array_equal(one.signs, -other.signs)
    np.testing.assert_allclose(one.even, -other.even)


def test_planes_that_do_not_differ_say_nothing() -> None:
    offsets, change = np.zeros(4), np.array([-0.3, 0.0, 0.0, -0.05])
    planes, _ = _planes(0, offsets, change)
    assert settle_signs(planes, np.full_like(planes, 0.01), offsets, change).log_odds == pytest.approx(0, abs=1e-9)


def test_one_plane_gone_wrong_does_not_decide() -> None:
    offsets, change = np.arange(-3, 4) * 0.15, np.array([-0.3, 0.0, 0.0, -0.05])
    planes, signs = _planes(3, offsets, change)
    planes[5] = [0.15, 0.15, -0.15, 0.1]
    found = settle_signs(planes, np.full_like(planes, 0.01), offsets, change)
    kept = [0, 1, 2, 3, 4, 6]
    np.testing.assert_array_equal(found.signs[kept], signs[kept])


def test_with_an_index_mismatch_it_is_the_sum_that_has_no_sign() -> None:
    """Each plane says theta, or -theta - 2 w in its even modes, which has the same PSF; the stack says which."""
    deep = Microscope(1.2, 0.54, 0.09, 1.33, n_sample=1.40, depth_um=10.0)
    family = ZernikeFamily(deep, (4, 5, 7, 11))
    even, known = family.even_modes, family.known_wavefront
    assert np.abs(known).max() > 0.05
    true = np.array([0.02, -0.05, 0.06, 0.03]) + 0.3 * np.arange(4)[:, None] * defocus_per_um(family)
    said = np.where(even & (np.arange(4) % 2 == 1)[:, None], -true - 2 * known, true)
    planes = [{"theta": theta.tolist(), "theta_std": [0.01] * 4, "identified": True} for theta in said]
    found = signed_planes(planes, family, 0.3)
    np.testing.assert_allclose([plane["theta"] for plane in planes], true, atol=1e-6)
    assert found["stack"]["sign_probability"] > 0.95
