"""The results of a calibration as layers, beside the images of the beads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.widgets.layers import METADATA_KEY

if TYPE_CHECKING:
    from napari_deepblur.calibration import Calibration
    from napari_deepblur.widgets.layers import LayerData

_GAP = 0.05
"""Between the field and what lies beside it, as a share of the field's width."""

_PAIRS = 4
"""Pairs of a measured and a modelled PSF in a row of the picture."""

_SPACE = 3
"""Dark pixels between two pairs; one pixel lies between the PSFs of a pair."""


def calibration_layers(
    found: Calibration, name: str, placement: dict[str, Any], depth: tuple[float, Any]
) -> list[LayerData]:
    """Layers that show a calibration.

    Parameters
    ----------
    found
        The calibration.
    name
        Of the images of beads.
    placement
        Arguments that put a layer of two axes onto their field.
    depth
        Step and unit of the first axis of stacks, so that they go together with the stacks of beads.

    Returns
    -------
    list
        The maps (J, G, G) over the field, hidden; and to the right of it, true to scale, the eigen-PSFs (I, k, k) and
        one picture of measured and modelled PSFs side by side.
    """
    rows, columns = found.field_shape
    size, grid = found.eigen_psfs.shape[-1], np.array(found.maps.shape[1:])
    right = (1 + _GAP) * columns
    stacked = _with_depth(placement, depth)
    step = (np.array([rows, columns]) - 1) / np.maximum(grid - 1, 1)
    maps = {
        "name": f"{name} maps",
        "colormap": "viridis",
        "metadata": _record("maps"),
        **stacked,
        "scale": np.array(stacked["scale"]) * (1, *step),
        # They would cover the beads.
        "visible": False,
    }
    top = float(np.abs(found.eigen_psfs).max())
    psfs = {
        "name": f"{name} eigen-PSFs",
        # Grey is zero: all but the first have both signs.
        "contrast_limits": (-top, top),
        "metadata": _record("eigen_psfs"),
        **_with_depth(_moved(placement, (0.0, right)), depth),
    }
    pairs = {
        "name": f"{name} measured and modelled",
        "colormap": "inferno",
        "contrast_limits": (0.0, 1.0),
        # The rings of a PSF are some hundredths of its peak.
        "gamma": 0.5,
        "metadata": _record("pairs"),
        **_moved(placement, (size + 2.0 * _SPACE, right)),
    }
    return [
        (found.maps, maps, "image"),
        (found.eigen_psfs, psfs, "image"),
        (psf_pairs(found.measured_psfs, found.modelled_psfs), pairs, "image"),
    ]


def psf_pairs(measured: NDArray[np.float32], modelled: NDArray[np.float32]) -> NDArray[np.float32]:
    """Draw each measured PSF with its model to the right of it.

    Parameters
    ----------
    measured, modelled
        PSFs, shape (E, k, k).

    Returns
    -------
    ndarray
        float32, four pairs in a row; each pair is divided by the peak of its measured PSF, and 0 lies between them.
    """
    count, size, _ = measured.shape
    wide, high = 2 * size + 1 + _SPACE, size + _SPACE
    across = min(_PAIRS, count)
    picture = np.zeros((-(-count // across) * high - _SPACE, across * wide - _SPACE), dtype=np.float32)
    for index, pair in enumerate(zip(measured, modelled, strict=True)):
        row, column = (index // across) * high, (index % across) * wide
        peak = max(float(pair[0].max()), float(np.finfo(np.float32).tiny))
        for side, psf in enumerate(pair):
            start = column + side * (size + 1)
            picture[row : row + size, start : start + size] = psf / peak
    return picture


def _record(part: str) -> dict[str, Any]:
    return {METADATA_KEY: {"part": part}}


def _moved(placement: dict[str, Any], pixels: tuple[float, float]) -> dict[str, Any]:
    """Move a placement by (rows, columns) of its own pixels."""
    turn = np.array(placement.get("rotate", np.eye(2)))
    start = np.array(placement.get("translate", np.zeros(2)))
    return placement | {"translate": start + turn @ (np.array(placement["scale"]) * pixels)}


def _with_depth(placement: dict[str, Any], depth: tuple[float, Any]) -> dict[str, Any]:
    """Add a first axis to a placement."""
    step, unit = depth
    placed = {
        "scale": np.array([step, *placement["scale"]]),
        "translate": np.array([0.0, *placement.get("translate", (0.0, 0.0))]),
        "units": (unit, *placement["units"]),
    }
    for key, side in (("rotate", 2), ("affine", 3)):
        if key in placement:
            whole = np.eye(side + 1)
            whole[1:, 1:] = placement[key]
            placed[key] = whole
    return placed
