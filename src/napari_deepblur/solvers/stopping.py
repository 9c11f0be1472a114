"""When to stop an iteration that begins to fit the noise: counts held back, or the noise that is known."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from napari_deepblur.errors import NoiseError

_KEPT = 0.9
"""Share of the counts that the restoration sees, where the others judge it."""

_PATIENCE = 3
_LEAST_GAIN = 1e-7
"""Of the score, relative: less than that is no progress."""


class HeldOut:
    """Stop once a scene no longer gets better at predicting counts that it has not seen.

    Counts n = (y + c) / alpha of Poisson noise are thinned: each is kept with probability q, binomially, and what is
    kept and what is held back are independent Poisson counts of means q and 1 - q times the whole. The held-back ones
    score A x by their likelihood, sum m - n log m. It needs no belief in the blur, and knows of overfitting what no
    residual shows.

    Parameters
    ----------
    image
        y.
    noise
        alpha, positive, and beta.
    background
        Light of y that the scene does not send.
    seed
        Of the thinning.

    Raises
    ------
    NoiseError
        If alpha is not positive: there are no counts.

    Notes
    -----
    Source: the thinning of Poisson processes; A. Neufeld et al., J. Mach. Learn. Res. 25 (2024).
    """

    def __init__(
        self,
        image: Tensor,
        noise: tuple[float, float],
        background: float = 0.0,
        seed: int = 0,
    ) -> None:
        if not noise[0] > 0:
            raise NoiseError(f"alpha is {noise[0]}, expected a positive one: without shot noise there are no counts.")
        # Five digits: the noise of a turned image differs in the last, and another draw would begin with that.
        alpha, beta = (float(f"{value:.5g}") for value in noise)
        self._offset = beta**2 / alpha + background
        shift = beta**2 / alpha
        generator = torch.Generator().manual_seed(seed)
        counts = ((image + shift) / alpha).clamp_min(0).cpu()
        # Of a turned image the same counts are held back.
        axes, crossed = _turns(counts)
        upright = counts.flip(axes).mT if crossed else counts.flip(axes)
        # Counts are whole; the fraction decides by its probability which of two.
        whole = (upright + torch.rand(upright.shape, generator=generator)).floor()
        kept = torch.binomial(whole, torch.full_like(whole, _KEPT), generator=generator)
        whole, kept = ((part.mT if crossed else part).flip(axes) for part in (whole, kept))
        self.kept = (kept * (alpha / _KEPT)).to(image) - shift
        """The image that the restoration may see."""
        self.noise = alpha / _KEPT, beta
        """Its noise."""
        self._held = ((whole - kept) * (alpha / (1 - _KEPT))).to(image)
        self.count = image.numel() * (1 - _KEPT) / alpha
        """What a score is to be multiplied with to be a negative log-likelihood."""
        self._best, self._since = math.inf, 0
        self.scores: list[float] = []

    def __call__(self, explained: Tensor) -> bool:
        """Look at A x; True once its score has not become better three times in a row."""
        expected = (explained + self._offset).clamp_min(1e-12)
        loss = expected - self._held * expected.log()
        score = float(loss.mean(dtype=torch.float64))
        self.scores.append(score)
        if score < self._best - _LEAST_GAIN * abs(score):
            self._best, self._since = score, 0
        else:
            self._since += 1
        return self._since >= _PATIENCE

    @property
    def best(self) -> int:
        """Number of the iteration, from 1, whose scene had the best score."""
        return 1 + min(range(len(self.scores)), key=self.scores.__getitem__)


def _turns(image: Tensor) -> tuple[list[int], bool]:
    """Return the axes to flip, and whether to exchange them then: the most light first, the long side last."""
    off = []
    for axis in (-2, -1):
        profile = image.double().sum(dim=[d for d in range(-image.ndim, 0) if d != axis])
        place = torch.arange(len(profile), dtype=torch.float64) - (len(profile) - 1) / 2
        off.append(float((profile * place).sum()) / len(profile))
    rows, columns = image.shape[-2:]
    crossed = rows > columns or (rows == columns and abs(off[0]) > abs(off[1]))
    return [axis for axis, shift in zip((-2, -1), off, strict=True) if shift > 0], crossed


class Discrepancy:
    """Stop once the residual is what the noise is known to be: the mean of (y - A x - b)^2 / variance is at most one.

    With a wrong blur it may never be.

    Parameters
    ----------
    image
        y.
    noise
        alpha and beta; not both 0.
    background
        b.

    Raises
    ------
    NoiseError
        If there is no noise.

    Notes
    -----
    Source: V. A. Morozov's principle, for Poisson noise M. Bertero et al., Inverse Problems 26, 105004 (2010).
    """

    def __init__(self, image: Tensor, noise: tuple[float, float], background: float = 0.0) -> None:
        if not max(noise) > 0:
            raise NoiseError("The noise is 0, expected some: a residual of nothing is never reached.")
        self._image, self._noise, self._background = image, noise, background

    def __call__(self, explained: Tensor) -> bool:
        """Look at A x."""
        alpha, beta = self._noise
        expected = explained + self._background
        variance = (alpha * expected.clamp_min(0) + beta**2).clamp_min(1e-12)
        error = (self._image - expected).square() / variance
        return float(error.mean(dtype=torch.float64)) <= 1.0
