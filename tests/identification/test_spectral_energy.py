"""The energy of a power spectrum, on data that its own model describes: their law is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_deepblur.identification import spectral_energy
from napari_deepblur.identification.spectral_energy import _INDEPENDENT, Band, SpectralEnergy
from napari_deepblur.io.scene_spectra import load_scene_spectra
from napari_deepblur.networks.statistics import WINDOW
from napari_deepblur.optics import Pupil, psf_model, zernike_psf

MODES = tuple(range(4, 12))
OPTICS = psf_model(Pupil(0.25, 0.93), MODES, 31, coarse=True)
SCENES = load_scene_spectra()
BAND = Band(31)
FREQUENCIES = int(BAND.mask.sum())
WINDOWS = 120


@pytest.fixture(autouse=True)
def _unit_temperature(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure energies as the law has them; how they are scaled where no PSF explains a scene has a test of its own."""
    monkeypatch.setattr(spectral_energy, "ORDINARY_MISFIT", 1e12)
    monkeypatch.setattr(spectral_energy, "_LEAST_TEMPERATURE", 1.0)


def log_power(theta: Tensor) -> Tensor:
    return BAND.log_power(zernike_psf(theta, OPTICS))


def spectrum(theta: Tensor, noise: float, seed: int) -> Tensor:
    """Draw a periodogram, shape (WINDOW, WINDOW // 2 + 1), as the model says: scene, remainder, scatter."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    scene = (
        SCENES.mean[BAND.mask]
        + (normal(len(SCENES.variances)) * SCENES.variances.sqrt()) @ (SCENES.components[:, BAND.mask])
    )
    # Conjugate pairs are one number; each counts half of what a pair does where both are there.
    spread = (2 / BAND.multiplicity).sqrt()
    remainder = (SCENES.residual[BAND.mask] - 1 / SCENES.windows).clamp_min(1e-3).sqrt() * spread
    signal = (scene + log_power(theta[None])[0] + remainder * normal(FREQUENCIES)).exp()
    scatter = (_INDEPENDENT * WINDOWS) ** -0.5 * spread
    periodogram = torch.ones(WINDOW, WINDOW // 2 + 1)
    periodogram[BAND.mask] = (signal + noise) * (scatter * normal(FREQUENCIES)).exp()
    return periodogram


def energy_of(theta: Tensor, noise: float, seed: int) -> SpectralEnergy:
    return SpectralEnergy(spectrum(theta, noise, seed), WINDOWS, noise, BAND, SCENES)


def minimum(energy: SpectralEnergy, theta: Tensor) -> Tensor:
    """E with the scenes followed to their end, shape (N,)."""
    power = log_power(theta)
    scenes = energy.start(power)
    for _ in range(6):
        energy.settle(power, scenes)
        scenes = energy.follow(power, scenes)
    return energy.of(power, scenes)


def draw(n: int, seed: int = 0, size: float = 0.12) -> Tensor:
    return size * (2 * torch.rand(n, len(MODES), generator=torch.Generator().manual_seed(seed)) - 1)


def expected_power(psf: np.ndarray) -> np.ndarray:
    """Mean periodogram of blurred white noise: the Fourier series of the PSF's autocorrelation times the window's."""
    size = 2 * WINDOW
    autocorrelation = np.fft.ifft2(np.abs(np.fft.fft2(psf, s=(size, size))) ** 2).real
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    window = np.fft.ifft(np.abs(np.fft.fft(hann, n=size)) ** 2).real / np.square(hann).sum()
    power = np.fft.fft2(autocorrelation * np.outer(window, window)).real
    return np.asarray(power[::2, : WINDOW + 1 : 2])


def test_the_power_of_a_psf_is_what_a_hann_window_sees_of_it() -> None:
    psfs = zernike_psf(draw(3), OPTICS)
    found = BAND.log_power(psfs).exp().numpy()
    for psf, values in zip(psfs.double().numpy(), found, strict=True):
        expected = expected_power(psf)[BAND.mask.numpy()]
        # Parts in a thousand of the whole, and the same valleys.
        np.testing.assert_allclose(values, expected, rtol=0.15, atol=1e-4)
        assert np.corrcoef(np.log(values + 1e-6), np.log(expected + 1e-6))[0, 1] > 0.995


def test_h_and_its_mirror_image_have_the_same_power() -> None:
    psfs = zernike_psf(draw(3), OPTICS)
    torch.testing.assert_close(BAND.log_power(psfs.flip(1, 2)), BAND.log_power(psfs), rtol=0, atol=2e-3)


@pytest.mark.parametrize("noise", [0.0, 1e-3, 0.03])
def test_the_gradient_is_that_of_finite_differences(noise: float) -> None:
    truth = draw(1)[0]
    energy = energy_of(truth, noise, 0)
    theta = draw(2, seed=1)
    scenes = energy.start(log_power(theta))
    # Shares and weights are held: the energy is that of a step of weighted least squares.
    _, share, weight = energy._compare(log_power(theta), scenes)

    def held(values: Tensor) -> Tensor:
        residual = energy._compare(log_power(values), scenes)[0]
        return (0.5 * (weight * residual.square()).sum(1) + 0.5 * (scenes.square() * energy._precision).sum(1)).double()

    variable = theta.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(energy.of(log_power(variable), scenes).sum(), variable)
    for index in range(len(theta)):
        direction = gradient[index] / gradient[index].norm()
        step = torch.zeros_like(theta)
        step[index] = 1e-3 * direction
        rise = (held(theta + step) - held(theta - step))[index].item() / 2e-3
        assert rise == pytest.approx(gradient[index].norm().item(), rel=0.02)
    assert bool((share <= 1).all()) and bool((share >= 0).all())


@pytest.mark.parametrize("noise", [0.0, 3e-3])
def test_at_the_truth_the_energy_is_half_the_degrees_of_freedom(noise: float) -> None:
    """1/2 chi^2 of as many terms as there are frequencies, a conjugate pair counting as one.

    The level is free and the components pay for themselves, so that E is chi^2 / 2 of F - 1 values: its mean F / 2, its
    standard deviation sqrt(F / 2).
    """
    values = torch.cat(
        [minimum(energy_of(theta, noise, seed), theta[None]) for seed, theta in enumerate(draw(12, seed=5))]
    )
    assert values.mean().item() == pytest.approx(FREQUENCIES / 2, rel=0.06)
    assert values.std().item() < 3 * (FREQUENCIES / 2) ** 0.5


@pytest.mark.parametrize(("noise", "least"), [(0.0, 40.0), (3e-3, 10.0)])
def test_the_truth_has_a_lower_energy_than_what_is_not_true(noise: float, least: float) -> None:
    for seed, truth in enumerate(draw(4, seed=7)):
        energy = energy_of(truth, noise, seed)
        others = draw(10, seed=20 + seed)
        right, *wrong = minimum(energy, torch.cat((truth[None], others))).tolist()
        assert right + least < min(wrong)
        # And the mirror image is as good as the truth.
        even = torch.tensor([True, True, True, False, False, False, False, True])
        mirrored = minimum(energy, torch.where(even, truth, -truth)[None]).item()
        assert mirrored == pytest.approx(right, abs=1.0)


def test_noise_alone_says_nothing_about_the_blur() -> None:
    """The same frequencies, noise of the level of the signal's peak, and no signal: E is flat to parts of a neper."""
    generator = torch.Generator().manual_seed(3)
    n = _INDEPENDENT * WINDOWS
    scatter = torch.randn(WINDOW, WINDOW // 2 + 1, generator=generator) / n**0.5
    theta = draw(12, seed=9)
    alone = SpectralEnergy(scatter.exp(), WINDOWS, 1.0, BAND, SCENES)
    assert minimum(alone, theta).std().item() < 1.0
    # With the noise not in the model the same spectrum takes sides.
    believed = SpectralEnergy(scatter.exp(), WINDOWS, 0.0, BAND, SCENES)
    assert minimum(believed, theta).std().item() > 20


def test_noise_in_the_model_is_not_taken_for_the_scene() -> None:
    """Where only the noise level is told wrongly, the truth does not explain the spectrum any more."""
    truth = draw(1, seed=2)[0]
    noisy = spectrum(truth, 0.02, 1)
    right, wrong = (SpectralEnergy(noisy, WINDOWS, noise, BAND, SCENES) for noise in (0.02, 0.0))
    assert minimum(right, truth[None]) + 50 < minimum(wrong, truth[None])


@pytest.mark.parametrize("noise", [0.0, 3e-3])
def test_following_descends(noise: float) -> None:
    energy = energy_of(draw(1)[0], noise, 0)
    power = log_power(draw(6, seed=3))
    scenes = power.new_zeros(6, len(SCENES.variances) + 1)
    energy.settle(power, scenes)
    values = [energy.of(power, scenes)]
    for _ in range(25):
        scenes = energy.follow(power, scenes)
        values.append(energy.of(power, scenes))
    assert bool((values[-1] < 0.5 * values[0]).all())
    # Settled, one more step changes nothing worth mention, and every component pays its price.
    torch.testing.assert_close(values[-1], values[-2], rtol=0, atol=1.0)


def test_the_level_of_the_spectrum_does_not_matter() -> None:
    """Without noise the brightness of the scene is one of the free numbers."""
    truth = draw(1)[0]
    one = spectrum(truth, 0.0, 0)
    first, second = (
        minimum(SpectralEnergy(gain * one, WINDOWS, 0.0, BAND, SCENES), draw(3, seed=1)) for gain in (1.0, 7.0)
    )
    torch.testing.assert_close(second, first, rtol=2e-3, atol=1.0)


def test_without_noise_the_energy_is_that_of_the_whole_covariance() -> None:
    """Woodbury's identity against a dense solve."""
    power = torch.rand(WINDOW, WINDOW // 2 + 1, generator=torch.Generator().manual_seed(0)) + 0.5
    energy = SpectralEnergy(power, WINDOWS, 0.0, BAND, SCENES)
    blurs = torch.randn(2, FREQUENCIES, generator=torch.Generator().manual_seed(1))
    scenes = energy.start(blurs)
    for _ in range(3):
        scenes = energy.follow(blurs, scenes)
    components = SCENES.components[:, BAND.mask].double()
    covariance = (components.T * SCENES.variances.double()) @ components + 1e4
    remainder = (SCENES.residual[BAND.mask] - 1 / SCENES.windows).clamp_min(1e-3).double()
    covariance += torch.diag(2 * (1 / (_INDEPENDENT * WINDOWS) + remainder) / BAND.multiplicity)
    residual = (power[BAND.mask].log() - SCENES.mean[BAND.mask] - blurs).double()
    expected = 0.5 * (residual * torch.linalg.solve(covariance, residual.T).T).sum(1)
    torch.testing.assert_close(energy.of(blurs, scenes).double(), expected, rtol=2e-3, atol=0)


def test_the_energy_is_in_units_of_what_no_psf_explains(monkeypatch: pytest.MonkeyPatch) -> None:
    theta = torch.full((2, len(MODES)), 0.05)
    theta[1] = -0.02
    values = []
    for ordinary in (1e12, 50.0):
        monkeypatch.setattr(spectral_energy, "ORDINARY_MISFIT", ordinary)
        energy = energy_of(torch.full((len(MODES),), 0.05), 1e-3, 1)
        power = log_power(theta)
        scenes = energy.start(power)
        energy.settle(power, scenes)
        values.append(energy.of(power, scenes))
    plain, scaled = values
    assert plain.min() > 100
    torch.testing.assert_close(scaled, plain / (plain.min() / 50), rtol=1e-3, atol=0)
