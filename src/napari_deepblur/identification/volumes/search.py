"""The lowest energy of a stack: many short descents at few frequencies, then one at all of them."""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from napari_deepblur.identification.volumes.cross_spectra import CrossSpectra
from napari_deepblur.identification.volumes.descent import Box, Minimum, descend
from napari_deepblur.identification.volumes.marginal import Marginal, Specimen
from napari_deepblur.operators import ZernikeFamily

_STARTS = {"thin": 14, "thick": 14}
FEW, _SHORT, _LONG = 200, 12, 40
"""Frequencies of the search, steps of each start, and steps of the best ones."""

_KEPT = {"thin": 7, "thick": 7}
"""Starts that are followed to their end: for a thick specimen about one in three ends in the lowest minimum."""

_SPREAD = {"thin": 0.6, "thick": 0.5}
"""Half-width of the starts, in units of that of the box."""

_EXPECTED = 0.12
"""Standard deviation of coefficients where no amplitude is stated, in waves."""

_TURN = 12
"""Steps at a time, between which the computation can be stopped."""


class View(NamedTuple):
    """A stack as it is looked at.

    Attributes
    ----------
    spectra
        Its cross-spectra.
    numbers
        Of its planes, shape (Z,).
    step
        Their distance in pixel lengths, signed.
    family
        Optics and modes.
    """

    spectra: CrossSpectra
    numbers: Tensor
    step: float
    family: ZernikeFamily

    def marginal(self, specimen: Specimen, spectra: CrossSpectra | None = None) -> Marginal:
        """Energy of all frequencies, or of other spectra."""
        return Marginal(
            spectra or self.spectra, self.numbers, self.step, self.family.microscope, self.family.modes, specimen
        )

    def box(self, specimen: Specimen) -> Box:
        """Where the unknowns may lie."""
        largest = self.family.box
        expected = largest / 3**0.5 if self.family.amplitude_is_stated else _EXPECTED
        span = abs(self.step) * float(self.numbers[-1] - self.numbers[0])
        optics = self.family.microscope
        reach = span / 2 + optics.wavenumber / optics.cutoff**2
        free = np.array([mode != 4 for mode in self.family.modes])
        return Box(free, largest, expected, reach if specimen == "thin" else None)


def search_steps(view: View, specimen: Specimen, seed: int = 0) -> Generator[int, None, Minimum]:
    """Search with a part of the frequencies; yields the number of descents done, returns the best minimum."""
    generator = torch.Generator().manual_seed(seed)
    count = len(view.spectra.planes)
    chosen = torch.randperm(count, generator=generator)[:FEW].sort().values
    marginal, box = view.marginal(specimen, view.spectra.every(chosen)), view.box(specimen)
    free = torch.from_numpy(box.free)
    # Few steps lie on zero exactly, where E of a thick specimen has a saddle: its two signs are alike.
    draws = 2 * torch.rand((_STARTS[specimen], len(free)), generator=generator) - 1
    thetas = draws * free * _SPREAD[specimen] * min(box.largest, 1.5 * box.expected)
    minima = []
    for done, (theta, focus) in enumerate(zip(thetas, _foci(view, marginal, specimen), strict=True), start=1):
        minima.append(descend(marginal, box, marginal.begin(theta, focus), _SHORT))
        yield done
    best = sorted(minima, key=lambda minimum: minimum.energy)[: _KEPT[specimen]]
    for done, minimum in enumerate(list(best), start=len(thetas) + 1):
        best.append(descend(marginal, box, minimum.unknowns, _LONG))
        yield done
    return min(best, key=lambda minimum: minimum.energy)


def descents(specimen: Specimen) -> int:
    """Count the descents of `search_steps`."""
    return _STARTS[specimen] + _KEPT[specimen]


def searched(view: View) -> float:
    """Frequencies for each one that the search looks at: energies at all of them are so many times as large."""
    return max(len(view.spectra.planes) / FEW, 1.0)


def polish_steps(marginal: Marginal, box: Box, start: Minimum) -> Generator[int, None, Minimum]:
    """Descend at all frequencies; yields the number of turns done."""
    minimum = start
    for turn in range(3):
        before = minimum.energy
        minimum = descend(marginal, box, minimum.unknowns, _TURN)
        yield turn + 1
        if turn and before - minimum.energy < 0.1:
            break
    return minimum


def _foci(view: View, marginal: Marginal, specimen: Specimen) -> list[float]:
    """Where a thin specimen may lie: half of the starts at the sharpest plane, the others all over the stack."""
    count, heights = _STARTS[specimen], marginal.heights
    if specimen == "thick":
        return [0.0] * count
    radius = np.hypot(*view.spectra.frequencies.T)
    fine = torch.from_numpy(radius > np.median(radius))
    power = view.spectra.planes[fine].diagonal(dim1=-2, dim2=-1).real.mean(0)
    sharpest = float(heights[power.argmax()])
    spread = np.linspace(float(heights[0]), float(heights[-1]), count // 2 + 2)[1:-1]
    return [sharpest] * (count - count // 2) + [float(height) for height in spread]
