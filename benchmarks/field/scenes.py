"""Scenes of a whole field, blurred by a family."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import skimage.data
import torch
from numpy.typing import NDArray
from skimage.color import rgb2gray
from torch import Tensor

from benchmarks.restoration.restored import Image
from benchmarks.simulation.images import seed_of
from napari_deepblur.networks.trunk import Trunk
from napari_deepblur.noise import sample_noise
from napari_deepblur.operators.families import MeasuredFamily
from napari_deepblur.restoration.restorers import NetworkRestorer
from napari_deepblur.training.gray_images import read_gray
from napari_deepblur.training.pool import open_pool

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
