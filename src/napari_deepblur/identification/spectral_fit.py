"""Coefficients from the power spectrum: a fit that needs no network, and is very sharp where noise is low.

Where the signal dominates, the averaged periodogram of a blurred image is S(f) = Sx(f) |H_theta(f)|^2. The log spectra
of sharp scenes are smooth, and vary around their mean in a few ways: log Sx ~ c + N(mu, C), as learned from many scenes
(`io.scene_spectra`). With the noise variance v, the residual r(f) = log(S(f) - v) - log|H_theta(f)|^2 - mu(f) has

    E(theta) = min_c 1/2 (r - c)' (C + D)^-1 (r - c),

D being the variance that the noise adds to log(S - v): (1 / a^2) / n, a = (S - v) / S, for n windows. C is of low rank
plus a diagonal, so that E costs a few small products (Woodbury's identity; c is one more component of large variance).
It is minimised from many starts at once through the differentiable optics. The spectrum cannot tell h(x) from h(-x):
see `orientation`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from napari_deepblur.networks.scene_spectra import SceneSpectra
from napari_deepblur.networks.statistics import WINDOW
from napari_deepblur.optics import PsfModel, zernike_psf

_LOWEST, _HIGHEST = 2.5 / WINDOW, 0.49
"""Frequencies used, cycles per pixel: below, the window's own leakage matters; above, the band 2 fc ends."""

_TEMPERATURE = 8.0
"""Fits are weighed by exp(-E / temperature): neighbouring frequencies are not as independent as C + D has it."""

_INDEPENDENT = 0.3
"""Share of the half-overlapping windows that count as independent of each other."""

_LEAST = 0.02
"""Frequencies with less signal than this, as a share of all power, are left out."""

_LEVEL_VARIANCE = 1e4


class SpectralFit(NamedTuple):
    """Candidates from the power spectrum.

    Attributes
    ----------
    theta
        Coefficients of each start in waves, shape (N, K), up to one sign for the even and one for the odd ones.
    log_weights
        Logarithm of their weights, shape (N,), summing to one.
    usable
        Share of the frequencies below the cut-off that rise above the noise, between 0 and 1.
    """

    theta: Tensor
    log_weights: Tensor
    usable: float


def spectral_fit(
    periodogram: Tensor,
    windows: int,
    noise_variance: float,
    optics: PsfModel,
    max_amplitude: float,
    scenes: SceneSpectra,
    *,
    guesses: Tensor | None = None,
    starts: int = 16,
    steps: int = 80,
    seed: int = 0,
) -> Iterator[SpectralFit]:
    """Fit Zernike coefficients to an averaged periodogram, yielding after each step.

    Parameters
    ----------
    periodogram
        Averaged periodogram S, shape (WINDOW, WINDOW // 2 + 1), white noise of variance v having the level v.
    windows
        Number of windows that it was averaged over.
    noise_variance
        v, in the units of the periodogram.
    optics
        Sampled pupil at the sampling of the periodogram.
    max_amplitude
        Coefficients are kept in about [-max_amplitude, max_amplitude].
    scenes
        Statistics of the spectra of sharp scenes.
    guesses
        Starts beside the random ones, shape (G, K).
    starts, steps
        Random starts and Adam steps.
    seed
        Seed of the starts.

    Yields
    ------
    SpectralFit
        The state after each step; the last is the result.
    """
    band = Band(periodogram.device, optics.size)
    signal = periodogram[band.mask]
    above = (signal - noise_variance) / signal
    usable = band.usable(above)
    energy = SpectralEnergy(signal, above, windows, band, scenes)

    generator = torch.Generator().manual_seed(seed)
    count = optics.modes.shape[0]
    theta = max_amplitude * (2 * torch.rand(starts, count, generator=generator) - 1)
    if guesses is not None:
        theta = torch.cat((guesses, theta))
    theta = theta.to(periodogram.device).requires_grad_()
    descent = _Adam(theta)
    for step in range(steps):
        with torch.enable_grad():
            outside = (torch.relu(theta.abs() - max_amplitude) / 0.01).square().sum(1)
            value = energy.of(band.log_power(zernike_psf(theta, optics))) + outside
            (gradient,) = torch.autograd.grad(value.sum(), theta)
        descent.step(gradient, rate=0.02 * min(1.0, (steps - step) / (0.5 * steps)))
        yield SpectralFit(theta.detach().clone(), (-value.detach() / _TEMPERATURE).log_softmax(0), usable)


class _Adam:
    """Adam (Kingma and Ba 2015) on one tensor.

    That of torch loads its compiler, and sympy, when the first optimizer is made: two seconds in front of a
    fit of half a second.
    """

    def __init__(self, values: Tensor, decays: tuple[float, float] = (0.9, 0.999), smallest: float = 1e-8) -> None:
        self._values, self._decays, self._smallest = values, decays, smallest
        self._mean, self._square = torch.zeros_like(values), torch.zeros_like(values)
        self._steps = 0

    @torch.no_grad()
    def step(self, gradient: Tensor, rate: float) -> None:
        """Change the values."""
        self._steps += 1
        first, second = self._decays
        self._mean.lerp_(gradient, 1 - first)
        self._square.lerp_(gradient.square(), 1 - second)
        mean = self._mean / (1 - first**self._steps)
        root = (self._square / (1 - second**self._steps)).sqrt()
        self._values -= rate * mean / (root + self._smallest)


