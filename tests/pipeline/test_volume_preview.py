"""A part of a stack, deblurred as a volume as a run would."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from napari_deepblur import deblur_stack
from napari_deepblur.identification.volumes.results import VolumeIdentification
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import VolumeOperator
from napari_deepblur.optics import Microscope, psf_planes, psf_planes_model
from napari_deepblur.pipeline import DeblurSettings
from napari_deepblur.pipeline.preview import Region
from napari_deepblur.pipeline.volume_preview import volume_preview_steps
from napari_deepblur.progress import finished

OPTICS = Microscope(1.2, 0.525, 0.1, 1.33)
MODES, THETA = (5, 6, 7), (0.08, -0.05, 0.06)
NOISE = PoissonGaussianNoise(1.0, 2.0, 100.0)
SPACING_UM = 0.3


@pytest.fixture(scope="module")
def stack() -> NDArray[np.float32]:
    scene = np.random.default_rng(1).uniform(size=(4, 136, 140)) > 0.99
    model = psf_planes_model(OPTICS.pupil, MODES, 41, SPACING_UM / 0.1, 3)
    operator = VolumeOperator(psf_planes(torch.tensor(THETA), model), (4, 96, 100), (0, 20, 20))
    light = 4000 * operator.forward(torch.from_numpy(scene.astype(np.float32))).clamp_min(0).numpy()
    return NOISE.sample(light + 100, 2).astype(np.float32)


def settings(**more: object) -> DeblurSettings:
    return DeblurSettings(
        microscope=OPTICS, modes=MODES, method="richardson-lucy", iterations=6, alpha=1.0, beta=2.0, noise_offset=100.0,
        device="cpu", **more,
    )  # fmt: skip


def test_the_whole_is_what_a_run_makes(stack: NDArray[np.float32]) -> None:
    preview = finished(volume_preview_steps(settings(theta=THETA), stack, SPACING_UM, Region(0, 0, 96, 100)))
    run = deblur_stack(
        stack, volume=True, plane_spacing_um=SPACING_UM, microscope=OPTICS, modes=MODES, theta=THETA, noise=NOISE,
        method="richardson-lucy", iterations=6, device="cpu",
    )  # fmt: skip
    np.testing.assert_array_equal(preview.result.volume, run.volume)
    assert preview.found is None


def test_a_part_looks_as_in_the_whole(stack: NDArray[np.float32]) -> None:
    region = Region(40, 44, 72, 80)
    part, whole = (
        finished(volume_preview_steps(settings(theta=THETA), stack, SPACING_UM, one)).result.volume
        for one in (region, Region(0, 0, 96, 100))
    )
    assert part.shape == (4, 32, 36)
    assert np.corrcoef(part.ravel(), whole[:, 40:72, 44:80].ravel())[0, 1] > 0.97


def test_a_wavefront_that_was_found_is_used_again(stack: NDArray[np.float32]) -> None:
    region = Region(20, 20, 76, 80)
    first = finished(volume_preview_steps(settings(), stack, SPACING_UM, region))
    assert isinstance(first.found, VolumeIdentification)
    again = finished(volume_preview_steps(settings(), stack, SPACING_UM, region, known=first.found))
    np.testing.assert_array_equal(again.result.volume, first.result.volume)
    assert again.found is first.found and again.result.settings["pupil"]["theta"] == first.found.theta.tolist()
