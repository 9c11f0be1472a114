"""A head learns from what a network made of images how wrong its answers were, and changes nothing else."""

from __future__ import annotations

import pytest
import torch

from benchmarks.honesty import foresight
from napari_deepblur.networks.expectation import mean_decibels
from napari_deepblur.networks.identification import IdentificationConfig, IdentificationNetwork

TINY = IdentificationConfig(widths=(4, 8), blocks=(1, 1), map_width=4, hidden=8, candidates=3)


def test_a_head_learns_what_tells_right_from_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foresight, "_STEPS", 300)
    torch.manual_seed(1)
    db = 20 * torch.rand(400) - 2
    understood = torch.randn(400, 8, 12)
    understood[:, :, 3] += db[:, None] - 8
    head = foresight.learn({"understood": understood[:300].half(), "db": db[:300]})
    with torch.inference_mode():
        said = mean_decibels(head(understood[300:].flatten(0, 1))).view(100, 8).mean(1)
    assert torch.corrcoef(torch.stack((said, db[300:])))[0, 1] > 0.9


def test_a_network_with_a_new_head_keeps_all_other_weights() -> None:
    network = IdentificationNetwork(TINY)
    inputs = IdentificationNetwork.understood_by(TINY)
    first, second = (foresight.Foresight(inputs, foresight._HIDDEN) for _ in range(2))
    once = foresight.with_foresight(network, first)
    twice = foresight.with_foresight(once, second)
    assert once.config.foresees and twice.config == once.config
    assert all(torch.equal(twice.state_dict()[name], value) for name, value in network.state_dict().items())
    assert torch.equal(twice.state_dict()["foresight.members.0.1.weight"], second.state_dict()["members.0.1.weight"])
