"""Where images of beads come from: layers of the viewer, and files."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_deepblur.errors import ImageError
from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.acquisition_files import read_acquisition
from napari_deepblur.io.images import read_image
from napari_deepblur.io.open_image import open_image
from napari_deepblur.widgets.layer_acquisition import (
    known_pixel_size,
    known_spacing_um,
    layer_acquisition_or_reason,
)
from napari_deepblur.widgets.layers import PixelSize, is_listed, shown_name

if TYPE_CHECKING:
    from napari.layers import Layer
    from numpy.typing import NDArray


_SQUARE = 1e-3
"""Relative difference of the two pixel sizes below which a pixel counts as square."""


def bead_refusal(layer: Layer) -> str:
    """Say why an image layer cannot be a stack of beads, and what to do; empty where it can."""
    name = f"Layer {shown_name(layer.name)}"
    if layer.multiscale:
        return f"{name} is a pyramid of resolutions; expected one array. Add its full resolution as an own layer."
    if layer.rgb:
        return f"{name} is a colour (RGB) image; expected one channel. Right-click it in the layer list: Split RGB."
    if layer.ndim not in (2, 3):
        shape = " x ".join(map(str, layer.data.shape))
        return (
            f"{name} has {layer.ndim} axes ({shape}); expected (z, rows, columns) or (rows, columns). "
            "Right-click it in the layer list and choose Split Stack."
        )
    return ""


def may_show_beads(layer: Layer) -> bool:
    """Tell whether a layer is an image, and not one that a dock has made."""
    from napari.layers import Image

    return isinstance(layer, Image) and is_listed(layer)


@dataclass(frozen=True, eq=False)
class BeadSource:
    """One stack or image of beads.

    Exactly one of `layer` and `path` is given. Two sources are the same only if they are the same object: the list
    keeps one for each row.

    Parameters
    ----------
    layer
        An image layer.
    path
        A TIFF, PNG or JPEG file.
    """

    layer: Layer | None = None
    path: Path | None = None

    @property
    def name(self) -> str:
        """What it is called."""
        return str(self.layer.name) if self.layer is not None else self._file.stem

    @property
    def refusal(self) -> str:
        """Why it cannot be used; empty where it can, as far as can be told without reading a file."""
        return bead_refusal(self.layer) if self.layer is not None else ""

    @property
    def folder(self) -> Path | None:
        """Where its file lies; None where there is none."""
        path = self.path if self.layer is None else self.layer.source.path
        return None if path is None else Path(path).parent

    @property
    def _file(self) -> Path:
        assert self.path is not None
        return self.path

    def data(self) -> Any:
        """Return the array, which is perhaps not yet in memory, or the path. Cheap; for the window's thread."""
        return self.layer.data if self.layer is not None else self._file

    def acquisition(self) -> tuple[Acquisition, str]:
        """Find out how its image was taken, or why its file cannot be asked; the reason is empty if it can."""
        if self.layer is not None:
            return layer_acquisition_or_reason(self.layer)
        try:
            return read_acquisition(self._file), ""
        except ImageError as error:
            return Acquisition(), str(error)

    def pixel_size(self, acquisition: Acquisition) -> PixelSize:
        """Return the size of its pixels, and where it was found: in the layer, else in the file."""
        if self.layer is not None:
            return known_pixel_size(self.layer, None, acquisition)
        height, width = acquisition.pixel_size_um or (None, None)
        name = shown_name(self._file.name)
        if width is None or height is None:
            return PixelSize(None, f"The file {name} has no pixel size: please check.")
        if not math.isclose(height, width, rel_tol=_SQUARE):
            return PixelSize(
                None,
                f"The pixels of {name} are not square ({height:.4g} x {width:.4g} µm), which the optics here need: "
                "resample the images, or enter one size.",
                "warning",
            )
        return PixelSize(width, f"Pixel size from the file {name}.")

    def planes(self) -> int:
        """Return how many planes it has; 1 where that cannot be told."""
        if self.layer is not None:
            return int(self.layer.data.shape[0]) if self.layer.ndim == 3 else 1
        try:
            with open_image(self._file) as image:
                shape = [length for length in image.shape if length > 1]
        except ImageError:
            return 1
        return int(shape[0]) if len(shape) == 3 else 1

    def plane_spacing_um(self, acquisition: Acquisition) -> float | None:
        """Return the distance of its planes, signed; None where neither layer nor file states it."""
        if self.layer is None:
            return acquisition.plane_spacing_um
        return known_spacing_um(self.layer, "ZYX", acquisition) if self.layer.ndim == 3 else None

    def placement(self, size_um: float) -> dict[str, Any]:
        """Arguments that put a layer of two axes onto the field of this source.

        Parameters
        ----------
        size_um
            Side of a pixel, for a file.
        """
        if self.layer is None:
            return {"scale": (size_um, size_um), "units": ("um", "um")}
        layer = self.layer
        matrix = np.array(layer.affine.affine_matrix)
        corner = np.r_[-3:0]
        placed = {
            "scale": np.array(layer.scale)[-2:],
            "translate": np.array(layer.translate)[-2:],
            "rotate": np.array(layer.rotate)[-2:, -2:],
            "affine": matrix[np.ix_(corner, corner)],
            "units": tuple(layer.units)[-2:],
            "axis_labels": tuple(layer.axis_labels)[-2:],
        }
        # In three axes a shear mixes them: what belongs to the plane cannot be taken out.
        return placed | ({"shear": np.array(layer.shear)} if layer.ndim == 2 else {})

    def depth(self) -> tuple[float, Any]:
        """Step and unit of the first of three axes, for layers that lie beside this one in the viewer."""
        if self.layer is None or self.layer.ndim < 3:
            return 1.0, "pixel"
        return float(self.layer.scale[0]), self.layer.units[0]


def read_beads(data: Any) -> NDArray[np.generic]:
    """Read what `BeadSource.data` gave, in any thread.

    Raises
    ------
    ImageError
        If a file cannot be read.
    """
    return read_image(data) if isinstance(data, Path) else np.asarray(data)
