"""Restoration in the memory that there is: which tiles are chosen, and what happens when they do not fit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_deepblur.errors import DeviceError, SettingsError, WeightsError
from napari_deepblur.io.images import read_image
from napari_deepblur.io.weights import load_deblurring
from napari_deepblur.networks.deblurring import LIGHT, PAPER, DeblurringNetwork
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import LinearOperator, ZernikeFamily
from napari_deepblur.progress import Progress, finished
from napari_deepblur.restoration.blur import ConvolutionBlur
from napari_deepblur.restoration.restore import MEMORY_VARIABLE, Restored, choose_side, restore_steps, units_of_work
from napari_deepblur.restoration.restorers import NetworkRestorer, Restorer, SolverRestorer, Step
from napari_deepblur.restoration.tiling import Part, margin
from napari_deepblur.samples import sample_microscope, sample_path
from napari_deepblur.solvers.levels import Levels

CPU = torch.device("cpu")
NO_GPU = torch.device("meta")
"""A device whose tensors hold nothing stands for a GPU that is full."""

NOISE = PoissonGaussianNoise(0.0, 0.01)
PSF = torch.zeros(31, 31).index_put((torch.tensor(15), torch.tensor(15)), torch.tensor(1.0))


class Copier(Restorer):
    """Return the image on a wider scene, unless it has too many pixels or is not on the processor."""

    iterations = 4
    bytes_per_pixel = 1000
    products_per_pixel = 1000

    def __init__(self, largest: int = 10**9) -> None:
        self.largest = largest
        self.sizes: list[tuple[int, int]] = []

    def steps(
        self,
        image: Tensor,
        operator: LinearOperator,
        noise: tuple[float, float],
        spread: float,
        weights: Tensor | None = None,
        levels: Levels | None = None,
    ) -> Iterator[Step]:
        if image.device.type != "cpu" or image.numel() > self.largest:
            raise torch.OutOfMemoryError("out of memory")
        self.sizes.append((image.shape[-2], image.shape[-1]))
        for iteration in range(1, self.iterations + 1):
            yield Step(iteration, torch.nn.functional.pad(image, (15, 15, 15, 15)))


def _restore(
    image: np.ndarray, restorer: Restorer, device: torch.device, side: int | None, psf: Tensor = PSF
) -> tuple[list[float], Restored]:
    seen: list[Progress | Part] = []
    restored = finished(restore_steps(image, ConvolutionBlur(psf), NOISE, restorer, device, side), seen.append)
    return [step.done / step.total for step in seen if isinstance(step, Progress)], restored


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).uniform(size=(300, 420)).astype(np.float32)


@pytest.mark.parametrize("side", [None, 128, 200])
def test_nothing_is_lost_or_doubled_between_tiles(image: np.ndarray, side: int | None) -> None:
    shares, restored = _restore(image, Copier(), CPU, side)
    np.testing.assert_allclose(restored.image, image, atol=1e-6)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    assert restored[1:] == (CPU, side, (), None)


def test_tiles_are_halved_until_they_fit(image: np.ndarray) -> None:
    restorer = Copier(largest=250 * 250)
    shares, restored = _restore(image, restorer, CPU, None)
    np.testing.assert_allclose(restored.image, image, atol=1e-6)
    assert restored.side == 210
    assert restored.notes == ("Memory of cpu ran out: tiles of 210 pixels were tried next.",)
    assert max(height * width for height, width in restorer.sizes) <= restorer.largest
    assert shares[-1] == pytest.approx(1)


def test_the_processor_takes_over_from_a_gpu_without_memory(image: np.ndarray) -> None:
    restorer = Copier()
    _, restored = _restore(image, restorer, NO_GPU, None)
    np.testing.assert_allclose(restored.image, image, atol=1e-6)
    assert restored.device == CPU
    # 420 pixels, then 210, then the processor with tiles as it chooses them: here the whole image.
    assert restored.side is None
    assert len(restored.notes) == 2
    assert "processor took over" in restored.notes[-1]
    assert restorer.sizes == [image.shape]


def test_nothing_left_to_try_is_a_device_error(image: np.ndarray) -> None:
    with pytest.raises(DeviceError, match="tiles of 210 pixels"):
        _restore(image, Copier(largest=0), NO_GPU, None)


def test_a_paper_network_restores_512_pixels_at_once_on_a_processor() -> None:
    paper = NetworkRestorer(DeblurringNetwork(PAPER))
    light = NetworkRestorer(DeblurringNetwork(LIGHT))
    solver = SolverRestorer("richardson-lucy")
    for restorer in (paper, light, solver):
        assert choose_side("auto", (512, 512), 31, restorer, CPU) is None
    sides = [choose_side("auto", (8000, 8000), 31, restorer, CPU) for restorer in (paper, light, solver)]
    assert sides == sorted(sides, key=lambda side: side or 0)
    for side, restorer in zip(sides, (paper, light, solver), strict=True):
        assert side is not None
        pixels = (side + 2 * margin(31)) ** 2
        assert pixels * restorer.bytes_per_pixel <= 0.8 * 2**30
        assert pixels * restorer.products_per_pixel <= 1.6e11


def test_what_was_asked_for_is_done() -> None:
    assert choose_side(None, (8000, 8000), 31, Copier(), CPU) is None
    assert choose_side(300, (8000, 8000), 31, Copier(), CPU) == 300


def test_the_environment_says_how_much_memory_tiles_fill(monkeypatch: pytest.MonkeyPatch) -> None:
    def pixels() -> int:
        side = choose_side("auto", (8000, 8000), 31, Copier(), CPU)
        assert side is not None
        return int((side + 2 * margin(31)) ** 2)

    monkeypatch.delenv(MEMORY_VARIABLE, raising=False)
    assert pixels() * Copier.bytes_per_pixel == pytest.approx(0.8 * 2**30, rel=0.1)
    for gib in (0.25, 4.0):
        monkeypatch.setenv(MEMORY_VARIABLE, str(gib))
        assert pixels() * Copier.bytes_per_pixel == pytest.approx(gib * 2**30, rel=0.1)
    for nonsense in ("-1", "0", "much", "nan", "inf"):
        monkeypatch.setenv(MEMORY_VARIABLE, nonsense)
        with pytest.raises(SettingsError, match=f"{MEMORY_VARIABLE} is '{nonsense}', expected a positive number"):
            pixels()


def test_units_of_work_follow_tiles_and_iterations() -> None:
    assert units_of_work((300, 420), None, 31, Copier()) == 4
    assert units_of_work((300, 420), 200, 31, Copier()) == 4 * 2 * 3
    assert units_of_work((300, 420), None, 31, SolverRestorer("total-variation")) == 10


def test_seams_of_a_network_stay_are_invisible() -> None:
    """The weights in the package see the same grid in every tile, and nothing of its border."""
    try:
        network = load_deblurring("light")
    except WeightsError as error:
        pytest.skip(str(error))
    image = np.pad(read_image(sample_path())[:160, :160], (0, 100), mode="symmetric").astype(np.float32) / 255
    family = ZernikeFamily(sample_microscope())
    psf = torch.from_numpy(family.psf(np.full(8, 0.05)))
    whole, tiled = (_restore(image, NetworkRestorer(network), CPU, side, psf)[1].image for side in (None, 128))
    assert np.sqrt(np.mean((whole - tiled) ** 2)) < 2e-3 * np.ptp(whole)
    assert np.abs(whole - tiled).max() < 0.03 * np.ptp(whole)
