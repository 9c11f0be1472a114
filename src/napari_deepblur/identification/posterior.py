"""What network and spectrum believe together: a cloud of coefficient vectors with weights.

The network's answers to an image and its turned copies are a prior q(theta), a mixture of Gaussians; the spectrum has
an energy E(theta) (`spectral_energy`). Their product,

    p(theta)  ~  q(theta) exp(-E(theta)),

has its maxima where both agree. They are found from many starts, drawn from q, by gradient descent through the optics;
each is widened to the Gaussian of its curvature. The spectrum cannot tell h(x) from h(-x): there, q and the sparsity of
the deconvolved image (`orientation`) decide.

The PSF that is closest on average to the true one is the average PSF of the cloud, not the PSF of any of its members.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from napari_deepblur.identification.adam import Adam
from napari_deepblur.identification.spectral_energy import Band, SpectralEnergy
from napari_deepblur.operators import ZernikeFamily
from napari_deepblur.optics import PsfModel, zernike_psf

_CERTAINTY = 400.0
"""Logistic slope from the relative difference of gradient sparsities to the odds of an orientation."""

_CAUTION, _LEAST_STD = 1.4, 0.01
"""The network's standard deviations are taken so many times as wide as it says, and not below so many waves."""

DESCENT_STEPS = 50
_STARTS, _RATE, _SETTLE_EVERY = 28, 0.02, 15
"""Starts of the descent, size of its steps in waves, and how often the curvature of the scenes is renewed."""

_STAY = {15: 18, 30: 12}
"""How many of the starts, the best ones, are followed from a step on. On 173 training images from clean to noisy
dropping them costs nothing (+0.03 +- 0.06 dB), and saves a quarter of the time. Earlier (16 from step 8, 10 from step
20) it cost 3 in 100 of the clean ones 7 to 19 dB: there the best basin is narrow, and shows late."""

_MAXIMA, _DRAWS = 8, 16
"""Maxima that are kept, and members of the cloud that each becomes."""

_WIDTH, _BAR_WIDTH, _WIDEST = 0.7, 0.85, 0.08
"""Width of a maximum's Gaussian relative to its curvature, for the PSF and for error bars; its largest in waves."""

_CLEAN, _PER_DECADE, _BAR_RANGE = 3e-5, 0.18, (0.8, 1.1)
"""Noise variance (relative to the peak, at a quarter of it) up to which error bars are shortest, what they grow by for
each decade above, and their range. The spectrum counts for less than it is worth in clean images, and for more in noisy
ones. Chosen on 300 training images of four worlds and five noise levels."""

_LEAST_ERROR = 0.004
"""Standard deviation, in waves, that no error bar falls below: the model of the spectrum is not exact."""

_APART = 2.0
"""Squared distance, in standard deviations, below which two maxima are one."""

_DIFFERENCE = 0.004
"""Step of the differences of gradients that give the curvature, in waves."""


