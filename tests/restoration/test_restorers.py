"""The methods of restoration: what they yield, and what they say they cost."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from napari_deepblur.errors import SettingsError
from napari_deepblur.networks.deblurring import LIGHT, DeblurringConfig, DeblurringNetwork
from napari_deepblur.operators import ConvolutionOperator, ZernikeFamily
from napari_deepblur.optics import Microscope
from napari_deepblur.restoration.restorers import NetworkRestorer, Restorer, SolverRestorer
from napari_deepblur.solvers import SOLVERS

NOISE = (1e-3, 3e-3)


@pytest.fixture
def operator() -> ConvolutionOperator:
    family = ZernikeFamily(Microscope(pixel_size_um=0.09))
    return ConvolutionOperator(torch.from_numpy(family.psf(np.full(8, 0.05)))[None, None], (64, 48))


@pytest.fixture
def image(operator: ConvolutionOperator) -> torch.Tensor:
    scene = (torch.rand(1, 1, *operator.scene_shape) > 0.95).float()
    return operator.forward(scene) + 3e-3 * torch.randn(1, 1, 64, 48)


@pytest.mark.parametrize(
    "config",
    [LIGHT, DeblurringConfig(channels=(8, 16, 32, 64), blocks=2, iterations=1)],
)
def test_the_network_costs_what_it_says(config: DeblurringConfig) -> None:
    network = DeblurringNetwork(config).eval()
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network.proximal[0](torch.zeros(1, 5, 64, 64))
    # A multiplication and an addition count two; first, last and joining layers are left out of the estimate.
    counted = counter.get_total_flops() / 2 / 64**2
    assert 0.6 * counted < NetworkRestorer(network).products_per_pixel < counted


def test_network_steps_are_its_iterations(image: torch.Tensor, operator: ConvolutionOperator) -> None:
    network = DeblurringNetwork(DeblurringConfig((4, 4), blocks=1, iterations=3)).eval().requires_grad_(False)
    steps = list(NetworkRestorer(network).steps(image, operator, NOISE, 0.3))
    assert [step.iteration for step in steps] == [1, 2, 3]
    border = operator.psf.shape[-1] // 2
    cropped = steps[-1].scene[..., border:-border, border:-border]
    with torch.inference_mode():
        expected = network(image, operator, torch.tensor([NOISE]), torch.tensor([0.3]))
    # The restorer may compute in bfloat16.
    torch.testing.assert_close(cropped, expected, atol=0.02, rtol=0)


@pytest.mark.parametrize("name", SOLVERS)
def test_solver_steps_rise_to_at_most_their_iterations(
    name: str, image: torch.Tensor, operator: ConvolutionOperator
) -> None:
    restorer: Restorer = SolverRestorer(name, iterations=7)
    numbers = [step.iteration for step in restorer.steps(image, operator, NOISE, 0.0)]
    assert numbers == sorted(set(numbers))
    assert 1 <= numbers[0] <= numbers[-1] <= restorer.iterations == 7


@pytest.mark.parametrize("name", SOLVERS)
def test_a_solver_keeps_its_own_values_unless_told(
    name: str, image: torch.Tensor, operator: ConvolutionOperator
) -> None:
    own = inspect.signature(SOLVERS[name]).parameters["iterations"].default
    assert SolverRestorer(name).iterations == own
    *_, expected = SOLVERS[name](operator, image, NOISE, iterations=8, strength=0.03)
    *_, found = SolverRestorer(name, 8, 0.03).steps(image, operator, NOISE, 0.0)
    torch.testing.assert_close(found.scene, expected.estimate)
    *_, other = SolverRestorer(name, 8, 0.003).steps(image, operator, NOISE, 0.0)
    assert (other.scene - expected.estimate).abs().max() > 1e-4


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("strength", [-1.0, float("nan")])
def test_a_strength_out_of_range_is_found_before_any_work(name: str, strength: float) -> None:
    with pytest.raises(SettingsError, match="strength is"):
        SolverRestorer(name, strength=strength)


def test_richardson_lucy_without_prior_stops_where_the_residual_is_the_noise() -> None:
    psf = torch.full((1, 1, 5, 5), 1 / 25)
    operator = ConvolutionOperator(psf, (48, 48))
    scene = torch.rand((1, 1, 52, 52), generator=torch.Generator().manual_seed(1)) ** 6
    noise = (0.01, 0.02)
    clean = operator.forward(scene)
    shot = torch.randn(clean.shape, generator=torch.Generator().manual_seed(2))
    image = clean + shot * (noise[0] * clean + noise[1] ** 2).sqrt()
    *_, last = SolverRestorer("richardson-lucy", strength=0.0).steps(image, operator, noise, 0.0)
    assert 1 <= last.iteration < 100
    explained = operator.forward(last.scene)
    chi = ((image - explained).square() / (noise[0] * explained + noise[1] ** 2)).mean()
    assert float(chi) <= 1.0
    *_, asked = SolverRestorer("richardson-lucy", 40, 0.0).steps(image, operator, noise, 0.0)
    assert asked.iteration == 40
