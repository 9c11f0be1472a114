"""Blurs that vary over the field, identified and removed (Fig. 10 of the paper), for a family of measured PSFs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import skimage.data
import torch
from numpy.typing import NDArray
from skimage.color import rgb2gray
from torch import Tensor
from tqdm import tqdm

from napari_deepblur.benchmark.blurs import Observed
from napari_deepblur.benchmark.identified import run_through
from napari_deepblur.benchmark.images import draw_test_scenes, seed_of
from napari_deepblur.benchmark.patchwise import restore_patchwise
from napari_deepblur.benchmark.report import Cell, Origin, Report
from napari_deepblur.benchmark.restored import Image, Scores, restore, score
from napari_deepblur.benchmark.tuning import Choice, tune
from napari_deepblur.networks.trunk import Trunk
from napari_deepblur.noise import PoissonGaussianNoise, sample_noise
from napari_deepblur.operators.families.local_coordinates import MeasuredFamily
from napari_deepblur.pipeline import identify_steps
from napari_deepblur.pipeline.blur import Blur, ConvolutionBlur, FamilyBlur
from napari_deepblur.pipeline.restorers import NetworkRestorer
from napari_deepblur.training.gray_images import read_gray
from napari_deepblur.training.pool import Pool, open_pool

NOISE = (0.001, 0.003)
"""alpha and beta: medium noise, a thousand photons at the peak."""

IMAGES = (
    "micro_cellprofiler_examples/Fly_01_POS002_D.png",
    "micro_neubias/xy_8bit__nuclei_PLK1_control.png",
    "micro_dsb2018/2dec81a678ddcac2.png",
    "scikit-image cell",
    "scikit-image immunohistochemistry",
    "scikit-image retina",
)
"""Biological images that training never reads: of the validation split, and of scikit-image."""

NOISY = ("micro_neubias/xyc_8bit__tub_h2b_cecog_battery_c1_y0x0.png", "micro_dsb2018/1400420310c90943.png")
"""Two more, whose own noise is over a tenth of their contrast: what would be right there is not known."""

TUNING = ("micro_cellprofiler_examples", "micro_dsb2018", "micro_neubias", "natural_clic2025")
"""Folders of the training split that give an image each to tune on."""

ADAPTED, AT_ONCE, MEAN, TRUE = "ours, adapted", "ours, at once", "mean of the family", "true"
"""Where the parameters are from."""

_POINTS = 2
"""Rows and columns of the impulse responses that are compared."""


class FieldTask(NamedTuple):
    """What is measured.

    Attributes
    ----------
    folder
        The training folder, whose validation split is read.
    family
        With observed parameters and a field.
    networks
        Identification networks by the source that their parameters count as; `ADAPTED` may be missing.
    restorer
        The deblurring network.
    device
        Where to compute.
    seed
        Of operators and noise.
    identified
        Test images whose blur is only identified, for a kernel SNR that does not depend on six images.
    """

    folder: Path
    family: MeasuredFamily
    networks: Mapping[str, Trunk | None]
    restorer: NetworkRestorer
    device: torch.device
    seed: int
    identified: int = 40


class FieldCase(NamedTuple):
    """One image, and what became of it.

    Attributes
    ----------
    name
        Of the image.
    observed, sharp
        Blurred image and sharp scene, shape (H, W).
    psfs
        Impulse responses by where they are from, each (P, k, k).
    snr
        Kernel SNR in decibels by where the parameters are from, mean over the places.
    restored
        Restored images by method and source of the parameters.
    scores
        Their scores; (``"blurred"``, ``""``) for the image as it is.
    seconds
        Of each.
    """

    name: str
    observed: Image
    sharp: Image
    psfs: Mapping[str, NDArray[np.float32]]
    snr: Mapping[str, float]
    restored: Mapping[tuple[str, str], Image]
    scores: Mapping[tuple[str, str], Scores]
    seconds: Mapping[tuple[str, str], float]


def run_field(task: FieldTask, origin: Origin) -> tuple[list[FieldCase], Report]:
    """Identify and restore the images; a row for each method, with the SSIM of each image."""
    start = time.perf_counter()
    choice = tune_on_training(task)
    names = (*IMAGES, *NOISY)
    thetas = task.family.sample(len(names), seed_of(task.seed, "operators"))
    pairs = list(zip(names, thetas, strict=True))
    cases = [restore_case(task, name, theta, choice) for name, theta in tqdm(pairs, unit="image")]
    many = identify_many(task)
    return cases, report_field(cases, many, choice, task, origin, time.perf_counter() - start)


def identify_many(task: FieldTask) -> dict[str, list[float]]:
    """Kernel SNR (dB) of test images of every kind, by where the parameters are from."""
    shape = task.family.field_shape or (512, 512)
    side = max(shape) + task.family.psf_size - 1
    scenes = draw_test_scenes(task.folder, task.identified, side, seed_of(task.seed, "many")).pixels
    thetas = task.family.sample(task.identified, seed_of(task.seed, "many operators"))
    mean, points = task.family.sample(2000, 1).mean(0), even_points(shape)
    found: dict[str, list[float]] = {source: [] for source in (*task.networks, MEAN)}
    for index, theta in enumerate(tqdm(thetas, desc="Identifying", unit="image")):
        image, _ = blur_field(task, scenes[index : index + 1], theta, f"many {index}")
        guesses = {MEAN: mean}
        for source, network in task.networks.items():
            guesses[source] = run_through(identify_steps(image, task.family, None, task.device, network)).theta
        true = task.family.psf(theta, points)
        for source, guess in guesses.items():
            found[source].append(float(decibels(true, task.family.psf(guess, points)).mean()))
    return found


def field_scene(folder: Path, name: str, shape: tuple[int, int]) -> Tensor:
    """Middle of an image as a scene in [0, 1], shape (1, 1, *shape); mirrored where the image is smaller."""
    if name.startswith("scikit-image "):
        picture = getattr(skimage.data, name.split()[1])()
        gray = rgb2gray(picture) if picture.ndim == 3 else picture / 255
    else:
        gray = read_gray(open_pool(folder).folder / name) / 255
    missing = [max(n - side, 0) for n, side in zip(shape, gray.shape, strict=True)]
    gray = np.pad(gray, [(m // 2, m - m // 2) for m in missing], mode="symmetric")
    top, left = ((side - n) // 2 for side, n in zip(gray.shape, shape, strict=True))
    cut = gray[top : top + shape[0], left : left + shape[1]].astype(np.float32)
    return torch.from_numpy(np.ascontiguousarray(cut))[None, None]


def observe_field(task: FieldTask, name: str, theta: NDArray[np.float32]) -> tuple[Image, Image]:
    """Blur a scene over the whole field, and spoil it; returns image and sharp scene, the image's peak being one."""
    field = task.family.field_shape or (512, 512)
    grow = task.family.psf_size - 1
    return blur_field(task, field_scene(task.folder, name, (field[0] + grow, field[1] + grow)), theta, name)


