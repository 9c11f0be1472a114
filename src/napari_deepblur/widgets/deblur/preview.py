"""The preview: the visible part of an image, or a drawn rectangle, deblurred in place as settings change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_deepblur.errors import DeepblurError
from napari_deepblur.io.axes import leading
from napari_deepblur.pipeline.methods import NetworkRestoration
from napari_deepblur.pipeline.parts import Compute
from napari_deepblur.progress import finished
from napari_deepblur.widgets.colours import theme_colours
from napari_deepblur.widgets.deblur.previewed import Request, previewed_steps
from napari_deepblur.widgets.deblur.shown_part import drawn_region, shown_frame, visible_region
from napari_deepblur.widgets.latest import Latest
from napari_deepblur.widgets.layers import Source, full_resolution, selection_kept

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_deepblur.identification.results import Identification
    from napari_deepblur.widgets.deblur.previewed import Known, Planned, Previewed
    from napari_deepblur.widgets.deblur.wanted import Ask, Wanted

LARGEST_SIDE, LARGEST_OF_VOLUME = 512, 128
"""Pixels of a preview along each side, at most: more would not be there in a second or two, of a volume in a minute."""

_OUTDATED = 0.35
"""Opacity of a preview that is being made again."""

_QUIET_MS = 150
"""A preview begins when nothing has changed for so long."""


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
    """A `Previewed` was shown."""
    waiting = Signal()
    """There can be no run now: what is shown is outdated, and stays so."""
    failed = Signal(object)
    """The exception that there was instead."""

    def __init__(self, viewer: Viewer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layer: Layer | None = None
        self._ask: Ask | None = None
        self._asked: tuple[Any, ...] | None = None
        self._request: Request | None = None
        self._placed: tuple[Any, ...] = ()
        self._read: tuple[Any, int] = (None, 0)
        self._known: tuple[Any, Known] | None = None
        self._planned: Planned | None = None
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
        self._read = None, 0
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
        """Return the planes that are shown, and what was identified for them; None where none are, or outdated ones."""
        if self._asked is None or self._request is None or self._known is None or self.layer() is None:
            return None
        if self.is_busy():
            return None
        known = self._known[1]
        return (self._request, known) if isinstance(known, list) else None

    def is_of_planes(self) -> bool:
        """Tell whether planes are shown, and no volume, be it that they are looked at again."""
        return self.layer() is not None and self._known is not None and isinstance(self._known[1], list)

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
            if asked is None:
                self._wait()
            else:
                self._request_of(asked)
        except DeepblurError as error:
            self._latest.drop()
            self._asked = None
            self._fail(error)

    def _wait(self) -> None:
        """Show that what is seen does not belong to what the forms say."""
        self._latest.drop()
        # What was asked for last may be asked for again.
        self._asked = None
        self._fade(True)
        self.waiting.emit()

    def _request_of(self, asked: Wanted) -> None:
        """Have computed what is asked for, where that is something else than before."""
        layer, choice, settings, origins = asked
        axes = choice.axes.removesuffix("S")
        shape = full_resolution(layer).shape
        size = shape[axes.index("Y")], shape[axes.index("X")]
        largest = LARGEST_OF_VOLUME if choice.planes == "volume" else LARGEST_SIDE
        region = (drawn_region(self._viewer, layer, axes) or visible_region(layer, axes)).within(size, largest)
        index = shown_frame(self._viewer, layer, axes)
        if choice.planes == "volume":
            # All planes are shown, wherever the slider stands.
            index = tuple(0 if letter == "Z" else i for letter, i in zip(leading(axes), index, strict=True))
        request = Request(
            str(layer.unique_id),
            Source.of(layer),
            choice,
            settings,
            origins,
            index,
            region,
            self._version(full_resolution(layer)),
        )
        if request.key() == self._asked:
            return
        self._fade(True)
        self.started.emit(region)
        self._asked, self._request = request.key(), request
        # How it is restored, and where, does not change what is identified.
        alike = settings.replace(restore=NetworkRestoration(), compute=Compute(size=settings.compute.size), assumed=())
        identifying = request.layer, request.version, choice, request.index, region, alike
        known = self._known[1] if self._known is not None and self._known[0] == identifying else None
        planned = self._planned
        self._latest.request(lambda: (identifying, *finished(previewed_steps(request, known, planned))))

    def _version(self, data: Any) -> int:
        """Count the arrays that were asked for: a layer may be given another."""
        read, number = self._read
        if read is not data:
            number += 1
        self._read = data, number
        return number

    def _show(self, result: tuple[Any, Previewed, Planned | None]) -> None:
        from napari.layers import Layer

        identifying, previewed, self._planned = result
        if self._ask is None or self._request is None:
            return
        self._known = identifying, previewed.known
        data, arguments, kind = previewed.layer
        old = self._layer
        if (
            old is not None
            and old in self._viewer.layers
            and self._placed == self._request.place()
            and old.rgb == arguments["rgb"]
            and old.ndim == _ndim(data, old)
        ):
            old.data = data
            old.translate = arguments["translate"]
            old.metadata = arguments["metadata"]
        else:
            self._remove()
            self._placed = self._request.place()
            self._layer = Layer.create(data, arguments, kind)
            with selection_kept(self._viewer):
                self._viewer.add_layer(self._layer)
            # The edge of what was deblurred: without it nobody sees where the preview ends.
            self._layer.bounding_box.points = False
            self._layer.bounding_box.visible = True
        self._fade(False)
        self.ready.emit(previewed)


def _ndim(data: NDArray[Any], layer: Layer) -> int:
    return data.ndim - int(layer.rgb)
