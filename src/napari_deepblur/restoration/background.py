"""One plane as the only known plane of a volume: what shines in from above and below is found, and set apart.

The camera sees y = sum_z A_z x_z + noise, the plane in focus and all others through the same pupil, defocused. One
image cannot tell where light out of focus is from; but no plane in focus explains what varies as slowly as it does, and
many planes together do. Richardson-Lucy, started from planes that are all alike, shares the light out between them. It
is stopped early, where counts that it has not seen are predicted best.

For Richardson-Lucy itself the plane in focus is the result. Every other method restores y - sum_(z != 0) A_z x_z, with
the noise that the light set apart has left behind.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_deepblur.operators import ConvolutionOperator, LinearOperator, VolumeOperator
from napari_deepblur.optics import Pupil, psf_planes, psf_planes_model
from napari_deepblur.restoration.blur import Blur
from napari_deepblur.restoration.restorers import Restorer, Step
from napari_deepblur.solvers import HeldOut, accelerated_richardson_lucy
from napari_deepblur.solvers.levels import Levels
from napari_deepblur.solvers.state import observed

REACH = 6
"""Planes on each side of the focus."""

_STEP = 0.5
"""Distance of the planes in depths of focus, n wavelength / NA^2."""

_ITERATIONS = 30
_AROUND, _LARGEST_HALF = 10, 48
"""Pixels of a PSF beyond its cone of light, and the largest half of its side: farther light is nearly constant."""

_BYTES_PER_PIXEL = 1000
_PRODUCTS_PER_PIXEL = 6000
"""Those of spectra and scenes of all planes, and of an iteration's transforms."""


@dataclass(frozen=True)
class VolumeBlur(Blur):
    """Blur of a plane in focus, and of the planes around it.

    Attributes
    ----------
    psfs
        PSFs of planes -`REACH` to `REACH`, shape (2 REACH + 1, l, l), each of sum 1; the middle one is in focus.
    size
        Side k of the PSF in focus; what is beyond it is zero.
    error
        Expected relative squared error of the PSF in focus.
    """

    psfs: Tensor
    size: int
    error: float = 0.0

    @property
    def psf_size(self) -> int:
        """Side k of the PSF in focus, in pixels; odd."""
        return self.size

    @property
    def spread(self) -> float:
        """Expected relative squared error of the PSF in focus."""
        return self.error

    def operator(self, shape: tuple[int, int], origin: tuple[int, int], device: torch.device) -> VolumeOperator:
        """Make the operator of a stack of one plane, between unknown ones."""
        half = self.size // 2
        return VolumeOperator(self.psfs.to(device), (1, *shape), (REACH, half, half))


def volume_blur(focus: Tensor, spread: float, theta: Tensor, pupil: Pupil, modes: tuple[int, ...]) -> VolumeBlur:
    """Make the blur of a plane and its surroundings.

    Parameters
    ----------
    focus
        PSF in focus, shape (k, k): the average over what is likely, where it was identified.
    spread
        Its expected relative squared error.
    theta
        Coefficients of the planes out of focus, in waves, shape (K,).
    pupil, modes
        Of theta.
    """
    size = focus.shape[-1]
    step = _STEP / (pupil.aperture * pupil.cutoff)
    slope = pupil.aperture / math.sqrt(max(1 - pupil.aperture**2, 1e-3))
    half = max(min(math.ceil(REACH * step * slope) + _AROUND, _LARGEST_HALF), size // 2)
    psfs = psf_planes(theta, psf_planes_model(pupil, modes, 2 * half + 1, step, REACH))
    room = half - size // 2
    psfs[REACH] = torch.nn.functional.pad(focus, (room, room, room, room))
    return VolumeBlur(psfs, size, spread)


class BackgroundRestorer(Restorer):
    """A method of restoration for the plane in focus, after the light of all others has been set apart.

    Parameters
    ----------
    inner
        Restores what is left; None takes the plane that Richardson-Lucy has found.
    iterations
        Largest number of iterations on the volume.
    """

    def __init__(self, inner: Restorer | None, iterations: int | None = None) -> None:
        self._inner = inner
        self._volume_iterations = iterations or _ITERATIONS

    @property
    def iterations(self) -> int:
        """Those on the volume, and those of the method."""
        return self._volume_iterations + (0 if self._inner is None else self._inner.iterations)

    @property
    def bytes_per_pixel(self) -> int:
        """Those of the volume, or of the method."""
        return max(_BYTES_PER_PIXEL, 0 if self._inner is None else self._inner.bytes_per_pixel)

    @property
    def products_per_pixel(self) -> int:
        """Those of the costlier of the two."""
        return max(_PRODUCTS_PER_PIXEL, 0 if self._inner is None else self._inner.products_per_pixel)

    def steps(
        self,
        image: Tensor,
        operator: LinearOperator,
        noise: tuple[float, float],
        spread: float,
        weights: Tensor | None = None,
        levels: Levels | None = None,
    ) -> Iterator[Step]:
        """Yield scenes of the plane in focus, (1, 1, H + k - 1, W + k - 1), the last with the light it leaves out."""
        assert isinstance(operator, VolumeOperator)
        volume, done = None, 0
        # Hidden pixels hold something plausible: only the data of the volume leaves them out.
        masked = observed(operator, weights)
        open_ = image if weights is None else image * weights
        held = HeldOut(open_, noise) if noise[0] > 0 else None
        seen = (open_, noise) if held is None else (held.kept, held.noise)
        for state in accelerated_richardson_lucy(masked, *seen, iterations=self._volume_iterations, monitor=held):
            volume, done = state.estimate, state.iteration
            yield Step(done, volume[:, REACH : REACH + 1])
        assert volume is not None
        background = _others(operator, volume)
        if self._inner is None:
            yield Step(done, volume[:, REACH : REACH + 1], background)
            return
        half = (operator.scene_shape[-1] - operator.image_shape[-1]) // 2
        size = operator.psf.shape[-1]
        inner = slice(size // 2 - half, size // 2 + half + 1)
        focus = ConvolutionOperator(operator.psf[REACH, inner, inner][None, None], operator.image_shape[1:])
        level_left = noise[0], math.sqrt(noise[1] ** 2 + noise[0] * float(background.mean()))
        for step in self._inner.steps(image - background, focus, level_left, spread, weights):
            yield Step(done + step.iteration, step.scene, background)


def _others(operator: VolumeOperator, volume: Tensor) -> Tensor:
    """Light of all planes but the one in focus, in the image, shape (1, 1, H, W)."""
    others = volume.clone()
    others[..., REACH, :, :] = 0
    seen: Tensor = operator.forward(others)
    return seen
