"""Training batches for the measured PSFs of one microscope: windows of its field, blurred as it blurs them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from napari_deepblur.errors import FamilyError
from napari_deepblur.networks.statistics import WINDOW
from napari_deepblur.networks.trunk import reference_cutoff
from napari_deepblur.noise import sample_noise
from napari_deepblur.operators import ProductConvolutionOperator
from napari_deepblur.operators.families import MeasuredFamily
from napari_deepblur.operators.families.local_coordinates import (
    LocalCoordinates,
    gram_matrix,
    local_coordinates,
    local_weights,
)
from napari_deepblur.optics import resampled_psfs

_MAP_GRID = 33
_STRIDE = 32
"""That of the identification network's encoder."""


class MeasuredBatch(NamedTuple):
    """Degraded windows with everything that is known about them.

    Attributes
    ----------
    image
        Blurred windows of peak one with noise, shape (B, 1, S, S), at the reference cut-off.
    coordinates
        True coordinates u of the PSF in the middle of each window, shape (B, R).
    energy
        |h|^2 of that PSF, shape (B,).
    position
        Middle (row, column) of each window in the field, from -1 to 1, shape (B, 2).
    noise
        alpha and beta, shape (B, 2).
    """

    image: Tensor
    coordinates: Tensor
    energy: Tensor
    position: Tensor
    noise: Tensor


class MeasuredOptics:
    """A measured family at the sampling of a network.

    Parameters
    ----------
    family
        With observed parameters.
    window
        Side of the training windows in pixels; smaller where the field is.
    device
        Where to compute.
    factor
        Pixels of the network on a pixel of the family: `network_scale` for identification, 1 for deblurring.
    stride
        Sides of windows are multiples of this.

    Raises
    ------
    FamilyError
        If the observed parameters are missing, or the field is smaller than 64 pixels there.
    """

    def __init__(
        self, family: MeasuredFamily, window: int, device: torch.device, factor: float, stride: int = _STRIDE
    ) -> None:
        self.family = family
        self.local: LocalCoordinates = local_coordinates(family)
        self.gram = gram_matrix(family)
        self._factor = factor
        # The network's windows of 64 pixels see no more; and nothing is cut off where nothing is resampled.
        largest = family.psf_size if factor == 1 else WINDOW - 1
        self.eigen_psfs = torch.from_numpy(resampled_psfs(family.eigen_psfs, factor, largest)).float().to(device)
        self.psf_size = int(self.eigen_psfs.shape[-1])
        self._field = tuple(side * factor for side in family.field_shape or (math.inf, math.inf))
        self.window = min(window, *(int(side // stride) * stride for side in self._field if side < math.inf), window)
        if self.window < WINDOW:
            raise FamilyError(
                f"The field of this family, {family.field_shape} pixels, is {min(self._field):.0f} pixels wide at the "
                f"sampling of the network, expected at least {WINDOW}. Calibrate a larger field."
            )
        rows, columns = (np.linspace(0, side - 1, _MAP_GRID) for side in family.field_shape or (1, 1))
        grid = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
        maps = family.maps_at(grid).T.reshape(-1, _MAP_GRID, _MAP_GRID)
        self._maps = torch.from_numpy(maps).float().to(device)

    def place(self, n: int, generator: torch.Generator) -> Tensor:
        """Draw the middles (row, column) of `n` windows that lie in the field, in pixels of the family; (n, 2)."""
        device = self._maps.device
        if self.family.field_shape is None:
            return torch.zeros(n, 2, device=device)
        draws = torch.rand(n, 2, generator=generator, device=device)
        room = torch.tensor([side - self.window for side in self._field], device=device)
        return (self.window / 2 + draws * room) / self._factor - 0.5

    def relative(self, middles: Tensor) -> Tensor:
        """Positions from -1 to 1 of places in pixels of the family, (B, 2)."""
        return relative_positions(middles, self.family.field_shape)

    def truth(self, theta: NDArray[np.float32], middles: Tensor) -> tuple[Tensor, Tensor]:
        """Coordinates u (B, R) and energies |h|^2 (B,) of thetas (B, K) at places (B, 2)."""
        places = middles.cpu().numpy()
        each = [local_weights(self.family, t[None], p[None])[0, 0] for t, p in zip(theta, places, strict=True)]
        c = np.array(each)
        energy = np.einsum("bi,ij,bj->b", c, self.gram, c)
        found = self.local.of(c, self.gram)
        device = middles.device
        return torch.from_numpy(found).float().to(device), torch.from_numpy(energy).float().to(device)

    def operator(self, theta: NDArray[np.float32], middles: Tensor) -> ProductConvolutionOperator:
        """Field-varying blur of one window for each theta (B, K), for scenes (B, 1, S + k - 1, S + k - 1)."""
        device = self._maps.device
        side = self.window + self.psf_size - 1
        offsets = (torch.arange(side, device=device) - (side - 1) / 2) / self._factor
        shape = self.family.field_shape or (1, 1)
        axes = [2 * (middles[:, axis, None] + offsets) / max(shape[axis] - 1, 1) - 1 for axis in (0, 1)]
        rows = axes[0][:, :, None].expand(-1, side, side)
        columns = axes[1][:, None, :].expand(-1, side, side)
        maps = F.grid_sample(
            self._maps.expand(len(middles), -1, -1, -1),
            torch.stack((columns, rows), dim=-1),
            mode="bicubic",
            padding_mode="border",
            align_corners=True,
        )
        weights = torch.from_numpy(theta).to(device).view(len(theta), 1, len(self.eigen_psfs), -1)
        return ProductConvolutionOperator(self.eigen_psfs, maps[:, None], weights)


def network_scale(family: MeasuredFamily) -> float:
    """Pixels of the identification network on a pixel of a family.

    Raises
    ------
    FamilyError
        If the family has no microscope.
    """
    if family.microscope is None:
        raise FamilyError(
            "This family does not say which microscope it is of, so that the scale of its images is unknown. "
            "Calibrate again with the microscope given."
        )
    return family.microscope.cutoff / reference_cutoff()


def measured_batch(
    optics: MeasuredOptics, scene: Tensor, noise: Tensor, seed: int, generator: torch.Generator
) -> MeasuredBatch:
    """Blur and spoil scenes (B, 1, S + k - 1, S + k - 1) as the microscope would at random places of its field."""
    theta = optics.family.sample(len(scene), seed)
    middles = optics.place(len(scene), generator)
    blurred = optics.operator(theta, middles).forward(scene)
    # The pipeline stretches every image it sees to [0, 1]; sparse scenes would come out dark here.
    gain = 1 / blurred.amax(dim=(-3, -2, -1), keepdim=True).clamp_min(0.02)
    image = sample_noise(gain * blurred, noise[:, 0], noise[:, 1], generator)
    coordinates, energy = optics.truth(theta, middles)
    return MeasuredBatch(image, coordinates, energy, optics.relative(middles), noise)


def relative_positions(middles: Tensor, field_shape: tuple[int, int] | None) -> Tensor:
    """Positions from -1 to 1 of places (B, 2) in pixels of the field; zeros where there is no field."""
    if field_shape is None:
        return torch.zeros_like(middles)
    last = torch.tensor([max(side - 1, 1) for side in field_shape], device=middles.device)
    return 2 * middles / last - 1
