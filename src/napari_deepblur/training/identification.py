"""Training of the identification network."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
from torch import Tensor, nn

from napari_deepblur.networks.identification import REFERENCE_PSF_SIZE, IdentificationConfig, IdentificationNetwork
from napari_deepblur.networks.trunk import reference_cutoff
from napari_deepblur.optics import psf_snr
from napari_deepblur.training.batches import Batch, SceneSource, degrade, draw_batch
from napari_deepblur.training.checkpoints import Run
from napari_deepblur.training.loop import Rows, begin_with, start_run, train
from napari_deepblur.training.losses import depth_likelihood, even_signs, mean_psf, psf_error, theta_likelihood
from napari_deepblur.training.pupils import PUPILS, Pupils
from napari_deepblur.training.recipes import IdentificationRecipe, NoiseRange

NOISE_LEVELS = {"none": (0.0, 0.0), "medium": (0.001, 0.003), "high": (0.005, 0.02)}
"""alpha and beta of the validation rows."""
_VALIDATION_SEED = 2024
_VALIDATION_SIZE = 400


def train_identification(
    recipe: IdentificationRecipe,
    bank: Tensor,
    validation_bank: Tensor,
    folder: Path,
    *,
    start: IdentificationNetwork | None = None,
    minutes: float | None = None,
    validation_images: int = 64,
    validate_every: float = 5.0,
) -> IdentificationNetwork:
    """Train an identification network, or continue the run that `folder` holds.

    Parameters
    ----------
    recipe
        What to compute.
    bank, validation_bank
        Crops of sharp images, uint8 (N, S, S), on the training device; S must exceed the training images (and 400
        for validation) by 30 pixels, and where specimens have depth by 62 (and 320 for validation).
    folder
        Receives the checkpoint and the log.
    start
        Weights to begin with, where the folder holds no run; random ones by default.
    minutes
        Time budget of this call; the run is resumed by the next.
    validation_images
        Images of each validation row.
    validate_every
        Minutes between validations.

    Returns
    -------
    IdentificationNetwork
        With averaged weights, in evaluation mode.

    Raises
    ------
    TrainingDataError
        If the folder holds a run of another recipe, or `start` has another architecture.
    """
    device, modes = bank.device, recipe.network.modes
    fine, coarse = (
        Pupils(reference_cutoff(), modes, REFERENCE_PSF_SIZE, device, coarse=coarse) for coarse in (False, True)
    )
    source = SceneSource(bank, recipe.procedural_share)
    signs = even_signs(modes, device)
    run = start_run(lambda: IdentificationNetwork(recipe.network), recipe, recipe.schedule, recipe.seed, device)
    if start is not None:
        begin_with(run, _beginning(start, recipe.network), recipe.network)
    validation = validation_batches(validation_bank, recipe, fine, validation_images)

    def loss(run: Run) -> Tensor:
        batch = draw_batch(source, recipe, fine, run.generator)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            prediction = run.network(batch.image, batch.given)
        error = psf_error(mean_psf(prediction, coarse.take(batch.pupil)), batch.psf)
        likelihood = theta_likelihood(prediction, batch.theta, batch.amplitude, signs)
        depth = depth_likelihood(prediction, batch.out_of_focus)
        return (error + recipe.theta_weight * likelihood + recipe.depth_weight * depth).mean()

    train(
        run,
        recipe.schedule,
        loss,
        lambda network: validate(network, validation, fine),
        folder,
        minutes=minutes,
        validate_every=validate_every,
    )
    average = run.average
    assert isinstance(average, IdentificationNetwork)
    return average


def _beginning(start: IdentificationNetwork, config: IdentificationConfig) -> IdentificationNetwork:
    """Make of weights the beginning of a network that tells depth, where `config` wants one, and foresees nothing.

    What a network foresees holds for its present weights: once these move it has to be learned again.
    """
    tells_depth = start.config.tells_depth or config.tells_depth
    if start.config.tells_depth == tells_depth and not start.config.foresees:
        return start
    network = IdentificationNetwork(dataclasses.replace(start.config, tells_depth=tells_depth, foresees=0))
    kept = {name: value for name, value in start.state_dict().items() if not name.startswith("foresight.")}
    network.load_state_dict({**network.state_dict(), **kept})
    return network


def validation_batches(bank: Tensor, recipe: IdentificationRecipe, pupils: Pupils, images: int) -> dict[str, Batch]:
    """Images that are the same in every run: same scenes and coefficients in each world and at each noise level.

    The worlds are the paper's (scalar light, its modes and amplitude), the same with vectorial light, and specimens
    with depth, whose amplitude nobody states.
    """
    device = bank.device
    generator = torch.Generator(device).manual_seed(_VALIDATION_SEED)
    scene = SceneSource(bank, 0.0).draw(images, _VALIDATION_SIZE + pupils.size - 1, generator)
    amplitude = (torch.tensor(recipe.network.modes, device=device) <= 10).float().mul(0.15).expand(images, -1)
    theta = amplitude * (2 * torch.rand(amplitude.shape, generator=generator, device=device) - 1)
    batches = {}
    for light in ("scalar", "vectorial"):
        pupil = torch.full((images,), PUPILS.index((0.934, light)), device=device)
        optics, told = pupils.take(pupil), pupils.polarization[pupil]
        for name, level in NOISE_LEVELS.items():
            noise = torch.tensor(level, device=device).expand(images, 2)
            batch = degrade(scene, theta, amplitude, noise, optics, generator, told)
            batches[f"{name}, {light}"] = batch._replace(pupil=pupil)
    schedule = dataclasses.replace(recipe.schedule, batch_size=images)
    thick = dataclasses.replace(recipe, schedule=schedule, image_size=320, thick_share=1.0, stated_share=0.0)
    thick = dataclasses.replace(thick, noise=NoiseRange((0.001, 0.001), (0.003, 0.003), none=0.0))
    batches["medium, thick"] = draw_batch(SceneSource(bank, 0.15), thick, pupils, generator)
    return batches


def validate(network: nn.Module, batches: dict[str, Batch], pupils: Pupils) -> Rows:
    """PSF SNR in decibels in each world and at each noise level, beside the rows that any method must beat."""
    rows: Rows = []
    for name, batch in batches.items():
        psfs, depths = [], []
        with torch.no_grad():
            for start in range(0, len(batch.image), 8):
                part = Batch(*(value[start : start + 8] for value in batch))
                prediction = network(part.image, part.given)
                psfs.append(mean_psf(prediction, pupils.take(part.pupil)))
                depths.append(prediction.out_of_focus)
        ignorant = batch.psf.mean(0, keepdim=True)
        snr = psf_snr(batch.psf, torch.cat(psfs))
        rows.append(
            {
                "noise": name,
                "psf_snr_db": snr.mean().item(),
                "worst_tenth_db": snr.quantile(0.1).item(),
                "mean_psf_row_db": psf_snr(batch.psf, ignorant).mean().item(),
                "depth_error": (torch.cat(depths) - batch.out_of_focus).abs().mean().item(),
            }
        )
    return rows
