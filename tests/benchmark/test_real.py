from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from benchmarks.identification.identified import Identifier
from benchmarks.reports import figures
from benchmarks.reports.report import Origin
from benchmarks.restoration import real
from napari_deepblur.errors import ImageError, TrainingDataError
from napari_deepblur.identification.results import Identification
from napari_deepblur.io.weights import FOLDER_VARIABLE, save_weights
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import ConvolutionOperator
from napari_deepblur.pipeline import DeblurSettings
from napari_deepblur.restoration.restorers import NetworkRestorer
from napari_deepblur.samples import sample_microscope

NOISE = PoissonGaussianNoise(0.0, 5.0)


def gaussian_blur() -> Identification:
    axis = np.arange(-15, 16)
    psf = np.exp(-(axis[:, None] ** 2 + axis**2) / (2 * 2.0**2))
    psfs = (psf / psf.sum()).astype(np.float32)[None]
    nothing = np.zeros(1, np.float32)
    return Identification(nothing, nothing, psfs, nothing, np.zeros((1, 2), np.float32), NOISE, ("x",), nothing > 0)


def test_the_true_scene_leaves_white_noise() -> None:
    found = gaussian_blur()
    scene = 1000 + 400 * gaussian_filter(np.random.default_rng(0).standard_normal((160, 150)), 1).astype(np.float32)
    kernel = torch.from_numpy(found.psf)
    blurred = ConvolutionOperator(kernel, (130, 120)).forward(torch.from_numpy(scene)).numpy()
    image = NOISE.sample(blurred, 0).astype(np.float32)
    inner_scene = scene[15:-15, 15:-15]
    assert real.unexplained(image, inner_scene, found).ratio < 1.6
    assert real.unexplained(image, image, found).ratio > 5


def test_the_busiest_place_is_where_the_detail_is() -> None:
    image = np.zeros((60, 50), np.float32)
    image[30:40, 20:30] = np.random.default_rng(0).uniform(size=(10, 10))
    rows, columns = real.busiest_place(image, 14)
    assert rows.stop - rows.start == 14 == columns.stop - columns.start
    assert rows.start <= 30 and rows.stop >= 40 and columns.start <= 20 and columns.stop >= 30


def test_microscopy_of_the_validation_split_is_taken(folder: Path, tmp_path: Path) -> None:
    paths = real.pool_images(folder)
    assert len(paths) == 3 and all(path.is_file() for path in paths)
    (tmp_path / "natural").mkdir()
    Image.fromarray(np.zeros((40, 40), np.uint8)).save(tmp_path / "natural" / "a.png")
    with pytest.raises(TrainingDataError, match="no microscopy"):
        real.pool_images(tmp_path)


def test_real_images_are_restored_and_reported(
    folder: Path,
    identifier: Identifier,
    network: NetworkRestorer,
    origin: Origin,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    save_weights(tmp_path / "identification-light.safetensors", identifier.network, {})
    save_weights(tmp_path / "deblurring-light.safetensors", network.network, {})
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    settings = DeblurSettings(microscope=sample_microscope(), device="cpu")
    cases, report = real.run_real(real.pool_images(folder)[:1], settings, origin)
    assert cases[0].name.startswith("micro_test/") and cases[0].restored.shape == cases[0].image.shape
    assert report.rows[0]["whiteness ratio"] == cases[0].whiteness.ratio
    assert report.rows[0]["ratio of the blurred image"] != cases[0].whiteness.ratio
    figures.draw_real(tmp_path / "real.png", cases)
    assert (tmp_path / "real.png").stat().st_size > 10_000
    Image.fromarray(np.zeros((8, 9, 2), np.uint8), "LA").save(tmp_path / "two.png")
    with pytest.raises(ImageError):
        real.restore_real([tmp_path / "two.png"], settings)
