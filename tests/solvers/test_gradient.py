"""Finite differences: transposes, norm, and the variation of a step."""

from __future__ import annotations

import pytest
import torch

from napari_deepblur.solvers.gradient import SQUARED_NORM, gradient, gradient_adjoint, neighbour_sum, variation


@pytest.mark.parametrize("shape", [(7, 9), (2, 1, 6, 5), (1, 8)])
def test_the_adjoint_is_the_transpose(shape: tuple[int, ...]) -> None:
    x, p = torch.randn(shape, dtype=torch.float64), torch.randn((2, *shape), dtype=torch.float64)
    torch.testing.assert_close((gradient(x) * p).sum(), (x * gradient_adjoint(p)).sum(), rtol=1e-12, atol=1e-12)


def test_the_norm_bound_is_nearly_attained() -> None:
    x = torch.randn(40, 40, dtype=torch.float64)
    for _ in range(300):
        x = gradient_adjoint(gradient(x))
        norm, x = x.norm(), x / x.norm()
    assert 0.98 * SQUARED_NORM < float(norm) < SQUARED_NORM


def test_neighbour_sums_count_the_edges_of_a_pixel() -> None:
    edges = neighbour_sum(torch.ones(2, 4, 5))
    assert edges[0, 0] == edges[3, 4] == 2 and edges[0, 2] == edges[2, 0] == 3 and (edges[1:3, 1:4] == 4).all()


def test_the_variation_of_a_step_is_its_height_times_its_length() -> None:
    scene = torch.zeros(2, 1, 10, 12)
    scene[1, :, :, 6:] = 3.0
    assert variation(scene).flatten().tolist() == [0.0, 30.0]
