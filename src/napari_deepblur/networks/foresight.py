"""What an identification network foresees of its own answer: how far its PSF will be from the true one.

Where an image is not what the network was trained for (another blur, another camera, pixels that went through a
program), its answer is as sure as ever. What it made of the image on the way to the answer tells more than the answer
does: a small head on those numbers learns from images of all sorts how wrong the answers were.
"""

from __future__ import annotations

from torch import Tensor, nn

from napari_deepblur.networks.expectation import EDGES

_FAR = 5.0
"""Standard deviations beyond which a number says no more."""

_LEAST_VARIANCE = 1e-4


class Foresight(nn.Module):
    """Tell the odds of each class of PSF SNR (`EDGES`) from what an identification network made of an image.

    Parameters
    ----------
    inputs
        Length of what it is given.
    hidden
        Width of its one hidden layer.
    """

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm1d(inputs, eps=_LEAST_VARIANCE, affine=False),
            nn.Hardtanh(-_FAR, _FAR),
            nn.Dropout(0.2),
            nn.Linear(inputs, hidden),
            nn.SiLU(),
            nn.Dropout(0.5),
            nn.Linear(hidden, len(EDGES) + 1),
        )

    def forward(self, understood: Tensor) -> Tensor:
        """Logits of the classes, shape (B, 8), from `IdentificationNetwork.understand`'s (B, `inputs`)."""
        return self.layers(understood.float())  # type: ignore[no-any-return]
