"""Time and memory of blind deblurring, beside the paper's network with spatial-domain data steps.

Ours is the whole pipeline as `napari_deepblur.deblur` runs it, from the image in memory to the restored image: noise
estimate, identification, deblurring; only the reading of the weights is left out. The reference is the deblurring
network alone. Weights are random, which takes the same time as trained ones. All are timed in turns in one process, so
that whatever else the machine does disturbs them alike; peak memory is that of a fresh process that runs one once.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.reports.report import Cell, Origin, Report
from benchmarks.simulation.images import paper_family
from benchmarks.timing.spatial_reference import FIRST_STEPS, STEPS, SpatialReference
from napari_deepblur.errors import UndersamplingWarning
from napari_deepblur.io.weights import save_weights
from napari_deepblur.io.weights_folders import FOLDER_VARIABLE
from napari_deepblur.networks import deblurring, identification
from napari_deepblur.networks.deblurring import DeblurringNetwork
from napari_deepblur.networks.identification import IdentificationNetwork
from napari_deepblur.noise import sample_noise
from napari_deepblur.pipeline import DeblurSettings, deblur_steps
from napari_deepblur.progress import Progress
from napari_deepblur.training.scenes import draw_procedural

REFERENCE = "reference"
VARIANTS = (REFERENCE, "paper", "light")
CONFIGS = {
    "paper": (identification.PAPER, deblurring.PAPER),
    "light": (identification.LIGHT, deblurring.LIGHT),
}
_STAGES = ("noise", "identify", "deblur")

Image = NDArray[np.float32]
Stages = dict[str, float]


def blurred_image(size: int) -> Image:
    """Blur and spoil a procedural scene, in camera counts, shape (size, size)."""
    family = paper_family()
    generator = torch.Generator().manual_seed(0)
    # Scenes of more than this are tiled: they take long to draw, and time does not depend on them.
    side = min(size + family.psf_size - 1, 1054)
    drawn = draw_procedural(1, side, generator, torch.device("cpu"))
    repeats = -(-(size + family.psf_size - 1) // side)
    scene = drawn.repeat(1, 1, repeats, repeats)[..., : size + family.psf_size - 1, : size + family.psf_size - 1]
    blurred = family.linear_operator(torch.from_numpy(family.sample(1, 0)), (size, size)).forward(scene)
    noisy = sample_noise(blurred, torch.tensor([0.001]), torch.tensor([0.003]), generator)
    image: Image = (100 + 4000 * noisy[0, 0]).numpy()
    return image


def prepare(variant: str, size: int, device: torch.device) -> Callable[[], Stages]:
    """Prepare one of `VARIANTS` for an image of that size; the call returns the seconds of each stage."""
    image = blurred_image(size)
    return _reference_run(image, device) if variant == REFERENCE else _pipeline_run(image, variant, device)


def _reference_run(image: Image, device: torch.device) -> Callable[[], Stages]:
    torch.manual_seed(0)
    family = paper_family()
    network = SpatialReference(family.psf_tensor(torch.from_numpy(family.sample(1, 0)[0])).to(device))
    unit = torch.from_numpy((image - image.min()) / (image.max() - image.min()))[None, None]

    def run() -> Stages:
        start = time.perf_counter()
        with torch.inference_mode():
            network.restore(unit.to(device), (0.001, 0.003)).cpu()
        return {"deblur": time.perf_counter() - start}

    return run


def _pipeline_run(image: Image, size: str, device: torch.device) -> Callable[[], Stages]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndersamplingWarning)
        settings = DeblurSettings(device=str(device), size=size)

    def run() -> Stages:
        stages: Stages = {}
        steps = (step for step in deblur_steps(image, settings) if isinstance(step, Progress))
        # The weights are read before the first step.
        stage = next(steps).stage
        before = time.perf_counter()
        while stage:
            following = next(steps, None)
            now = time.perf_counter()
            stages[stage] = stages.get(stage, 0.0) + now - before
            stage, before = following.stage if following else "", now
        return stages

    return run


@contextmanager
def random_weights() -> Iterator[None]:
    """Let the pipeline find untrained weights of both sizes."""
    previous = os.environ.get(FOLDER_VARIABLE)
    with tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(0)
        for size, (encoder, unrolled) in CONFIGS.items():
            save_weights(Path(folder) / f"identification-{size}.safetensors", IdentificationNetwork(encoder), {})
            save_weights(Path(folder) / f"deblurring-{size}.safetensors", DeblurringNetwork(unrolled), {})
        os.environ[FOLDER_VARIABLE] = folder
        try:
            yield
        finally:
            if previous is None:
                del os.environ[FOLDER_VARIABLE]
            else:
                os.environ[FOLDER_VARIABLE] = previous


def peak_memory_mb(variant: str, size: int, device: torch.device) -> float | None:
    """Peak memory of a fresh process that runs a variant once: on a GPU that of torch's tensors, else all of it."""
    module = "benchmarks.timing.peak_memory"
    command = [sys.executable, "-m", module, variant, str(size), str(device), str(torch.get_num_threads())]
    # `-m` finds the benchmarks in the folder that it is started in.
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, check=False, capture_output=True, text=True)
    return float(done.stdout.split()[-1]) if done.returncode == 0 and done.stdout.split() else None


