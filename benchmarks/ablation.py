"""What each part of the identification brings, from perfect to poor cameras.

    python -m benchmarks.ablation --data FOLDER [--split train] [--images 24] [--weights FILE]

FOLDER is the training folder. Constants of `posterior.py` are chosen on its training split; what is claimed comes
from its validation split, which training never reads. Prints the PSF SNR (dB) for each part and noise level, and writes
benchmarks/results/ablation_{train,validation}.md. Vectorial light, NA 1.41 oil, Noll 4-10 in +-0.15 waves, which is
stated; noise is known.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, cast

import torch
from torch import Tensor

from benchmarks.simulation.camera import expose
from benchmarks.simulation.images import PAPER_SIDE, draw_test_scenes, seed_of
from benchmarks.simulation.worlds import AMPLITUDE, NOISES, light_world
from napari_deepblur.identification import posterior
from napari_deepblur.identification.orientation import mirror_advantage
from napari_deepblur.identification.posterior import Cloud, NetworkPrior, posterior_steps
from napari_deepblur.identification.spectral_energy import Band, SpectralEnergy
from napari_deepblur.identification.test_time_augmentation import decide_turned, gather_turned
from napari_deepblur.io.scene_spectra import load_scene_spectra
from napari_deepblur.io.weights import load_identification
from napari_deepblur.networks.identification import REFERENCE_PSF_SIZE, Given, IdentificationNetwork
from napari_deepblur.networks.statistics import prepare
from napari_deepblur.optics import psf_model, psf_snr
from napari_deepblur.progress import finished

SEED = 5
FAMILY = light_world("oil").truth
COARSE = psf_model(FAMILY.microscope.pupil, FAMILY.modes, REFERENCE_PSF_SIZE, coarse=True)
BAND = Band(REFERENCE_PSF_SIZE)
SCENES = load_scene_spectra()
EVEN = torch.from_numpy(FAMILY.even_modes)
NOTHING_KNOWN = torch.zeros(len(FAMILY.modes))

BOUNDS = {"none": "38 (34)", "1e5": "-", "1e4": "27 (23)", "medium": "20 (12)", "high": "11 (6)"}
"""Cramer-Rao bounds of the power spectrum."""

ABOUT_BOUNDS = (
    "Bound: Cramer-Rao, of the power spectrum alone, for a Gaussian scene of spectrum 1/f^2 (in brackets 1/f^2.6) with "
    "standard deviation 0.2 and 25 free smooth spectral parameters. The network also sees phases, which the bound does "
    "not know."
)

_RANDOM_STARTS = 25
_LEAST_ABOVE = 0.02
"""Share of the signal below which a frequency was left out when the noise was subtracted."""


class Evidence(NamedTuple):
    """What is known of one image.

    Attributes
    ----------
    prior
        What the network says after eight turns.
    one_look
        Its cloud for the image as it is.
    periodogram
        Averaged periodogram.
    windows
        Number of windows that it was averaged over.
    pixels
        The image, shape (H, W).
    variance
        Of the noise, in the units of the periodogram.
    """

    prior: NetworkPrior
    one_look: Cloud
    periodogram: Tensor
    windows: int
    pixels: Tensor
    variance: float


def main() -> None:
    """Print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--split", choices=("train", "validation"), default="validation")
    parser.add_argument("--images", type=int, default=24)
    parser.add_argument("--weights", default=None, help="identification weights (those in the package)")
    arguments = parser.parse_args()
    count = arguments.images
    network = load_identification(arguments.weights).eval()
    side = PAPER_SIDE + FAMILY.psf_size - 1
    scenes = draw_test_scenes(arguments.data, count, side, SEED, arguments.split).pixels
    psfs = FAMILY.psf_tensor(torch.from_numpy(FAMILY.sample(count, seed_of(SEED, "kernels"))))
    ignorant = FAMILY.psf_tensor(torch.from_numpy(FAMILY.sample(2000, SEED))).mean(0)
    columns: dict[str, dict[str, float]] = {}
    for name, level in NOISES.items():
        images = expose(scenes, psfs, level, torch.Generator().manual_seed(seed_of(SEED, "noise"))).image
        rows: dict[str, list[float]] = {"mean PSF": [psf_snr(true, ignorant).item() for true in psfs]}
        for image, true in zip(images, psfs, strict=True):
            for row, psf in variants(gathered(network, image[None], level), true):
                rows.setdefault(row, []).append(psf_snr(true, psf).item())
        columns[name] = {row: sum(values) / count for row, values in rows.items()}
        print(name, {row: round(value, 2) for row, value in columns[name].items()}, flush=True)
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for row in columns["none"]:
        lines.append(f"| {row} | " + " | ".join(f"{column[row]:.2f}" for column in columns.values()) + " |")
    lines.append("| bound | " + " | ".join(BOUNDS[name] for name in columns) + " |")
    print("\n".join(lines))
    command = f"python -m benchmarks.ablation --data FOLDER --split {arguments.split} --images {count}"
    text = (
        f"`{command}`: PSF SNR in dB, {arguments.split} split. NA 1.41 oil in vectorial light, Noll 4-10 in "
        f"+-{AMPLITUDE:g} waves, {PAPER_SIDE} x {PAPER_SIDE} pixels, noise known."
    )
    results = Path(__file__).parent / "results" / f"ablation_{arguments.split}.md"
    table = "\n".join(lines)
    results.write_text(f"# What each part of the identification brings\n\n{text}\n\n{table}\n\n{ABOUT_BOUNDS}\n")


