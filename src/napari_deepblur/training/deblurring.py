"""Training of the deblurring network, on operators that the identification network estimated."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from skimage.metrics import structural_similarity
from torch import Tensor, nn

from napari_deepblur.networks.deblurring import DeblurringNetwork
from napari_deepblur.networks.identification import REFERENCE_PSF_SIZE, Given, IdentificationNetwork, Prediction
from napari_deepblur.networks.trunk import reference_cutoff
from napari_deepblur.operators import ConvolutionOperator
from napari_deepblur.optics import PsfModel, zernike_psf
from napari_deepblur.training.batches import Batch, SceneSource, draw_batch, draw_specimens, exposed
from napari_deepblur.training.checkpoints import Run
from napari_deepblur.training.identification import validation_batches
from napari_deepblur.training.loop import Rows, begin_with, start_run, train
from napari_deepblur.training.losses import mean_and_spread
from napari_deepblur.training.pupils import Pupils
from napari_deepblur.training.recipes import DeblurringRecipe, LossWeights
from napari_deepblur.training.scenes import MANY_POINTS

_VALIDATION_SIDE = 256


_SSIM_SIDE = 7
_TYPICAL_ERROR, _SMALLEST_ERROR = 0.05, 1e-3
_BLOCKS, _DARK = (4, 16, 64), 0.01


def restoration_loss(restored: Tensor, target: Tensor, weights: LossWeights) -> Tensor:
    """Mean over patches of 0.05 log e, e = mean |x - t| + s (1 - SSIM) + c (1 - r) + l times the misplaced light.

    s, c and l are the `weights` of SSIM, correlation and light. The logarithm makes one tenth less error worth as
    much in a clean patch as in a noisy one; on the plain mean, clean images were sacrificed for noisy ones. The
    factor keeps gradients at the size of those of e itself. A point that was blurred to a peak of one was many
    times brighter: patches count relative to their peak where that passes one. SSIM keeps faint structures from
    being sacrificed for bright ones. `misplaced_light` keeps the sum of the light: where a point may be at any of
    several pixels, the darkest guess has the least absolute error.
    Source: H. Zhao et al., "Loss functions for image restoration with neural networks", IEEE TCI 3, 47 (2017).
    """
    peak = target.amax(dim=(-3, -2, -1), keepdim=True).clamp_min(1)
    restored, target = restored / peak, target / peak
    error = (
        (restored - target).abs().mean(dim=(-3, -2, -1))
        + weights.ssim * (1 - structural_similarity_map(restored, target).mean(dim=(-2, -1)))
        + weights.correlation * (1 - correlations(restored, target))
        + weights.light * misplaced_light(restored, target)
    )
    return _TYPICAL_ERROR * (error + _SMALLEST_ERROR).log().mean()


def misplaced_light(restored: Tensor, target: Tensor) -> Tensor:
    """Mean over blocks of 4, 16 and 64 pixels a side of |mean x - mean t|, over the mean of t; shape (B,).

    Blocks that are larger than the patches, (B, 1, S, S), are left out. The mean of a block is known where the
    pixel is not: an image whose points are somewhere within a block has none.
    """
    difference = (restored - target).float()
    wrong = [
        F.avg_pool2d(difference, side).abs().mean(dim=(-3, -2, -1)) for side in _BLOCKS if side <= difference.shape[-1]
    ]
    return torch.stack(wrong).mean(dim=0) / (target.float().mean(dim=(-3, -2, -1)) + _DARK)


def correlations(a: Tensor, b: Tensor) -> Tensor:
    """Pearson's correlation of images (B, 1, H, W) with others, shape (B,); 0 where one of them is constant."""
    a, b = (image - image.mean(dim=(-2, -1), keepdim=True) for image in (a, b))
    products = ((one * other).sum(dim=(-3, -2, -1)) for one, other in ((a, b), (a, a), (b, b)))
    ab, aa, bb = products
    return ab / (aa * bb + 1e-12).sqrt()


