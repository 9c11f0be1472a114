"""Adaptation to a measured family: the losses, and a short run that learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.distributions import MultivariateNormal

from napari_deepblur.errors import FamilyError, FamilyFileError
from napari_deepblur.io.adapted_weights import adapted_path
from napari_deepblur.io.families import family_hash, save_family
from napari_deepblur.io.weights import read_weights, save_weights
from napari_deepblur.io.weights_folders import FOLDER_VARIABLE
from napari_deepblur.networks.adapted import AdaptedNetwork, LocalPrediction
from napari_deepblur.networks.identification import IdentificationConfig, IdentificationNetwork
from napari_deepblur.operators import ProductConvolutionFamily, ZernikeFamily
from napari_deepblur.optics import Microscope
from napari_deepblur.progress import Progress, finished
from napari_deepblur.training.adapt_family import adapt_steps
from napari_deepblur.training.adaptation import (
    Adaptation,
    adapted_from,
    negative_log_likelihood,
    relative_error,
)
from napari_deepblur.training.loop import TrainingReport
from napari_deepblur.training.measured_batches import MeasuredBatch, MeasuredOptics
from napari_deepblur.training.recipes import AdaptationRecipe, Schedule

TRUNK = IdentificationConfig(widths=(8, 16), blocks=(1, 1), stem_stride=4, map_width=8, hidden=32, candidates=2)
OPTICS = Microscope(na=1.2, n_immersion=1.33, wavelength_um=0.5, pixel_size_um=0.1)
NO_IMAGES = torch.zeros(0, 1, 1, dtype=torch.uint8)


@pytest.fixture
def family() -> ProductConvolutionFamily:
    """Return a narrow and a wide PSF, and everything between them."""
    rows, columns = np.mgrid[-9:10, -9:10]
    psfs = np.stack([np.exp(-(rows**2 + columns**2) / (2 * w**2)) for w in (0.8, 4.0)])
    psfs /= psfs.sum((1, 2), keepdims=True)
    return ProductConvolutionFamily(psfs, np.ones((1, 5, 5)), np.eye(2), OPTICS, field_shape=(120, 120))


def test_the_likelihood_is_that_of_a_gaussian() -> None:
    torch.manual_seed(0)
    factor = torch.randn(4, 3, 3).tril()
    factor.diagonal(dim1=-2, dim2=-1).abs_().add_(0.5)
    prediction = LocalPrediction(torch.randn(4, 3), factor)
    seen = torch.randn(4, 3)
    normal = MultivariateNormal(prediction.mean, precision_matrix=factor @ factor.mT)
    expected = -normal.log_prob(seen) / 3 - 0.5 * np.log(2 * np.pi)
    torch.testing.assert_close(negative_log_likelihood(prediction, seen), expected, atol=1e-4, rtol=1e-4)


def test_the_error_is_relative_to_the_energy_of_the_psf() -> None:
    prediction = LocalPrediction(torch.tensor([[1.0, 2.0]]), torch.eye(2)[None])
    none = torch.zeros(1, 2)
    batch = MeasuredBatch(none, torch.tensor([[0.0, 4.0]]), torch.tensor([10.0]), none, none)
    assert float(relative_error(prediction, batch, torch.tensor([3.0, 0.5]))) == pytest.approx((9 + 1) / 10)


def test_the_trunk_is_taken_over_and_the_answer_is_new(family: ProductConvolutionFamily) -> None:
    torch.manual_seed(0)
    trunk = IdentificationNetwork(TRUNK)
    network = adapted_from(trunk, MeasuredOptics(family, 96, torch.device("cpu"), 1.0))
    for name, value in trunk.state_dict().items():
        if name.startswith(("encoder", "attention", "spectrum", "asymmetry")):
            torch.testing.assert_close(network.state_dict()[name], value)
    assert network.config.eigen_psfs == 2
    assert network.scales.shape == (network.config.coordinates,)
    assert network.scales[0] > 0


def test_a_short_run_learns_to_tell_narrow_from_wide(family: ProductConvolutionFamily, tmp_path: Path) -> None:
    """After a hundred steps the PSF error is well below that of the mean PSF."""
    torch.manual_seed(0)
    recipe = AdaptationRecipe(family_hash(family), Schedule(samples=800, batch_size=8, peak=3e-3), window=64)
    adaptation = Adaptation(family, recipe, IdentificationNetwork(TRUNK), NO_IMAGES, NO_IMAGES, tmp_path)
    last = finished(adaptation.steps(validation_images=16))
    assert last.rows
    assert last.samples == 800
    ours, mean = (np.mean([row[name] for row in last.rows]) for name in ("psf_snr_db", "mean_psf_row_db"))
    assert ours > mean + 1
    assert not adaptation.network.training


def test_the_weights_lie_beside_the_family_and_a_run_is_continued(
    family: ProductConvolutionFamily, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "weights"
    weights.mkdir()
    save_weights(weights / "identification-light.safetensors", IdentificationNetwork(TRUNK), {})
    monkeypatch.setenv(FOLDER_VARIABLE, str(weights))
    file = tmp_path / "mine.safetensors"
    save_family(family, file)
    *_, report, first = adapt_steps(file, samples=32, validation_images=2)
    assert isinstance(report, TrainingReport)
    assert (report.samples, len(report.rows or ())) == (32, 3)
    assert first == Progress("train", 32, 32)
    assert finished(adapt_steps(file, samples=48, validation_images=2)) == adapted_path(file, "identification")
    facts = read_weights(adapted_path(file, "identification")).about.facts
    assert (facts["family"], facts["samples"], len(facts["validation"])) == (family_hash(family), 48, 3)
    network = read_weights(adapted_path(file, "identification")).identification()
    assert isinstance(network, AdaptedNetwork) and network.config.eigen_psfs == 2


def test_what_cannot_be_adapted_to_is_said(tmp_path: Path) -> None:
    with pytest.raises(FamilyFileError):
        next(iter(adapt_steps(tmp_path / "absent.safetensors")))
    file = tmp_path / "zernike.safetensors"
    save_family(ZernikeFamily(OPTICS), file)
    with pytest.raises(FamilyError, match="needs no adaptation"):
        next(iter(adapt_steps(file)))
