"""Time and memory of blind deblurring, beside the same deblurring network with spatial-domain data steps.

    python benchmarks/speed.py --size 512

Ours is the whole pipeline as `napari_deepblur.deblur` runs it, from the image in memory to the restored image: noise
estimate, identification, deblurring; only the reading of the weights is left out. The reference is the deblurring
network of the paper as one writes it first, without identification: four DRUNet passes in float32, and conjugate
gradient, 10 steps at first and 5 an iteration, with torch's conv2d and its adjoint conv_transpose2d of a 31 x 31 PSF.
Weights are random, which takes the same time as trained ones. All are timed in turns in one process, so that whatever
else the machine does disturbs them alike; peak memory is that of a fresh process that does one of them once.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from napari_deepblur.errors import UndersamplingWarning
from napari_deepblur.io.weights import save_weights
from napari_deepblur.networks import deblurring, identification
from napari_deepblur.networks.deblurring import DeblurringNetwork
from napari_deepblur.networks.drunet import DRUNet
from napari_deepblur.networks.identification import IdentificationNetwork
from napari_deepblur.noise import sample_noise
from napari_deepblur.operators import ZernikeFamily
from napari_deepblur.optics import Microscope
from napari_deepblur.pipeline.deblur import deblur_steps
from napari_deepblur.pipeline.settings import DeblurSettings
from napari_deepblur.training.scenes import draw_procedural

Image = NDArray[np.float32]
Stages = dict[str, float]

FIRST_STEPS, STEPS = 10, 5
REGULARIZATION = 0.03
TARGETS = {"paper": 5, "light": 15}
"""How many times faster than the reference each size is meant to be."""
MEMORY_TARGET_MB = 1500
VARIANTS = ("reference", "paper", "light")
CONFIGS = {
    "paper": (identification.PAPER, deblurring.PAPER),
    "light": (identification.LIGHT, deblurring.LIGHT),
}


def test_image(family: ZernikeFamily, size: int) -> Image:
    """Blur and spoil a procedural scene, in camera counts."""
    generator = torch.Generator().manual_seed(0)
    scene = draw_procedural(1, size + family.psf_size - 1, generator, torch.device("cpu"))
    blurred = family.linear_operator(torch.from_numpy(family.sample(1, 0)), (size, size)).forward(scene)
    noisy = sample_noise(blurred, torch.tensor([0.001]), torch.tensor([0.003]), generator)
    return (100 + 4000 * noisy[0, 0]).numpy()


class SpatialReference:
    """Unrolled Douglas-Rachford in float32, with the blur as torch's spatial convolutions."""

    def __init__(self, psf: Tensor) -> None:
        config = deblurring.PAPER
        self.networks = [DRUNet(4, config.channels, config.blocks).eval() for _ in range(config.iterations)]
        # conv2d correlates: the PSF is turned round once.
        self.kernel = psf.flip(0, 1)[None, None].contiguous()

    def forward(self, scene: Tensor) -> Tensor:
        return F.conv2d(scene, self.kernel)

    def adjoint(self, image: Tensor) -> Tensor:
        return F.conv_transpose2d(image, self.kernel)

    def solve(self, right_side: Tensor, start: Tensor, steps: int) -> Tensor:
        def normal(x: Tensor) -> Tensor:
            return self.adjoint(self.forward(x)) + REGULARIZATION * x

        x, r = start, right_side - normal(start)
        p, rr = r, r.square().sum()
        for _ in range(steps):
            q = normal(p)
            alpha = rr / (p * q).sum()
            x, r = x + alpha * p, r - alpha * q
            rr, before = r.square().sum(), rr
            p = r + rr / before * p
        return x

    def restore(self, image: Tensor, noise: Tensor) -> Tensor:
        adjoint_image = self.adjoint(image)
        x = self.solve(adjoint_image, torch.zeros_like(adjoint_image), FIRST_STEPS)
        z = x
        for k, network in enumerate(self.networks):
            maps = [torch.full_like(x, value) for value in (*noise.tolist(), k / len(self.networks))]
            z = network(torch.cat((x, *maps), dim=1))
            if k + 1 < len(self.networks):
                anchor = 2 * z - x
                x = x - z + self.solve(adjoint_image + REGULARIZATION * anchor, anchor, STEPS)
        return z


def reference_run(image: Image, family: ZernikeFamily) -> Callable[[], Stages]:
    """Prepare the reference; the call returns its seconds."""
    torch.manual_seed(0)
    network = SpatialReference(family.psf_tensor(torch.from_numpy(family.sample(1, 0)[0])))
    unit = torch.from_numpy((image - image.min()) / (image.max() - image.min()))[None, None]

    def run() -> Stages:
        start = time.perf_counter()
        with torch.inference_mode():
            network.restore(unit, torch.tensor([0.001, 0.003]))
        return {"deblur": time.perf_counter() - start}

    return run


def pipeline_run(image: Image, family: ZernikeFamily, size: str) -> Callable[[], Stages]:
    """Prepare the pipeline with the networks of `size`; the call returns the seconds of each stage."""
    settings = DeblurSettings(microscope=family.microscope, device="cpu", size=size)

    def run() -> Stages:
        stages: Stages = {}
        steps = deblur_steps(image, settings)
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


