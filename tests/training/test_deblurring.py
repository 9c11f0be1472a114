from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from skimage.metrics import structural_similarity

from napari_deepblur.io.weights import load_deblurring
from napari_deepblur.networks.identification import IdentificationConfig, IdentificationNetwork, Prediction
from napari_deepblur.networks.trunk import reference_cutoff
from napari_deepblur.operators import ConvolutionOperator
from napari_deepblur.optics import zernike_psf
from napari_deepblur.training.batches import Batch, SceneSource
from napari_deepblur.training.deblurring import (
    Patches,
    correlations,
    draw_patches,
    estimated_psfs,
    misplaced_light,
    restoration_loss,
    structural_similarity_map,
)
from napari_deepblur.training.pupils import PUPILS, Pupils
from napari_deepblur.training.recipes import DEBLURRING, LossWeights, NoiseRange

CONFIG = IdentificationConfig(widths=(4, 4), blocks=(1, 1), stem_stride=4, map_width=4, hidden=8, candidates=2)
K = len(CONFIG.modes)
CPU = torch.device("cpu")
PLAIN = LossWeights(0.0, 0.0, 0.0)


def patches(true_share: float, noise: NoiseRange, made_up_share: float = 0.0, thick_share: float = 0.0) -> Patches:
    light = DEBLURRING["light"]
    recipe = dataclasses.replace(
        light,
        schedule=dataclasses.replace(light.schedule, batch_size=4),
        fields=2,
        patch_size=64,
        identification=dataclasses.replace(
            light.identification, image_size=96, network=CONFIG, thick_share=thick_share
        ),
        true_share=true_share,
        made_up_share=made_up_share,
        noise=noise,
    )
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    bank = torch.randint(0, 256, (3, 170, 170), dtype=torch.uint8, generator=generator)
    optics = {fc: Pupils(fc, CONFIG.modes, 31, CPU) for fc in {*recipe.cutoffs, reference_cutoff()}}
    network = IdentificationNetwork(CONFIG).eval()
    return draw_patches(SceneSource(bank, 0.0), recipe, network, optics, generator)


def test_the_blurred_target_is_the_image_when_the_operator_is_true_and_there_is_no_noise() -> None:
    made = patches(1.0, NoiseRange(none=1.0))
    again = ConvolutionOperator(made.psf[:, None], (34, 34)).forward(made.target)
    torch.testing.assert_close(again, made.image[..., 15:-15, 15:-15], rtol=0, atol=1e-5)
    assert made.image.amax((1, 2, 3)) == pytest.approx([1.0] * 4, abs=1e-5)


def test_of_specimens_with_depth_the_plane_in_focus_is_wanted() -> None:
    """The true operator explains the plane in focus, which is less than the light of the image, and never more."""
    made = patches(1.0, NoiseRange(none=1.0), thick_share=1.0)
    focus = ConvolutionOperator(made.psf[:, None], (34, 34)).forward(made.target)
    elsewhere = (made.image[..., 15:-15, 15:-15] - focus).mean((1, 2, 3))
    assert elsewhere.min() > -1e-3 and elsewhere.max() > 0.05
    assert made.image.amax((1, 2, 3)) == pytest.approx([1.0] * 4, abs=1e-5)
    assert torch.equal(made.spread, torch.zeros(4))


def test_half_of_the_fields_may_have_depth() -> None:
    made = patches(1.0, NoiseRange(none=1.0), thick_share=0.5)
    focus = ConvolutionOperator(made.psf[:, None], (34, 34)).forward(made.target)
    errors = (made.image[..., 15:-15, 15:-15] - focus).abs().amax((1, 2, 3))
    # Two patches of the flat field, then two of the specimen.
    assert errors[:2].max() < 1e-5 < errors[2:].min()


def test_patches_of_one_field_share_its_operator_and_noise() -> None:
    made = patches(0.0, NoiseRange(none=0.0))
    assert torch.equal(made.psf[0], made.psf[1]) and not torch.equal(made.psf[1], made.psf[2])
    assert torch.equal(made.noise[2], made.noise[3]) and bool((made.noise > 0).all())
    assert not torch.equal(made.image[0], made.image[1])


def test_an_estimated_operator_is_not_the_true_one() -> None:
    made = patches(0.0, NoiseRange(none=1.0))
    again = ConvolutionOperator(made.psf[:, None], (34, 34)).forward(made.target)
    assert (again - made.image[..., 15:-15, 15:-15]).abs().max() > 1e-3


def test_the_spread_is_zero_for_true_operators_and_positive_for_others() -> None:
    assert torch.equal(patches(1.0, NoiseRange(none=0.0)).spread, torch.zeros(4))
    for made_up_share in (0.0, 1.0):
        assert bool((patches(0.0, NoiseRange(none=0.0), made_up_share).spread > 0).all())


