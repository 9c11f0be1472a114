"""Frozen recipes: everything that decides what a training run computes, and nothing about where it runs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from napari_deepblur.networks import deblurring as deblurring_network
from napari_deepblur.networks import identification as identification_network


@dataclass(frozen=True)
class NoiseRange:
    """Poisson-Gaussian noise drawn for each image: log-uniform, or none.

    Attributes
    ----------
    alpha, beta
        Smallest and largest values, for scenes in [0, 1].
    none
        Share of images without any noise.
    """

    alpha: tuple[float, float] = (1e-5, 2e-2)
    beta: tuple[float, float] = (1e-4, 5e-2)
    none: float = 0.25


@dataclass(frozen=True)
class Schedule:
    """Learning rate against samples seen: a linear rise, a plateau, a linear fall to zero.

    Attributes
    ----------
    samples
        Length of the run in samples.
    batch_size
        Samples of one step.
    peak
        Learning rate of the plateau.
    rise, fall
        Shares of the run spent rising and falling.
    weight_decay
        Of AdamW.
    average
        Decay per step of the running average of the weights, which is what gets validated and shipped.
    largest_gradient
        Norm to which gradients are clipped.
    """

    samples: int
    batch_size: int
    peak: float = 1e-3
    rise: float = 0.02
    fall: float = 0.4
    weight_decay: float = 1e-2
    average: float = 0.998
    largest_gradient: float = 1.0

    def learning_rate(self, seen: int) -> float:
        """Learning rate after `seen` samples."""
        progress = min(seen / self.samples, 1.0)
        return self.peak * min(1.0, (progress + 1e-3) / self.rise, (1.0 - progress) / self.fall)


@dataclass(frozen=True)
class IdentificationRecipe:
    """How an identification network is trained.

    Attributes
    ----------
    network
        The architecture.
    schedule
        Length and learning rate.
    image_size
        Side of the training images in pixels.
    noise
        Range of the noise.
    procedural_share
        Share of procedural scenes; the others come from the folder of sharp images.
    thick_share
        Share of specimens with depth.
    stated_share
        Share of images whose amplitude is stated.
    paper_share
        Share of these with the paper's modes and amplitude (Noll 4-10, 0.15 waves).
    amplitude
        Smallest and largest of the other amplitudes, waves RMS; log-uniform.
    theta_weight
        Weight of the Gaussian likelihood of the coefficients beside the PSF error.
    depth_weight
        Weight of the cross-entropy of the share of light out of focus.
    seed
        Seed of everything.
    """

    network: identification_network.IdentificationConfig
    schedule: Schedule
    image_size: int = 320
    noise: NoiseRange = field(default_factory=NoiseRange)
    procedural_share: float = 0.15
    thick_share: float = 0.4
    stated_share: float = 0.5
    paper_share: float = 0.5
    amplitude: tuple[float, float] = (0.02, 0.3)
    theta_weight: float = 0.1
    depth_weight: float = 0.1
    seed: int = 0


IDENTIFICATION = {
    "light": IdentificationRecipe(identification_network.LIGHT, Schedule(samples=200_000, batch_size=16)),
    "paper": IdentificationRecipe(
        identification_network.PAPER, Schedule(samples=4_000_000, batch_size=128, average=0.999), image_size=384
    ),
}
"""Recipes of `napari-deepblur train identification`, by name."""


@dataclass(frozen=True)
class AdaptationRecipe:
    """How an identification network is adapted to the measured PSFs of one microscope.

    Attributes
    ----------
    family
        SHA-256 of the family (`io.families.family_hash`): a run belongs to one family.
    schedule
        Length and learning rate.
    window
        Side of the training windows in pixels, at the reference cut-off.
    noise
        Range of the noise.
    procedural_share
        Share of procedural scenes; the others come from the folder of sharp images, where one is given.
    likelihood_weight
        Weight of the Gaussian likelihood of the coordinates beside the PSF error.
    seed
        Seed of everything.
    """

    family: str
    schedule: Schedule = field(default_factory=lambda: Schedule(samples=100_000, batch_size=16, peak=6e-4))
    window: int = 320
    noise: NoiseRange = field(default_factory=NoiseRange)
    procedural_share: float = 0.15
    likelihood_weight: float = 0.1
    seed: int = 2


@dataclass(frozen=True)
class LossWeights:
    """What counts in a restored patch beside the mean absolute error (`training.deblurring.restoration_loss`).

    Attributes
    ----------
    ssim
        Weight of 1 - SSIM.
    correlation
        Of 1 less the correlation with the truth.
    light
        Of the share of light at wrong places.
    """

    ssim: float = 0.1
    correlation: float = 0.1
    light: float = 0.3


_LOSS = LossWeights()
_FIELDS = replace(IDENTIFICATION["light"], procedural_share=0.4)
"""Of deblurring: photographs have no points, and no lines as thin as fluorescent ones."""


@dataclass(frozen=True)
class DeblurringRecipe:
    """How a deblurring network is trained.

    Attributes
    ----------
    network
        The architecture.
    schedule
        Length and learning rate; samples are patches.
    fields
        Blurs of each batch; each is identified once, on a large field, and restored in several patches.
    patch_size
        Side of the patches in pixels.
    identification
        How the fields are made; its network and schedule are not used.
    true_share, made_up_share
        Shares of fields restored with the true operator, and with made-up estimates of a known spread; the others are
        restored with what the identification network says. Fields without noise are never of the last kind.
    made_up_std
        Smallest and largest standard deviation of the coefficients of made-up estimates, waves; log-uniform.
    made_up_candidates
        Candidates that are averaged into a made-up estimate.
    loss
        What counts beside the mean absolute error.
    cutoffs
        Pupil cut-offs fc, in cycles per pixel, that batches are drawn at.
    noise
        Range of the noise.
    seed
        Seed of everything.
    """

    network: deblurring_network.DeblurringConfig
    schedule: Schedule
    fields: int = 4
    patch_size: int = 130
    identification: IdentificationRecipe = _FIELDS
    true_share: float = 0.35
    made_up_share: float = 0.25
    made_up_std: tuple[float, float] = (0.003, 0.09)
    made_up_candidates: int = 6
    loss: LossWeights = _LOSS
    cutoffs: tuple[float, ...] = (0.14, 0.17, 0.20, 0.23, 0.25, 0.261, 0.261, 0.27)
    noise: NoiseRange = field(default_factory=NoiseRange)
    seed: int = 1


@dataclass(frozen=True)
class DeblurringAdaptationRecipe:
    """How a deblurring network is adapted to the measured PSFs of one microscope.

    Attributes
    ----------
    family
        SHA-256 of the family.
    schedule
        Length and learning rate; samples are patches.
    patch_size
        Side of the patches in pixels.
    true_share
        Share of patches restored with the true operator; the others with estimates of every quality.
    error
        Smallest and largest error of these estimates, in standard deviations of the family's parameters; log-uniform.
    loss
        What counts beside the mean absolute error.
    noise
        Range of the noise.
    procedural_share
        Share of procedural scenes; the others come from the folder of sharp images, where one is given.
    seed
        Seed of everything.
    """

    family: str
    schedule: Schedule = field(default_factory=lambda: Schedule(samples=12_000, batch_size=8, peak=6e-4))
    patch_size: int = 130
    true_share: float = 0.3
    error: tuple[float, float] = (0.03, 2.0)
    loss: LossWeights = _LOSS
    noise: NoiseRange = field(default_factory=NoiseRange)
    procedural_share: float = 0.15
    seed: int = 3


DEBLURRING = {
    "light": DeblurringRecipe(deblurring_network.LIGHT, Schedule(samples=60_000, batch_size=8, peak=1e-3)),
    "paper": DeblurringRecipe(
        deblurring_network.PAPER, Schedule(samples=1_000_000, batch_size=64, peak=3e-4), fields=16, patch_size=130
    ),
}
"""Recipes of `napari-deepblur train deblurring`, by name."""
