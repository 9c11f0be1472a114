"""napari-deepblur: estimate the blur of a microscope from one image, and remove it.

The public names are resolved when they are first used, so that `import napari_deepblur` is fast and does not
import torch: napari imports every plugin, and a command line should answer ``--help`` at once.
"""

import lazy_loader

_of_a_room, _, _names = lazy_loader.attach_stub(__name__, __file__)

__all__ = [*_names, "__version__"]


def _installed_version() -> str:
    """Return the version in the metadata of the installed distribution; pyproject.toml is its only source."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("napari-deepblur")
    except PackageNotFoundError:  # a source tree on the path that was never installed
        return "0+unknown"


def __getattr__(name: str) -> object:
    """Import a public name on first use, and keep it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name != "__version__":
        return _of_a_room(name)
    globals()[name] = _installed_version()
    return globals()[name]


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
