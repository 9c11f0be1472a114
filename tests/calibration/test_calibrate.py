"""Calibration of a small simulated microscope: its PSFs come back, and whatever is wrong is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import fft
from scipy.interpolate import RegularGridInterpolator

from napari_deepblur.calibration import Calibration, Reason, calibrate, calibrate_steps, retrieve_pupil
from napari_deepblur.calibration.basis import GRID, BeadSet, eigen_psfs, fit_functions, fit_maps
from napari_deepblur.calibration.centring import _best_shifts
from napari_deepblur.calibration.demonstration import Demonstration, bead_positions, true_psfs
from napari_deepblur.calibration.selection import TOLERANCE, choose
from napari_deepblur.calibration.splines import unit_square
from napari_deepblur.calibration.survey import too_few
from napari_deepblur.errors import CalibrationError, MicroscopeError
from napari_deepblur.optics import Microscope
from napari_deepblur.progress import Progress, finished

PATCH = 25
OPTICS = Microscope(1.2, 0.525, 0.1)


def modelled(found: Calibration, points: NDArray[np.floating]) -> NDArray[np.float64]:
    """PSFs of all planes at points, shape (P, L, k, k)."""
    axis = np.linspace(0, 1, GRID)
    maps = RegularGridInterpolator((axis, axis), np.moveaxis(found.maps, 0, -1), method="cubic")
    at_points = maps(unit_square(points, found.field_shape))
    return np.asarray(np.einsum("lij,pj,iyx->plyx", found.thetas, at_points, found.eigen_psfs))


def test_modelled_psfs_are_the_true_ones_where_no_bead_was(calibration: Calibration, demo: Demonstration):
    points = np.random.default_rng(5).uniform(40, 150, (4, 2))
    for stack in range(demo.n_stacks):
        model = modelled(calibration, points)[:, 2 * stack : 2 * stack + 2]
        wide = true_psfs(demo, stack, points, PATCH + 10)
        # Where a bead really lay, no camera can tell: a common shift of both planes is free.
        pairs = zip(wide, model, strict=True)
        shifts = np.concatenate([_best_shifts(fft.rfft2(h[None]), m, PATCH + 10) for h, m in pairs])
        true = true_psfs(demo, stack, points, PATCH, shifts=-shifts)
        true /= true.sum(axis=(-2, -1), keepdims=True)
        error = np.square(model - true).sum(axis=(-2, -1)) / np.square(true).sum(axis=(-2, -1))
        assert -10 * np.log10(error.mean()) > 17


def test_thetas_are_in_the_order_of_stacks_and_planes_and_maps_orthonormal(calibration: Calibration):
    images, psfs, maps = calibration.thetas.shape
    assert (images, psfs, maps) == (4, len(calibration.eigen_psfs), len(calibration.maps))
    flat = calibration.eigen_psfs.reshape(psfs, -1)
    np.testing.assert_allclose(flat @ flat.T, np.eye(psfs), atol=1e-5)
    flat = calibration.maps.reshape(maps, -1)
    np.testing.assert_allclose(flat @ flat.T / GRID**2, np.eye(maps), atol=1e-4)
    error = np.square(calibration.measured_psfs - calibration.modelled_psfs).sum()
    assert error < 0.05 * np.square(calibration.measured_psfs).sum()


def test_the_family_has_the_modelled_psfs(calibration: Calibration, demo: Demonstration):
    family = calibration.family
    assert (family.field_shape, family.microscope) == (demo.field_shape, demo.microscope)
    points = np.random.default_rng(6).uniform(0, 191, (5, 2))
    expected = modelled(calibration, points)
    for plane, theta in enumerate(calibration.thetas):
        np.testing.assert_allclose(family.psf(theta, points), expected[:, plane], atol=1e-4 * np.abs(expected).max())
    # Each example is a plane's PSF at a bead.
    for image, point, model in zip(
        calibration.example_images, calibration.example_points, calibration.modelled_psfs, strict=True
    ):
        psf = family.psf(calibration.thetas[image], point[None])[0]
        assert np.square(psf - model).sum() < 1e-4 * np.square(model).sum()


def test_kept_beads_lie_where_beads_were_put(calibration: Calibration, demo: Demonstration):
    table = calibration.beads
    for stack in range(2):
        truth, _ = bead_positions(demo, stack)
        mine = table.points[table.kept & (table.stack == stack)]
        distance = np.linalg.norm(mine[:, None] - truth[None], axis=-1).min(axis=1)
        assert distance.max() < 1.5
    assert table.counts()["kept"] == table.kept.sum() >= 16
    assert all(reason is not Reason.KEPT for reason, kept in zip(table.reason, table.kept, strict=True) if not kept)
    assert table.as_csv().count("\n") == len(table) + 1


def test_numbers_are_the_smallest_within_tolerance_of_the_best(calibration: Calibration):
    for errors, count in (
        (calibration.psf_errors, len(calibration.eigen_psfs)),
        (calibration.map_errors, len(calibration.maps)),
    ):
        assert count == choose(errors)
        assert errors[count] <= errors.min() + TOLERANCE
    assert choose(np.array([1.0, 0.5, 0.2, 0.1995, 0.25])) == 2


def test_progress_grows_to_its_total_and_a_closed_generator_stops(stacks: list[NDArray[np.generic]]):
    reports: list[Progress] = []
    found = finished(calibrate_steps(stacks, patch_size=PATCH, n_psfs=3, n_maps=2), reports.append)
    assert found.thetas.shape == (4, 3, 2)
    assert found.psf_errors.size == found.map_errors.size == 0
    assert [r.done for r in reports] == sorted(r.done for r in reports)
    assert reports[-1].done == reports[-1].total
    steps = calibrate_steps(stacks, patch_size=PATCH)
    next(steps)
    steps.close()
    with pytest.raises(StopIteration):
        next(steps)


def test_beads_can_be_excluded_by_hand_and_images_come_in_any_type(calibration: Calibration, stacks):
    table = calibration.beads
    row, column = table.points[np.flatnonzero(table.kept & (table.stack == 0))[0]]
    planes = [stacks[0][0].astype(np.float64)]
    found = calibrate(planes, patch_size=PATCH, n_psfs=3, n_maps=2, overrides=[(0, row, column, False)])
    nearest = np.hypot(found.beads.row - row, found.beads.column - column).argmin()
    assert found.beads.reason[nearest] is Reason.USER
    assert found.thetas.shape == (1, 3, 2)


def test_brightness_carries_vignetting_into_the_maps():
    y, x = np.mgrid[:240, :240]
    plane = np.full((240, 240), 10.0)
    for row in range(40, 220, 40):
        for column in range(40, 220, 40):
            plane += (2000 - 5 * column) * np.exp(-((y - row) ** 2 + (x - column) ** 2) / 8)
    points = np.array([[120, 60], [120, 180]])
    kept = modelled(calibrate(plane, patch_size=21, n_psfs=1, n_maps=2, normalise=False), points).sum(axis=(-2, -1))
    np.testing.assert_allclose(kept[1, 0] / kept[0, 0], (2000 - 900) / (2000 - 300), rtol=0.02)
    flat = modelled(calibrate(plane, patch_size=21, n_psfs=1, n_maps=2), points).sum(axis=(-2, -1))
    np.testing.assert_allclose(flat, 1, atol=0.01)


def test_sets_of_known_rank_are_recovered_exactly():
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.standard_normal((49, 2)))[0].T
    sets = []
    for _ in range(2):
        points = rng.uniform(size=(15, 2))
        weights = np.stack([2 + points[:, 0], points[:, 1] - 0.5], axis=-1)[:, None] * [[[1.0, 1.0]], [[1.0, -0.5]]][0]
        patches = (weights @ basis).astype(np.float32)
        sets.append(BeadSet(points, patches, np.ones(1)))
    found, values = eigen_psfs(sets, 2)
    np.testing.assert_allclose(found.T @ found, basis.T @ basis, atol=1e-4)
    assert values[2] < 1e-4 * values[0]
    model = fit_maps(sets, [fit_functions(beads, found) for beads in sets], 2, 5)
    # Two linear functions of the place: a product of no more than three maps.
    assert model.theta.shape[-1] <= 3
    predicted = np.einsum("ij,jp,ik->pk", model.theta[0], model.maps(sets[0].points), found)
    np.testing.assert_allclose(predicted, sets[0].patches[:, 0], atol=1e-3)


@pytest.mark.parametrize(
    "stacks, options, words",
    [
        ([], {}, "no bead images"),
        ([np.zeros((2, 3, 90, 90))], {}, "4 axes"),
        ([np.zeros((40, 90))], {}, "several patches"),
        ([np.zeros((90, 90)), np.zeros((91, 90))], {}, "same field"),
        ([np.full((90, 90), np.nan)], {}, "NaN"),
        ([np.ma.MaskedArray(np.ones((90, 90)), np.eye(90) > 0)], {}, "masked array"),
        ([np.zeros((90, 90), complex)], {}, "complex128"),
        ([np.zeros((90, 90))], {"patch_size": 24}, "odd"),
        ([np.zeros((90, 90))], {"n_maps": 0}, "n_maps"),
        ([np.zeros((90, 90))], {"bead_diameter_um": 0.1}, "no microscope"),
        ([np.zeros((90, 90))], {}, "0 usable beads of 0 found, expected at least 8"),
        ([np.zeros((90, 90))], {}, "Nothing in it stands out as a bead"),
        ([np.zeros((90, 90), bool)], {}, "bool"),
        ([np.zeros((90, 90, 3))], {}, "90, 90, 3.*transpose"),
        ("beads.tif", {}, "name of a file"),
        (None, {}, "type object"),
        ([np.zeros((90, 90))], {"overrides": [(0, 40.0)]}, "four values"),
        ([np.zeros((90, 90))], {"threshold": np.nan}, "threshold is nan"),
        ([np.zeros((90, 90))], {"threshold": -5.0}, "more than 0"),
        ([np.zeros((90, 90))], {"threshold": "5"}, "threshold is '5'"),
        ([np.zeros((90, 90))], {"saturation": np.nan}, "saturation is nan"),
        ([np.zeros((90, 90))], {"bead_diameter_um": 100, "microscope": OPTICS}, "Is it in nanometres"),
        ([np.zeros((90, 90))], {"bead_diameter_um": "0.1", "microscope": OPTICS}, "positive number"),
        ([np.zeros((90, 90))], {"bead_diameter_um": 3.0, "microscope": OPTICS}, "2.5 um: a bead does not fit"),
        ([np.zeros((90, 90))], {"overrides": [(1, 40.0, 40.0, True)]}, "overrides name stack 1, expected 0 to 0"),
    ],
)
def test_bad_input_is_diagnosed(stacks: list[NDArray[np.generic]], options: dict[str, object], words: str):
    with pytest.raises(CalibrationError, match=words):
        calibrate(stacks, **{"patch_size": PATCH} | options)  # type: ignore[arg-type]


def test_more_eigen_psfs_than_the_beads_show_are_refused(stacks: list[NDArray[np.generic]]):
    with pytest.raises(CalibrationError, match=r"n_psfs is 100, .* no more than \d+ PSFs"):
        calibrate(stacks[0], patch_size=PATCH, n_psfs=100, n_maps=1)


def test_an_array_of_another_kind_is_one_stack_and_not_its_planes(stacks: list[NDArray[np.generic]]):
    options: dict[str, Any] = {"patch_size": PATCH, "n_psfs": 2, "n_maps": 1}
    as_array = calibrate(stacks[0], **options)
    other = calibrate(torch.from_numpy(stacks[0].astype(np.float32)), **options)
    assert set(other.beads.stack) == {0}
    np.testing.assert_allclose(other.thetas, as_array.thetas, rtol=1e-3, atol=1e-3)


def test_what_is_no_microscope_is_refused(stacks: list[NDArray[np.generic]]):
    with pytest.raises(MicroscopeError, match="The microscope is a dict"):
        calibrate(stacks[0], {"na": 1.4}, patch_size=PATCH)  # type: ignore[arg-type]
    with pytest.raises(MicroscopeError, match="The microscope is a NoneType"):
        retrieve_pupil(stacks[0], None, plane_spacing_um=0.2)  # type: ignore[arg-type]


def test_stacks_are_called_by_their_names_where_they_have_some(stacks: list[NDArray[np.generic]]):
    names = ["a.tif", "b.tif"]
    for second, words in ((np.zeros((9, 9)), "b.tif has the shape"), (np.zeros_like(stacks[0]), "b.tif has 0 usable")):
        with pytest.raises(CalibrationError, match=words):
            finished(calibrate_steps([stacks[0], second], patch_size=PATCH, names=names))


def test_a_blank_plane_is_named(stacks: list[NDArray[np.generic]]):
    blank = stacks[0].copy()
    blank[0] = 108
    with pytest.raises(CalibrationError, match="Plane 0 of stack 1 has"):
        calibrate([stacks[1], blank], patch_size=PATCH, n_psfs=2, n_maps=1)


def test_good_beads_that_are_too_few_are_not_said_to_be_bad() -> None:
    words = str(too_few(0, 1, [Reason.KEPT] * 5))
    assert "5 usable beads of 5 found" in words and "All that were found are good: take an image with more" in words
    assert "Lower the threshold, or" in str(too_few(0, 1, [Reason.KEPT] * 4 + [Reason.BORDER]))


def test_advice_follows_what_was_wrong_with_most() -> None:
    full = [Reason.SATURATED] * 11 + [Reason.BORDER] * 12
    assert "11 saturated. Expose more briefly" in str(too_few(0, 1, full))
    assert "bright beads on a dark background" in str(too_few(0, 1, [Reason.PIXEL] * 20 + [Reason.BORDER] * 30))
    assert "smaller patches" in str(too_few(0, 1, [Reason.SATURATED] * 2 + [Reason.NEIGHBOUR] * 30))


def test_too_few_beads_say_why_the_others_were_rejected(stacks: list[NDArray[np.generic]]):
    with pytest.raises(CalibrationError, match=r"expected at least 8; rejected: \d+ near the border"):
        calibrate(stacks[0], patch_size=61)
