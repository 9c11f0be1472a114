"""Real microscopy images (Fig. 9 of the paper): without truth, the whiteness of the residual is the only number."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.reports.report import Cell, Origin, Report
from napari_deepblur.checked_image import check_image
from napari_deepblur.errors import ImageError, TrainingDataError
from napari_deepblur.identification.results import Identification
from napari_deepblur.io.images import read_image
from napari_deepblur.operators import ConvolutionOperator
from napari_deepblur.pipeline import DeblurSettings, deblur_steps
from napari_deepblur.progress import finished
from napari_deepblur.restoration.whiteness import Whiteness, residual_whiteness
from napari_deepblur.training.pool import open_pool

_MOST_FROM_POOL = 8
_DETAIL = 0.25
_LARGEST_SIDE = 512


class RealCase(NamedTuple):
    """One image and what became of it.

    Attributes
    ----------
    name
        Of the file, without folders of this machine.
    image, restored
        Shape (H, W), in the file's units.
    identification
        The blur that was found.
    detail
        The place with the most detail, a quarter of the shorter side.
    whiteness
        Of the residual.
    blurred_whiteness
        Of the residual of doing nothing: y - A y.
    """

    name: str
    image: NDArray[np.float32]
    restored: NDArray[np.float32]
    identification: Identification
    detail: tuple[slice, slice]
    whiteness: Whiteness
    blurred_whiteness: Whiteness


def pool_images(folder: Path) -> list[Path]:
    """Microscopy images of the validation split of a training folder: one in a few, so that all folders are there."""
    pool = open_pool(folder)
    # Electron micrographs have no optical blur.
    names = [n for n in pool.split("validation") if n.startswith("micro_") and "/em_" not in n]
    if not names:
        raise TrainingDataError(f"The validation split of {folder} has no microscopy image (folders micro_*).")
    by_folder: dict[str, list[str]] = {}
    for name in names:
        by_folder.setdefault(name.split("/")[0], []).append(name)
    # In turns from each folder.
    turns = [group[i] for i in range(len(names)) for group in by_folder.values() if i < len(group)]
    return [pool.folder / name for name in turns[:_MOST_FROM_POOL]]


def restore_real(paths: Sequence[Path], settings: DeblurSettings) -> list[RealCase]:
    """Deblur each file with the whole pipeline; of large ones the middle.

    Parameters
    ----------
    paths
        TIFF, PNG or JPEG files of one plane; colours are averaged.
    settings
        Microscope, family and method.

    Returns
    -------
    list of RealCase
        In the order of the files.
    """
    # All are read before the first is restored: a wrong path is found at once.
    images = [(_name(path), read_plane(path)) for path in paths]
    return [restore_one(name, image, settings) for name, image in tqdm(images, desc="Real images", unit="image")]


def read_plane(path: Path) -> NDArray[np.float32]:
    """Read the middle of an image file of one plane, shape (H, W), or raise an `ImageError`."""
    array = np.asarray(read_image(path), dtype=np.float32)
    if array.ndim == 3 and array.shape[-1] in (3, 4):
        array = array[..., :3].mean(-1)
    if array.ndim != 2:
        raise ImageError(f"{path.name} has shape {array.shape}, expected one plane. Save one plane as a file.")
    top, left = (max(n - _LARGEST_SIDE, 0) // 2 for n in array.shape)
    return check_image(array[top : top + _LARGEST_SIDE, left : left + _LARGEST_SIDE])


def restore_one(name: str, image: NDArray[np.float32], settings: DeblurSettings) -> RealCase:
    """Deblur one image (H, W), and measure what is left unexplained."""
    result = finished(deblur_steps(image, settings))
    found = result.identification
    assert found is not None
    return RealCase(
        name,
        image,
        result.image,
        found,
        busiest_place(result.image, max(int(_DETAIL * min(image.shape)), 16)),
        unexplained(image, result.image, found),
        unexplained(image, image, found),
    )


def busiest_place(image: NDArray[np.float32], side: int) -> tuple[slice, slice]:
    """Find the square of `side` pixels with the largest sum of absolute differences between neighbours."""
    steps = np.abs(np.diff(image, axis=0))[:, :-1] + np.abs(np.diff(image, axis=1))[:-1]
    sums = np.pad(steps.astype(np.float64), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    windows = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    top, left = (int(i) for i in np.unravel_index(int(windows.argmax()), windows.shape))
    return slice(top, top + side), slice(left, left + side)


def _name(path: Path) -> str:
    """Name a file without the folders of this machine."""
    return f"{path.parent.name}/{path.name}" if path.parent.name.startswith("micro_") else path.name


def unexplained(image: NDArray[np.float32], restored: NDArray[np.float32], found: Identification) -> Whiteness:
    """Whiteness of y - A x_hat on the pixels that the restored field explains wholly, (H - k + 1, W - k + 1)."""
    psf = torch.from_numpy(found.psf)
    border = psf.shape[-1] // 2
    inner = image[border:-border, border:-border]
    # Without its mean: a Fourier transform in float32 of a large offset would leave structure of its own.
    mean = float(restored.mean())
    scene = torch.from_numpy(restored - np.float32(mean))
    explained = ConvolutionOperator(psf, (inner.shape[0], inner.shape[1])).forward(scene).numpy() + np.float32(mean)
    return residual_whiteness(inner, explained, found.noise)


def report_real(cases: Sequence[RealCase], settings: DeblurSettings, origin: Origin, seconds: float) -> Report:
    """Table of the whiteness of each image."""
    rows: list[dict[str, Cell]] = [
        {
            "image": case.name,
            "shape": "{} x {}".format(*case.image.shape),
            "whiteness ratio": case.whiteness.ratio,
            "lag 1": float(case.whiteness.autocorrelation[0]),
            "lag 8": float(case.whiteness.autocorrelation[-1]),
            "band of white noise": float(case.whiteness.band[0]),
            "ratio of the blurred image": case.blurred_whiteness.ratio,
        }
        for case in cases
    ]
    m = settings.optics
    notes = (
        "Residual y - A x_hat over the standard deviation of the estimated noise; ratio: root mean square of its "
        "autocorrelation at 1 to 8 pixels over that of white noise, 1 for nothing but noise. Last column: x_hat = y.",
        f"Assumed for every image: NA {m.na:g}, {m.wavelength_um:g} um, {m.pixel_size_um:g} um pixels, "
        f"n {m.n_immersion:g}, fc {m.cutoff:.3f}. Middle {_LARGEST_SIDE} pixels of larger images.",
        "Cameras and file formats that smooth or compress correlate the noise itself: then no restoration reaches 1.",
    )
    details = {case.name: np.round(case.whiteness.autocorrelation, 4).tolist() for case in cases}
    return Report("real", "Real microscopy images", origin, seconds, tuple(rows), notes, {"autocorrelation": details})


def run_real(paths: Sequence[Path], settings: DeblurSettings, origin: Origin) -> tuple[list[RealCase], Report]:
    """Restore all files and report."""
    start = time.perf_counter()
    cases = restore_real(paths, settings)
    return cases, report_real(cases, settings, origin, time.perf_counter() - start)
