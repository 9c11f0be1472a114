"""All methods on the previewed region, side by side."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QWidget

from napari_deepblur.identification.results import Identification
from napari_deepblur.pipeline.options import kinds
from napari_deepblur.progress import Progress, one_of
from napari_deepblur.widgets.deblur.computation_form import METHODS
from napari_deepblur.widgets.deblur.previewed import Request, compute_steps, preview_layer
from napari_deepblur.widgets.failures import told
from napari_deepblur.widgets.job import Job
from napari_deepblur.widgets.layers import METADATA_KEY, selection_kept

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_deepblur.pipeline.preview import Preview
    from napari_deepblur.restoration.tiling import Part

_GAP = 0.08
"""Between two pictures, in widths of one."""
_PURPOSE = (
    "Restore the previewed region by every method, with the blur that the preview has found, and show the pictures in "
    "a row right of the image. No setting is changed."
)

Shown = tuple[Request, list[Identification | None]]
Compared = list[tuple[str, "list[Preview]"]]


class MethodComparison(QPushButton):
    """A button that compares the methods, and gives it up while it does.

    Parameters
    ----------
    viewer
        The napari viewer.
    shown
        Returns what the preview shows; None where there is none.
    parent
        Parent widget.
    """

    said = Signal(str, str)
    """What was done or could not be, and its level."""

    def __init__(self, viewer: Viewer, shown: Callable[[], Shown | None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("compare_methods")
        self._viewer, self._shown = viewer, shown
        self._request: Request | None = None
        self._job = Job(self, "Compare methods")
        self._job.progressed.connect(self._step)
        self._job.succeeded.connect(self._show)
        self._job.failed.connect(self._fail)
        self._job.cancelled.connect(self._cancelled)
        self.clicked.connect(self._press)
        self._rest()

    def isRunning(self) -> bool:
        """Tell whether methods are being compared."""
        return self._job.is_running()

    def cancel(self) -> None:
        """Give it up."""
        self._job.cancel()

    def _press(self) -> None:
        if self._job.is_running():
            self._job.cancel()
            return
        shown = self._shown()
        if shown is None:
            self.said.emit("Switch the preview on, and wait for it: what it shows is compared.", "warning")
            return
        self._request = shown[0]
        self.setText("Cancel comparison")
        self.setToolTip("Stop. Nothing is added.")
        self._job.start(partial(compare_steps, *shown))

    def _step(self, step: Any) -> None:
        if isinstance(step, Progress):
            self.said.emit(f"Comparing: {step.detail}…", "note")

    def _show(self, compared: Compared) -> None:
        from napari.layers import Layer, Points

        request = self._request
        self._rest()
        if request is None:
            return
        axes = request.choice.axes.removesuffix("S")
        column = axes.index("X")
        width = request.region.shape[1]
        first = request.source.data.shape[column] + _GAP * width
        made, corners = [], []
        for place, (title, previews) in enumerate(compared):
            data, arguments, kind = preview_layer(request, previews)
            arguments["name"] = f"{request.source.name}: {title}"
            arguments["metadata"][METADATA_KEY]["compared"] = title
            layer = Layer.create(data, arguments, kind)
            # From where the region lies to its place in the row.
            start = np.zeros(layer.ndim)
            start[column] = first + place * (1 + _GAP) * width - request.region.left
            layer.translate = np.asarray(layer.translate) + _turned(layer, start)
            made.append(layer)
            corner = np.zeros(layer.ndim)
            corner[column] = width / 2
            corner[axes.index("Y")] = -0.04 * request.region.shape[0]
            corners.append(np.asarray(layer.data_to_world(corner)))
        titles = [title for title, _ in compared]
        labels = Points(
            np.array(corners),
            name=f"{request.source.name}: methods",
            features={"method": titles},
            text={"string": "{method}", "anchor": "center", "color": "orange", "size": 10},
            size=0.01,
            face_color="transparent",
            border_color="transparent",
            units=request.source.placement["units"],
            axis_labels=request.source.placement["axis_labels"],
        )
        with selection_kept(self._viewer):
            for layer in (*made, labels):
                self._viewer.add_layer(layer)
        self._viewer.reset_view()
        self.said.emit(f"Right of the image: {', '.join(titles)}, all with the same blur.", "note")

    def _fail(self, error: Exception) -> None:
        self._rest()
        self.said.emit(told(error, "Nothing was added."), "error")

    def _cancelled(self) -> None:
        self._rest()
        self.said.emit("Comparison cancelled. Nothing was added.", "note")

    def _rest(self) -> None:
        self._request = None
        self.setText("Compare methods")
        self.setToolTip(_PURPOSE)


def compare_steps(request: Request, known: list[Identification | None]) -> Generator[Progress | Part, None, Compared]:
    """Restore a previewed region by every method, step by step, with what was identified for it."""
    compared: Compared = []
    methods = kinds("restore")
    for number, method in enumerate(methods):
        # Each with its own parameters.
        settings = request.settings.replace(restore={"method": method})
        title = METHODS.get(method, method)
        steps = compute_steps(replace(request, settings=settings), known, None)
        previews, _ = yield from one_of(steps, number, len(methods), title)
        compared.append((title, previews))
    return compared


def _turned(layer: Any, step: np.ndarray) -> np.ndarray:
    """Return a step in pixels of a layer in the units of its translation, turned as the layer is."""
    from napari.utils.transforms import Affine

    here = Affine(scale=layer.scale, rotate=layer.rotate, shear=layer.shear, translate=np.zeros(layer.ndim))
    return np.asarray(here(step))
