"""The camera of thick specimens: light of the planes, and PSFs beside those of an independent simulator."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from benchmarks.simulation.specimens import draw_specimen
from benchmarks.simulation.thick import ThickCamera
from benchmarks.simulation.worlds import light_world, thick_world
from napari_deepblur.errors import SettingsError, UndersamplingWarning
from napari_deepblur.optics import Microscope, psf_model, zernike, zernike_psf

SIDE = 48


def debye_psf(
    microscope: Microscope, modes: tuple[int, ...], theta: NDArray[np.floating], z_um: float, size: int
) -> NDArray[np.float64]:
    """PSF of freely rotating dipoles by fast Fourier transforms, dipole by dipole, light wave by light wave.

    A dipole p sends into the direction (alpha, phi) the field (p . e_alpha) e_alpha + (p . e_phi) e_phi; the objective
    turns e_alpha into e_rho and makes the energy of a ring fit its area, 1 / sqrt(cos alpha). The camera adds both
    polarisations.
    """
    n = 1024
    f = np.fft.fftfreq(n) / microscope.pixel_size_um
    fy, fx = np.meshgrid(f, f, indexing="ij")
    edge, k = microscope.na / microscope.wavelength_um, microscope.n_immersion / microscope.wavelength_um
    radius, phi = np.hypot(fy, fx), np.arctan2(fy, fx)
    # The share of each sample of the grid that lies in the disk, roughly.
    inside = np.clip(0.5 + (edge - radius) / (f[1] - f[0]), 0, 1)
    sine = np.minimum(radius, edge) / k
    cosine = np.sqrt(1 - sine**2)
    rho = np.minimum(radius, edge) / edge
    wavefront = sum((t * zernike(j, rho, phi) for t, j in zip(theta, modes, strict=True)), z_um * k * cosine)
    wave = inside / np.sqrt(cosine) * np.exp(2j * np.pi * wavefront)
    across, along = (np.cos(phi), np.sin(phi)), (-np.sin(phi), np.cos(phi))
    meridional = (cosine * across[0], cosine * across[1], -sine)
    azimuthal = (along[0], along[1], np.zeros_like(phi))
    intensity = np.zeros((n, n))
    for p in range(3):
        for axis in range(2):
            field = meridional[p] * across[axis] + azimuthal[p] * along[axis]
            intensity += np.abs(np.fft.ifft2(field * wave)) ** 2
    middle = np.fft.fftshift(intensity)[
        n // 2 - size // 2 : n // 2 + size // 2 + 1, n // 2 - size // 2 : n // 2 + size // 2 + 1
    ]
    return np.asarray(middle / middle.sum())


@pytest.mark.parametrize("z_um", [0.0, 0.25, -1.0, 3.0])
@pytest.mark.parametrize("name", ["water", "oil"])
def test_psfs_through_focus_are_those_of_an_independent_simulator(name: str, z_um: float) -> None:
    if name == "water":
        microscope = thick_world().truth.microscope
    else:
        with pytest.warns(UndersamplingWarning):
            microscope = Microscope(light="vectorial")
    modes, theta = tuple(range(4, 12)), np.array([0.05, -0.08, 0.03, 0.07, -0.04, 0.06, 0.02, -0.05])
    z = z_um / microscope.pixel_size_um
    model = psf_model(microscope.pupil, modes, 61, abs(z))
    ours = zernike_psf(torch.from_numpy(theta).float(), model, torch.tensor(z)).numpy()
    theirs = debye_psf(microscope, modes, theta, z_um, 61)
    # The square grid of the other one cannot follow the steep phase far from focus.
    assert np.abs(ours - theirs).max() < (3e-3 if abs(z_um) > 1 else 2e-4) * theirs.max()


@pytest.fixture(scope="module")
def camera() -> ThickCamera:
    family = thick_world().truth
    return ThickCamera(family.microscope, family.modes, 5, 0.25, SIDE)


def test_every_plane_gives_all_its_light(camera: ThickCamera) -> None:
    theta = thick_world().truth.sample(1, 0)[0]
    uniform = np.empty(camera.box.shape, np.float32)
    uniform[:] = np.array([1.0, 2, 3, 4, 5])[:, None, None]
    seen = camera.planes(uniform, theta)
    torch.testing.assert_close(seen.mean((1, 2)), torch.tensor([1.0, 2, 3, 4, 5]), rtol=1e-4, atol=0)
    plane = camera.take(uniform, theta, (0.0, 0.0), 0)
    assert plane.out_of_focus == pytest.approx(1 - 3 / 15, abs=1e-4)
    np.testing.assert_allclose(plane.image, 1, rtol=1e-3)
    np.testing.assert_allclose(plane.sharp, 3 / 15, rtol=1e-3)


def test_windows_hold_the_light_of_the_defocused_planes() -> None:
    family = thick_world().truth
    camera = ThickCamera(family.microscope, family.modes, 13, 0.25, SIDE)
    theta = family.sample(1, 0)[0]
    z = camera.distances[0]
    whole = zernike_psf(
        torch.from_numpy(theta), psf_model(family.microscope.pupil, family.modes, 201, abs(z)), torch.tensor(z)
    )
    size = camera.models[0].size
    spare = (201 - size) // 2
    assert size < 201
    assert whole[spare:-spare, spare:-spare].sum() > 0.985


def test_a_point_is_seen_through_the_psf_of_its_distance(camera: ThickCamera) -> None:
    theta = thick_world().truth.sample(1, 3)[0]
    psfs = camera.psfs(theta)
    for plane in range(5):
        volume = np.zeros(camera.box.shape, np.float32)
        middle = camera.box.shape[-1] // 2
        volume[plane, middle, middle] = 1
        image = camera.planes(volume, theta).sum(0)
        reach = 10
        peak = psfs[plane].shape[-1] // 2
        expected = psfs[plane][peak - reach : peak + reach + 1, peak - reach : peak + reach + 1]
        centre = middle - (camera.box.shape[-1] - SIDE) // 2
        seen = image[centre - reach : centre + reach + 1, centre - reach : centre + reach + 1]
        torch.testing.assert_close(seen, expected, rtol=0, atol=1e-5)
    # The middle plane is in focus: its PSF is the family's, but for the size of the window.
    own = torch.from_numpy(thick_world().truth.psf(theta))
    cut = (psfs[2].shape[-1] - own.shape[-1]) // 2
    inner = psfs[2][cut:-cut, cut:-cut] if cut > 0 else psfs[2]
    torch.testing.assert_close(inner / inner.sum(), own, rtol=0, atol=1e-4)


def test_one_plane_alone_has_no_light_out_of_focus_and_noise_of_its_level() -> None:
    family = thick_world().truth
    camera = ThickCamera(family.microscope, family.modes, 1, 0.25, SIDE)
    volume, theta = draw_specimen("nuclei", camera.box, 1), family.sample(1, 1)[0]
    clean, noisy = (camera.take(volume, theta, (0.0, beta), 5) for beta in (0.0, 0.05))
    assert clean.out_of_focus == pytest.approx(0, abs=1e-9) and clean.image.max() == pytest.approx(1)
    assert (noisy.image - clean.image).std() == pytest.approx(0.05, rel=0.05)
    assert clean.image.shape == clean.sharp.shape == (SIDE, SIDE)


def test_an_even_number_of_planes_has_no_middle() -> None:
    family = thick_world().truth
    with pytest.raises(SettingsError, match="odd"):
        ThickCamera(family.microscope, family.modes, 4, 0.25, SIDE)


def test_worlds_differ_in_their_light() -> None:
    names = {name: light_world(name).truth.microscope for name in ("oil", "water", "scalar")}
    assert {key: (m.na, m.n_immersion, m.light) for key, m in names.items()} == {
        "oil": (1.41, 1.51, "vectorial"),
        "water": (1.2, 1.33, "vectorial"),
        "scalar": (1.41, 1.51, "scalar"),
    }
    with pytest.raises(SettingsError, match="oil, water, scalar"):
        light_world("dry")
    world = light_world("oil")
    np.testing.assert_allclose(world.draw(3, 1, 0.05), world.draw(3, 1) / 3, rtol=1e-5)
    assert world.assumed(0.05).max_amplitude == 0.05
