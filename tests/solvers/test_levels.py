"""Levels of an image: the same whether it is measured at once or strip by strip."""

from __future__ import annotations

import pytest
import torch

from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import ConvolutionOperator
from napari_deepblur.solvers.levels import BLOCK, block_power, levels_of


@pytest.mark.parametrize("rows", [20, 511, 512, 513, 1030])
def test_strips_add_up_to_the_whole(rows: int) -> None:
    image = torch.rand(2, 1, rows, 30)
    means = torch.nn.functional.avg_pool2d(image, BLOCK, stride=1)
    down, right = means[..., BLOCK:, :] - means[..., :-BLOCK, :], means[..., BLOCK:] - means[..., :-BLOCK]
    expected = (down.square().mean((-2, -1)) + right.square().mean((-2, -1))) / 2
    torch.testing.assert_close(block_power(image, (-2, -1))[..., 0, 0], expected, rtol=1e-4, atol=0)


def test_levels_are_those_of_each_image() -> None:
    operator = ConvolutionOperator(torch.ones(1, 1, 1, 1), (40, 30))
    image = torch.stack([torch.full((1, 40, 30), 0.5), torch.arange(30.0).expand(1, 40, 30)])
    levels = levels_of(image, (-2, -1), lambda: operator)
    assert levels.mean.flatten().tolist() == pytest.approx([0.5, 14.5])
    # Half of the differences, those across, are 1.
    assert levels.slope.flatten().tolist() == pytest.approx([0, 0.5**0.5])
    assert levels.typical() is operator
    expected = [(0.01 * 0.5 + 0.04) ** 0.5, (0.01 * 14.5 + 0.04) ** 0.5]
    assert levels.deviation(PoissonGaussianNoise(0.01, 0.2)).flatten().tolist() == pytest.approx(expected)


def test_planes_that_are_too_small_for_blocks_have_no_power() -> None:
    assert block_power(torch.rand(1, 1, 7, 50), (-2, -1)).tolist() == [[[[0.0]]]]
