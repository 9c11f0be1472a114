from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from napari_deepblur.errors import FamilyError
from napari_deepblur.operators import FieldZernikeFamily, ZernikeFamily
from napari_deepblur.operators.families.field_polynomials import field_polynomials, term_names
from napari_deepblur.optics import Microscope

MICROSCOPE = Microscope(0.8, 0.5, 0.12, 1.0)
FIELD = (60, 50)


def family(degree: int = 1, **changes: Any) -> FieldZernikeFamily:
    values = {"modes": (4, 5, 7), "field_shape": FIELD, "psf_size": 9, **changes}
    return FieldZernikeFamily(MICROSCOPE, degree=degree, **values)


def test_the_polynomials_are_orthogonal_and_at_most_one() -> None:
    # Gauss-Legendre nodes, which integrate products of degree 4 exactly.
    nodes, weights = np.polynomial.legendre.leggauss(5)
    x, y = np.meshgrid(nodes, nodes, indexing="xy")
    points = np.stack([(y.ravel() + 1) * 59 / 2, (x.ravel() + 1) * 49 / 2], axis=1)
    values = field_polynomials(points, FIELD, 2)
    assert values.shape == (25, 6)
    gram = values.T @ (np.outer(weights, weights).ravel()[:, None] * values) / 4
    np.testing.assert_allclose(gram, np.diag([1, 1 / 3, 1 / 3, 1 / 5, 1 / 9, 1 / 5]), atol=1e-12)
    assert np.abs(values).max() <= 1


def test_x_is_the_column_and_y_the_row() -> None:
    values = field_polynomials(np.array([[0, 49], [59, 0]]), FIELD, 2)
    assert term_names(2) == ("", "x", "y", "xx", "xy", "yy")
    np.testing.assert_allclose(values, [[1, 1, -1, 1, -1, 1], [1, -1, 1, 1, -1, 1]], atol=1e-12)
    assert np.isfinite(field_polynomials(np.zeros((1, 2)), (1, 1), 2)).all()


def test_parameters_are_named_mode_after_mode() -> None:
    assert family(0).parameter_names == family().local.parameter_names
    names = family(2).parameter_names
    assert names[:6] == ("defocus", "defocus x", "defocus y", "defocus xx", "defocus xy", "defocus yy")
    assert len(names) == 18 and len(set(names)) == 18
    assert family(1).even_modes.tolist() == [True] * 6 + [False] * 3


def test_degree_0_is_the_zernike_family() -> None:
    made, plain = family(0), ZernikeFamily(MICROSCOPE, (4, 5, 7), psf_size=9)
    thetas = made.sample(4, 1)
    np.testing.assert_array_equal(thetas, plain.sample(4, 1))
    np.testing.assert_allclose(made.psf(thetas[0]), plain.psf(thetas[0]), atol=1e-7)
    scene = np.random.default_rng(0).random((28, 24)).astype(np.float32)
    blurred = made.operator(thetas[0], (20, 16), (30, 30)).forward(scene)
    np.testing.assert_allclose(blurred, plain.operator(thetas[0], (20, 16)).forward(scene), atol=1e-5)
    expansion = made.expand(thetas[0])
    assert len(expansion.eigen_psfs) == 1 and expansion.truncation_error < 1e-6 and expansion.largest_error < 1e-5


def test_the_local_psf_is_exact() -> None:
    made = family(2)
    theta = made.sample(1, 0)[0]
    points = np.array([[3.5, 40], [59, 0], [20, 20]])
    local = field_polynomials(points, FIELD, 2) @ theta.reshape(3, 6).T
    np.testing.assert_allclose(made.coefficients(theta, points), local, atol=1e-6)
    psfs = made.psf(theta, points)
    for coefficients, psf in zip(local, psfs, strict=True):
        np.testing.assert_allclose(psf, made.local.psf(coefficients), atol=1e-6)
    np.testing.assert_array_equal(made.psf(theta), made.psf(theta, [[29.5, 24.5]])[0])
    assert np.linalg.norm(psfs[0] - psfs[1]) > 0.02 * np.linalg.norm(psfs[0])


