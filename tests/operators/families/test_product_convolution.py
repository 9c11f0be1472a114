from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from napari_deepblur.errors import FamilyError
from napari_deepblur.operators import ConvolutionOperator, EigenPsfFamily, ProductConvolutionFamily
from napari_deepblur.optics import Microscope

FIELD = (40, 34)
MICROSCOPE = Microscope(0.8, 0.5, 0.12, 1.0)
Array = NDArray[np.float64]


def eigen_psfs(count: int = 3, k: int = 5) -> Array:
    return np.random.default_rng(1).random((count, k, k)) / k**2


def cubics(rows: Array, columns: Array) -> Array:
    """Three maps that cubic splines reproduce."""
    r, c = rows / FIELD[0], columns / FIELD[1]
    return np.stack([np.ones_like(r * c), r * (1 - c), r**3 * c**2 - 0.3])


def family(grid: tuple[int, int] = (7, 6), **changes: Any) -> ProductConvolutionFamily:
    rows, columns = (np.linspace(0, side - 1, points) for side, points in zip(FIELD, grid, strict=True))
    maps = cubics(rows[:, None], columns)
    thetas = np.random.default_rng(2).normal(size=(4, 3, 3))
    return ProductConvolutionFamily(
        **{"eigen_psfs": eigen_psfs(), "maps": maps, "thetas": thetas, "field_shape": FIELD, **changes}
    )


THETA = np.random.default_rng(0).normal(size=9).astype(np.float32)


