"""What a format of image files is to the door that opens them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_deepblur.errors import ImageError
from napari_deepblur.io.lazy_image import LazyImage

Scene = int | str | None
"""Which image of a file: its index from 0, or its name; None where there is only one."""


@dataclass(frozen=True)
class Format:
    """A format of image files.

    Attributes
    ----------
    name
        Such as ``"CZI"``.
    knows
        Tells from the first bytes of a file, and its path, whether it is of this format.
    scenes
        Names of the images of a file.
    opened
        Opens one of them.
    """

    name: str
    knows: Callable[[bytes, Path], bool]
    scenes: Callable[[Path], Sequence[str]]
    opened: Callable[[Path, Scene], LazyImage]


def chosen(source: Path, names: Sequence[str], scene: Scene, among: Sequence[int] = ()) -> int:
    """Return the index of the image that is meant; never the first where there are several.

    Parameters
    ----------
    source
        The file.
    names
        Names of its images.
    scene
        As asked for.
    among
        Those that come into question where nobody asked; all of them by default.

    Raises
    ------
    ImageError
        If there is no such image, or several and none was chosen: with the list of them.
    """
    listed = ", ".join(f"{index} '{name}'" for index, name in enumerate(names[:20]))
    listed += f" and {len(names) - 20} more" if len(names) > 20 else ""
    if not names:
        raise ImageError(f"{source} holds no image.")
    if scene is None:
        left = list(among) or list(range(len(names)))
        if len(left) > 1:
            raise ImageError(
                f"{source} holds {len(left)} images: {listed}. Choose one by its number or name, with --scene in the "
                "shell or scene= in Python."
            )
        return left[0]
    if isinstance(scene, str) and list(names).count(scene) == 1:
        return list(names).index(scene)
    try:
        index = int(scene)
    except ValueError:
        index = -1
    if not 0 <= index < len(names):
        raise ImageError(f"{source} has no image {scene!r}. It holds {listed}.")
    return index
