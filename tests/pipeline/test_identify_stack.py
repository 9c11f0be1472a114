"""Focal stacks: each plane as it is by itself, signs that belong together, and clear refusals."""

from __future__ import annotations

import numpy as np
import pytest

from napari_deepblur.errors import FamilyError, ImageError, SettingsError
from napari_deepblur.identification.plane_signs import defocus_per_um
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import ZernikeFamily
from napari_deepblur.pipeline import identify, identify_stack

QUIET = PoissonGaussianNoise(0.0, 2.0)


@pytest.fixture
def stack(family: ZernikeFamily, scene: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Return a thin sample at three distances, 0.3 um apart; shape (3, 96, 80)."""
    planes = [theta + 0.3 * z * defocus_per_um(family) for z in range(3)]
    return np.stack([100 + 1000 * family.operator(one, (96, 80)).forward(scene) for one in planes]).astype(np.float32)


@pytest.mark.usefixtures("weights_folder")
def test_only_the_joint_sign_differs_from_planes_alone(stack: np.ndarray, family: ZernikeFamily) -> None:
    found = identify_stack(stack, family, 0.3, QUIET, "cpu")
    even = family.even_modes
    np.testing.assert_allclose(found.offsets_um, [0, 0.3, 0.6], atol=1e-6)
    assert 0.5 <= found.sign_probability <= 1
    for plane, signed, image in zip(found.planes, found.theta, stack, strict=True):
        alone = identify(image, family, QUIET, "cpu").theta
        np.testing.assert_allclose(plane.theta, alone, atol=1e-6)
        np.testing.assert_array_equal(signed[~even], plane.theta[~even])
        assert np.array_equal(signed[even], plane.theta[even]) or np.array_equal(signed[even], -plane.theta[even])


@pytest.mark.usefixtures("weights_folder")
def test_the_other_way_round_is_the_other_sign(stack: np.ndarray, family: ZernikeFamily) -> None:
    one, other = (identify_stack(stack, family, spacing, QUIET, "cpu") for spacing in (0.3, -0.3))
    np.testing.assert_allclose(one.theta, np.where(family.even_modes, -other.theta, other.theta))
    assert one.sign_probability == pytest.approx(other.sign_probability)


def test_what_cannot_be_is_refused(stack: np.ndarray, family: ZernikeFamily) -> None:
    with pytest.raises(SettingsError, match="spacing is 0 um"):
        identify_stack(stack, family, 0.0)
    with pytest.raises(SettingsError, match="nan"):
        identify_stack(stack, family, float("nan"))
    with pytest.raises(ImageError, match="at least two planes"):
        identify_stack(stack[0], family, 0.3)
    with pytest.raises(ImageError, match="at least two planes"):
        identify_stack(stack[:1], family, 0.3)
    with pytest.raises(FamilyError, match="Noll 4"):
        identify_stack(stack, ZernikeFamily(family.microscope, (5, 6)), 0.3)


@pytest.mark.usefixtures("weights_folder")
def test_a_plane_that_cannot_be_used_is_named(stack: np.ndarray, family: ZernikeFamily) -> None:
    stack[1] = 7
    with pytest.raises(ImageError, match=r"^Z 1: "):
        identify_stack(stack, family, 0.3, QUIET, "cpu")
