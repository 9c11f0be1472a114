"""How a restored volume looks beside its stack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_deepblur.widgets.layers import Source

_SAMPLED_VOXELS, _BRIGHT = 4_000_000, 99.9
"""Voxels of a volume that are looked at, and the percentile of them that is shown as white."""

_BLACK = 1e-4
"""Lower contrast limit of a restored volume, as a share of the upper one and below zero: far less than a gray level."""


def volume_appearance(source: Source, volume: NDArray[np.float32]) -> dict[str, Any]:
    """Return the appearance of the input with contrast limits of a restored volume's own.

    In its planes lies only the light that they send themselves: with the limits of the stack, whose planes show the
    light of all others, too, a thick specimen would be nearly black. In three dimensions napari draws nothing where all
    values along a line of sight are at the lower limit or below, and the stack behind would be seen there, as if it
    were haze of the result: zero is above that limit.
    """
    step = max(volume.size // _SAMPLED_VOXELS, 1)
    top = float(np.percentile(volume.reshape(-1)[::step], _BRIGHT))
    top = top if top > 0 else 1.0
    # By depth, parts of the stack would be seen before the result.
    return {**source.appearance, "contrast_limits": (-_BLACK * top, top), "blending": "translucent_no_depth"}
