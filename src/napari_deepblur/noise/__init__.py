"""Noise of a camera: the Poisson-Gaussian model, and its estimate from one image."""

from napari_deepblur.noise.estimate import estimate_noise
from napari_deepblur.noise.model import PoissonGaussianNoise, sample_noise

__all__ = ["PoissonGaussianNoise", "estimate_noise", "sample_noise"]
