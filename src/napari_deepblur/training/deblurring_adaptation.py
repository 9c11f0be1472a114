"""Adaptation of the deblurring network to the measured PSFs of one microscope."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_deepblur.identification.gaussian import prior_of
from napari_deepblur.networks.deblurring import DeblurringNetwork
from napari_deepblur.noise import sample_noise
from napari_deepblur.operators import ProductConvolutionOperator
from napari_deepblur.operators.families import MeasuredFamily
from napari_deepblur.operators.families.local_coordinates import local_weights
from napari_deepblur.training.batches import SceneSource, draw_noise_levels
from napari_deepblur.training.checkpoints import Run
from napari_deepblur.training.deblurring import mean_ssim, restoration_loss
from napari_deepblur.training.identification import NOISE_LEVELS
from napari_deepblur.training.loop import Rows, TrainingSteps, start_run, train_steps
from napari_deepblur.training.measured_batches import MeasuredOptics
from napari_deepblur.training.recipes import DeblurringAdaptationRecipe

_VALIDATION_SEED = 2026
_SEEDS = 2**31 - 1


class FieldPatches(NamedTuple):
    """Patches of fields, with the operators to restore them with.

    Attributes
    ----------
    image
        Blurred and noisy patches, shape (B, 1, S, S).
    target
        What they should become, shape (B, 1, S, S).
    operator
        Their estimated or true blurs.
    noise
        alpha and beta, shape (B, 2).
    spread
        Expected relative squared error of the PSFs, shape (B,).
    """

    image: Tensor
    target: Tensor
    operator: ProductConvolutionOperator
    noise: Tensor
    spread: Tensor


class DeblurringAdaptation:
    """The adaptation of a deblurring network to one family.

    Parameters
    ----------
    family
        A family of measured PSFs with observed parameters.
    recipe
        What to compute.
    network
        The network to start from.
    bank, validation_bank, folder
        As in `Adaptation`.

    Raises
    ------
    FamilyError
        If the family has no observed parameters, or too small a field.
    """

    def __init__(
        self,
        family: MeasuredFamily,
        recipe: DeblurringAdaptationRecipe,
        network: DeblurringNetwork,
        bank: Tensor,
        validation_bank: Tensor,
        folder: Path,
    ) -> None:
        self.recipe = recipe
        self.folder = folder
        self._optics = MeasuredOptics(family, recipe.patch_size, bank.device, 1.0, stride=1)
        self._prior = prior_of(family)
        self._source = SceneSource(bank, recipe.procedural_share if len(bank) else 1.0)
        self._held_out = SceneSource(validation_bank, 0.0 if len(validation_bank) else 1.0)

        def make() -> DeblurringNetwork:
            made = DeblurringNetwork(network.config)
            made.load_state_dict(network.state_dict())
            return made

        self._run = start_run(make, recipe, recipe.schedule, recipe.seed, bank.device)

    @property
    def network(self) -> DeblurringNetwork:
        """The network with averaged weights, in evaluation mode."""
        average = self._run.average
        assert isinstance(average, DeblurringNetwork)
        return average.eval()

    def steps(
        self, *, minutes: float | None = None, validate_every: float = 5.0, validation_images: int = 32
    ) -> TrainingSteps:
        """Train; see `loop.train_steps`. The rows have the SSIM at three noise levels."""
        batches = self._validation(validation_images)
        return train_steps(
            self._run,
            self.recipe.schedule,
            self._loss,
            lambda network: _validate(network, batches),
            self.folder,
            minutes=minutes,
            validate_every=validate_every,
        )

    def draw(self, source: SceneSource, noise: Tensor, generator: torch.Generator, true_share: float) -> FieldPatches:
        """Draw scenes, operators and estimates of them, and make patches.

        An estimate of quality s is what would be believed of parameters with a standard normal prior, seen with an
        error s: with v the true ones, it has the mean (v + s n) / (1 + s^2) and the variance s^2 / (1 + s^2).
        """
        n, device = len(noise), noise.device
        optics = self._optics
        rng = np.random.default_rng(int(torch.randint(_SEEDS, (), generator=generator, device=device)))
        theta = optics.family.sample(n, int(rng.integers(_SEEDS)))
        low, high = self.recipe.error
        error = low * (high / low) ** rng.uniform(size=(n, 1))
        error[rng.uniform(size=n) < true_share] = 0
        root = self._prior.root
        v = (theta - self._prior.mean) @ np.linalg.pinv(root).T
        believed = (v + error * rng.standard_normal(v.shape)) / (1 + error**2)
        # What the prior does not span is taken as known.
        estimate = (theta + (believed - v) @ root.T).astype(np.float32)
        middles = optics.place(n, generator)
        spread = self._spread(estimate, error[:, 0] ** 2 / (1 + error[:, 0] ** 2), middles)

        scene = source.draw(n, optics.window + optics.psf_size - 1, generator)
        blurred = optics.operator(theta, middles).forward(scene)
        gain = 1 / blurred.amax(dim=(-3, -2, -1), keepdim=True).clamp_min(0.02)
        image = sample_noise(gain * blurred, noise[:, 0], noise[:, 1], generator)
        border = optics.psf_size // 2
        target = (gain * scene)[..., border:-border, border:-border]
        return FieldPatches(image, target, optics.operator(estimate, middles), noise, spread)

    def _spread(self, estimate: NDArray[np.float32], variance: NDArray[np.float64], middles: Tensor) -> Tensor:
        """Return the expected relative squared error of the PSF in the middle of each patch, (B,)."""
        family, gram, places = self._optics.family, self._optics.gram, middles.cpu().numpy()
        found = []
        for theta, scale, place in zip(estimate, variance, places, strict=True):
            psf = local_weights(family, theta[None], place[None])[0, 0]
            columns = local_weights(family, self._prior.root.T, place[None])[:, 0]
            found.append(scale * np.einsum("qi,ij,qj->", columns, gram, columns) / (psf @ gram @ psf))
        return torch.tensor(np.array(found), dtype=torch.float32, device=middles.device)

    def _loss(self, run: Run) -> Tensor:
        device = run.generator.device
        noise = draw_noise_levels(self.recipe.noise, self.recipe.schedule.batch_size, run.generator, device)
        patches = self.draw(self._source, noise, run.generator, self.recipe.true_share)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            restored = run.network(patches.image, patches.operator, patches.noise, patches.spread)
        return restoration_loss(restored, patches.target, self.recipe.loss)

    def _validation(self, images: int) -> dict[str, tuple[FieldPatches, ...]]:
        device = self._source.bank.device
        generator = torch.Generator(device).manual_seed(_VALIDATION_SEED)
        batches = {}
        for name, level in NOISE_LEVELS.items():
            noise = torch.tensor(level, device=device).expand(4, 2)
            shares = (0.0, 1.0) * max(images // 8, 1)
            batches[name] = tuple(self.draw(self._held_out, noise, generator, share) for share in shares)
        return batches


def _validate(network: nn.Module, batches: dict[str, tuple[FieldPatches, ...]]) -> Rows:
    rows: Rows = []
    for name, parts in batches.items():
        row: dict[str, str | float] = {"noise": name}
        row["blurred"] = float(np.mean([mean_ssim(part.image, part.target) for part in parts]))
        for label, first in (("estimated", 0), ("true", 1)):
            values = []
            for part in parts[first::2]:
                with torch.no_grad(), torch.autocast(part.image.device.type, dtype=torch.bfloat16):
                    restored = network(part.image, part.operator, part.noise, part.spread)
                values.append(mean_ssim(restored, part.target))
            row[label] = float(np.mean(values))
        rows.append(row)
    return rows
