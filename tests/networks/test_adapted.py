"""The network for the measured PSFs of one microscope."""

from __future__ import annotations

import torch

from napari_deepblur.networks.adapted import AdaptedConfig, AdaptedNetwork
from napari_deepblur.networks.statistics import prepare

TINY = AdaptedConfig(widths=(4, 8), blocks=(1, 1), stem_stride=4, map_width=4, hidden=16, eigen_psfs=5, coordinates=3)


def _network() -> AdaptedNetwork:
    torch.manual_seed(0)
    return AdaptedNetwork(TINY).eval()


def test_a_network_that_has_learned_nothing_answers_with_the_prior() -> None:
    with torch.no_grad():
        found = _network()(torch.rand(2, 1, 96, 96), torch.full((2, 2), 0.01), torch.zeros(2, 2))
    assert found.mean.shape == (2, 3)
    assert found.mean.abs().max() < 0.5
    torch.testing.assert_close(found.factor @ found.factor.mT, torch.eye(3).expand(2, 3, 3), atol=0.5, rtol=0)


def test_the_factor_is_lower_triangular_with_a_positive_diagonal() -> None:
    network = _network()
    torch.nn.init.normal_(network.answer.weight, std=2.0)
    with torch.no_grad():
        factor = network(torch.rand(3, 1, 96, 96), torch.full((3, 2), 0.01), torch.zeros(3, 2)).factor
    assert (factor.triu(1) == 0).all()
    assert (factor.diagonal(dim1=-2, dim2=-1) > 0).all()
    assert (factor.tril(-1).abs().amax((-2, -1)) > 0).all()


def test_the_place_in_the_field_matters() -> None:
    network = _network()
    torch.nn.init.normal_(network.answer.weight, std=1.0)
    views = prepare(torch.rand(1, 1, 96, 96))
    noise = torch.full((1, 2), 0.01)
    with torch.no_grad():
        evidence = network.gather(views.pixels)
        here, there = (network.decide(evidence, views, noise, torch.full((1, 2), place)).mean for place in (-1.0, 1.0))
    assert (here - there).abs().max() > 1e-3


def test_coordinates_of_the_family_travel_with_the_weights() -> None:
    names = _network().state_dict().keys()
    assert {"centre", "axes", "scales"} <= names
