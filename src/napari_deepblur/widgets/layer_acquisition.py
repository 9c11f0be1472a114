"""How the image of a layer was taken, from its metadata and its file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_deepblur.errors import ImageError
from napari_deepblur.io.acquisition import Acquisition, said_by
from napari_deepblur.io.acquisition_files import read_acquisition
from napari_deepblur.widgets.layers import METADATA_KEY, PixelSize, pixel_size

if TYPE_CHECKING:
    from napari.layers import Layer

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
    path = layer.source.path
    return recorded if path is None else recorded.or_else(read_acquisition(path))


def layer_acquisition_or_reason(layer: Layer) -> tuple[Acquisition, str]:
    """Find out how the image of a layer was taken, or why its file cannot be asked; the reason is empty if it can."""
    try:
        return layer_acquisition(layer), ""
    except ImageError as error:
        return recorded_acquisition(layer.metadata.get(METADATA_KEY)), str(error)


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
    stated = record.get(ACQUISITION_KEY)
    if isinstance(stated, Mapping):
        try:
            return Acquisition(**{name: _hashable(value) for name, value in stated.items()})
        except (TypeError, ValueError, AttributeError):
            return Acquisition()
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