@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize("max_amplitude", [0.1, 0.3])
def test_samples_stay_in_the_range_everywhere(degree: int, max_amplitude: float) -> None:
    made = family(degree, max_amplitude=max_amplitude)
    thetas = made.sample(200, 3)
    assert thetas.shape == (200, made.n_parameters) and thetas.dtype == np.float32
    points = np.stack(np.meshgrid(np.linspace(0, 59, 9), np.linspace(0, 49, 9)), -1).reshape(-1, 2)
    local = np.stack([made.coefficients(theta, points) for theta in thetas])
    assert np.abs(local).max() <= max_amplitude * 1.0001
    # And they fill it, and vary over the field.
    assert np.abs(local).max() > 0.95 * max_amplitude
    assert np.ptp(local, axis=1).mean() > 0.1 * max_amplitude
    np.testing.assert_array_equal(thetas, made.sample(200, 3))
    assert (thetas != made.sample(200, 4)).mean() > 0.99


@pytest.mark.parametrize("degree", [1, 2])
def test_the_expansion_reports_its_error(degree: int) -> None:
    made = family(degree)
    theta = made.sample(1, 2)[0]
    found = made.expand(theta)
    assert found.truncation_error <= 0.01 and found.largest_error <= 0.05
    # The reported error is the one at the points of the grid.
    points = np.stack(np.meshgrid(np.linspace(0, 59, 13), np.linspace(0, 49, 13), indexing="ij"), -1).reshape(-1, 2)
    exact = made.psf(theta, points)
    sums = np.einsum("rp,ryx->pyx", found.maps.reshape(len(found.maps), -1), found.eigen_psfs)
    error = np.linalg.norm(sums - exact) / np.linalg.norm(exact)
    assert error == pytest.approx(found.truncation_error, rel=1e-3)
    # One term fewer leaves more than 1 %, and more terms leave less.
    fewer, more = (family(degree, rank=len(found.maps) + change).expand(theta) for change in (-1, 2))
    assert fewer.truncation_error > 0.01 > found.truncation_error > more.truncation_error


def test_the_operator_is_the_direct_sum_with_the_exact_psfs() -> None:
    made = family(1, rank=20)
    theta = made.sample(1, 2)[0]
    shape, origin, k = (10, 12), (31, 7), 9
    scene = np.random.default_rng(0).random((18, 20))
    grid = np.stack(np.meshgrid(np.arange(18), np.arange(20), indexing="ij"), -1).reshape(-1, 2)
    whole = np.zeros((18 + k - 1, 20 + k - 1))
    for (row, column), psf in zip(grid, made.psf(theta, grid + np.array(origin) - 4), strict=True):
        whole[row : row + k, column : column + k] += scene[row, column] * psf
    expected = whole[k - 1 : 18, k - 1 : 20]
    image = made.operator(theta, shape, origin).forward(scene)
    assert np.linalg.norm(image - expected) < 1e-4 * np.linalg.norm(expected)
    # With the default rank, within the tolerance.
    image = family(1).operator(theta, shape, origin).forward(scene)
    assert np.linalg.norm(image - expected) < 1e-2 * np.linalg.norm(expected)


def test_a_crop_of_the_result_is_the_result_on_a_crop() -> None:
    made = family(2)
    theta = made.sample(1, 2)[0]
    scene = np.random.default_rng(3).random((68, 58))
    whole = made.operator(theta, FIELD).forward(scene)
    crop = made.operator(theta, (20, 16), (25, 30)).forward(scene[25:53, 30:54])
    np.testing.assert_allclose(crop, whole[25:45, 30:46], atol=1e-5)
    with pytest.raises(FamilyError, match="outside the field"):
        made.operator(theta, FIELD, (5, 0))


def test_a_batch_has_one_theta_for_each_image() -> None:
    made = family(1, rank=12)
    thetas = torch.from_numpy(made.sample(3, 0))
    operator = made.linear_operator(thetas, (20, 16), (4, 5))
    scenes = torch.rand(3, 1, *operator.scene_shape)
    images = operator.forward(scenes)
    assert images.shape == (3, 1, 20, 16)
    for b in range(3):
        alone = made.operator(thetas[b].numpy(), (20, 16), (4, 5)).forward(scenes[b, 0].numpy())
        np.testing.assert_allclose(images[b, 0].numpy(), alone, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"degree": 3}, "degree is 3, expected 0, 1 or 2"),
        ({"field_shape": (0, 5)}, "field_shape"),
        ({"field_shape": (5.5, 5)}, "field_shape"),
        ({"rank": 0}, "rank is 0"),
        ({"modes": (2,)}, "does not blur"),
        ({"psf_size": 8}, "odd"),
    ],
)
def test_a_family_that_makes_no_sense_is_diagnosed(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(FamilyError, match=message):
        family(**changes)


def test_a_theta_of_another_length_is_diagnosed() -> None:
    with pytest.raises(FamilyError, match=r"shape \(3,\), expected \(9,\): 3 for each of Noll"):
        family().psf(np.zeros(3))
