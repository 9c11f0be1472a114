"""A napari viewer with the Deblur dock in it, and networks that need no training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from napari.viewer import Viewer
from qtpy.QtCore import QThreadPool
from scipy.ndimage import gaussian_filter

from napari_deepblur.io.user_folder import user_folder
from napari_deepblur.io.weights import FOLDER_VARIABLE, save_weights
from napari_deepblur.networks import deblurring, identification
from napari_deepblur.networks.deblurring import DeblurringNetwork
from napari_deepblur.networks.identification import IdentificationNetwork
from napari_deepblur.widgets.deblur.dock import DeblurDock


@pytest.fixture(scope="session")
def untrained_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with untrained networks: what they say is nonsense, but they say it."""
    folder = tmp_path_factory.mktemp("weights")
    save_weights(folder / "identification-light.safetensors", IdentificationNetwork(identification.LIGHT), {})
    save_weights(folder / "deblurring-light.safetensors", DeblurringNetwork(deblurring.LIGHT), {})
    return folder


@pytest.fixture(autouse=True)
def user_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep what a user's own folder would be given in a folder of the test."""
    for name in ("XDG_CONFIG_HOME", "APPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "own"))
    return user_folder()


@pytest.fixture
def viewer(make_napari_viewer_proxy: Callable[..., Viewer]) -> Iterator[Viewer]:
    """Open a napari window that refuses to be changed from another thread; a widget left over fails the test."""
    yield make_napari_viewer_proxy(show=True, strict_qt="raise")
    QThreadPool.globalInstance().waitForDone()


@pytest.fixture
def dock(viewer: Viewer, untrained_weights: Path, monkeypatch: pytest.MonkeyPatch) -> DeblurDock:
    """Open the dock as the menu does."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(untrained_weights))
    _, widget = viewer.window.add_plugin_dock_widget("napari-deepblur", "Deblur")
    assert isinstance(widget, DeblurDock)
    return widget


@pytest.fixture
def cells() -> np.ndarray:
    """Make a plane of counts with structure at all scales that the optics pass."""
    rng = np.random.default_rng(7)
    plane = rng.uniform(0, 1, (96, 112)).cumsum(0).cumsum(1)
    points = gaussian_filter((rng.uniform(0, 1, plane.shape) > 0.98).astype(float), 1.2)
    plane = plane / plane.max() + points / points.max()
    return (100 + 900 * plane).astype(np.uint16)
