"""Maps of the quality of PSFs over the field, as layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_deepblur.widgets.layers import METADATA_KEY

if TYPE_CHECKING:
    from napari_deepblur.operators.psf_maps import PsfMaps
    from napari_deepblur.widgets.layers import LayerData, Source


def psf_map_layers(source: Source, axes: str, index: tuple[int, ...], maps: PsfMaps) -> list[LayerData]:
    """Layers of maps over the field, true to scale in the place of a frame of the input; all but the first hidden.

    Parameters
    ----------
    source
        The layer whose PSFs they are of.
    axes
        Its axes, without colours.
    index
        The frame, along all axes but rows and columns.
    maps
        Of a grid over its rows and columns.
    """
    from napari.utils.transforms import Affine

    step, first = np.ones(len(axes)), np.zeros(len(axes))
    for letter, cell in zip("YX", maps.spacing, strict=True):
        step[axes.index(letter)], first[axes.index(letter)] = cell, (cell - 1) / 2
    first[[axis for axis, letter in enumerate(axes) if letter not in "YX"]] = index
    here = Affine(**{name: source.placement[name] for name in ("scale", "translate", "rotate", "shear")})
    made: list[LayerData] = []
    for title, values in (
        ("Strehl ratio", maps.strehl),
        ("FWHM (µm)", maps.fwhm_um),
        ("radius of half the light (µm)", maps.encircled_um),
        ("cut-off (cycles/µm)", maps.cutoff),
    ):
        if values is None:
            continue
        low, high = float(values.min()), float(values.max())
        arguments = {
            "name": f"{source.name} {title}",
            "metadata": {METADATA_KEY: {"map": title}},
            "colormap": "viridis",
            # A map without contrast is drawn as one, and not as rounding errors.
            "contrast_limits": (low, high) if high - low > 1e-3 * high else (0.0, 1.25 * high or 1.0),
            "visible": not made,
            **source.placement,
            "scale": source.placement["scale"] * step,
            "translate": here(first),
        }
        shape = [{"Y": values.shape[0], "X": values.shape[1]}.get(letter, 1) for letter in axes]
        rows_first = axes.index("Y") < axes.index("X")
        made.append(((values if rows_first else values.T).reshape(shape), arguments, "image"))
    return made
