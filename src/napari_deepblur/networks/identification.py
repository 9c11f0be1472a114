"""The identification network: from one image to the Zernike coefficients of its blur.

Three things distinguish it from the residual encoder of the paper (He et al. 2016; Debarnot and Weiss 2024):

- It pools evidence, not answers. The encoder is fully convolutional; its features are averaged with learned weights
  over any area, so that one network serves any image size, tile by tile.
- The averaged log power spectrum of the image enters beside the pixels: the modulus of the transfer function is
  written there, its phase is not.
- The answer is a small cloud of candidate coefficient vectors with weights. One image often cannot tell several
  PSFs apart, and the average of their PSFs is closer to the truth than any single one.

The network works at one optical scale, `REFERENCE_CUTOFF`: images are resampled to it beforehand, which costs nothing because
an image is band-limited at 2 fc.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_deepblur.optics import Microscope

WINDOW = 64
"""Side of the windows whose periodograms are averaged; the autocorrelation of a 31-pixel PSF fits in it."""


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
    spectrum_width
        Channels of the spectrum branch.
    hidden
        Width of the last hidden layer.
    candidates
        Number M of candidate coefficient vectors.
    """

    modes: tuple[int, ...] = (4, 5, 6, 7, 8, 9, 10, 11)
    widths: tuple[int, ...] = (64, 128, 256, 512)
    blocks: tuple[int, ...] = (2, 2, 2, 2)
    spectrum_width: int = 64
    hidden: int = 512
    candidates: int = 16


PAPER = IdentificationConfig()
"""A ResNet-18 encoder, as in the paper."""

LIGHT = IdentificationConfig(widths=(24, 48, 96, 192), blocks=(1, 1, 1, 1), spectrum_width=32, hidden=256, candidates=8)
"""About 1.5 million parameters, for processors."""


class Evidence(NamedTuple):
    """Sums over an area of the image; the evidence of two areas is the sum of theirs.

    Attributes
    ----------
    features
        Weighted sum of the encoder's features, shape (B, C).
    weights
        Sum of the weights, shape (B, C).
    periodogram
        Sum of the periodograms of all windows, shape (B, WINDOW, WINDOW // 2 + 1).
    windows
        Number of windows.
    """

    features: Tensor
    weights: Tensor
    periodogram: Tensor
    windows: int

    def plus(self, other: Evidence) -> Evidence:
        """Pool with the evidence of another area of the same images."""
        return Evidence(
            self.features + other.features,
            self.weights + other.weights,
            self.periodogram + other.periodogram,
            self.windows + other.windows,
        )


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
        self.encoder = _encoder(config.widths, config.blocks)
        channels = config.widths[-1]
        self.attention = nn.Conv2d(channels, channels, 1)
        self.spectrum = _SpectrumBranch(config.spectrum_width, config.hidden)
        self.head = nn.Sequential(
            nn.Linear(channels + config.hidden + 2 + k, config.hidden),
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
        """Predict from whole images; see `gather` and `decide` for the arguments."""
        mean, std = image_statistics(image)
        return self.decide(self.gather(image, mean, std), mean, std, noise, amplitude)

    def gather(self, image: Tensor, mean: Tensor, std: Tensor) -> Evidence:
        """Collect the evidence of one area.

        Parameters
        ----------
        image
            Pixels at the reference cut-off, shape (B, 1, H, W), each side at least `WINDOW`.
        mean, std
            Mean and standard deviation of the *whole* image, shape (B, 1, 1, 1).

        Returns
        -------
        Evidence
            To be added to that of the other areas.
        """
        standard = ((image - mean) / std).clamp(-10, 10)
        blurred = F.avg_pool2d(F.pad(standard, (2, 2, 2, 2), mode="reflect"), 5, 1)
        detail = standard - blurred
        detail = detail / detail.std(dim=(-3, -2, -1), keepdim=True).clamp_min(1e-6)
        features = self.encoder(torch.cat((standard, detail.clamp(-10, 10)), dim=1))
        weights = torch.sigmoid(self.attention(features)).float()
        features = features.float()
        periodogram, windows = sum_of_periodograms((image - mean) / std)
        return Evidence((weights * features).sum((-2, -1)), weights.sum((-2, -1)), periodogram, windows)

    def decide(self, evidence: Evidence, mean: Tensor, std: Tensor, noise: Tensor, amplitude: Tensor) -> Prediction:
        """Turn pooled evidence into an answer.

        Parameters
        ----------
        evidence
            Sum over the image.
        mean, std
            As in `gather`.
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
        shot = (noise[:, :1] * mean.flatten(1).clamp_min(0)).sqrt() / std.flatten(1)
        read = noise[:, 1:] / std.flatten(1)
        level = torch.cat((shot, read), dim=1)
        pooled = evidence.features / evidence.weights.clamp_min(1e-6)
        spectrum = self.spectrum(evidence.periodogram / evidence.windows, (shot.square() + read.square()).sqrt())
        known = torch.cat((torch.log10(level + 1e-4) + 2, 10 * amplitude), dim=1)
        answer = self.answer(self.head(torch.cat((pooled, spectrum, known), dim=1))).float()
        point, log_std, spread, logits = answer.split((k, k, m * k, m), dim=1)
        theta = amplitude * point
        candidates = theta[:, None] + amplitude[:, None] * spread.view(-1, m, k)
        # A box prior of half-width a has the standard deviation a / sqrt(3): no answer is less certain than that.
        widest = torch.log(amplitude.clamp_min(1e-4) / math.sqrt(3))
        return Prediction(theta, widest - F.softplus(log_std), candidates, logits.log_softmax(dim=1))


def image_statistics(image: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each image of (B, 1, H, W), shape (B, 1, 1, 1)."""
    mean = image.mean(dim=(-3, -2, -1), keepdim=True)
    return mean, image.std(dim=(-3, -2, -1), keepdim=True).clamp_min(1e-6)


def sum_of_periodograms(image: Tensor) -> tuple[Tensor, int]:
    """Sum of the periodograms of half-overlapping Hann windows (Welch 1967).

    Scaled so that white noise of variance v has the mean periodogram v at each frequency.

    Parameters
    ----------
    image
        Shape (B, 1, H, W), each side at least `WINDOW`.

    Returns
    -------
    tuple
        Sum over windows, shape (B, WINDOW, WINDOW // 2 + 1), float32, and the number of windows.
    """
    taper = torch.hann_window(WINDOW, periodic=True, device=image.device)
    taper = taper[:, None] * taper[None, :]
    taper = taper / taper.square().sum().sqrt()
    with torch.no_grad(), torch.autocast(image.device.type, enabled=False):
        patches = image.float()[:, 0].unfold(1, WINDOW, WINDOW // 2).unfold(2, WINDOW, WINDOW // 2).flatten(1, 2)
        patches = patches - patches.mean(dim=(-2, -1), keepdim=True)
        power = torch.fft.rfft2(patches * taper).abs().square()
        return power.sum(dim=1), patches.shape[1]


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


def _encoder(widths: tuple[int, ...], blocks: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = [*_convolution(2, widths[0], 2, size=7), nn.MaxPool2d(3, 2, 1)]
    inputs = widths[0]
    for stage, (width, count) in enumerate(zip(widths, blocks, strict=True)):
        for block in range(count):
            layers.append(_ResidualBlock(inputs, width, 2 if stage > 0 and block == 0 else 1))
            inputs = width
    return nn.Sequential(*layers)
