"""Phase retrieval: the pupil that makes a bead stack likeliest.

A search on the brightest bead (`search.py`) finds where to begin, and Fisher's scoring (`likelihood.py`) goes on from
there with all beads.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from napari_deepblur.calibration.asked import check_fits
from napari_deepblur.calibration.centring import outliers
from napari_deepblur.calibration.pupil.beads import Beads, checked_stack, cut_beads, stack_noise
from napari_deepblur.calibration.pupil.choice import DEFAULT_MODES, PupilChoice, patch_side
from napari_deepblur.calibration.pupil.likelihood import Levels, State, all_explained, refined
from napari_deepblur.calibration.pupil.model import bead_model, depth_of_field, sharpest_plane
from napari_deepblur.calibration.pupil.report import report
from napari_deepblur.calibration.pupil.results import PupilRetrieval
from napari_deepblur.calibration.pupil.search import SEARCH_STEPS, searched
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.optics import Microscope, as_microscope
from napari_deepblur.progress import Progress, finished, within

_STEPS = 30
"""Most steps of the fit, each of the two times that it may be made."""


def retrieve_pupil(
    stack: ArrayLike,
    microscope: Microscope,
    *,
    plane_spacing_um: float,
    modes: Sequence[int] = DEFAULT_MODES,
    amplitude: Sequence[int] = (),
    bead_diameter_um: float | None = None,
    patch_size: int | None = None,
    most_beads: int = 6,
    noise: PoissonGaussianNoise | None = None,
    threshold: float | None = None,
    saturation: float | None = None,
    seed: int = 0,
) -> PupilRetrieval:
    """Find the pupil of a microscope from a stack of beads through focus.

    The beads of the stack share one pupil, P(rho) (1 + sum_j c_j Z_j) exp(2 i pi sum_k theta_k Z_k) in vectorial light,
    and each has its own place between pixels and planes, and its light and background in each plane. All of it is
    chosen such that the counts are likeliest, with noise as that of a camera.

    Parameters
    ----------
    stack
        Beads through focus, shape (planes, rows, columns), any real type. Where the blur varies over the field, crop a
        region.
    microscope
        The optics.
    plane_spacing_um
        Distance of each plane from the one before, in micrometres in the immersion medium; negative where the planes
        were taken the other way. With the wrong sign the even modes have the wrong sign, and all else is the same.
    modes
        Noll indices of the wavefront, from 5 on. Focus (Noll 4) is the height of a bead.
    amplitude
        Noll indices of the transmission of the pupil, such as (4, 11) for one that gets darker towards its edge.
    bead_diameter_um
        Diameter of the beads; by default they are points.
    patch_size
        Side of the patches in pixels, odd; by default what the light fills.
    most_beads
        How many beads are used, the brightest first.
    noise
        Of the stack; by default it is estimated.
    threshold, saturation
        As in `calibrate`.
    seed
        Of the random starts.

    Returns
    -------
    PupilRetrieval
        Coefficients with error bars, and the measured PSF beside the modelled one. `deblur_stack` takes its `pupil`.

    Raises
    ------
    CalibrationError
        If the stack, its spacing or a number cannot be used, or no bead can.

    Notes
    -----
    Sources: B. M. Hanser, M. G. L. Gustafsson, D. A. Agard, J. W. Sedat, "Phase-retrieved pupil functions in wide-field
    fluorescence microscopy", J. Microsc. 216, 32 (2004); P. N. Petrov, Y. Shechtman, W. E. Moerner, "Measurement-based
    estimation of global pupil functions in 3D localization microscopy", Opt. Express 25, 7945 (2017).
    """
    choice = PupilChoice(
        plane_spacing_um, modes, amplitude, bead_diameter_um, patch_size, most_beads, noise, threshold, saturation, seed
    )
    return finished(retrieve_pupil_steps(stack, microscope, choice))


def retrieve_pupil_steps(
    stack: ArrayLike, microscope: Microscope, choice: PupilChoice
) -> Generator[Progress, None, PupilRetrieval]:
    """Find a pupil step by step, yielding progress; arguments, result and errors are those of `retrieve_pupil`."""
    as_microscope(microscope)
    values = checked_stack(stack)
    side = choice.patch_size or patch_side(microscope, len(values), choice.plane_spacing_um)
    if choice.bead_diameter_um is not None:
        check_fits(choice.bead_diameter_um, microscope, side)
    step = choice.plane_spacing_um / microscope.pixel_size_um
    modes, amplitude = tuple(choice.modes), tuple(choice.amplitude)
    total = SEARCH_STEPS + 2 * _STEPS
    yield Progress("find", 0, total)
    beads = cut_beads(values, microscope, side, choice.most_beads, choice.threshold, choice.saturation)
    known = choice.noise or stack_noise(values, microscope)
    levels = Levels(known.alpha, known.beta)
    beads = beads._replace(patches=beads.patches - known.offset)
    focus = [step * sharpest_plane(patch) for patch in beads.patches]
    shape = len(values), side
    model = bead_model(microscope, modes, amplitude, shape, step, choice.bead_diameter_um)
    found = yield from within(
        searched(model, modes, beads.patches[0], focus[0], depth_of_field(microscope), levels, choice.seed),
        0,
        SEARCH_STEPS,
        total,
    )
    # What aberrations move the focus of the first bead by, they move that of the others by.
    heights = torch.tensor(focus) + found.places[0, 2] - focus[0]
    places = torch.stack([torch.zeros_like(heights), torch.zeros_like(heights), heights], dim=1)
    places[0] = found.places[0]
    state = State(found.shared, places, math.inf)
    for attempt in range(2):
        models = [model] * len(beads.patches)
        for count, better in enumerate(refined(models, list(beads.patches), levels, state, _STEPS)):
            state = better
            yield Progress("refine", SEARCH_STEPS + attempt * _STEPS + count, total)
        fits = all_explained(models, list(beads.patches), levels, state)
        wrong = outliers(np.array([fit.deviance for fit in fits]) / beads.patches[0].numel()) & (len(fits) > 3)
        if attempt or not wrong.any():
            break
        beads, state = _without(beads, state, wrong)
    yield Progress("refine", total, total)
    return report(microscope, choice, known, model, beads, state, fits)


def _without(beads: Beads, state: State, wrong: NDArray[np.bool_]) -> tuple[Beads, State]:
    """Leave out the beads that the common pupil does not explain."""
    kept = torch.from_numpy(~wrong)
    note = f"{int(wrong.sum())} beads do not look like the others, and were left out."
    beads = Beads(beads.patches[kept], beads.points[~wrong], (*beads.notes, note))
    return beads, state._replace(places=state.places[kept])
