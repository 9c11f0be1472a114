"""Finite differences: transposes, norm, and the variation of a step."""

from __future__ import annotations

import pytest
import torch

from napari_deepblur.solvers.variation import FourCorners

CORNERS = FourCorners()
EDGES = CORNERS.edges


@pytest.mark.parametrize("shape", [(7, 9), (2, 1, 6, 5), (1, 8)])
def test_the_adjoint_is_the_transpose(shape: tuple[int, ...]) -> None:
    x, p = torch.randn(shape, dtype=torch.float64), torch.randn((2, *shape), dtype=torch.float64)
    torch.testing.assert_close((EDGES.gradient(x) * p).sum(), (x * EDGES.adjoint(p)).sum(), rtol=1e-12, atol=1e-12)


def test_the_norm_bound_is_nearly_attained() -> None:
    x = torch.randn(40, 40, dtype=torch.float64)
    for _ in range(300):
        x = EDGES.adjoint(EDGES.gradient(x))
        norm, x = x.norm(), x / x.norm()
    assert 0.98 * EDGES.squared_norm < float(norm) < EDGES.squared_norm


def test_neighbour_sums_count_the_edges_of_a_pixel() -> None:
    edges = EDGES.neighbour_sum(torch.ones(2, 4, 5))
    assert edges[0, 0] == edges[3, 4] == 2 and edges[0, 2] == edges[2, 0] == 3 and (edges[1:3, 1:4] == 4).all()


def test_the_variation_of_a_step_is_its_height_times_its_length() -> None:
    scene = torch.zeros(2, 1, 10, 12)
    scene[1, :, :, 6:] = 3.0
    assert CORNERS.total(scene).flatten().tolist() == [0.0, 30.0]


@pytest.mark.parametrize("shape", [(7, 9), (2, 1, 6, 5), (1, 8)])
def test_the_adjoint_of_the_corners_is_the_transpose(shape: tuple[int, ...]) -> None:
    x, p = torch.randn(shape, dtype=torch.float64), torch.randn((2, 4, *shape), dtype=torch.float64)
    expected = (x * CORNERS.adjoint(p)).sum()
    torch.testing.assert_close((CORNERS.gradient(x) * p).sum(), expected, rtol=1e-12, atol=1e-12)


def test_the_corners_have_no_larger_norm() -> None:
    x = torch.randn(40, 40, dtype=torch.float64)
    for _ in range(300):
        x = CORNERS.adjoint(CORNERS.gradient(x))
        norm, x = x.norm(), x / x.norm()
    assert 0.98 * EDGES.squared_norm < float(norm) < EDGES.squared_norm


def test_the_variation_of_a_turned_scene_is_the_same() -> None:
    scene = torch.randn(9, 12, dtype=torch.float64)
    turned = [scene.flip(0), scene.flip(1), scene.mT, scene.rot90()]
    expected = CORNERS.total(scene)
    for one in turned:
        torch.testing.assert_close(CORNERS.total(one), expected, rtol=1e-12, atol=0)


def test_the_weighted_squares_bound_the_variation() -> None:
    """With equality where the weights were taken, up to the smoothing: sum v |D x|^2 = TV(x)."""
    scene = torch.randn(9, 12, dtype=torch.float64)
    slope = EDGES.gradient(scene)
    weights = CORNERS.edge_weights(slope, torch.tensor(1e-9, dtype=torch.float64))
    torch.testing.assert_close((weights * slope.square()).sum(), CORNERS.total(scene).sum(), rtol=1e-6, atol=0)
