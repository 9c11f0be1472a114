"""Adaptation of the identification network to the measured PSFs of one microscope."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
from torch import Tensor, nn

from napari_deepblur.networks.adapted import AdaptedConfig, AdaptedNetwork, LocalPrediction
from napari_deepblur.networks.identification import IdentificationNetwork
from napari_deepblur.networks.trunk import TrunkConfig
from napari_deepblur.operators.families import MeasuredFamily
from napari_deepblur.training.batches import SceneSource, draw_noise_levels
from napari_deepblur.training.checkpoints import Run
from napari_deepblur.training.identification import NOISE_LEVELS
from napari_deepblur.training.loop import Rows, TrainingSteps, start_run, train_steps
from napari_deepblur.training.measured_batches import MeasuredBatch, MeasuredOptics, measured_batch, network_scale
from napari_deepblur.training.recipes import AdaptationRecipe

_VALIDATION_SEED = 2025
_SEEDS = 2**31 - 1


class Adaptation:
    """The adaptation of a network to one family.

    Parameters
    ----------
    family
        A family of measured PSFs with a microscope and observed parameters.
    recipe
        What to compute.
    trunk
        The network to start from.
    bank
        Crops of sharp images, uint8 (N, S, S), on the training device; with N = 0 all scenes are procedural.
    validation_bank
        The same for validation.
    folder
        Receives the checkpoint and the log; a run that it holds is continued.

    Raises
    ------
    FamilyError
        If the family has no microscope, no observed parameters, or too small a field.
    """

    def __init__(
        self,
        family: MeasuredFamily,
        recipe: AdaptationRecipe,
        trunk: IdentificationNetwork,
        bank: Tensor,
        validation_bank: Tensor,
        folder: Path,
    ) -> None:
        self.recipe = recipe
        self.folder = folder
        self._optics = MeasuredOptics(family, recipe.window, bank.device, network_scale(family))
        self._source = SceneSource(bank, recipe.procedural_share if len(bank) else 1.0)
        self._held_out = SceneSource(validation_bank, 0.0 if len(validation_bank) else 1.0)
        self._run = start_run(
            lambda: adapted_from(trunk, self._optics), recipe, recipe.schedule, recipe.seed, bank.device
        )

    @property
    def network(self) -> AdaptedNetwork:
        """The network with averaged weights, in evaluation mode."""
        average = self._run.average
        assert isinstance(average, AdaptedNetwork)
        return average.eval()

    def steps(
        self, *, minutes: float | None = None, validate_every: float = 5.0, validation_images: int = 64
    ) -> TrainingSteps:
        """Train; see `loop.train_steps`. The rows have the PSF SNR at three noise levels beside that of the mean."""
        batches = self._validation(validation_images)
        return train_steps(
            self._run,
            self.recipe.schedule,
            self._loss,
            lambda network: self._validate(network, batches),
            self.folder,
            minutes=minutes,
            validate_every=validate_every,
        )

    def _draw(self, source: SceneSource, noise: Tensor, generator: torch.Generator) -> MeasuredBatch:
        side = self._optics.window + self._optics.psf_size - 1
        scene = source.draw(len(noise), side, generator)
        seed = int(torch.randint(_SEEDS, (), generator=generator, device=generator.device))
        return measured_batch(self._optics, scene, noise, seed, generator)

    def _loss(self, run: Run) -> Tensor:
        device = run.generator.device
        noise = draw_noise_levels(self.recipe.noise, self.recipe.schedule.batch_size, run.generator, device)
        batch = self._draw(self._source, noise, run.generator)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            prediction = run.network(batch.image, batch.noise, batch.position)
        assert isinstance(run.network, AdaptedNetwork)
        error = relative_error(prediction, batch, run.network.scales)
        return (error + self.recipe.likelihood_weight * negative_log_likelihood(prediction, batch.coordinates)).mean()

    def _validation(self, images: int) -> dict[str, MeasuredBatch]:
        device = self._source.bank.device
        generator = torch.Generator(device).manual_seed(_VALIDATION_SEED)
        return {
            name: self._draw(self._held_out, torch.tensor(level, device=device).expand(images, 2), generator)
            for name, level in NOISE_LEVELS.items()
        }

    def _validate(self, network: nn.Module, batches: dict[str, MeasuredBatch]) -> Rows:
        assert isinstance(network, AdaptedNetwork)
        rows: Rows = []
        for name, batch in batches.items():
            with torch.no_grad():
                parts = zip(batch.image.split(8), batch.noise.split(8), batch.position.split(8), strict=True)
                predictions = [network(*part) for part in parts]
                found = LocalPrediction(*(torch.cat(values) for values in zip(*predictions, strict=True)))
            ignorant = found._replace(mean=torch.zeros_like(found.mean))
            decibels = [
                -10 * relative_error(p, batch, network.scales).clamp_min(1e-9).log10() for p in (found, ignorant)
            ]
            rows.append(
                {
                    "noise": name,
                    "psf_snr_db": decibels[0].mean().item(),
                    "worst_tenth_db": decibels[0].quantile(0.1).item(),
                    "mean_psf_row_db": decibels[1].mean().item(),
                    "likelihood": negative_log_likelihood(found, batch.coordinates).mean().item(),
                }
            )
        return rows


def adapted_from(trunk: IdentificationNetwork, optics: MeasuredOptics) -> AdaptedNetwork:
    """Make a network for a family, with the trunk of another network and a new answer."""
    local = optics.local
    architecture = {f.name: getattr(trunk.config, f.name) for f in dataclasses.fields(TrunkConfig)}
    config = AdaptedConfig(**architecture, eigen_psfs=len(local.centre), coordinates=len(local.scales))
    network = AdaptedNetwork(config)
    shared = {
        name: value
        for name, value in trunk.state_dict().items()
        if name.partition(".")[0] in ("encoder", "attention", "spectrum", "asymmetry")
    }
    network.load_state_dict(shared, strict=False)
    for name in ("centre", "axes", "scales"):
        getattr(network, name).copy_(torch.from_numpy(getattr(local, name)))
    return network


def relative_error(prediction: LocalPrediction, batch: MeasuredBatch, scales: Tensor) -> Tensor:
    """Relative squared error |h_hat - h|^2 / |h|^2 of the local PSFs, as far as the coordinates tell; shape (B,)."""
    return (scales * (prediction.mean - batch.coordinates)).square().sum(1) / batch.energy


def negative_log_likelihood(prediction: LocalPrediction, coordinates: Tensor) -> Tensor:
    """Gaussian, 1/2 |L'(u - mean)|^2 - log det L, per coordinate and up to a constant; shape (B,)."""
    residual = (coordinates - prediction.mean)[:, None, :] @ prediction.factor
    log_determinant = prediction.factor.diagonal(dim1=-2, dim2=-1).log().sum(1)
    return (0.5 * residual.square().sum((-2, -1)) - log_determinant) / coordinates.shape[1]
