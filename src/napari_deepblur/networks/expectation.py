"""How wrong an estimated blur may be: from the signs of an identification to the odds of its PSF SNR.

The posterior of the blur is right where an image is what the model says it is: a flat scene, those optics, independent
noise. Where it is not, the posterior is as narrow as ever, and wrong. Other signs tell the two apart, and what they are
worth is learned from simulated images of both sorts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

EDGES = (0.0, 3.0, 5.5, 8.0, 11.0, 15.0, 20.0)
"""Limits of the classes of PSF SNR, in decibels."""

CLASSES = len(EDGES) + 1

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


class OddsEnsemble(nn.Module):
    """Small networks that answer together, each with the odds of each class of PSF SNR (`EDGES`).

    Parameters
    ----------
    inputs
        How many numbers they are given.
    members
        The networks, each from (B, inputs) to logits (B, 8).
    far
        Standard deviations beyond which a number says no more: of what was not seen in training, what its edge says.
    """

    centre: Tensor
    scale: Tensor

    def __init__(self, inputs: int, members: Iterable[nn.Sequential], far: float) -> None:
        super().__init__()
        self._far = far
        self.register_buffer("centre", torch.zeros(inputs))
        self.register_buffer("scale", torch.ones(inputs))
        self.members = nn.ModuleList(members)

    def standardised(self, values: Tensor) -> Tensor:
        """Return what members look at, of numbers (B, `inputs`)."""
        return ((values.float() - self.centre) / self.scale).clamp(-self._far, self._far)

    def forward(self, values: Tensor) -> Tensor:
        """Probabilities of the classes, shape (B, 8), from numbers (B, `inputs`)."""
        standard = self.standardised(values)
        return torch.stack([member(standard).float().softmax(-1) for member in self.members]).mean(0)


class ExpectationNetwork(OddsEnsemble):
    """Tell the odds of each class of PSF SNR (`EDGES`) from signs, in the order of the configuration.

    Parameters
    ----------
    config
        The architecture.
    """

    def __init__(self, config: ExpectationConfig) -> None:
        count = len(config.signs)
        members = (
            nn.Sequential(nn.Linear(count, config.hidden), nn.SiLU(), nn.Linear(config.hidden, CLASSES))
            for _ in range(config.members)
        )
        super().__init__(count, members, far=4.0)
        self.config = config


def mean_decibels(probabilities: Tensor) -> Tensor:
    """Mean PSF SNR in decibels, shape (...,), from probabilities (..., 8)."""
    return probabilities @ torch.tensor(_MIDDLES, dtype=probabilities.dtype)
