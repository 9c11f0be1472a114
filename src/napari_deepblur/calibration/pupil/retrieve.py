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

from napari_deepblur.calibration.centring import outliers
from napari_deepblur.calibration.pupil.beads import Beads, checked_stack, cut_beads, stack_noise
from napari_deepblur.calibration.pupil.likelihood import Levels, State, all_explained, refined
from napari_deepblur.calibration.pupil.model import bead_model, depth_of_field, patch_side, sharpest_plane
from napari_deepblur.calibration.pupil.report import report
from napari_deepblur.calibration.pupil.results import PupilRetrieval
from napari_deepblur.calibration.pupil.search import SEARCH_STEPS, searched
from napari_deepblur.errors import CalibrationError
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.optics import Microscope, noll_to_nm
from napari_deepblur.progress import Progress, finished, within

DEFAULT_MODES = tuple(range(5, 22))
"""Noll 5 to 21: all of the radial orders 2 to 5, but focus."""

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
    return finished(
        retrieve_pupil_steps(
            stack,
            microscope,
            plane_spacing_um=plane_spacing_um,
            modes=modes,
            amplitude=amplitude,
            bead_diameter_um=bead_diameter_um,
            patch_size=patch_size,
            most_beads=most_beads,
            noise=noise,
            threshold=threshold,
            saturation=saturation,
            seed=seed,
        )
    )


def retrieve_pupil_steps(
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
) -> Generator[Progress, None, PupilRetrieval]:
    """Find a pupil step by step, yielding progress; arguments, result and errors are those of `retrieve_pupil`."""
    values = checked_stack(stack)
    _check(plane_spacing_um, modes, amplitude, bead_diameter_um, patch_size, most_beads)
    side = patch_size or patch_side(microscope, len(values), plane_spacing_um)
    step = plane_spacing_um / microscope.pixel_size_um
    total = SEARCH_STEPS + 2 * _STEPS
    yield Progress("find", 0, total)
    beads = cut_beads(values, microscope, side, most_beads, threshold, saturation)
    known = noise or stack_noise(values, microscope)
    levels = Levels(known.alpha, known.beta)
    beads = beads._replace(patches=beads.patches - known.offset)
    focus = [step * sharpest_plane(patch) for patch in beads.patches]
    shape = len(values), side
    model = bead_model(microscope, tuple(modes), tuple(amplitude), shape, step, bead_diameter_um)
    found = yield from within(
        searched(model, tuple(modes), beads.patches[0], focus[0], depth_of_field(microscope), levels, seed),
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
            yield Progress("fit", SEARCH_STEPS + attempt * _STEPS + count, total)
        fits = all_explained(models, list(beads.patches), levels, state)
        wrong = outliers(np.array([fit.deviance for fit in fits]) / beads.patches[0].numel()) & (len(fits) > 3)
        if attempt or not wrong.any():
            break
        beads, state = _without(beads, state, wrong)
    yield Progress("fit", total, total)
    return report(microscope, tuple(modes), tuple(amplitude), plane_spacing_um, known, model, beads, state, fits)


def _without(beads: Beads, state: State, wrong: NDArray[np.bool_]) -> tuple[Beads, State]:
    """Leave out the beads that the common pupil does not explain."""
    kept = torch.from_numpy(~wrong)
    note = f"{int(wrong.sum())} beads do not look like the others, and were left out."
    beads = Beads(beads.patches[kept], beads.points[~wrong], (*beads.notes, note))
    return beads, state._replace(places=state.places[kept])


def _check(
    spacing: float,
    modes: Sequence[int],
    amplitude: Sequence[int],
    diameter_um: float | None,
    patch_size: int | None,
    most_beads: int,
) -> None:
    if not math.isfinite(spacing) or spacing == 0:
        raise CalibrationError(
            f"The plane spacing is {spacing} um, expected a distance other than zero, negative where the planes were "
            "taken the other way."
        )
    for name, chosen, least in (("modes", modes, 5), ("amplitude", amplitude, 2)):
        for j in chosen:
            noll_to_nm(j)
        if len(set(chosen)) < len(chosen) or min(chosen, default=least) < least or (name == "modes" and not chosen):
            raise CalibrationError(
                f"{name} are {tuple(chosen)}, expected different Noll indices from {least} on. Piston, tilts and focus "
                "of the wavefront (Noll 1 to 4) are the place of a bead."
            )
    if patch_size is not None and (patch_size < 9 or patch_size % 2 == 0):
        raise CalibrationError(f"patch_size is {patch_size}, expected an odd number of at least 9 pixels.")
    if diameter_um is not None and not 0 < diameter_um < math.inf:
        raise CalibrationError(f"bead_diameter_um is {diameter_um}, expected a positive number of micrometres.")
    if most_beads < 1:
        raise CalibrationError(f"most_beads is {most_beads}, expected at least 1.")