def blur_field(task: FieldTask, scene: Tensor, theta: NDArray[np.float32], name: str) -> tuple[Image, Image]:
    """Blur a scene (1, 1, H + k - 1, W + k - 1) over the field; returns image and sharp scene as `observe_field`."""
    border = task.family.psf_size // 2
    field = scene.shape[-2] - 2 * border, scene.shape[-1] - 2 * border
    blurred = task.family.linear_operator(torch.from_numpy(theta)[None], field).forward(scene)
    gain = 1 / blurred.max()
    generator = torch.Generator().manual_seed(seed_of(task.seed, "noise", name))
    image = sample_noise(gain * blurred, torch.tensor([NOISE[0]]), torch.tensor([NOISE[1]]), generator)
    sharp = (gain * scene)[0, 0, border:-border, border:-border]
    return image[0, 0].numpy(), sharp.numpy()


def tune_on_training(task: FieldTask) -> Choice:
    """Choose iterations and strength of Richardson-Lucy on images of the training split, with their true operators."""
    pool = open_pool(task.folder)
    # The first of each folder that covers the field.
    names = [next(iter(found)) for folder in TUNING if (found := _large(pool, folder, task.family.field_shape))]
    thetas = task.family.sample(len(names), seed_of(task.seed, "tuning"))
    examples = []
    for name, theta in zip(names, thetas, strict=True):
        image, sharp = observe_field(task, name, theta)
        blurs = {TRUE: FamilyBlur(task.family, torch.from_numpy(theta))}
        true = torch.from_numpy(task.family.psf(theta))
        examples.append(Observed(image, sharp, true, PoissonGaussianNoise(*NOISE), blurs, {TRUE: 0.0}))
    return tune("richardson-lucy", TRUE, examples, task.device)


def _large(pool: Pool, folder: str, shape: tuple[int, int] | None) -> list[str]:
    names = [name for name in pool.split("train") if name.startswith(folder)]
    least = 0 if shape is None else 0.9 * min(shape)
    return next(([name] for name in names if min(read_gray(pool.folder / name).shape) >= least), [])


def restore_case(task: FieldTask, name: str, theta: NDArray[np.float32], choice: Choice) -> FieldCase:
    """Identify one image, and restore it with every method."""
    family, device = task.family, task.device
    image, sharp = observe_field(task, name, theta)
    points = even_points((image.shape[0], image.shape[1]))
    parameters: dict[str, NDArray[np.float32]] = {TRUE: theta, MEAN: family.sample(2000, 1).mean(0)}
    blurs: dict[str, Blur] = {
        TRUE: FamilyBlur(family, torch.from_numpy(theta)),
        MEAN: average_of_family(family),
    }
    noise = PoissonGaussianNoise(*NOISE)
    for source, network in task.networks.items():
        found = run_through(identify_steps(image, family, None, device, network))
        parameters[source], noise = found.theta, found.noise
        blurs[source] = FamilyBlur(family, torch.from_numpy(found.theta), float(found.psf_spread.mean()))
    psfs = {source: family.psf(values, points) for source, values in parameters.items()}
    restored: dict[tuple[str, str], Image] = {("blurred", ""): image}
    seconds: dict[tuple[str, str], float] = {}
    for source, blur in blurs.items():
        restored["network", source], seconds["network", source] = restore(image, blur, noise, task.restorer, device)
    best = next(iter(task.networks))
    for source in (best, TRUE):
        solver = choice.restorer()
        restored["Richardson-Lucy", source], seconds["Richardson-Lucy", source] = restore(
            image, blurs[source], noise, solver, device
        )
        start = time.perf_counter()
        restored["patchwise Richardson-Lucy", source] = restore_patchwise(
            image, family, parameters[source], noise, solver, device
        )
        seconds["patchwise Richardson-Lucy", source] = time.perf_counter() - start
    scores = {key: score(value, sharp) for key, value in restored.items()}
    snr = {source: float(decibels(psfs[TRUE], psfs[source]).mean()) for source in psfs if source != TRUE}
    return FieldCase(name, image, sharp, psfs, snr, restored, scores, seconds)


