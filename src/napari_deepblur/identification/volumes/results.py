"""What is known of a volume's blur once it is identified."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari_deepblur.identification.volumes.marginal import Specimen
    from napari_deepblur.noise import PoissonGaussianNoise


FOCUS_NOTE = "Defocus (Noll 4) was held at zero: in a volume it is a shift along z."


@dataclass(frozen=True)
class VolumeIdentification:
    """One wavefront for all planes of a stack, with the signs of all its modes.

    Attributes
    ----------
    specimen
        ``"thin"``: it lies in one plane; ``"thick"``: it is about alike at all depths.
    theta
        Coefficients in waves RMS, shape (K,). Defocus (Noll 4) is zero: in a volume it is a shift along z.
    theta_std
        Their standard deviations, given the signs, shape (K,); zero for defocus.
    psfs
        PSF at each of `offsets_um`, each of sum 1, shape (Z, k, k).
    offsets_um
        Distance of each plane from focus, in micrometres: from where a thin specimen lies, and from the middle of the
        stack for a thick one, shape (Z,).
    sign_probability
        How likely the joint sign of all modes is right against the opposite one, between 0.5 and 1.
    specimen_log_odds
        Logarithm of the odds of this kind of specimen against the other; zero where only one was considered.
    noise
        The noise that was given or estimated, in the units of the stack.
    parameter_names
        Names of the modes.
    notes
        What a user should know about the stack and the result, in sentences.
    """

    specimen: Specimen
    theta: NDArray[np.float32]
    theta_std: NDArray[np.float32]
    psfs: NDArray[np.float32]
    offsets_um: NDArray[np.float32]
    sign_probability: float
    specimen_log_odds: float
    noise: PoissonGaussianNoise
    parameter_names: tuple[str, ...]
    notes: tuple[str, ...] = ()
