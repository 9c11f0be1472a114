"""What a dock computes with, torch above all, is loaded in another thread once its forms are there."""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_deepblur.progress import Progress
from napari_deepblur.widgets.workers import make_worker

_ASK_S = 0.1
"""How often a computation that waits says so, and may be cancelled."""

_goes_on = threading.Lock()
"""Held while something is loaded: two threads that import the same circles of modules may see them unfinished."""


DEBLURRING = (
    "napari_deepblur.io.psf_stacks",
    "napari_deepblur.operators.psf_maps",
    "napari_deepblur.pipeline.live",
    "napari_deepblur.pipeline.series.frames",
    "napari_deepblur.pipeline.volume_preview",
)
"""What runs, previews and files of the Deblur dock need, with all that these import."""

CALIBRATING = (
    "napari_deepblur.calibration.calibrate",
    "napari_deepblur.calibration.pupil.page",
    "napari_deepblur.calibration.pupil.retrieve",
    "napari_deepblur.calibration.report",
    "napari_deepblur.io.families",
    "napari_deepblur.io.psf_stacks",
)
"""The same of the Bead calibration dock."""


def load_for(
    dock: QObject,
    modules: Sequence[str],
    ask: Callable[[], Any] = bool,
    told: Callable[[Any], None] | None = None,
) -> None:
    """Load modules in another thread, once a dock is drawn; where they are there, nothing is left to do.

    Parameters
    ----------
    dock
        Who needs them.
    modules
        Their names.
    ask
        What is to be known of them, called in the thread that loads.
    told
        Called with the answer, in the thread of the window.
    """
    loader = _Loader(modules, ask, dock)
    if told is not None:
        loader.loaded.connect(told)
    loader.start()


class _Loader(QObject):
    """Loads modules in another thread, and then says so; at once, where they are there."""

    loaded = Signal(object)
    """What `ask` has returned."""

    def __init__(self, modules: Sequence[str], ask: Callable[[], Any], parent: QObject) -> None:
        super().__init__(parent)
        self._modules, self._ask = modules, ask

    def start(self) -> None:
        """Load, once the window has drawn what it has."""
        if all(name in sys.modules for name in self._modules) and not is_loading():
            self.loaded.emit(self._ask())
        else:
            QTimer.singleShot(0, self._load)

    def _load(self) -> None:
        # What cannot be loaded is said where it is needed: a run says what is wrong, the forms need nothing of it.
        worker = make_worker(_load, self._modules, self._ask)
        worker.returned.connect(self._end)
        worker.start()

    def _end(self, known: Any) -> None:
        if known is not None:
            self.loaded.emit(known)


def is_loading() -> bool:
    """Tell whether something is being loaded."""
    return _goes_on.locked()


def wait_for_loading() -> None:
    """Wait, in another thread than the window's, until nothing is loaded any more."""
    with _goes_on:
        pass


def loading_steps() -> Generator[Progress, None, None]:
    """Wait, as `wait_for_loading`, and say so."""
    while not _goes_on.acquire(timeout=_ASK_S):
        yield Progress("load", 0, 1)
    _goes_on.release()


@contextmanager
def uncollected() -> Iterator[None]:
    """Leave memory as it is: a full collection looks at every object, while nothing else in the program moves."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _load(modules: Sequence[str], ask: Callable[[], Any]) -> Any:
    with _goes_on, uncollected(), suppress(ImportError):
        load_torch_libraries()
        for name in modules:
            import_module(name)
        return ask()
    return None


def load_torch_libraries() -> None:
    """Load the libraries of torch without holding Python up; as torch's own import does it, the window stands still."""
    found = find_spec("torch")
    if found is None or found.origin is None or sys.platform == "win32":
        return
    folder, suffix = Path(found.origin).parent / "lib", ".dylib" if sys.platform == "darwin" else ".so"
    with suppress(OSError):
        # Who sees whose names is as torch has it.
        ctypes.CDLL(str(folder / f"libtorch_global_deps{suffix}"), mode=ctypes.RTLD_GLOBAL)
        ctypes.CDLL(str(folder / f"libtorch_cpu{suffix}"))
