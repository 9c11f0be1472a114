from __future__ import annotations

import pytest
import torch
from torch import Tensor

from napari_deepblur.networks.statistics import WINDOW, prepare, sum_of_cross_spectra, sum_of_periodograms
from napari_deepblur.operators import ConvolutionOperator
from napari_deepblur.optics import Pupil, psf_model, zernike_psf


def mean_periodogram(image: Tensor) -> Tensor:
    power, windows = sum_of_periodograms(image)
    return power / windows


def sparse_scene(side: int, batch: int = 1) -> Tensor:
    return (torch.rand(batch, 1, side, side) > 0.98).float()


def blurred(side: int, modes: tuple[int, int] = (7, 9)) -> Tensor:
    """Sparse points, by default under a PSF that is far from symmetric."""
    psf = zernike_psf(torch.tensor([0.15, 0.1]), psf_model(Pupil(0.25), modes, 31))
    return ConvolutionOperator(psf, (side, side)).forward(sparse_scene(side + 30))


@pytest.mark.parametrize("variance", [1e-4, 1.0, 9.0])
def test_white_noise_has_its_variance_at_each_frequency(variance: float) -> None:
    power = mean_periodogram(variance**0.5 * torch.randn(8, 1, 512, 512)).mean(0)
    assert power.shape == (WINDOW, WINDOW // 2 + 1)
    # The mean of a window is taken out, and with it the lowest frequencies.
    radius = torch.hypot(torch.fft.fftfreq(WINDOW)[:, None], torch.fft.rfftfreq(WINDOW)[None, :])
    ratio = power[radius > 2 / WINDOW] / variance
    assert ratio.mean().item() == pytest.approx(1, abs=0.01)
    assert ratio.min() > 0.75 and ratio.max() < 1.25


def test_a_wave_is_seen_at_its_frequency() -> None:
    y, x = torch.meshgrid(torch.arange(128.0), torch.arange(192.0), indexing="ij")
    wave = torch.cos(2 * torch.pi * (-9 * y + 14 * x) / WINDOW)
    power = mean_periodogram(wave[None, None])[0]
    assert divmod(int(power.argmax()), WINDOW // 2 + 1) == (WINDOW - 9, 14)


def test_the_power_of_a_blurred_image_falls_as_the_transfer_function_does() -> None:
    psf = zernike_psf(torch.tensor([0.12]), psf_model(Pupil(0.2), (4,), 31))
    noise = torch.randn(16, 1, 414, 414)
    power = mean_periodogram(ConvolutionOperator(psf, (384, 384)).forward(noise)).mean(0)
    transfer = torch.fft.rfft2(psf, s=(WINDOW, WINDOW)).abs().square()
    strong = transfer > 0.02
    strong[:3, :3] = strong[-2:, :3] = False
    assert strong.sum() > 100
    assert (power[strong] / transfer[strong]).mean().item() == pytest.approx(1, abs=0.05)


def test_the_number_of_windows() -> None:
    assert sum_of_periodograms(torch.randn(1, 1, 64, 64))[1] == 1
    assert sum_of_periodograms(torch.randn(1, 1, 128, 100))[1] == 3 * 2
    assert sum_of_cross_spectra(torch.randn(1, 2, 128, 200))[1] == 2 * 3


def test_cross_spectra_of_two_areas_add_up() -> None:
    details = prepare(blurred(256)).pixels[:, 1:]
    whole, count = sum_of_cross_spectra(details)
    parts = [sum_of_cross_spectra(details[..., rows, :]) for rows in (slice(0, 64), slice(64, 256))]
    assert count == sum(part[1] for part in parts) == 16
    together = parts[0][0] + parts[1][0]
    # Only the mean of |d| is taken out area by area.
    together[..., 0, 0] = whole[..., 0, 0]
    torch.testing.assert_close(together, whole, rtol=1e-4, atol=1e-3)


def test_a_mirrored_image_has_the_same_power_and_conjugate_cross_spectra() -> None:
    image = blurred(256)
    views, mirrored = prepare(image), prepare(image.flip(-1, -2))
    power, reversed_power = (mean_periodogram(v.pixels[:, :1]) for v in (views, mirrored))
    # Not exactly: the window of 64 pixels starts with a zero and does not end with one.
    torch.testing.assert_close(
        reversed_power[:, 2:-2, 2:], power[:, 2:-2, 2:], rtol=0.1, atol=1e-3 * float(power.max())
    )
    cross, reversed_cross = (sum_of_cross_spectra(v.pixels[:, 1:])[0] for v in (views, mirrored))
    torch.testing.assert_close(reversed_cross, cross.conj(), rtol=1e-3, atol=1e-2)


def test_an_asymmetric_psf_shows_in_the_imaginary_parts() -> None:
    share = []
    for modes in ((7, 9), (4, 6)):
        cross, _ = sum_of_cross_spectra(prepare(blurred(512, modes)).pixels[:, 1:])
        odd = cross[:, :, 1:]
        share.append((odd.imag.abs().mean() / odd.real.abs().mean()).item())
    assert share[0] > 2 * share[1]


def test_the_first_cross_spectrum_is_a_power_spectrum() -> None:
    cross, _ = sum_of_cross_spectra(torch.randn(2, 2, 128, 128))
    assert cross[:, :, 0].imag.abs().max() < 1e-4 and cross[:, :, 0].real.min() >= 0


def test_views_are_standardised() -> None:
    views = prepare(100 + 7 * sparse_scene(96, batch=3))
    standard, details = views.pixels[:, 0], views.pixels[:, 1:]
    torch.testing.assert_close(standard.mean((1, 2)), torch.zeros(3), rtol=0, atol=1e-5)
    torch.testing.assert_close(standard.std((1, 2)), torch.ones(3), rtol=1e-4, atol=0)
    assert details.abs().max() <= 6 and (details.std((2, 3)) > 0.5).all()


@pytest.mark.parametrize(("gain", "offset"), [(1000.0, 0.0), (1e-3, 5.0), (3.0, -200.0)])
def test_views_do_not_depend_on_the_intensity_scale(gain: float, offset: float) -> None:
    image = blurred(96).double()
    torch.testing.assert_close(prepare(gain * image + offset).pixels, prepare(image).pixels, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("spoiled", [0.0, 1e-7])
def test_a_constant_image_has_finite_views(spoiled: float) -> None:
    image = torch.full((1, 1, 64, 64), 0.5)
    image[..., 3, 4] += spoiled
    views = prepare(image)
    assert all(value.isfinite().all() for value in views)
    assert mean_periodogram(views.pixels[:, :1]).isfinite().all()
    assert sum_of_cross_spectra(views.pixels[:, 1:])[0].isfinite().all()
