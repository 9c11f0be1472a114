"""A folder of sharp images, read once into a bank of gray crops, from which scenes are drawn on the device.

The steps are: `open_pool` finds the files and fixes the split, `load_bank` reads crops into memory, `draw_scenes`
cuts, turns and re-lights scenes out of the bank. `pack_bank` and `read_packed` move a bank between machines.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from napari_deepblur.errors import SettingsError, TrainingDataError
from napari_deepblur.training.gray_images import MIN_RANGE, SUFFIXES, UNREADABLE, Bank, random_crops, read_gray
from napari_deepblur.training.packed_bank import pack_bank, read_packed

__all__ = ["Pool", "draw_scenes", "is_validation", "load_bank", "open_pool", "pack_bank", "read_packed"]

Split = Literal["train", "validation"]

_log = logging.getLogger(__name__)

_VALIDATION_ONE_IN = 20
_MICROSCOPY_PREFIX = "micro_"


@dataclass(frozen=True)
class Pool:
    """The image files of a training folder.

    Attributes
    ----------
    folder : Path
        The folder that was searched.
    files : tuple of str
        Paths relative to `folder`, with forward slashes, sorted.
    """

    folder: Path
    files: tuple[str, ...]

    def split(self, split: Split) -> tuple[str, ...]:
        """Return the files of one side of the fixed split.

        Parameters
        ----------
        split : {"train", "validation"}
            Which side.

        Returns
        -------
        tuple of str
            Relative paths, sorted.

        Raises
        ------
        SettingsError
            If `split` is another word.
        """
        if split not in ("train", "validation"):
            raise SettingsError(f"split is {split!r}; expected 'train' or 'validation'.")
        return tuple(name for name in self.files if is_validation(name) == (split == "validation"))


def is_validation(relative_posix_path: str) -> bool:
    """Tell whether a file belongs to the validation split, from its name alone.

    The SHA-256 hash of the path, read as a number, modulo 20 is 0. The answer depends on nothing else, so adding
    files to a folder moves none of the others, and no image is ever on both sides.

    Parameters
    ----------
    relative_posix_path : str
        Path relative to the training folder, with forward slashes.

    Returns
    -------
    bool
        True for about one name in twenty.
    """
    digest = hashlib.sha256(relative_posix_path.encode("utf-8")).digest()
    return int.from_bytes(digest, "big") % _VALIDATION_ONE_IN == 0


def open_pool(folder: str | os.PathLike[str]) -> Pool:
    """Find the PNG, JPEG and TIFF files below a folder; hidden files and folders are left out.

    Parameters
    ----------
    folder : path
        Folder of sharp images. The names of its first level matter: folders that start with ``micro_`` hold
        microscopy, all others natural images (see `load_bank`).

    Returns
    -------
    Pool
        The files found.

    Raises
    ------
    TrainingDataError
        If the folder is missing, is not a folder, or holds no image file.
    """
    root = Path(folder).expanduser()
    if not root.is_dir():
        found = "is a file" if root.exists() else "does not exist"
        raise TrainingDataError(f"The training folder {root} {found}; expected a folder of PNG, JPEG or TIFF images.")
    paths = [path.relative_to(root) for path in root.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()]
    files = sorted(path.as_posix() for path in paths if not any(part.startswith(".") for part in path.parts))
    if not files:
        raise TrainingDataError(
            f"The training folder {root} holds no PNG, JPEG or TIFF file, at any depth. "
            "Point to the folder that holds sharp images, or convert them to one of these formats."
        )
    return Pool(root, tuple(files))


def load_bank(
    folder: str | os.PathLike[str],
    split: Split,
    size: int,
    crops_per_image: float,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> Bank:
    """Read random gray crops of one split of a folder into memory.

    Microscopy (first-level folders ``micro_*``) and natural images each supply about half of the crops when both
    are there. An image smaller than the crop is mirrored; one of at least twice its size is shrunk by two, with
    antialiasing, for half of its crops, which makes it sharper. Unreadable files and crops of nearly one gray
    level are left out; a log warning gives their number and the first names. The crops of a file depend on
    the seed, its name and the proportions of the two kinds only.

    Parameters
    ----------
    folder : path
        The training folder.
    split : {"train", "validation"}
        Side of the fixed split, see `is_validation`.
    size : int
        Side of the crops S, pixels.
    crops_per_image : float
        Mean number of crops for each image.
    seed : int
        Seed of positions and scales.
    progress : callable, optional
        Called with (files done, files in all) after each file.

    Returns
    -------
    ndarray of uint8, shape (N, S, S)
        N is near crops_per_image times the number of files.

    Raises
    ------
    TrainingDataError
        If the folder is missing or empty, the split has no file, or no crop is usable.
    SettingsError
        If `size`, `crops_per_image` or `split` is out of range.
    """
    if size < 8 or crops_per_image <= 0:
        raise SettingsError(
            f"size is {size} and crops_per_image {crops_per_image}; expected at least 8 and more than 0."
        )
    pool = open_pool(folder)
    files = pool.split(split)
    if not files:
        raise TrainingDataError(
            f"None of the {len(pool.files)} images of {pool.folder} is in the {split} split. It is fixed by file name, "
            "about one image in twenty being for validation: add images, of which a hundred are a good start."
        )
    rates = _crops_for_each(files, crops_per_image)
    bank = np.empty((math.ceil(sum(rates)) + len(files), size, size), dtype=np.uint8)
    kept = flat = 0
    unreadable: list[str] = []
    for done, (name, rate) in enumerate(zip(files, rates, strict=True), start=1):
        rng = np.random.default_rng([seed, int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")])
        count = int(rate) + int(rng.random() < rate % 1)
        if count:
            try:
                image = read_gray(pool.folder / name)
            except UNREADABLE as error:
                unreadable.append(f"{name} ({error})")
            else:
                crops = random_crops(image, size, count, rng)
                bank[kept : kept + len(crops)] = np.reshape(crops, (-1, size, size))
                kept += len(crops)
                flat += count - len(crops)
        if progress is not None:
            progress(done, len(files))
    if unreadable:
        shown = "; ".join(unreadable[:5])
        _log.warning("%d of %d image files could not be read and were skipped: %s", len(unreadable), len(files), shown)
    if flat:
        _log.warning("%d crops of nearly one gray level were skipped, %d were kept", flat, kept)
    if not kept:
        raise TrainingDataError(
            f"No usable crop in the {split} split of {pool.folder}: of {len(files)} files {len(unreadable)} could not "
            f"be read, and {flat} crops span fewer than {MIN_RANGE} gray levels. Give images with visible content."
        )
    return bank[:kept]


def _crops_for_each(files: Sequence[str], crops_per_image: float) -> list[float]:
    """Mean number of crops of each file, such that microscopy and natural images share the total equally."""
    microscopy = [name.startswith(_MICROSCOPY_PREFIX) for name in files]
    n_microscopy = sum(microscopy)
    n_natural = len(files) - n_microscopy
    if not n_microscopy or not n_natural:
        return [crops_per_image] * len(files)
    half = crops_per_image * len(files) / 2
    return [half / (n_microscopy if is_microscopy else n_natural) for is_microscopy in microscopy]


def draw_scenes(bank: torch.Tensor, n: int, size: int, generator: torch.Generator) -> torch.Tensor:
    """Draw random sharp scenes from a bank, on the bank's device.

    Each scene is a random crop of a random entry, in one of the eight orientations, stretched to [0, 1], inverted
    with probability 0.1, bent by a gamma g, log-uniform in [1/2, 2],

        t -> ((t + e)^g - e^g) / ((1 + e)^g - e^g),    e = 0.02, which keeps the slope finite at black,

    and mapped to [low, high] with 0 <= low < high <= 1, near [0, 1] most often.

    Parameters
    ----------
    bank : Tensor of uint8, shape (N, S, S)
        The crops.
    n : int
        Number of scenes.
    size : int
        Their side, at most S, pixels.
    generator : torch.Generator
        Source of every random number; on the bank's device, or elsewhere at the cost of a small copy.

    Returns
    -------
    Tensor of float32, shape (n, 1, size, size)
        Scenes in [0, 1].

    Raises
    ------
    SettingsError
        If the bank is not uint8 (N, S, S), or `size` is larger than S.
    """
    if bank.dtype != torch.uint8 or bank.ndim != 3 or not 1 <= size <= min(bank.shape[1:]):
        raise SettingsError(
            f"Scenes of side {size} from a bank of {bank.dtype} and shape {tuple(bank.shape)}; expected uint8 "
            "(N, S, S) with S at least the side of the scenes. Load the bank with larger crops."
        )
    draws = torch.rand((10, n), generator=generator, device=generator.device).to(bank.device)
    entry = (draws[0] * bank.shape[0]).long().clamp_(max=bank.shape[0] - 1)
    rows = _axis_index(draws[1], draws[2] < 0.5, bank.shape[1], size)
    columns = _axis_index(draws[3], draws[4] < 0.5, bank.shape[2], size)
    scenes = bank[entry[:, None, None], rows[:, :, None], columns[:, None, :]].float()
    transposed = (draws[5] < 0.5)[:, None, None]
    scenes = torch.where(transposed, scenes.transpose(1, 2), scenes)

    low = scenes.amin((1, 2), keepdim=True)
    span = (scenes.amax((1, 2), keepdim=True) - low).clamp_(min=MIN_RANGE)
    scenes = (scenes - low) / span
    scenes = torch.where((draws[6] < 0.1)[:, None, None], 1 - scenes, scenes)
    gamma = torch.exp2(2 * draws[7] - 1)[:, None, None]
    black = 0.02**gamma
    scenes = ((scenes + 0.02) ** gamma - black) / (1.02**gamma - black)
    top = 1 - 0.5 * draws[8][:, None, None] ** 2
    bottom = 0.4 * draws[9][:, None, None] ** 3 * top
    return (bottom + (top - bottom) * scenes).clamp_(0, 1)[:, None]


def _axis_index(position: torch.Tensor, flipped: torch.Tensor, length: int, size: int) -> torch.Tensor:
    """Return the indices (n, size) of a random window along one axis, reversed where flipped."""
    start = (position * (length - size + 1)).long().clamp_(max=length - size)
    step = torch.arange(size, device=position.device)
    return start[:, None] + torch.where(flipped[:, None], size - 1 - step, step)
