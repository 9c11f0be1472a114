"""A file of beads in the viewer, so that its rings have something to lie on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.widgets.layers import METADATA_KEY, selection_kept

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

    from napari_deepblur.widgets.calibration.bead_sources import BeadSource


class BeadPicture:
    """One image layer below the rings, for files only: layers are in the viewer already.

    Parameters
    ----------
    viewer
        The napari viewer.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._layer: Image | None = None
        self._source: BeadSource | None = None

    def setValue(self, source: BeadSource, stack: NDArray[np.generic], size_um: float) -> None:
        """Show a file of beads, or take the last one away where `source` is a layer.

        Parameters
        ----------
        source
            Where the stack is from.
        stack
            Shape (planes, rows, columns).
        size_um
            Side of a pixel.
        """
        present = self._layer is not None and self._layer in self._viewer.layers
        if present and self._source is source:
            assert self._layer is not None
            self._layer.scale = (1.0, size_um, size_um)[3 - self._layer.ndim :]
            return
        if present:
            self._viewer.layers.remove(self._layer)
        self._layer, self._source = None, source
        if source.path is None:
            return
        from napari.layers import Image

        flat = len(stack) == 1
        self._layer = Image(
            stack[0] if flat else stack,
            name=source.name,
            scale=(size_um, size_um) if flat else (1.0, size_um, size_um),
            units=("um", "um") if flat else ("pixel", "um", "um"),
            metadata={METADATA_KEY: {"part": "bead file"}},
        )
        with selection_kept(self._viewer):
            # Below everything that calibration shows.
            self._viewer.layers.insert(0, self._layer)
