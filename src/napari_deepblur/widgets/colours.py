"""The colours that the widgets draw with, taken from napari's theme."""

from __future__ import annotations

from typing import NamedTuple


class Colours(NamedTuple):
    """Colours of one theme, as ``#rrggbb``.

    Attributes
    ----------
    background, text
        Of the dock.
    faint
        Grid lines and explanations.
    accent
        Bars.
    good, warning, error
        Text of messages; dark enough, or light enough, to be read on the background.
    """

    background: str
    text: str
    faint: str
    accent: str
    good: str
    warning: str
    error: str


def theme_colours(theme: str) -> Colours:
    """Colours for the napari theme of that name.

    napari's own ``warning`` and ``error`` are meant for icons and cannot be read as text: red on dark grey, yellow on
    light grey.
    """
    from napari.utils.theme import get_theme

    chosen = get_theme(theme)
    dark = chosen.type == "dark"
    return Colours(
        background=chosen.background.as_hex(format="long"),
        text=chosen.text.as_hex(format="long"),
        faint="#9aa1ab" if dark else "#66635f",
        accent="#6f9bff" if dark else "#3457c8",
        good="#7fd18b" if dark else "#1d6b2a",
        warning="#f0c649" if dark else "#7a4f00",
        error="#ff8080" if dark else "#b3001b",
    )


def message_style(colours: Colours) -> str:
    """Style sheet that colours every `Notice` below the widget that it is set on."""
    return "".join(
        f'QLabel[level="{level}"] {{ color: {colour}; }}'
        for level, colour in (
            ("note", colours.faint),
            ("good", colours.good),
            ("warning", colours.warning),
            ("error", colours.error),
        )
    )
