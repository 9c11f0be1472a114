"""The sample of a blur that varies over the field, `simulated field` in napari's File menu, with its truth."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import skimage.color
import skimage.data
from numpy.typing import NDArray

from napari_deepblur import PoissonGaussianNoise, load_family
from napari_deepblur.errors import SettingsError
from napari_deepblur.io.families import find_family
from napari_deepblur.operators import ProductConvolutionFamily

_SEED = 3
_OFFSET, _COUNTS, _PHOTONS = 100.0, 4000.0, 1000.0


class FieldSample(NamedTuple):
    """The sample.

    Attributes
    ----------
    image, sharp
        What the camera counts, and the truth in the same units, shape (H, W).
    family
        The calibrated family.
    theta
        Parameters of the blur.
    """

    image: NDArray[np.float32]
    sharp: NDArray[np.float32]
    family: ProductConvolutionFamily
    theta: NDArray[np.float32]


def field_sample() -> FieldSample:
    """Blur a sharp picture as the demonstration microscope does, 1000 photons at the peak; the same at every call.

    Raises
    ------
    SettingsError
        If the demonstration family is of another kind than it was.
    """
    family = load_family(find_family("demonstration"))
    if not isinstance(family, ProductConvolutionFamily):
        raise SettingsError(f"The demonstration family is a {type(family).__name__}, expected a calibrated one.")
    sharp = 1 - skimage.color.rgb2gray(skimage.data.immunohistochemistry()).astype(np.float32)
    theta = family.sample(1, _SEED)[0]
    scene = np.pad(sharp, family.psf_size // 2, mode="symmetric")
    blurred = family.operator(theta, sharp.shape).forward(scene)
    noise = PoissonGaussianNoise(_COUNTS / _PHOTONS, 3.0, _OFFSET)
    counts = noise.sample(_OFFSET + _COUNTS * blurred / blurred.max(), _SEED)
    truth = sharp * np.float32(_COUNTS / blurred.max()) + np.float32(_OFFSET)
    return FieldSample(counts.astype(np.float32), truth, family, theta)
