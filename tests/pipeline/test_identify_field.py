"""Identification of families that vary over the field or were measured."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
import torch

from napari_deepblur.errors import FamilyError
from napari_deepblur.identification.field import GRID, even_grid
from napari_deepblur.identification.results import Identification
from napari_deepblur.io.families import find_family, load_family
from napari_deepblur.networks.adapted import AdaptedConfig, AdaptedNetwork
from napari_deepblur.networks.identification import IdentificationNetwork
from napari_deepblur.noise import PoissonGaussianNoise, sample_noise
from napari_deepblur.operators import EigenPsfFamily, FieldZernikeFamily, ProductConvolutionFamily
from napari_deepblur.operators.families.local_coordinates import local_coordinates
from napari_deepblur.optics import Microscope
from napari_deepblur.pipeline import deblur, identify, identify_steps
from napari_deepblur.pipeline.network_choice import identification_weights
from napari_deepblur.progress import Progress, finished
from napari_deepblur.training.scenes.dead_leaves import dead_leaves
from napari_deepblur.training.scenes.spots import spots

CPU = torch.device("cpu")
OPTICS = Microscope(na=1.2, n_immersion=1.33, wavelength_um=0.5, pixel_size_um=0.1)
QUIET, MEDIUM = PoissonGaussianNoise(0.0, 1e-4), PoissonGaussianNoise(0.001, 0.003)


@pytest.fixture(scope="module")
def measured() -> ProductConvolutionFamily:
    """Return Gaussian blurs from narrow to wide, a little wider below than above, and their mixtures."""
    rows, columns = np.mgrid[-10:11, -10:11]
    psfs = np.stack([np.exp(-(rows**2 + (columns * s) ** 2) / (2 * w**2)) for w, s in ((0.9, 1), (1.8, 1.5), (3.2, 1))])
    psfs /= psfs.sum((1, 2), keepdims=True)
    maps = np.stack([np.ones((9, 9)), np.linspace(-0.2, 0.2, 9)[:, None] * np.ones((1, 9))])
    thetas = np.zeros((3, 3, 2))
    thetas[:, :, 0] = np.eye(3)
    thetas[:, 0, 1], thetas[:, 2, 1] = -0.5, 0.5
    return ProductConvolutionFamily(psfs, maps, thetas, OPTICS, field_shape=(320, 320))


def _image(family: ProductConvolutionFamily, theta: np.ndarray, seed: int) -> np.ndarray:
    generator = torch.Generator().manual_seed(seed)
    scene = torch.maximum(dead_leaves(1, 340, generator, CPU), spots(1, 340, generator, CPU))
    blurred = family.linear_operator(torch.from_numpy(theta)[None], (320, 320)).forward(scene)
    none = torch.zeros(1)
    return sample_noise(blurred / blurred.max(), none, none + 1e-4, generator)[0, 0].numpy()


@pytest.fixture(scope="module")
def demonstration() -> ProductConvolutionFamily:
    """Return the family that comes with the package."""
    family = load_family(find_family("demonstration"))
    assert isinstance(family, ProductConvolutionFamily)
    return family


def _spoilt(family: ProductConvolutionFamily, theta: np.ndarray, name: str, seed: int) -> np.ndarray:
    """Return a picture over the whole field, blurred, with medium noise."""
    grow = family.psf_size - 1
    picture = np.pad(getattr(skimage.data, name)(), grow // 2, mode="symmetric") / 255
    scene = torch.from_numpy(picture.astype(np.float32))[None, None]
    blurred = family.linear_operator(torch.from_numpy(theta)[None], (512, 512)).forward(scene)
    level = torch.tensor([MEDIUM.alpha]), torch.tensor([MEDIUM.beta])
    return sample_noise(blurred / blurred.max(), *level, torch.Generator().manual_seed(seed))[0, 0].numpy()


def _decibels(family: ProductConvolutionFamily, found: Identification, theta: np.ndarray) -> tuple[float, float]:
    """Kernel SNR of what was found, and of the mean of the family."""
    true, mean = family.psf(theta, found.points), family.psf(family.sample(500, 1).mean(0), found.points)
    errors = [np.square(guess - true).sum((1, 2)) / np.square(true).sum((1, 2)) for guess in (found.psfs, mean)]
    return float(-10 * np.log10(errors[0]).mean()), float(-10 * np.log10(errors[1]).mean())


def test_a_measured_family_is_identified_at_once(demonstration: ProductConvolutionFamily) -> None:
    """Without a network the spectra alone bring the PSFs above the mean of the family, on average of four pictures."""
    results = []
    for name, theta in zip(("camera", "brick", "moon", "gravel"), demonstration.sample(4, 5), strict=True):
        steps = identify_steps(_spoilt(demonstration, theta, name, 0), demonstration, MEDIUM, CPU, None)
        found = finished(steps)
        results.append(_decibels(demonstration, found, theta))
    ours, mean = np.mean(results, axis=0)
    assert ours > mean + 0.7
    assert found.theta.shape == found.theta_std.shape == (demonstration.n_parameters,)
    assert found.psfs.shape == (GRID**2, 63, 63)
    assert not found.even_modes.any()


def test_weights_beside_a_family_are_found_and_are_better(demonstration: ProductConvolutionFamily) -> None:
    theta = demonstration.sample(1, 3)[0]
    found = identify(_spoilt(demonstration, theta, "camera", 5), demonstration, MEDIUM, device="cpu")
    ours, _ = _decibels(demonstration, found, theta)
    assert ours > 10


def test_an_untrained_adapted_network_says_what_the_prior_says(measured: ProductConvolutionFamily) -> None:
    torch.manual_seed(0)
    local = local_coordinates(measured)
    config = AdaptedConfig(
        widths=(4, 8),
        blocks=(1, 1),
        stem_stride=4,
        map_width=4,
        hidden=16,
        eigen_psfs=3,
        coordinates=len(local.scales),
    )
    network = AdaptedNetwork(config).eval()
    torch.nn.init.zeros_(network.answer.weight)
    for name in ("centre", "axes", "scales"):
        getattr(network, name).copy_(torch.from_numpy(getattr(local, name)))
    steps = identify_steps(_image(measured, measured.sample(1, 1)[0], 0), measured, QUIET, CPU, network)
    found = finished(steps)
    draws = measured.sample(4000, 8)
    np.testing.assert_allclose(found.theta, draws.mean(0), atol=0.1)
    np.testing.assert_allclose(found.theta_std, draws.std(0), atol=0.1)


@pytest.mark.usefixtures("weights_folder")
@pytest.mark.filterwarnings("ignore::napari_deepblur.errors.UndersamplingWarning")
def test_fields_of_zernike_psfs_are_identified_and_deblurred() -> None:
    image = np.random.default_rng(0).uniform(size=(96, 110)).astype(np.float32)
    family = FieldZernikeFamily(OPTICS, degree=1, field_shape=(96, 110))
    result = deblur(image, family, noise=QUIET, device="cpu")
    seen: list[Progress] = []
    weights = identification_weights(family)
    assert weights is not None
    finished(identify_steps(image, family, QUIET, CPU, weights.identification()), seen.append)
    shares = [step.done / step.total for step in seen]
    assert shares == sorted(shares) and shares[-1] == 1
    found = result.identification
    assert found is not None
    assert found.theta.shape == (24,)
    assert found.psfs.shape == (GRID**2, 31, 31)
    np.testing.assert_allclose(found.psfs.sum((1, 2)), 1, atol=0.02)
    assert result.image.shape == image.shape
    assert result.settings["settings"]["blur"]["family"] == "field-zernike"
    # By name, with the paper's microscope.
    again = deblur(image, family="field-zernike", noise=QUIET, device="cpu")
    assert again.settings["resolved"]["family"]["kind"] == "field-zernike"


@pytest.mark.usefixtures("weights_folder")
def test_a_crop_of_the_field_says_where_it_lies(measured: ProductConvolutionFamily) -> None:
    """The PSFs of a crop are those of its own part of the field, and the record says which family it was."""
    theta = measured.sample(1, 4)[0]
    image = _image(measured, theta, 1)[160:, 100:260]
    result = deblur(image, measured, theta=theta, noise=QUIET, device="cpu", origin=(160, 100), method="wiener")
    elsewhere = deblur(image, measured, theta=theta, noise=QUIET, device="cpu", method="wiener")
    assert np.abs(result.image - elsewhere.image).max() > 0.01
    assert (blur := result.settings["settings"]["blur"]) and (blur["family"], blur["file"]) == ("file", None)
    assert len(result.settings["resolved"]["family"]["sha256"]) == 64


def test_places_lie_evenly_half_a_psf_inside() -> None:
    points = even_grid((100, 200), (10, 20), 21)
    assert points.shape == (GRID**2, 2)
    np.testing.assert_allclose(points[[0, -1]], [[20, 30], [99, 209]])


def test_what_does_not_fit_is_said(measured: ProductConvolutionFamily, network: IdentificationNetwork) -> None:
    image = np.random.default_rng(0).uniform(size=(320, 320)).astype(np.float32)
    with pytest.raises(FamilyError, match="another camera size or binning"):
        identify(image, measured, QUIET, origin=(10, 0))
    nameless = EigenPsfFamily(measured.eigen_psfs, np.eye(3))
    with pytest.raises(FamilyError, match="does not say which microscope"):
        identify(image, nameless, QUIET)
    with pytest.raises(FamilyError, match="does not know the kind product-convolution"):
        next_of = identify_steps(image, measured, QUIET, CPU, network)
        for _ in next_of:
            pass
