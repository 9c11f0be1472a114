"""Light out of focus: the more there is, the more the network's own answers count."""

from __future__ import annotations

import pytest
import torch

from napari_deepblur.identification.out_of_focus import with_depth
from napari_deepblur.identification.posterior import Belief, Cloud

_PRODUCT = Belief(
    Cloud(torch.tensor([[0.1, 0.0], [0.0, 0.1]]), torch.tensor([0.25, 0.75])),
    torch.tensor([[0.2, 0.0], [0.0, 0.2]]),
    torch.tensor([[0.1, 0.0]]),
    torch.zeros(3),
)
_NETWORK = Cloud(torch.tensor([[-0.1, -0.1]]), torch.ones(1))


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25])
def test_a_flat_scene_changes_nothing(share: float) -> None:
    assert with_depth(_PRODUCT, _NETWORK, share) is _PRODUCT


@pytest.mark.parametrize(("share", "weight"), [(0.35, 0.25), (0.45, 0.5), (1.0, 0.5)])
def test_the_network_counts_by_the_light_out_of_focus(share: float, weight: float) -> None:
    mixed = with_depth(_PRODUCT, _NETWORK, share)
    torch.testing.assert_close(
        mixed.cloud.weights, torch.tensor([0.25, 0.75, 0.0]) * (1 - weight) + torch.tensor([0, 0, weight])
    )
    torch.testing.assert_close(mixed.cloud.theta[2], _NETWORK.theta[0])
    # Members and error bars go together, and what the product found stays known.
    torch.testing.assert_close(mixed.wide, torch.tensor([[0.2, 0.0], [0.0, 0.2], [-0.1, -0.1]]))
    assert mixed.maxima is _PRODUCT.maxima
