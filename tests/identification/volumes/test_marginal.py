"""The energy of a stack: its gradient, its symmetry, and which of h and its mirror image it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from napari_deepblur.identification.volumes.cross_spectra import cross_spectra
from napari_deepblur.identification.volumes.descent import Box, curvature, descend
from napari_deepblur.identification.volumes.joint_sign import mirror_log_odds
from napari_deepblur.identification.volumes.marginal import Marginal, Specimen
from tests.identification.volumes.conftest import MICROSCOPE, NOISE, SPACING_UM, THETA, Seen

MODES = tuple(range(4, 12))
STEP = SPACING_UM / MICROSCOPE.pixel_size_um


@pytest.fixture(scope="module")
def few(thick: Seen) -> dict[Specimen, Marginal]:
    """Energies at few frequencies."""
    spectra = cross_spectra(thick.stack, NOISE, MICROSCOPE)
    some = spectra.every(torch.arange(0, len(spectra.planes), 40))
    numbers = torch.arange(len(thick.stack))
    return {
        "thin": Marginal(some, numbers, STEP, MICROSCOPE, MODES, "thin"),
        "thick": Marginal(some, numbers, STEP, MICROSCOPE, MODES, "thick"),
    }


@pytest.mark.parametrize("specimen", ["thin", "thick"])
def test_derivative_by_the_covariance(few: dict[Specimen, Marginal], specimen: Specimen) -> None:
    marginal = few[specimen]
    covariance = marginal.covariance(marginal.begin(torch.from_numpy(THETA), 1.0))
    direction = marginal.covariance(marginal.begin(torch.from_numpy(0.5 * THETA), 0.5))
    # Both sides of it are covariances, too.
    covariance, direction = (3 * (covariance + direction)).to(torch.complex128), direction.to(torch.complex128)
    _, slope = marginal.judge(covariance)
    ahead, behind = (marginal.judge(covariance + s * 0.01 * direction)[0] for s in (1, -1))
    along = float((slope.conj() * direction).real.sum())
    assert along == pytest.approx((ahead - behind) / 0.02, rel=0.02)


def test_a_thick_specimen_does_not_tell_the_joint_sign(few: dict[Specimen, Marginal]) -> None:
    marginal = few["thick"]
    start = marginal.begin(torch.from_numpy(THETA))
    one, other = (marginal.judge(marginal.covariance(start._replace(theta=s * start.theta)))[0] for s in (1, -1))
    assert one == pytest.approx(other, rel=1e-5)


def test_a_stack_taken_the_other_way_is_the_same(thin: Seen) -> None:
    def energy(stack: NDArray[np.float32], step: float) -> float:
        spectra = cross_spectra(stack, NOISE, MICROSCOPE)
        marginal = Marginal(spectra, torch.arange(5), step, MICROSCOPE, MODES, "thin")
        return marginal.judge(marginal.covariance(marginal.begin(torch.from_numpy(THETA), 2.0)))[0]

    assert energy(thin.stack[::-1].copy(), -STEP) == pytest.approx(energy(thin.stack, STEP), rel=1e-5)
    assert energy(thin.stack[::-1].copy(), STEP) > 1.1 * energy(thin.stack, STEP)


def test_descent_goes_down_and_keeps_what_is_not_free(few: dict[Specimen, Marginal]) -> None:
    marginal = few["thick"]
    box = Box(np.array([False] + [True] * 7), 0.1, 0.06, None)
    start = marginal.begin(torch.from_numpy(0.5 * THETA))
    begun = descend(marginal, box, start, 0)
    found = descend(marginal, box, start, 10)
    assert found.energy < begun.energy
    assert found.unknowns.theta[0] == 0
    assert curvature(marginal, box, found.unknowns).shape == (7, 7)


def test_the_mirror_image_is_told_by_what_it_leaves(thick: Seen) -> None:
    odds = [mirror_log_odds(thick.stack, torch.from_numpy(s * THETA), MICROSCOPE, MODES, STEP) for s in (1, -1)]
    assert odds[0] > 1
    assert odds[1] == pytest.approx(-odds[0], rel=0.05)
