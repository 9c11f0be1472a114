from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor, nn

from napari_deepblur.networks.deblurring import LIGHT, PAPER, DeblurringConfig, DeblurringNetwork, Regularization
from napari_deepblur.operators import ConvolutionOperator
from napari_deepblur.optics import Pupil, psf_model, zernike_psf

TINY = DeblurringConfig(channels=(4, 8), blocks=1)


def operator(shape: tuple[int, int], batch: int = 1, size: int = 9) -> ConvolutionOperator:
    theta = torch.linspace(-0.1, 0.15, 8 * batch).view(batch, 8)
    return ConvolutionOperator(zernike_psf(theta, psf_model(Pupil(0.2), tuple(range(4, 12)), size))[:, None], shape)


def noise(batch: int = 1) -> Tensor:
    return torch.tensor([[0.001, 0.01]]).expand(batch, 2)


class Constant(nn.Module):
    """One lambda for all."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, noise: Tensor, spread: Tensor, k: int) -> Tensor:
        return torch.full((len(noise), 1, 1, 1), self.value)


def spread(batch: int = 1, value: float = 0.3) -> Tensor:
    return torch.full((batch,), value)


class KnownProx(nn.Module):
    """The prox of weight / 2 |x - 0.2|^2 less x, in the place of a DRUNet."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, conditioned: Tensor) -> Tensor:
        return self.weight * (0.2 - conditioned[:, :1]) / (1 + self.weight)


def with_prox(weight: float, regularization: float = 0.03, **changes: object) -> DeblurringNetwork:
    # A last data step that changes nothing, unless asked for.
    config = dataclasses.replace(TINY, **{"final_floor": 1e9, **changes})  # type: ignore[arg-type]
    network = DeblurringNetwork(config)
    network.proximal = nn.ModuleList(KnownProx(weight) for _ in network.proximal)
    network.regularization = Constant(regularization)
    return network


def dense(a: ConvolutionOperator) -> Tensor:
    n = a.scene_shape[0] * a.scene_shape[1]
    return a.forward(torch.eye(n).view(n, 1, 1, *a.scene_shape)).flatten(1).T.double()


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_the_iteration_is_textbook_douglas_rachford(weight: float) -> None:
    a = operator((10, 11), size=5)
    y = torch.rand(1, 1, 10, 11)
    network = with_prox(weight, iterations=6, first_steps=60, steps=60)
    iterates = list(network.iterate(y, a, noise(), spread()))

    # The same in dense matrices and float64, about the mean of the image, where the prior of R has its centre.
    matrix, lam, mean = dense(a), 0.03, y.double().mean()
    centred = y.double().flatten() - matrix.sum(1) * mean
    inverse = torch.linalg.inv(matrix.T @ matrix + lam * torch.eye(matrix.shape[1]))
    x = inverse @ (matrix.T @ centred) + mean
    for found in iterates:
        z = (x + weight * 0.2) / (1 + weight)
        torch.testing.assert_close(found.double().flatten(), z, rtol=0, atol=2e-4)
        x = x - z + mean + inverse @ (matrix.T @ centred + lam * (2 * z - x - mean))
    assert len(iterates) == 6


