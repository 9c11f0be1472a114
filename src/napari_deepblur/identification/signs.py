"""Signs by which an estimate of the blur can be told to be right or wrong, in numbers.

Some are of the image (`noise.traces`), the others of how network and spectrum came to their conclusion: whether they
agree, how far the best of all PSFs leaves the spectrum unexplained, how unlike sharp scenes the scene would be.
"""

from __future__ import annotations

import math

import torch

from napari_deepblur.identification.posterior import Belief, Cloud, NetworkPrior
from napari_deepblur.identification.spectral_energy import ORDINARY_MISFIT, Band, SpectralEnergy
from napari_deepblur.networks.expectation import EDGES, WRONG_BELOW_DB, mean_decibels
from napari_deepblur.operators import ZernikeFamily
from napari_deepblur.optics import PsfModel, zernike_psf


def signs_of_belief(
    belief: Belief,
    prior: NetworkPrior,
    energy: SpectralEnergy,
    band: Band,
    optics: PsfModel,
    family: ZernikeFamily,
    theta_std: torch.Tensor,
    mean: torch.Tensor,
    spread: float,
) -> dict[str, float]:
    """Gather the signs of a conclusion, of mean PSF and spread as found; each is named, and of the order of one."""
    best = belief.maxima[:1]
    misfit, rings, unusual = energy.left_over(band.log_power(zernike_psf(best, optics))[0], belief.scene, band)
    theirs, their_spread = prior.candidates.psf_and_spread(family)
    turns = Cloud(prior.mean, torch.full((len(prior.mean),), 1 / len(prior.mean)))
    _, turn_spread = turns.psf_and_spread(family)
    gap = float((theirs - mean).square().sum() / mean.square().sum())
    per_maximum = belief.cloud.weights.view(2, len(belief.maxima), -1).sum((0, 2))
    best_density = float(prior.log_density(best))
    own_density = float(prior.log_density(prior.mean).max())
    signs = {
        "spread": _log(spread),
        "std": _log(float(theta_std.mean())),
        "largest_std": _log(float(theta_std.max())),
        "size": _log(float(best.square().mean().sqrt())),
        "border": float(best.abs().max() / prior.largest),
        "network_std": _log(float(prior.std.mean())),
        "network_spread": _log(their_spread),
        "turn_spread": _log(turn_spread),
        "gap": _log(gap),
        "density": math.log1p(max(own_density - best_density, 0.0)),
        "maxima": -float((per_maximum.clamp_min(1e-9).log() * per_maximum).sum()),
        "misfit": _log(misfit / ORDINARY_MISFIT),
        "unusual": _log(float(unusual.square().mean().sqrt())),
        "most_unusual": _log(float(unusual.abs().max())),
    }
    return signs | {f"ring_{i}": float(value.clamp(-5, 5)) for i, value in enumerate(rings)}


def signs_of_question(family: ZernikeFamily, shape: tuple[int, ...]) -> dict[str, float]:
    """Say how much was known before, and how much there is to see: of the family, and of an image's shape (H, W)."""
    cutoff = family.microscope.cutoff
    return {
        "stated": float(family.amplitude_is_stated),
        "cutoff": 4 * cutoff,
        "extent": _log(math.sqrt(math.prod(shape)) * cutoff),
    }


def signs_foreseen(odds: torch.Tensor) -> dict[str, float]:
    """Say what the network foresaw of its own answer: of odds (8,) of the classes of PSF SNR."""
    wrong = float(odds[: EDGES.index(WRONG_BELOW_DB) + 1].sum().clamp(1e-4, 1 - 1e-4))
    return {"foreseen_wrong": math.log(wrong / (1 - wrong)), "foreseen": float(mean_decibels(odds)) / 10}


def _log(value: float) -> float:
    return math.log(max(value, 1e-6))
