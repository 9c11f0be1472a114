"""What an identification network foresees of its own answer: how far its PSF will be from the true one.

Where an image is not what the network was trained for (another blur, another camera, pixels that went through a
program), its answer is as sure as ever. What it made of the image on the way to the answer tells more than the answer
does: a small head on those numbers learns from images of all sorts how wrong the answers were.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_deepblur.networks.expectation import EDGES

_CLASSES = len(EDGES) + 1

_FAR = 5.0
"""Standard deviations beyond which a number says no more."""

LEAST_SCALE = 0.01
"""Of a number that hardly changes from image to image."""


class Foresight(nn.Module):
    """Tell the odds of each class of PSF SNR (`EDGES`) from what an identification network made of an image.

    Parameters
    ----------
    inputs
        Length of what it is given.
    hidden
        Width of the one hidden layer of each member.
    members
        Number of small networks that answer together.
    """

    centre: Tensor
    scale: Tensor

    def __init__(self, inputs: int, hidden: int, members: int = 4) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(inputs))
        self.register_buffer("scale", torch.ones(inputs))
        self.members = nn.ModuleList(
            nn.Sequential(
                nn.Dropout(0.2), nn.Linear(inputs, hidden), nn.SiLU(), nn.Dropout(0.5), nn.Linear(hidden, _CLASSES)
            )
            for _ in range(members)
        )

    def standardised(self, understood: Tensor) -> Tensor:
        """Return what members look at, of `IdentificationNetwork.understand`'s (B, `inputs`)."""
        return ((understood.float() - self.centre) / self.scale).clamp(-_FAR, _FAR)

    def forward(self, understood: Tensor) -> Tensor:
        """Probabilities of the classes, shape (B, 8), from (B, `inputs`)."""
        standard = self.standardised(understood)
        return torch.stack([member(standard).float().softmax(-1) for member in self.members]).mean(0)
