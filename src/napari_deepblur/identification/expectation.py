"""What is to be expected of an estimated blur, and what of its image is suspect."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from napari_deepblur.networks.expectation import EDGES, WRONG_BELOW_DB, ExpectationNetwork, mean_decibels
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.noise.traces import find_traces
from napari_deepblur.optics import Microscope
from napari_deepblur.plane import Plane

_CAUTION = 2.0
"""Restoration is told so many times the error that is expected on average in decibels: large errors do more harm than
small ones do good. Of 1, 2 and 4 it gives the best correlation with the scene on 160 training images of all kinds."""


@dataclass(frozen=True)
class Expectation:
    """What is to be expected of an estimated blur.

    Attributes
    ----------
    psf_snr_db
        Its PSF SNR in decibels.
    wrong
        Probability that this is below 3 dB, which is worse than no identification.
    suspicions
        What the image may have gone through that the model knows nothing of, one sentence each.
    """

    psf_snr_db: float
    wrong: float
    suspicions: tuple[str, ...] = ()

    @property
    def squared_error(self) -> float:
        """Relative squared error of the PSF that restoration is to reckon with, as `Identification.psf_spread`."""
        return _CAUTION * 10 ** (-self.psf_snr_db / 10)


def expect(signs: Mapping[str, float], network: ExpectationNetwork) -> Expectation:
    """Say what is to be expected, from the signs of an identification (`signs`).

    A network that does not foresee gives fewer signs: those that are missing count as ordinary ones.
    """
    ordinary = network.centre.tolist()
    values = torch.tensor([[signs.get(name, ordinary[i]) for i, name in enumerate(network.config.signs)]])
    with torch.inference_mode():
        odds = network(values)[0]
    wrong = float(odds[: EDGES.index(WRONG_BELOW_DB) + 1].sum())
    return Expectation(float(mean_decibels(odds)), wrong, suspicions(signs))


_LARGEST_SIDE = 2048
"""Of what is looked at of an image whose blur is not looked for, in pixels: its middle."""

_NOISY = 4.5
"""Log ratio of an image's standard deviation to that of its noise up to which the noise is well seen."""

_CHANCE = {"blocks": 25.0, "corner": 60.0, "beyond": 40.0}
"""What chance alone gives in small images, times their side in pixels: of 300 simulated images of the training split of
each side from 40 to 256 pixels, 1 in 100 or fewer goes beyond."""


def _far(signs: Mapping[str, float], name: str, limit: float) -> bool:
    """Say whether a sign is further from 0 than a limit, and than chance, in the direction of the limit."""
    least = max(abs(limit), _CHANCE[name] / max(signs["side"], 1.0))
    return math.copysign(1.0, limit) * signs[name] > least


_SUSPICIONS: tuple[tuple[str, Callable[[Mapping[str, float]], bool]], ...] = (
    ("It has the blocks of 8 pixels that JPEG makes: use the file from before.", lambda s: _far(s, "blocks", 0.2)),
    ("Its even and odd rows are of different moments (interlaced).", lambda s: s["rows"] > 0.8),
    (
        "Its noise was smoothed, by a filter, a denoiser, or because it was enlarged: use the image from before.",
        lambda s: _far(s, "corner", -0.5) and s["contrast"] < _NOISY,
    ),
    ("It has only few grey levels: use the file with all bits.", lambda s: s["levels"] < 5.5),
    ("A part of it is as bright or as dark as can be: saturated, or cut off.", lambda s: s["clipped"] > 0.02),
    (
        "It is sharper than these optics can be: check NA, wavelength and pixel size, or was it sharpened?",
        lambda s: _far(s, "beyond", 0.8) and s["contrast"] < _NOISY,
    ),
    (
        "Its spectrum is not that of any blur of these optics: check NA, wavelength and pixel size.",
        lambda s: s["misfit"] > 2.2,
    ),
    (
        "Much of its light seems to come from planes out of focus: choose the background 'volume' with a classical "
        "method, or take a stack and deblur it as a volume.",
        lambda s: s["out_of_focus"] > 0.4,
    ),
    ("There is hardly anything in it but noise.", lambda s: s["contrast"] < 0.15),
)
"""What is said, and when: beyond nearly all simulated images of the training split that nothing was done to."""


_OF_IDENTIFICATION = {"misfit": 0.0, "out_of_focus": 0.0}
"""Signs that no pixel gives away, as they are where nothing is suspected."""


def suspicions(signs: Mapping[str, float]) -> tuple[str, ...]:
    """Say what the image seems to have gone through that the model of an image knows nothing of."""
    return tuple(words for words, holds in _SUSPICIONS if holds(signs))


def suspicions_of_pixels(image: Plane, microscope: Microscope | None, noise: PoissonGaussianNoise) -> tuple[str, ...]:
    """Say the same of an image whose blur was given, or varies over the field; nothing where the optics are unknown."""
    if microscope is None:
        return ()
    first = [max(n - _LARGEST_SIDE, 0) // 2 for n in image.shape]
    middle = image[first[0] : first[0] + _LARGEST_SIDE, first[1] : first[1] + _LARGEST_SIDE]
    return suspicions(_OF_IDENTIFICATION | find_traces(middle, microscope.cutoff, noise)._asdict())
