"""What families share whose PSFs follow from the aberrations of a microscope."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.operators.families.base import OperatorFamily
from napari_deepblur.operators.families.facts import HIGHEST_AMPLITUDE, WAVES, Amplitude
from napari_deepblur.optics import Microscope

if TYPE_CHECKING:
    from napari_deepblur.operators.families.zernike import ZernikeFamily


class AberrationFamily(OperatorFamily):
    """A family of known optics, whose parameters are Zernike coefficients or what they follow from."""

    microscope: Microscope
    """The optics and the sampling."""

    @property
    @abstractmethod
    def max_amplitude(self) -> Amplitude:
        """Largest expected coefficient in waves RMS; ``"auto"`` where nobody states one."""

    @property
    def amplitude_is_stated(self) -> bool:
        """Whether somebody says how large the coefficients may be."""
        return self.max_amplitude != "auto"

    @property
    def box(self) -> float:
        """Half-width of the box that holds all coefficients, in waves RMS: the stated amplitude, else 0.3."""
        return HIGHEST_AMPLITUDE if self.max_amplitude == "auto" else self.max_amplitude

    @property
    @abstractmethod
    def local(self) -> ZernikeFamily:
        """The blurs at one place of the field."""

    @property
    def measured(self) -> None:
        """None: the PSFs are a formula."""
        return None

    @property
    def pixel_size_um(self) -> float:
        """Pixel size in the sample, in micrometres: that of the microscope."""
        return self.microscope.pixel_size_um

    @property
    def units(self) -> str:
        """``"waves RMS"``."""
        return WAVES

    @property
    def tensors(self) -> dict[str, NDArray[np.float32]]:
        """None: all numbers are in `numbers` and the microscope."""
        return {}
