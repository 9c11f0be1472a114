"""The settings as a table: what the options of the command line and the page about them are made from.

The options are read from a table in the package, so that ``--help`` answers at once: their models would import
pydantic and torch. ``python docs/settings_tables.py`` makes it anew from the fields; a test compares the two.
"""

from __future__ import annotations

import json
import types
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

if TYPE_CHECKING:
    from napari_deepblur.pipeline.options import Option

FILE = "options.json"

GROUPS = {
    "microscope": "microscope (what the file says, unless --settings are given; else the defaults)",
    "blur": "blur",
    "noise": "noise",
    "restore": "restoration",
    "compute": "computation",
}
"""Titles of the parts of the settings."""


def stored() -> list[dict[str, Any]]:
    """Return the table in the package: a row for each option, in their order."""
    rows: list[dict[str, Any]] = json.loads((files("napari_deepblur") / "cli" / FILE).read_text(encoding="utf-8"))
    return rows


def made() -> list[dict[str, Any]]:
    """Make the table from the fields of the settings."""
    from napari_deepblur.pipeline.options import options

    return [_row(option) for option in options()]


def as_markdown(rows: list[dict[str, Any]]) -> str:
    """Write the table as a page of the documentation has it."""
    lines = []
    for group in GROUPS:
        lines += ["", f"## {group.capitalize()}", "", "| option | what it is | unit | default |", "|---|---|---|---|"]
        for row in rows:
            if row["group"] == group:
                only = f" (only {', '.join(row['variants'])})" if row["variants"] else ""
                name = f"`--{row['name'].replace('_', '-')}`"
                lines.append(f"| {name} | {row['description']}{only} | {row['unit']} | {row['default']} |")
    return "\n".join(lines[1:]) + "\n"


def _row(option: Option) -> dict[str, Any]:
    kinds, words, count = _values(option.annotation)
    if option.name == "family":
        kinds, words = ["str"], []
    if "several" in option.more:
        count = "list"
    description = ", ".join(filter(None, [option.description, option.more.get("several")]))
    return {
        "name": option.name,
        "group": option.part,
        "description": description,
        "unit": option.unit,
        "default": str(option.more.get("assumed", _in_words(option.default))),
        "kind": kinds[0] if kinds else "str",
        "words": [word for word in words if kinds],
        "count": "+" if option.name == "theta" else count,
        "metavar": option.more.get("metavar"),
        "deblurs_only": bool(option.more.get("deblurs_only")),
        "variants": list(option.variants),
    }


def _values(annotation: Any) -> tuple[list[str], list[str], Any]:
    """Return the types of the numbers or texts that an option takes, its words, and how many there are."""
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _values(inside[0])
    if origin is Literal:
        numbers = [type(value).__name__ for value in inside if not isinstance(value, str)]
        return numbers[:1], [value for value in inside if isinstance(value, str)], None
    if origin is tuple:
        kinds, _, _ = _values(inside[0])
        return kinds, [], "list" if inside[-1] is Ellipsis else len(inside)
    if origin in (Union, types.UnionType):
        parts = [_values(part) for part in inside if part is not type(None)]
        words = [word for _, of_part, _ in parts for word in of_part]
        words += ["none"] if type(None) in inside and words else []
        counts = [count for _, _, count in parts if count is not None]
        return [kind for kinds, _, _ in parts for kind in kinds], words, counts[0] if counts else None
    return [annotation.__name__], [], None


def _in_words(default: Any) -> str:
    if default is None:
        return "none"
    if isinstance(default, tuple):
        longer = len(default) > 2 and default == tuple(range(default[0], default[-1] + 1))
        return f"{default[0]}-{default[-1]}" if longer else " ".join(map(str, default))
    return f"{default:g}" if isinstance(default, float) else str(default)
