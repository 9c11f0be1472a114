"""Can a result be believed? What it leaves of the image, and what is to be expected of its blur, in plain words."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.restoration.blur import Blur
from napari_deepblur.restoration.whiteness import LAGS, residual_whiteness

Light = Literal["green", "yellow", "red"]

_LIGHTS: tuple[Light, ...] = ("green", "yellow", "red")

_LARGEST_SIDE = 1024
"""Only the middle of larger images is judged: more would not change the verdict, but cost time."""

_STRUCTURE, _EXCESS = (0.1, 0.25), (1.6, 4.0)
"""Where yellow and red begin. In simulations nine in ten restorations with the true blur lie below 0.08 and 1.45,
whatever the method (`benchmarks/verdict.py`); real images have a structure of 0.006 to 0.19 (there too)."""

_WRONG = (0.08, 0.4)
"""Odds of a wrong blur where yellow and red begin. On images that the odds were not learned from, 2 of 100 blurs that
were wrong stay below the first, and half of those that were good (`benchmarks/results/honesty.md`)."""

_UNEXPLAINED = 0.02
"""Deviation of what is left over that of the image, below which it does not matter what it looks like."""

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
        if self.wrong < _WRONG[0] and self.light != "green":
            said = [WORDS[self.light]]
        return " ".join((*said, *self.suspicions))


def doubted(residual: Verdict, wrong: float, expected_db: float, suspicions: tuple[str, ...]) -> Verdict:
    """Judge a result whose blur was found in its image, from the residual and what is to be expected of the blur.

    The odds decide: a wrong blur leaves as white a residual as the right one, and without noise the right one leaves
    structure, too. What is left matters where there is much of it.
    """
    gross = residual.light == "red" and residual.unexplained > _UNEXPLAINED
    worst = max(_grade(wrong, _WRONG), int(gross))
    return replace(residual, light=_LIGHTS[worst], wrong=wrong, expected_db=expected_db, suspicions=suspicions)


def badness(verdict: Verdict) -> tuple[int, float, float]:
    """Return what verdicts are sorted by, the worst last."""
    return _LIGHTS.index(verdict.light), verdict.wrong or 0.0, verdict.structure


def judge(
    image: NDArray[np.float32],
    restored: NDArray[np.float32],
    blur: Blur,
    noise: PoissonGaussianNoise,
    hidden: NDArray[np.bool_] | None = None,
    background: NDArray[np.float32] | None = None,
) -> Verdict | None:
    """Judge a restoration by y - A x_hat.

    Parameters
    ----------
    image, restored
        Observed image y and result x_hat, shape (H, W), in the same units.
    blur
        A.
    noise
        In these units.
    hidden
        Pixels that do not count, shape (H, W).
    background
        Light that the result does not account for, shape (H, W).

    Returns
    -------
    Verdict or None
        None where the image is hardly larger than the PSF, so that nothing can be said.
    """
    residual = residual_image(image if background is None else image - background, restored, blur, _LARGEST_SIDE)
    if min(residual.shape) <= 2 * LAGS:
        return None
    if hidden is not None:
        residual[_middle(hidden, residual.shape)] = 0
    inner = _middle(image, residual.shape)
    explained = inner - residual
    white = residual_whiteness(inner, explained, noise)
    structure = math.sqrt(float(np.square(white.autocorrelation).mean()))
    variance = noise.variance(explained)
    excess = float(np.mean(residual**2 / variance)) if float(np.min(variance)) > 0 else None
    worst = max(_grade(structure, _STRUCTURE), 0 if excess is None else _grade(excess, _EXCESS))
    unexplained = float(residual.std() / max(float(inner.std()), 1e-12))
    return Verdict(_LIGHTS[worst], structure, excess, unexplained)


def residual_image(
    image: NDArray[np.float32], restored: NDArray[np.float32], blur: Blur, largest: int | None = None
) -> NDArray[np.float32]:
    """Return y - A x_hat on the pixels that the restored field explains wholly, (H - k + 1, W - k + 1).

    Parameters
    ----------
    image, restored, blur
        As in `judge`.
    largest
        Longest side of the result, the middle of the image; None for all of it.
    """
    border = blur.psf_size // 2
    shape = tuple(max(n - 2 * border, 0) for n in image.shape)
    if largest is not None:
        shape = tuple(min(n, largest) for n in shape)
    if min(shape) == 0:
        return np.zeros((0, 0), np.float32)
    inner = _middle(image, shape)
    scene = _middle(restored, tuple(n + 2 * border for n in shape))
    origin = tuple((n - m) // 2 for n, m in zip(image.shape, shape, strict=True))
    operator = blur.operator((shape[0], shape[1]), (origin[0], origin[1]), torch.device("cpu"))
    # Without its mean: a Fourier transform in float32 of a large offset would leave structure of its own.
    mean = np.float32(scene.mean())
    with torch.inference_mode():
        varying = operator.forward(torch.from_numpy(np.ascontiguousarray(scene - mean))[None, None])[0, 0].numpy()
        flat = operator.forward(torch.ones(1, 1, *scene.shape))[0, 0].numpy()
    return np.asarray(inner - (varying + mean * flat), dtype=np.float32)


def _middle(image: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    top, left = ((n - m) // 2 for n, m in zip(image.shape, shape, strict=True))
    return image[top : top + shape[0], left : left + shape[1]]


def _grade(value: float, limits: tuple[float, float]) -> int:
    return sum(value > limit for limit in limits)
