"""Test-time augmentation: the identification network sees an image and its seven turned copies.

It was not built to answer alike for all of them. Each answer errs in its own way, and their mixture errs less.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from napari_deepblur.identification.posterior import Cloud
from napari_deepblur.networks.identification import Given, IdentificationNetwork
from napari_deepblur.networks.statistics import Views
from napari_deepblur.networks.trunk import Evidence
from napari_deepblur.optics import TURNS, turn_matrix, turned


class Opinion(NamedTuple):
    """What the network believes after all turns.

    Attributes
    ----------
    cloud
        Candidates of all turns, turned back, with their weights.
    mean, std
        The most likely coefficients of each turn, turned back, and their standard deviations, in waves, shape (number
        of turns, K).
    out_of_focus
        Share of the light that is from planes out of focus.
    odds
        Of each class of PSF SNR that the answer is in, as the network foresees it; shape (8,). None where it does not.
    """

    cloud: Cloud
    mean: Tensor
    std: Tensor
    out_of_focus: float
    odds: Tensor | None


def gather_turned(network: IdentificationNetwork, pixels: Tensor) -> tuple[Evidence, ...]:
    """Evidence of one area of `Views.pixels`, shape (1, 3, H, W), for each of `usable_turns`."""
    return tuple(network.gather(turned(pixels, turn)) for turn in usable_turns(network))


def plus(mine: tuple[Evidence, ...] | None, theirs: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """Pool the evidence of two areas, turn by turn."""
    return theirs if mine is None else tuple(a.plus(b) for a, b in zip(mine, theirs, strict=True))


def decide_turned(
    network: IdentificationNetwork, evidence: tuple[Evidence, ...], views: Views, given: Given
) -> Opinion:
    """Turn pooled evidence into a cloud of candidates.

    Parameters
    ----------
    network
        The network.
    evidence
        Of the whole image, from `gather_turned`.
    views, given
        As in `IdentificationNetwork.decide`, for a batch of one image as it is.

    Returns
    -------
    Opinion
        Over all modes of the network, on the processor.
    """
    turns = usable_turns(network)
    candidates, weights, points, stds, depths, odds = [], [], [], [], [], []
    for turn, part in zip(turns, evidence, strict=True):
        matrix = torch.from_numpy(turn_matrix(network.config.modes, turn))
        there = matrix.abs().to(given.amplitude.device)
        prediction = network.decide(part, views, given._replace(amplitude=given.amplitude @ there.T))
        # The inverse of a signed permutation is its transpose.
        candidates.append(prediction.candidates[0].cpu() @ matrix)
        weights.append(prediction.log_weights[0].exp().cpu() / len(turns))
        points.append(prediction.theta.cpu() @ matrix)
        stds.append(prediction.log_std.exp().cpu() @ matrix.abs())
        depths.append(float(prediction.out_of_focus))
        odds.append(prediction.odds[0].cpu())
    cloud = Cloud(torch.cat(candidates), torch.cat(weights))
    foreseen = torch.stack(odds).mean(0) if network.foresight is not None else None
    return Opinion(cloud, torch.cat(points), torch.cat(stds), sum(depths) / len(depths), foreseen)


def usable_turns(network: IdentificationNetwork) -> tuple[tuple[int, bool], ...]:
    """Return the turns that do not lead out of the modes of the network."""
    modes = network.config.modes
    matrices = {turn: turn_matrix(modes, turn) for turn in TURNS}
    return tuple(turn for turn, m in matrices.items() if np.array_equal(m @ m.T, np.eye(len(modes))))
