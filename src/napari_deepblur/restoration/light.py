"""Whether a restoration has as much light as the image: no blur makes light, or takes it away."""

from __future__ import annotations

import numpy as np

from napari_deepblur.restoration.residual import Residual

_MOST = 0.05
"""Relative difference from which on there is something to say."""


def light_note(left: Residual, dark: float) -> str | None:
    """Say by how much the light of a restoration, blurred again, differs from that of the image.

    A method that must stay positive, or smooth, may explain an image only with more light than it has, where the blur
    is wider or the background higher than the model. What is beyond the border does not count.

    Parameters
    ----------
    left
        Of the image.
    dark
        Intensity of the dark places, from which light is counted.

    Returns
    -------
    str or None
        A sentence; None where the difference is at most 5 %.
    """
    light = float((left.image - dark)[left.counted].sum(dtype=np.float64))
    gained = -float(left.values[left.counted].sum(dtype=np.float64))
    if light <= 0 or abs(gained) <= _MOST * light:
        return None
    word = "more" if gained > 0 else "less"
    return (
        f"The result holds {abs(gained) / light:.0%} {word} light than the image: the blur, the noise or the "
        "background is not as assumed. Do not measure intensities in it; Richardson-Lucy and Wiener keep sums better."
    )
