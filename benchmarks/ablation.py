"""What each part of the identification brings, and how much to trust the spectral fit beside the network.

    python -m benchmarks.ablation --data FOLDER [--split train] [--images 32] [--weights FILE]

FOLDER is the training folder. Constants of `posterior.py` are chosen on its training split; what is claimed comes
from its validation split, which training never reads. Prints the PSF SNR (dB) in the paper's setting for each part and
noise level, and writes benchmarks/results/ablation_{train,validation}.md. Noise is known here.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from napari_deepblur.identification.orientation import mirror_advantage
from napari_deepblur.identification.posterior import Cloud, oriented, spectral_share
from napari_deepblur.identification.spectral_fit import SpectralFit, spectral_fit
from napari_deepblur.identification.test_time_augmentation import decide_turned, gather_turned
from napari_deepblur.io.scene_spectra import load_scene_spectra
from napari_deepblur.io.weights import load_identification
from napari_deepblur.networks.identification import REFERENCE_PSF_SIZE, IdentificationNetwork
from napari_deepblur.networks.statistics import prepare
from napari_deepblur.networks.trunk import Evidence, reference_cutoff
from napari_deepblur.optics import Pupil, is_even, psf_model, psf_snr, zernike_psf
from napari_deepblur.training.batches import SceneSource, degrade
from napari_deepblur.training.pool import load_bank

MODES = (4, 5, 6, 7, 8, 9, 10)
AMPLITUDE = 0.15
LEVELS = {
    "none": (0.0, 0.0),
    "1e5 photons": (1e-5, 2e-4),
    "1e4 photons": (1e-4, 1e-3),
    "medium": (1e-3, 3e-3),
    "high": (5e-3, 2e-2),
}
SHARES = (0.0, 0.15, 0.3, 0.5, 0.7, 0.85, 1.0)
SEED = 5
FINE = psf_model(Pupil(reference_cutoff()), MODES, REFERENCE_PSF_SIZE)
COARSE = psf_model(Pupil(reference_cutoff()), MODES, REFERENCE_PSF_SIZE, coarse=True)
SCENES = load_scene_spectra()
EVEN = torch.tensor([is_even(j) for j in MODES])


def main() -> None:
    """Print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--split", choices=("train", "validation"), default="validation")
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--weights", default=None, help="identification weights (those in the package)")
    arguments = parser.parse_args()
    count = arguments.images
    bank = torch.from_numpy(load_bank(arguments.data, arguments.split, 448, max(2 * count / 1400, 0.1), SEED))
    network = load_identification(arguments.weights)
    generator = torch.Generator().manual_seed(SEED)
    scene = SceneSource(bank, 0.0).draw(count, 430, generator)
    theta = AMPLITUDE * (2 * torch.rand(count, len(MODES), generator=generator) - 1)
    columns: dict[str, dict[str, float]] = {}
    for name, level in LEVELS.items():
        bounds = torch.full_like(theta, AMPLITUDE)
        batch = degrade(scene, theta, bounds, torch.tensor(level).expand(count, 2), FINE, generator)
        rows: dict[str, list[float]] = {}
        for image, noise, true in zip(batch.image, batch.noise, batch.psf, strict=True):
            for row, psf in variants(network, image[None], noise[None]):
                value = psf if isinstance(psf, float) else psf_snr(true, psf).item()
                rows.setdefault(row, []).append(value)
        columns[name] = {row: sum(values) / count for row, values in rows.items()}
        columns[name]["mean PSF of these images"] = psf_snr(batch.psf, batch.psf.mean(0)).mean().item()
        print(name, {row: round(value, 2) for row, value in columns[name].items()}, flush=True)
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for row in columns["none"]:
        lines.append(f"| {row} | " + " | ".join(f"{column[row]:.2f}" for column in columns.values()) + " |")
    print("\n".join(lines))
    command = f"python -m benchmarks.ablation --data FOLDER --split {arguments.split} --images {count}"
    results = Path(__file__).parent / "results" / f"ablation_{arguments.split}.md"
    text = f"`{command}`: PSF SNR in dB, {arguments.split} split."
    results.write_text(f"# What each part of the identification brings\n\n{text}\n\n" + "\n".join(lines) + "\n")


def variants(network: IdentificationNetwork, image: Tensor, noise: Tensor) -> Iterator[tuple[str, Tensor | float]]:
    """Identify one image (1, 1, H, W) in several ways; yields names with PSFs (k, k), or with numbers."""
    views = prepare(image)
    modes = network.config.modes
    bound = torch.tensor([[AMPLITUDE if j in MODES else 0.0 for j in modes]])
    chosen = [modes.index(j) for j in MODES]
    with torch.inference_mode():
        evidence = gather_turned(network, views.pixels)
        opinion = decide_turned(network, evidence, views, noise, bound)
        cloud = Cloud(opinion.cloud.theta[:, chosen], opinion.cloud.weights)
    each = len(cloud.theta) // len(evidence)
    first = Cloud(cloud.theta[:each], cloud.weights[:each] / cloud.weights[:each].sum())
    yield "network, its likeliest candidate", psfs_of(first.theta[first.weights.argmax()][None])[0]
    yield "network, mean over its candidates", mean_psf(first)
    yield "network, mean over four turns", mean_psf(_renormalised(cloud, 4 * each))
    learned = mean_psf(cloud)
    yield "network, mean over eight turns", learned
    points = opinion.points.theta[:, chosen].clone()
    fit, advantage = _fit(evidence[0], image, noise, points)
    fitted = mean_psf(oriented(fit, advantage, EVEN))
    yield "spectral fit, its best start", psfs_of(fit.theta[fit.log_weights.argmax()][None])[0]
    yield "spectral fit, h(x) and h(-x) alike", mean_psf(oriented(fit, torch.zeros_like(advantage), EVEN))
    yield "spectral fit, oriented by sparsity", fitted
    share = spectral_share(fit.usable)
    yield "both, as in `identify`", (1 - share) * learned + share * fitted
    for fixed in SHARES:
        yield f"both, share of the fit {fixed}", (1 - fixed) * learned + fixed * fitted
    yield "usable share of the spectrum", fit.usable


def _renormalised(cloud: Cloud, n: int) -> Cloud:
    return Cloud(cloud.theta[:n], cloud.weights[:n] / cloud.weights[:n].sum())


def _fit(evidence: Evidence, image: Tensor, noise: Tensor, guesses: Tensor) -> tuple[SpectralFit, Tensor]:
    views = prepare(image)
    variance = ((noise[:, :1] * views.mean + noise[:, 1:] ** 2) / views.std**2).item()
    periodogram = (evidence.periodogram[0] / evidence.counts[0]).clone()
    windows = int(evidence.counts[0])
    *_, fit = spectral_fit(periodogram, windows, variance, COARSE, AMPLITUDE, SCENES, guesses=guesses, starts=12)
    return fit, mirror_advantage(image[0, 0], variance, zernike_psf(fit.theta, COARSE))


def psfs_of(theta: Tensor) -> Tensor:
    """PSFs (..., k, k) of coefficients (..., 7), in the paper's setting."""
    return zernike_psf(theta, FINE)


def mean_psf(cloud: Cloud) -> Tensor:
    """Weighted mean of the PSFs of a cloud, (k, k)."""
    return (cloud.weights[:, None, None] * psfs_of(cloud.theta)).sum(0)


if __name__ == "__main__":
    main()
