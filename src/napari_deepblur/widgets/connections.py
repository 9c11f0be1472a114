"""Connections from napari's events to widgets that may be closed before napari is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakMethod

from qtpy.QtCore import QObject


class Connections:
    """Connections that end with a widget, or another object of Qt.

    napari's events outlive a dock: calling a slot of a widget that Qt has destroyed would raise an error. The
    methods are held weakly, so that nothing here keeps the widget alive.

    Parameters
    ----------
    owner
        All connections are cut when Qt destroys this object.
    """

    def __init__(self, owner: QObject) -> None:
        self._made: list[tuple[Any, WeakMethod[Callable[..., None]]]] = []
        owner.destroyed.connect(self.close)

    def connect(self, emitter: Any, slot: Callable[..., None]) -> None:
        """Connect a bound method to an event emitter of napari."""
        emitter.connect(slot)
        self._made.append((emitter, WeakMethod(slot)))

    def disconnect(self, emitter: Any) -> None:
        """Cut what is connected to that emitter."""
        kept = []
        for made, slot in self._made:
            method = slot()
            # Not "is": napari may hand its emitters out in wrappers, which compare by what they wrap.
            if made != emitter:
                kept.append((made, slot))
            elif method is not None:
                emitter.disconnect(method)
        self._made = kept

    def close(self, *_: object) -> None:
        """Cut all."""
        for emitter, _slot in list(self._made):
            self.disconnect(emitter)
