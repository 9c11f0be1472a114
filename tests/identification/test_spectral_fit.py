from __future__ import annotations

import subprocess
import sys

import numpy as np
import torch

from napari_deepblur.identification.spectral_fit import Band, SpectralEnergy, _Adam, spectral_fit
from napari_deepblur.io.scene_spectra import load_scene_spectra
from napari_deepblur.networks.statistics import WINDOW, sum_of_periodograms
from napari_deepblur.operators import ConvolutionOperator
from napari_deepblur.optics import Pupil, psf_model, psf_snr, zernike_psf

MODES = tuple(range(4, 12))
OPTICS = psf_model(Pupil(0.25), MODES, 31, coarse=True)
SCENES = load_scene_spectra()


def expected_power(psf: np.ndarray) -> np.ndarray:
    """Mean periodogram of blurred white noise: the Fourier series of the PSF's autocorrelation times the window's."""
    size = 2 * WINDOW
    autocorrelation = np.fft.ifft2(np.abs(np.fft.fft2(psf, s=(size, size))) ** 2).real
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    window = np.fft.ifft(np.abs(np.fft.fft(hann, n=size)) ** 2).real / np.square(hann).sum()
    power = np.fft.fft2(autocorrelation * np.outer(window, window)).real
    return np.asarray(power[::2, : WINDOW + 1 : 2])


def test_the_power_of_a_psf_is_what_a_hann_window_sees_of_it() -> None:
    theta = torch.empty(3, 8).uniform_(-0.15, 0.15)
    psfs = zernike_psf(theta, OPTICS)
    band = Band(torch.device("cpu"), 31)
    found = band.log_power(psfs).exp().numpy()
    for psf, values in zip(psfs.double().numpy(), found, strict=True):
        expected = expected_power(psf)[band.mask.numpy()]
        # Parts in a thousand of the whole, and the same valleys.
        np.testing.assert_allclose(values, expected, rtol=0.15, atol=1e-4)
        assert np.corrcoef(np.log(values + 1e-6), np.log(expected + 1e-6))[0, 1] > 0.995


def test_the_coefficients_of_blurred_white_noise_are_found_but_for_orientation_and_sign() -> None:
    theta = torch.tensor([0.1, -0.06, 0.03, 0.08, -0.05, 0.02, 0.07, -0.04])
    psf = zernike_psf(theta, OPTICS)
    image = ConvolutionOperator(psf, (640, 640)).forward(torch.randn(1, 1, 670, 670))
    power, windows = sum_of_periodograms(image)
    *_, fit = spectral_fit(power[0] / windows, windows, 0.0, OPTICS, 0.15, SCENES)
    best = zernike_psf(fit.theta[fit.log_weights.argmax()], OPTICS)
    snr = torch.stack([psf_snr(psf, best), psf_snr(psf, best.flip(0, 1))]).max()
    assert snr > 20
    assert abs(fit.log_weights.exp().sum().item() - 1) < 1e-5 and fit.usable > 0.8


def test_in_noise_little_of_the_spectrum_is_usable() -> None:
    power, windows = sum_of_periodograms(torch.randn(1, 1, 320, 320))
    *_, fit = spectral_fit(power[0] / windows, windows, 1.0, OPTICS, 0.15, SCENES, steps=2)
    assert fit.usable < 0.1 and fit.theta.isfinite().all()


def test_guesses_are_starts_like_the_others() -> None:
    theta = torch.tensor([[0.1, -0.06, 0.03, 0.08, -0.05, 0.02, 0.07, -0.04]])
    image = ConvolutionOperator(zernike_psf(theta, OPTICS)[:, None], (320, 320)).forward(torch.randn(1, 1, 350, 350))
    power, windows = sum_of_periodograms(image)
    *_, fit = spectral_fit(power[0] / windows, windows, 0.0, OPTICS, 0.15, SCENES, guesses=theta, starts=3, steps=20)
    assert fit.theta.shape == (4, 8) and fit.log_weights.argmax() == 0
    assert (fit.theta[0] - theta[0]).abs().max() < 0.03


def test_the_energy_is_that_of_the_whole_covariance() -> None:
    """Woodbury's identity against a dense solve, without noise and for as many windows as the statistics have."""
    band = Band(torch.device("cpu"), 31)
    frequencies = int(band.mask.sum())
    power = torch.rand(WINDOW, WINDOW // 2 + 1) + 0.5
    signal = power[band.mask]
    energy = SpectralEnergy(signal, torch.ones_like(signal), SCENES.windows, band, SCENES)
    log_power = torch.randn(2, frequencies)
    components = SCENES.components[:, band.mask].double()
    covariance = (components.T * SCENES.variances.double()) @ components
    covariance += torch.diag(2 * SCENES.residual[band.mask].double() / band.multiplicity)
    covariance += 1e4
    residual = (signal.log() - SCENES.mean[band.mask] - log_power).double()
    expected = 0.5 * (residual * torch.linalg.solve(covariance, residual.T).T).sum(1)
    torch.testing.assert_close(energy.of(log_power).double(), expected, rtol=2e-3, atol=0)


def test_adam_takes_the_steps_that_torch_takes() -> None:
    start = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    ours, theirs = start.clone().requires_grad_(), start.clone().requires_grad_()
    descent, reference = _Adam(ours), torch.optim.Adam([theirs], lr=0.02)
    for step in range(30):
        rate = 0.02 / (1 + step)
        reference.param_groups[0]["lr"] = rate
        (gradient,) = torch.autograd.grad((ours - 1).pow(4).sum() + ours.abs().sum(), ours)
        (theirs.grad,) = torch.autograd.grad((theirs - 1).pow(4).sum() + theirs.abs().sum(), theirs)
        descent.step(gradient, rate)
        reference.step()
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


def test_a_fit_does_not_load_the_compiler_of_torch() -> None:
    """Two seconds in front of every command and of the first preview."""
    code = (
        "import sys, torch\n"
        "from napari_deepblur.io.scene_spectra import load_scene_spectra\n"
        "from napari_deepblur.optics import psf_model\n"
        "from napari_deepblur.identification.spectral_fit import WINDOW, spectral_fit\n"
        "optics = psf_model(Pupil(0.25), (4, 5), 31, coarse=True)\n"
        "power = 1 + torch.rand(WINDOW, WINDOW // 2 + 1)\n"
        "list(spectral_fit(power, 9, 0.5, optics, 0.15, load_scene_spectra(), starts=2, steps=2))\n"
        "sys.exit('torch._dynamo' in sys.modules or 'sympy' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
