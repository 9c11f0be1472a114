"""Vectorial light, defocus and mismatch, against integrals that share nothing with the implementation."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import pytest
import torch
from scipy.special import jv

from napari_deepblur.errors import MicroscopeError
from napari_deepblur.optics import Microscope, Pupil, psf_model, psf_snr, stacked, zernike_psf

OBJECTIVES = [(0.5, 1.0), (0.95, 1.0), (1.2, 1.33), (1.41, 1.51), (1.49, 1.515)]


def microscope(na: float, n: float, **others: object) -> Microscope:
    return Microscope(na, 0.525, 0.2 * 0.525 / na, n, **others)  # type: ignore[arg-type]


def richards_wolf(optics: Microscope, size: int, z_um: float = 0.0) -> np.ndarray:
    """Evaluate the integrals I0, I1, I2 of freely rotating dipoles, by quadrature over the angle."""
    n, k0 = optics.n_immersion, 2 * np.pi / optics.wavelength_um
    nodes, weights = quadrature()
    limit = np.arcsin(optics.na / n)
    alpha, weights = (nodes + 1) / 2 * limit, weights * limit / 2
    c, s = np.cos(alpha), np.sin(alpha)
    bessel, where = bessel_functions(tuple(k0 * n * optics.pixel_size_um * s), size)
    phase = np.exp(1j * k0 * n * z_um * c)
    if optics.n_sample is not None:
        own = np.sqrt((optics.n_sample**2 - (n * s) ** 2).astype(complex))
        phase = phase * np.exp(1j * k0 * optics.depth_um * (np.where(own.imag > 0, own, own.real) - n * c))
    common = weights * s * c / np.sqrt(c) * phase
    i0, i1, i2 = (b @ (common * f) for b, f in zip(bessel, ((1 + c) / 2, s, (1 - c) / 2), strict=True))
    intensity = (2 * (abs(i0) ** 2 + abs(i2) ** 2) + abs(i1) ** 2)[where].reshape(size, size)
    return np.asarray(intensity / intensity.sum())


@cache
def quadrature() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of Gauss and Legendre, which take longer to find than the integrals."""
    return np.polynomial.legendre.leggauss(600)


@cache
def bessel_functions(frequencies: tuple[float, ...], size: int) -> tuple[list[np.ndarray], np.ndarray]:
    """J0, J1, J2 at the distances of all pixels from the centre, and which distance each pixel has; for any defocus."""
    pixels = np.arange(size) - size // 2
    radius, where = np.unique(np.hypot(pixels[:, None], pixels).round(9), return_inverse=True)
    return [jv(m, radius[:, None] * np.array(frequencies)) for m in (0, 1, 2)], where


def ideal(optics: Microscope, size: int = 31, z_um: float = 0.0) -> np.ndarray:
    z = z_um / optics.pixel_size_um
    return np.asarray(zernike_psf(torch.zeros(0), psf_model(optics.pupil, (), size, defocus=z), torch.tensor(z)))


@pytest.mark.parametrize("z_um", [0.0, 0.3, -0.8])
@pytest.mark.parametrize(("na", "n"), OBJECTIVES)
def test_vectorial_psfs_are_the_richards_wolf_integrals(na: float, n: float, z_um: float) -> None:
    expected = richards_wolf(microscope(na, n), 31, z_um)
    np.testing.assert_allclose(ideal(microscope(na, n), 31, z_um), expected, rtol=0, atol=1e-5 * expected.max())


@pytest.mark.parametrize(
    ("na", "n", "snr"), [(0.5, 1.0, 25.2), (0.8, 1.0, 15.2), (1.2, 1.33, 12.3), (1.49, 1.515, 9.0)]
)
def test_scalar_light_is_as_far_from_vectorial_as_was_measured(na: float, n: float, snr: float) -> None:
    vectorial, scalar = (torch.from_numpy(ideal(microscope(na, n, light=light))) for light in ("vectorial", "scalar"))
    assert psf_snr(vectorial, scalar).item() == pytest.approx(snr, abs=0.4)


def test_at_low_apertures_light_is_scalar() -> None:
    vectorial, scalar = (
        torch.from_numpy(ideal(microscope(0.1, 1.0, light=light))) for light in ("vectorial", "scalar")
    )
    assert psf_snr(vectorial, scalar).item() > 50


