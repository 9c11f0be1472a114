"""Tiles of a volume make the volume that there is without them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_deepblur.errors import SettingsError
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import VolumeOperator
from napari_deepblur.optics import Microscope, psf_planes, psf_planes_model
from napari_deepblur.progress import finished
from napari_deepblur.restoration.volume import VolumeBlur, restore_volume_steps
from napari_deepblur.restoration.volume_restorers import RichardsonLucyVolume, SolverVolume


def test_tiles_leave_no_seam_and_do_the_same_number_of_iterations() -> None:
    planes = psf_planes(torch.zeros(1), psf_planes_model(Microscope(0.8, 0.5, 0.1, 1.0).pupil, (11,), 15, 4.0, 2))
    blur = VolumeBlur(planes, (1, 7, 7), (4.0, 1.0, 1.0))
    operator = VolumeOperator(planes, (2, 60, 200), blur.margin)
    scene = torch.rand(operator.scene_shape, generator=torch.Generator().manual_seed(0)).pow(8)
    image = PoissonGaussianNoise(0.002, 0.002).sample(operator.forward(scene).numpy(), 0).astype(np.float32)
    cpu, noise = torch.device("cpu"), PoissonGaussianNoise(0.002, 0.002)
    restorer = RichardsonLucyVolume(12, 0.005)
    whole = finished(restore_volume_steps(image, blur, noise, RichardsonLucyVolume(6, 0.005, None), cpu))
    tiled = finished(restore_volume_steps(image, blur, noise, RichardsonLucyVolume(6, 0.005, None), cpu, 128))
    assert tiled.side == 128 and whole.side is None and whole.iterations == tiled.iterations == 6
    error = np.linalg.norm(tiled.volume - whole.volume, axis=(0, 1)) / np.linalg.norm(whole.volume, axis=(0, 1))
    assert error.mean() < 0.05
    assert 1 <= finished(restore_volume_steps(image, blur, noise, restorer, cpu, 128)).iterations <= 12


def test_a_solver_for_single_planes_is_refused() -> None:
    assert SolverVolume("total-variation").iterations == 60 and SolverVolume("wiener").iterations == 100
    with pytest.raises(SettingsError, match="richardson-lucy restores single planes"):
        SolverVolume("richardson-lucy")
