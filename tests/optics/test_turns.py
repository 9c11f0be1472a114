from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_deepblur.optics import TURNS, Pupil, psf_model, turn_matrix, turned, zernike_psf

MODES = (4, 5, 6, 7, 8, 9, 10, 11)


def test_there_are_eight_turns_and_the_first_does_nothing() -> None:
    image = torch.arange(12.0).view(3, 4)
    assert torch.equal(turned(image, TURNS[0]), image)
    square = torch.arange(9.0).view(3, 3)
    assert len({tuple(turned(square, turn).flatten().tolist()) for turn in TURNS}) == 8


@pytest.mark.parametrize("turn", TURNS)
def test_turned_coefficients_make_the_turned_psf(turn: tuple[int, bool]) -> None:
    optics = psf_model(Pupil(0.261), MODES, 31)
    theta = torch.rand(3, 8, generator=torch.Generator().manual_seed(0)) * 0.3 - 0.15
    matrix = torch.from_numpy(turn_matrix(MODES, turn))
    expected = turned(zernike_psf(theta, optics), turn)
    torch.testing.assert_close(zernike_psf(theta @ matrix.T, optics), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("turn", TURNS)
def test_the_matrix_is_a_signed_permutation(turn: tuple[int, bool]) -> None:
    matrix = turn_matrix(MODES, turn)
    np.testing.assert_array_equal(matrix @ matrix.T, np.eye(8))
    assert set(np.unique(np.abs(matrix))) == {0, 1}


def test_a_mode_whose_partner_is_missing_has_no_turned_self() -> None:
    quarter = turn_matrix((4, 7), (1, False))
    np.testing.assert_array_equal(quarter, [[1, 0], [0, 0]])
