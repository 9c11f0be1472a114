"""How the image of a layer was taken, from its metadata and its file."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_deepblur.errors import ImageError
from napari_deepblur.io.acquisition import Acquisition, said_by
from napari_deepblur.io.acquisition_files import read_acquisition
from napari_deepblur.io.axes import AXES, named_axes
from napari_deepblur.widgets.layers import METADATA_KEY, PixelSize, layer_axes, pixel_size, plane_spacing_um
from napari_deepblur.widgets.origins import NUMBERS, origins_in

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_deepblur.widgets.origins import Origin

_NUMBERED_AXIS = re.compile(r"(axis )?-?\d+")
"""What napari calls an axis that nobody has named; versions differ."""

ACQUISITION_KEY = "acquisition"
"""Where the record in a layer's metadata keeps how the image was taken."""


def layer_acquisition(layer: Layer) -> Acquisition:
    """Find out how the image of a layer was taken.

    Parameters
    ----------
    layer
        The layer. Its metadata count more than the file that it was opened from.

    Raises
    ------
    ImageError
        If its file could be read by a package that is not installed.
    """
    recorded = recorded_acquisition(layer.metadata.get(METADATA_KEY))
    path = layer_file(layer)
    return recorded if path is None else recorded.or_else(read_acquisition(path))


def layer_acquisition_or_reason(layer: Layer) -> tuple[Acquisition, str]:
    """Find out how the image of a layer was taken, or why its file cannot be asked; the reason is empty if it can."""
    try:
        return layer_acquisition(layer), ""
    except ImageError as error:
        return recorded_acquisition(layer.metadata.get(METADATA_KEY)), str(error)


def layer_file(layer: Layer) -> str | None:
    """Return the file of a layer, or of the layer that it was split from; None where there is none."""
    if layer.source.path is not None:
        return str(layer.source.path)
    parent = layer.source.parent() if layer.source.parent is not None else None
    return None if parent is None else layer_file(parent)


def known_axes(layer: Layer, acquisition: Acquisition) -> str:
    """Return the axes of a layer: as it calls them itself, else as its file does, else guessed.

    Parameters
    ----------
    layer
        The layer, whoever has read its file.
    acquisition
        What its file says. Its axes count where they fit: all of them, or those without the channels where every
        channel has become a layer of its own.

    Raises
    ------
    ImageError
        If the layer has too few axes.
    """
    guessed = layer_axes(layer)
    if _names_itself(layer) or not acquisition.axes:
        return guessed
    colour = "S" * bool(getattr(layer, "rgb", False))
    for axes in (acquisition.axes, acquisition.axes.replace("C", "")):
        planar = axes.removesuffix("S") if colour else axes
        if len(planar) == layer.ndim and planar.endswith("YX"):
            try:
                return named_axes("".join(a if a in AXES and a != "S" else "?" for a in planar) + colour)
            except ImageError:
                return guessed
    return guessed


def channel_of_layer(layer: Layer, layers: Sequence[Layer], acquisition: Acquisition) -> int:
    """Return which channel of its file a layer shows; 0 where it shows all of them, or that is not known.

    Parameters
    ----------
    layer
        The layer.
    layers
        All layers of the viewer: those of one file are its channels in order.
    acquisition
        What the file says.
    """
    count = max(len(acquisition.wavelengths_um), len(acquisition.channels))
    path = layer_file(layer)
    if count < 2 or path is None:
        return 0
    if len(acquisition.axes) == layer.ndim and "C" in acquisition.axes:
        return 0
    named = [number for number, name in enumerate(acquisition.channels) if name and name in layer.name]
    if len(named) == 1:
        return named[0]
    # Not "is": napari may hand its layers out in wrappers, which compare by what they wrap.
    siblings = [other for other in layers if layer_file(other) == path and other.ndim == layer.ndim]
    return siblings.index(layer) if len(siblings) == count and layer in siblings else 0


def known_spacing_um(layer: Layer, axes: str, acquisition: Acquisition) -> float | None:
    """Return the distance of a stack's planes: as the layer's scale states it, or else its file; None if neither."""
    stated = plane_spacing_um(layer, axes)
    if stated is not None or "Z" not in axes or len(axes.removesuffix("S")) != layer.ndim:
        return stated
    # With another scale, its planes may not be those of the file.
    return acquisition.plane_spacing_um if layer.scale[axes.index("Z")] == 1 else None


def recorded_origins(layer: Layer) -> dict[str, Origin]:
    """Return where the numbers of a layer's record are from; those of a record that does not say are of its file."""
    record = layer.metadata.get(METADATA_KEY)
    known = origins_in(record) if isinstance(record, Mapping) else {}
    return {name: known.get(name, "file") for name in NUMBERS}


def _names_itself(layer: Layer) -> bool:
    """Tell whether a layer has names for its axes that are not those that napari gives to all."""
    return not all(_NUMBERED_AXIS.fullmatch(str(label)) for label in layer.axis_labels)


def known_pixel_size(layer: Layer, axes: str | None, acquisition: Acquisition) -> PixelSize:
    """Pixel size that a layer states, or else its file.

    Parameters
    ----------
    layer
        The layer.
    axes
        Its axes, as `layers.pixel_size` takes them.
    acquisition
        How its image was taken. It counts only where the layer has neither units nor a scale of its own: with another
        scale, its pixels may not be those of the file.
    """
    size = pixel_size(layer, axes)
    if size.size_um is not None or size.level != "note" or acquisition.pixel_size_um is None:
        return size
    if not all(scale == 1 for scale in layer.scale):
        return size
    height, width = acquisition.pixel_size_um
    name = Path(acquisition.source).name
    if not math.isclose(height, width, rel_tol=1e-3):
        return PixelSize(
            None,
            f"The layer has no length units. The pixels of its file {name} are not square ({height:.4g} x {width:.4g} "
            "µm), and a point spread function of the optics would be a different one along each axis. Resample it.",
            "warning",
        )
    return PixelSize(width, f"Pixel size from the file {name}.")


def recorded_acquisition(record: Any) -> Acquisition:
    """Read how an image was taken from the record in its layer's metadata: as its file said, else its settings.

    The record may come from another program or version: what cannot be understood counts as absent.
    """
    if not isinstance(record, Mapping):
        return Acquisition()
    stated, of_run = record.get(ACQUISITION_KEY), _of_settings(record)
    if isinstance(stated, Mapping):
        try:
            return Acquisition(**{name: _hashable(value) for name, value in stated.items()}).or_else(of_run)
        except (TypeError, ValueError, AttributeError):
            return of_run
    return of_run


def _of_settings(record: Mapping[str, Any]) -> Acquisition:
    """Read the optics that a run was told; of what it assumed nothing."""
    settings = record.get("settings")
    optics = settings.get("microscope") if isinstance(settings, Mapping) else None
    if not isinstance(optics, Mapping):
        return Acquisition()
    channels = _hashable(settings.get("channel_wavelengths_um")) if isinstance(settings, Mapping) else None
    assumed = settings.get("assumed") if isinstance(settings, Mapping) else None
    # What nobody stated is no statement of the record either.
    known = {name: value for name, value in optics.items() if name not in (assumed or ())}
    return said_by(
        "settings",
        na=known.get("na"),
        n_immersion=known.get("n_immersion"),
        wavelengths_um=channels or (known.get("wavelength_um"),),
    )


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