@pytest.mark.parametrize(("na", "n"), OBJECTIVES)
def test_without_aberrations_the_psf_is_round(na: float, n: float) -> None:
    psf = ideal(microscope(na, n))
    for turned in (psf.T, psf[::-1], np.rot90(psf)):
        np.testing.assert_allclose(turned, psf, rtol=0, atol=1e-5 * psf.max())
    # And not only under the symmetries of the grid: (3, 4) and (5, 0) are as far from the centre.
    assert psf[18, 19] == pytest.approx(psf[20, 15], abs=1e-5 * float(psf.max()))


def test_an_aperture_of_the_full_half_space_is_finite() -> None:
    psf = ideal(microscope(1.33, 1.33))
    assert np.isfinite(psf).all() and psf.argmax() == psf.size // 2


@pytest.mark.parametrize(("na", "depth_um"), [(1.2, 2.0), (1.3, 5.0), (1.45, 0.5), (1.45, 4.0)])
def test_a_mismatch_is_its_phase_in_the_best_focus(na: float, depth_um: float) -> None:
    # NA 1.45 exceeds the index of water: the outer pupil gets evanescent waves only.
    optics = microscope(na, 1.515, n_sample=1.33, depth_um=depth_um)
    psf = ideal(optics, 41)
    # The same through focus, without refocusing: the plane where the axis is brightest.
    planes = np.linspace(-0.5, 0.3, 161) * depth_um
    stack = np.stack([richards_wolf(optics, 41, z) for z in planes])
    closest = min(np.linalg.norm(psf - plane) / np.linalg.norm(plane) for plane in stack)
    assert closest < 0.04
    assert psf.max() > 0.95 * stack.max()
    assert psf.max() < 0.97 * ideal(microscope(na, 1.515), 41).max()


def test_a_mismatch_without_depth_or_without_difference_does_nothing() -> None:
    plain = ideal(microscope(1.2, 1.33))
    for others in ({"n_sample": 1.4}, {"n_sample": 1.33, "depth_um": 50.0}):
        np.testing.assert_allclose(ideal(microscope(1.2, 1.33, **others)), plain, rtol=0, atol=1e-6)


def test_gradients_are_those_of_finite_differences() -> None:
    model = psf_model(microscope(1.2, 1.33).pupil, (4, 7, 11), 15, defocus=3)
    theta = torch.tensor([0.05, -0.08, 0.1], requires_grad=True)
    weights = torch.randn(15, 15, generator=torch.Generator().manual_seed(0))

    def value(t: torch.Tensor) -> torch.Tensor:
        return (weights * zernike_psf(t, model, torch.tensor(1.5))).sum()

    (gradient,) = torch.autograd.grad(value(theta), theta)
    for k in range(3):
        step = 0.005 * torch.eye(3)[k]
        numeric = (value(theta + step) - value(theta - step)) / 0.01
        assert gradient[k].item() == pytest.approx(numeric.item(), rel=2e-2, abs=2e-3)


def test_a_batch_of_pupils_is_each_of_them() -> None:
    pupils = [Pupil(0.2, 0.3), Pupil(0.2, 0.9), Pupil(0.2, 0.9, "scalar")]
    models = [psf_model(p, (4, 5), 15) for p in pupils]
    theta = torch.randn(2, 3, 2, generator=torch.Generator().manual_seed(0)) * 0.1
    z = torch.tensor([[1.0], [-2.0]])
    psfs = zernike_psf(theta, stacked(models).take(torch.tensor([1, 2])), z)
    for b, index in enumerate((1, 2)):
        torch.testing.assert_close(psfs[b], zernike_psf(theta[b], models[index], z[b]), rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ({"depth_um": 3.0}, "without n_sample"),
        ({"n_sample": 0.9}, "refractive index"),
        ({"n_sample": 1.33, "depth_um": -1.0}, "depth_um is -1"),
        ({"light": "polarised"}, "expected one of vectorial, scalar"),
    ],
)
def test_what_no_sample_has_is_refused(others: dict[str, object], words: str) -> None:
    with pytest.raises(MicroscopeError, match=words):
        microscope(1.2, 1.33, **others)


def test_a_pupil_at_another_sampling_keeps_its_aperture() -> None:
    pupil = microscope(1.2, 1.33).pupil
    assert pupil.polarization == pytest.approx(1.2 / 1.33)
    assert dataclasses.replace(pupil, light="scalar").polarization == 0