def gathered(network: IdentificationNetwork, image: Tensor, level: tuple[float, float]) -> Evidence:
    """Ask the network about an image (1, 1, H, W) with noise (alpha, beta), and average its periodogram."""
    views = prepare(image)
    modes = network.config.modes
    chosen = [modes.index(j) for j in FAMILY.modes]
    amplitude = torch.zeros(1, len(modes))
    amplitude[0, chosen] = FAMILY.box
    polarization = torch.tensor([[FAMILY.microscope.pupil.polarization]])
    given = Given(torch.tensor([level]), amplitude, torch.ones(1, 1), polarization)
    with torch.inference_mode():
        turns = gather_turned(network, views.pixels)
        opinion = decide_turned(network, turns, views, given)
    cloud = Cloud(opinion.cloud.theta[:, chosen].clone(), opinion.cloud.weights.clone())
    each = len(cloud.theta) // len(turns)
    mean, std = opinion.mean[:, chosen].clone(), opinion.std[:, chosen].clone()
    return Evidence(
        NetworkPrior(mean, std, cloud, EVEN, NOTHING_KNOWN, FAMILY.box),
        Cloud(cloud.theta[:each], cloud.weights[:each] / cloud.weights[:each].sum()),
        (turns[0].periodogram[0] / turns[0].counts[0]).clone(),
        int(turns[0].counts[0]),
        image[0, 0],
        ((level[0] * views.mean + level[1] ** 2) / views.std**2).item(),
    )


