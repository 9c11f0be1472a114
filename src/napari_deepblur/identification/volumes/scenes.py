"""What a scene in three dimensions is expected to be: a smooth power spectrum with few parameters.

    log S(f, zeta) = sum_i a_i b_i,    b = 1, L, L^2, L^3, t, t L, cos 2 phi, sin 2 phi, cos 4 phi, sin 4 phi,

L = log(sqrt(f^2 + zeta^2) / fc), t = zeta^2 / (f^2 + zeta^2): any slope and any smooth bend of it, longer or shorter
along the axis than across, and with directions in the plane.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_SLOPE = -2.0
"""Mean of the exponent of a spectrum, over scenes."""

_PRECISION = (1e-4, 0.1, 1.0, 1.0, 0.3, 0.3, 2.0, 2.0, 2.0, 2.0)
_LARGEST_LOG = 40.0


class SceneBasis(NamedTuple):
    """Functions that log spectra are made of, and what is expected of their coefficients.

    Attributes
    ----------
    functions
        Shape (A, F * B).
    mean, precision
        Of the coefficients, shape (A,).
    """

    functions: Tensor
    mean: Tensor
    precision: Tensor

    def spectrum(self, scene: Tensor, bins: int) -> Tensor:
        """Power S at each frequency, shape (F, B), of coefficients (A,)."""
        logarithm = (scene @ self.functions).view(-1, bins)
        return logarithm.clamp(-_LARGEST_LOG, _LARGEST_LOG).exp()

    def penalty(self, scene: Tensor) -> Tensor:
        """Minus the logarithm of the prior of the coefficients, up to a constant."""
        found: Tensor = 0.5 * (self.precision * (scene - self.mean).square()).sum()
        return found


def scene_basis(frequencies: NDArray[np.float64], axial: Tensor, cutoff: float) -> SceneBasis:
    """Sample the functions at lateral frequencies (F, 2) and axial frequencies (B,), in cycles per pixel."""
    f, angle = np.hypot(*frequencies.T)[:, None], np.arctan2(*frequencies.T)[:, None]
    zeta = axial.double().numpy()[None]
    square = f**2 + zeta**2
    length, tilt, one = np.log(np.sqrt(square) / cutoff), zeta**2 / square, np.ones_like(square)
    functions = [one, length, length**2, length**3, tilt, tilt * length]
    functions += [turn(m * angle) * one for m in (2, 4) for turn in (np.cos, np.sin)]
    mean = torch.zeros(len(functions))
    mean[1] = _SLOPE
    return SceneBasis(torch.from_numpy(np.stack(functions)).float().flatten(1), mean, torch.tensor(_PRECISION))