class Cloud(NamedTuple):
    """Coefficient vectors with weights.

    Attributes
    ----------
    theta
        Coefficients in waves, shape (N, K).
    weights
        Their weights, shape (N,), summing to one.
    """

    theta: Tensor
    weights: Tensor

    def psf_and_spread(self, family: ZernikeFamily) -> tuple[Tensor, float]:
        """Average PSF h_hat, shape (k, k), and its expected relative squared error, E |h - h_hat|^2 / |h_hat|^2."""
        psfs = family.psf_tensor(self.theta)
        mean = (self.weights[:, None, None] * psfs).sum(dim=0)
        errors = (psfs - mean).square().sum((-2, -1))
        return mean, float((self.weights * errors).sum() / mean.square().sum())

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw `count` members by their weights, shape (count, K), in random order.

        The draws are stratified: a member of weight w comes up between floor(count w) and ceil(count w) times.
        """
        places = (torch.arange(count) + torch.rand(1, generator=generator)) / count
        chosen = torch.searchsorted(self.weights.cumsum(0), places.to(self.weights)).clamp(max=len(self.weights) - 1)
        return self.theta[chosen[torch.randperm(count, generator=generator)]]


class Belief(NamedTuple):
    """What is believed after network and spectrum were heard.

    Attributes
    ----------
    cloud
        What the PSF is averaged over; narrower than the posterior, whose valleys bend away from the Gaussians.
    wide
        The same members as far from their maxima as the curvature says, (N, K): what error bars are made of.
    maxima
        The maxima of the posterior, best first, (M, K).
    scene
        The scene that goes with the best one, as `SpectralEnergy` has them, (R + 1,).
    """

    cloud: Cloud
    wide: Tensor
    maxima: Tensor
    scene: Tensor


@dataclass(frozen=True)
class NetworkPrior:
    """q(theta): what the network says, for either joint sign of the even modes.

    Attributes
    ----------
    mean, std
        Most likely coefficients of each answer and their standard deviations, in waves, shape (T, K).
    candidates
        The network's own cloud.
    even
        Mask (K,) of the even modes.
    known
        Coefficients (K,) of a wavefront that is known and not part of theta (mismatch of the indices): the network
        sees the sum, and it is the sum whose even modes have no sign.
    largest
        Half-width of the box of coefficients, in waves.
    """

    mean: Tensor
    std: Tensor
    candidates: Cloud
    even: Tensor
    known: Tensor
    largest: float

    def reflected(self, theta: Tensor) -> Tensor:
        """Coefficients (N, K) whose PSFs are the same: the even modes of the sum with the known wavefront negated."""
        return torch.where(self.even, -theta - 2 * self.known, theta)

    def mirrored(self, theta: Tensor) -> Tensor:
        """Coefficients (N, K) whose PSFs are turned round: the odd modes negated."""
        return torch.where(self.even, theta, -theta)

    def log_density(self, theta: Tensor) -> Tensor:
        """Logarithm of q at (N, K), shape (N,), up to a constant."""
        mean = torch.cat((self.mean, self.reflected(self.mean)))
        std = (_CAUTION * torch.cat((self.std, self.std))).clamp_min(_LEAST_STD)
        distance = (theta[:, None] - mean) / std
        return (-0.5 * distance.square() - std.log()).sum(-1).logsumexp(1)

    def outside(self, theta: Tensor) -> Tensor:
        """Penalty (N,) of coefficients beyond the box."""
        return (torch.relu(theta.abs() - self.largest) / 0.01).square().sum(1)

    def starts(self, count: int, generator: torch.Generator) -> Tensor:
        """Where to begin: all means, and draws from the candidates and the Gaussians; shape (count, K)."""
        drawn = count - len(self.mean)
        chosen = torch.multinomial(self.candidates.weights, drawn // 3, replacement=True, generator=generator)
        answer = torch.randint(len(self.mean), (drawn - drawn // 3,), generator=generator)
        noise = torch.randn((len(answer), self.mean.shape[1]), generator=generator)
        around = self.mean[answer] + _CAUTION * self.std[answer] * noise
        starts = torch.cat((self.mean, self.candidates.theta[chosen], around))
        return starts.clamp(-self.largest, self.largest)


def posterior_steps(
    prior: NetworkPrior,
    energy: SpectralEnergy,
    band: Band,
    optics: PsfModel,
    mirror_advantage: Callable[[Tensor], Tensor],
    seed: int = 0,
) -> Generator[int, None, Belief]:
    """Find the maxima of p(theta), and return the cloud around them; yields the number of steps of the descent done.

    Parameters
    ----------
    prior
        What the network says.
    energy, band
        What the spectrum says.
    optics
        Sampled pupil at the sampling of the periodogram.
    mirror_advantage
        From PSFs (N, k, k) to how much worse h explains the image than h mirrored, (N,) (`orientation`).
    seed
        Of starts and draws.
    """
    generator = torch.Generator().manual_seed(seed)
    theta = prior.starts(_STARTS, generator)
    scenes = energy.start(band.log_power(zernike_psf(theta, optics)))
    descent = Adam(theta)
    for step in range(DESCENT_STEPS):
        value, gradient, scenes = _slope(theta, scenes, prior, energy, band, optics, settle=step % _SETTLE_EVERY == 0)
        if step in _STAY:
            best = value.argsort()[: _STAY[step]]
            theta, gradient, scenes = descent.keep(best), gradient[best], scenes[best]
        descent.step(gradient, _RATE * min(1.0, 2 * (DESCENT_STEPS - step) / DESCENT_STEPS))
        yield step + 1
    value, _, scenes = _slope(theta, scenes, prior, energy, band, optics, settle=False)
    best = value.argsort()
    theta, scenes, value = theta[best], scenes[best], value[best]
    curvature, axes = _curvature(theta, scenes, prior, energy, band, optics)
    kept = _different(theta, curvature, axes)
    noise = torch.randn((_DRAWS // 2, theta.shape[1]), generator=generator)
    noise = torch.cat((noise, -noise))
    offsets = torch.stack([(noise / curvature[i].sqrt()) @ axes[i].T for i in kept])
    maxima = theta[kept]
    wide, narrow = (
        (maxima[:, None] + width * offsets).flatten(0, 1).clamp(-prior.largest, prior.largest)
        for width in (_BAR_WIDTH, _WIDTH)
    )

    turned_round = prior.log_density(prior.mirrored(maxima)) - prior.log_density(maxima)
    odds = _CERTAINTY * mirror_advantage(zernike_psf(maxima, optics))
    log_weights = torch.cat((-value[kept], turned_round - value[kept]))
    log_weights = log_weights + torch.nn.functional.logsigmoid(torch.cat((-odds, odds)))
    weights = (log_weights.softmax(0) / _DRAWS).repeat_interleave(_DRAWS)
    cloud = Cloud(torch.cat((narrow, prior.mirrored(narrow))), weights)
    return Belief(cloud, torch.cat((wide, prior.mirrored(wide))), maxima, scenes[kept[0]])


def _slope(
    theta: Tensor,
    scenes: Tensor,
    prior: NetworkPrior,
    energy: SpectralEnergy,
    band: Band,
    optics: PsfModel,
    settle: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Values -log p (N,), their gradients (N, K), and the scenes one step on."""
    with torch.enable_grad():
        variable = theta.detach().requires_grad_()
        log_power = band.log_power(zernike_psf(variable, optics))
        if settle:
            energy.settle(log_power.detach(), scenes)
        scenes = energy.follow(log_power.detach(), scenes)
        value = energy.of(log_power, scenes) - prior.log_density(variable) + prior.outside(variable)
        (gradient,) = torch.autograd.grad(value.sum(), variable)
    return value.detach(), gradient, scenes


