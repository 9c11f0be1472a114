"""What an identification network foresees of its own answer: how far its PSF will be from the true one.

Where an image is not what the network was trained for (another blur, another camera, pixels that went through a
program), its answer is as sure as ever. What it made of the image on the way to the answer tells more than the answer
does: a small head on those numbers learns from images of all sorts how wrong the answers were.
"""

from __future__ import annotations

from torch import nn

from napari_deepblur.networks.expectation import CLASSES, OddsEnsemble

LEAST_SCALE = 0.01
"""Of a number that hardly changes from image to image."""


class Foresight(OddsEnsemble):
    """Tell the odds of each class of PSF SNR (`EDGES`) from what an identification network made of an image.

    Parameters
    ----------
    inputs
        Length of what it is given, `IdentificationNetwork.understand`'s.
    hidden
        Width of the one hidden layer of each member.
    members
        Number of small networks that answer together.
    """

    def __init__(self, inputs: int, hidden: int, members: int = 4) -> None:
        made = (
            nn.Sequential(
                nn.Dropout(0.2),
                nn.Linear(inputs, hidden),
                nn.SiLU(),
                nn.Dropout(0.5),
                nn.Linear(hidden, CLASSES),
            )
            for _ in range(members)
        )
        super().__init__(inputs, made, far=5.0)
