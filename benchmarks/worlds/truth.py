"""Whether restored images hold structures that are not there: their power beside the truth's, ring by ring."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from benchmarks.reports.report import Cell, Origin, Report
from benchmarks.simulation.camera import expose
from benchmarks.simulation.field_sample import field_sample
from benchmarks.simulation.images import draw_test_scenes, seed_of
from benchmarks.simulation.worlds import NOISES, World, light_world
from benchmarks.worlds.bands import BANDS, DOUBTFUL, LARGEST_RATIO, Rings, measure_rings, total
from benchmarks.worlds.estimates import Machine, progress
from benchmarks.worlds.light import Task
from benchmarks.worlds.restored import BLIND, BLURRED, CLASSICAL, METHODS, TRUE, Image, restore_everyhow
from napari_deepblur import deblur

FIELD = "field sample"


def run_truth(
    task: Task, origin: Origin, worlds: Sequence[str] = ("oil",), with_field: bool = True, name: str = ""
) -> Report:
    """Measure rings of every method, on held-out images of each world and noise level and on the field sample.

    Parameters
    ----------
    task
        What is measured; each image has a PSF of its own.
    origin
        Where the numbers come from.
    worlds
        Keys of `LIGHT_WORLDS`.
    with_field
        Whether to restore the field sample, too.
    name
        Added to the name of the files, for a part of the table.

    Returns
    -------
    Report
        A row for each sample and method; the rings of each image in the details.
    """
    start = time.perf_counter()
    rows: list[dict[str, Cell]] = []
    details: dict[str, object] = {}
    with progress("Truth", len(worlds) * len(task.noises) * task.images + with_field) as bar:
        for key in worlds:
            world = light_world(key)
            side = task.side + world.truth.psf_size - 1
            scenes = draw_test_scenes(task.folder, task.images, side, task.seed).pixels
            for noise in task.noises:
                rings: dict[str, list[Rings]] = {method: [] for method in METHODS}
                for index in range(task.images):
                    for method, one in _one_image(task, scenes[index : index + 1], world, noise, index).items():
                        rings[method].append(one)
                    bar.update(1)
                sample = f"{world.name}, {noise}"
                rows += [ring_row(sample, method, parts) for method, parts in rings.items()]
                details[sample] = {method: _numbers(parts) for method, parts in rings.items()}
        if with_field:
            field = rings_of_field(task.machine)
            rows += [ring_row(FIELD, method, [one]) for method, one in field.items()]
            details[FIELD] = {method: _numbers([one]) for method, one in field.items()}
            bar.update(1)
    levels = "; ".join(f"{level}: alpha {NOISES[level][0]:g}, beta {NOISES[level][1]:g}" for level in task.noises)
    notes = (
        f"{BANDS} rings of equal width up to 2 fc: power of the restored image over that of the truth, and in brackets "
        "their ring correlation. Power is summed over images, each in units of the truth's variance.",
        f"Worst ratio: the largest where the correlation is below {DOUBTFUL}; at most {LARGEST_RATIO} is asked for. "
        "Worst image: the same of the single images.",
        f"{task.images} images of {task.side} x {task.side} pixels, each with its own PSF (Noll 4-10, +-0.15 waves); "
        f"noise, estimated: {levels}.",
        "The classical methods have the PSF that was identified and the iterations and strength of `deblur`.",
        *((f"Field sample: {FIELD_WORDS}.",) if with_field else ()),
    )
    title = "Power of restored images over that of the truth"
    return Report(f"worlds-truth{name}", title, origin, time.perf_counter() - start, tuple(rows), notes, details)


FIELD_WORDS = "`simulated field` of napari's File menu, 512 x 512 pixels of the demonstration microscope, 1000 photons"


def _one_image(task: Task, scene: Tensor, world: World, noise: str, index: int) -> Mapping[str, Rings]:
    theta = world.draw(task.images, seed_of(task.seed, "kernels"))[index]
    psf = world.truth.psf_tensor(torch.from_numpy(theta))[None]
    generator = torch.Generator().manual_seed(seed_of(task.seed, "noise", index))
    exposed = expose(scene, psf, NOISES[noise], generator)
    family = world.assumed(world.truth.box)
    _, restored = restore_everyhow(exposed.image[0, 0].numpy(), family, theta, world, task.machine)
    limit = 2 * family.microscope.cutoff
    return {method: measure_rings(image, exposed.sharp[0, 0].numpy(), limit) for method, image in restored.items()}


def rings_of_field(machine: Machine) -> Mapping[str, Rings]:
    """Rings of the field sample: blind, with the true parameters, and by classical methods with those found."""
    sample = field_sample()
    blind = deblur(sample.image, "demonstration", device=machine.device, size=machine.size)
    found = blind.identification
    assert found is not None
    restored: dict[str, Image] = {BLURRED: sample.image, BLIND: blind.image}
    known = deblur(sample.image, "demonstration", sample.theta, found.noise, device=machine.device, size=machine.size)
    restored[TRUE] = known.image
    for name, method in CLASSICAL.items():
        result = deblur(sample.image, "demonstration", found.theta, found.noise, method, machine.device)
        restored[name] = result.image
    assert sample.family.microscope is not None
    limit = 2 * sample.family.microscope.cutoff
    return {method: measure_rings(image, sample.sharp, limit) for method, image in restored.items()}


def ring_row(sample: str, method: str, parts: list[Rings]) -> dict[str, Cell]:
    """One line of the table, from the rings of each image."""
    together = total(parts)
    bands = len(together.true)
    cells = {
        f"to {2 * (band + 1) / bands:g} fc": f"{ratio:.2f} ({agreement:.2f})"
        for band, (ratio, agreement) in enumerate(zip(together.ratio, together.correlation, strict=True))
    }
    worst = {"worst ratio": together.worst_ratio, "worst image": max(one.worst_ratio for one in parts)}
    return {"sample": sample, "method": method, **cells, **worst}


def _numbers(parts: list[Rings]) -> dict[str, list[list[float]]]:
    return {words: [np.round(getattr(one, words), 3).tolist() for one in parts] for words in ("ratio", "correlation")}