def _curvature(
    theta: Tensor, scenes: Tensor, prior: NetworkPrior, energy: SpectralEnergy, band: Band, optics: PsfModel
) -> tuple[Tensor, Tensor]:
    """Eigenvalues (N, K), from below, and eigenvectors (N, K, K) of the second derivatives of -log p."""
    n, k = theta.shape
    steps = _DIFFERENCE * torch.eye(k)
    around = torch.cat([theta + sign * steps[axis] for sign in (1, -1) for axis in range(k)])
    _, gradient, _ = _slope(around, scenes.repeat(2 * k, 1), prior, energy, band, optics, settle=False)
    ahead, behind = gradient.view(2, k, n, k).transpose(1, 2)
    second = (ahead - behind) / (2 * _DIFFERENCE)
    values, axes = torch.linalg.eigh((second + second.transpose(1, 2)) / 2)
    return values.clamp_min(_WIDEST**-2), axes


def _different(theta: Tensor, curvature: Tensor, axes: Tensor) -> list[int]:
    """Maxima, best first, that are not the same as a better one."""
    kept: list[int] = []
    for i in range(len(theta)):
        distances = [(((theta[i] - theta[j]) @ axes[j]).square() * curvature[j]).sum() for j in kept]
        if len(kept) < _MAXIMA and all(distance > _APART for distance in distances):
            kept.append(i)
    return kept


def coefficients(belief: Belief, prior: NetworkPrior) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the coefficients, modulo the joint sign of the even modes.

    Returns
    -------
    tuple
        Mean and standard deviation, shape (K,). Each member is taken with the sign that is closer to the member of the
        largest weight; of the two signs that the mean could have, the one that makes the first even mode (defocus)
        positive is returned.
    """
    weights = belief.cloud.weights
    reference = belief.cloud.theta[weights.argmax()]
    flipped = prior.reflected(belief.wide)
    nearer = (flipped - reference).square().sum(1) < (belief.wide - reference).square().sum(1)
    theta = torch.where(nearer[:, None], flipped, belief.wide)
    mean = (weights[:, None] * theta).sum(0)
    variance = (weights[:, None] * (theta - mean).square()).sum(0) + _LEAST_ERROR**2
    if bool(prior.even.any()) and (mean + prior.known)[prior.even][0] < 0:
        mean = prior.reflected(mean[None])[0]
    return mean, variance.sqrt()


def error_bars(theta_std: Tensor, variance: float) -> Tensor:
    """Length of error bars (K,): the standard deviations of the cloud, by what errors of training images were.

    Parameters
    ----------
    theta_std
        As `coefficients` returns them, in waves.
    variance
        Of the noise at a quarter of the peak, relative to the square of the peak.
    """
    shortest, longest = _BAR_RANGE
    decades = math.log10(max(variance, _CLEAN) / _CLEAN)
    return (min(shortest + _PER_DECADE * decades, longest) * theta_std).clamp_min(_LEAST_ERROR)
