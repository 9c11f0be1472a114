"""The preferences in napari's dialog reach the library, and yield to the environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from napari.settings import get_plugin_settings
from npe2 import DynamicPlugin, PluginManifest

import napari_deepblur
from napari_deepblur.devices import DEVICE_VARIABLE, resolve_device
from napari_deepblur.io.weights import FOLDER_VARIABLE
from napari_deepblur.restoration.restore import MEMORY_VARIABLE
from napari_deepblur.widgets import preferences
from napari_deepblur.widgets.preferences import follow_preferences

MANIFEST = Path(napari_deepblur.__file__).parent / "napari.yaml"
VARIABLES = (DEVICE_VARIABLE, MEMORY_VARIABLE, FOLDER_VARIABLE)


@pytest.fixture
def computing(plugin_settings: None, npe2pm: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Preferences in a file of this test, and an environment without variables of ours."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(preferences, "_OURS", {})
    npe2pm.register(PluginManifest.from_file(MANIFEST))
    yield get_plugin_settings("napari-deepblur").computing
    for variable in VARIABLES:
        os.environ.pop(variable, None)


def test_untouched_preferences_leave_everything_to_the_library(computing: Any) -> None:
    follow_preferences()
    assert not set(VARIABLES) & set(os.environ)


def test_preferences_hold_at_once_and_can_be_taken_back(computing: Any, tmp_path: Path) -> None:
    follow_preferences()
    computing.device = "cpu"
    computing.tile_memory_gib = 2.5
    computing.weights_folder = str(tmp_path)
    assert [os.environ[variable] for variable in VARIABLES] == ["cpu", "2.5", str(tmp_path)]
    assert resolve_device("auto").type == "cpu"
    computing.device = "auto"
    computing.tile_memory_gib = 0
    computing.weights_folder = ""
    assert not set(VARIABLES) & set(os.environ)


def test_preferences_are_kept_in_a_file(computing: Any) -> None:
    computing.tile_memory_gib = 3
    file = get_plugin_settings("napari-deepblur").config_path
    assert "tile_memory_gib: 3" in file.read_text(encoding="utf-8")


def test_the_environment_wins(computing: Any) -> None:
    os.environ[FOLDER_VARIABLE] = "given"
    follow_preferences()
    computing.weights_folder = "preferred"
    assert os.environ[FOLDER_VARIABLE] == "given"
    # Also where it is set later, over a preference that held until then.
    computing.device = "cpu"
    os.environ[DEVICE_VARIABLE] = "cuda:1"
    computing.device = "cuda:0"
    assert os.environ[DEVICE_VARIABLE] == "cuda:1"


def test_nonsense_is_refused_by_the_dialog(computing: Any) -> None:
    with pytest.raises(ValueError, match="abacus"):
        computing.device = "abacus"
    with pytest.raises(ValueError, match="greater than or equal to 0"):
        computing.tile_memory_gib = -1


def test_a_plugin_that_is_switched_off_has_no_preferences(
    plugin_settings: None, npe2pm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(DEVICE_VARIABLE, raising=False)
    with DynamicPlugin("another", plugin_manager=npe2pm):
        follow_preferences()
    assert DEVICE_VARIABLE not in os.environ
