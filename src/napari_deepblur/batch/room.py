"""Whether the disk has room for the results of many images, before the first of them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

from napari_deepblur.errors import DeepblurError, OutputError

_SAMPLED = 16
"""Images that are opened to find how large results are: in a queue of thousands they are much alike."""

_BYTES_PER_PIXEL = 4


def check_room(pairs: Sequence[tuple[Path, Path]], scene: str | None = None) -> None:
    """Raise an `OutputError` if all results together, uncompressed, are larger than what the disk has left.

    Parameters
    ----------
    pairs
        Images and their results, in one folder. Results that are there already take no more room.
    scene
        Which image of each file.
    """
    from napari_deepblur.io.open_image import open_image
    from napari_deepblur.io.output import lack_of_room

    missing = [(image, target) for image, target in pairs if not target.exists()]
    sizes = []
    for image, _ in missing[:: max(len(missing) // _SAMPLED, 1)]:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with open_image(image, scene) as opened:
                    sizes.append(opened.size * _BYTES_PER_PIXEL)
        except (DeepblurError, OSError):
            # Its turn will come, and say what is wrong with it.
            continue
    if not sizes:
        return
    reason = lack_of_room(missing[0][1].with_name("*"), sum(sizes) * len(missing) // len(sizes))
    if reason:
        raise OutputError(f"There are {len(missing)} results to come. {reason}")
