"""Cross-spectra of noise, and what they say of stacks that are not what they seem."""

from __future__ import annotations

import numpy as np
import pytest

from napari_deepblur.identification.volumes.cross_spectra import cross_spectra, window_side
from napari_deepblur.identification.volumes.prepared import axial_nyquist_um, prepare_volume, volume_notes
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import ZernikeFamily
from napari_deepblur.optics import Microscope
from tests.identification.volumes.conftest import MICROSCOPE, NOISE, Seen


def test_white_noise_is_the_unit_matrix() -> None:
    stack = np.random.default_rng(1).normal(5, 0.3, (3, 256, 256)).astype(np.float32)
    spectra = cross_spectra(stack, PoissonGaussianNoise(0, 0.3), MICROSCOPE)
    np.testing.assert_allclose(spectra.planes.mean(0).numpy(), np.eye(3), atol=0.02)
    np.testing.assert_allclose(spectra.shares.sum(0).numpy(), 1, atol=1e-6)


def test_what_a_window_mixes_in_are_the_bins_around() -> None:
    stack = np.random.default_rng(1).normal(5, 0.3, (3, 96, 96)).astype(np.float32)
    spectra = cross_spectra(stack, NOISE, MICROSCOPE)
    side = window_side((96, 96), MICROSCOPE)
    own = spectra.frequencies[None]
    near = spectra.frequencies[spectra.neighbours.numpy()]
    near = np.where(spectra.conjugate.numpy()[..., None], -near, near)
    off = np.abs(near - own) * side
    assert np.all(off[spectra.shares.numpy() > 0] < 1.001)


def test_windows_hold_as_many_cycles_at_any_sampling() -> None:
    assert window_side((512, 512), MICROSCOPE) == 64
    assert window_side((512, 512), Microscope(1.2, 0.525, 0.05, 1.33)) == 128
    assert window_side((40, 51), MICROSCOPE) == 40


def test_an_ordinary_stack_gives_no_notes(thick: Seen) -> None:
    assert volume_notes(cross_spectra(thick.stack, NOISE, MICROSCOPE)) == ((), True)


def test_planes_in_another_order_are_noticed(thick: Seen) -> None:
    notes, _ = volume_notes(cross_spectra(thick.stack[[3, 0, 5, 1, 6, 2, 4]], NOISE, MICROSCOPE))
    assert "another order" in notes[0]


def test_a_time_series_taken_for_a_stack_is_noticed(thick: Seen) -> None:
    still = np.stack([NOISE.sample(thick.stack[3].clip(0), seed) for seed in range(5)]).astype(np.float32)
    # The noise of the image that is repeated belongs to the scene here.
    notes, carries = volume_notes(cross_spectra(still, NOISE, MICROSCOPE))
    assert "time series" in notes[0] and carries


@pytest.mark.parametrize(("spacing", "words"), [(1.5, "Nyquist"), (0.02, "less than the depth of focus")])
def test_odd_spacings_are_said_with_the_number(spacing: float, words: str, thin: Seen, family: ZernikeFamily) -> None:
    prepared = prepare_volume(thin.stack, family, spacing, NOISE)
    assert any(words in note and f"{axial_nyquist_um(MICROSCOPE):.3g}"[:3] for note in prepared.notes)


def test_empty_planes_are_left_out_and_bleaching_is_undone(thin: Seen, family: ZernikeFamily) -> None:
    fading = (0.8 ** np.arange(5, dtype=np.float32))[:, None, None]
    prepared = prepare_volume(np.concatenate([np.zeros_like(thin.stack[:1]), thin.stack * fading]), family, 0.3, NOISE)
    np.testing.assert_array_equal(prepared.numbers, [1, 2, 3, 4, 5])
    np.testing.assert_allclose(prepared.stack.mean((1, 2)), prepared.stack.mean(), rtol=1e-4)
    assert "Planes 0 are empty" in prepared.notes[0]
    assert "factor of 2." in prepared.notes[1]


def test_a_steady_stack_is_left_as_it_is(thin: Seen, family: ZernikeFamily) -> None:
    prepared = prepare_volume(thin.stack, family, 0.3, NOISE)
    np.testing.assert_allclose(prepared.stack, thin.stack, rtol=0.05)
    assert prepared.notes == ()


def test_noise_is_estimated_where_it_is_not_known(thick: Seen, family: ZernikeFamily) -> None:
    found = prepare_volume(thick.stack, family, 0.3, None).noise
    level = float(thick.stack.mean())
    assert float(found.variance(level)) == pytest.approx(float(NOISE.variance(level)), rel=0.5)
