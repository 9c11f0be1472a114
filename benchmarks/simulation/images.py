"""Test images: what training never reads, blurred and spoilt as in the paper.

The validation split of the training folder is fixed by file name, and the pictures inside scikit-image are kept out of
training altogether. Every file supplies one crop before any supplies a second.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import skimage.data
import torch
from numpy.typing import NDArray
from skimage.color import rgb2gray
from torch import Tensor

from benchmarks.simulation.camera import AT_ONCE, expose
from napari_deepblur.errors import SettingsError, TrainingDataError, UndersamplingWarning
from napari_deepblur.operators import ZernikeFamily
from napari_deepblur.optics import Microscope
from napari_deepblur.training.gray_images import UNREADABLE, Bank, random_crops, read_gray
from napari_deepblur.training.pool import draw_scenes, open_pool

SHIPPED = (
    *("astronaut", "brick", "camera", "cell", "chelsea", "coffee", "coins", "grass", "gravel", "hubble_deep_field"),
    *("immunohistochemistry", "moon", "page", "retina", "rocket", "text"),
)
"""Pictures inside scikit-image that need no download; blurred ones, drawings and thumbnails are left out."""

PAPER_MODES = tuple(range(4, 11))
PAPER_SIDE = 400
"""Side of the paper's images in pixels."""

_MOST_ROUNDS = 100


class SharpScenes(NamedTuple):
    """Sharp scenes, and where they are from.

    Attributes
    ----------
    names
        File, or name in scikit-image.
    pixels
        Scenes in [0, 1], shape (N, 1, S, S).
    """

    names: tuple[str, ...]
    pixels: Tensor


class Batch(NamedTuple):
    """Test images with everything that is known about them.

    Attributes
    ----------
    scene
        Sharp scenes, shape (N, 1, H + k - 1, W + k - 1), in the units of the image.
    image
        Blurred images of peak one with noise, shape (N, 1, H, W).
    psf
        True point spread functions, shape (N, k, k).
    theta
        True coefficients in waves, shape (N, K).
    """

    scene: Tensor
    image: Tensor
    psf: Tensor
    theta: Tensor


def paper_family() -> ZernikeFamily:
    """Return the paper's family, in scalar light: NA 1.41, 0.540 um, n 1.51, 0.100 um, Noll 4-10 in +-0.15 waves.

    PSFs have 31 x 31 pixels.
    """
    with warnings.catch_warnings():
        # fc = 0.261 is the paper's choice, and the table says so.
        warnings.simplefilter("ignore", UndersamplingWarning)
        return ZernikeFamily(Microscope(light="scalar"), PAPER_MODES, max_amplitude=0.15)


def draw_test_scenes(
    folder: Path,
    count: int,
    side: int,
    seed: int,
    split: Literal["train", "validation"] = "validation",
    smallest: float = 0.85,
) -> SharpScenes:
    """Draw sharp scenes, each from another file as far as there are enough.

    Parameters
    ----------
    folder
        The training folder; with scikit-image's pictures, its validation split is the test set. With
        ``split="train"`` only files that training reads are drawn: for choosing parameters.
    count
        Number of scenes N.
    side
        Their side S, pixels.
    seed
        Decides files, places, orientations and gray curves.
    split
        Side of the fixed split.
    smallest
        Files whose shorter side is less than this share of S are left out, as far as there are others. What is
        missing is mirrored: a little at the border does no harm, but a scene that is its own mirror image is no scene.

    Returns
    -------
    SharpScenes
        In random order.

    Raises
    ------
    SettingsError, TrainingDataError
        If the numbers are out of range, or the folder has no usable image.
    """
    if count < 1 or side < 8:
        raise SettingsError(f"{count} images of {side} pixels were asked for, expected at least 1 of 8 pixels.")
    rng = np.random.default_rng([seed, 1])
    generator = torch.Generator().manual_seed(seed)
    names: list[str] = []
    scenes: list[Tensor] = []
    for name, crop in _crops(folder, split, side, smallest, rng):
        bank = torch.from_numpy(np.ascontiguousarray(crop))[None]
        scenes.append(draw_scenes(bank, 1, side, generator))
        names.append(name)
        if len(names) == count:
            return SharpScenes(tuple(names), torch.cat(scenes))
    raise TrainingDataError(
        f"Only {len(names)} of {count} scenes could be cut from the {split} split of {folder}. Give a folder of sharp "
        "images of more than one gray level."
    )


def _crops(
    folder: Path, split: Literal["train", "validation"], side: int, smallest: float, rng: np.random.Generator
) -> Iterator[tuple[str, Bank]]:
    """Yield a crop of each file in random order, then a second of each, and so on; small files where all else fails."""
    pool = open_pool(folder)
    pictures = [f"scikit-image {name}" for name in SHIPPED if split == "validation"]
    files = [*pool.split(split), *pictures]
    for least in (smallest * side, 0.0):
        found = False
        for _ in range(_MOST_ROUNDS):
            for index in rng.permutation(len(files)):
                name = files[index]
                try:
                    image = _shipped(name.split()[1]) if name in pictures else read_gray(pool.folder / name)
                except UNREADABLE:
                    continue
                if min(image.shape) >= least:
                    for crop in random_crops(image, side, 1, rng):
                        found = True
                        yield name, crop
            if not found:
                break


def _shipped(name: str) -> Bank:
    picture = getattr(skimage.data, name)()
    gray = 255 * rgb2gray(picture) if picture.ndim == 3 else picture
    levels: Bank = np.rint(gray).astype(np.uint8)
    return levels


def blur_and_spoil(
    scenes: Tensor, theta: NDArray[np.float32], family: ZernikeFamily, noise: tuple[float, float], seed: int
) -> Batch:
    """Make images of peak one from scenes, each with its own coefficients.

    Parameters
    ----------
    scenes
        Sharp scenes, shape (N, 1, S, S), S at least the PSF's size.
    theta
        Coefficients in waves, shape (N, K).
    family
        The blurs.
    noise
        alpha and beta.
    seed
        Of the noise. The same seed gives the same noise pattern at every level.

    Returns
    -------
    Batch
        Images of S - k + 1 pixels a side, with all that is known about them.
    """
    coefficients = torch.from_numpy(np.asarray(theta, dtype=np.float32))
    psf = torch.cat([family.psf_tensor(part) for part in coefficients.split(AT_ONCE)])
    exposed = expose(scenes, psf, noise, torch.Generator().manual_seed(seed))
    return Batch(exposed.scene, exposed.image, psf, coefficients)


def centre(pixels: Tensor, side: int) -> Tensor:
    """Cut the middle square of `side` pixels out of (..., H, W)."""
    top, left = (pixels.shape[-2] - side) // 2, (pixels.shape[-1] - side) // 2
    return pixels[..., top : top + side, left : left + side]


def seed_of(seed: int, *parts: str | int) -> int:
    """Derive a seed from another one and a few words, below 2^31."""
    text = "/".join(map(str, (seed, *parts)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
