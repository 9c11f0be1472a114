"""Windows of a field, and what is seen in them as observations of parameters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_deepblur.identification.gaussian import Gaussian, prior_of
from napari_deepblur.identification.local_views import design_of, polynomial_views, relative, windows_of
from napari_deepblur.identification.results import Identification
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import FieldZernikeFamily, ProductConvolutionFamily
from napari_deepblur.operators.families.local_coordinates import gram_matrix, local_coordinates
from napari_deepblur.optics import Microscope

OPTICS = Microscope(pixel_size_um=0.09)


def test_windows_partition_the_image_and_know_their_place_in_the_field() -> None:
    windows = windows_of((900, 500), OPTICS, (100, 20), side=384)
    covered = np.zeros((900, 500), dtype=int)
    for window in windows:
        covered[window.rows, window.columns] += 1
        middle = [(s.start + s.stop - 1) / 2 for s in (window.rows, window.columns)]
        np.testing.assert_allclose(window.middle, [middle[0] + 100, middle[1] + 20])
    assert (covered == 1).all()
    assert len(windows) == 2
    assert len(windows_of((9000, 9000), OPTICS, (0, 0))) == 16


def test_the_design_gives_local_coordinates_from_parameters() -> None:
    rng = np.random.default_rng(0)
    maps = np.stack([np.ones((9, 9)), np.linspace(-1, 1, 9)[:, None] * np.ones(9)])
    thetas = rng.normal(size=(30, 10))
    family = ProductConvolutionFamily(rng.normal(size=(5, 7, 7)), maps, thetas, OPTICS, field_shape=(100, 100))
    local, gram = local_coordinates(family), gram_matrix(family)
    place = np.array([70.0, 20.0])
    design, offset = design_of(family, place, local, gram)
    theta = family.sample(1, 3)[0]
    u = design @ theta + offset
    psf = np.einsum("i,iyx->yx", local.centre + u @ local.axes, family.eigen_psfs)
    expected = family.psf(theta, [place])[0]
    assert np.linalg.norm(psf - expected) < 0.1 * np.linalg.norm(expected)


def _seen(theta: np.ndarray, std: float, even: np.ndarray) -> Identification:
    empty = np.zeros((1, 1, 1), np.float32)
    return Identification(
        theta.astype(np.float32),
        np.full(len(theta), std, np.float32),
        empty,
        empty[0, 0],
        empty[0],
        PoissonGaussianNoise(0, 0),
        tuple("x" for _ in theta),
        even,
    )


def test_polynomials_are_found_although_signs_differ_from_window_to_window() -> None:
    """Each window knows its even modes up to one sign; made alike, they give the polynomials or their mirror."""
    family = FieldZernikeFamily(OPTICS, degree=1, field_shape=(800, 800))
    windows = windows_of((800, 800), OPTICS, (0, 0), side=200)
    theta = family.sample(1, 2)[0]
    places = np.array([window.middle for window in windows])
    even = family.local.even_modes
    local = []
    for index, coefficients in enumerate(family.coefficients(theta, places)):
        sign = np.where(even, (-1) ** index, 1)
        local.append(_seen(sign * coefficients, 1e-3, even))
    found = prior_of(family).after(polynomial_views(family, windows, local))
    mirrored = np.where(family.even_modes, -theta, theta)
    error = min(np.abs(found.mean - expected).max() for expected in (theta, mirrored))
    assert error < 5e-3
    assert found.std.max() < 5e-3


def test_with_an_index_mismatch_windows_are_reflected_about_the_known_wavefront() -> None:
    deep = Microscope(1.2, 0.54, 0.09, 1.33, n_sample=1.40, depth_um=10.0)
    family = FieldZernikeFamily(deep, degree=1, field_shape=(800, 800), max_amplitude=0.15)
    windows = windows_of((800, 800), deep, (0, 0), side=200)
    theta = family.sample(1, 2)[0]
    even, known = family.local.even_modes, family.local.known_wavefront
    true = family.coefficients(theta, np.array([window.middle for window in windows]))
    local = [
        _seen(np.where(even & (index % 2 == 1), -coefficients - 2 * known, coefficients), 1e-3, even)
        for index, coefficients in enumerate(true)
    ]
    found = prior_of(family).after(polynomial_views(family, windows, local))
    np.testing.assert_allclose(found.mean, theta, atol=5e-3)


def test_vague_windows_leave_the_prior_as_it_is() -> None:
    family = FieldZernikeFamily(OPTICS, degree=1, field_shape=(800, 800))
    windows = windows_of((800, 800), OPTICS, (0, 0))
    even = family.local.even_modes
    prior = prior_of(family)
    found = prior.after(polynomial_views(family, windows, [_seen(np.full(8, 0.1), 1e3, even)] * len(windows)))
    np.testing.assert_allclose(found.mean, prior.mean, atol=1e-5)
    assert isinstance(found, Gaussian)


@pytest.mark.parametrize(("place", "expected"), [((0, 0), (-1, -1)), ((99, 49.5), (1, 0)), ((49.5, 99), (0, 1))])
def test_positions_go_from_minus_one_to_one(place: tuple[float, float], expected: tuple[float, float]) -> None:
    np.testing.assert_allclose(relative(np.array(place), (100, 100)), expected, atol=1e-12)
    assert (relative(np.array(place), None) == 0).all()


def test_identifications_are_not_changed() -> None:
    even = np.array([True] * 8)
    one = _seen(np.full(8, 0.1), 0.01, even)
    other = replace(one, theta=-one.theta)
    family = FieldZernikeFamily(OPTICS, degree=0, field_shape=(100, 100))
    windows = windows_of((100, 100), OPTICS, (0, 0)) * 2
    polynomial_views(family, windows, [one, other])
    np.testing.assert_array_equal(other.theta, -one.theta)
