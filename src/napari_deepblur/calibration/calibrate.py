"""Calibration of a microscope from images of beads, step by step.

Source: V. Debarnot, P. Escande, T. Mangeat, P. Weiss, "Learning low-dimensional models of microscopes", IEEE
Transactions on Computational Imaging 7, 178 (2021); J. Bigot, P. Escande, P. Weiss, "Estimation of linear operators
from scattered impulse responses", Applied and Computational Harmonic Analysis 47, 730 (2019).
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_deepblur.calibration.asked import check_diameter, check_fits, check_levels
from napari_deepblur.calibration.basis import (
    GRID,
    BeadSet,
    FieldModel,
    eigen_psfs,
    field_grid,
    fit_functions,
    fit_maps,
)
from napari_deepblur.calibration.results import Calibration
from napari_deepblur.calibration.selection import FEWEST_BEADS, MOST_MAPS, MOST_PSFS, choose, map_errors, psf_errors
from napari_deepblur.calibration.splines import unit_square
from napari_deepblur.calibration.stacks import check_stacks
from napari_deepblur.calibration.survey import Survey, bead_table, survey, too_few
from napari_deepblur.errors import CalibrationError
from napari_deepblur.optics import Microscope, as_microscope
from napari_deepblur.progress import Progress, finished, within

Count = int | Literal["auto"]
Override = tuple[int, float, float, bool]
"""A bead that the user decided on: stack, row, column, and whether it is used."""

_EXAMPLES = 24
_LEAST_SHARE = 0.1


def calibrate(
    stacks: ArrayLike | Sequence[ArrayLike],
    microscope: Microscope | None = None,
    *,
    bead_diameter_um: float | None = None,
    patch_size: int = 41,
    normalise: bool = True,
    n_psfs: Count = "auto",
    n_maps: Count = "auto",
    threshold: float | None = None,
    saturation: float | None = None,
    overrides: Sequence[Override] = (),
) -> Calibration:
    """Learn the space-varying blurs of a microscope from images of beads.

    Every plane l of every stack is one state of the microscope, whose PSF at the place z of the field is modelled as
    sum_ij theta_lij w_j(z) e_i.

    Parameters
    ----------
    stacks
        A list of bead stacks (z, y, x) and single images (y, x), all of the same field, of any real type.
    microscope
        The optics; needed for the diameter of the beads, and kept with the family.
    bead_diameter_um
        Diameter of the beads, whose blur is then removed; by default they count as points.
    patch_size
        Side k of the PSFs in pixels, odd. Light that falls farther from its bead is not part of the model.
    normalise
        Give the PSFs of every plane the sum one, and every bead the same brightness. Otherwise the beads keep their
        brightness relative to their median, which carries vignetting into the maps where all beads are alike.
    n_psfs, n_maps
        Numbers I and J; ``"auto"`` chooses them by the error at beads that are left out. There are fewer maps than
        asked for where the coefficients are sums of fewer functions of the field.
    threshold, saturation
        Of `find_beads` and `reject`.
    overrides
        Beads decided on by hand: (stack, row, column, used).

    Returns
    -------
    Calibration
        The family of all these blurs, and how it was found.

    Raises
    ------
    CalibrationError
        If the images do not fit together, a number is out of range, or a stack has too few usable beads.
    """
    return finished(
        calibrate_steps(
            stacks,
            microscope,
            bead_diameter_um=bead_diameter_um,
            patch_size=patch_size,
            normalise=normalise,
            n_psfs=n_psfs,
            n_maps=n_maps,
            threshold=threshold,
            saturation=saturation,
            overrides=overrides,
        )
    )


def calibrate_steps(
    stacks: ArrayLike | Sequence[ArrayLike],
    microscope: Microscope | None = None,
    *,
    bead_diameter_um: float | None = None,
    patch_size: int = 41,
    normalise: bool = True,
    n_psfs: Count = "auto",
    n_maps: Count = "auto",
    threshold: float | None = None,
    saturation: float | None = None,
    overrides: Sequence[Override] = (),
    names: Sequence[str] = (),
) -> Generator[Progress, None, Calibration]:
    """Calibrate step by step, yielding progress; arguments, result and errors are those of `calibrate`.

    Errors call the stacks by their `names`, such as those of their files, where there are some. Closing the generator
    cancels the calibration.
    """
    _check_numbers(patch_size, n_psfs, n_maps)
    check_levels(threshold, saturation)
    if microscope is not None:
        as_microscope(microscope)
    _check_diameter(bead_diameter_um, microscope, patch_size)
    planes = check_stacks(stacks, patch_size, names)
    if any(len(override) != 4 for override in overrides):
        raise CalibrationError("overrides are (stack, row, column, used): four values for each bead by hand.")
    strays = sorted({override[0] for override in overrides} - set(range(len(planes))))
    if strays:
        raise CalibrationError(
            f"overrides name stack {strays[0]}, expected 0 to {len(planes) - 1}: they count from 0, as the stacks do."
        )
    total = 2 * len(planes) + 20
    seen: list[Survey] = []
    for index, stack in enumerate(planes):
        yield Progress("find", len(seen), total)
        decided = [override[1:] for override in overrides if override[0] == index]
        seen.append(survey(stack, patch_size, microscope, bead_diameter_um, threshold, saturation, decided))
        if seen[-1].centred is None or seen[-1].good.sum() < FEWEST_BEADS:
            raise too_few(index, len(planes), seen[-1].reasons, names[index] if names else "")
    table = bead_table(seen)
    field = (planes[0].shape[1], planes[0].shape[2])
    sets = _bead_sets(seen, field, normalise, names)
    done = len(planes)
    psf_curve = map_curve = np.zeros(0)
    if n_psfs == "auto":
        psf_curve = yield from within(psf_errors(sets, _most(sets, MOST_PSFS)), done, done + 10, total)
        n_psfs = choose(psf_curve)
    if n_maps == "auto":
        map_curve = yield from within(map_errors(sets, n_psfs, MOST_MAPS), done + 10, done + 20, total)
        n_maps = choose(map_curve)
    done += 20
    yield Progress("fit", done, total)
    basis, singular = eigen_psfs(sets, n_psfs)
    if len(basis) < n_psfs:
        raise CalibrationError(
            f"n_psfs is {n_psfs}, but the beads show no more than {len(basis)} PSFs, each plane counted. Choose fewer, "
            "or 'auto'."
        )
    splines = []
    for beads in sets:
        splines.append(fit_functions(beads, basis))
        done += 1
        yield Progress("fit", min(done, total), total)
    model = fit_maps(sets, splines, n_psfs, n_maps)
    images, points, measured, modelled = _examples(sets, basis, model)
    square = (len(basis), patch_size, patch_size)
    return Calibration(
        eigen_psfs=basis.reshape(square).astype(np.float32),
        maps=model.maps(field_grid()).reshape(-1, GRID, GRID).astype(np.float32),
        thetas=model.theta.astype(np.float32),
        field_shape=field,
        microscope=microscope,
        beads=table,
        singular_values=singular,
        psf_errors=psf_curve,
        map_errors=map_curve,
        example_images=images,
        example_points=points * (np.array(field) - 1.0),
        measured_psfs=measured.reshape(-1, patch_size, patch_size),
        modelled_psfs=modelled.reshape(-1, patch_size, patch_size),
    )


def _bead_sets(seen: Sequence[Survey], field: tuple[int, int], normalise: bool, names: Sequence[str]) -> list[BeadSet]:
    """Scale the patches of every stack, and leave out what was rejected."""
    brightness = np.concatenate([part.centred.amplitude[part.good] for part in seen if part.centred is not None])
    sets = []
    for index, part in enumerate(seen):
        assert part.centred is not None
        good, found = part.good, part.centred
        light = found.amplitude[good, None] if normalise else np.array([[np.median(brightness)]])
        share = found.template.sum(axis=(1, 2))
        if share.min() < _LEAST_SHARE:
            name = names[index] if names else f"stack {index}"
            raise CalibrationError(
                f"Plane {int(share.argmin())} of {name} has {share.min():.0%} of the light in focus within its "
                f"patches, expected at least {_LEAST_SHARE:.0%}: it is blank, or too far out of focus. Leave the plane "
                "out, or choose larger patches."
            )
        scale = share * light if normalise else light
        patches = found.patches[good] / np.asarray(scale, dtype=np.float32)[..., None, None]
        patches = patches.reshape(*patches.shape[:2], -1)
        norms = np.linalg.norm(patches.mean(axis=0, dtype=np.float64), axis=-1)
        places = part.points[part.used][good] + found.shifts[good]
        sets.append(BeadSet(unit_square(places, field), patches, norms))
    return sets


def _examples(
    sets: Sequence[BeadSet], basis: NDArray[np.float64], model: FieldModel
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float32], NDArray[np.float32]]:
    """Choose beads evenly from all planes, and set the model beside them."""
    owners = [(beads, plane) for beads in sets for plane in range(len(beads.norms))]
    images = np.unique(np.linspace(0, len(owners) - 1, _EXAMPLES).round().astype(np.intp))
    points, measured, modelled = [], [], []
    for number, image in enumerate(images):
        beads, plane = owners[image]
        bead = (7 * number) % len(beads.points)
        points.append(beads.points[bead])
        measured.append(beads.patches[bead, plane])
        weights = model.theta[image] @ model.maps(beads.points[bead : bead + 1])[:, 0]
        modelled.append((weights @ basis).astype(np.float32))
    return images, np.array(points), np.array(measured), np.array(modelled)


def _check_numbers(patch_size: int, n_psfs: Count, n_maps: Count) -> None:
    if not isinstance(patch_size, (int, np.integer)) or patch_size < 9 or patch_size % 2 == 0:
        raise CalibrationError(f"patch_size is {patch_size!r}, expected an odd number of at least 9 pixels.")
    for name, value in (("n_psfs", n_psfs), ("n_maps", n_maps)):
        if value != "auto" and (not isinstance(value, (int, np.integer)) or not 1 <= value <= 100):
            raise CalibrationError(f"{name} is {value!r}, expected 'auto' or a whole number from 1 to 100.")


def _check_diameter(diameter_um: float | None, microscope: Microscope | None, patch_size: int) -> None:
    if diameter_um is None:
        return
    check_diameter(diameter_um)
    if microscope is None:
        raise CalibrationError("The diameter of the beads was given, but no microscope, whose pixel size it needs.")
    check_fits(diameter_um, microscope, patch_size)


def _most(sets: Sequence[BeadSet], most: int) -> int:
    """Return no more eigen-PSFs than a training fold has patches."""
    return min(most, sum(int(np.prod(beads.patches.shape[:2])) for beads in sets) // 2)
