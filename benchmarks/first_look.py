"""How well the shipped networks identify and restore images that training never saw.

    python benchmarks/first_look.py --data FOLDER [--images 40]

FOLDER is the training folder: only its validation split, fixed by file name, is read. Paper setting: NA 1.41, 0.540 um,
n 1.51, 0.100 um, Noll 4-10, coefficients uniform in +-0.15 waves, images 400 x 400. Writes
benchmarks/results/first_look.{json,md}.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from skimage.metrics import structural_similarity

from napari_deepblur.errors import UndersamplingWarning
from napari_deepblur.io.weights import describe_weights, find_weights, load_deblurring, load_identification
from napari_deepblur.networks.identification import REFERENCE_PSF_SIZE, reference_cutoff
from napari_deepblur.operators import ConvolutionOperator, ZernikeFamily
from napari_deepblur.optics import Microscope, psf_model, psf_snr
from napari_deepblur.pipeline import identify
from napari_deepblur.pipeline.devices import inference_precision
from napari_deepblur.training.batches import Batch, SceneSource, degrade
from napari_deepblur.training.identification import NOISE_LEVELS
from napari_deepblur.training.losses import mean_psf
from napari_deepblur.training.pool import load_bank

RESULTS = Path(__file__).parent / "results"
SEED, SIDE, BORDER = 2026, 400, REFERENCE_PSF_SIZE // 2
CPU = torch.device("cpu")


def main() -> None:
    """Run the benchmark and write its tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="training folder; only its validation split is read")
    parser.add_argument("--images", type=int, default=40)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", UndersamplingWarning)
    family = ZernikeFamily(Microscope(), modes=range(4, 11))
    bank = torch.from_numpy(load_bank(arguments.data, "validation", 448, 2, SEED))
    rows = []
    for name, batch in make_images(bank, family, arguments.images).items():
        rows.append({"noise": name, **evaluate(batch, family)})
        print(rows[-1], flush=True)
    weights = {kind: describe_weights(find_weights(kind)) for kind in ("identification", "deblurring")}
    facts = {
        "command": f"python benchmarks/first_look.py --data FOLDER --images {arguments.images}",
        "date": datetime.date.today().isoformat(),
        "commit": subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout[:7],
        "seed": SEED,
        "device": "cpu",
        "weights": {kind: loaded.sha256 for kind, loaded in weights.items()},
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "first_look.json").write_text(json.dumps({**facts, "rows": rows}, indent=2) + "\n")
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += ["| " + " | ".join(v if isinstance(v, str) else f"{v:.3f}" for v in row.values()) + " |" for row in rows]
    header = "\n".join(f"- {key}: {value}" for key, value in facts.items())
    (RESULTS / "first_look.md").write_text(f"# First look\n\n{header}\n\n" + "\n".join(lines) + "\n")


def make_images(bank: torch.Tensor, family: ZernikeFamily, count: int) -> dict[str, Batch]:
    """Blur and spoil the same scenes with the same PSFs at each noise level."""
    optics = psf_model(reference_cutoff(), family.modes, REFERENCE_PSF_SIZE)
    generator = torch.Generator().manual_seed(SEED)
    scene = SceneSource(bank, 0.0).draw(count, SIDE + REFERENCE_PSF_SIZE - 1, generator)
    theta = torch.from_numpy(family.sample(count, SEED))
    amplitude = torch.full_like(theta, family.max_amplitude)
    return {
        name: degrade(scene, theta, amplitude, torch.tensor(level).expand(count, 2), optics, generator)
        for name, level in NOISE_LEVELS.items()
    }


def evaluate(batch: Batch, family: ZernikeFamily) -> dict[str, float]:
    """One row: PSF SNR in decibels, then SSIM of blurred and restored images."""
    identification, deblurring = load_identification(), load_deblurring()
    count = len(batch.image)
    average = batch.psf.mean(0)
    psfs, network_psfs, inside, seconds = [], [], [], 0.0
    amplitude = torch.zeros(1, len(identification.config.modes))
    amplitude[0, [identification.config.modes.index(j) for j in family.modes]] = family.max_amplitude
    optics = psf_model(reference_cutoff(), identification.config.modes, REFERENCE_PSF_SIZE)
    even = torch.from_numpy(family.even_modes)
    for index in range(count):
        start = time.perf_counter()
        # The noise is known to neither: this is what a user gets.
        found = identify(batch.image[index, 0].numpy(), family)
        seconds += time.perf_counter() - start
        psfs.append(torch.from_numpy(found.psf))
        theta, std = torch.from_numpy(found.theta), torch.from_numpy(found.theta_std)
        flipped = torch.where(even, -theta, theta)
        nearer = min((theta, flipped), key=lambda t: float((t - batch.theta[index]).square().sum()))
        inside.append(((nearer - batch.theta[index]).abs() < std).float().mean().item())
        with torch.inference_mode(), inference_precision(CPU):
            prediction = identification(batch.image[index : index + 1], batch.noise[index : index + 1], amplitude)
        network_psfs.append(mean_psf(prediction, optics)[0])
    row = {
        "mean PSF (dB)": psf_snr(batch.psf, average).mean().item(),
        "network alone (dB)": psf_snr(batch.psf, torch.stack(network_psfs)).mean().item(),
        "identify (dB)": psf_snr(batch.psf, torch.stack(psfs)).mean().item(),
        "worst tenth (dB)": psf_snr(batch.psf, torch.stack(psfs)).quantile(0.1).item(),
        "theta within 1 std": float(np.mean(inside)),
        "s per identification": seconds / count,
        "SSIM blurred": ssim(batch.image, batch),
    }
    for label, kernel in (
        ("restored", torch.stack(psfs)),
        ("mean PSF", average.expand_as(batch.psf)),
        ("true PSF", batch.psf),
    ):
        restored = []
        for index in range(count):
            operator = ConvolutionOperator(kernel[index][None, None], (SIDE, SIDE))
            with torch.inference_mode(), inference_precision(CPU):
                restored.append(deblurring(batch.image[index : index + 1], operator, batch.noise[index : index + 1]))
        row[f"SSIM {label}"] = ssim(torch.cat(restored), batch)
    return row


def ssim(images: torch.Tensor, batch: Batch) -> float:
    """Mean SSIM against the sharp scenes, for a peak of one."""
    sharp = batch.scene[..., BORDER:-BORDER, BORDER:-BORDER]
    pairs = zip(images[:, 0].float().numpy(), sharp[:, 0].numpy(), strict=True)
    return float(np.mean([structural_similarity(a, b, data_range=1.0) for a, b in pairs]))


if __name__ == "__main__":
    main()
