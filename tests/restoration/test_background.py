"""Light from other planes is found and set apart, and all light is accounted for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import LinearOperator
from napari_deepblur.optics import Microscope, psf_model, zernike_psf
from napari_deepblur.progress import finished
from napari_deepblur.restoration.background import REACH, BackgroundRestorer, VolumeBlur, volume_blur
from napari_deepblur.restoration.blur import ConvolutionBlur
from napari_deepblur.restoration.restore import Restored, restore_steps
from napari_deepblur.restoration.restorers import Restorer, SolverRestorer, Step
from napari_deepblur.solvers.levels import Levels

CPU = torch.device("cpu")
MICROSCOPE = Microscope(1.2, 0.525, 0.1, 1.33)
MODES = (4, 5, 6, 7, 8)
THETA = torch.tensor([0.02, -0.04, 0.03, 0.05, -0.03])
NOISE = PoissonGaussianNoise(0.001, 0.003)
SIDE, SIZE = 96, 31


@pytest.fixture(scope="module")
def blur() -> VolumeBlur:
    focus = zernike_psf(THETA, psf_model(MICROSCOPE.pupil, MODES, SIZE))
    return volume_blur(focus, 0.1, THETA, MICROSCOPE.pupil, MODES)


def specimen(seed: int = 0) -> Tensor:
    """Spots in every plane, shape (1, 13, 126, 126): one plane in thirteen is in focus."""
    generator = torch.Generator().manual_seed(seed)
    side = SIDE + SIZE - 1
    volume = torch.zeros(1, 2 * REACH + 1, side, side)
    for plane in range(2 * REACH + 1):
        rows, columns = torch.randint(0, side, (2, 60), generator=generator)
        volume[0, plane, rows, columns] = 0.3 + torch.rand(60, generator=generator)
    return volume


@pytest.fixture(scope="module")
def seen(blur: VolumeBlur) -> tuple[np.ndarray, np.ndarray]:
    """Make an image with noise, of peak one, and the plane in focus in its units."""
    operator = blur.operator((SIDE, SIDE), (0, 0), CPU)
    image = operator.forward(specimen())[0, 0].numpy()
    half = SIZE // 2
    focus = specimen()[0, REACH, half:-half, half:-half].numpy()
    return NOISE.sample(image / image.max(), 1).astype(np.float32), focus / image.max()


def restored(image: np.ndarray, blur: VolumeBlur, restorer: Restorer, side: int | None = None) -> Restored:
    return finished(restore_steps(image, blur, NOISE, restorer, CPU, side))


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def test_the_blur_has_the_given_psf_in_focus_and_broader_ones_around(blur: VolumeBlur) -> None:
    room = blur.psfs.shape[-1] // 2 - SIZE // 2
    inner = blur.psfs[REACH, room : room + SIZE, room : room + SIZE]
    torch.testing.assert_close(inner, zernike_psf(THETA, psf_model(MICROSCOPE.pupil, MODES, SIZE)))
    torch.testing.assert_close(blur.psfs.sum((1, 2)), torch.ones(2 * REACH + 1), rtol=0, atol=1e-3)
    assert blur.psfs[REACH].max() > 3 * blur.psfs[[0, -1]].amax()
    assert (blur.psf_size, blur.spread) == (SIZE, 0.1)


def test_the_plane_in_focus_comes_back_much_better_than_where_all_light_is_taken_for_its_own(
    blur: VolumeBlur, seen: tuple[np.ndarray, np.ndarray]
) -> None:
    image, focus = seen
    flat = ConvolutionBlur(zernike_psf(THETA, psf_model(MICROSCOPE.pupil, MODES, SIZE)))
    plain = finished(restore_steps(image, flat, NOISE, SolverRestorer("richardson-lucy"), CPU, None)).image
    found = restored(image, blur, BackgroundRestorer(None))
    assert correlation(found.image, focus) > correlation(plain, focus) + 0.15
    assert found.background is not None
    # All light is accounted for: the plane in focus, and what was set apart.
    operator = flat.operator((SIDE - 30, SIDE - 30), (0, 0), CPU)
    explained = (
        operator.forward(torch.from_numpy(found.image)[None, None])[0, 0].numpy() + found.background[15:-15, 15:-15]
    )
    inner = image[15:-15, 15:-15]
    assert abs(explained.mean() / inner.mean() - 1) < 0.02
    assert found.background.min() >= 0
    residual = (inner - explained) / np.sqrt(NOISE.variance(explained))
    assert 0.5 < residual.std() < 2


def test_other_methods_restore_what_is_left_with_the_noise_of_all(
    blur: VolumeBlur, seen: tuple[np.ndarray, np.ndarray]
) -> None:
    class Watcher(Restorer):
        iterations, bytes_per_pixel, products_per_pixel = 2, 10, 10

        def steps(
            self,
            image: Tensor,
            operator: LinearOperator,
            noise: tuple[float, float],
            spread: float,
            weights: Tensor | None = None,
            levels: Levels | None = None,
        ) -> Iterator[Step]:
            self.image, self.noise, self.spread, self.operator = image, noise, spread, operator
            for iteration in (1, 2):
                yield Step(iteration, torch.zeros(1, 1, *operator.scene_shape))

    watcher = Watcher()
    found = restored(seen[0], blur, BackgroundRestorer(watcher, iterations=5))
    assert found.background is not None
    np.testing.assert_allclose(watcher.image[0, 0].numpy(), seen[0] - found.background, rtol=0, atol=1e-6)
    expected = np.sqrt(NOISE.beta**2 + NOISE.alpha * found.background.mean())
    assert watcher.noise == (NOISE.alpha, pytest.approx(expected, rel=1e-3)) and watcher.spread == 0.1
    assert watcher.operator.image_shape == (SIDE, SIDE)
    assert watcher.operator.scene_shape == (SIDE + SIZE - 1, SIDE + SIZE - 1)


def test_tiles_agree_with_the_whole(blur: VolumeBlur) -> None:
    operator = blur.operator((260, 200), (0, 0), CPU)
    generator = torch.Generator().manual_seed(3)
    scene = (torch.rand(operator.scene_shape, generator=generator) < 0.004).float()[None]
    image = operator.forward(scene)[0, 0].numpy()
    image = np.asarray(image / image.max(), dtype=np.float32)
    method = BackgroundRestorer(None, iterations=6)
    # Without shot noise there are no counts to hold back, and all tiles take as many iterations.
    noise = PoissonGaussianNoise(0.0, 0.003)
    whole, tiles = (finished(restore_steps(image, blur, noise, method, CPU, side)) for side in (None, 160))
    assert tiles.background is not None and whole.background is not None
    assert np.abs(tiles.background - whole.background).max() < 0.05
    assert correlation(tiles.image, whole.image) > 0.99
