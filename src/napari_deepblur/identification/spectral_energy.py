"""What the power spectrum of an image says about its blur: an energy, smaller where a PSF explains the spectrum better.

The averaged periodogram of a blurred image scatters around m(f) = exp(l(f)) |H_theta(f)|^2 + v, with the noise
variance v and the log spectrum l of the scene. Log spectra of sharp scenes are smooth, and vary around their mean in a
few ways: l = c + mu + B b with b ~ N(0, Lambda), and a remainder of variance r, as learned from many scenes
(`SceneSpectra`). With n independent windows log S has the variance 1 / n, and the remainder counts by the share
a = exp(l) |H|^2 / m of the signal, so that

    E(theta) = min_(c, b)  1/2 sum_f w (log S - log m)^2 + 1/2 b' Lambda^-1 b,    w = 1 / (1 / n + a^2 r).

The noise is part of the model. Subtracting it instead, log(S - v), biases the frequencies that hold little else: those
that happen to lie above the noise would be believed, and those below it left out.

The minimum over c and b is followed, not solved for: one Gauss-Newton step (`follow`) for each change of theta.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from napari_deepblur.networks.scene_spectra import SceneSpectra
from napari_deepblur.networks.statistics import WINDOW

_LOWEST, _HIGHEST = 2.5 / WINDOW, 0.49
"""Frequencies used, cycles per pixel: below, the window's own leakage matters; above, the band 2 fc ends."""

RINGS = 6
"""Parts of the band, from its lowest frequencies to its highest."""

_INDEPENDENT = 0.15
"""Windows that count as independent, of each half-overlapping one; neighbouring frequencies share information, too."""

ORDINARY_MISFIT = 130.0
"""E at its minimum for scenes like those that were learned, from training images."""

_LEAST_TEMPERATURE = 1.5
"""E counts its evidence as independent, and it is not quite: on training images of all noise levels, 1.5 gives 0.1 to
0.6 dB of PSF SNR more than 1."""

_LEVEL_VARIANCE, _LEAST_REMAINDER = 1e4, 1e-3
_FARTHEST = 3.0
"""Largest change of a log spectrum in one step (nepers): beyond it the linear model of a step means nothing."""


