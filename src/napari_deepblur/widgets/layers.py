"""Between napari's layers and the pipeline's arrays: what can be deblurred, and where results are placed."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from napari_deepblur.errors import ImageError, MicroscopeError, UndersamplingWarning
from napari_deepblur.io.axes import guess_axes
from napari_deepblur.optics import Microscope
from napari_deepblur.widgets.layer_steps import step, step_um

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer
    from numpy.typing import NDArray

METADATA_KEY = "napari-deepblur"
"""Where `layer.metadata` keeps the record of how a layer was made."""

LayerData = tuple[Any, dict[str, Any], str]
"""Data, arguments and type of a layer, as napari's readers and sample data return them."""

_OURS, _BESIDE = {"preview", "residual", "part", "map"}, "napari-deepblur beside"
"""In records, and beside one, of pictures that the docks make: they are no images to be deblurred."""

_LONGEST_NAME = 40
"""Characters of a layer's name in a message."""

_SQUARE = 1e-3
"""Relative difference of the two pixel sizes below which a pixel counts as square."""


def shown_name(name: str) -> str:
    """Name of a layer for a message, shortened where it would fill the dock."""
    return f"'{name}'" if len(name) <= _LONGEST_NAME else f"'{name[: _LONGEST_NAME - 1]}…'"


@contextmanager
def selection_kept(viewer: Viewer) -> Iterator[None]:
    """Select what was selected before, after layers were added: napari selects the newest."""
    active = viewer.layers.selection.active
    yield
    if active is not None and active in viewer.layers:
        viewer.layers.selection.active = active


def is_listed(layer: Layer) -> bool:
    """Tell whether a layer is a picture of some kind, and so belongs in the list that the user chooses from."""
    from napari.layers import Image, Labels

    record = layer.metadata.get(METADATA_KEY)
    is_ours = isinstance(record, Mapping) and not _OURS.isdisjoint(record)
    return isinstance(layer, (Image, Labels)) and not is_ours and _BESIDE not in layer.metadata


def refusal(layer: Layer) -> str:
    """Say why a layer cannot be deblurred, and what to do; empty where it can."""
    from napari.layers import Labels

    name = f"Layer {shown_name(layer.name)}"
    if getattr(getattr(full_resolution(layer), "dtype", None), "kind", "") == "b":
        return f"{name} is a mask, not an image, so that there is no blur in it. Choose the image it came from."
    if isinstance(layer, Labels):
        return f"{name} holds labels, not intensities, so that there is no blur in it. Choose the image it came from."
    try:
        axes = layer_axes(layer)
    except ImageError as error:
        return f"{name}: {error}"
    # Of more than two axes the user may say that others are rows and columns.
    size = pixel_size(layer, axes)
    return f"{name}: {size.remark}" if size.level == "warning" and layer.ndim == 2 else ""


def layer_axes(layer: Layer) -> str:
    """Guess the axes of a layer, one letter of `pipeline.series.AXES` each; raises `ImageError` if it has too few."""
    return guess_axes(int(layer.ndim), layer.axis_labels, bool(getattr(layer, "rgb", False)))


def full_resolution(layer: Layer) -> Any:
    """Return the array of a layer; of a pyramid of resolutions the finest."""
    return layer.data[0] if layer.multiscale else layer.data


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


def pixel_size(layer: Layer, axes: str | None = None) -> PixelSize:
    """Pixel size that a layer's scale and units state for its rows and columns.

    Parameters
    ----------
    layer
        The layer.
    axes
        Its axes; the last two are rows and columns where absent.
    """
    plane = [axes.index("Y"), axes.index("X")] if axes else [-2, -1]
    units = [layer.units[axis] for axis in plane]
    if any(dict(unit.dimensionality) != {"[length]": 1} for unit in units):
        return PixelSize(None, "The layer has no length units: please check.")
    down, right = (step_um(layer, axis) for axis in plane)
    if down is None or right is None:
        return PixelSize(None, "The layer's place in the world mixes lengths with other units: please check.")
    height, width = float(np.linalg.norm(down)), float(np.linalg.norm(right))
    if not min(height, width) > 0:
        return PixelSize(None, "The layer's pixels have no size: please check.")
    if abs(float(down @ right)) > _SQUARE * height * width:
        return PixelSize(
            None,
            "the layer is sheared, so that its pixels are no squares. Resample the image, or correct the layer's "
            "transform.",
            "warning",
        )
    if abs(height - width) > _SQUARE * width:
        return PixelSize(
            None,
            f"the layer's pixels are not square ({height:.4g} x {width:.4g} µm), and a point spread function of the "
            "optics would be a different one along each axis. Resample the image, or correct the layer's scale.",
            "warning",
        )
    return PixelSize(width, f"Pixel size from the layer {shown_name(layer.name)}.")


