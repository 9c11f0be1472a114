"""The worlds that identification is measured in: optics, aberrations, and cameras from perfect to poor."""

from __future__ import annotations

import warnings
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.simulation.images import PAPER_MODES, paper_family
from napari_deepblur.errors import SettingsError, UndersamplingWarning
from napari_deepblur.operators import ZernikeFamily
from napari_deepblur.optics import Microscope
from napari_deepblur.pipeline.settings import recommended_psf_size

NOISES = {
    "none": (0.0, 0.0),
    "1e5": (1e-5, 3e-4),
    "1e4": (1e-4, 1e-3),
    "medium": (0.001, 0.003),
    "high": (0.005, 0.02),
}
"""alpha and beta by name; numbers are photons at the peak."""

AMPLITUDE = 0.15
"""Aberrations are uniform in +- this, in waves RMS, where nothing else is said."""

Amplitude = float | Literal["auto"] | None
"""What identification is told of the amplitude: waves, that it shall find out, or nothing at all."""


class World(NamedTuple):
    """Optics and aberrations.

    Attributes
    ----------
    name
        In the tables.
    truth
        The family that true blurs are drawn from.
    """

    name: str
    truth: ZernikeFamily

    def assumed(self, amplitude: Amplitude) -> ZernikeFamily:
        """Return the family that identification is given, of these optics and modes.

        Parameters
        ----------
        amplitude
            None takes the family's own default, whatever it is.
        """
        # The family itself says what it thinks of an amplitude.
        options: dict[str, Any] = {} if amplitude is None else {"max_amplitude": amplitude}
        return ZernikeFamily(self.truth.microscope, self.truth.modes, psf_size=self.truth.psf_size, **options)

    def draw(self, count: int, seed: int, amplitude: float = AMPLITUDE) -> NDArray[np.float32]:
        """Draw coefficients uniform in +-amplitude, shape (count, K): the same directions at every amplitude."""
        return np.asarray(np.float32(amplitude / self.truth.box) * self.truth.sample(count, seed))


def light_world(name: str) -> World:
    """Return one of `LIGHT_WORLDS`, with Noll 4-10 in +-0.15 waves.

    Raises
    ------
    SettingsError
        If there is no such world.
    """
    if name not in LIGHT_WORLDS:
        raise SettingsError(f"There is no world {name!r}, only {', '.join(LIGHT_WORLDS)}.")
    if name == "scalar":
        return World("scalar light, NA 1.41 oil", paper_family())
    na, index, words = (1.41, 1.51, "NA 1.41 oil") if name == "oil" else (1.2, 1.33, "NA 1.2 water")
    with warnings.catch_warnings():
        # fc = 0.261 is the paper's choice, and the table says so.
        warnings.simplefilter("ignore", UndersamplingWarning)
        microscope = Microscope(na, 0.540, 0.100, index, light="vectorial")
        size = recommended_psf_size(microscope)
        return World(words, ZernikeFamily(microscope, PAPER_MODES, AMPLITUDE, size))


LIGHT_WORLDS = ("oil", "water", "scalar")
"""NA 1.41 and 1.2 in vectorial light, and the paper's world."""


def thick_world() -> World:
    """NA 1.2 water (1.33), 0.525 um, 0.1 um pixels, Noll 4-11 in +-0.1 waves."""
    microscope = Microscope(1.2, 0.525, 0.100, 1.33, light="vectorial")
    modes = (*PAPER_MODES, 11)
    return World("NA 1.2 water", ZernikeFamily(microscope, modes, 0.1, recommended_psf_size(microscope)))
