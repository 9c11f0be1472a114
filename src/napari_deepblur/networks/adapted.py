"""An identification network for the measured PSFs of one microscope.

It says what the PSF is in the middle of a window of the field: coordinates u, such that the PSF's coordinates in the
family's eigen-PSFs are c = centre + sum_k u_k axes_k, with a Gaussian error. Families of measured PSFs are linear, so
that the mean of u is the best PSF on average, and predictions of several windows combine by linear algebra.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_deepblur.networks.statistics import Views, prepare
from napari_deepblur.networks.trunk import Evidence, Trunk, TrunkConfig


@dataclass(frozen=True)
class AdaptedConfig(TrunkConfig):
    """Architecture of an `AdaptedNetwork`.

    Attributes
    ----------
    eigen_psfs
        Number I of eigen-PSFs of the family.
    coordinates
        Number R of coordinates that are predicted.
    """

    eigen_psfs: int = 8
    coordinates: int = 8


class LocalPrediction(NamedTuple):
    """A Gaussian over the coordinates u of the PSF in the middle of a window.

    Attributes
    ----------
    mean
        Shape (B, R).
    factor
        Lower triangular L of the precision L L', shape (B, R, R).
    """

    mean: Tensor
    factor: Tensor


class AdaptedNetwork(Trunk):
    """Predict the local PSF of a window of the field, in the coordinates of one family.

    Parameters
    ----------
    config
        The architecture.
    """

    centre: Tensor
    axes: Tensor
    scales: Tensor

    def __init__(self, config: AdaptedConfig) -> None:
        super().__init__(config)
        self.config = config
        r = config.coordinates
        self.head = nn.Sequential(
            nn.Linear(self.described_by(config) + 2, config.hidden),
            nn.ReLU(inplace=True),
            nn.Linear(config.hidden, config.hidden),
            nn.ReLU(inplace=True),
        )
        self.answer = nn.Linear(config.hidden, r + r * (r + 1) // 2)
        with torch.no_grad():
            # A network that has learned nothing answers with the prior, mean 0 and precision 1.
            self.answer.weight.mul_(0.1)
            self.answer.bias.zero_()
        rows, columns = torch.tril_indices(r, r, device="cpu")
        self._rows, self._columns = rows.tolist(), columns.tolist()
        self.register_buffer("centre", torch.zeros(config.eigen_psfs))
        self.register_buffer("axes", torch.zeros(r, config.eigen_psfs))
        self.register_buffer("scales", torch.ones(r))

    def forward(self, image: Tensor, noise: Tensor, position: Tensor) -> LocalPrediction:
        """Predict from whole windows (B, 1, H, W); see `decide` for the other arguments."""
        views = prepare(image)
        return self.decide(self.gather(views.pixels), views, noise, position)

    def decide(self, evidence: Evidence, views: Views, noise: Tensor, position: Tensor) -> LocalPrediction:
        """Turn the evidence of windows into an answer.

        Parameters
        ----------
        evidence
            Of the windows.
        views
            Of the images that the windows are parts of.
        noise
            Noise parameters (alpha, beta) of the images, shape (B, 2).
        position
            Middle (row, column) of each window in the field, from -1 to 1, shape (B, 2).

        Returns
        -------
        LocalPrediction
            In float32.
        """
        r = self.config.coordinates
        described = torch.cat((self.describe(evidence, views, noise), position), dim=1)
        mean, lower = self.answer(self.head(described)).float().split((r, r * (r + 1) // 2), dim=1)
        triangle = lower.new_zeros(len(lower), r, r)
        triangle[:, self._rows, self._columns] = lower
        diagonal = F.softplus(triangle.diagonal(dim1=-2, dim2=-1) + 0.5413) + 1e-3
        return LocalPrediction(mean, triangle.tril(-1) + torch.diag_embed(diagonal))