def test_the_spread_of_made_up_estimates_is_their_mean_error() -> None:
    light = dataclasses.replace(DEBLURRING["light"], true_share=0.0, made_up_share=1.0, made_up_std=(0.02, 0.02))
    generator, n = torch.Generator().manual_seed(0), 400
    pupil = torch.full((n,), PUPILS.index((0.934, "vectorial")))
    optics = Pupils(0.261, CONFIG.modes, 31, CPU).take(pupil)
    theta = 0.3 * torch.rand((n, K), generator=generator) - 0.15
    nothing = torch.empty(n, 0)
    levels = torch.full((n, 2), 0.01)
    batch = Batch(
        nothing, nothing, nothing, theta, torch.full((n, K), 0.15), levels, nothing, nothing, pupil, pupil < 0, nothing
    )
    prediction = Prediction(
        theta, nothing, theta[:, None], torch.zeros(n, 1), torch.zeros(n), torch.full((n, 8), 1 / 8)
    )
    psf, spread = estimated_psfs(batch, prediction, torch.full((n,), 0.5), optics, light, generator)
    errors = (psf - zernike_psf(theta, optics)).square().sum((-2, -1)) / psf.square().sum((-2, -1))
    # The candidates are averaged, the truth is not: with 6 of them the error is (6 + 1) / (6 - 1) times their spread.
    assert errors.mean().item() == pytest.approx(7 / 5 * spread.mean().item(), rel=0.1)


def test_training_can_begin_with_the_shipped_weights() -> None:
    assert load_deblurring("light").config == DEBLURRING["light"].network


def test_the_loss_counts_relative_errors_alike() -> None:
    dim, bright = torch.full((1, 1, 9, 9), 0.5), torch.full((1, 1, 9, 9), 8.0)

    def error(restored: torch.Tensor, target: torch.Tensor) -> float:
        return math.exp(restoration_loss(restored, target, PLAIN).item() / 0.05) - 1e-3

    # Bright patches relative to their peak.
    assert error(dim + 0.1, dim) == pytest.approx(0.1)
    assert error(1.1 * bright, bright) == pytest.approx(0.1)
    # Halving a small error is worth what halving a large one is.
    pair, less = torch.cat((dim + 0.2, dim + 0.02)), torch.cat((dim + 0.2, dim + 0.01))
    other, both = torch.cat((dim + 0.1, dim + 0.02)), torch.cat((dim, dim))
    gains = [restoration_loss(pair, both, PLAIN) - restoration_loss(better, both, PLAIN) for better in (less, other)]
    assert gains[0].item() == pytest.approx(gains[1].item(), rel=0.1)
    similar = dataclasses.replace(PLAIN, ssim=1.0)
    assert restoration_loss(dim, dim, similar) < restoration_loss(dim + 0.01, dim, similar)


def test_uncertain_structure_is_worth_its_mean() -> None:
    places = torch.eye(4).view(4, 1, 2, 2).expand(4, 1, 2, 2)
    # One bright pixel, anywhere: nothing at all has the smallest absolute error, the mean the largest correlation.
    nothing, mean = torch.zeros(4, 1, 9, 9), torch.zeros(4, 1, 9, 9)
    target = torch.zeros(4, 1, 9, 9)
    target[..., 3:5, 3:5], mean[..., 3:5, 3:5] = places, 0.25
    losses = [
        [restoration_loss(image, target, dataclasses.replace(PLAIN, correlation=weight)) for image in (nothing, mean)]
        for weight in (0.0, 0.1)
    ]
    assert losses[0][0] < losses[0][1] and losses[1][0] > losses[1][1]
    torch.testing.assert_close(correlations(target + 1, 3 * target), torch.ones(4))
    assert torch.equal(correlations(nothing, target), torch.zeros(4))


def test_light_is_kept_where_places_are_uncertain() -> None:
    # One bright point somewhere in a block: the darkest guess has the least absolute error, but loses the light.
    target = torch.zeros(4, 1, 64, 64)
    target[torch.arange(4), 0, [8, 9, 8, 9], [8, 8, 9, 9]] = 1.0
    dark, mean = torch.zeros_like(target), target.mean(dim=0, keepdim=True).expand_as(target)
    losses = [
        [restoration_loss(image, target, dataclasses.replace(PLAIN, light=weight)) for image in (dark, mean)]
        for weight in (0.0, 0.2)
    ]
    assert losses[0][0] < losses[0][1] and losses[1][0] > losses[1][1]
    even = torch.full((2, 1, 64, 64), 0.5)
    torch.testing.assert_close(misplaced_light(1.1 * even, even), torch.full((2,), 0.05 / 0.51))


def test_the_similarity_is_that_of_scikit_image() -> None:
    a = torch.rand(1, 1, 40, 30, generator=torch.Generator().manual_seed(0))
    b = (a + 0.2 * torch.rand(1, 1, 40, 30, generator=torch.Generator().manual_seed(1))).clamp(0, 1)
    expected = structural_similarity(a[0, 0].numpy(), b[0, 0].numpy(), data_range=1.0)
    assert structural_similarity_map(a, b).mean().item() == pytest.approx(expected, abs=1e-4)
