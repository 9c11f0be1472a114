"""The preview: the visible part of an image, or a drawn rectangle, deblurred in place as settings change."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_deepblur.errors import DeepblurError
from napari_deepblur.identification.results import Identification
from napari_deepblur.pipeline.parts import Compute, NetworkRestoration
from napari_deepblur.pipeline.plan import Plan, plan
from napari_deepblur.pipeline.preview import Preview, Region, preview_steps
from napari_deepblur.pipeline.series import LUMINANCE, Luminance, channel_of, lazy_frame, leading, write_frame
from napari_deepblur.pipeline.settings import DeblurSettings
from napari_deepblur.progress import Progress, finished, one_of
from napari_deepblur.restoration.tiling import Part
from napari_deepblur.widgets.colours import theme_colours
from napari_deepblur.widgets.deblur.axes_form import AxesChoice
from napari_deepblur.widgets.deblur.shown_part import drawn_region, shown_frame, visible_region
from napari_deepblur.widgets.deblur.wanted import Ask
from napari_deepblur.widgets.latest import Latest
from napari_deepblur.widgets.layers import METADATA_KEY, Source, full_resolution, selection_kept
from napari_deepblur.widgets.origins import ORIGINS_KEY, Origin

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer
    from numpy.typing import NDArray

LARGEST_SIDE = 512
"""Pixels of a preview along each side, at most: more would not be there in a second or two."""

_OUTDATED = 0.35
"""Opacity of a preview that is being made again."""

_QUIET_MS = 150
"""A preview begins when nothing has changed for so long."""


@dataclass(frozen=True)
class Request:
    """What a preview is of."""

    layer: str
    source: Source
    choice: AxesChoice
    settings: DeblurSettings
    origins: dict[str, Origin]
    index: tuple[int, ...]
    region: Region

    def key(self) -> tuple[Any, ...]:
        """Return what decides the result."""
        return self.layer, self.choice, self.settings, tuple(self.origins.items()), self.index, self.region


class Previewer(QObject):
    """Keep one small layer over the image up to date.

    The blur is identified on the part that is shown; it is identified again when the part, or a setting that matters
    for it, changes.

    Parameters
    ----------
    viewer
        The napari viewer.
    parent
        Its owner.
    """

    started = Signal(object)
    """A `Region` is computed; what is shown is outdated until `ready`."""
    ready = Signal(object)
    """A `Preview` was shown."""
    failed = Signal(object)
    """The exception that there was instead."""

    def __init__(self, viewer: Viewer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layer: Layer | None = None
        self._ask: Ask | None = None
        self._asked: tuple[Any, ...] | None = None
        self._request: Request | None = None
        self._known: tuple[Any, list[Identification | None]] | None = None
        self._planned: tuple[Any, Plan] | None = None
        self._latest = Latest(self)
        self._latest.ready.connect(self._show)
        self._latest.failed.connect(self._fail)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_QUIET_MS)
        self._timer.timeout.connect(self._start)

    def follow(self, ask: Ask) -> None:
        """Show the preview of what `ask` returns; of nothing while it returns None, and `failed` where it raises."""
        self._ask = ask
        self.update()

    def update(self, *_: object) -> None:
        """Look again soon, because something has changed."""
        if self._ask is not None:
            self._timer.start()

    def close(self) -> None:
        """Take the preview away."""
        self._ask = self._asked = self._request = self._known = self._planned = None
        self._timer.stop()
        self._latest.drop()
        self._remove()

    def pause(self) -> None:
        """Compute nothing until `update`; what is shown stays."""
        self._timer.stop()
        self._latest.drop()
        self._asked = None
        self._fade(True)

    def is_busy(self) -> bool:
        """Tell whether a preview is on its way."""
        return self._timer.isActive() or self._latest.is_busy()

    def shown(self) -> tuple[Request, list[Identification | None]] | None:
        """Return what is shown, and what was identified for it; None where nothing is, or it is outdated."""
        if self._request is None or self._known is None or self.layer() is None or self.is_busy():
            return None
        return self._request, self._known[1]

    def layer(self) -> Layer | None:
        """Return the layer of the preview; None where there is none in the viewer."""
        return self._layer if self._layer is not None and self._layer in self._viewer.layers else None

    def _fade(self, outdated: bool) -> None:
        """Let a preview that is outdated look so: pale, and its outline yellow."""
        layer = self.layer()
        if layer is not None:
            layer.opacity = _OUTDATED if outdated else 1.0
            colours = theme_colours(str(self._viewer.theme))
            layer.bounding_box.line_color = colours.warning if outdated else colours.accent

    def _remove(self) -> None:
        if self._layer is not None and self._layer in self._viewer.layers:
            self._viewer.layers.remove(self._layer)
        self._layer = None

    def _fail(self, error: Exception) -> None:
        # What is shown was made with other settings.
        self._remove()
        self.failed.emit(error)

    def _start(self) -> None:
        try:
            asked = self._ask() if self._ask is not None else None
        except DeepblurError as error:
            self._fail(error)
            return
        if asked is None:
            return
        layer, choice, settings, origins = asked
        axes = choice.axes.removesuffix("S")
        shape = full_resolution(layer).shape
        size = shape[axes.index("Y")], shape[axes.index("X")]
        region = (drawn_region(self._viewer, layer, axes) or visible_region(layer, axes)).within(size, LARGEST_SIDE)
        request = Request(
            str(layer.unique_id),
            Source.of(layer),
            choice,
            settings,
            origins,
            shown_frame(self._viewer, layer, axes),
            region,
        )
        if request.key() == self._asked:
            return
        self._fade(True)
        self.started.emit(region)
        self._asked, self._request = request.key(), request
        # How it is restored, and where, does not change what is identified.
        alike = settings.replace(restore=NetworkRestoration(), compute=Compute(size=settings.compute.size), assumed=())
        identifying = request.layer, choice, request.index, region, alike
        known = self._known[1] if self._known is not None and self._known[0] == identifying else None
        planned = self._planned
        self._latest.request(lambda: (request, identifying, *finished(compute_steps(request, known, planned))))

    def _show(self, result: tuple[Request, Any, list[Preview], tuple[Any, Plan]]) -> None:
        from napari.layers import Layer

        request, identifying, previews, self._planned = result
        if self._ask is None:
            return
        self._known = identifying, [part.result.identification for part in previews]
        data, arguments, kind = preview_layer(request, previews)
        old = self._layer
        if (
            old is not None
            and old in self._viewer.layers
            and old.rgb == arguments["rgb"]
            and old.ndim == _ndim(data, old)
        ):
            old.data = data
            old.translate = arguments["translate"]
            old.metadata = arguments["metadata"]
        else:
            self._remove()
            self._layer = Layer.create(data, arguments, kind)
            with selection_kept(self._viewer):
                self._viewer.add_layer(self._layer)
            # The edge of what was deblurred: without it nobody sees where the preview ends.
            self._layer.bounding_box.points = False
            self._layer.bounding_box.visible = True
        self._fade(False)
        self.ready.emit(previews[0])


def compute_steps(
    request: Request, known: list[Identification | None] | None, planned: tuple[Any, Plan] | None
) -> Generator[Progress | Part, None, tuple[list[Preview], tuple[Any, Plan]]]:
    """Deblur the region, of a colour image for each colour; with the plan of before where that is the same."""
    axes, colours = request.choice.axes, request.choice.colours
    array, indices = request.source.data, [request.index]
    if axes.endswith("S"):
        if colours == "luminance":
            array, axes = Luminance(array), axes.removesuffix("S")
        else:
            indices = [(*request.index, colour) for colour in range(len(LUMINANCE))]
    parts = []
    shape = (array.shape[axes.index("Y")], array.shape[axes.index("X")])
    file = request.settings.family_file
    # A family may have been calibrated again.
    key = request.settings, shape, None if file is None else file.stat().st_mtime_ns
    made = planned[1] if planned is not None and planned[0] == key else plan(request.settings, shape)
    here = made.of_channel(channel_of(axes, request.index))
    for number, index in enumerate(indices):
        plane = lazy_frame(array, axes, index)
        before = known[number] if known is not None else None
        steps = preview_steps(here, plane, request.region, before)
        parts.append((yield from one_of(steps, number, len(indices))))
    return parts, (key, made)


def preview_layer(request: Request, previews: list[Preview]) -> tuple[NDArray[Any], dict[str, Any], str]:
    """Return data, arguments and kind of the layer that lies over what was previewed."""
    from napari.utils.transforms import Affine

    axes = request.choice.axes.removesuffix("S")
    height, width = request.region.shape
    lengths = {"Y": height, "X": width}
    offsets = {"Y": request.region.top, "X": request.region.left} | dict(zip(leading(axes), request.index, strict=True))
    placement = request.source.placement
    to_world = Affine(**{name: placement[name] for name in ("scale", "translate", "rotate", "shear")})
    colours = len(previews) > 1
    shape = [lengths.get(letter, 1) for letter in axes]
    kind = request.source.data.dtype if colours and request.source.data.dtype.kind in "ui" else np.float32
    data = np.zeros([*shape, len(previews)], kind)
    for number, part in enumerate(previews):
        write_frame(data, axes + "S", (0,) * len(leading(axes)) + (number,), part.image)
    record = {**previews[0].result.settings, "preview": list(request.region)}
    if request.origins:
        record[ORIGINS_KEY] = request.origins
    arguments: dict[str, Any] = {
        "name": f"{request.source.name} preview",
        "metadata": {METADATA_KEY: record},
        "rgb": colours,
        **placement,
        "translate": to_world(np.array([offsets[letter] for letter in axes], dtype=float)),
    }
    if not request.source.colour:
        arguments |= request.source.appearance
    return data if colours else data[..., 0], arguments, "image"


def _ndim(data: NDArray[Any], layer: Layer) -> int:
    return data.ndim - int(layer.rgb)
