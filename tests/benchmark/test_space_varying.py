"""The benchmark of blurs that vary over the field, on a small one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from napari_deepblur.benchmark import space_varying
from napari_deepblur.benchmark.patchwise import restore_patchwise
from napari_deepblur.benchmark.report import Origin
from napari_deepblur.benchmark.space_varying import AT_ONCE, MEAN, TRUE, FieldTask, decibels, even_points, run_field
from napari_deepblur.networks.deblurring import DeblurringConfig, DeblurringNetwork
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import ProductConvolutionFamily
from napari_deepblur.optics import Microscope
from napari_deepblur.pipeline.restorers import NetworkRestorer, SolverRestorer
from napari_deepblur.training.pool import is_validation

CPU = torch.device("cpu")


@pytest.fixture
def family() -> ProductConvolutionFamily:
    """Return Gaussian blurs, wider below than above."""
    rows, columns = np.mgrid[-5:6, -5:6]
    psfs = np.stack([np.exp(-(rows**2 + columns**2) / (2 * width**2)) for width in (0.8, 1.8)])
    psfs /= psfs.sum((1, 2), keepdims=True)
    maps = np.stack([np.ones((9, 9)), np.linspace(-0.3, 0.3, 9)[:, None] * np.ones(9)])
    thetas = np.array([[[0.8, -1.0], [0.2, 1.0]], [[0.2, -0.5], [0.8, 0.5]]])
    return ProductConvolutionFamily(psfs, maps, thetas, Microscope(pixel_size_um=0.09), field_shape=(150, 150))


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    """Make a folder with one biological image for training and one for validation."""
    names = [f"micro_neubias/{i}.png" for i in range(200)]
    chosen = [next(n for n in names if is_validation(n)), next(n for n in names if not is_validation(n))]
    (tmp_path / "micro_neubias").mkdir()
    for index, name in enumerate(chosen):
        plane = gaussian_filter(np.random.default_rng(index).uniform(size=(170, 170)), 1.5)
        Image.fromarray((255 * (plane - plane.min()) / np.ptp(plane)).astype(np.uint8)).save(tmp_path / name)
    return tmp_path


def test_patches_are_blended_into_what_the_whole_gives(family: ProductConvolutionFamily) -> None:
    """With the same PSF everywhere patchwise restoration is nearly that of the whole image."""
    uniform = ProductConvolutionFamily(family.eigen_psfs, np.ones((1, 9, 9)), field_shape=(200, 180))
    theta = np.array([0.5, 0.5], np.float32)
    scene = gaussian_filter(np.random.default_rng(0).uniform(size=(210, 190)), 1).astype(np.float32)
    image = uniform.operator(theta, (200, 180)).forward(scene)
    noise, solver = PoissonGaussianNoise(0, 1e-3), SolverRestorer("wiener", None, None)
    found = restore_patchwise(image, uniform, theta, noise, solver, CPU)
    sharp = scene[5:-5, 5:-5]
    assert found.shape == image.shape
    assert np.square(found - sharp).mean() < 0.5 * np.square(image - sharp).mean()


def test_decibels_of_equal_and_of_halved_psfs() -> None:
    psfs = np.ones((2, 3, 3), np.float32)
    np.testing.assert_allclose(decibels(psfs, psfs / 2), 20 * np.log10(2), rtol=1e-5)
    assert decibels(psfs, psfs).min() > 100


def test_places_are_evenly_spaced() -> None:
    np.testing.assert_allclose(even_points((100, 40)), [[24.5, 9.5], [24.5, 29.5], [74.5, 9.5], [74.5, 29.5]])


def test_every_method_has_a_row_and_truth_restores_best(
    family: ProductConvolutionFamily, pool: Path, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = next(p.relative_to(pool).as_posix() for p in pool.rglob("*.png") if is_validation(f"micro_neubias/{p.name}"))
    monkeypatch.setattr(space_varying, "IMAGES", (name,))
    monkeypatch.setattr(space_varying, "NOISY", ())
    torch.manual_seed(0)
    network = DeblurringNetwork(DeblurringConfig(channels=(4, 4, 4, 4), blocks=1, iterations=2, shared=True)).eval()
    task = FieldTask(pool, family, {AT_ONCE: None}, NetworkRestorer(network), CPU, 1, identified=2)
    cases, report = run_field(task, origin)
    assert [(row["method"], row["operator"]) for row in report.rows] == [
        ("blurred", ""),
        ("network", TRUE),
        ("network", MEAN),
        ("network", AT_ONCE),
        ("Richardson-Lucy", AT_ONCE),
        ("patchwise Richardson-Lucy", AT_ONCE),
        ("Richardson-Lucy", TRUE),
        ("patchwise Richardson-Lucy", TRUE),
        ("identified alone, 2 images", AT_ONCE),
        ("identified alone, 2 images", MEAN),
    ]
    by_key = {(row["method"], row["operator"]): row for row in report.rows}
    assert by_key["Richardson-Lucy", TRUE]["mean SSIM"] > by_key["blurred", ""]["mean SSIM"]
    assert cases[0].psfs[TRUE].shape == (4, 11, 11)
    assert cases[0].snr.keys() == {MEAN, AT_ONCE}
