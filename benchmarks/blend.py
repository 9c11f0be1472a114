"""How much to trust the spectral fit beside the network: the table behind `pipeline.posterior.spectral_share`.

    python benchmarks/blend.py --data FOLDER [--images 24]

FOLDER is the training folder; its *training* split is read, because constants are chosen here. Prints, for each noise
level, the usable share of the spectrum and the PSF SNR (dB) of mixtures with growing weight of the fit, and writes
benchmarks/results/blend.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from napari_deepblur.io.weights import load_identification
from napari_deepblur.networks.identification import REFERENCE_PSF_SIZE, reference_cutoff
from napari_deepblur.networks.statistics import prepare, sum_of_periodograms
from napari_deepblur.optics import is_even, psf_model, psf_snr, zernike_psf
from napari_deepblur.pipeline.orientation import mirror_advantage
from napari_deepblur.pipeline.posterior import oriented
from napari_deepblur.pipeline.spectral_fit import spectral_fit
from napari_deepblur.training.batches import SceneSource, degrade
from napari_deepblur.training.losses import mean_psf
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
SHARES = (0.0, 0.3, 0.5, 0.7, 0.85, 1.0)


def main() -> None:
    """Print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--images", type=int, default=24)
    arguments = parser.parse_args()
    bank = torch.from_numpy(load_bank(arguments.data, "train", 448, 0.2, 5))
    network = load_identification()
    optics = psf_model(reference_cutoff(), MODES, REFERENCE_PSF_SIZE)
    coarse = psf_model(reference_cutoff(), MODES, REFERENCE_PSF_SIZE, coarse=True)
    whole = psf_model(reference_cutoff(), network.config.modes, REFERENCE_PSF_SIZE)
    even = torch.tensor([is_even(j) for j in MODES])
    generator = torch.Generator().manual_seed(5)
    count = arguments.images
    scene = SceneSource(bank, 0.1).draw(count, 430, generator)
    theta = AMPLITUDE * (2 * torch.rand(count, len(MODES), generator=generator) - 1)
    bound = torch.tensor([[AMPLITUDE if j in MODES else 0.0 for j in network.config.modes]])
    lines = ["| noise | usable | " + " | ".join(f"share {share}" for share in SHARES) + " |", "|---" * 8 + "|"]
    print("\n".join(lines))
    for name, level in LEVELS.items():
        bounds = torch.full_like(theta, AMPLITUDE)
        batch = degrade(scene, theta, bounds, torch.tensor(level).expand(count, 2), optics, generator)
        snrs, usable = [], []
        for index in range(count):
            image, noise = batch.image[index : index + 1], batch.noise[index : index + 1]
            views = prepare(image)
            with torch.inference_mode():
                learned = mean_psf(network(image, noise, bound), whole)[0]
            periodogram, windows = sum_of_periodograms(views.pixels[:, :1])
            variance = ((noise[:, :1] * views.mean + noise[:, 1:] ** 2) / views.std**2).item()
            *_, fit = spectral_fit(periodogram[0] / windows, variance, coarse, AMPLITUDE)
            cloud = oriented(fit, mirror_advantage(image[0, 0], variance, zernike_psf(fit.theta, coarse)), even)
            fitted = (cloud.weights[:, None, None] * zernike_psf(cloud.theta, optics)).sum(0)
            mixed = torch.stack([(1 - share) * learned + share * fitted for share in SHARES])
            snrs.append(psf_snr(batch.psf[index], mixed))
            usable.append(fit.usable)
        means = torch.stack(snrs).mean(0).tolist()
        lines.append(f"| {name} | {sum(usable) / count:.2f} | " + " | ".join(f"{value:.2f}" for value in means) + " |")
        print(lines[-1], flush=True)
    results = Path(__file__).parent / "results" / "blend.md"
    command = f"`python benchmarks/blend.py --data FOLDER --images {count}`: PSF SNR in dB, training split."
    results.write_text(f"# Weight of the spectral fit\n\n{command}\n\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