def structural_similarity_map(a: Tensor, b: Tensor) -> Tensor:
    """SSIM of images (B, 1, H, W) in [0, 1] over windows of 7 x 7 pixels (Wang et al. 2004, as in scikit-image)."""
    stacked = torch.cat((a, b, a * a, b * b, a * b), dim=1).float()
    mean_a, mean_b, aa, bb, ab = F.avg_pool2d(stacked, _SSIM_SIDE, stride=1).unbind(dim=1)
    unbiased = _SSIM_SIDE**2 / (_SSIM_SIDE**2 - 1)
    variances = unbiased * (aa - mean_a.square() + bb - mean_b.square())
    covariance = unbiased * (ab - mean_a * mean_b)
    luminance = (2 * mean_a * mean_b + 1e-4) / (mean_a.square() + mean_b.square() + 1e-4)
    return luminance * (2 * covariance + 9e-4) / (variances + 9e-4)


class Patches(NamedTuple):
    """Patches to restore, with the operators to restore them with.

    Attributes
    ----------
    image
        Blurred and noisy patches, shape (B, 1, S, S).
    target
        What they should become, shape (B, 1, S, S).
    psf
        Estimated (or true) PSFs, shape (B, k, k).
    noise
        alpha and beta, shape (B, 2).
    spread
        Expected relative squared error of the PSFs, shape (B,).
    """

    image: Tensor
    target: Tensor
    psf: Tensor
    noise: Tensor
    spread: Tensor


def train_deblurring(
    recipe: DeblurringRecipe,
    identification: IdentificationNetwork,
    bank: Tensor,
    validation_bank: Tensor,
    folder: Path,
    *,
    start: DeblurringNetwork | None = None,
    minutes: float | None = None,
    validation_images: int = 16,
    validate_every: float = 5.0,
) -> DeblurringNetwork:
    """Train a deblurring network, or continue the run that `folder` holds.

    Parameters
    ----------
    recipe
        What to compute.
    identification
        A trained identification network; it is not changed.
    bank, validation_bank, folder, start, minutes, validation_images, validate_every
        As in `train_identification`.

    Returns
    -------
    DeblurringNetwork
        With averaged weights, in evaluation mode.
    """
    device = bank.device
    identification = identification.to(device).eval().requires_grad_(False)
    modes = identification.config.modes
    optics = {fc: Pupils(fc, modes, REFERENCE_PSF_SIZE, device) for fc in {*recipe.cutoffs, reference_cutoff()}}
    source = SceneSource(bank, recipe.identification.procedural_share, MANY_POINTS)
    run = start_run(lambda: DeblurringNetwork(recipe.network), recipe, recipe.schedule, recipe.seed, device)
    if start is not None:
        begin_with(run, start, recipe.network)
    reference = optics[reference_cutoff()]
    batches = validation_batches(validation_bank, recipe.identification, reference, validation_images)
    validation = {name: batch for name, batch in batches.items() if "scalar" not in name}

    def loss(run: Run) -> Tensor:
        patches = draw_patches(source, recipe, identification, optics, run.generator)
        operator = ConvolutionOperator(patches.psf[:, None], (recipe.patch_size, recipe.patch_size))
        with torch.autocast(device.type, dtype=torch.bfloat16):
            restored = run.network(patches.image, operator, patches.noise, patches.spread)
        return restoration_loss(restored, patches.target, recipe.loss)

    train(
        run,
        recipe.schedule,
        loss,
        lambda network: validate(network, identification, validation, reference),
        folder,
        minutes=minutes,
        validate_every=validate_every,
    )
    average = run.average
    assert isinstance(average, DeblurringNetwork)
    return average