def test_with_a_known_prox_it_converges_to_the_minimum() -> None:
    # z minimises 1/2 |Ax - y|^2 / lambda + weight / 2 |x - 0.2|^2.
    a, weight = operator((8, 9), size=5), 0.7
    y = torch.rand(1, 1, 8, 9)
    network = with_prox(weight, iterations=60, first_steps=40, steps=40)
    *_, z = network.iterate(y, a, noise(), spread())
    matrix, lam = dense(a), 0.03
    left = matrix.T @ matrix / lam + weight * torch.eye(matrix.shape[1])
    expected = torch.linalg.solve(left, matrix.T @ y.double().flatten() / lam + weight * 0.2)
    torch.testing.assert_close(z.double().flatten(), expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_a_constant_image_stays_as_it_is_when_the_prox_does_nothing(value: float) -> None:
    y = torch.full((1, 1, 20, 23), value)
    torch.testing.assert_close(with_prox(0.0)(y, operator((20, 23)), noise(), spread()), y, rtol=0, atol=1e-5)


def test_with_the_identity_as_prox_it_sharpens_a_blurred_point() -> None:
    a = operator((31, 31))
    scene = torch.zeros(1, 1, *a.scene_shape)
    scene[..., 19, 19] = 1
    y = a.forward(scene)
    restored = with_prox(0.0)(y, a, noise(), spread())
    assert restored[..., 15, 15].item() > 1.5 * y.max().item()


def test_the_last_data_step_returns_what_a_clean_image_says() -> None:
    # A prox that pulls everything to 0.2 loses the image; without noise the data bring it back, in noise they do not.
    a = operator((24, 24), size=5)
    scene = torch.rand(1, 1, *a.scene_shape, generator=torch.Generator().manual_seed(0))
    y = a.forward(scene)
    network = with_prox(5.0, final_floor=1e-4, iterations=1, final_steps=30)
    clean = network(y, a, torch.zeros(1, 2), spread(value=0.0))
    noisy = network(y, a, torch.tensor([[0.005, 0.02]]), spread(value=0.0))
    truth = scene[..., 2:-2, 2:-2]
    assert (clean - truth).square().mean() < 0.3 * (noisy - truth).square().mean()
    assert noisy.std() < 0.3 * clean.std()


def test_forward_is_the_last_iterate_cropped_to_the_image() -> None:
    network = DeblurringNetwork(TINY).eval()
    a, y = operator((18, 21), batch=2), torch.rand(2, 1, 18, 21)
    with torch.no_grad():
        iterates = list(network.iterate(y, a, noise(2), spread(2)))
        result = network(y, a, noise(2), spread(2))
    assert len(iterates) == 4 and all(z.shape == (2, 1, 26, 29) for z in iterates)
    assert torch.equal(result, iterates[-1][..., 4:-4, 4:-4])


@pytest.mark.parametrize("shape", [(1, 1), (5, 8), (17, 30)])
def test_any_height_and_width(shape: tuple[int, int]) -> None:
    with torch.no_grad():
        result = DeblurringNetwork(TINY)(torch.rand(1, 1, *shape), operator(shape, size=31), noise(), spread())
    assert result.shape == (1, 1, *shape) and result.isfinite().all()


def test_images_of_a_batch_have_their_own_blur_and_noise() -> None:
    network = DeblurringNetwork(TINY).eval()
    y = torch.rand(2, 1, 16, 16)
    theta = torch.tensor([[0.1] * 8, [-0.05] * 8])
    psf = zernike_psf(theta, psf_model(Pupil(0.2), tuple(range(4, 12)), 9))[:, None]
    levels = torch.tensor([[0.0, 0.0], [0.01, 0.05]])
    with torch.no_grad():
        both = network(y, ConvolutionOperator(psf, (16, 16)), levels, spread(2))
        alone = network(y[1:], ConvolutionOperator(psf[1:], (16, 16)), levels[1:], spread())
        other = network(y[1:], ConvolutionOperator(psf[1:], (16, 16)), levels[:1], spread())
    torch.testing.assert_close(both[1:], alone, rtol=1e-4, atol=1e-5)
    assert (alone - other).abs().max() > 1e-5


def test_shared_weights_are_one_set_that_knows_the_iteration() -> None:
    separate, shared = DeblurringNetwork(TINY), DeblurringNetwork(dataclasses.replace(TINY, shared=True)).eval()
    assert (len(separate.proximal), len(shared.proximal)) == (4, 1)
    count = {name: sum(p.numel() for p in net.parameters()) for name, net in (("4", separate), ("1", shared))}
    lambdas = 3 * TINY.iterations
    assert count["4"] - lambdas == 4 * (count["1"] - lambdas)
    seen: list[Tensor] = []
    shared.proximal[0].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0][0, 4, 0, 0]))
    with torch.no_grad():
        shared(torch.rand(1, 1, 16, 16), operator((16, 16)), noise(), spread())
    assert len(set(map(float, seen))) == 4


def test_the_prox_is_told_noise_and_spread_as_standard_deviations() -> None:
    network, seen = DeblurringNetwork(TINY), []
    network.proximal[2].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        network(torch.rand(1, 1, 16, 16), operator((16, 16)), torch.tensor([[0.0004, 0.03]]), spread(value=0.25))
    (conditioned,) = seen
    torch.testing.assert_close(conditioned[:, 1], torch.full((1, 24, 24), 0.02))
    torch.testing.assert_close(conditioned[:, 2], torch.full((1, 24, 24), 0.03))
    torch.testing.assert_close(conditioned[:, 3], torch.full((1, 24, 24), 0.5))


def test_lambda_grows_with_the_noise_and_with_the_spread_of_the_psf() -> None:
    weight = Regularization(2)
    levels = torch.tensor([[0.0, 0.0], [0.001, 0.003], [0.001, 0.003], [0.005, 0.02]])
    clean, noisy, unsure, noisier = weight(levels, torch.tensor([0.0, 0.0, 0.4, 0.0]), 1).flatten().tolist()
    assert 0 < clean < noisy < unsure and noisy < noisier
    # Linear in the variance of the noise at a quarter of the peak, and in the spread.
    variances = [0.001 / 4 + 0.003**2, 0.005 / 4 + 0.02**2]
    assert (noisier - clean) / (noisy - clean) == pytest.approx(variances[1] / variances[0], rel=1e-4)
    assert weight(levels[:1], torch.tensor([0.8]), 1).item() - clean == pytest.approx(2 * (unsure - noisy), rel=1e-4)


def test_each_image_of_a_batch_has_its_own_lambda_in_the_data_step() -> None:
    # With nothing but data steps, the image with the larger lambda stays closer to its mean.
    network, a = with_prox(0.0, iterations=1, first_steps=30), operator((16, 16))
    network.regularization = Regularization(1)
    y = torch.rand(1, 1, 16, 16).expand(2, -1, -1, -1)
    restored = network(y, a, torch.tensor([[0.0, 0.0], [0.01, 0.05]]), spread(2, 0.0))
    assert restored[0].std() > 1.5 * restored[1].std()


def test_every_weight_is_trained() -> None:
    network = DeblurringNetwork(TINY)
    network(torch.rand(2, 1, 16, 16), operator((16, 16), batch=2), noise(2), spread(2)).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in network.parameters())


def test_the_result_is_float32_under_autocast() -> None:
    network = DeblurringNetwork(TINY).eval()
    a, y = operator((16, 16)), torch.rand(1, 1, 16, 16)
    with torch.no_grad():
        expected = network(y, a, noise(), spread())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            result = network(y, a, noise(), spread())
    assert result.dtype == torch.float32
    torch.testing.assert_close(result, expected, rtol=0, atol=0.02)


def test_the_sizes() -> None:
    assert sum(p.numel() for p in DeblurringNetwork(PAPER).parameters()) == pytest.approx(4 * 8.16e6, rel=2e-3)
    assert sum(p.numel() for p in DeblurringNetwork(LIGHT).parameters()) < 1e6
