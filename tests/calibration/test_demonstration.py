"""The simulated microscope: repeatable, of the right light, and the sample is what it says."""

from __future__ import annotations

import numpy as np
import pytest

from napari_deepblur.calibration.demonstration import (
    Demonstration,
    bead_stack,
    coefficients,
    demonstration_microscope,
    sample_demonstration,
    true_psfs,
    vignetting,
)
from napari_deepblur.errors import CalibrationError
from napari_deepblur.io.images import read_image, read_pixel_size_um
from napari_deepblur.samples.beads import bead_sample_microscope, bead_sample_path

SMALL = Demonstration(n_stacks=1, n_planes=3, step_um=0.8, field_shape=(128, 128), n_beads=6, distance=40)
MIDDLE = np.array([[63.5, 63.5]])


def test_light_is_conserved_and_spreads_out_of_focus():
    psfs = true_psfs(SMALL, 0, MIDDLE, 101)[0]
    np.testing.assert_allclose(psfs.sum(axis=(1, 2)), 1, atol=0.03)
    assert psfs[1].max() > 3 * max(psfs[0].max(), psfs[2].max())


def test_a_shift_moves_the_psf():
    still, moved = (true_psfs(SMALL, 0, MIDDLE, 41, shifts=np.array([s]))[0] for s in ((0, 0), (2, -3)))
    inside = np.s_[:, 5:-5, 5:-5]
    np.testing.assert_allclose(moved[inside], np.roll(still, (2, -3), (1, 2))[inside], atol=1e-6)


def test_aberrations_vary_over_the_field_and_between_stacks_and_light_fades_to_the_corners():
    corners = np.array([[0.0, 0.0], [127.0, 127.0]])
    assert np.ptp(coefficients(SMALL, 0, corners), axis=0).max() > 0.02
    assert np.abs(coefficients(SMALL, 0, corners) - coefficients(SMALL, 1, corners)).max() > 0.005
    np.testing.assert_allclose(vignetting(SMALL, np.vstack([MIDDLE, corners])), [1, 0.7, 0.7], atol=1e-9)


def test_stacks_follow_from_the_seed_and_their_peak_from_the_photons():
    first, again = (bead_stack(SMALL, 0, 500.0) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.dtype == np.uint16
    clean = bead_stack(SMALL, 0, None)
    assert clean.dtype == np.float32
    # 100 counts without light, 2 counts a photon, 4 photons of background.
    assert np.median(first[1]) == pytest.approx(108, abs=3)
    assert 700 < first.max() < 2500


def test_the_sample_is_made_of_what_it_says():
    sample = read_image(bead_sample_path())
    assert bead_sample_path().stat().st_size <= 300_000
    assert read_pixel_size_um(bead_sample_path()) == pytest.approx(0.065)
    assert bead_sample_microscope() == demonstration_microscope()
    # Another processor may round another way, and then a few photons differ.
    assert np.mean(sample == bead_stack(sample_demonstration(), 0, 1000.0)) > 0.99


def test_impossible_demonstrations_are_refused():
    with pytest.raises(CalibrationError, match="positive"):
        Demonstration(n_stacks=0)
    for photons in (np.nan, 0.0, 1e30):
        with pytest.raises(CalibrationError, match="photons at the peak"):
            bead_stack(SMALL, 0, photons)
    with pytest.raises(CalibrationError, match="at least 96"):
        Demonstration(field_shape=(64, 512))