def write_pixel_size(layer: Layer, axes: str, size_um: float) -> None:
    """Give a layer the size of its pixels, in micrometres; its other axes stay as they are.

    Parameters
    ----------
    layer
        The layer.
    axes
        Its axes, as `pixel_size` takes them.
    size_um
        Side of a pixel.
    """
    scale, units = list(layer.scale), list(layer.units)
    for letter in "YX":
        axis = axes.index(letter)
        # A mirrored layer stays one, and what its affine transform magnifies does not count twice.
        magnified = float(np.linalg.norm(step(layer, axis))) / abs(scale[axis]) if scale[axis] else 1.0
        scale[axis], units[axis] = math.copysign(size_um / (magnified or 1.0), scale[axis]), "um"
    layer.units = tuple(units)
    layer.scale = tuple(scale)


def plane_spacing_um(layer: Layer, axes: str) -> float | None:
    """Distance of a stack's planes that a layer's scale and units state, in micrometres; None where they do not."""
    if "Z" not in axes or len(axes.removesuffix("S")) != layer.ndim:
        return None
    axis = axes.index("Z")
    along = step_um(layer, axis)
    return None if along is None else math.copysign(float(np.linalg.norm(along)), float(along[axis]))


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
            return Microscope.from_record(values)
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
    colour
        Whether the last axis of the data holds the colours of an RGB image.
    identity
        What napari knows the layer by, whatever it is called.
    """

    name: str
    data: Any
    placement: dict[str, Any]
    appearance: dict[str, Any]
    colour: bool = False
    identity: str = ""

    @classmethod
    def of(cls, layer: Layer) -> Source:
        """Describe a layer as it is now."""
        return cls(
            name=str(layer.name),
            data=full_resolution(layer),
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
            colour=bool(layer.rgb),
            identity=str(layer.unique_id),
        )


def image_layer(source: Source, image: NDArray[Any], record: dict[str, Any]) -> LayerData:
    """Layer of restored images in the input's place.

    Parameters
    ----------
    source
        The layer that was deblurred.
    image
        Array of the input's shape; without the colours where only the luminance was restored.
    record
        How it was made.
    """
    arguments = {"name": f"{source.name} deblurred", "metadata": {METADATA_KEY: record}, **source.placement}
    if not source.colour:
        arguments |= source.appearance
    # Said always: napari takes any last axis of 3 or 4 for colours, be it planes.
    arguments["rgb"] = source.colour and image.ndim == len(source.data.shape)
    return image, arguments, "image"


def spread_layer(source: Source, spread: NDArray[np.float32], record: dict[str, Any]) -> LayerData:
    """Layer of what restored images owe to not knowing the blur, in the input's place and units; hidden at first."""
    arguments = {
        "name": f"{source.name} spread",
        "metadata": {METADATA_KEY: record, _BESIDE: "spread"},
        "visible": False,
        **source.placement,
    }
    if source.colour and spread.ndim == len(source.data.shape):
        # One scale for the three colours.
        spread = spread[..., :3].mean(axis=-1)
    return spread, arguments | {"colormap": "magma", "rgb": False}, "image"


def psf_layer(source: Source, psfs: NDArray[np.float32], record: dict[str, Any]) -> LayerData:
    """Layer of the point spread functions over the field, values in [0, 1], in the input's place.

    It is hidden at first: what people want to see is the image, and stars on top of it look like artefacts.
    """
    arguments = {
        "name": f"{source.name} PSFs",
        "metadata": {METADATA_KEY: record, _BESIDE: "psfs"},
        "colormap": "inferno",
        "contrast_limits": (0.0, 1.0),
        # The rings of a PSF are some hundredths of its peak.
        "gamma": 0.5,
        # Black adds nothing: the picture stays visible between the PSFs.
        "blending": "additive",
        "visible": False,
        "rgb": False,
        **source.placement,
    }
    return psfs, arguments, "image"
