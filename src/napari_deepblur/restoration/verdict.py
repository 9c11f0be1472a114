"""Can a result be believed? What it leaves of the image, and what is to be expected of its blur, in plain words."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.restoration.whiteness import LAGS, residual_whiteness

if TYPE_CHECKING:
    from napari_deepblur.noise import PoissonGaussianNoise
    from napari_deepblur.restoration.residual import Residual

Light = Literal["green", "yellow", "red"]

_LIGHTS: tuple[Light, ...] = ("green", "yellow", "red")

_STRUCTURE, _EXCESS = (0.1, 0.25), (1.6, 4.0)
"""Where yellow and red begin. In simulations nine in ten restorations with the true blur lie below 0.08 and 1.45,
whatever the method (`benchmarks/verdict.py`); real images have a structure of 0.006 to 0.19 (there too)."""

WRONG_ODDS = (0.08, 0.4)
"""Odds of a wrong blur where yellow and red begin. On training images that the odds were not learned from, 2 to 3 of
100 blurs that were wrong stay below the first, and two thirds of those that were good
(`benchmarks/results/honesty.md`)."""

_UNEXPLAINED = 0.08
"""Deviation of what is left over that of the image, below which it does not matter what it looks like. Of 170 training
images of all kinds most that leave less in a coarse way were restored nearer to the scene, and of those that leave more
many were not (`benchmarks/results/honesty.md`)."""

WORDS: dict[Light, str] = {
    "green": "The result, blurred again, explains the image: what is left looks like noise.",
    "yellow": "The result, blurred again, explains most of the image, but what is left is not only noise.",
    "red": "The result, blurred again, does not explain the image. Check the microscope, the noise and the blur model.",
}
"""Where the blur was given. A blur that is too small explains every image: green does not prove that it is right."""

DOUBTS: dict[Light, str] = {
    "green": "The blur can be relied on: a PSF SNR of about {decibels:.0f} dB is expected.",
    "yellow": "The blur is uncertain: it is wrong with a probability of {wrong:.0%}. Do not believe single details.",
    "red": "The blur is probably not what was found (wrong with {wrong:.0%}). Do not use this result.",
}
"""Where it was found in the image."""


@dataclass(frozen=True)
class Verdict:
    """Whether a result can be believed: what is left of the image without it, and what is to be expected of its blur.

    Attributes
    ----------
    light
        As of a traffic light.
    structure
        Root mean square of the autocorrelation of the standardised residual at 1 to 8 pixels: 0 for white noise, 1 for
        what changes slowly.
    excess
        Variance of the residual over that of the noise, 1 for nothing but noise; None where there is no noise.
    unexplained
        Standard deviation of the residual over that of the image.
    wrong
        Probability that the blur that was found is wrong, its PSF SNR below 3 dB; None where it was given, or cannot be
        said.
    expected_db
        PSF SNR that is to be expected, in decibels; None likewise.
    suspicions
        What the image seems to have gone through, one sentence each.
    """

    light: Light
    structure: float
    excess: float | None
    unexplained: float = 0.0
    wrong: float | None = None
    expected_db: float | None = None
    suspicions: tuple[str, ...] = ()

    def as_record(self) -> dict[str, Any]:
        """Return what JSON takes, under the names of the attributes."""
        return asdict(self) | {"suspicions": list(self.suspicions)}

    @property
    def words(self) -> str:
        """A few sentences."""
        if self.wrong is None or self.expected_db is None:
            return " ".join((WORDS[self.light], *self.suspicions))
        said = [DOUBTS[self.light].format(decibels=self.expected_db, wrong=self.wrong)]
        if self.wrong < WRONG_ODDS[0] and self.light != "green":
            said = [WORDS[self.light]]
        return " ".join((*said, *self.suspicions))


def doubted(residual: Verdict, wrong: float, expected_db: float, suspicions: tuple[str, ...]) -> Verdict:
    """Judge a result whose blur was found in its image, from the residual and what is to be expected of the blur.

    The odds decide: a wrong blur leaves as white a residual as the right one, and without noise the right one leaves
    structure, too. What is left matters where there is much of it.
    """
    gross = residual.light == "red" and residual.unexplained > _UNEXPLAINED
    worst = max(_grade(wrong, WRONG_ODDS), int(gross))
    return replace(residual, light=_LIGHTS[worst], wrong=wrong, expected_db=expected_db, suspicions=suspicions)


def badness(verdict: Verdict) -> tuple[int, float, float]:
    """Return what verdicts are sorted by, the worst last."""
    return _LIGHTS.index(verdict.light), verdict.wrong or 0.0, verdict.structure


def judge(left: Residual, noise: PoissonGaussianNoise) -> Verdict | None:
    """Judge a restoration by what it leaves of its image, with noise in these units.

    Returns
    -------
    Verdict or None
        None where the image is hardly larger than the PSF, so that nothing can be said.
    """
    if min(left.values.shape) <= 2 * LAGS:
        return None
    left, noise = _in_unit(left, noise)
    residual = np.where(left.counted, left.values, np.float32(0))
    explained = left.image - residual
    white = residual_whiteness(left.image, explained, noise)
    structure = math.sqrt(float(np.square(white.autocorrelation).mean()))
    return _judged(residual, explained, left.image, structure, noise)


def judge_volume(left: Residual, noise: PoissonGaussianNoise) -> Verdict | None:
    """Judge a restored volume by what it leaves of its planes (D, h, w), as `judge` does for one.

    The autocorrelation is the mean of those of the planes: what neighbouring planes leave is alike where the model is
    wrong, and averages out where it is noise.
    """
    if min(left.values.shape[1:]) <= 2 * LAGS:
        return None
    left, noise = _in_unit(left, noise)
    residual = np.where(left.counted, left.values, np.float32(0))
    explained = left.image - residual
    planes = [residual_whiteness(y, x, noise).autocorrelation for y, x in zip(left.image, explained, strict=True)]
    structure = math.sqrt(float(np.square(np.mean(planes, axis=0)).mean()))
    return _judged(residual, explained, left.image, structure, noise)


def _in_unit(left: Residual, noise: PoissonGaussianNoise) -> tuple[Residual, PoissonGaussianNoise]:
    """Divide by a power of two, which changes no digit: squares of any unit's numbers then stay within float32."""
    largest = float(np.abs(left.image).max())
    if not largest > 0:
        return left, noise
    gain = math.ldexp(1.0, -math.frexp(largest)[1])
    factor = np.float32(gain)
    return left._replace(values=left.values * factor, image=left.image * factor), noise.rescaled(gain, 0.0)


def _judged(
    residual: NDArray[np.float32],
    explained: NDArray[np.float32],
    image: NDArray[np.float32],
    structure: float,
    noise: PoissonGaussianNoise,
) -> Verdict:
    variance = noise.variance(explained)
    excess = float(np.mean(residual**2 / variance)) if float(np.min(variance)) > 0 else None
    worst = max(_grade(structure, _STRUCTURE), 0 if excess is None else _grade(excess, _EXCESS))
    unexplained = float(residual.std() / max(float(image.std()), 1e-12))
    return Verdict(_LIGHTS[worst], structure, excess, unexplained)


def _grade(value: float, limits: tuple[float, float]) -> int:
    return sum(value > limit for limit in limits)
