"""Noise of a camera: the Poisson-Gaussian model, and its estimate from one image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_deepblur.on_demand import on_demand

if TYPE_CHECKING:
    from napari_deepblur.noise.estimate import estimate_noise
    from napari_deepblur.noise.model import PoissonGaussianNoise, sample_noise
else:
    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "napari_deepblur.noise.estimate": ("estimate_noise",),
            "napari_deepblur.noise.model": ("PoissonGaussianNoise", "sample_noise"),
        },
    )


__all__ = ["PoissonGaussianNoise", "estimate_noise", "sample_noise"]
