from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import convolve2d

from napari_deepblur.errors import FamilyError, ImageError
from napari_deepblur.operators import ConvolutionOperator
from napari_deepblur.optics import Pupil, psf_model, zernike_psf

Array = NDArray[np.float64]


def direct(scene: Array, psf: Array) -> Array:
    """Sum (A x)[i] = sum_j h[j] x[i + k - 1 - j], term by term."""
    k = len(psf)
    height, width = scene.shape[0] - k + 1, scene.shape[1] - k + 1
    image = np.zeros((height, width))
    for row in range(height):
        for column in range(width):
            for i in range(k):
                for j in range(k):
                    image[row, column] += psf[i, j] * scene[row + k - 1 - i, column + k - 1 - j]
    return image


@pytest.mark.parametrize("shape", [(6, 6), (7, 7), (6, 9), (9, 4), (1, 1), (2, 13)])
@pytest.mark.parametrize("k", [1, 3, 5, 7])
def test_forward_is_the_direct_double_sum(shape: tuple[int, int], k: int) -> None:
    rng = np.random.default_rng(k)
    psf, scene = rng.normal(size=(k, k)), rng.normal(size=(shape[0] + k - 1, shape[1] + k - 1))
    image = ConvolutionOperator(torch.from_numpy(psf), shape).forward(torch.from_numpy(scene))
    np.testing.assert_allclose(image.numpy(), direct(scene, psf), atol=2e-5)


@given(height=st.integers(1, 70), width=st.integers(1, 70), half=st.integers(0, 15), seed=st.integers(0, 9))
@settings(max_examples=30, deadline=None)
def test_forward_is_a_valid_convolution_at_any_size(height: int, width: int, half: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    k = 2 * half + 1
    psf, scene = rng.random((k, k)), rng.random((height + k - 1, width + k - 1))
    psf /= psf.sum()
    image = ConvolutionOperator(torch.from_numpy(psf), (height, width)).forward(torch.from_numpy(scene))
    np.testing.assert_allclose(image.numpy(), convolve2d(scene, psf, mode="valid"), atol=2e-6)


@pytest.mark.parametrize("shape", [(4, 5), (5, 5)])
def test_forward_and_adjoint_are_a_dense_matrix_and_its_transpose(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    psf = rng.random((3, 3))
    scene_shape = (shape[0] + 2, shape[1] + 2)
    matrix = np.zeros((*shape, *scene_shape))
    for row, column in np.ndindex(shape):
        # A true convolution: the PSF stands reversed in each row of the matrix.
        matrix[row, column, row : row + 3, column : column + 3] = psf[::-1, ::-1]
    matrix = matrix.reshape(shape[0] * shape[1], -1)
    operator = ConvolutionOperator(torch.from_numpy(psf), shape)
    scene, image = rng.random(scene_shape), rng.random(shape)
    blurred, spread = operator.forward(torch.from_numpy(scene)), operator.adjoint(torch.from_numpy(image))
    np.testing.assert_allclose(blurred.numpy().ravel(), matrix @ scene.ravel(), atol=1e-5)
    np.testing.assert_allclose(spread.numpy().ravel(), matrix.T @ image.ravel(), atol=1e-5)


def test_a_point_in_the_scene_becomes_the_psf_and_not_its_mirror_image() -> None:
    psf = torch.rand(7, 7)
    scene = torch.zeros(26, 26)
    scene[13, 10] = 1.0
    image = ConvolutionOperator(psf, (20, 20)).forward(scene)
    # The image starts half a PSF further than the scene: the point is at (10, 7) of the image.
    torch.testing.assert_close(image[7:14, 4:11], psf, rtol=0, atol=1e-5)
    assert image.sum().item() == pytest.approx(psf.sum().item(), rel=1e-4)


def test_nothing_wraps_around() -> None:
    scene = torch.zeros(24, 24)
    scene[0, :] = scene[:, 0] = 100.0
    image = ConvolutionOperator(torch.rand(5, 5), (20, 20)).forward(scene)
    # Only the first pixels of a row or column can see the bright border of the scene.
    assert image[0].min() > 1 and image[:, 0].min() > 1
    assert image[1:, 1:].abs().max() < 1e-3


def test_a_constant_scene_keeps_its_value_up_to_the_border() -> None:
    psf = zernike_psf(torch.tensor([0.1, -0.1]), psf_model(Pupil(0.2), (5, 7), 31))
    image = ConvolutionOperator(psf, (40, 33)).forward(torch.full((70, 63), 0.7))
    torch.testing.assert_close(image, torch.full((40, 33), 0.7), rtol=0, atol=1e-5)


def test_a_batch_has_one_psf_for_each_image() -> None:
    psf, scene = torch.rand(3, 1, 5, 5), torch.rand(3, 1, 14, 12)
    image = ConvolutionOperator(psf, (10, 8)).forward(scene)
    for b in range(3):
        alone = ConvolutionOperator(psf[b, 0], (10, 8)).forward(scene[b, 0])
        torch.testing.assert_close(image[b, 0], alone, rtol=1e-4, atol=1e-5)


def test_batches_broadcast_both_ways() -> None:
    psfs, scenes = torch.rand(4, 1, 3, 3), torch.rand(4, 2, 8, 9)
    many = ConvolutionOperator(psfs[:1], (6, 7)).forward(scenes)
    assert many.shape == (4, 2, 6, 7)
    torch.testing.assert_close(many[3, 1], ConvolutionOperator(psfs[0, 0], (6, 7)).forward(scenes[3, 1]))
    spread = ConvolutionOperator(psfs, (6, 7)).adjoint(torch.rand(6, 7))
    assert spread.shape == (4, 1, 8, 9)


def test_differentiable_in_the_scene_and_in_the_psf() -> None:
    psf, scene = torch.rand(3, 3, requires_grad=True), torch.rand(8, 7, requires_grad=True)
    weights = torch.rand(6, 5)
    (weights * ConvolutionOperator(psf, (6, 5)).forward(scene)).sum().backward()  # type: ignore[no-untyped-call]
    assert psf.grad is not None and scene.grad is not None
    torch.testing.assert_close(scene.grad, ConvolutionOperator(psf.detach(), (6, 5)).adjoint(weights))
    # The derivative in h[i, j] is the scene, shifted by (k - 1 - i, k - 1 - j), against the weights.
    expected = torch.stack(
        [(weights * scene.detach()[2 - i : 8 - i, 2 - j : 7 - j]).sum() for i in range(3) for j in range(3)]
    )
    torch.testing.assert_close(psf.grad.flatten(), expected, rtol=1e-4, atol=1e-4)


def test_the_preconditioner_inverts_a_periodic_blur() -> None:
    # With one pixel of PSF there is no border, and the circular inverse is the inverse.
    operator = ConvolutionOperator(torch.full((1, 1), 2.0), (9, 8))
    scene = torch.rand(9, 8)
    torch.testing.assert_close(operator.precondition(scene, 0.5), scene / 4.5)


@pytest.mark.parametrize("shape", [(4, 4), (3, 5), (5,), (2, 3, 4)])
def test_a_psf_that_is_not_square_and_odd_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(FamilyError, match=r"The PSF has shape .*expected \(\.\.\., k, k\) with k odd"):
        ConvolutionOperator(torch.rand(shape), (8, 8))


@pytest.mark.parametrize("shape", [(0, 8), (8, -1)])
def test_an_image_without_pixels_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ImageError, match="two positive numbers"):
        ConvolutionOperator(torch.rand(3, 3), shape)
