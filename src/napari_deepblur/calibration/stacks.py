"""Bead images as they come, turned into stacks of planes, or diagnosed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_deepblur.checked_image import masked_pixels
from napari_deepblur.errors import CalibrationError


def check_stacks(
    stacks: ArrayLike | Sequence[ArrayLike], patch_size: int, names: Sequence[str] = ()
) -> list[NDArray[np.generic]]:
    """Turn bead images into a list of stacks of one field.

    Parameters
    ----------
    stacks
        A list of stacks (z, y, x) and images (y, x) of any real type, or one such array.
    patch_size
        Side of the patches in pixels: the field has to hold several.
    names
        What the stacks are called where one cannot be used; by default "Stack 0" and so on.

    Returns
    -------
    list of ndarray
        Views of shape (planes, rows, columns) in their own types.

    Raises
    ------
    CalibrationError
        If there is none, or one that has a wrong number of axes, another field, no numbers, NaN, or a mask.
    """
    if isinstance(stacks, str | os.PathLike):
        raise CalibrationError(f"{stacks} is the name of a file, expected its pixels: read it with open_image first.")
    # Arrays of other kinds, such as an opened image, would otherwise fall apart into planes.
    one = hasattr(stacks, "ndim") or not isinstance(stacks, Iterable)
    given: list[ArrayLike] = [stacks] if one else list(stacks)  # type: ignore[arg-type, list-item]
    if not given:
        raise CalibrationError("There are no bead images, expected at least one stack (z, y, x) or image (y, x).")
    checked: list[NDArray[np.generic]] = []
    for index, item in enumerate(given):
        name = names[index] if names else f"Stack {index}"
        if masked_pixels(item) is not None:
            raise CalibrationError(
                f"{name} is a masked array: beads beside hidden pixels cannot be centred. Crop it to the part "
                "that counts."
            )
        array = np.asarray(item)
        if array.dtype.kind not in "uif":
            raise CalibrationError(f"{name} has the type {array.dtype}, expected integers or real numbers.")
        if array.ndim not in (2, 3):
            raise CalibrationError(
                f"{name} has {array.ndim} axes, shape {array.shape}; expected (z, y, x), or (y, x) for one "
                "plane. Choose one channel and one time point."
            )
        array = array[None] if array.ndim == 2 else array
        if len(array) == 0 or min(array.shape[1:]) < 2 * patch_size:
            raise CalibrationError(
                f"{name} has the shape {array.shape}, expected planes of at least {2 * patch_size} pixels "
                f"a side: the field has to hold several patches of {patch_size} pixels. Choose smaller patches; if the "
                "axes are not (z, y, x), transpose them."
            )
        if array.shape[1:] != (checked or [array])[0].shape[1:]:
            raise CalibrationError(
                f"{name} has planes of {array.shape[1:]} pixels, the first one of {checked[0].shape[1:]}: all "
                "images have to show the same field of the same camera. If the axes are not (z, y, x), transpose them."
            )
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise CalibrationError(f"{name} holds NaN or infinite values. Replace them, or leave it out.")
        checked.append(array)
    return checked
