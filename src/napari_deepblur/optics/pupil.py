"""The pupil of an objective: what it passes of a point's light, and the phase that distance and index mismatch add.

Light is a vector. A freely rotating dipole radiates equally from all its directions in turn, and an aplanatic objective
refracts each ray onto the axis, which mixes the components. With s = rho / kb = sin(alpha), c = cos(alpha) and the
apodisation a = 1 / sqrt(c), the x- and y-polarised pupil fields of dipoles along x, y and z are

    a (c cos^2 phi + sin^2 phi),  a (c - 1) sin phi cos phi (twice),  a (c sin^2 phi + cos^2 phi),
    -a s cos phi,  -a s sin phi,

and the PSF is the sum of the squared moduli of their transforms. The first and the third are the sum and the difference
of a (1 + c) / 2 and a (1 - c) / 2 cos 2 phi, so that five fields are enough:

    sqrt(2) a { (1 + c) / 2,  (1 - c) / 2 cos 2 phi,  (1 - c) / 2 sin 2 phi },  a s cos phi,  a s sin phi.

Sources: B. Richards, E. Wolf, Proc. R. Soc. A 253, 358 (1959); L. Novotny, B. Hecht, "Principles of Nano-Optics".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.optics.zernike import zernike

Light = Literal["vectorial", "scalar"]
"""``"vectorial"``: freely rotating dipoles through an aplanatic objective; ``"scalar"``: one uniform pupil."""

_FOCUS_SAMPLES = 400
_FOCUS_STEPS = 4001


@dataclass(frozen=True)
class Pupil:
    """A pupil at one sampling of the image, in numbers without dimensions.

    Attributes
    ----------
    cutoff
        Cut-off frequency fc = NA * pixel / wavelength, in cycles per pixel.
    aperture
        NA / n, the sine of the objective's half angle, at most 1; 0 is the paraxial limit, in which vectorial and
        scalar light agree and there is no defocus by a distance.
    light
        The model of light.
    sample_aperture
        NA / n_sample; 0 where sample and immersion have the same index. Above 1 some of the aperture gets only
        evanescent waves.
    depth
        Depth of the point in the sample, times NA / wavelength.
    amplitude
        Pairs (j, c): the fields are multiplied by 1 + sum c Z_j, in Noll's polynomials (`zernike`). Empty for a pupil
        that passes what an aplanatic objective does.
    """

    cutoff: float
    aperture: float = 0.0
    light: Light = "vectorial"
    sample_aperture: float = 0.0
    depth: float = 0.0
    amplitude: tuple[tuple[int, float], ...] = ()

    @property
    def polarization(self) -> float:
        """How much the vector nature of light shows: the aperture for vectorial light, 0 for scalar light."""
        return self.aperture if self.light == "vectorial" else 0.0

    def fields(self, rho: NDArray[np.floating], phi: NDArray[np.floating]) -> NDArray[np.float64]:
        """Amplitudes of the pupil fields, at radii `rho` (1 at the edge) and angles `phi`.

        Parameters
        ----------
        rho, phi
            Polar coordinates in the unit pupil, any shape S; rho below 1, where the apodisation of NA = n is infinite.

        Returns
        -------
        ndarray
            Shape (5, *S), or (1, *S) where one field says it all; without the waves' phase.
        """
        passed = self._passed(rho)
        for j, weight in self.amplitude:
            passed = passed + weight * zernike(j, rho, phi) * self._passed(rho)
        if not self.polarization:
            return passed[None]
        s = self.aperture * rho
        c = np.sqrt(1 - s**2)
        common, crossed = math.sqrt(2) * (1 + c) / 2, math.sqrt(2) * (1 - c) / 2
        fields = (common, crossed * np.cos(2 * phi), crossed * np.sin(2 * phi), s * np.cos(phi), s * np.sin(phi))
        return np.asarray(np.stack(fields) * passed / np.sqrt(c))

    def axial(self, rho: NDArray[np.floating]) -> NDArray[np.float64]:
        """Waves that a defocus by one pixel's length adds, sqrt(kb^2 - rho^2) with rho in cycles per pixel."""
        if not self.aperture:
            return np.zeros(np.shape(rho))
        return self.cutoff * self._height(rho)

    def mismatch(self, rho: NDArray[np.floating]) -> NDArray[np.float64]:
        """Waves that the depth in a medium of another index adds, refocused to where the point is brightest.

        d (sqrt(n_s^2 - (NA rho)^2) - sqrt(n^2 - (NA rho)^2)) / wavelength, less the defocus that puts the maximum of
        the intensity on the axis into focus. Waves that are evanescent in the sample have only the second term; see
        `fields` for their amplitude.
        """
        if not (self.sample_aperture and self.depth) or self.sample_aperture == self.aperture:
            return np.zeros(np.shape(rho))
        shift, piston = _best_focus(self)
        return np.asarray(self._excess(rho) - shift * self._height(rho) - piston)

    def _height(self, rho: NDArray[np.floating]) -> NDArray[np.float64]:
        """Axial part of the wave vector, in units of NA / wavelength: sqrt((n / NA)^2 - rho^2)."""
        return np.asarray(np.sqrt(np.maximum(self.aperture**-2 - np.square(rho), 0.0)))

    def _excess(self, rho: NDArray[np.floating]) -> NDArray[np.float64]:
        own = np.sqrt(np.maximum(self.sample_aperture**-2 - np.square(rho), 0.0))
        return np.asarray(self.depth * (own - self._height(rho)))

    def _passed(self, rho: NDArray[np.floating]) -> NDArray[np.float64]:
        """Amplitude that arrives: 1, and exp(-2 pi d sqrt((NA rho)^2 - n_s^2) / wavelength) beyond n_s."""
        if not (self.sample_aperture and self.depth):
            return np.ones(np.shape(rho))
        beyond = np.sqrt(np.maximum(np.square(rho) - self.sample_aperture**-2, 0.0))
        passed: NDArray[np.float64] = np.exp(-2 * np.pi * self.depth * beyond)
        return passed


@cache
def _best_focus(pupil: Pupil) -> tuple[float, float]:
    """Defocus, in units of wavelength / NA, that makes the axis brightest, and the mean phase that is then left."""
    # Equal rings of the pupil's area, for a sum along the axis.
    ring = np.sqrt((np.arange(_FOCUS_SAMPLES) + 0.5) / _FOCUS_SAMPLES)
    phase, passed, height = pupil._excess(ring), pupil._passed(ring), pupil._height(ring)
    weight = passed**2
    centred = height - np.average(height, weights=weight)
    start = np.sum(weight * centred * phase) / np.sum(weight * centred**2)
    # The smallest variance of the phase, and beyond it as far as its error bends the best focus away.
    lit = weight > 0.5
    reach = 4 * (np.ptp((phase - start * centred)[lit]) + 0.05) / np.ptp(height[lit])
    shifts = start + np.linspace(-reach, reach, _FOCUS_STEPS)
    on_axis = np.abs(np.exp(-2j * np.pi * shifts[:, None] * height) @ (passed * np.exp(2j * np.pi * phase)))
    best = float(shifts[on_axis.argmax()])
    return best, float(np.average(phase - best * height, weights=weight))
