"""Coordinates of the local PSFs of a measured family."""

from __future__ import annotations

import numpy as np
import pytest

from napari_deepblur.errors import FamilyError
from napari_deepblur.operators import EigenPsfFamily, ProductConvolutionFamily
from napari_deepblur.operators.families.local_coordinates import gram_matrix, local_coordinates, local_weights

PLACES = np.array([[3.0, 5.0], [60.0, 20.0], [80.0, 90.0]])


@pytest.fixture
def family() -> ProductConvolutionFamily:
    """Eigen-PSFs that are not orthogonal, and parameters along three directions."""
    rng = np.random.default_rng(0)
    maps = np.stack([np.ones((9, 9)), np.linspace(-1, 1, 9)[:, None] * np.ones(9)])
    directions = rng.normal(size=(3, 10))
    thetas = rng.normal(size=10) + rng.normal(size=(40, 3)) @ directions
    return ProductConvolutionFamily(rng.normal(size=(5, 7, 7)) + 0.3, maps, thetas, field_shape=(100, 100))


def test_local_weights_are_the_coordinates_of_the_local_psfs(family: ProductConvolutionFamily) -> None:
    theta = family.sample(4, 1)
    weights = local_weights(family, theta, PLACES)
    for index in range(4):
        psfs = np.einsum("pi,iyx->pyx", weights[index], family.eigen_psfs)
        np.testing.assert_allclose(psfs, family.psf(theta[index], PLACES), atol=1e-4)


def test_coordinates_are_standard_and_give_the_psf_back(family: ProductConvolutionFamily) -> None:
    """Mean 0, variance 1, uncorrelated over the family; and c = centre + u axes, but for a thousandth of the energy."""
    local, gram = local_coordinates(family), gram_matrix(family)
    grid = np.stack(np.meshgrid(*[np.linspace(0, 99, 5)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    c = local_weights(family, family.sample(2000, 7), grid).reshape(-1, 5)
    u = local.of(c, gram)
    np.testing.assert_allclose(u.mean(0), 0, atol=0.1)
    np.testing.assert_allclose(np.cov(u.T), np.eye(u.shape[1]), atol=0.2)
    error = c - local.centre - u @ local.axes
    assert np.einsum("ni,ij,nj->", error, gram, error) < 3e-3 * np.einsum("ni,ij,nj->", c, gram, c)


def test_lengths_along_the_axes_are_those_of_psfs(family: ProductConvolutionFamily) -> None:
    local = local_coordinates(family)
    for axis, scale in zip(local.axes, local.scales, strict=True):
        assert np.linalg.norm(np.einsum("i,iyx->yx", axis, family.eigen_psfs)) == pytest.approx(scale, rel=1e-5)


def test_families_without_a_field_have_coordinates_too() -> None:
    rng = np.random.default_rng(1)
    family = EigenPsfFamily(rng.normal(size=(3, 5, 5)), rng.normal(size=(20, 3)))
    local = local_coordinates(family)
    assert local.axes.shape == (len(local.scales), 3)
    assert (np.diff(local.scales) <= 0).all()


def test_a_family_without_observed_parameters_is_refused() -> None:
    with pytest.raises(FamilyError, match="no observed parameters"):
        local_coordinates(EigenPsfFamily(np.random.default_rng(1).normal(size=(3, 5, 5))))
