"""What a restoration leaves of its image: y - A x_hat."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from napari_deepblur.plane import Mask, Plane
from napari_deepblur.restoration.blur import Blur

LARGEST_SIDE = 1024
"""Only the middle of larger images is looked at: more would not change what is said of them, but cost time."""


class Residual(NamedTuple):
    """What is left in the middle of an image, where the restored field explains it wholly; all (H', W').

    Attributes
    ----------
    values
        y - b - A x_hat.
    image
        y.
    counted
        Pixels that count.
    """

    values: NDArray[np.float32]
    image: NDArray[np.float32]
    counted: NDArray[np.bool_]


def residual_of(
    image: Plane,
    restored: Plane,
    blur: Blur,
    hidden: Mask | None = None,
    background: NDArray[np.float32] | None = None,
) -> Residual:
    """Compute what a restoration leaves.

    Parameters
    ----------
    image, restored
        Observed image y and result x_hat, shape (H, W), in the same units.
    blur
        A.
    hidden
        Pixels that do not count, shape (H, W).
    background
        b: light that was set apart, which the result does not account for, shape (H, W).
    """
    rest = image
    if background is not None:
        # Known of whole images only.
        assert isinstance(image, np.ndarray)
        rest = image - background
    values = residual_image(rest, restored, blur, LARGEST_SIDE)
    counted = np.ones(values.shape, bool) if hidden is None else ~_middle(hidden, values.shape)
    return Residual(values, _middle(image, values.shape), counted)


def residual_image(image: Plane, restored: Plane, blur: Blur, largest: int | None = None) -> NDArray[np.float32]:
    """Return y - A x_hat on the pixels that the restored field explains wholly, (H - k + 1, W - k + 1).

    Parameters
    ----------
    image, restored
        Observed image y and result x_hat, shape (H, W), in the same units.
    blur
        A.
    largest
        Longest side of the result, the middle of the image; None for all of it.
    """
    border = blur.psf_size // 2
    shape = tuple(max(n - 2 * border, 0) for n in image.shape)
    if largest is not None:
        shape = tuple(min(n, largest) for n in shape)
    if min(shape) == 0:
        return np.zeros((0, 0), np.float32)
    inner = _middle(image, shape)
    scene = _middle(restored, tuple(n + 2 * border for n in shape))
    origin = tuple((n - m) // 2 for n, m in zip(image.shape, shape, strict=True))
    operator = blur.operator((shape[0], shape[1]), (origin[0], origin[1]), torch.device("cpu"))
    # Without its mean: a Fourier transform in float32 of a large offset would leave structure of its own.
    mean = np.float32(scene.mean())
    with torch.inference_mode():
        varying = operator.forward(torch.from_numpy(np.ascontiguousarray(scene - mean))[None, None])[0, 0].numpy()
        flat = operator.forward(torch.ones(1, 1, *scene.shape))[0, 0].numpy()
    return np.asarray(inner - (varying + mean * flat), dtype=np.float32)


def _middle(image: Plane | Mask, shape: tuple[int, ...]) -> NDArray[Any]:
    top, left = ((n - m) // 2 for n, m in zip(image.shape, shape, strict=True))
    return image[top : top + shape[0], left : left + shape[1]]