class SpectralEnergy:
    """E as a function of the log power of the PSF at the fitted frequencies.

    Parameters
    ----------
    periodogram
        Averaged periodogram S, shape (WINDOW, WINDOW // 2 + 1), white noise of variance v having the level v.
    windows
        Number of windows that it was averaged over.
    noise_variance
        v, in the units of the periodogram.
    band
        The frequencies.
    scenes
        Statistics of the spectra of sharp scenes.
    """

    def __init__(
        self, periodogram: Tensor, windows: int, noise_variance: float, band: Band, scenes: SceneSpectra
    ) -> None:
        # A noiseless image can be empty at some frequencies, to the last digit.
        signal = periodogram[band.mask].clamp_min(1e-12)
        self._log_signal = signal.log()
        self._above = ((signal - noise_variance) / signal).clamp(0, 1)
        self._noise = noise_variance
        # The periodogram of a real image is symmetric: at fx = 0 both halves are there.
        self._count = band.multiplicity / 2
        self._scatter = 1 / (_INDEPENDENT * windows)
        self._mean = scenes.mean[band.mask]
        remainder = scenes.residual[band.mask] - 1 / scenes.windows
        self._remainder = remainder.clamp_min(_LEAST_REMAINDER)
        components = scenes.components[:, band.mask]
        self._basis = torch.cat((torch.ones_like(signal)[None], components))
        self._precision = 1 / torch.cat((torch.tensor([_LEVEL_VARIANCE]), scenes.variances))
        self._factor = torch.eye(len(self._basis))
        self._temperature = _LEAST_TEMPERATURE

    def start(self, log_power: Tensor) -> Tensor:
        """Scenes (N, R + 1), which are c and b, to begin with, for PSFs of log power (N, F)."""
        scenes = log_power.new_zeros(len(log_power), len(self._basis))
        weight = self._count * self._above.square()
        level = self._log_signal + self._above.clamp_min(1e-3).log() - self._mean - log_power
        scenes[:, 0] = (level * weight).sum(1) / weight.sum().clamp_min(1e-6)
        self.settle(log_power, scenes)
        for _ in range(3):
            scenes = self.follow(log_power, scenes)
        return scenes

    def of(self, log_power: Tensor, scenes: Tensor) -> Tensor:
        """E of PSFs of log power (N, F) with the scenes (N, R + 1) held, shape (N,); differentiable in the former."""
        return self._misfit(log_power, scenes) / self._temperature

    @torch.no_grad()
    def settle(self, log_power: Tensor, scenes: Tensor) -> None:
        """Take curvature and temperature from these PSFs and scenes; now and then is enough.

        The curvature is what `follow` steps with. A scene that is unlike all that were learned, a grating or a page of
        text, leaves a misfit that no PSF explains: the energy is then measured in units of it.
        """
        _, share, weight = self._compare(log_power, scenes)
        mean = (weight * share.square()).mean(0)
        self._factor = torch.linalg.cholesky((self._basis * mean) @ self._basis.T + torch.diag(self._precision))
        least = float(self._misfit(log_power, scenes).min())
        self._temperature = _LEAST_TEMPERATURE * max(1.0, least / ORDINARY_MISFIT)

    @torch.no_grad()
    def follow(self, log_power: Tensor, scenes: Tensor) -> Tensor:
        """Take one step of the scenes (N, R + 1) towards the minimum of E."""
        residual, share, weight = self._compare(log_power, scenes)
        slope = (weight * share * residual) @ self._basis.T - scenes * self._precision
        step = torch.cholesky_solve(slope.T, self._factor).T
        largest = (step @ self._basis).abs().amax(dim=1, keepdim=True).clamp_min(1e-9)
        return scenes + step * (_FARTHEST / largest).clamp(max=1.0)

    @torch.no_grad()
    def left_over(self, log_power: Tensor, scene: Tensor, band: Band) -> tuple[float, Tensor, Tensor]:
        """Say what one PSF of log power (F,) and its scene (R + 1,) leave of the spectrum.

        Returns
        -------
        tuple
            E; the mean residual log S - log m in each ring of the band, in standard deviations of one frequency, shape
            (RINGS,); and the scene's coefficients b in standard deviations, shape (R,).
        """
        residual, _, weight = self._compare(log_power[None], scene[None])
        standardised = residual[0] * (weight[0] / self._count).sqrt()
        total = torch.zeros(RINGS).index_add(0, band.ring, self._count * standardised)
        counts = torch.zeros(RINGS).index_add(0, band.ring, self._count)
        unusual = scene[1:] * self._precision[1:].sqrt()
        return float(self._misfit(log_power[None], scene[None])), total / counts.clamp_min(1), unusual

    def _misfit(self, log_power: Tensor, scenes: Tensor) -> Tensor:
        residual, _, weight = self._compare(log_power, scenes)
        prior: Tensor = 0.5 * (scenes.square() * self._precision).sum(1)
        return 0.5 * (weight * residual.square()).sum(1) + prior

    def _compare(self, log_power: Tensor, scenes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Residuals log S - log m, shares a of the signal, and weights w, each (N, F)."""
        signal = (self._mean + scenes @ self._basis + log_power).exp()
        model = signal + self._noise + 1e-12
        share = (signal / model).detach()
        weight = self._count / (self._scatter + share.square() * self._remainder)
        return self._log_signal - model.log(), share, weight


class Band:
    """The frequencies of a periodogram that are fitted, and the map from PSFs of side `size` to them.

    All transforms are products with small matrices: the spectrum is wanted at few frequencies, and thousands of times.
    With the PSF folded about its middle into parts that are even or odd along rows and columns, cosines and sines of
    half the pixels suffice, and frequencies f and -f along the rows share them: a quarter of the products.
    """

    def __init__(self, size: int) -> None:
        fy = torch.fft.fftfreq(WINDOW)[:, None].expand(WINDOW, WINDOW // 2 + 1)
        fx = torch.fft.rfftfreq(WINDOW)[None, :].expand(WINDOW, WINDOW // 2 + 1)
        radius = torch.hypot(fy, fx)
        self.mask = (radius > _LOWEST) & (radius < _HIGHEST)
        # Frequencies with fx > 0 stand for two of the whole plane.
        self.multiplicity = torch.where(fx[self.mask] > 0, 2.0, 1.0)
        self.ring = ((radius[self.mask] - _LOWEST) / (_HIGHEST - _LOWEST) * RINGS).long().clamp(max=RINGS - 1)

        # Half bins, along the rows as many beyond the ends as the kernel reaches.
        kernel = _hann_window_kernel()
        reach = len(kernel) // 2
        pixel = torch.arange(size // 2 + 1, dtype=torch.float32)
        half_y = torch.arange(WINDOW + 1) / (2 * WINDOW)
        half_x = torch.arange(-reach, WINDOW + reach + 1) / (2 * WINDOW)
        phase_y, phase_x = 2 * math.pi * torch.outer(half_y, pixel), 2 * math.pi * torch.outer(pixel, half_x)
        self._rows = phase_y.cos(), phase_y.sin()
        self._columns = phase_x.cos(), phase_x.sin()
        self._smooth_columns = _every_other(kernel, WINDOW // 2 + 1).T
        # The spectrum is periodic: each row of the kernel is one of 0 to WINDOW half bins, or of the negative ones.
        whole = _every_other(kernel, WINDOW)
        bins = torch.arange(-reach, whole.shape[1] - reach) % (2 * WINDOW)
        negative = bins > WINDOW
        ahead, behind = (torch.zeros(WINDOW, WINDOW + 1) for _ in range(2))
        ahead.index_add_(1, bins[~negative], whole[:, ~negative])
        behind.index_add_(1, 2 * WINDOW - bins[negative], whole[:, negative])
        self._smooth_rows = ahead, behind

    def log_power(self, psf: Tensor) -> Tensor:
        """Logarithm of |H|^2 at the fitted frequencies, seen through a Hann window; shape (N, F)."""
        (cos_y, sin_y), (cos_x, sin_x), (ahead, behind) = self._rows, self._columns, self._smooth_rows
        # Rows first, then PSFs, then columns: each product is one of large matrices.
        even_y, odd_y = _folded(psf.transpose(0, 1).contiguous(), 0)
        (even_even, even_odd), (odd_even, odd_odd) = _folded(even_y, 2), _folded(odd_y, 2)
        # H = c - s - i (p + q), and with the other sign of the frequency along the rows c + s - i (p - q).
        c, s = _along_rows(cos_y, even_even @ cos_x), _along_rows(sin_y, odd_odd @ sin_x)
        p, q = _along_rows(cos_y, even_odd @ sin_x), _along_rows(sin_y, odd_even @ cos_x)
        # The deep valleys of a transfer function are filled in by the window; without this the fit would chase them.
        positive = ((c - s).square() + (p + q).square()) @ self._smooth_columns
        negative = ((c + s).square() + (p - q).square()) @ self._smooth_columns
        smooth = _along_rows(ahead, positive) + _along_rows(behind, negative)
        return torch.log(smooth.transpose(0, 1)[:, self.mask] + 1e-9)


def _along_rows(matrix: Tensor, values: Tensor) -> Tensor:
    """Multiply a matrix (M, R) with the rows of values (R, N, C): (M, N, C)."""
    return (matrix @ values.flatten(1)).view(len(matrix), *values.shape[1:])


def _folded(psf: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Return the sums and differences of what lies opposite the middle, from the middle outwards, along one axis."""
    half = psf.shape[axis] // 2
    after = psf.narrow(axis, half, half + 1)
    before = psf.narrow(axis, 0, half + 1).flip(axis)
    difference = after - before
    # The middle is there once.
    middle = psf.narrow(axis, half, 1)
    total = torch.cat((middle, (after + before).narrow(axis, 1, half)), axis)
    return total, difference


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