def draw_patches(
    source: SceneSource,
    recipe: DeblurringRecipe,
    identification: IdentificationNetwork,
    optics: dict[float, Pupils],
    generator: torch.Generator,
) -> Patches:
    """Identify fresh fields at the reference cut-off, and cut patches at a random cut-off with the same coefficients.

    Coefficients in waves do not depend on the sampling, so that neither do the errors of their estimates. Patches of
    specimens with depth are drawn afresh: what was out of focus in the field is not known for a part of it.
    """
    fields = dataclasses.replace(
        recipe.identification,
        schedule=dataclasses.replace(recipe.identification.schedule, batch_size=recipe.fields),
        noise=recipe.noise,
    )
    batch = draw_batch(source, fields, optics[reference_cutoff()], generator)
    device = batch.image.device
    with torch.no_grad(), torch.autocast(device.type, dtype=torch.bfloat16):
        prediction = identification(batch.image, batch.given)
    draws = torch.rand(1 + recipe.fields, generator=generator, device=device).tolist()
    pupils = optics[recipe.cutoffs[int(draws[0] * len(recipe.cutoffs))]]
    here = pupils.take(batch.pupil)
    source_of_psf = torch.tensor(draws[1:], device=device)
    psf, spread = estimated_psfs(batch, prediction, source_of_psf, here, recipe, generator)

    each = recipe.schedule.batch_size // recipe.fields
    size = recipe.patch_size + REFERENCE_PSF_SIZE - 1
    flat, deep = (~batch.thick).nonzero()[:, 0], batch.thick.nonzero()[:, 0]
    true_psf = zernike_psf(batch.theta, here).repeat_interleave(each, 0)
    noise, theta = (v.repeat_interleave(each, 0) for v in (batch.noise, batch.theta))
    scenes, blurred = [], []
    if len(flat):
        scenes.append(_random_patches(batch.scene[flat], each, size, generator))
        shape = (recipe.patch_size, recipe.patch_size)
        blurred.append(ConvolutionOperator(true_psf[: len(flat) * each, None], shape).forward(scenes[0]))
    if len(deep):
        which = slice(len(flat) * each, None)
        small = dataclasses.replace(recipe.identification, image_size=recipe.patch_size)
        pupil = int(batch.pupil[deep[0]])
        images = draw_specimens(source, theta[which], true_psf[which], pupil, small, pupils, generator)
        scenes.append(images.focus)
        blurred.append(images.blurred)
    scene, image = exposed(torch.cat(scenes), torch.cat(blurred), noise, generator)
    border = REFERENCE_PSF_SIZE // 2
    target = scene[..., border:-border, border:-border]
    return Patches(image, target, psf.repeat_interleave(each, 0), noise, spread.repeat_interleave(each, 0))


