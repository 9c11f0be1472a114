"""The identification network: from one image to the Zernike coefficients of its blur.

Below it lies the `Trunk`, which pools evidence. The answer is a small cloud of candidate coefficient vectors with
weights: one image often cannot tell several PSFs apart, and the average of their PSFs is closer to the truth than any
single one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_deepblur.networks.foresight import Foresight
from napari_deepblur.networks.statistics import Views, prepare
from napari_deepblur.networks.trunk import Evidence, Trunk, TrunkConfig
from napari_deepblur.operators.families.facts import HIGHEST_AMPLITUDE as HIGHEST_AMPLITUDE

REFERENCE_PSF_SIZE = 31
"""Side of the PSFs at the reference cut-off, in pixels."""


@dataclass(frozen=True)
class IdentificationConfig(TrunkConfig):
    """Architecture of an `IdentificationNetwork`.

    Attributes
    ----------
    modes
        Noll indices of the coefficients, K of them.
    candidates
        Number M of candidate coefficient vectors.
    tells_depth
        Whether it says, too, how much of the light is out of focus; older weights do not.
    foresees
        Width of the head that says how wrong the answer may be (`Foresight`); 0 for none. It is learned for weights
        that are trained already, and holds for these alone.
    """

    modes: tuple[int, ...] = tuple(range(4, 16))
    candidates: int = 16
    tells_depth: bool = False
    foresees: int = 0


PAPER = IdentificationConfig(tells_depth=True)
"""A ResNet-18 encoder, as in the paper."""

LIGHT = IdentificationConfig(
    widths=(16, 32, 64, 128),
    blocks=(1, 1, 1, 1),
    stem_stride=4,
    map_width=32,
    hidden=256,
    candidates=8,
    tells_depth=True,
)
"""About two million parameters, for processors."""


class Given(NamedTuple):
    """What is known about images beside their pixels.

    Attributes
    ----------
    noise
        Noise parameters (alpha, beta), shape (B, 2).
    amplitude
        Largest expected coefficient of each mode in waves, shape (B, K); zero switches a mode off.
    stated
        1 where that amplitude was stated, and all coefficients up to it are as likely; 0 where it is only the widest
        that is possible, and small ones are as likely as large ones on a logarithmic scale; shape (B, 1).
    polarization
        NA / n for vectorial light, 0 for scalar light (`Pupil.polarization`), shape (B, 1).
    """

    noise: Tensor
    amplitude: Tensor
    stated: Tensor
    polarization: Tensor


_NO_ODDS = torch.zeros(0, 0)


class Prediction(NamedTuple):
    """What the network says about the blur.

    Attributes
    ----------
    theta
        Most likely coefficients in waves RMS, shape (B, K); even modes up to one joint sign.
    log_std
        Logarithm of their standard deviations in waves, shape (B, K).
    candidates
        Candidate coefficient vectors, shape (B, M, K).
    log_weights
        Logarithm of the candidates' weights, shape (B, M); the weights sum to one.
    out_of_focus
        Share of the light that is from planes out of focus, shape (B,); 0 where the network does not tell.
    odds
        Of each class of PSF SNR (`expectation.EDGES`) that the mean PSF of the candidates is in, shape (B, 8); of no
        class, (B, 0), where the network does not foresee.
    """

    theta: Tensor
    log_std: Tensor
    candidates: Tensor
    log_weights: Tensor
    out_of_focus: Tensor
    odds: Tensor = _NO_ODDS


class IdentificationNetwork(Trunk):
    """Predict Zernike coefficients, their uncertainty and candidates from images of any size.

    Parameters
    ----------
    config
        The architecture.
    """

    def __init__(self, config: IdentificationConfig = PAPER) -> None:
        super().__init__(config)
        self.config = config
        k, m = len(config.modes), config.candidates
        self.head = nn.Sequential(
            nn.Linear(self.described_by(config) + k + 2, config.hidden),
            nn.ReLU(inplace=True),
            nn.Linear(config.hidden, config.hidden),
            nn.ReLU(inplace=True),
        )
        self.answer = nn.Linear(config.hidden, 2 * k + m * (k + 1))
        # Candidates start spread over the admissible box: a network that has learned nothing predicts the mean PSF.
        with torch.no_grad():
            self.answer.bias[2 * k : 2 * k + m * k].uniform_(-1, 1)
            self.answer.weight.mul_(0.1)
        self.depth = nn.Linear(config.hidden, 1) if config.tells_depth else None
        if self.depth is not None:
            nn.init.zeros_(self.depth.weight)
        self.foresight = Foresight(self.understood_by(config), config.foresees) if config.foresees else None

    @classmethod
    def understood_by(cls, config: IdentificationConfig) -> int:
        """Length of the vector that `understand` returns."""
        return cls.described_by(config) + len(config.modes) + 2 + config.hidden

    def forward(self, image: Tensor, given: Given) -> Prediction:
        """Predict from whole images (B, 1, H, W)."""
        views = prepare(image)
        return self.decide(self.gather(views.pixels), views, given)

    def decide(self, evidence: Evidence, views: Views, given: Given) -> Prediction:
        """Turn pooled evidence into an answer.

        Parameters
        ----------
        evidence
            Sum over the image.
        views
            As `prepare` made them.
        given
            What else is known.

        Returns
        -------
        Prediction
            In float32.
        """
        k, m = len(self.config.modes), self.config.candidates
        amplitude = given.amplitude
        understanding = self.understand(evidence, views, given)
        understood = understanding[:, -self.config.hidden :]
        answer = self.answer(understood).float()
        point, log_std, spread, logits = answer.split((k, k, m * k, m), dim=1)
        theta = amplitude * point
        candidates = theta[:, None] + amplitude[:, None] * spread.view(-1, m, k)
        # A box prior of half-width a has the standard deviation a / sqrt(3): no answer is less certain than that.
        widest = torch.log(amplitude.clamp_min(1e-4) / math.sqrt(3))
        log_std, log_weights = widest - F.softplus(log_std), logits.log_softmax(dim=1)
        if self.depth is None:
            out_of_focus = theta.new_zeros(len(theta))
        else:
            out_of_focus = self.depth(understood).float()[:, 0].sigmoid()
        if self.foresight is None:
            odds = theta.new_zeros((len(theta), 0))
        else:
            odds = self.foresight(understanding)
        return Prediction(theta, log_std, candidates, log_weights, out_of_focus, odds)

    def understand(self, evidence: Evidence, views: Views, given: Given) -> Tensor:
        """Return all that an answer is made from: what was seen, what was told, and the last hidden layer.

        Arguments are those of `decide`; the shape is (B, `understood_by`).
        """
        told = (10 * given.amplitude, given.stated, 2 * given.polarization)
        described = torch.cat((self.describe(evidence, views, given.noise), *told), dim=1)
        return torch.cat((described, self.head(described)), dim=1)
