"""Workers in other threads that outlive what listens to them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import cache
from inspect import isgeneratorfunction
from typing import TYPE_CHECKING, Any, overload

from qtpy.compat import isalive

if TYPE_CHECKING:
    from napari.qt.threading import FunctionWorker, GeneratorWorker


@overload
def make_worker(
    function: Callable[..., Generator[Any, None, Any]], *arguments: Any
) -> GeneratorWorker[Any, None, Any]: ...


@overload
def make_worker(function: Callable[..., Any], *arguments: Any) -> FunctionWorker[Any]: ...


def make_worker(function: Callable[..., Any], *arguments: Any) -> Any:
    """Make one of napari's workers, not yet started, that ends in silence where Qt has destroyed its signals.

    Docks, windows and the program may be closed while it computes. Qt then destroys the object that would tell them of
    the end, and the attempt to tell raises an error in a thread where nobody can catch it.

    Parameters
    ----------
    function
        Called in another thread; where it is a generator, what it yields is told.
    *arguments
        Its arguments.
    """
    from napari.qt.threading import create_worker

    kind = _kinds()[isgeneratorfunction(function)]
    return create_worker(function, *arguments, _start_thread=False, _worker_class=kind)


@cache
def _kinds() -> tuple[type[Any], type[Any]]:
    """Make the classes, for functions and for generators: napari is imported only now."""
    from napari.qt.threading import FunctionWorker, GeneratorWorker

    def quiet(base: Any, generates: bool) -> type[Any]:
        class Quiet(base):  # type: ignore[misc]
            def run(self) -> None:
                try:
                    base.run(self)
                except RuntimeError:
                    if isalive(self.signals):  # type: ignore[no-untyped-call]
                        raise
                finally:
                    if generates:
                        # Given up, it cleans up now and in its own thread, not whenever its memory is collected.
                        self._gen.close()

        return Quiet

    return quiet(FunctionWorker, False), quiet(GeneratorWorker, True)
