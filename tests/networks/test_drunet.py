from __future__ import annotations

import pytest
import torch

from napari_deepblur.networks.drunet import DRUNet


def tiny() -> DRUNet:
    return DRUNet(2, (4, 6, 8), 1).eval()


def test_the_paper_s_network_has_8_16_million_parameters() -> None:
    # Debarnot and Weiss count 8.16 M for the image and one noise map.
    parameters = sum(p.numel() for p in DRUNet(2, (32, 64, 128, 256), 4).parameters())
    assert parameters == pytest.approx(8.16e6, rel=2e-3)


def test_there_are_no_biases() -> None:
    assert not [name for name, _ in tiny().named_parameters() if name.endswith("bias")]
    assert torch.equal(tiny()(torch.zeros(1, 2, 16, 16)), torch.zeros(1, 1, 16, 16))


@pytest.mark.parametrize("scale", [0.01, 3.0, 1000.0])
def test_a_scaled_input_gives_a_scaled_output(scale: float) -> None:
    network, x = tiny(), torch.randn(2, 2, 20, 17)
    torch.testing.assert_close(network(scale * x), scale * network(x), rtol=1e-4, atol=1e-5 * scale)


def test_but_it_is_not_linear() -> None:
    network, x = tiny(), torch.randn(1, 2, 16, 16)
    assert (network(-x) + network(x)).abs().max() > 1e-2


@pytest.mark.parametrize("shape", [(16, 16), (1, 1), (5, 7), (17, 30), (33, 4)])
def test_any_height_and_width(shape: tuple[int, int]) -> None:
    y = tiny()(torch.randn(2, 2, *shape))
    assert y.shape == (2, 1, *shape) and y.isfinite().all()


def test_an_awkward_size_is_the_crop_of_a_replicated_border() -> None:
    network, x = tiny(), torch.randn(1, 2, 13, 18)
    padded = torch.nn.functional.pad(x, (0, 2, 0, 3), mode="replicate")
    torch.testing.assert_close(network(x), network(padded)[..., :13, :18])


def test_each_level_is_added_to_what_comes_back_up() -> None:
    network, x = tiny(), torch.randn(1, 2, 16, 20)
    fine = network.head(x)
    middle = network.down[0](fine)
    coarse = network.down[1](middle)
    up = network.up[1](network.up[0](network.body(coarse) + coarse) + middle)
    torch.testing.assert_close(network(x), network.tail(up + fine), rtol=1e-4, atol=1e-6)


def test_images_of_a_batch_do_not_see_each_other() -> None:
    network, x = tiny(), torch.randn(3, 2, 16, 16)
    torch.testing.assert_close(network(x)[1:2], network(x[1:2]), rtol=1e-4, atol=1e-5)


def test_the_memory_format_does_not_matter() -> None:
    network, x = tiny(), torch.randn(1, 2, 18, 16)
    expected = network(x)
    network.to(memory_format=torch.channels_last)
    torch.testing.assert_close(network(x.contiguous(memory_format=torch.channels_last)), expected, rtol=1e-4, atol=1e-5)


def test_every_weight_is_used() -> None:
    network = tiny()
    network(torch.randn(1, 2, 16, 16)).sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in network.parameters())


def test_the_input_is_left_as_it_was() -> None:
    # The residual blocks work in place; never on what they were given.
    network, x = tiny(), torch.randn(1, 2, 16, 16)
    kept = x.clone()
    first = network(x)
    assert torch.equal(x, kept) and torch.equal(network(x), first)
