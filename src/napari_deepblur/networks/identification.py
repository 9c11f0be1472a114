"""The identification network: from one image to the Zernike coefficients of its blur.

Three things distinguish it from the residual encoder of the paper (He et al. 2016; Debarnot and Weiss 2024):

- It pools evidence, not answers. The encoder is fully convolutional; its features are averaged with learned weights
  over any area, so that one network serves any image size, tile by tile.
- The averaged log power spectrum of the image enters beside the pixels, and so do correlations of the details with
  their own powers: the modulus of the transfer function is written in the former, its phase in the latter.
- The answer is a small cloud of candidate coefficient vectors with weights. One image often cannot tell several
  PSFs apart, and the average of their PSFs is closer to the truth than any single one.

The network works at one optical scale, `reference_cutoff`: images are resampled to it beforehand, which costs nothing
because an image is band-limited at 2 fc.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_deepblur.networks.statistics import WINDOW, Views, prepare, sum_of_cross_spectra, sum_of_periodograms

_LAG = 16
"""Longest lag of the correlations that are looked at, about the half-width of a PSF."""


REFERENCE_PSF_SIZE = 31
"""Side of the PSFs at the reference cut-off, in pixels."""


def reference_cutoff() -> float:
    """Pupil cut-off, in cycles per pixel, at which the network looks at images: the paper's setting, 0.261."""
    return 1.41 * 0.100 / 0.540


@dataclass(frozen=True)
class IdentificationConfig:
    """Architecture of an `IdentificationNetwork`.

    Attributes
    ----------
    modes
        Noll indices of the coefficients, K of them.
    widths
        Channels of each stage of the residual encoder; each stage after the first halves the resolution.
    blocks
        Residual blocks of each stage.
    stem_stride
        Stride of the first convolution: 2, followed by a maximum over 3 x 3 pixels as in ResNet, or 4.
    map_width
        Channels of the branches that read spectra and correlations.
    hidden
        Width of the last hidden layer.
    candidates
        Number M of candidate coefficient vectors.
    """

    modes: tuple[int, ...] = (4, 5, 6, 7, 8, 9, 10, 11)
    widths: tuple[int, ...] = (64, 128, 256, 512)
    blocks: tuple[int, ...] = (2, 2, 2, 2)
    stem_stride: int = 2
    map_width: int = 64
    hidden: int = 512
    candidates: int = 16


PAPER = IdentificationConfig()
"""A ResNet-18 encoder, as in the paper."""

LIGHT = IdentificationConfig(
    widths=(16, 32, 64, 128), blocks=(1, 1, 1, 1), stem_stride=4, map_width=32, hidden=256, candidates=8
)
"""About two million parameters, for processors."""


