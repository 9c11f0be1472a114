"""Counts that were held back tell a pupil from its mirror image, at any scale, order and gap of the planes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_deepblur.identification.volumes.held_out_sign import held_out_steps
from napari_deepblur.identification.volumes.prepared import Prepared
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import ZernikeFamily
from napari_deepblur.progress import finished
from tests.identification.volumes.conftest import MICROSCOPE, NOISE, SPACING_UM, THETA, Seen

STEP = SPACING_UM / MICROSCOPE.pixel_size_um


@pytest.fixture(scope="module")
def prepared(thick: Seen) -> Prepared:
    return Prepared(thick.stack, np.arange(len(thick.stack)), NOISE, ())


def odds(prepared: Prepared, family: ZernikeFamily, step: float = STEP, sign: float = 1.0) -> float:
    theta = sign * torch.from_numpy(THETA)
    return finished(held_out_steps(prepared, theta, -theta, MICROSCOPE, family.modes, step))


def test_the_right_sign_is_told_and_the_wrong_one_refused(prepared: Prepared, family: ZernikeFamily) -> None:
    right = odds(prepared, family)
    assert right > 3
    assert odds(prepared, family, sign=-1.0) == pytest.approx(-right, rel=1e-6)


def test_planes_in_the_other_order_have_the_other_spacing(prepared: Prepared, family: ZernikeFamily) -> None:
    turned = prepared._replace(stack=np.ascontiguousarray(prepared.stack[::-1]))
    assert odds(turned, family, -STEP) > 3


def test_units_and_offset_do_not_matter(prepared: Prepared, family: ZernikeFamily) -> None:
    noise = PoissonGaussianNoise(400 * NOISE.alpha, 400 * NOISE.beta, 100.0)
    scaled = prepared._replace(stack=400 * prepared.stack + np.float32(100), noise=noise)
    assert odds(scaled, family) == pytest.approx(odds(prepared, family), rel=0.05)


def test_noiseless_stacks_have_a_sign_too(prepared: Prepared, family: ZernikeFamily) -> None:
    assert odds(prepared._replace(noise=PoissonGaussianNoise(0.0, 0.0)), family) > 3


def test_across_a_gap_planes_are_not_neighbours(prepared: Prepared, family: ZernikeFamily) -> None:
    """Of seven planes of which the second is missing, the last five are looked at."""
    kept = np.array([0, 2, 3, 4, 5, 6])
    gap = Prepared(prepared.stack[kept], kept, NOISE, ())
    last = Prepared(prepared.stack[2:], np.arange(2, 7), NOISE, ())
    assert odds(gap, family) == odds(last, family) > 0


def test_darkness_says_nothing(prepared: Prepared, family: ZernikeFamily) -> None:
    assert odds(prepared._replace(stack=np.zeros_like(prepared.stack)), family) == 0
    assert odds(Prepared(prepared.stack[:1], np.arange(1), NOISE, ()), family) == 0