def measure_speed(
    sizes: Sequence[int],
    repeats: int,
    largest_reference: int,
    device: torch.device,
    origin: Origin,
    variants: Sequence[str] = VARIANTS,
) -> Report:
    """Time all variants in turns, after one warm-up each, and measure their memory.

    Parameters
    ----------
    sizes
        Sides of the images in pixels.
    repeats
        Timed runs of each variant.
    largest_reference
        Side beyond which the reference is left out.
    device
        Where to compute.
    origin
        Where the numbers come from.
    variants
        Some of `VARIANTS`.

    Returns
    -------
    Report
        A row for each size and variant, with medians; all times in the details.
    """
    start = time.perf_counter()
    rows: list[dict[str, Cell]] = []
    details: dict[str, Any] = {}
    with random_weights():
        for size in sizes:
            chosen = [v for v in variants if v != REFERENCE or size <= largest_reference]
            memory = {variant: peak_memory_mb(variant, size, device) for variant in chosen}
            runs = {variant: prepare(variant, size, device) for variant in chosen}
            rounds: dict[str, list[Stages]] = {variant: [] for variant in chosen}
            for turn in tqdm(range(repeats + 1), desc=f"{size} pixels", unit="round"):
                for variant, run in runs.items():
                    stages = run()
                    if turn:
                        rounds[variant].append(stages)
            details[str(size)] = {name: [_rounded(stages) for stages in done] for name, done in rounds.items()}
            rows += _rows(size, rounds, memory)
    notes = (
        f"Reference: four DRUNet passes of the paper's size in float32, conjugate gradient with conv2d and "
        f"conv_transpose2d of a 31 x 31 PSF, {FIRST_STEPS} steps and then {STEPS}; without identification. Ours: noise "
        "estimate, identification and deblurring, in the precision and the tiles that the pipeline chooses.",
        f"Random weights. Medians of {repeats} runs in turns in one process, after a warm-up. Peak memory of a fresh "
        "process, interpreter and libraries included, or of the tensors on a GPU.",
    )
    title = "Time and memory against the size of the image"
    return Report("speed", title, origin, time.perf_counter() - start, tuple(rows), notes, {"seconds": details})


def _rows(size: int, rounds: dict[str, list[Stages]], memory: dict[str, float | None]) -> list[dict[str, Cell]]:
    totals = {name: statistics.median(sum(stages.values()) for stages in done) for name, done in rounds.items()}
    rows = []
    for name, done in rounds.items():
        row: dict[str, Cell] = {"side (pixels)": size, "variant": name, "seconds": totals[name]}
        for stage in _STAGES:
            row[stage] = statistics.median(stages[stage] for stages in done) if stage in done[0] else None
        compared = name != REFERENCE and REFERENCE in totals
        row["times faster"] = totals[REFERENCE] / totals[name] if compared else None
        peak = memory[name]
        row["peak memory (MB)"] = None if peak is None else round(peak)
        rows.append(row)
    return rows


def _rounded(stages: Stages) -> Stages:
    return {stage: round(seconds, 4) for stage, seconds in stages.items()}
