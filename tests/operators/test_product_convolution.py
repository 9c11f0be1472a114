from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from napari_deepblur.errors import FamilyError
from napari_deepblur.operators import ConvolutionOperator, ProductConvolutionOperator, conjugate_gradient, resolvent

COUNTS = pytest.mark.parametrize(("i", "j"), [(1, 1), (3, 2), (2, 3), (4, 4), (1, 3), (3, 1)])


def direct(scene: Tensor, eigen_psfs: Tensor, maps: Tensor, theta: Tensor) -> Tensor:
    """Spread every point z of the scene with its own PSF, sum_ij theta_ij w_j(z) e_i, in float64."""
    scene, eigen_psfs, maps, theta = (value.double() for value in (scene, eigen_psfs, maps, theta))
    k = eigen_psfs.shape[-1]
    height, width = scene.shape
    whole = torch.zeros(height + k - 1, width + k - 1, dtype=torch.float64)
    for row in range(height):
        for column in range(width):
            local = torch.einsum("ij,j,iab->ab", theta, maps[:, row, column], eigen_psfs)
            whole[row : row + k, column : column + k] += scene[row, column] * local
    # What falls into the image, whose first pixel is half a PSF inside the scene.
    return whole[k - 1 : height, k - 1 : width]


def parts(i: int, j: int, k: int = 5, shape: tuple[int, int] = (9, 8)) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(100 * i + j)
    draw = lambda *size: torch.randn(size, generator=generator)  # noqa: E731
    return draw(i, k, k) / k, draw(j, shape[0] + k - 1, shape[1] + k - 1), draw(i, j)


@COUNTS
@pytest.mark.parametrize("shape", [(9, 8), (1, 1), (4, 13)])
def test_forward_spreads_every_point_with_its_own_psf(i: int, j: int, shape: tuple[int, int]) -> None:
    eigen_psfs, maps, theta = parts(i, j, shape=shape)
    operator = ProductConvolutionOperator(eigen_psfs, maps, theta)
    assert operator.image_shape == shape and operator.scene_shape == (shape[0] + 4, shape[1] + 4)
    scene = torch.randn(operator.scene_shape)
    expected = direct(scene, eigen_psfs, maps, theta)
    error = (operator.forward(scene).double() - expected).norm() / expected.norm()
    assert error < 1e-5


