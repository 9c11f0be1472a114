"""The blur of volumes: what its equation says, plane by plane and voxel by voxel, and its gradient in the pupil."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from napari_deepblur.errors import FamilyError, ImageError
from napari_deepblur.operators import ConvolutionOperator, VolumeOperator
from napari_deepblur.operators.volume import volume_grid, volume_memory
from napari_deepblur.optics import Microscope, psf_planes, psf_planes_model

MICROSCOPE = Microscope(0.8, 0.5, 0.1, 1.0)


def summed(psf: Tensor, scene: Tensor, shape: tuple[int, int, int], margin: tuple[int, int, int]) -> Tensor:
    """Sum (A x)[i] = sum_j h[i + margin - j] x[j], with h[0] the middle of the PSF, term by term."""
    half = [side // 2 for side in psf.shape]
    image = torch.zeros(shape, dtype=torch.float64)
    for i in torch.cartesian_prod(*(torch.arange(n) for n in shape)):
        for j in torch.cartesian_prod(*(torch.arange(n) for n in scene.shape)):
            d = i + torch.tensor(margin) - j + torch.tensor(half)
            if all(0 <= int(a) < n for a, n in zip(d, psf.shape, strict=True)):
                image[tuple(i)] += float(psf[tuple(d)]) * float(scene[tuple(j)])
    return image


@pytest.mark.parametrize("margin", [(1, 1, 1), (0, 0, 0), (2, 1, 0)])
def test_it_is_the_sum_over_all_sources_within_the_psf(margin: tuple[int, int, int]) -> None:
    psf, shape = torch.rand(5, 3, 3), (2, 3, 2)
    operator = VolumeOperator(psf, shape, margin)
    scene = torch.rand(operator.scene_shape)
    torch.testing.assert_close(operator.forward(scene).double(), summed(psf, scene, shape, margin), atol=1e-5, rtol=0)


def test_by_default_the_stack_is_the_valid_part() -> None:
    operator = VolumeOperator(torch.rand(3, 5, 7), (4, 6, 8))
    assert operator.image_shape == (4, 6, 8) and operator.scene_shape == (6, 10, 14)
    assert operator.axes == (-3, -2, -1)


def test_one_plane_with_a_flat_psf_is_the_convolution_of_an_image() -> None:
    psf, scene = torch.rand(1, 5, 5), torch.rand(2, 1, 1, 12, 13)
    flat = ConvolutionOperator(psf[0], (8, 9)).forward(scene[:, :, 0])
    torch.testing.assert_close(VolumeOperator(psf, (1, 8, 9)).forward(scene)[:, :, 0], flat)


def test_the_first_plane_sees_a_source_in_the_last_through_the_first_plane_of_the_psf() -> None:
    theta = torch.tensor([0.08, -0.06])
    planes = psf_planes(theta, psf_planes_model(MICROSCOPE.pupil, (7, 11), 9, 2.5, 3))
    operator = VolumeOperator(planes, (4, 9, 9), (0, 4, 4))
    scene = torch.zeros(operator.scene_shape)
    scene[3, 8, 8] = 1
    torch.testing.assert_close(operator.forward(scene), planes[:4], atol=1e-6, rtol=0)


def test_the_gradient_in_the_coefficients_is_that_of_differences() -> None:
    model = psf_planes_model(MICROSCOPE.pupil, (5, 7, 11), 9, 2.0, 3)
    scene, image = torch.rand(5, 14, 13), torch.rand(3, 6, 5)

    def loss(theta: Tensor) -> Tensor:
        blurred = VolumeOperator(psf_planes(theta, model), (3, 6, 5), (1, 4, 4)).forward(scene)
        return (blurred - image).square().sum()

    theta = torch.tensor([0.05, -0.04, 0.03], requires_grad=True)
    (slope,) = torch.autograd.grad(loss(theta), theta)
    with torch.no_grad():
        steps = 0.01 * torch.eye(3)
        expected = torch.stack([(loss(theta + step) - loss(theta - step)) / 0.02 for step in steps])
    torch.testing.assert_close(slope, expected, rtol=0.02, atol=0.02 * float(slope.abs().max()))


def test_a_scene_of_one_value_keeps_its_light_far_from_the_border() -> None:
    planes = psf_planes(torch.zeros(1), psf_planes_model(MICROSCOPE.pupil, (11,), 9, 2.0, 2))
    operator = VolumeOperator(planes, (3, 4, 4))
    torch.testing.assert_close(operator.forward(torch.ones(operator.scene_shape)), torch.full((3, 4, 4), 5.0))


@pytest.mark.parametrize(
    ("shape", "margin", "half"), [((3, 8, 9), (1, 2, 2), (1, 2, 2)), ((5, 4, 4), (2, 3, 3), (6, 9, 9))]
)
def test_the_memory_is_known_before(
    shape: tuple[int, int, int], margin: tuple[int, int, int], half: tuple[int, int, int]
) -> None:
    operator = VolumeOperator(torch.rand([2 * p + 1 for p in half]), shape, margin)
    memory = volume_memory(shape, margin, half)
    assert memory.transfer_bytes == operator._transfer.nbytes
    assert memory.scene_bytes == torch.empty(operator.scene_shape).nbytes
    # No smaller grid would do, and one that factors well is not much larger.
    grid = volume_grid(shape, margin, half)
    assert all(g >= s for g, s in zip(grid, operator.scene_shape, strict=True))
    assert all(g <= 1.3 * (n + 2 * m + p) + 4 for g, n, m, p in zip(grid, shape, margin, half, strict=True))


def test_refusals() -> None:
    with pytest.raises(FamilyError, match="all odd"):
        VolumeOperator(torch.rand(2, 3, 3), (4, 5, 6))
    with pytest.raises(ImageError, match="planes, rows and columns"):
        VolumeOperator(torch.rand(3, 3, 3), (0, 5, 6))
    with pytest.raises(ImageError, match="three numbers"):
        VolumeOperator(torch.rand(3, 3, 3), (4, 5, 6), (1, -1, 0))
    with pytest.raises(FamilyError, match="pixels apart"):
        psf_planes_model(MICROSCOPE.pupil, (11,), 9, 0.0, 2)
