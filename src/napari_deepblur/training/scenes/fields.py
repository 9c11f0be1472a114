"""Random numbers and periodic Gaussian random fields, the raw material of every procedural scene."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F


def uniform(
    shape: tuple[int, ...],
    generator: torch.Generator,
    device: torch.device,
    low: float = 0.0,
    high: float = 1.0,
) -> torch.Tensor:
    """Draw float32 numbers uniform in [low, high) on a device, from a generator that may live on another one.

    Parameters
    ----------
    shape : tuple of int
        Shape of the result.
    generator : torch.Generator
        Source of the random numbers.
    device : torch.device
        Where the result lives.
    low, high : float
        The interval.

    Returns
    -------
    Tensor of float32
        The numbers.
    """
    numbers = torch.rand(shape, generator=generator, device=generator.device).to(device)
    return numbers if (low, high) == (0.0, 1.0) else low + (high - low) * numbers


def log_uniform(
    shape: tuple[int, ...], generator: torch.Generator, device: torch.device, low: float, high: float
) -> torch.Tensor:
    """Draw numbers whose logarithm is uniform between those of `low` and `high`; arguments as in `uniform`.

    Parameters
    ----------
    shape : tuple of int
        Shape of the result.
    generator : torch.Generator
        Source of the random numbers.
    device : torch.device
        Where the result lives.
    low, high : float
        The interval, both positive.

    Returns
    -------
    Tensor of float32
        The numbers.
    """
    return low * (high / low) ** uniform(shape, generator, device)


def normal(shape: tuple[int, ...], generator: torch.Generator, device: torch.device) -> torch.Tensor:
    """Draw standard normal float32 numbers; arguments as in `uniform`.

    Parameters
    ----------
    shape : tuple of int
        Shape of the result.
    generator : torch.Generator
        Source of the random numbers.
    device : torch.device
        Where the result lives.

    Returns
    -------
    Tensor of float32
        The numbers.
    """
    return torch.randn(shape, generator=generator, device=generator.device).to(device)


def power_law_field(
    n: int, size: int, exponent: torch.Tensor, knee: torch.Tensor, generator: torch.Generator
) -> torch.Tensor:
    """Draw periodic Gaussian fields with amplitude spectrum (f^2 + knee^2)^(-exponent / 2).

    The knee makes the field featureless at scales above 1 / knee; exponent 0 is white noise, 1 the average natural
    image, 2 a smooth cloud.

    Parameters
    ----------
    n : int
        Number of fields.
    size : int
        Side, pixels.
    exponent : Tensor, shape (n,)
        Fall of the amplitude with frequency.
    knee : Tensor, shape (n,)
        Frequency below which the spectrum is flat, cycles per pixel, positive.
    generator : torch.Generator
        Source of the random numbers.

    Returns
    -------
    Tensor of float32, shape (n, size, size)
        Fields of mean 0 and standard deviation 1.
    """
    squared = _squared_frequency(size, exponent.device)
    amplitude = (squared + knee[:, None, None] ** 2) ** (-exponent[:, None, None] / 2)
    return _field(amplitude, size, generator)


def cloud_field(n: int, size: int, scale: float, generator: torch.Generator, device: torch.device) -> torch.Tensor:
    """Draw smooth Gaussian fields cheaply: white noise on a coarse grid, interpolated by cubics.

    Parameters
    ----------
    n : int
        Number of fields.
    size : int
        Side, pixels.
    scale : float
        Pixels between the points of the coarse grid, about the size of the features.
    generator : torch.Generator
        Source of the random numbers.
    device : torch.device
        Where the fields live.

    Returns
    -------
    Tensor of float32, shape (n, size, size)
        Fields of mean near 0 and standard deviation near 1.
    """
    coarse = math.ceil(size / scale) + 2
    noise = normal((n, 1, coarse, coarse), generator, device)
    # Interpolation lowers the deviation of white noise to about 0.84.
    return F.interpolate(noise / 0.84, size=(size, size), mode="bicubic", align_corners=True)[:, 0]


def haze(n: int, size: int, most: float, generator: torch.Generator, device: torch.device) -> torch.Tensor:
    """Draw a dim cloudy background, its mean below `most` and near zero in many scenes.

    Parameters
    ----------
    n : int
        Number of scenes.
    size : int
        Side, pixels.
    most : float
        Largest mean.
    generator : torch.Generator
        Source of the random numbers.
    device : torch.device
        Where the scenes live.

    Returns
    -------
    Tensor of float32, shape (n, size, size)
        The background, not negative.
    """
    cloud = cloud_field(n, size, size / 5, generator, device) + 0.5 * cloud_field(n, size, size / 15, generator, device)
    return most * uniform((n, 1, 1), generator, device) ** 2 * (1 + 0.35 * cloud).clamp_(min=0)


def band_field(
    n: int, size: int, frequency: torch.Tensor, bandwidth: torch.Tensor, generator: torch.Generator
) -> torch.Tensor:
    """Draw periodic Gaussian fields whose frequencies lie in a ring, exp(-(f - f0)^2 / (2 w^2)): worms and spots.

    Parameters
    ----------
    n : int
        Number of fields.
    size : int
        Side, pixels.
    frequency : Tensor, shape (n,)
        Radius f0 of the ring, cycles per pixel; 0 gives smooth blobs.
    bandwidth : Tensor, shape (n,)
        Its half-width w, cycles per pixel, positive.
    generator : torch.Generator
        Source of the random numbers.

    Returns
    -------
    Tensor of float32, shape (n, size, size)
        Fields of mean 0 and standard deviation 1.
    """
    radius = _squared_frequency(size, frequency.device).sqrt()
    amplitude = torch.exp(-0.5 * ((radius - frequency[:, None, None]) / bandwidth[:, None, None]) ** 2)
    return _field(amplitude, size, generator)


def sharp_threshold(field: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
    """Binarise a smooth field with an edge of one pixel: clip(1/2 + (f - level) / |grad f|) to [0, 1].

    Parameters
    ----------
    field : Tensor, shape (n, H, W)
        Field that is smooth on the scale of a pixel.
    level : Tensor, shape (n,)
        The level set that becomes the edge.

    Returns
    -------
    Tensor of float32, shape (n, H, W)
        1 above the level, 0 below, and the covered fraction of a pixel on the edge.
    """
    rows, columns = torch.gradient(field, dim=(1, 2))
    slope = torch.hypot(rows, columns).clamp_(min=1e-6)
    return (0.5 + (field - level[:, None, None]) / slope).clamp_(0, 1)


def _squared_frequency(size: int, device: torch.device) -> torch.Tensor:
    """Squared frequency on the half grid of `rfft2`, (size, size // 2 + 1), cycles^2 per pixel^2."""
    rows = torch.fft.fftfreq(size, device=device)
    columns = torch.fft.rfftfreq(size, device=device)
    squared: torch.Tensor = rows[:, None] ** 2 + columns[None, :] ** 2
    return squared


def _field(amplitude: torch.Tensor, size: int, generator: torch.Generator) -> torch.Tensor:
    """Shape white noise with an amplitude spectrum (n, size, size // 2 + 1); mean 0, deviation 1."""
    amplitude[:, 0, 0] = 0
    parts = normal((2, *amplitude.shape), generator, amplitude.device)
    field: torch.Tensor = torch.fft.irfft2(torch.complex(parts[0], parts[1]) * amplitude, s=(size, size))
    # The mean is 0, so the root mean square is the deviation, and several times faster than `std`.
    deviation: torch.Tensor = torch.linalg.vector_norm(field, dim=(1, 2), keepdim=True) / size
    return field / deviation.clamp_(min=1e-12)
