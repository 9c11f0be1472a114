"""Values of the wrong kind, as JSON files have them: text and truth values where numbers belong."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from napari_deepblur.errors import SettingsError


def check_kind(annotation: Any, value: object, name: str) -> None:
    """Raise a `SettingsError` if a value is no number where a number belongs; pydantic would make one of it.

    Parameters
    ----------
    annotation
        Type of the field. No setting is a truth value: true is not 1.
    value
        As given. Mappings are looked into where they describe a dataclass; other models check their own.
    name
        What it is called.
    """
    if isinstance(value, bool | np.bool_):
        raise SettingsError(f"{name} is {str(bool(value)).lower()}, which is no number and no text")
    if isinstance(value, str):
        kinds, words = _kinds(annotation)
        if str not in kinds and kinds & {int, float} and value not in words:
            raise SettingsError(f"{name} is the text {value!r}, expected a number: write it without quotation marks")
    elif isinstance(value, list | tuple):
        for one in value:
            check_kind(annotation, one, name)
    elif isinstance(value, Mapping):
        for model in (one for one in _kinds(annotation)[0] if dataclasses.is_dataclass(one)):
            hints = get_type_hints(model)
            for own, one in value.items():
                check_kind(hints.get(own, Any), one, f"{name}.{own}")


def _kinds(annotation: Any) -> tuple[set[Any], set[Any]]:
    """Return the types that an annotation names, inside of tuples too, and the words that it allows."""
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return {type(one) for one in inside if not isinstance(one, str)}, {
            one for one in inside if isinstance(one, str)
        }
    if origin is Annotated:
        return _kinds(inside[0])
    if origin in (Union, types.UnionType, tuple):
        found = [_kinds(one) for one in inside]
        return set().union(*(kinds for kinds, _ in found)), set().union(*(words for _, words in found))
    return {annotation}, set()