def prepare(variant: str, size: int) -> Callable[[], Stages]:
    """Prepare one of `VARIANTS` for an image of that size."""
    with warnings.catch_warnings():
        # The paper's own setting is slightly under-sampled.
        warnings.simplefilter("ignore", UndersamplingWarning)
        family = ZernikeFamily(Microscope())
    image = test_image(family, size)
    return reference_run(image, family) if variant == "reference" else pipeline_run(image, family, variant)


def write_random_weights(folder: Path) -> None:
    """Write weights files of both sizes, for the pipeline to find."""
    torch.manual_seed(0)
    for size, (encoder, unrolled) in CONFIGS.items():
        save_weights(folder / f"identification-{size}.safetensors", IdentificationNetwork(encoder), {})
        save_weights(folder / f"deblurring-{size}.safetensors", DeblurringNetwork(unrolled), {})


def peak_memory_mb(variant: str, size: int) -> float:
    """Peak resident memory of a fresh process that runs a variant once, interpreter and libraries included."""
    command = [sys.executable, __file__, "--size", str(size), "--only", variant]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def measure(size: int, repeats: int) -> dict[str, Any]:
    """Time all variants in turns, after one warm-up each, and measure their memory."""
    memory = {variant: peak_memory_mb(variant, size) for variant in VARIANTS}
    runs = {variant: prepare(variant, size) for variant in VARIANTS}
    rounds: dict[str, list[Stages]] = {variant: [] for variant in VARIANTS}
    for turn in range(repeats + 1):
        for variant, run in runs.items():
            stages = run()
            print(f"round {turn}, {variant}: {sum(stages.values()):.2f} s", flush=True)
            if turn:
                rounds[variant].append(stages)
    totals = {variant: [sum(stages.values()) for stages in done] for variant, done in rounds.items()}
    medians = {variant: statistics.median(values) for variant, values in totals.items()}
    return {
        "size": size,
        "repeats": repeats,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "processor": processor(),
        "commit": commit(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "seconds": {variant: [round(value, 3) for value in values] for variant, values in totals.items()},
        "median_seconds": {variant: round(value, 3) for variant, value in medians.items()},
        "median_stage_seconds": {
            variant: {name: round(statistics.median(stages[name] for stages in done), 3) for name in done[0]}
            for variant, done in rounds.items()
        },
        "times_faster": {variant: round(medians["reference"] / medians[variant], 2) for variant in TARGETS},
        "peak_memory_mb": {variant: round(value) for variant, value in memory.items()},
    }


def processor() -> str:
    """Name of the processor, with the instructions that matter here."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    name = next((line.split(":")[1].strip() for line in text.splitlines() if line.startswith("model name")), "unknown")
    return f"{name}, {'with' if 'avx512_bf16' in text or 'amx_bf16' in text else 'without'} bfloat16 instructions"


def commit() -> str:
    """Short hash of the commit, or ``unknown`` outside a repository."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    found = subprocess.run(command, check=False, capture_output=True, text=True)
    return found.stdout.strip() or "unknown"


def as_markdown(found: dict[str, Any]) -> str:
    """Table and verdict."""
    lines = [
        f"# Speed, {found['size']} x {found['size']} pixels",
        "",
        f"`python benchmarks/speed.py --size {found['size']} --repeats {found['repeats']}`, commit {found['commit']}, "
        f"{found['date']}, {found['processor']}, {found['threads']} threads, torch {found['torch']}.",
        "",
        "The reference: four DRUNet passes of the paper's size in float32, conjugate gradient with conv2d and",
        f"conv_transpose2d, {FIRST_STEPS} steps and then {STEPS}. Ours: noise estimate, identification and deblurring.",
        "Random weights. Medians of runs in turns, on a machine that was not quiet.",
        "",
        "| | seconds | noise | identify | deblur | times faster | target | peak memory (MB) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for variant in VARIANTS:
        stages = found["median_stage_seconds"][variant]
        cells = [f"{stages[name]:.2f}" if name in stages else "" for name in ("noise", "identify", "deblur")]
        faster = f"{found['times_faster'][variant]:.1f}" if variant in TARGETS else ""
        target = f"{TARGETS[variant]}" if variant in TARGETS else ""
        row = [variant, f"{found['median_seconds'][variant]:.2f}", *cells, faster, target]
        lines.append("| " + " | ".join([*row, str(found["peak_memory_mb"][variant])]) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=512, help="side of the image in pixels")
    parser.add_argument("--repeats", type=int, default=5, help="timed runs of each variant")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results", help="folder of the tables")
    parser.add_argument("--only", choices=VARIANTS, help="run one variant once and print its peak memory in MB")
    arguments = parser.parse_args()
    if arguments.only:
        prepare(arguments.only, arguments.size)()
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_DEEPBLUR_WEIGHTS"] = folder
        write_random_weights(Path(folder))
        found = measure(arguments.size, arguments.repeats)
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "speed.json").write_text(json.dumps(found, indent=2) + "\n")
    (arguments.output / "speed.md").write_text(as_markdown(found))
    print(as_markdown(found))


if __name__ == "__main__":
    main()
