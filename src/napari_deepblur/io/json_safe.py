"""Records as JSON knows them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def json_safe(value: Any) -> Any:
    """Replace what JSON has no number for, infinity and NaN, by null, in whatever holds it.

    Halves of characters, which stand for the bytes of names that are no Unicode, are written as escapes (`in_unicode`).

    Parameters
    ----------
    value
        Numbers, texts, and lists and mappings of these.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str):
        return in_unicode(value)
    if isinstance(value, Mapping):
        return {json_safe(key): json_safe(part) for key, part in value.items()}
    return [json_safe(part) for part in value] if isinstance(value, list | tuple) else value


def in_unicode(text: str) -> str:
    r"""Write what is half a character, as in names of files that are not Unicode, as an escape such as ``\udcff``."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