class Evidence(NamedTuple):
    """Sums over an area of the image; the evidence of two areas is the sum of theirs.

    Attributes
    ----------
    features
        Weighted sum of the encoder's features, shape (B, C).
    weights
        Sum of the weights, shape (B, C).
    periodogram
        Sum of the periodograms of half-overlapping windows, shape (B, WINDOW, WINDOW // 2 + 1).
    cross_spectra
        Sum of the cross-spectra of adjoining windows, shape (B, 2, 3, WINDOW, WINDOW // 2 + 1), complex.
    counts
        Number of windows in either sum, shape (2,).
    """

    features: Tensor
    weights: Tensor
    periodogram: Tensor
    cross_spectra: Tensor
    counts: Tensor

    def plus(self, other: Evidence) -> Evidence:
        """Pool with the evidence of another area of the same images."""
        return Evidence(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


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
    """

    theta: Tensor
    log_std: Tensor
    candidates: Tensor
    log_weights: Tensor


class IdentificationNetwork(nn.Module):
    """Predict Zernike coefficients, their uncertainty and candidates from images of any size.

    Parameters
    ----------
    config
        The architecture.
    """

    def __init__(self, config: IdentificationConfig = PAPER) -> None:
        super().__init__()
        self.config = config
        k, m = len(config.modes), config.candidates
        channels = config.widths[-1]
        self.encoder = _encoder(config)
        self.attention = nn.Conv2d(channels, channels, 1)
        self.spectrum = _SpectrumBranch(config.map_width, config.hidden)
        self.asymmetry = _AsymmetryBranch(config.map_width, config.hidden)
        self.head = nn.Sequential(
            nn.Linear(channels + 2 * config.hidden + 2 + k, config.hidden),
            nn.ReLU(inplace=True),
            nn.Linear(config.hidden, config.hidden),
            nn.ReLU(inplace=True),
        )
        self.answer = nn.Linear(config.hidden, 2 * k + m * (k + 1))
        # Candidates start spread over the admissible box: a network that has learned nothing predicts the mean PSF.
        with torch.no_grad():
            self.answer.bias[2 * k : 2 * k + m * k].uniform_(-1, 1)
            self.answer.weight.mul_(0.1)

    def forward(self, image: Tensor, noise: Tensor, amplitude: Tensor) -> Prediction:
        """Predict from whole images (B, 1, H, W); see `decide` for the other arguments."""
        views = prepare(image)
        return self.decide(self.gather(views.pixels), views, noise, amplitude)

    def gather(self, pixels: Tensor) -> Evidence:
        """Collect the evidence of an area of `Views.pixels`, shape (B, 3, H, W), each side at least `WINDOW`."""
        features = self.encoder(pixels.clamp(-8, 8).contiguous(memory_format=torch.channels_last))
        weights = torch.sigmoid(self.attention(features)).float()
        periodogram, n_periodograms = sum_of_periodograms(pixels[:, :1])
        cross_spectra, n_cross_spectra = sum_of_cross_spectra(pixels[:, 1:])
        return Evidence(
            (weights * features.float()).sum((-2, -1)),
            weights.sum((-2, -1)),
            periodogram,
            cross_spectra,
            torch.tensor([n_periodograms, n_cross_spectra], device=pixels.device),
        )

    def decide(self, evidence: Evidence, views: Views, noise: Tensor, amplitude: Tensor) -> Prediction:
        """Turn pooled evidence into an answer.

        Parameters
        ----------
        evidence
            Sum over the image.
        views
            As `prepare` made them.
        noise
            Noise parameters (alpha, beta) of the image, shape (B, 2).
        amplitude
            Largest expected coefficient of each mode in waves, shape (B, K); zero switches a mode off.

        Returns
        -------
        Prediction
            In float32.
        """
        k, m = len(self.config.modes), self.config.candidates
        shot = (noise[:, :1] * views.mean.clamp_min(0)).sqrt() / views.std
        read = noise[:, 1:] / views.std
        level = torch.cat((shot, read), dim=1)
        pooled = evidence.features / evidence.weights.clamp_min(1e-6)
        spectrum = self.spectrum(evidence.periodogram / evidence.counts[0], (shot.square() + read.square()).sqrt())
        asymmetry = self.asymmetry(evidence.cross_spectra / evidence.counts[1])
        known = torch.cat((torch.log10(level + 1e-4) + 2, 10 * amplitude), dim=1)
        answer = self.answer(self.head(torch.cat((pooled, spectrum, asymmetry, known), dim=1))).float()
        point, log_std, spread, logits = answer.split((k, k, m * k, m), dim=1)
        theta = amplitude * point
        candidates = theta[:, None] + amplitude[:, None] * spread.view(-1, m, k)
        # A box prior of half-width a has the standard deviation a / sqrt(3): no answer is less certain than that.
        widest = torch.log(amplitude.clamp_min(1e-4) / math.sqrt(3))
        return Prediction(theta, widest - F.softplus(log_std), candidates, logits.log_softmax(dim=1))


class _SpectrumBranch(nn.Module):
    """A small convolutional network over the averaged log power spectrum."""

    frequencies: Tensor

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        fy = torch.fft.fftshift(torch.fft.fftfreq(WINDOW))[:, None].expand(WINDOW, WINDOW // 2 + 1)
        fx = torch.fft.rfftfreq(WINDOW)[None, :].expand(WINDOW, WINDOW // 2 + 1)
        self.register_buffer("frequencies", torch.stack((2 * fy, 2 * fx, 2 * torch.hypot(fy, fx))), persistent=False)
        self.layers = nn.Sequential(
            *_convolution(5, width, 1),
            *_convolution(width, width, 2),
            *_convolution(width, 2 * width, 1),
            *_convolution(2 * width, 2 * width, 2),
            *_convolution(2 * width, 2 * width, 2),
            nn.Flatten(),
            nn.Linear(2 * width * (WINDOW // 8) * (WINDOW // 16 + 1), outputs),
            nn.ReLU(inplace=True),
        )

    def forward(self, periodogram: Tensor, noise_std: Tensor) -> Tensor:
        power = torch.fft.fftshift(periodogram, dim=1)
        shape = (torch.log10(power + 1e-9) + 3) / 2
        # Where this is near zero a frequency holds nothing but noise.
        evidence = torch.log10(power / (noise_std[..., None].square() + 1e-9)).clamp(-1, 6) / 3
        channels = torch.stack((shape, evidence), dim=1)
        return self.layers(torch.cat((channels, self.frequencies.expand(len(power), -1, -1, -1)), dim=1))  # type: ignore[no-any-return]


class _AsymmetryBranch(nn.Module):
    """A small convolutional network over the short lags of the cross-correlations."""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_convolution(6, width, 1),
            *_convolution(width, 2 * width, 2),
            *_convolution(2 * width, 2 * width, 1),
            *_convolution(2 * width, 2 * width, 2),
            nn.Flatten(),
            nn.Linear(2 * width * ((2 * _LAG + 1 + 3) // 4) ** 2, outputs),
            nn.ReLU(inplace=True),
        )

    def forward(self, cross_spectra: Tensor) -> Tensor:
        correlation = torch.fft.fftshift(torch.fft.irfft2(cross_spectra, s=(WINDOW, WINDOW)), dim=(-2, -1))
        middle = slice(WINDOW // 2 - _LAG, WINDOW // 2 + _LAG + 1)
        return self.layers(4 * correlation[..., middle, middle].flatten(1, 2))  # type: ignore[no-any-return]


class _ResidualBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_convolution(inputs, outputs, stride),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.shortcut(x))


def _convolution(inputs: int, outputs: int, stride: int, size: int = 3) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def _encoder(config: IdentificationConfig) -> nn.Sequential:
    inputs = config.widths[0]
    layers: list[nn.Module] = [*_convolution(3, inputs, config.stem_stride, size=7)]
    if config.stem_stride == 2:
        layers.append(nn.MaxPool2d(3, 2, 1))
    for stage, (width, count) in enumerate(zip(config.widths, config.blocks, strict=True)):
        for block in range(count):
            layers.append(_ResidualBlock(inputs, width, 2 if stage > 0 and block == 0 else 1))
            inputs = width
    return nn.Sequential(*layers)