def direct(scene: Array, psf: Callable[[Array], Array], origin: tuple[int, int], k: int) -> Array:
    """Spread every pixel of the scene with the exact PSF of its place in the field."""
    height, width = scene.shape
    grid = np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing="ij"), -1).reshape(-1, 2)
    psfs = psf(grid + np.array(origin) - k // 2)
    whole = np.zeros((height + k - 1, width + k - 1))
    for (row, column), h in zip(grid, psfs, strict=True):
        whole[row : row + k, column : column + k] += scene[row, column] * h
    return whole[k - 1 : height, k - 1 : width]


def test_the_operator_spreads_every_point_with_its_local_psf() -> None:
    made = family()
    scene = np.random.default_rng(3).random((20, 18))
    image = made.operator(THETA, (16, 14), (5, 7)).forward(scene)
    expected = direct(scene, lambda points: made.psf(THETA, points), (5, 7), 5)
    assert np.linalg.norm(image - expected) < 1e-5 * np.linalg.norm(expected)


def test_the_local_psf_is_the_sum_over_eigen_psfs_and_maps() -> None:
    points = np.array([[0, 0], [39, 33], [12.5, 30.25], [7, 0]])
    maps = cubics(points[:, 0], points[:, 1])
    expected = np.einsum("ij,jp,iyx->pyx", THETA.reshape(3, 3), maps, eigen_psfs())
    psfs = family().psf(THETA, points)
    assert psfs.dtype == np.float32
    np.testing.assert_allclose(psfs, expected, atol=1e-6)
    np.testing.assert_array_equal(family().psf(THETA), family().psf(THETA, [[19.5, 16.5]])[0])


def test_maps_on_the_whole_field_and_on_a_coarser_grid_agree() -> None:
    coarse, whole = family(), family(grid=FIELD, field_shape=None)
    assert whole.field_shape == coarse.field_shape == FIELD
    scene = np.random.default_rng(3).random((44, 38))
    images = [made.operator(THETA, FIELD).forward(scene) for made in (coarse, whole)]
    np.testing.assert_allclose(images[0], images[1], atol=1e-5)


@pytest.mark.parametrize("origin", [(0, 0), (3, 9), (24, 20), (-2, -1)])
def test_a_crop_of_the_result_is_the_result_on_a_crop(origin: tuple[int, int]) -> None:
    made, shape = family(), (16, 14)
    scene = np.random.default_rng(3).random((48, 42))  # of the field and two pixels around
    whole = made.operator(THETA, (44, 38), (-2, -2)).forward(scene)
    row, column = origin[0] + 2, origin[1] + 2
    crop = made.operator(THETA, shape, origin).forward(scene[row : row + 20, column : column + 18])
    np.testing.assert_allclose(crop, whole[row : row + 16, column : column + 14], atol=1e-5)
    elsewhere = made.operator(THETA, shape, (10, 10)).forward(scene[row : row + 20, column : column + 18])
    assert np.abs(elsewhere - crop).max() > 1e-2


def test_one_constant_map_is_a_convolution() -> None:
    made = family(maps=np.ones((1, 1, 1)), thetas=None)
    plain = EigenPsfFamily(eigen_psfs())
    scene = np.random.default_rng(3).random((20, 18))
    theta = THETA[:3]
    blurred = made.operator(theta, (16, 14), (9, 9)).forward(scene)
    np.testing.assert_allclose(blurred, plain.operator(theta, (16, 14)).forward(scene), atol=1e-6)
    np.testing.assert_allclose(made.psf(theta), plain.psf(theta), atol=1e-7)


def test_maps_go_on_along_their_tangent_outside_the_field() -> None:
    rows, columns = np.linspace(0, 1, 5)[:, None], np.linspace(0, 1, 4)
    made = family(maps=np.stack([1 + rows + 2 * columns, rows**3 + 0 * columns]), thetas=None)
    one = np.zeros((3, 2), dtype=np.float32)
    one[0] = 1, 0
    psfs = made.psf(one, [[-2, 36], [41, -1]])
    expected = np.array([1 - 2 / 39 + 2 * 36 / 33, 1 + 41 / 39 - 2 / 33])
    np.testing.assert_allclose(psfs, expected[:, None, None] * eigen_psfs()[0], rtol=1e-5)
    one[0] = 0, 1  # the slope of r^3 is 0 at one end and 3 at the other
    psfs = made.psf(one, [[-2, 3], [41, 3]])
    np.testing.assert_allclose(psfs, np.array([0, 1 + 3 * 2 / 39])[:, None, None] * eigen_psfs()[0], atol=1e-6)


@pytest.mark.parametrize(("shape", "origin"), [((40, 34), (3, 0)), ((40, 34), (0, -3)), ((45, 34), (0, 0))])
def test_an_image_outside_the_field_is_diagnosed(shape: tuple[int, int], origin: tuple[int, int]) -> None:
    with pytest.raises(FamilyError, match=r"outside the field .* \(40, 34\) pixels, by more than 2 pixels"):
        family().operator(THETA, shape, origin)


def test_a_batch_has_one_theta_for_each_image_and_gradients_reach_it() -> None:
    made = family()
    thetas = torch.from_numpy(made.sample(2, 0)).requires_grad_()
    operator = made.linear_operator(thetas, (16, 14), (4, 5))
    scenes = torch.rand(2, 1, *operator.scene_shape)
    images = operator.forward(scenes)
    for b in range(2):
        alone = made.operator(thetas.detach()[b].numpy(), (16, 14), (4, 5)).forward(scenes[b, 0].numpy())
        np.testing.assert_allclose(images.detach()[b, 0].numpy(), alone, atol=1e-5)
    (gradient,) = torch.autograd.grad(images[0].sum(), thetas)
    assert gradient[0].abs().min() > 0 and not gradient[1].any()


def test_samples_lie_in_the_hull_and_reach_its_corners() -> None:
    corners = np.eye(6)
    made = EigenPsfFamily(np.random.default_rng(0).random((6, 5, 5)), corners)
    samples = made.sample(2000, seed=1)
    assert samples.shape == (2000, 6) and samples.dtype == np.float32
    assert samples.min() >= 0
    np.testing.assert_allclose(samples.sum(1), 1, atol=1e-5)
    assert samples.max(axis=0).min() > 0.9
    np.testing.assert_allclose(samples.mean(0), 1 / 6, atol=0.03)
    np.testing.assert_array_equal(samples, made.sample(2000, seed=1))
    assert (samples != made.sample(2000, seed=2)).mean() > 0.9


def test_samples_stay_spread_out_with_many_observations() -> None:
    thetas = np.random.default_rng(0).normal(size=(400, 2))
    samples = EigenPsfFamily(np.random.default_rng(0).random((2, 5, 5)), thetas).sample(3000, seed=0)
    # Equal concentrations of 1 would leave 1 / sqrt(400) = 0.05 of the spread.
    assert (samples.std(0) > 0.4 * thetas.std(0)).all()


@pytest.mark.parametrize("made", [family(thetas=None), EigenPsfFamily(eigen_psfs())])
def test_without_observations_nothing_can_be_drawn(made: EigenPsfFamily | ProductConvolutionFamily) -> None:
    with pytest.raises(FamilyError, match="no observed parameters"):
        made.sample(1, 0)


def test_fit_recovers_the_parameters_of_local_psfs() -> None:
    made = family()
    points = np.random.default_rng(5).uniform((0, 0), FIELD, (12, 2))
    psfs = made.psf(THETA, points)
    np.testing.assert_allclose(made.fit(points, psfs), THETA, atol=1e-4)
    # An outlier without weight says nothing, whatever the other weights.
    psfs[3] += 1
    weights = np.linspace(0.1, 2, 12)
    weights[3] = 0
    np.testing.assert_allclose(made.fit(points, psfs, weights), THETA, atol=1e-4)
    assert np.abs(made.fit(points, psfs) - THETA).max() > 0.1


def test_fit_is_the_weighted_least_squares_solution() -> None:
    made, rng = family(), np.random.default_rng(5)
    points, weights = rng.uniform((0, 0), FIELD, (8, 2)), rng.random(8)
    psfs = rng.normal(size=(8, 5, 5))
    theta = made.fit(points, psfs, weights)

    def error(candidate: Array) -> float:
        difference = psfs - made.psf(candidate, points)
        return float((weights * (difference**2).sum((1, 2))).sum())

    for direction in np.eye(9):
        for step in (-0.3, 0.3):
            assert error(theta + step * direction) > error(theta)


def test_eigen_psf_fit_averages_the_coordinates() -> None:
    made = EigenPsfFamily(eigen_psfs())
    thetas = np.array([[1, 0, 0], [0, 2, 0]], dtype=np.float32)
    psfs = np.stack([made.psf(theta) for theta in thetas])
    np.testing.assert_allclose(made.fit(np.zeros((2, 2)), psfs, [3, 1]), [0.75, 0.5, 0], atol=1e-5)


def test_fit_needs_as_many_places_as_maps() -> None:
    made, psfs = family(), np.zeros((5, 5, 5))
    with pytest.raises(FamilyError, match=r"5 points determine 1 of 3 maps\. Give at least 3"):
        made.fit(np.full((5, 2), 7), psfs)
    with pytest.raises(FamilyError, match="4 points and 5 psfs"):
        made.fit(np.zeros((4, 2)), psfs)
    with pytest.raises(FamilyError, match=r"psfs have shape \(5, 7, 7\)"):
        made.fit(np.zeros((5, 2)), np.zeros((5, 7, 7)))
    with pytest.raises(FamilyError, match="weights"):
        made.fit(np.zeros((5, 2)), psfs, np.zeros(5))


def test_eigen_psf_family_is_a_convolution() -> None:
    made = EigenPsfFamily(eigen_psfs(), np.ones((2, 3)))
    assert made.field_shape is None and made.n_parameters == 3 and made.psf_size == 5
    assert made.parameter_names == ("eigen-PSF 1", "eigen-PSF 2", "eigen-PSF 3")
    theta = torch.tensor([[1.0, 2.0, -1.0]])
    psf = np.einsum("i,iyx->yx", [1, 2, -1], eigen_psfs())
    np.testing.assert_allclose(made.psf(theta[0]), psf, atol=1e-6)
    assert made.psf(theta[0], [[1, 2], [3, 4]]).shape == (2, 5, 5)
    scene = torch.rand(1, 1, 14, 13)
    expected = ConvolutionOperator(torch.from_numpy(psf), (10, 9)).forward(scene)
    torch.testing.assert_close(made.linear_operator(theta, (10, 9), (99, 99)).forward(scene), expected)


def test_names_sizes_and_the_pixel() -> None:
    made = family(microscope=MICROSCOPE)
    assert made.n_parameters == 9 and made.psf_size == 5
    assert made.parameter_names[:4] == (
        "eigen-PSF 1, map 1",
        "eigen-PSF 1, map 2",
        "eigen-PSF 1, map 3",
        "eigen-PSF 2, map 1",
    )
    assert (
        made.pixel_size_um == 0.12 and family().pixel_size_um is None and family(pixel_size_um=0.2).pixel_size_um == 0.2
    )
    np.testing.assert_array_equal(made.psf(THETA.reshape(3, 3)), made.psf(THETA))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"eigen_psfs": np.zeros((3, 4, 4))}, r"eigen_psfs have shape \(3, 4, 4\)"),
        ({"eigen_psfs": np.zeros((0, 5, 5))}, "eigen_psfs have shape"),
        ({"eigen_psfs": np.ones((3, 5, 5))}, "not linearly independent"),
        ({"eigen_psfs": np.full((3, 5, 5), np.nan)}, "not finite"),
        ({"maps": np.ones((3, 5))}, r"maps have shape \(3, 5\)"),
        ({"maps": np.full((3, 5, 5), np.inf)}, "not finite"),
        ({"thetas": np.ones((4, 3, 2))}, r"thetas have shape \(4, 3, 2\), expected \(L, 9\)"),
        ({"thetas": np.ones((0, 9))}, "thetas have shape"),
        ({"thetas": np.full((1, 9), np.nan)}, "not finite"),
        ({"field_shape": (0, 5)}, "field_shape"),
        ({"pixel_size_um": -1}, "pixel_size_um is -1"),
        ({"pixel_size_um": 0.2, "microscope": MICROSCOPE}, "microscope's is 0.12"),
    ],
)
def test_a_family_that_makes_no_sense_is_diagnosed(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(FamilyError, match=message):
        family(**changes)


@pytest.mark.parametrize(
    ("theta", "message"),
    [(np.zeros(8), r"shape \(8,\), expected \(9,\)"), (np.full(9, np.nan), "not finite"), ("a", "expected 9 numbers")],
)
def test_a_theta_that_makes_no_sense_is_diagnosed(theta: Any, message: str) -> None:
    with pytest.raises(FamilyError, match=message):
        family().psf(theta)


@pytest.mark.parametrize("points", [[1, 2], [[1, 2, 3]], [[np.nan, 1]], "here"])
def test_points_that_are_no_pairs_are_diagnosed(points: Any) -> None:
    with pytest.raises(FamilyError, match="points"):
        family().psf(THETA, points)