def estimated_psfs(
    batch: Batch,
    prediction: Prediction,
    draws: Tensor,
    optics: PsfModel,
    recipe: DeblurringRecipe,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """PSFs to restore with, (B, k, k), and their spreads (B,): true, made up, or identified, as `draws` in [0, 1) say.

    Made-up estimates have errors of every size. Truth and candidates are drawn alike around a common centre, so that
    their spread is what an ideal identification would report. Without noise they stand for the pipeline's spectral
    fit, which comes close to the truth; the network alone cannot.
    """
    device, (n, modes) = batch.theta.device, batch.theta.shape
    low, high = recipe.made_up_std
    draw = torch.rand((n, 1), generator=generator, device=device)
    std = (batch.amplitude > 0) * low * (high / low) ** draw
    noise = torch.randn((n, recipe.made_up_candidates + 1, modes), generator=generator, device=device)
    made_up = _folded(batch.theta[:, None] + std[:, None] * (noise[:, 1:] + noise[:, :1]), batch.amplitude[:, None])
    uniform = torch.full(made_up.shape[:2], 1 / recipe.made_up_candidates, device=device)
    choices = [
        (zernike_psf(batch.theta, optics), torch.zeros(n, device=device)),
        mean_and_spread(made_up, uniform, optics),
        mean_and_spread(prediction.candidates, prediction.log_weights.exp(), optics),
    ]
    clean = batch.noise.sum(1) == 0
    identified = (draws >= recipe.true_share + recipe.made_up_share) & ~clean
    choice = (draws >= recipe.true_share).long() + identified.long()
    psf, spread = (
        torch.stack(options)[choice, torch.arange(n, device=device)] for options in zip(*choices, strict=True)
    )
    return psf, spread


def _folded(theta: Tensor, amplitude: Tensor) -> Tensor:
    """Reflect coefficients at the walls of their box, outside which no identification would look."""
    distance = torch.remainder(theta + amplitude, 4 * amplitude.clamp_min(1e-6))
    return torch.minimum(distance, 4 * amplitude - distance) - amplitude


def _random_patches(scenes: Tensor, each: int, size: int, generator: torch.Generator) -> Tensor:
    """Cut `each` patches from every scene, in the order of the scenes."""
    room = scenes.shape[-1] - size + 1
    corners = torch.randint(0, room, (len(scenes) * each, 2), generator=generator, device=scenes.device).tolist()
    cut = [scenes[i // each, :, top : top + size, left : left + size] for i, (top, left) in enumerate(corners)]
    return torch.stack(cut)


def validate(
    network: nn.Module, identification: IdentificationNetwork, batches: dict[str, Batch], pupils: Pupils
) -> Rows:
    """SSIM at each noise level: blurred, restored with the estimated, the true and the mean PSF."""
    rows: Rows = []
    side, border = _VALIDATION_SIDE, REFERENCE_PSF_SIZE // 2
    for name, batch in batches.items():
        with torch.no_grad():
            prediction = Prediction(
                *map(torch.cat, zip(*(identification(*part) for part in _in_parts(batch)), strict=True))
            )
            optics = pupils.take(batch.pupil)
            estimated = mean_and_spread(prediction.candidates, prediction.log_weights.exp(), optics)
        image = batch.image[..., :side, :side]
        target = batch.scene[..., border : border + side, border : border + side]
        average = batch.psf.mean(0, keepdim=True)
        errors = (batch.psf - average).square().sum((-2, -1))
        ignorant = average.expand_as(batch.psf), (errors.mean() / average.square().sum()).expand(len(errors))
        known = batch.psf, torch.zeros_like(errors)
        row: dict[str, str | float] = {"noise": name, "blurred": mean_ssim(image, target)}
        for label, (psf, spread) in (("estimated", estimated), ("true", known), ("mean_psf", ignorant)):
            row[label] = mean_ssim(_restore(network, image, psf, batch.noise, spread), target)
        rows.append(row)
    return rows


def _in_parts(batch: Batch) -> list[tuple[Tensor, Given]]:
    given = [Given(*parts) for parts in zip(*(value.split(8) for value in batch.given), strict=True)]
    return list(zip(batch.image.split(8), given, strict=True))


def _restore(network: nn.Module, image: Tensor, psf: Tensor, noise: Tensor, spread: Tensor) -> Tensor:
    shape = (image.shape[-2], image.shape[-1])
    restored = []
    for y, h, level, error in zip(image.split(4), psf.split(4), noise.split(4), spread.split(4), strict=True):
        with torch.no_grad(), torch.autocast(image.device.type, dtype=torch.bfloat16):
            restored.append(network(y, ConvolutionOperator(h[:, None], shape), level, error))
    return torch.cat(restored)


def mean_ssim(images: Tensor, targets: Tensor) -> float:
    """Mean SSIM of images (B, 1, H, W) in [0, 1] with their targets."""
    pairs = zip(images[:, 0].float().cpu().numpy(), targets[:, 0].cpu().numpy(), strict=True)
    values = [float(structural_similarity(image, target, data_range=1.0)) for image, target in pairs]
    return sum(values) / len(values)
