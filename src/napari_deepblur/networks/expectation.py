"""How wrong an estimated blur may be: from the signs of an identification to the odds of its PSF SNR.

The posterior of the blur is right where an image is what the model says it is: a flat scene, those optics, independent
noise. Where it is not, the posterior is as narrow as ever, and wrong. Other signs tell the two apart, and what they are
worth is learned from simulated images of both sorts.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

EDGES = (0.0, 3.0, 5.5, 8.0, 11.0, 15.0, 20.0)
"""Limits of the classes of PSF SNR, in decibels."""

WRONG_BELOW_DB = 3.0
"""PSF SNR below which an estimate is worse than none: about that of a PSF drawn at random."""

_MIDDLES = (-2.0, 1.5, 4.25, 6.75, 9.5, 13.0, 17.5, 22.0)


@dataclass(frozen=True)
class ExpectationConfig:
    """Architecture of an `ExpectationNetwork`.

    Attributes
    ----------
    signs
        Names of its inputs.
    hidden
        Width of its one hidden layer.
    members
        Number of networks that answer together.
    """

    signs: tuple[str, ...]
    hidden: int = 24
    members: int = 8


class ExpectationNetwork(nn.Module):
    """Tell the odds of each class of PSF SNR (`EDGES`) from signs.

    Parameters
    ----------
    config
        The architecture.
    """

    centre: Tensor
    scale: Tensor

    def __init__(self, config: ExpectationConfig) -> None:
        super().__init__()
        self.config = config
        count = len(config.signs)
        self.register_buffer("centre", torch.zeros(count))
        self.register_buffer("scale", torch.ones(count))
        self.members = nn.ModuleList(
            nn.Sequential(nn.Linear(count, config.hidden), nn.SiLU(), nn.Linear(config.hidden, len(EDGES) + 1))
            for _ in range(config.members)
        )

    def forward(self, signs: Tensor) -> Tensor:
        """Probabilities of the classes, shape (B, 8), from signs (B, S) in the order of the configuration."""
        # Far beyond what was seen in training a sign says no more than at its edge.
        standard = ((signs - self.centre) / self.scale).clamp(-4, 4)
        answers = torch.stack([member(standard).softmax(-1) for member in self.members])
        return answers.mean(0)


def mean_decibels(probabilities: Tensor) -> Tensor:
    """Mean PSF SNR in decibels, shape (...,), from probabilities (..., 8)."""
    return probabilities @ torch.tensor(_MIDDLES, dtype=probabilities.dtype)
