"""How long the identification of a stack will take, from a few evaluations on this machine."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch

from napari_deepblur.identification.volumes.cross_spectra import cross_spectra, window_side
from napari_deepblur.identification.volumes.descent import descend
from napari_deepblur.identification.volumes.marginal import Specimen
from napari_deepblur.identification.volumes.search import FEW, View
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import ZernikeFamily

_SEARCHED, _POLISHED = 550, 100
"""Evaluations of the energy at a part of the frequencies for each kind of specimen, and at all of them for the one that
is chosen, its curvature included, about as they were counted on simulated points."""


def identification_seconds(
    shape: Sequence[int], family: ZernikeFamily, plane_spacing_um: float, kinds: Sequence[Specimen]
) -> float:
    """Predict the time of `identify_volume_steps` by a step of descent on noise; it hardly depends on the stack.

    Parameters
    ----------
    shape
        Planes, rows and columns.
    family
        The blurs that are possible.
    plane_spacing_um
        Distance of the planes.
    kinds
        The specimens that are considered.
    """
    microscope, depth = family.microscope, int(shape[0])
    side = window_side((int(shape[1]), int(shape[2])), microscope)
    stack = np.random.default_rng(0).normal(100, 10, (depth, side, side)).astype(np.float32)
    spectra = cross_spectra(stack, PoissonGaussianNoise(0.0, 5.0, 0.0), microscope)
    step = plane_spacing_um / microscope.pixel_size_um
    view = View(spectra, torch.arange(depth), step, family)
    few = view._replace(spectra=spectra.every(torch.arange(min(FEW, len(spectra.planes)))))
    each = {kind: _evaluation(few, kind) for kind in kinds}
    at_all = max(each.values()) * len(spectra.planes) / len(few.spectra.planes)
    return _SEARCHED * sum(each.values()) + _POLISHED * at_all


def _evaluation(view: View, kind: Specimen) -> float:
    """Return the seconds that one evaluation of the energy and its gradient takes."""
    marginal, box = view.marginal(kind), view.box(kind)
    start = marginal.begin(torch.full((len(view.family.modes),), 0.02))
    before = time.perf_counter()
    evaluations = descend(marginal, box, start, 1).evaluations
    return (time.perf_counter() - before) / evaluations