def variants(evidence: Evidence, true: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Identify one image in several ways; yields names with PSFs (k, k).

    Parameters
    ----------
    evidence
        What is known of the image.
    true
        Its PSF, for the row of an oracle.
    """
    prior, windows = evidence.prior, evidence.windows
    yield "network, one look", mean_psf(evidence.one_look)
    yield "network, eight turns", mean_psf(prior.candidates)
    energy = SpectralEnergy(evidence.periodogram, windows, evidence.variance, BAND, SCENES)
    yield "spectrum alone", mean_psf(_believed(indifferent(), energy, evidence))
    with _width(0.0):
        narrow = _believed(prior, energy, evidence)
    yield "product, maxima not widened", mean_psf(narrow)
    subtracted = cast(SpectralEnergy, SubtractedEnergy(evidence.periodogram, windows, evidence.variance))
    yield "product, noise subtracted from the spectrum", mean_psf(_believed(prior, subtracted, evidence))
    cloud = _believed(prior, energy, evidence)
    yield "product (`identify`)", mean_psf(cloud)
    maxima = FAMILY.psf_tensor(cloud.theta).unflatten(0, (-1, posterior._DRAWS)).mean(1)
    yield "product, an oracle chooses the maximum", maxima[psf_snr(true, maxima).argmax()]


def indifferent() -> NetworkPrior:
    """Return the prior of a network that says nothing: flat over the box, with starts drawn from it."""
    theta = torch.from_numpy(FAMILY.sample(_RANDOM_STARTS, SEED))
    cloud = Cloud(theta, torch.full((len(theta),), 1 / len(theta)))
    return NetworkPrior(theta, torch.full_like(theta, 10 * FAMILY.box), cloud, EVEN, NOTHING_KNOWN, FAMILY.box)


def mean_psf(cloud: Cloud) -> Tensor:
    """Weighted mean of the PSFs of a cloud, (k, k)."""
    return cloud.psf_and_spread(FAMILY)[0]


class SubtractedEnergy:
    """Energy of a spectrum that the noise is subtracted from, log(S - v), as it was once.

    Frequencies that hold little but noise weigh less, and below a fiftieth of signal nothing. The minimum over scenes
    is solved for, so that there is nothing to follow.
    """

    def __init__(self, periodogram: Tensor, windows: int, noise_variance: float) -> None:
        signal = periodogram[BAND.mask]
        above = (signal - noise_variance) / signal
        share = above.clamp_min(_LEAST_ABOVE)
        own = 1 / (share.square() * 0.15 * windows) - 1 / (0.15 * SCENES.windows)
        variance = SCENES.residual[BAND.mask] + own.clamp_min(0)
        self._weight = (above > _LEAST_ABOVE) * BAND.multiplicity / 2 / variance
        self._target = torch.log(signal * share) - SCENES.mean[BAND.mask]
        self._basis = torch.cat((torch.ones_like(signal)[None], SCENES.components[:, BAND.mask])).T
        widths = torch.cat((torch.tensor([1e4]), SCENES.variances))
        gram = self._basis.T @ (self._weight[:, None] * self._basis) + torch.diag(1 / widths)
        self._factor = torch.linalg.cholesky(gram)

    def start(self, log_power: Tensor) -> Tensor:
        """Return no scenes, (N, 0)."""
        return log_power.new_zeros(len(log_power), 0)

    def of(self, log_power: Tensor, scenes: Tensor) -> Tensor:
        """Return the energies of (N, F), shape (N,)."""
        residual = self._target - log_power
        weighted = residual * self._weight
        explained = torch.linalg.solve_triangular(self._factor, (weighted @ self._basis).T, upper=False)
        energy: Tensor = 0.5 * ((residual * weighted).sum(1) - explained.square().sum(0))
        return energy

    def settle(self, log_power: Tensor, scenes: Tensor) -> None:
        """Do nothing."""

    def follow(self, log_power: Tensor, scenes: Tensor) -> Tensor:
        """Return the scenes, of which there are none."""
        return scenes


def _believed(prior: NetworkPrior, energy: SpectralEnergy, evidence: Evidence) -> Cloud:
    def advantage(psfs: Tensor) -> Tensor:
        return mirror_advantage(evidence.pixels, evidence.variance, psfs)

    return finished(posterior_steps(prior, energy, BAND, COARSE, advantage)).cloud


@contextmanager
def _width(value: float) -> Iterator[None]:
    """Widen maxima by another width for a while."""
    shipped = posterior._WIDTH
    posterior._WIDTH = value
    try:
        yield
    finally:
        posterior._WIDTH = shipped


if __name__ == "__main__":
    main()