@given(height=st.integers(1, 30), width=st.integers(1, 30), half=st.integers(0, 6), terms=st.integers(1, 3))
@settings(max_examples=20, deadline=None)
def test_multiply_first_then_convolve(height: int, width: int, half: int, terms: int) -> None:
    eigen_psfs, maps, theta = parts(2, terms, 2 * half + 1, (height, width))
    scene = torch.randn(maps.shape[1:])
    expected = sum(
        theta[i, j] * ConvolutionOperator(eigen_psfs[i], (height, width)).forward(maps[j] * scene)
        for i in range(2)
        for j in range(terms)
    )
    blurred = ProductConvolutionOperator(eigen_psfs, maps, theta).forward(scene)
    torch.testing.assert_close(blurred, expected, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("i", [1, 3])
def test_one_constant_map_is_a_convolution(i: int) -> None:
    eigen_psfs, _, theta = parts(i, 1)
    operator = ProductConvolutionOperator(eigen_psfs, torch.ones(1, 13, 12), theta)
    plain = ConvolutionOperator((theta.T @ eigen_psfs.flatten(1)).view(5, 5), (9, 8))
    scene, image = torch.randn(13, 12), torch.randn(9, 8)
    torch.testing.assert_close(operator.forward(scene), plain.forward(scene))
    torch.testing.assert_close(operator.adjoint(image), plain.adjoint(image))
    torch.testing.assert_close(operator.precondition(scene, 0.1), plain.precondition(scene, 0.1), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("i", "j"), [(3, 2), (2, 3)])
def test_a_batch_has_one_theta_for_each_image(i: int, j: int) -> None:
    eigen_psfs, maps, _ = parts(i, j)
    thetas, scenes = torch.randn(3, 1, i, j), torch.randn(3, 1, 13, 12)
    operator = ProductConvolutionOperator(eigen_psfs, maps, thetas)
    images = operator.forward(scenes)
    spread, solved = operator.adjoint(images), operator.precondition(scenes, 0.1)
    assert images.shape == (3, 1, 9, 8) and spread.shape == solved.shape == scenes.shape
    for b in range(3):
        alone = ProductConvolutionOperator(eigen_psfs, maps, thetas[b, 0])
        torch.testing.assert_close(images[b, 0], alone.forward(scenes[b, 0]), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(spread[b, 0], alone.adjoint(images[b, 0]), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(solved[b, 0], alone.precondition(scenes[b, 0], 0.1), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("i", "j"), [(3, 2), (2, 3)])
def test_a_batch_may_have_eigen_psfs_and_maps_of_its_own(i: int, j: int) -> None:
    eigen_psfs, maps, thetas = torch.randn(2, 1, i, 5, 5), torch.randn(2, 1, j, 13, 12), torch.randn(2, 1, i, j)
    scenes = torch.randn(2, 1, 13, 12)
    images = ProductConvolutionOperator(eigen_psfs, maps, thetas).forward(scenes)
    for b in range(2):
        alone = ProductConvolutionOperator(eigen_psfs[b, 0], maps[b, 0], thetas[b, 0])
        torch.testing.assert_close(images[b, 0], alone.forward(scenes[b, 0]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("i", "j"), [(3, 2), (2, 3)])
def test_differentiable_in_theta_and_in_the_scene(i: int, j: int) -> None:
    eigen_psfs, maps, theta = parts(i, j)
    theta.requires_grad_()
    scene, weights = torch.randn(13, 12, requires_grad=True), torch.randn(9, 8)
    operator = ProductConvolutionOperator(eigen_psfs, maps, theta)
    by_theta, by_scene = torch.autograd.grad((weights * operator.forward(scene)).sum(), (theta, scene))
    torch.testing.assert_close(by_scene, operator.adjoint(weights).detach(), rtol=1e-4, atol=1e-5)
    # A is linear in theta: its derivative in theta_ij is the operator of that unit vector.
    units = torch.eye(i * j).view(-1, i, j)
    images = ProductConvolutionOperator(eigen_psfs, maps, units).forward(scene.detach())
    torch.testing.assert_close(by_theta.flatten(), (weights * images).sum((-2, -1)), rtol=1e-4, atol=1e-4)
    # And so is the adjoint.
    image = torch.randn(9, 8)
    operator = ProductConvolutionOperator(eigen_psfs, maps, theta)
    (by_theta,) = torch.autograd.grad((scene.detach() * operator.adjoint(image)).sum(), theta)
    torch.testing.assert_close(by_theta.flatten(), (image * images).sum((-2, -1)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("i", "j"), [(3, 2), (2, 3)])
def test_the_preconditioner_has_the_mean_power_of_the_local_psfs(i: int, j: int) -> None:
    eigen_psfs, maps, theta = parts(i, j, shape=(12, 12))  # a grid of 16 x 16 without padding
    operator = ProductConvolutionOperator(eigen_psfs, maps, theta)
    local = torch.einsum("ij,jyx,iab->yxab", theta, maps, eigen_psfs)
    power = torch.fft.rfft2(local, s=(16, 16)).abs().square().mean((0, 1))
    scene = torch.randn(16, 16)
    expected = torch.fft.irfft2(torch.fft.rfft2(scene) / (power + 0.1), s=(16, 16))
    torch.testing.assert_close(operator.precondition(scene, 0.1), expected, rtol=1e-3, atol=1e-4)


def test_autocast_does_not_reach_the_operator() -> None:
    eigen_psfs, maps, theta = parts(2, 3)
    scene = torch.randn(13, 12)
    plain = ProductConvolutionOperator(eigen_psfs, maps, theta)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = ProductConvolutionOperator(eigen_psfs, maps, theta)
        assert torch.equal(cast.forward(scene), plain.forward(scene))
        solved = cast.precondition(scene, 0.1)
    assert torch.equal(solved, plain.precondition(scene, 0.1))


def test_the_preconditioner_saves_steps() -> None:
    grid = torch.linspace(-7, 7, 15)
    radius = grid[:, None].square() + grid.square()
    psfs = torch.stack([torch.exp(-radius / width) for width in (2.0, 3.0)])
    psfs = psfs / psfs.sum((-2, -1), keepdim=True)
    ramp = torch.linspace(0, 1, 78).expand(78, 78)
    operator = ProductConvolutionOperator(psfs, torch.stack([ramp, 1 - ramp]), torch.eye(2))
    right = operator.adjoint(torch.rand(64, 64))
    solved = resolvent(operator, right, None, 0.01, steps=100, tolerance=1e-5)
    plain = conjugate_gradient(
        lambda x: operator.adjoint(operator.forward(x)) + 0.01 * x, right, steps=200, tolerance=1e-5
    )
    assert solved.steps <= 0.8 * plain.steps < 160
    torch.testing.assert_close(solved.solution, plain.solution, rtol=0, atol=1e-2)


@pytest.mark.parametrize(
    ("eigen_psfs", "maps", "theta", "message"),
    [
        ((2, 4, 4), (3, 9, 9), (2, 3), r"eigen-PSFs have shape \(2, 4, 4\), expected \(I, k, k\) with k odd"),
        ((5, 5), (3, 9, 9), (2, 3), "eigen-PSFs have shape"),
        ((0, 5, 5), (3, 9, 9), (0, 3), "eigen-PSFs have shape"),
        ((2, 5, 5), (3, 4, 9), (2, 3), r"maps have shape \(3, 4, 9\), expected \(J, H \+ 4, W \+ 4\)"),
        ((2, 5, 5), (9, 9), (2, 3), "maps have shape"),
        ((2, 5, 5), (3, 9, 9), (3, 2), r"theta has shape \(3, 2\), expected \(\.\.\., 2, 3\)"),
        ((2, 5, 5), (3, 9, 9), (6,), "theta has shape"),
    ],
)
def test_shapes_that_do_not_fit_are_diagnosed(
    eigen_psfs: tuple[int, ...], maps: tuple[int, ...], theta: tuple[int, ...], message: str
) -> None:
    with pytest.raises(FamilyError, match=message):
        ProductConvolutionOperator(torch.zeros(eigen_psfs), torch.zeros(maps), torch.zeros(theta))
