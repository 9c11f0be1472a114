"""What napari hands to readers: one path, or several that were opened together."""

from __future__ import annotations

import os
from collections.abc import Sequence

Paths = str | Sequence[str]


def each_path(paths: Paths) -> Sequence[str]:
    """Return the paths one by one."""
    return [os.fspath(paths)] if isinstance(paths, str | os.PathLike) else paths
