"""Records as JSON knows them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def json_safe(value: Any) -> Any:
    """Replace what JSON has no number for, infinity and NaN, by null, in whatever holds it.

    Parameters
    ----------
    value
        Numbers, texts, and lists and mappings of these.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: json_safe(part) for key, part in value.items()}
    return [json_safe(part) for part in value] if isinstance(value, list | tuple) else value
