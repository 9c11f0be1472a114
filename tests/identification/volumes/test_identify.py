"""The wavefront of small stacks, thin and thick: how close it comes, its signs, and what is said of odd stacks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from napari_deepblur import identify_stack
from napari_deepblur.errors import FamilyError, ImageError, SettingsError
from napari_deepblur.identification.volumes.results import VolumeIdentification
from napari_deepblur.operators import EigenPsfFamily, ZernikeFamily
from napari_deepblur.optics import psf_model, psf_snr, zernike_psf
from tests.identification.volumes.conftest import NOISE, SPACING_UM, THETA, Seen


@pytest.fixture(scope="module")
def found_in_thin(thin: Seen, family: ZernikeFamily) -> VolumeIdentification:
    return identify_stack(thin.stack, family, SPACING_UM, NOISE, specimen="auto")


@pytest.fixture(scope="module")
def found_in_thick(thick: Seen, family: ZernikeFamily) -> VolumeIdentification:
    return identify_stack(thick.stack, family, SPACING_UM, NOISE, specimen="auto")


def _snr(found: VolumeIdentification, distances_um: NDArray[np.float64], family: ZernikeFamily) -> float:
    """PSF SNR of all planes together, in decibels, against the PSFs at the true distances."""
    z = torch.from_numpy(distances_um / family.microscope.pixel_size_um).float()
    model = psf_model(family.microscope.pupil, family.modes, family.psf_size, float(z.abs().max()))
    true = zernike_psf(torch.from_numpy(THETA).expand(len(z), -1), model, z)
    return float(psf_snr(true.flatten(0, 1), torch.from_numpy(found.psfs).flatten(0, 1)))


def test_a_thin_specimen_gives_wavefront_signs_and_focus(
    found_in_thin: VolumeIdentification, thin: Seen, family: ZernikeFamily
) -> None:
    assert found_in_thin.specimen == "thin"
    assert found_in_thin.specimen_log_odds > 100
    distances = SPACING_UM * (np.arange(5) - 2) - thin.focus_um
    np.testing.assert_allclose(found_in_thin.offsets_um, distances, atol=0.05)
    assert _snr(found_in_thin, distances, family) > 22
    assert found_in_thin.sign_probability > 0.99


def test_a_thick_specimen_gives_wavefront_and_signs(
    found_in_thick: VolumeIdentification, family: ZernikeFamily
) -> None:
    assert found_in_thick.specimen == "thick"
    assert found_in_thick.specimen_log_odds > 100
    assert _snr(found_in_thick, SPACING_UM * (np.arange(7.0) - 3), family) > 15
    assert float(found_in_thick.theta @ THETA) > 0
    assert found_in_thick.sign_probability > 0.8


def test_error_bars_are_those_of_the_errors(found_in_thin: VolumeIdentification) -> None:
    error, free = np.abs(found_in_thin.theta - THETA), THETA != 0
    assert np.all(error[free] < 5 * found_in_thin.theta_std[free])
    assert found_in_thin.theta_std.max() < 0.05


def test_defocus_is_held_at_zero_and_said(found_in_thick: VolumeIdentification) -> None:
    assert found_in_thick.theta[0] == 0 and found_in_thick.theta_std[0] == 0
    assert "Noll 4" in found_in_thick.notes[0]


def test_noise_alone_gives_zero_with_the_bars_of_what_was_expected(family: ZernikeFamily) -> None:
    stack = 0.2 + 0.01 * np.random.default_rng(0).standard_normal((5, 96, 96))
    found = identify_stack(stack, family, SPACING_UM, specimen="auto")
    assert any("nothing but noise" in note for note in found.notes)
    np.testing.assert_array_equal(found.theta, 0)
    assert found.theta_std[1] == pytest.approx(0.1 / np.sqrt(3), rel=1e-3)
    assert found.sign_probability == 0.5


@pytest.mark.parametrize(
    ("spacing", "planes", "error", "words"),
    [
        (0.0, 5, SettingsError, "plane spacing is 0"),
        (float("nan"), 5, SettingsError, "plane spacing is nan"),
        (0.3, 2, ImageError, "at least 3 planes"),
        (0.3, 0, ImageError, "at least 3 planes"),
    ],
)
def test_what_is_no_volume_is_refused(
    spacing: float, planes: int, error: type[Exception], words: str, thin: Seen, family: ZernikeFamily
) -> None:
    with pytest.raises(error, match=words):
        identify_stack(thin.stack[:planes], family, spacing, NOISE, specimen="auto")


def test_what_cannot_be_identified_is_refused(thin: Seen, family: ZernikeFamily) -> None:
    with pytest.raises(SettingsError, match="expected one of auto, thin, thick"):
        identify_stack(thin.stack, family, SPACING_UM, NOISE, specimen="flat")  # type: ignore[call-overload]
    with pytest.raises(FamilyError, match="Zernike modes"):
        identify_stack(thin.stack, EigenPsfFamily(np.eye(9).reshape(9, 3, 3)), SPACING_UM, NOISE, specimen="auto")
    broken = thin.stack.copy()
    broken[2, 4, 4] = np.nan
    with pytest.raises(ImageError, match="Z 2"):
        identify_stack(broken, family, SPACING_UM, NOISE, specimen="auto")
    with pytest.raises(ImageError, match="2 of 5 planes"):
        identify_stack(thin.stack * np.array([0, 1, 0, 1, 0])[:, None, None], family, SPACING_UM, specimen="auto")
