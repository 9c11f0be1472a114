"""What is said on standard error: lines of our own, one for each thing."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any


def one_line(message: object) -> str:
    """Write what is said on one line, without what steers a terminal: names in files are whatever a stranger wrote."""
    words = " ".join(str(message).split())
    # Halves of characters stay, which standard error writes as escapes.
    return "".join(
        sign if sign.isprintable() or "\ud800" <= sign <= "\udfff" else "\N{REPLACEMENT CHARACTER}" for sign in words
    )


def one_line_warnings() -> Callable[..., None]:
    """Return what shows warnings on a line of standard error each, those of the same words once."""
    said: set[str] = set()

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        # A microscope is made anew for each channel, and of each Python would show the warning.
        words = one_line(message)
        if words not in said:
            said.add(words)
            print(f"napari-deepblur: warning: {words}", file=sys.stderr)

    return show


def leave_out_foreign_logs() -> None:
    """Keep what libraries log, such as of a damaged file, off standard error: the diagnosis is ours.

    Where a program has set up logging, it stays as it is.
    """
    if logging.lastResort is not None:
        logging.lastResort.addFilter(_is_our_own)


def _is_our_own(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] == "napari_deepblur"
