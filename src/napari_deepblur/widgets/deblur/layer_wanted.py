"""What a run on another layer would be given: the wish of the forms, with that layer's own axes and optics."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from napari_deepblur.batch.file_optics import with_own_optics
from napari_deepblur.errors import UndersamplingWarning
from napari_deepblur.io.axes import volume_refusal
from napari_deepblur.widgets.deblur.wanted import Wanted
from napari_deepblur.widgets.layer_acquisition import (
    channel_of_layer,
    known_axes,
    known_pixel_size,
    known_spacing_um,
    layer_acquisition_or_reason,
)
from napari_deepblur.widgets.layers import full_resolution
from napari_deepblur.widgets.origins import NUMBERS

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_deepblur.widgets.origins import Origin


def wanted_of(layer: Layer, wanted: Wanted, layers: Sequence[Layer]) -> Wanted:
    """Return what a run on a layer would be given.

    Parameters
    ----------
    layer
        The layer.
    wanted
        What the forms describe. What was typed or is of a preset counts for all layers; the rest each says itself, and
        what it does not say is taken over, as assumed.
    layers
        All of the viewer.

    Raises
    ------
    DeepblurError
        If it has too few axes, or impossible optics.
    """
    if layer == wanted.layer:
        return wanted
    said, _ = layer_acquisition_or_reason(layer)
    axes = known_axes(layer, said)
    shape = full_resolution(layer).shape
    channels = int(shape[axes.index("C")]) if "C" in axes else 0
    known = {name: origin for name, origin in wanted.origins.items() if origin in ("typed", "preset")}
    planar = axes.removesuffix("S")
    found: dict[str, Any] = {
        "na": said.na,
        "n_immersion": said.n_immersion,
        "pixel_size_um": known_pixel_size(layer, planar if len(planar) == layer.ndim else None, said).size_um,
    }
    stated = said.wavelengths_um
    if channels and len(stated) == channels and None not in stated:
        found["channel_wavelengths_um"] = stated
    elif stated:
        channel = channel_of_layer(layer, list(layers), said)
        found["wavelength_um"] = stated[channel] if channel < len(stated) else None
    found = {name: value for name, value in found.items() if value is not None}
    with warnings.catch_warnings():
        # The results say it.
        warnings.simplefilter("ignore", UndersamplingWarning)
        settings = with_own_optics(wanted.settings, found, known, channels)
    origins: dict[str, Origin] = {}
    if wanted.origins:
        origins = {name: known.get(name, "assumed" if name in settings.assumed else "file") for name in NUMBERS}
    planes = "each" if volume_refusal(axes) else wanted.choice.planes
    spacing = known_spacing_um(layer, axes, said) or 0.0
    choice = wanted.choice._replace(axes=axes, planes=planes, plane_spacing_um=spacing)
    return Wanted(layer, choice, settings, origins)
