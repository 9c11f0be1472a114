from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import j1
from torch import Tensor

from napari_deepblur.errors import FamilyError
from napari_deepblur.optics import Pupil, is_even, psf_model, psf_snr, zernike, zernike_psf

MODES = tuple(range(4, 12))
COEFFICIENTS = st.lists(st.floats(-0.15, 0.15), min_size=8, max_size=8)


def aberrated(cutoff: float = 0.2, size: int = 31, **theta: float) -> Tensor:
    """PSF of coefficients given as j4=0.1, j7=-0.05."""
    values = torch.tensor([theta.get(f"j{j}", 0.0) for j in MODES])
    return zernike_psf(values, psf_model(Pupil(cutoff), MODES, size))


@pytest.mark.parametrize("cutoff", [0.05, 0.1, 0.14, 0.2, 0.261, 0.33])
@pytest.mark.parametrize("size", [15, 31])
def test_without_aberration_it_is_the_airy_disk(cutoff: float, size: int) -> None:
    psf = zernike_psf(torch.zeros(0), psf_model(Pupil(cutoff), (), size)).double().numpy()
    y, x = np.mgrid[:size, :size] - size // 2
    v = 2 * np.pi * cutoff * np.hypot(x, y)
    v[size // 2, size // 2] = 1e-9
    airy = (2 * j1(v) / v) ** 2
    np.testing.assert_allclose(psf / psf.max(), airy, atol=1e-3)


def test_the_peak_lies_on_the_centre_pixel() -> None:
    psf = aberrated(size=21)
    assert divmod(int(psf.argmax()), 21) == (10, 10)
    # Exactly: the unaberrated PSF has all the symmetries of the pixel grid about its centre.
    for mirrored in (psf.flip(0), psf.flip(1), psf.T):
        torch.testing.assert_close(mirrored, psf, rtol=1e-4, atol=1e-8)


@given(COEFFICIENTS)
@settings(max_examples=20, deadline=None)
def test_it_is_a_density(theta: list[float]) -> None:
    psf = zernike_psf(torch.tensor(theta), psf_model(Pupil(0.22), MODES, 25))
    assert psf.min() >= 0
    assert psf.double().sum().item() == pytest.approx(1, abs=1e-5)


@given(COEFFICIENTS)
@settings(max_examples=20, deadline=None)
def test_the_joint_sign_of_the_even_modes_cannot_be_seen(theta: list[float]) -> None:
    model = psf_model(Pupil(0.22), MODES, 25)
    values = torch.tensor(theta)
    even = torch.tensor([-1.0 if is_even(j) else 1.0 for j in MODES])
    psf = zernike_psf(values, model)
    torch.testing.assert_close(zernike_psf(even * values, model), psf, rtol=0, atol=1e-6)
    # The odd modes turn the PSF round, and so does a change of all signs.
    torch.testing.assert_close(zernike_psf(-even * values, model), psf.flip(0, 1), rtol=0, atol=1e-6)
    torch.testing.assert_close(zernike_psf(-values, model), psf.flip(0, 1), rtol=0, atol=1e-6)


def test_the_sign_of_one_even_mode_can_be_seen_beside_another() -> None:
    assert psf_snr(aberrated(j4=0.1, j5=0.1), aberrated(j4=0.1, j5=-0.1)) < 10


def direct_psf(theta: dict[int, float], cutoff: float, size: int) -> np.ndarray:
    """Textbook version: inverse FFT of a finely sampled hard pupil, then crop."""
    n = 1024
    fy, fx = np.meshgrid(np.fft.fftfreq(n), np.fft.fftfreq(n), indexing="ij")
    rho, phi = np.hypot(fx, fy) / cutoff, np.arctan2(fy, fx)
    wavefront = sum(value * zernike(j, np.minimum(rho, 1), phi) for j, value in theta.items())
    field = np.fft.ifft2((rho <= 1) * np.exp(2j * np.pi * wavefront))
    intensity = np.fft.fftshift(np.abs(field) ** 2)
    c, r = n // 2, size // 2
    crop = intensity[c - r : c + r + 1, c - r : c + r + 1]
    return np.asarray(crop / crop.sum())


@pytest.mark.parametrize("j", MODES)
def test_each_mode_agrees_with_an_inverse_fft_of_the_pupil(j: int) -> None:
    # An FFT in the other direction would turn the odd modes round, at an SNR below 10 dB.
    expected = torch.from_numpy(direct_psf({j: 0.12}, 0.2, 31))
    psf = aberrated(**{f"j{j}": 0.12}).double()
    assert psf_snr(expected, psf).item() > 45
    if not is_even(j):
        assert psf_snr(expected, psf.flip(0, 1)).item() < 10


def test_a_mixture_of_modes_agrees_with_an_inverse_fft_of_the_pupil() -> None:
    theta = {4: 0.1, 5: -0.07, 6: 0.03, 7: 0.12, 8: -0.05, 9: 0.08, 10: -0.11, 11: 0.06}
    expected = torch.from_numpy(direct_psf(theta, 0.261, 31))
    psf = aberrated(0.261, **{f"j{j}": value for j, value in theta.items()}).double()
    assert psf_snr(expected, psf).item() > 40


def test_a_tilt_moves_the_peak_against_its_gradient() -> None:
    # exp(2 i pi 2 a rho_x / fc) exp(2 i pi rho x) is a plane wave at x = -2 a / fc: rows are y, columns are x.
    model = psf_model(Pupil(0.2), (2, 3), 31)
    for theta, peak in (((0.5, 0.0), (15, 10)), ((0.0, 0.5), (10, 15)), ((-0.5, 0.0), (15, 20))):
        assert divmod(int(zernike_psf(torch.tensor(theta), model).argmax()), 31) == peak


def test_a_small_change_of_the_cutoff_changes_the_psf_a_little_and_never_in_jumps() -> None:
    cutoffs = np.linspace(0.2, 0.202, 9)
    peaks = [zernike_psf(torch.zeros(0), psf_model(Pupil(fc), (), 31)).max().item() for fc in cutoffs]
    steps = np.diff(peaks)
    assert (steps > 0).all() and steps.max() < 1.1 * steps.min()


@pytest.mark.parametrize(("cutoff", "aperture"), [(0.15, 0.0), (0.261, 0.93)])
def test_the_coarse_pupil_is_good_enough_to_search_with(cutoff: float, aperture: float) -> None:
    torch.manual_seed(0)
    theta = torch.empty(20, 8).uniform_(-0.15, 0.15)
    pupil = Pupil(cutoff, aperture)
    fine, coarse = (zernike_psf(theta, psf_model(pupil, MODES, 31, coarse=c)) for c in (False, True))
    snr = psf_snr(fine, coarse)
    assert snr.min() > 60


def test_a_batch_is_a_stack_of_single_psfs() -> None:
    model = psf_model(Pupil(0.2), MODES, 15)
    theta = torch.empty(2, 3, 8).uniform_(-0.15, 0.15)
    psfs = zernike_psf(theta, model)
    assert psfs.shape == (2, 3, 15, 15)
    torch.testing.assert_close(psfs[1, 2], zernike_psf(theta[1, 2], model), rtol=1e-4, atol=1e-7)


def test_the_gradient_in_theta_is_that_of_finite_differences() -> None:
    single = psf_model(Pupil(0.2), MODES, 11)
    theta = torch.empty(8).uniform_(-0.15, 0.15)
    target = aberrated(size=11, j4=0.05, j7=0.1)

    def loss(values: Tensor) -> Tensor:
        return 100 * (zernike_psf(values, single) - target).square().sum()

    (gradient,) = torch.autograd.grad(loss(theta.requires_grad_()), theta)
    step = 1e-2
    for k in range(8):
        # Four-point differences: in float32 the step cannot be small.
        delta = step * torch.eye(8)[k]
        with torch.no_grad():
            near = loss(theta + delta) - loss(theta - delta)
            far = loss(theta + 2 * delta) - loss(theta - 2 * delta)
        expected = (8 * near - far) / (12 * step)
        assert gradient[k].item() == pytest.approx(expected.item(), rel=1e-2, abs=2e-3)


def test_small_aberrations_lower_the_peak_as_marechal_says() -> None:
    strehl = aberrated(size=61, j9=0.03).max() / aberrated(size=61).max()
    assert strehl.item() == pytest.approx(math.exp(-((2 * math.pi * 0.03) ** 2)), abs=2e-3)


def test_the_snr_is_that_of_a_known_error() -> None:
    true = torch.tensor([[[3.0, 4.0]], [[3.0, 4.0]]])
    snr = psf_snr(true, true + torch.tensor([[[0.5, 0.0]], [[0.0, 0.05]]]))
    torch.testing.assert_close(snr, torch.tensor([20.0, 40.0]), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("size", [30, 1, 0, -5])
def test_a_size_without_a_centre_pixel_is_refused(size: int) -> None:
    with pytest.raises(FamilyError, match=rf"psf_size is {size}, expected an odd number"):
        psf_model(Pupil(0.2), MODES, size)
