"""The preferences of this plugin in napari's own dialog, handed to the library as environment variables."""

from __future__ import annotations

import os

from napari_deepblur.devices import DEVICE_VARIABLE, MEMORY_VARIABLE
from napari_deepblur.io.weights_folders import FOLDER_VARIABLE

_PLUGIN = "napari-deepblur"

_OURS: dict[str, str] = {}
"""What was put into the environment here, and may be taken out again."""


def follow_preferences() -> None:
    """Let the preferences hold from now on, and whenever they are changed.

    The library, which the command line shares, reads environment variables and knows nothing of napari. A variable
    that was set outside wins over the preference.
    """
    from napari.settings import get_plugin_settings

    try:
        computing = get_plugin_settings(_PLUGIN).computing
    except KeyError:
        # Only a plugin that napari has found, and that is switched on, has preferences.
        return
    computing.events.connect(_apply)
    _apply()


def _apply(_event: object = None) -> None:
    """Put the preferences into the environment; empty ones, and a zero, leave the choice to the library."""
    from napari.settings import get_plugin_settings

    computing = get_plugin_settings(_PLUGIN).computing
    wanted = {
        DEVICE_VARIABLE: "" if computing.device == "auto" else computing.device,
        MEMORY_VARIABLE: f"{computing.tile_memory_gib:g}" if computing.tile_memory_gib else "",
        FOLDER_VARIABLE: computing.weights_folder.strip(),
    }
    for variable, value in wanted.items():
        if os.environ.get(variable, "") != _OURS.get(variable, ""):
            # Somebody has set it outside since.
            _OURS.pop(variable, None)
            if os.environ.get(variable):
                continue
        if value:
            os.environ[variable] = _OURS[variable] = value
        elif _OURS.pop(variable, None):
            del os.environ[variable]
