"""Whether `theta_std` says how wrong `theta` is: the share of true coefficients within one and two of it."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from torch import Tensor
from tqdm import tqdm

from benchmarks.identification.identified import identify_images
from benchmarks.identification.sweeps import Sweep
from benchmarks.reports.report import Origin, Report, Row
from benchmarks.simulation.images import PAPER_SIDE, blur_and_spoil, draw_test_scenes, seed_of
from napari_deepblur.training.identification import NOISE_LEVELS


def measure_calibration(
    sweep: Sweep, origin: Origin, levels: Sequence[str] = tuple(NOISE_LEVELS), side: int = PAPER_SIDE
) -> Report:
    """Compare errors of the coefficients with the standard deviations that were given with them.

    Parameters
    ----------
    sweep
        Test images and what identifies.
    origin
        Where the numbers come from.
    levels
        Keys of `NOISE_LEVELS`.
    side
        Side of the images in pixels.

    Returns
    -------
    Report
        One row for each noise level; the share for each mode in the details.
    """
    start = time.perf_counter()
    family = sweep.identifier.family
    scenes = draw_test_scenes(sweep.folder, sweep.images, side + family.psf_size - 1, sweep.seed)
    theta = family.sample(sweep.images, seed_of(sweep.seed, "kernels"))
    even = torch.from_numpy(family.even_modes)
    rows: list[Row] = []
    details = {}
    with tqdm(total=len(levels) * sweep.images, desc="Calibration", unit="image") as bar:
        for level in levels:
            noise = NOISE_LEVELS[level]
            batch = blur_and_spoil(scenes.pixels, theta, family, noise, seed_of(sweep.seed, "noise"))
            found = identify_images(batch.image, sweep.identifier, bar=bar)
            errors = error_modulo_sign(found.theta, batch.theta, even)
            one, two = (errors.abs() <= n * found.theta_std for n in (1, 2))
            rows.append(
                {
                    "noise": level,
                    "within one std (%)": 100 * float(one.float().mean()),
                    "within two std (%)": 100 * float(two.float().mean()),
                    "RMS error (waves)": float(errors.square().mean().sqrt()),
                    "RMS std (waves)": float(found.theta_std.square().mean().sqrt()),
                    "median error (waves)": float(errors.abs().median()),
                    "median std (waves)": float(found.theta_std.median()),
                }
            )
            details[level] = {
                name: {"within one std": round(float(a), 3), "within two std": round(float(b), 3)}
                for name, a, b in zip(family.parameter_names, one.float().mean(0), two.float().mean(0), strict=True)
            }
    notes = (
        f"{sweep.images} images of {side} x {side} pixels, {theta.size} coefficients at each level.",
        "Gaussian errors lie within one standard deviation in 68 %, within two in 95 % of all cases.",
        "The even modes are compared with whichever joint sign is nearer: one image does not tell it.",
    )
    title = "Calibration of theta_std"
    return Report("identification-calibration", title, origin, time.perf_counter() - start, tuple(rows), notes, details)


def error_modulo_sign(estimated: Tensor, true: Tensor, even: Tensor) -> Tensor:
    """Errors (N, K) of coefficients, with the even modes of each estimate flipped together where that is nearer.

    Parameters
    ----------
    estimated, true
        Coefficients, shape (N, K).
    even
        Mask (K,) of the even modes.
    """
    straight = estimated - true
    flipped = torch.where(even, -estimated, estimated) - true
    nearer = flipped.square().sum(1, keepdim=True) < straight.square().sum(1, keepdim=True)
    return torch.where(nearer, flipped, straight)
