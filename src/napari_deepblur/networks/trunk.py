"""What every identification network has below its answer: evidence pooled over any area of an image.

Three things distinguish it from the residual encoder of the paper (He et al. 2016; Debarnot and Weiss 2024):

- It pools evidence, not answers. The encoder is fully convolutional; its features are averaged with learned weights
  over any area, so that one network serves any image size, tile by tile.
- The averaged log power spectrum of the image enters beside the pixels, and so do correlations of the details with
  their own powers: the modulus of the transfer function is written in the former, its phase in the latter.
- It works at one optical scale, `reference_cutoff`: images are resampled to it beforehand, which costs nothing because
  an image is band-limited at 2 fc.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_deepblur.networks.statistics import WINDOW, Views, sum_of_cross_spectra, sum_of_periodograms

_LAG = 16
"""Longest lag of the correlations that are looked at, about the half-width of a PSF."""


def reference_cutoff() -> float:
    """Pupil cut-off, in cycles per pixel, at which the networks look at images: the paper's setting, 0.261."""
    return 1.41 * 0.100 / 0.540


@dataclass(frozen=True)
class TrunkConfig:
    """Architecture of a `Trunk`.

    Attributes
    ----------
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
    """

    widths: tuple[int, ...] = (64, 128, 256, 512)
    blocks: tuple[int, ...] = (2, 2, 2, 2)
    stem_stride: int = 2
    map_width: int = 64
    hidden: int = 512


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


class Trunk(nn.Module):
    """Gather evidence of a blur, and describe it by one vector; subclasses turn that into an answer.

    Parameters
    ----------
    config
        The architecture.
    """

    def __init__(self, config: TrunkConfig) -> None:
        super().__init__()
        channels = config.widths[-1]
        self.encoder = _encoder(config)
        self.attention = nn.Conv2d(channels, channels, 1)
        self.spectrum = _SpectrumBranch(config.map_width, config.hidden)
        self.asymmetry = _AsymmetryBranch(config.map_width, config.hidden)

    @staticmethod
    def described_by(config: TrunkConfig) -> int:
        """Length of the vector that `describe` returns."""
        return config.widths[-1] + 2 * config.hidden + 2

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

    def describe(self, evidence: Evidence, views: Views, noise: Tensor) -> Tensor:
        """Describe pooled evidence of images with noise (alpha, beta) (B, 2) by vectors, shape (B, `described_by`)."""
        shot = (noise[:, :1] * views.mean.clamp_min(0)).sqrt() / views.std
        read = noise[:, 1:] / views.std
        level = torch.cat((shot, read), dim=1)
        pooled = evidence.features / evidence.weights.clamp_min(1e-6)
        spectrum = self.spectrum(evidence.periodogram / evidence.counts[0], (shot.square() + read.square()).sqrt())
        asymmetry = self.asymmetry(evidence.cross_spectra / evidence.counts[1])
        return torch.cat((pooled, spectrum, asymmetry, torch.log10(level + 1e-4) + 2), dim=1)


class _SpectrumBranch(nn.Module):
    """A small convolutional network over the averaged log power spectrum."""

    frequencies: Tensor

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        # Not on the device without memory, where weights are checked: there torch loads sympy first, for seconds.
        fy = torch.fft.fftshift(torch.fft.fftfreq(WINDOW, device="cpu"))[:, None].expand(WINDOW, WINDOW // 2 + 1)
        fx = torch.fft.rfftfreq(WINDOW, device="cpu")[None, :].expand(WINDOW, WINDOW // 2 + 1)
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


def _encoder(config: TrunkConfig) -> nn.Sequential:
    inputs = config.widths[0]
    layers: list[nn.Module] = [*_convolution(3, inputs, config.stem_stride, size=7)]
    if config.stem_stride == 2:
        layers.append(nn.MaxPool2d(3, 2, 1))
    for stage, (width, count) in enumerate(zip(config.widths, config.blocks, strict=True)):
        for block in range(count):
            layers.append(_ResidualBlock(inputs, width, 2 if stage > 0 and block == 0 else 1))
            inputs = width
    return nn.Sequential(*layers)
