"""Training of the identification network."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from napari_deepblur.networks.identification import REFERENCE_PSF_SIZE, IdentificationNetwork
from napari_deepblur.networks.trunk import reference_cutoff
from napari_deepblur.optics import PsfModel, Pupil, psf_model, psf_snr
from napari_deepblur.training.batches import Batch, SceneSource, degrade, draw_batch
from napari_deepblur.training.checkpoints import Run
from napari_deepblur.training.loop import Rows, start_run, train
from napari_deepblur.training.losses import even_signs, mean_psf, psf_error, theta_likelihood
from napari_deepblur.training.recipes import IdentificationRecipe

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
        for validation) by 30 pixels.
    folder
        Receives the checkpoint and the log.
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
    """
    device = bank.device
    optics = psf_model(Pupil(reference_cutoff()), recipe.network.modes, REFERENCE_PSF_SIZE).to(device)
    coarse = psf_model(Pupil(reference_cutoff()), recipe.network.modes, REFERENCE_PSF_SIZE, coarse=True).to(device)
    source = SceneSource(bank, recipe.procedural_share)
    signs = even_signs(recipe.network.modes, device)
    run = start_run(lambda: IdentificationNetwork(recipe.network), recipe, recipe.schedule, recipe.seed, device)
    validation = validation_batches(validation_bank, recipe, optics, validation_images)

    def loss(run: Run) -> Tensor:
        batch = draw_batch(source, recipe, optics, run.generator)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            prediction = run.network(batch.image, batch.noise, batch.amplitude)
        error = psf_error(mean_psf(prediction, coarse), batch.psf)
        likelihood = theta_likelihood(prediction, batch.theta, batch.amplitude, signs)
        return (error + recipe.theta_weight * likelihood).mean()

    train(
        run,
        recipe.schedule,
        loss,
        lambda network: validate(network, validation, optics),
        folder,
        minutes=minutes,
        validate_every=validate_every,
    )
    average = run.average
    assert isinstance(average, IdentificationNetwork)
    return average


def validation_batches(bank: Tensor, recipe: IdentificationRecipe, optics: PsfModel, images: int) -> dict[str, Batch]:
    """Images in the paper's setting that are the same in every run: same scenes and PSFs at each noise level."""
    device = bank.device
    generator = torch.Generator(device).manual_seed(_VALIDATION_SEED)
    scene = SceneSource(bank, 0.0).draw(images, _VALIDATION_SIZE + optics.size - 1, generator)
    amplitude = (torch.tensor(recipe.network.modes, device=device) <= 10).float().mul(0.15).expand(images, -1)
    theta = amplitude * (2 * torch.rand(amplitude.shape, generator=generator, device=device) - 1)
    return {
        name: degrade(scene, theta, amplitude, torch.tensor(level, device=device).expand(images, 2), optics, generator)
        for name, level in NOISE_LEVELS.items()
    }


def validate(network: nn.Module, batches: dict[str, Batch], optics: PsfModel) -> Rows:
    """PSF SNR in decibels at each noise level, beside the rows that any method must beat."""
    rows: Rows = []
    for name, batch in batches.items():
        with torch.no_grad():
            parts = zip(batch.image.split(8), batch.noise.split(8), batch.amplitude.split(8), strict=True)
            psfs = torch.cat([mean_psf(network(*part), optics) for part in parts])
        ignorant = batch.psf.mean(0, keepdim=True)
        snr = psf_snr(batch.psf, psfs)
        rows.append(
            {
                "noise": name,
                "psf_snr_db": snr.mean().item(),
                "worst_tenth_db": snr.quantile(0.1).item(),
                "mean_psf_row_db": psf_snr(batch.psf, ignorant).mean().item(),
            }
        )
    return rows
