"""Results that are there already, and need not be made again."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_WORDS = {
    "source": "another state of the image",
    "settings": "other settings",
    "asked": "other options",
    "files": "other weights, or another file of the blur",
    "version": "another version of the program",
}
"""What the parts of `made_of` are called."""


def is_up_to_date(target: Path, made_of: Mapping[str, Any], say: Callable[[str], object]) -> bool:
    """Tell whether a result is whole, and made of the same; say what differs where it is of this program.

    Parameters
    ----------
    target
        The result, if there is one.
    made_of
        What it would be made of now.
    say
        Called with a sentence on what differs.
    """
    from napari_deepblur.io.claims import Claim, leftovers, partial_folder
    from napari_deepblur.io.records import origin_in, record_in
    from napari_deepblur.io.sinks.stored import remove_begun

    record = record_in(target) if target.exists() else None
    if record is None:
        return False
    found = origin_in(record) or {}
    differing = [words for part, words in _WORDS.items() if found.get(part) != made_of[part]]
    if not made_of["source"] and not differing:
        # What could not be hashed may be anything.
        differing = [_WORDS["source"]]
    if not differing and _is_whole(target):
        if leftovers(target) or partial_folder(target).exists():
            claim = Claim(target)
            claim.take()
            remove_begun(target, made_of)
            claim.give_back()
        return True
    why = "damaged" if not differing else f"of {' and '.join(differing)}" if found else "of unknown origin"
    say(f"{target} is {why}, and is made again.")
    return False


def is_spread_of(spread: Path, target: Path, say: Callable[[str], object]) -> bool:
    """Tell whether a file is the whole spread of the run that made a result; say so where it is not.

    Parameters
    ----------
    spread
        The file, if there is one.
    target
        The result.
    say
        Called with a sentence.
    """
    from napari_deepblur.io.records import record_in, without_origin

    own, of_result = (record_in(path) if path.exists() else None for path in (spread, target))
    # It is the record of its run, and what it shows.
    same = own is not None and of_result is not None and own == {**without_origin(of_result), "shows": own.get("shows")}
    if same and _is_whole(spread):
        return True
    say(f"{spread} is not there, or not the spread of {target}: both are made again.")
    return False


def _is_whole(target: Path) -> bool:
    """Open a result, which compares what it promises with what is there."""
    from napari_deepblur.errors import ImageError
    from napari_deepblur.io.open_image import open_image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            open_image(target, 0).close()
    except (ImageError, Warning):
        return False
    return True