def even_points(shape: tuple[int, int]) -> NDArray[np.float64]:
    """Four evenly spaced places (row, column) of the field, shape (4, 2)."""
    axes = [(np.arange(_POINTS) + 0.5) * side / _POINTS - 0.5 for side in shape]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)


def decibels(true: NDArray[np.float32], guess: NDArray[np.float32]) -> NDArray[np.float32]:
    """Kernel SNR -10 log10(|h - h_hat|^2 / |h|^2) of each PSF, shape (P,)."""
    error = np.square(true - guess).sum(axis=(-2, -1)) / np.square(true).sum(axis=(-2, -1))
    return np.asarray(-10 * np.log10(np.maximum(error, 1e-12)), dtype=np.float32)


def average_of_family(family: MeasuredFamily) -> ConvolutionBlur:
    """One PSF for the whole field: the mean over the family and its field, with its expected error."""
    points = even_points(family.field_shape or (1, 1))
    psfs = np.concatenate([family.psf(theta, points) for theta in family.sample(200, 1)])
    mean = psfs.mean(axis=0)
    spread = np.square(psfs - mean).sum(axis=(-2, -1)).mean() / np.square(mean).sum()
    return ConvolutionBlur(torch.from_numpy(mean), float(spread))


def report_field(
    cases: Sequence[FieldCase],
    many: Mapping[str, Sequence[float]],
    choice: Choice,
    task: FieldTask,
    origin: Origin,
    seconds: float,
) -> Report:
    """Make the table: a row for each method and source of the operator."""
    rows: list[dict[str, Cell]] = []
    names = [short_name(case.name) for case in cases]
    for key in cases[0].scores:
        method, source = key
        values = [case.scores[key] for case in cases]
        row: dict[str, Cell] = {"method": method, "operator": source}
        known = [case.snr[source] for case in cases] if source in cases[0].snr else None
        row["kernel SNR (dB)"] = None if known is None else float(np.mean(known))
        row["least"] = None if known is None else float(np.min(known))
        row |= {name: value.ssim for name, value in zip(names, values, strict=True)}
        clean = [value for case, value in zip(cases, values, strict=True) if case.name in IMAGES]
        row["mean SSIM"] = float(np.mean([value.ssim for value in clean]))
        row["mean PSNR (dB)"] = float(np.mean([value.psnr for value in clean]))
        times = [case.seconds[key] for case in cases if key in case.seconds]
        row["seconds"] = float(np.median(times)) if times else None
        rows.append(row)
    for source, values_db in many.items():
        row = {**dict.fromkeys(rows[0]), "method": f"identified alone, {len(values_db)} images", "operator": source}
        row |= {"kernel SNR (dB)": float(np.mean(values_db)), "least": float(np.min(values_db))}
        rows.append(row)
    notes = (
        "SSIM of each image, of the whole field; operators drawn from the family, medium noise "
        f"(alpha {NOISE[0]}, beta {NOISE[1]}), estimated from the image.",
        "Kernel SNR: mean over four places of all images, and the least image. Identified alone: images of the "
        "validation split and of scikit-image, each with its own operator.",
        f"Means are of the first {len(IMAGES)}; the others ({len(NOISY)}) are noisy themselves, by more than a tenth "
        "of their contrast, so that a method is rewarded for noise.",
        "Mean of the family: one PSF in the restorations, but varying over the field in its SNR.",
        f"Richardson-Lucy: {choice.iterations} iterations, total variation {choice.strength:g}, chosen on images "
        f"of the training split ({', '.join(TUNING)}) with their true operators.",
        "Patchwise: one local PSF for each patch of 128 pixels, from the parameters in its row.",
    )
    details = {
        "family": list(np.shape(task.family.eigen_psfs)),
        "images": [case.name for case in cases],
        "kernel_snr": {case.name: dict(case.snr) for case in cases},
        "identified_alone": {source: [round(value, 3) for value in values] for source, values in many.items()},
    }
    title = "Blurs that vary over the field, identified and removed"
    return Report("field", title, origin, seconds, tuple(rows), notes, details)


def short_name(name: str) -> str:
    """Last part of an image's name, as the head of a column."""
    return name.removeprefix("scikit-image ").split("/")[-1].removesuffix(".png")[:18]
