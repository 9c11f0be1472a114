"""Between napari's layers and the pipeline's arrays: what can be deblurred, and where results are placed."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from napari_deepblur.errors import MicroscopeError, UndersamplingWarning
from napari_deepblur.optics import Microscope
from napari_deepblur.pipeline.results import Deblurring

if TYPE_CHECKING:
    from napari.layers import Layer
    from numpy.typing import NDArray

METADATA_KEY = "napari-deepblur"
"""Where `layer.metadata` keeps the record of how a layer was made."""

LayerData = tuple[Any, dict[str, Any], str]
"""Data, arguments and type of a layer, as napari's readers and sample data return them."""

_LONGEST_NAME = 40
"""Characters of a layer's name in a message."""

_SQUARE = 1e-3
"""Relative difference of the two pixel sizes below which a pixel counts as square."""


def shown_name(name: str) -> str:
    """Name of a layer for a message, shortened where it would fill the dock."""
    return f"'{name}'" if len(name) <= _LONGEST_NAME else f"'{name[: _LONGEST_NAME - 1]}…'"


def is_listed(layer: Layer) -> bool:
    """Tell whether a layer is a picture of some kind, and so belongs in the list that the user chooses from."""
    from napari.layers import Image, Labels

    return isinstance(layer, (Image, Labels))


def refusal(layer: Layer) -> str:
    """Say why a layer cannot be deblurred, and what to do; empty where it can."""
    from napari.layers import Labels

    name = f"Layer {shown_name(layer.name)}"
    if isinstance(layer, Labels):
        return f"{name} holds labels, not intensities, so that there is no blur in it. Choose the image it came from."
    if layer.multiscale:
        return f"{name} is a pyramid of resolutions; expected one 2-D array. Add its full resolution as an own layer."
    if layer.rgb:
        return f"{name} is a colour (RGB) image; expected one channel. Right-click it in the layer list: Split RGB."
    if layer.ndim != 2:
        shape = " x ".join(map(str, layer.data.shape))
        return (
            f"{name} has {layer.ndim} axes ({shape}); expected two (rows, columns). "
            "Right-click it in the layer list and choose Split Stack, or add a single plane."
        )
    return ""


class PixelSize(NamedTuple):
    """What a layer says about the size of its pixels.

    Attributes
    ----------
    size_um
        Side of a pixel in micrometres; None where the layer does not tell.
    remark
        Where the size comes from, or why it is not known.
    level
        ``"warning"`` where the layer tells something that cannot be used.
    """

    size_um: float | None
    remark: str
    level: Literal["note", "warning"] = "note"


def pixel_size(layer: Layer) -> PixelSize:
    """Pixel size that a layer's scale and units state."""
    units = layer.units[-2:]
    if any(dict(unit.dimensionality) != {"[length]": 1} for unit in units):
        return PixelSize(None, "The layer has no length units: please check.")
    height, width = (
        float((float(scale) * unit).to("micrometer").magnitude)
        for scale, unit in zip(layer.scale[-2:], units, strict=True)
    )
    if abs(height - width) > _SQUARE * width:
        return PixelSize(
            None,
            f"The layer's pixels are not square ({height:.4g} x {width:.4g} µm), which the optics here need: "
            "resample the image, or enter one size.",
            "warning",
        )
    return PixelSize(width, f"Pixel size from the layer {shown_name(layer.name)}.")


def stated_microscope(layer: Layer) -> Microscope | None:
    """Microscope in the record that a layer carries, as results and the sample image do; None where there is none.

    The record may come from another program or version: what cannot be understood counts as absent.
    """
    record = layer.metadata.get(METADATA_KEY)
    settings = record.get("settings") if isinstance(record, Mapping) else None
    values = settings.get("microscope") if isinstance(settings, Mapping) else None
    if not isinstance(values, Mapping):
        return None
    with warnings.catch_warnings():
        # The form that shows it says so.
        warnings.simplefilter("ignore", UndersamplingWarning)
        try:
            return Microscope(**values)
        except (TypeError, MicroscopeError):
            return None


@dataclass(frozen=True)
class Source:
    """What is needed of a layer to place results beside it, taken when a run starts.

    The layer may be moved, renamed or removed while the run goes on.

    Attributes
    ----------
    name
        Name of the layer.
    data
        Its array, perhaps not yet in memory.
    placement
        Arguments that give a new layer the same place in the world: scale, translate, rotate, shear, affine, units
        and axis labels. napari ignores the units of all layers when one of them lacks units.
    appearance
        Arguments that make intensities comparable by eye: colormap, contrast limits, gamma.
    """

    name: str
    data: Any
    placement: dict[str, Any]
    appearance: dict[str, Any]

    @classmethod
    def of(cls, layer: Layer) -> Source:
        """Describe a layer as it is now."""
        return cls(
            name=str(layer.name),
            data=layer.data,
            placement={
                "scale": np.array(layer.scale),
                "translate": np.array(layer.translate),
                "rotate": np.array(layer.rotate),
                "shear": np.array(layer.shear),
                "affine": np.array(layer.affine.affine_matrix),
                "units": tuple(layer.units),
                "axis_labels": tuple(layer.axis_labels),
            },
            appearance={
                "colormap": layer.colormap.name,
                "contrast_limits": tuple(layer.contrast_limits),
                "gamma": float(layer.gamma),
            },
        )


def result_layers(source: Source, result: Deblurring, psfs: NDArray[np.float32] | None) -> list[LayerData]:
    """Layers that show a result.

    Parameters
    ----------
    source
        The layer that was deblurred.
    result
        What the pipeline returned.
    psfs
        Picture of the point spread functions over the field, values in [0, 1], of the shape of the image; None where
        none were estimated.

    Returns
    -------
    list
        The restored image and the PSFs, both with the input's place in the world and the settings in their metadata.
    """
    metadata = {METADATA_KEY: result.settings}
    image = {
        "name": f"{source.name} deblurred",
        "metadata": metadata,
        **source.placement,
        **source.appearance,
    }
    layers: list[LayerData] = [(result.image, image, "image")]
    if psfs is not None:
        field = {
            "name": f"{source.name} PSFs",
            "metadata": dict(metadata),
            "colormap": "inferno",
            "contrast_limits": (0.0, 1.0),
            # The rings of a PSF are some hundredths of its peak.
            "gamma": 0.5,
            # Black adds nothing: the picture stays visible between the PSFs.
            "blending": "additive",
            **source.placement,
        }
        layers.append((psfs, field, "image"))
    return layers
