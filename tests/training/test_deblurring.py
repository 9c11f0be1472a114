from __future__ import annotations

import dataclasses

import pytest
import torch

from napari_deepblur.networks.identification import IdentificationConfig, IdentificationNetwork, reference_cutoff
from napari_deepblur.operators import ConvolutionOperator
from napari_deepblur.optics import psf_model
from napari_deepblur.training.batches import SceneSource
from napari_deepblur.training.deblurring import Patches, draw_patches, relative_l1
from napari_deepblur.training.recipes import DEBLURRING, NoiseRange

CONFIG = IdentificationConfig(widths=(4, 4), blocks=(1, 1), stem_stride=4, map_width=4, hidden=8, candidates=2)


def patches(true_share: float, noise: NoiseRange) -> Patches:
    light = DEBLURRING["light"]
    recipe = dataclasses.replace(
        light,
        schedule=dataclasses.replace(light.schedule, batch_size=4),
        fields=2,
        patch_size=64,
        identification=dataclasses.replace(light.identification, image_size=96, network=CONFIG),
        true_share=true_share,
        clean_true_share=true_share,
        noise=noise,
    )
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    bank = torch.randint(0, 256, (3, 140, 140), dtype=torch.uint8, generator=generator)
    optics = {fc: psf_model(fc, CONFIG.modes, 31) for fc in {*recipe.cutoffs, reference_cutoff()}}
    network = IdentificationNetwork(CONFIG).eval()
    return draw_patches(SceneSource(bank, 0.0), recipe, network, optics, generator)


def test_the_blurred_target_is_the_image_when_the_operator_is_true_and_there_is_no_noise() -> None:
    made = patches(1.0, NoiseRange(none=1.0))
    again = ConvolutionOperator(made.psf[:, None], (34, 34)).forward(made.target)
    torch.testing.assert_close(again, made.image[..., 15:-15, 15:-15], rtol=0, atol=1e-5)
    assert made.image.amax((1, 2, 3)) == pytest.approx([1.0] * 4, abs=1e-5)


def test_patches_of_one_field_share_its_operator_and_noise() -> None:
    made = patches(0.0, NoiseRange(none=0.0))
    assert torch.equal(made.psf[0], made.psf[1]) and not torch.equal(made.psf[1], made.psf[2])
    assert torch.equal(made.noise[2], made.noise[3]) and bool((made.noise > 0).all())
    assert not torch.equal(made.image[0], made.image[1])


def test_an_estimated_operator_is_not_the_true_one() -> None:
    made = patches(0.0, NoiseRange(none=1.0))
    again = ConvolutionOperator(made.psf[:, None], (34, 34)).forward(made.target)
    assert (again - made.image[..., 15:-15, 15:-15]).abs().max() > 1e-3


def test_the_loss_counts_bright_patches_relative_to_their_peak() -> None:
    dim, bright = torch.full((1, 1, 4, 4), 0.5), torch.full((1, 1, 4, 4), 8.0)
    assert relative_l1(dim + 0.1, dim).item() == pytest.approx(0.1)
    assert relative_l1(1.1 * bright, bright).item() == pytest.approx(0.1)
