from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_deepblur.errors import FamilyError
from napari_deepblur.optics import Pupil, is_even, mode_name, noll_to_nm, zernike, zernike_projection

Array = NDArray[np.float64]

# R. J. Noll, J. Opt. Soc. Am. 66, 207 (1976), table I: (n, m), with m < 0 for the sine modes.
NOLL_ORDERS = {
    1: (0, 0),
    2: (1, 1),
    3: (1, -1),
    4: (2, 0),
    5: (2, -2),
    6: (2, 2),
    7: (3, -1),
    8: (3, 1),
    9: (3, -3),
    10: (3, 3),
    11: (4, 0),
    12: (4, 2),
    13: (4, -2),
    14: (4, 4),
    15: (4, -4),
    16: (5, 1),
    17: (5, -1),
    18: (5, 3),
    19: (5, -3),
    20: (5, 5),
    21: (5, -5),
    22: (6, 0),
}

# The same table's polynomials.
NOLL_POLYNOMIALS = {
    1: lambda r, a: np.ones_like(r),
    2: lambda r, a: 2 * r * np.cos(a),
    3: lambda r, a: 2 * r * np.sin(a),
    4: lambda r, a: 3**0.5 * (2 * r**2 - 1),
    5: lambda r, a: 6**0.5 * r**2 * np.sin(2 * a),
    6: lambda r, a: 6**0.5 * r**2 * np.cos(2 * a),
    7: lambda r, a: 8**0.5 * (3 * r**3 - 2 * r) * np.sin(a),
    8: lambda r, a: 8**0.5 * (3 * r**3 - 2 * r) * np.cos(a),
    9: lambda r, a: 8**0.5 * r**3 * np.sin(3 * a),
    10: lambda r, a: 8**0.5 * r**3 * np.cos(3 * a),
    11: lambda r, a: 5**0.5 * (6 * r**4 - 6 * r**2 + 1),
    12: lambda r, a: 10**0.5 * (4 * r**4 - 3 * r**2) * np.cos(2 * a),
    15: lambda r, a: 10**0.5 * r**4 * np.sin(4 * a),
    22: lambda r, a: 7**0.5 * (20 * r**6 - 30 * r**4 + 12 * r**2 - 1),
}


def test_orders_are_those_of_noll_s_table() -> None:
    assert {j: noll_to_nm(j) for j in NOLL_ORDERS} == NOLL_ORDERS


def test_every_order_occurs_once_and_cosines_have_even_indices() -> None:
    pairs = [noll_to_nm(j) for j in range(1, 121)]
    assert sorted(pairs) == sorted((n, m) for n in range(15) for m in range(-n, n + 1, 2))
    assert [n for n, _ in pairs] == sorted(n for n, _ in pairs)
    for j, (n, m) in enumerate(pairs, 1):
        assert m == 0 or (m > 0) == (j % 2 == 0), (j, n, m)


@pytest.mark.parametrize("j", NOLL_POLYNOMIALS)
def test_polynomials_are_those_of_noll_s_table(j: int) -> None:
    rho, phi = np.meshgrid(np.linspace(0, 1, 23), np.linspace(-np.pi, np.pi, 31))
    np.testing.assert_allclose(zernike(j, rho, phi), NOLL_POLYNOMIALS[j](rho, phi), atol=1e-12)


def test_modes_are_orthonormal_on_the_unit_disk() -> None:
    # Gauss-Legendre in rho^2 and equal angles integrate these polynomials exactly.
    nodes, weights = np.polynomial.legendre.leggauss(16)
    angles = 2 * np.pi * np.arange(32) / 32
    rho, phi = np.meshgrid(np.sqrt((nodes + 1) / 2), angles, indexing="ij")
    modes = np.stack([zernike(j, rho, phi) for j in range(1, 37)])
    gram = np.einsum("irp,jrp,r->ij", modes, modes, weights / 2) / len(angles)
    np.testing.assert_allclose(gram, np.eye(36), atol=1e-12)


@pytest.mark.parametrize("j", range(1, 37))
def test_parity_is_that_of_the_polynomial(j: int) -> None:
    rho, phi = np.meshgrid(np.linspace(0.1, 1, 7), np.linspace(0, 2, 9))
    sign = 1 if is_even(j) else -1
    np.testing.assert_allclose(zernike(j, rho, phi + np.pi), sign * zernike(j, rho, phi), atol=1e-12)


def test_a_wavefront_of_round_modes_is_taken_apart_again() -> None:
    weights = {4: 0.3, 11: -0.2, 22: 0.05}

    def wavefront(rho: Array) -> Array:
        return np.asarray(0.7 + sum(w * zernike(j, rho, 0 * rho) for j, w in weights.items()))

    found = zernike_projection(wavefront, tuple(range(4, 23)))
    np.testing.assert_allclose(found, [weights.get(j, 0.0) for j in range(4, 23)], atol=1e-4)
    # Piston and all that is not round.
    assert zernike_projection(wavefront, (1,))[0] == pytest.approx(0.7, abs=1e-4)
    assert (zernike_projection(wavefront, (2, 3, 5, 6, 7, 8, 9, 10, 12)) == 0).all()


def test_the_projection_of_a_mismatch_leaves_the_least_that_the_modes_can() -> None:
    """An oil objective 5 um deep in water: with defocus and spherical subtracted, any change adds variance."""
    mismatch = Pupil(0.2, 0.93, "scalar", 1.05, 8.0).mismatch
    radius = np.sqrt((np.arange(2000) + 0.5) / 2000)
    modes = np.stack([zernike(j, radius, 0 * radius) for j in (4, 11)])

    def left(coefficients: Array) -> float:
        return float((mismatch(radius) - coefficients @ modes).var())

    found = zernike_projection(mismatch, (4, 11))
    assert np.abs(found).max() > 0.05
    best = left(found)
    assert best < 0.5 * mismatch(radius).var()
    for change in (0.003 * np.eye(2), -0.003 * np.eye(2)):
        assert all(left(found + one) > best for one in change)


def test_the_even_modes_among_the_default_ones() -> None:
    assert [j for j in range(4, 12) if is_even(j)] == [4, 5, 6, 11]


def test_names() -> None:
    assert mode_name(4) == "defocus"
    assert mode_name(11) == "spherical"
    assert mode_name(37) == "Noll 37"
    # A coma "y" is odd in y: with rows as y, it moves light along the columns of pixels.
    y, x = np.array([0.5, 0.0]), np.array([0.0, 0.5])
    values = zernike(7, np.hypot(x, y), np.arctan2(y, x))
    assert mode_name(7) == "coma y" and abs(values[0]) > 0.1 and abs(values[1]) < 1e-12


@pytest.mark.parametrize("j", [0, -3, 2.0, "4", None, True])
def test_an_index_that_does_not_exist_is_refused(j: Any) -> None:
    with pytest.raises(FamilyError, match=r"Noll index .* does not exist: .*1 \(piston\)"):
        noll_to_nm(j)
    with pytest.raises(FamilyError):
        mode_name(j)
