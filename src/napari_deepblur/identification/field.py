"""Blind identification of any family: local views in windows of the field, and the parameters fitted to them."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import torch
from numpy.typing import NDArray

from napari_deepblur.errors import FamilyError
from napari_deepblur.identification.gaussian import Gaussian, prior_of
from napari_deepblur.identification.local_average import LocalPsfs, interpolated
from napari_deepblur.identification.local_views import (
    adapted_views,
    local_zernike,
    polynomial_views,
    windows_of,
)
from napari_deepblur.identification.results import MOST_DRAWS, Identification
from napari_deepblur.identification.spectral_scores import spectral_belief
from napari_deepblur.networks.adapted import AdaptedNetwork
from napari_deepblur.networks.identification import IdentificationNetwork
from napari_deepblur.networks.scene_spectra import SceneSpectra
from napari_deepblur.networks.trunk import Trunk
from napari_deepblur.noise import PoissonGaussianNoise, estimate_noise
from napari_deepblur.operators import OperatorFamily
from napari_deepblur.optics import Microscope
from napari_deepblur.plane import Plane
from napari_deepblur.progress import Progress

Array = NDArray[np.float64]

GRID = 4
"""Rows and columns of the places where PSFs are averaged and shown."""

_DRAWS = 48

_LOCAL_SIDE = 256
"""Side of the windows, at the reference cut-off, in which a polynomial of the field is looked for."""


def identify_field_steps(
    image: Plane,
    family: OperatorFamily,
    noise: PoissonGaussianNoise | None,
    device: torch.device,
    network: Trunk | None,
    scenes: SceneSpectra,
    origin: tuple[int, int],
) -> Generator[Progress, None, Identification]:
    """Identify the parameters of a family from local views; arguments and errors as in `identify_image_steps`.

    The prior is the Gaussian with mean and covariance of what the family admits (`OperatorFamily.sample`). Each window
    adds what the network saw there: a network that was adapted to the family gives the coordinates of the local PSF;
    the Zernike network gives coefficients, to which the polynomials of a `FieldZernikeFamily` are fitted, and PSFs,
    which are interpolated. For a measured family that no network was adapted to, its own PSFs are weighed by the
    spectra of the windows.
    """
    microscope = optics_of(family)
    shape = (image.shape[0], image.shape[1])
    check_in_field(family, shape, origin)
    yield Progress("noise", 0, 1)
    if noise is None:
        noise = estimate_noise(image, microscope)
    measured, zernike = family.measured, family.local
    if measured is not None and network is None:
        belief = yield from spectral_belief(image, measured, windows_of(shape, microscope, origin), noise, scenes)
    elif measured is not None and isinstance(network, AdaptedNetwork):
        prior = prior_of(family)
        windows = windows_of(shape, microscope, origin)
        seen = yield from adapted_views(image, measured, windows, noise, network, prior, device)
        belief = prior.after(seen)
    elif zernike is not None and isinstance(network, IdentificationNetwork):
        windows = windows_of(shape, microscope, origin, _LOCAL_SIDE)
        whole, *local = yield from local_zernike(image, zernike, windows, noise, device, network, scenes)
        belief = prior_of(family).after(polynomial_views(family, windows, local))
        points = even_grid(shape, origin, family.psf_size)
        return described(family, belief, points, interpolated(windows, local, whole, points), noise)
    else:
        raise FamilyError(
            f"These weights are of a {type(network).__name__}, which does not know the kind {family.kind}. Leave "
            "the choice of the weights to the program, or choose those that were adapted to this family."
        )
    points = even_grid(shape, origin, family.psf_size) if family.field_shape is not None else _middle(shape, origin)
    return described(family, belief, points, averaged(family, belief, points), noise)


def optics_of(family: OperatorFamily) -> Microscope:
    """Return the microscope of a family, which identification cannot do without.

    Raises
    ------
    FamilyError
        If the family has none.
    """
    if family.microscope is None:
        raise FamilyError(
            "This family does not say which microscope it is of, so that the scale of its images is unknown. "
            "Calibrate again with the microscope given, or give theta."
        )
    return family.microscope


def check_in_field(family: OperatorFamily, shape: tuple[int, int], origin: tuple[int, int]) -> None:
    """Raise a `FamilyError` if an image reaches out of the field of a family."""
    field = family.field_shape
    if field is None:
        return
    if any(o < 0 or o + n > side for o, n, side in zip(origin, shape, field, strict=True)):
        raise FamilyError(
            f"The image has {shape} pixels from {tuple(origin)} on, but the field of this family has {field}. The "
            "family was made for another camera size or binning, or the image is a crop whose origin was not given."
        )


def averaged(family: OperatorFamily, belief: Gaussian, points: Array) -> LocalPsfs:
    """Average the PSFs of a measured family, which are linear in theta, over what is believed."""
    psfs = family.psf(belief.mean, points)
    draws = np.stack([family.psf(theta, points) for theta in belief.draw(_DRAWS, seed=0)])
    errors = np.square(draws - psfs).sum(axis=(-2, -1)).mean(axis=0)
    return LocalPsfs(psfs, (errors / np.square(psfs).sum(axis=(-2, -1))).astype(np.float32))


def described(
    family: OperatorFamily, belief: Gaussian, points: Array, seen: LocalPsfs, noise: PoissonGaussianNoise
) -> Identification:
    """Put together what is believed of the parameters, and the PSFs at places of the field."""
    return Identification(
        theta=belief.mean.astype(np.float32),
        theta_std=belief.std.astype(np.float32),
        psfs=seen.psfs,
        psf_spread=seen.spread,
        points=points.astype(np.float32),
        noise=noise,
        parameter_names=family.parameter_names,
        even_modes=family.even_modes,
        units=family.units,
        draws=belief.draw(MOST_DRAWS, seed=1).astype(np.float32),
    )


def even_grid(shape: tuple[int, int], origin: tuple[int, int], psf_size: int) -> Array:
    """Places (row, column) of the field, `GRID` a side, the outer ones half a PSF inside the image; (GRID^2, 2)."""
    half = psf_size // 2
    axes = [np.linspace(min(half, (n - 1) / 2), max(n - 1 - half, (n - 1) / 2), GRID) for n in shape]
    places: Array = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2) + np.array(origin)
    return places


def _middle(shape: tuple[int, int], origin: tuple[int, int]) -> Array:
    return np.array([[(n - 1) / 2 + o for n, o in zip(shape, origin, strict=True)]])
