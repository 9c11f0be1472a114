"""What the power spectra of windows say about the parameters of a measured family, without any training.

Parameters drawn from the family are weighed by how well their PSFs explain the spectrum of each window: the energy E of
`spectral_energy`, in which the spectra of sharp scenes vary as those of many do. With the energies of all windows w,

    weight_n  ~  exp(-sum_w E_w(theta_n) / T),

and the belief is the Gaussian of the same mean and covariance.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import torch

from napari_deepblur.identification.gaussian import Gaussian
from napari_deepblur.identification.local_views import Window
from napari_deepblur.identification.resampling import resample
from napari_deepblur.identification.spectral_energy import Band, SpectralEnergy
from napari_deepblur.identification.windows import at_least
from napari_deepblur.networks.scene_spectra import SceneSpectra
from napari_deepblur.networks.statistics import WINDOW, prepare, sum_of_periodograms
from napari_deepblur.networks.trunk import reference_cutoff
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.noise.intensity import unit_scale
from napari_deepblur.operators.families import MeasuredFamily
from napari_deepblur.operators.families.local_coordinates import local_weights
from napari_deepblur.optics import resampled_psfs
from napari_deepblur.plane import Plane
from napari_deepblur.progress import Progress

_CANDIDATES = 1500
_AT_A_TIME = 100

_TEMPERATURE = 3.0
"""T of every window: the model of the scenes' spectra is not exact."""


def spectral_belief(
    image: Plane,
    family: MeasuredFamily,
    windows: list[Window],
    noise: PoissonGaussianNoise,
    scenes: SceneSpectra,
    seed: int = 0,
) -> Generator[Progress, None, Gaussian]:
    """Weigh parameters by the spectra of all windows.

    Parameters
    ----------
    image
        In its own units, shape (H, W).
    family
        With a microscope and observed parameters.
    windows
        Parts of the image.
    noise
        In the units of the image.
    scenes
        Statistics of the spectra of sharp scenes.
    seed
        Of the parameters that are drawn.

    Returns
    -------
    Gaussian
        As the value of the generator.
    """
    assert family.microscope is not None
    factor = family.microscope.cutoff / reference_cutoff()
    scale = unit_scale(image)
    theta = family.sample(_CANDIDATES, seed).astype(np.float64)
    places = np.array([window.middle for window in windows])
    coordinates = torch.from_numpy(local_weights(family, theta, places)).float()
    eigen_psfs = torch.from_numpy(resampled_psfs(family.eigen_psfs, factor, WINDOW - 1)).float()
    evidence = torch.zeros(_CANDIDATES)
    for index, window in enumerate(windows):
        part = scale.to_unit(image[window.rows, window.columns])
        pixels, level = resample(part, scale.noise_to_unit(noise), factor)
        views = prepare(torch.from_numpy(at_least(pixels, WINDOW))[None, None])
        total, count = sum_of_periodograms(views.pixels[:, :1])
        variance = float(level.variance(views.mean.item()) / views.std.item() ** 2)
        band = Band(eigen_psfs.shape[-1])
        energy = SpectralEnergy(total[0] / count, count, variance, band, scenes)
        parts = coordinates[:, index].split(_AT_A_TIME)
        values = []
        for c in parts:
            log_power = band.log_power(torch.einsum("ni,iyx->nyx", c, eigen_psfs))
            values.append(energy.of(log_power, energy.start(log_power)))
        evidence -= torch.cat(values) / _TEMPERATURE
        yield Progress("identify", index + 1, len(windows))
    weights = evidence.double().softmax(0).numpy()
    mean = weights @ theta
    return Gaussian(mean, (np.sqrt(weights)[:, None] * (theta - mean)).T)
