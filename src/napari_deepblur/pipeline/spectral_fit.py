"""Coefficients from the power spectrum alone: a fit that needs no training and is very sharp where noise is low.

Where the signal dominates, the averaged periodogram of a blurred image is S(f) = Sx(f) |H_theta(f)|^2, and the spectrum
of scenes is smooth: log Sx(f) = sum_i c_i b_i(f), with low-order polynomials b_i in log |f| and a few angular terms.
The coefficients c enter linearly and are eliminated exactly (variable projection, G. Golub and V. Pereyra, SIAM J.
Numer. Anal. 10, 413 (1973)), which leaves a smooth function of the few Zernike coefficients,

    E(theta) = min_c sum_f w(f) huber( log(S(f) - v) - log|H_theta(f)|^2 - sum_i c_i b_i(f) ),

v being the noise variance and w(f) = ((S - v) / S)^2 the inverse variance of the logarithm. It is minimised from many
starts at once through the differentiable optics. The spectrum cannot tell h(x) from h(-x): see `orientation`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from napari_deepblur.networks.statistics import WINDOW
from napari_deepblur.optics import PsfModel, zernike_psf

_LOWEST, _HIGHEST = 2.5 / WINDOW, 0.49
"""Frequencies used, cycles per pixel: below, the window's own leakage matters; above, the band 2 fc ends."""

_HUBER = 0.5
"""Error of a log spectrum (nepers) beyond which it counts linearly: scenes have lines and spots in their spectra."""

_TEMPERATURE = 10.0
"""Fits are weighed by exp(-E / temperature): the smooth scene spectrum is a model, E is no exact likelihood."""


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
    noise_variance: float,
    optics: PsfModel,
    max_amplitude: float,
    *,
    starts: int = 16,
    steps: int = 80,
    seed: int = 0,
) -> Iterator[SpectralFit]:
    """Fit Zernike coefficients to an averaged periodogram, yielding after each step.

    Parameters
    ----------
    periodogram
        Averaged periodogram S, shape (WINDOW, WINDOW // 2 + 1), white noise of variance v having the level v.
    noise_variance
        v, in the units of the periodogram.
    optics
        Sampled pupil at the sampling of the periodogram.
    max_amplitude
        Coefficients are kept in about [-max_amplitude, max_amplitude].
    starts, steps
        Random starts and Adam steps.
    seed
        Seed of the starts.

    Yields
    ------
    SpectralFit
        The state after each step; the last is the result.
    """
    band = _Band(periodogram.device, optics.size)
    signal = periodogram[band.mask]
    above = (signal - noise_variance) / signal
    weights = (band.multiplicity * above.clamp(0, 1).square()).sqrt()
    target = torch.log((signal * above).clamp_min(1e-3 * signal))
    projector = _residual_projector(band.basis, weights)
    usable = float((weights.square().sum() / band.multiplicity.sum()).item())

    generator = torch.Generator().manual_seed(seed)
    count = optics.modes.shape[0]
    theta = max_amplitude * (2 * torch.rand(starts, count, generator=generator) - 1)
    theta = theta.to(periodogram.device).requires_grad_()
    optimizer = torch.optim.Adam([theta])
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 0.02 * min(1.0, (steps - step) / (0.5 * steps))
        with torch.enable_grad():
            transfer = band.log_power(zernike_psf(theta, optics))
            residual = projector((target - transfer) * weights)
            misfit = (_HUBER**2 * (torch.sqrt(1 + (residual / _HUBER).square()) - 1)).sum(1)
            outside = (torch.relu(theta.abs() - max_amplitude) / 0.01).square().sum(1)
            energy = misfit + outside
            (gradient,) = torch.autograd.grad(energy.sum(), theta)
        theta.grad = gradient
        optimizer.step()
        yield SpectralFit(theta.detach().clone(), (-energy.detach() / _TEMPERATURE).log_softmax(0), usable)


class _Band:
    """The frequencies of a periodogram that are fitted, and the map from PSFs of side `size` to them.

    All transforms are products with small matrices: the spectrum is wanted at few frequencies, and thousands of times.
    """

    def __init__(self, device: torch.device, size: int) -> None:
        fy = torch.fft.fftfreq(WINDOW)[:, None].expand(WINDOW, WINDOW // 2 + 1)
        fx = torch.fft.rfftfreq(WINDOW)[None, :].expand(WINDOW, WINDOW // 2 + 1)
        radius = torch.hypot(fy, fx)
        self.mask = (radius > _LOWEST) & (radius < _HIGHEST)
        radius, angle = radius[self.mask].log(), torch.atan2(fy, fx)[self.mask]
        radius = (radius - radius.mean()) / radius.std()
        # Frequencies with fx > 0 stand for two of the whole plane.
        self.multiplicity = torch.where(fx[self.mask] > 0, 2.0, 1.0).to(device)
        radial = [radius**power for power in range(4)]
        angular = [
            wave(m * angle) * radius**power for m in (2, 4) for wave in (torch.cos, torch.sin) for power in (0, 1)
        ]
        self.basis = torch.stack(radial + angular).to(device)
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


def _residual_projector(basis: Tensor, weights: Tensor) -> Callable[[Tensor], Tensor]:
    """Remove from weighted log spectra what the smooth scene spectrum can explain."""
    weighted = (basis * weights).double()
    gram = weighted @ weighted.T
    # Where noise leaves few frequencies the basis is degenerate; a small ridge keeps it solvable.
    ridge = (1e-6 * gram.diagonal().mean() + 1e-6) * torch.eye(len(basis), dtype=gram.dtype, device=gram.device)
    coefficients = torch.linalg.solve(gram + ridge, weighted).float()
    explained = weighted.float()
    return lambda values: values - (values @ coefficients.T) @ explained