class SpectralEnergy:
    """E as a function of the log power of the PSF at the fitted frequencies.

    Parameters
    ----------
    signal
        Averaged periodogram S at these frequencies, shape (F,).
    above
        Share of it that is not noise, (S - v) / S, shape (F,).
    windows
        Number of windows that it was averaged over.
    band
        The frequencies.
    scenes
        Statistics of the spectra of sharp scenes.
    """

    def __init__(self, signal: Tensor, above: Tensor, windows: int, band: Band, scenes: SceneSpectra) -> None:
        share = above.clamp_min(_LEAST)
        own = 1 / (share.square() * _INDEPENDENT * windows) - 1 / (_INDEPENDENT * scenes.windows)
        variance = scenes.residual.to(signal.device)[band.mask] + own.clamp_min(0)
        # The periodogram of a real image is symmetric: at fx = 0 both halves are there.
        self._precision = (above > _LEAST) * band.multiplicity / 2 / variance
        self._target = torch.log(signal * share) - scenes.mean.to(signal.device)[band.mask]
        components = scenes.components.to(signal.device)[:, band.mask]
        self._basis = torch.cat((torch.ones_like(signal)[None], components)).T
        widths = torch.cat((torch.tensor([_LEVEL_VARIANCE]), scenes.variances)).to(signal.device)
        gram = self._basis.T @ (self._precision[:, None] * self._basis) + torch.diag(1 / widths)
        self._factor = torch.linalg.cholesky(gram)

    def of(self, log_power: Tensor) -> Tensor:
        """E of each row of (N, F), shape (N,)."""
        residual = self._target - log_power
        weighted = residual * self._precision
        explained = torch.linalg.solve_triangular(self._factor, (weighted @ self._basis).T, upper=False)
        energy: Tensor = 0.5 * ((residual * weighted).sum(1) - explained.square().sum(0))
        return energy


class Band:
    """The frequencies of a periodogram that are fitted, and the map from PSFs of side `size` to them.

    All transforms are products with small matrices: the spectrum is wanted at few frequencies, and thousands of times.
    """

    def __init__(self, device: torch.device, size: int) -> None:
        fy = torch.fft.fftfreq(WINDOW)[:, None].expand(WINDOW, WINDOW // 2 + 1)
        fx = torch.fft.rfftfreq(WINDOW)[None, :].expand(WINDOW, WINDOW // 2 + 1)
        radius = torch.hypot(fy, fx)
        self.mask = (radius > _LOWEST) & (radius < _HIGHEST)
        # Frequencies with fx > 0 stand for two of the whole plane.
        self.multiplicity = torch.where(fx[self.mask] > 0, 2.0, 1.0).to(device)
        self.mask = self.mask.to(device)

        # Half bins, and as many beyond the ends as the kernel reaches: the spectrum is periodic.
        kernel = _hann_window_kernel()
        reach = len(kernel) // 2
        pixel = torch.arange(size, dtype=torch.float32)
        half_y = torch.arange(-reach, 2 * WINDOW + reach - 1) / (2 * WINDOW)
        half_x = torch.arange(-reach, WINDOW + reach + 1) / (2 * WINDOW)
        phase_y, phase_x = 2 * math.pi * torch.outer(half_y, pixel), 2 * math.pi * torch.outer(pixel, half_x)
        self._rows = phase_y.cos().to(device), phase_y.sin().to(device)
        self._columns = phase_x.cos().to(device), phase_x.sin().to(device)
        self._smooth_rows = _every_other(kernel, WINDOW).to(device)
        self._smooth_columns = _every_other(kernel, WINDOW // 2 + 1).T.to(device)

    def usable(self, above: Tensor) -> float:
        """Share of the frequencies that rise above the noise, from the share of signal in each."""
        return float((self.multiplicity * above.clamp(0, 1).square()).sum() / self.multiplicity.sum())

    def log_power(self, psf: Tensor) -> Tensor:
        """Logarithm of |H|^2 at the fitted frequencies, seen through a Hann window; shape (N, F)."""
        (cos_y, sin_y), (cos_x, sin_x) = self._rows, self._columns
        even, odd = psf @ cos_x, psf @ sin_x
        power = (cos_y @ even - sin_y @ odd).square() + (sin_y @ even + cos_y @ odd).square()
        # The deep valleys of a transfer function are filled in by the window; without this the fit would chase them.
        smooth = self._smooth_rows @ (power @ self._smooth_columns)
        return torch.log(smooth[:, self.mask] + 1e-9)


def _hann_window_kernel() -> Tensor:
    """Power spectrum of the Hann window, at half-bin spacing, of sum 1."""
    offsets = torch.tensor([-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5])
    # sinc(d) / (1 - d^2), whose limit at |d| = 1 is 1/2.
    kernel = torch.where(offsets.abs() == 1, 0.5, torch.sinc(offsets) / (1 - offsets.square())).square()
    return kernel / kernel.sum()


def _every_other(kernel: Tensor, count: int) -> Tensor:
    """Matrix that convolves with `kernel` and keeps every other value, `count` of them."""
    matrix = torch.zeros(count, 2 * count - 2 + len(kernel))
    for row in range(count):
        matrix[row, 2 * row : 2 * row + len(kernel)] = kernel
    return matrix
