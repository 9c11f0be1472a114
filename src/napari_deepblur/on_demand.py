"""Rooms whose names are imported when they are first used, so that a room may be entered for a small thing.

    if TYPE_CHECKING:
        from napari_deepblur.optics.microscope import Microscope
    else:
        __getattr__, __dir__ = on_demand(__name__, {"napari_deepblur.optics.microscope": ("Microscope",)})

Who asks the room of the optics for a `Microscope` does not load torch, which its PSFs need.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any


def on_demand(
    package: str, homes: Mapping[str, Iterable[str]]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return what a package needs to import its names when they are first used: its `__getattr__` and `__dir__`.

    Parameters
    ----------
    package
        The name of the package.
    homes
        The names that it has from each module.
    """
    home = {name: module for module, names in homes.items() for name in names}
    room = sys.modules[package]

    class Room(ModuleType):
        def __setattr__(self, name: str, value: Any) -> None:
            # Python gives a package each of its modules that was imported. A name of the room stays that name's:
            # the room of the optics has a function `transfer`, which is in a module of the same name.
            if name not in home or not isinstance(value, ModuleType):
                super().__setattr__(name, value)

    def resolved(name: str) -> object:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(home[name]), name)
        setattr(room, name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(room), *home})

    room.__class__ = Room
    return resolved, names
