"""Whether a restoration has as much light as the image: no blur makes light, or takes it away."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.restoration.blur import Blur
from napari_deepblur.restoration.verdict import residual_image

_MOST = 0.05
"""Relative difference from which on there is something to say."""

_LARGEST_SIDE = 1024


def light_note(
    image: NDArray[np.float32],
    restored: NDArray[np.float32],
    blur: Blur,
    dark: float,
    hidden: NDArray[np.bool_] | None = None,
    background: NDArray[np.float32] | None = None,
) -> str | None:
    """Say by how much the light of a restoration, blurred again, differs from that of the image.

    A method that must stay positive, or smooth, may explain an image only with more light than it has, where the blur
    is wider or the background higher than the model. What is beyond the border does not count.

    Parameters
    ----------
    image, restored
        Shape (H, W), in the same units.
    blur
        A.
    dark
        Intensity of the dark places, from which light is counted.
    hidden
        Pixels that do not count, shape (H, W).
    background
        Light of the image that was set apart, and is not missing, shape (H, W).

    Returns
    -------
    str or None
        A sentence; None where the difference is at most 5 %.
    """
    residual = residual_image(image if background is None else image - background, restored, blur, _LARGEST_SIDE)
    if residual.size == 0:
        return None
    top, left = ((n - m) // 2 for n, m in zip(image.shape, residual.shape, strict=True))
    inside = slice(top, top + residual.shape[0]), slice(left, left + residual.shape[1])
    seen = np.ones(residual.shape, bool) if hidden is None else ~hidden[inside]
    light = float((image[inside] - dark)[seen].sum(dtype=np.float64))
    gained = -float(residual[seen].sum(dtype=np.float64))
    if light <= 0 or abs(gained) <= _MOST * light:
        return None
    word = "more" if gained > 0 else "less"
    return (
        f"The result holds {abs(gained) / light:.0%} {word} light than the image: the blur, the noise or the "
        "background is not as assumed. Do not measure intensities in it; Richardson-Lucy and Wiener keep sums better."
    )
