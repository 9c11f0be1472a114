"""How the planes of a stack vary together: their cross-spectra, averaged over windows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.optics import Microscope

_REFERENCE = 14.6
"""Cycles of the cut-off fc in a window: 64 pixels at 0.1 um, NA 1.2 and 0.525 um."""

_LOWEST = 2.5
"""Bins below which the leakage of the window and slow changes of the background matter."""

_SHARE_OF_BAND, _HIGHEST = 0.97, 0.49
"""Frequencies that are used, as a share of the band 2 fc and in cycles per pixel."""

_MOST_WINDOWS = 400
_SMALLEST_WINDOW = 16

_QUIETEST = 1e-6
"""Least variance of the noise, as a share of the strongest power: single precision holds no more."""

_HANN = (1 / 6, 2 / 3, 1 / 6)
"""Power spectrum of the Hann window at whole bins."""


class CrossSpectra(NamedTuple):
    """Covariance of the planes at each lateral frequency, in units of their noise.

    Attributes
    ----------
    planes
        Mean over the windows of Y Y^H, complex, shape (F, Z, Z); white noise is the unit matrix.
    scale
        What each plane was multiplied by, one over the standard deviation of its noise, shape (Z,).
    frequencies
        Lateral frequencies (fy, fx) in cycles per pixel, half of the plane, shape (F, 2).
    neighbours, shares, conjugate
        The bins around each that the window mixes into it, shape (9, F): their indices, their shares (zero where there
        is none), and whether it is the frequency of the opposite sign that is stored.
    windows
        Number of windows.
    """

    planes: Tensor
    scale: Tensor
    frequencies: NDArray[np.float64]
    neighbours: Tensor
    shares: Tensor
    conjugate: Tensor
    windows: int

    def every(self, chosen: Tensor) -> CrossSpectra:
        """Return those of some frequencies (indices), without their neighbours."""
        own = torch.arange(len(chosen))[None]
        return self._replace(
            planes=self.planes[chosen],
            frequencies=self.frequencies[chosen.numpy()],
            neighbours=own,
            shares=torch.ones(own.shape),
            conjugate=torch.zeros(own.shape, dtype=torch.bool),
        )


def cross_spectra(stack: NDArray[np.float32], noise: PoissonGaussianNoise, microscope: Microscope) -> CrossSpectra:
    """Average the cross-spectra of half-overlapping Hann windows (Welch 1967).

    Parameters
    ----------
    stack
        Planes, shape (Z, H, W).
    noise
        In the units of the planes.
    microscope
        Its cut-off decides the side of the windows.
    """
    side = window_side(stack.shape[1:], microscope)
    mask = _band(side, microscope.cutoff)
    taper = np.hanning(side + 1)[:-1]
    taper = taper[:, None] * taper
    taper /= np.sqrt(np.square(taper).sum())
    corners = _corners(stack.shape[1:], side)
    columns = torch.from_numpy(stack.astype(np.float32))
    spectra = torch.stack([_spectrum(columns[:, y : y + side, x : x + side], taper, mask) for y, x in corners], dim=2)
    planes = spectra @ spectra.mH / len(corners)
    variance = torch.tensor([max(float(noise.variance(np.float64(plane.mean()))), 0.0) for plane in stack])
    strongest = planes.diagonal(dim1=-2, dim2=-1).real.amax()
    variance = variance.float().clamp_min(max(_QUIETEST * float(strongest), 1e-30))
    scale = variance.rsqrt()
    rows, cols = mask.nonzero()
    frequencies = np.stack([np.fft.fftfreq(side)[rows], np.fft.rfftfreq(side)[cols]], axis=1)
    return CrossSpectra(planes * scale[:, None] * scale, scale, frequencies, *_mixing(mask), len(corners))


def window_side(shape: tuple[int, ...], microscope: Microscope) -> int:
    """Side of the windows, in pixels: as many cycles of the cut-off at any sampling, as far as the image goes."""
    wanted = 2 * round(_REFERENCE / microscope.cutoff / 2)
    return max(min(wanted, *(length - length % 2 for length in shape)), _SMALLEST_WINDOW)


def _spectrum(window: Tensor, taper: NDArray[np.float64], mask: NDArray[np.bool_]) -> Tensor:
    centred = window - window.mean((-2, -1), keepdim=True)
    found: Tensor = torch.fft.rfft2(centred * torch.from_numpy(taper).float())[:, torch.from_numpy(mask)].T
    return found


def _corners(shape: tuple[int, ...], side: int) -> list[tuple[int, int]]:
    """First pixels of half-overlapping windows; evenly chosen ones where there are more than are needed."""
    rows, columns = (range(0, length - side + 1, side // 2) for length in shape)
    every = [(y, x) for y in rows for x in columns]
    chosen = np.linspace(0, len(every) - 1, min(len(every), _MOST_WINDOWS)).round().astype(int)
    return [every[i] for i in chosen]


def _band(side: int, cutoff: float) -> NDArray[np.bool_]:
    """Bins of the half plane that are used, shape (side, side // 2 + 1): one of each pair of opposite ones."""
    fy, fx = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    radius = np.hypot(fy, fx)
    highest = min(_SHARE_OF_BAND * 2 * cutoff, _HIGHEST)
    return np.asarray((radius * side > _LOWEST) & (radius < highest) & ~((fx == 0) & (fy < 0)))


def _mixing(mask: NDArray[np.bool_]) -> tuple[Tensor, Tensor, Tensor]:
    """Neighbours, shares and conjugate of `CrossSpectra`."""
    height, width = mask.shape
    index = np.full(mask.shape, -1)
    index[mask] = np.arange(mask.sum())
    y, x = mask.nonzero()
    found, shares, conjugate = [], [], []
    for dy, down in zip((-1, 0, 1), _HANN, strict=True):
        for dx, across in zip((-1, 0, 1), _HANN, strict=True):
            row, column = y + dy, x + dx
            opposite = (column < 0) | ((column == 0) & ((row + height // 2) % height - height // 2 < 0))
            row, column = np.where(opposite, -row, row) % height, np.abs(column).clip(max=width - 1)
            at = index[row, column]
            found.append(at.clip(min=0))
            shares.append(down * across * (at >= 0))
            conjugate.append(opposite)
    weight = np.stack(shares)
    weight /= weight.sum(0)
    return torch.from_numpy(np.stack(found)), torch.from_numpy(weight).float(), torch.from_numpy(np.stack(conjugate))
