"""One plane of a thick specimen, as a camera sees it: the plane in focus, and all others through the same pupil."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.simulation.geometry import Box
from napari_deepblur.errors import SettingsError
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import ConvolutionOperator
from napari_deepblur.optics import Microscope, psf_model, zernike_psf

_MARGIN = 20
"""Pixels around the cone of light that belong to a PSF: diffraction and aberrations."""

Image = NDArray[np.float32]


class Plane(NamedTuple):
    """One plane of a thick specimen.

    Attributes
    ----------
    image
        What the camera sees, of peak one but for the noise, shape (H, W).
    sharp
        The plane in focus, in the same units.
    out_of_focus
        Share of the light in the image that comes from other planes.
    """

    image: Image
    sharp: Image
    out_of_focus: float


class ThickCamera:
    """A camera focused on the middle one of a number of planes: y = sum_z h_z * x_z.

    Parameters
    ----------
    microscope
        The optics.
    modes
        Noll indices of the aberrations.
    planes
        Number of planes; odd.
    spacing_um
        Their distance.
    side
        Of the image, in pixels.

    Raises
    ------
    SettingsError
        If the number of planes is even: none would be in focus.
    """

    def __init__(
        self, microscope: Microscope, modes: tuple[int, ...], planes: int, spacing_um: float, side: int
    ) -> None:
        if planes < 1 or planes % 2 == 0:
            raise SettingsError(f"{planes} planes were asked for, expected an odd number: the middle one is in focus.")
        self.side = side
        step = spacing_um / microscope.pixel_size_um
        # h_z belongs to a point z below the focus, so that y_0 = sum_z h_(0 - z) * x_z.
        self.distances = [step * (planes // 2 - plane) for plane in range(planes)]
        slope = microscope.na / math.sqrt(max(microscope.n_immersion**2 - microscope.na**2, 1e-6))
        sizes = [2 * (math.ceil(abs(z) * slope) + _MARGIN) + 1 for z in self.distances]
        pupil = microscope.pupil
        self.models = [psf_model(pupil, modes, size, abs(z)) for size, z in zip(sizes, self.distances, strict=True)]
        self.box = Box(
            (planes, side + max(sizes) - 1, side + max(sizes) - 1),
            (spacing_um, microscope.pixel_size_um, microscope.pixel_size_um),
        )
        """What a specimen has to fill: the image, and all that shines into it from beside."""

    def psfs(self, theta: NDArray[np.float32]) -> list[Tensor]:
        """PSF of each plane (k_z, k_z), of sum 1: defocus moves light, and does not take any away."""
        waves = torch.from_numpy(np.asarray(theta, np.float32))
        return [
            zernike_psf(waves, model, torch.tensor(z)) for model, z in zip(self.models, self.distances, strict=True)
        ]

    def planes(self, volume: NDArray[np.float32], theta: NDArray[np.float32]) -> Tensor:
        """Return what each plane of a volume (`box.shape`) contributes to the image, shape (Z, side, side)."""
        seen = []
        for plane, psf in zip(torch.from_numpy(volume), self.psfs(theta), strict=True):
            spare = (plane.shape[-1] - self.side - psf.shape[-1] + 1) // 2
            scene = plane[spare : plane.shape[0] - spare, spare : plane.shape[1] - spare]
            seen.append(ConvolutionOperator(psf, (self.side, self.side)).forward(scene))
        return torch.stack(seen)

    def take(
        self, volume: NDArray[np.float32], theta: NDArray[np.float32], noise: tuple[float, float], seed: int
    ) -> Plane:
        """Take an image of a volume with noise (alpha, beta)."""
        seen = self.planes(volume, theta).double().numpy()
        image = seen.sum(0)
        gain = 1 / image.max()
        spare = (volume.shape[-1] - self.side) // 2
        middle = volume[len(volume) // 2, spare : spare + self.side, spare : spare + self.side]
        noisy = PoissonGaussianNoise(*noise).sample(gain * image, seed)
        share = 1 - float(seen[len(seen) // 2].sum() / image.sum())
        return Plane(noisy.astype(np.float32), (gain * middle).astype(np.float32), share)
