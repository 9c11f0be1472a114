"""The sample image in the File menu."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtWidgets import QPushButton

from napari_deepblur.errors import ImageError
from napari_deepblur.io.images import write_tiff
from napari_deepblur.samples import sample_microscope
from napari_deepblur.widgets import samples
from napari_deepblur.widgets.deblur.dock import DeblurDock
from napari_deepblur.widgets.layers import pixel_size, refusal
from napari_deepblur.widgets.notice import Notice
from napari_deepblur.widgets.samples import load_sample


def test_the_sample_in_the_package_is_a_plane_with_a_pixel_size(
    make_napari_viewer_proxy: Callable[..., Viewer],
) -> None:
    (layer,) = make_napari_viewer_proxy().open_sample("napari-deepblur", "sample")
    assert refusal(layer) == ""
    size_um = pixel_size(layer).size_um
    assert size_um is not None
    assert 0.01 < size_um < 1
    assert min(layer.data.shape) >= 128


def test_scale_and_units_come_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.arange(24, dtype=np.float32).reshape(4, 6)
    write_tiff(tmp_path / "cells.tif", image, pixel_size_um=0.065)
    monkeypatch.setattr(samples, "sample_path", lambda: tmp_path / "cells.tif")
    (data,) = load_sample()
    layer = Layer.create(*data)
    np.testing.assert_array_equal(layer.data, image)
    assert layer.name == "cells"
    assert pixel_size(layer).size_um == pytest.approx(0.065, rel=1e-4)


def test_a_missing_sample_is_said_to_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "sample_path", lambda: tmp_path / "cells.tif")
    with pytest.raises(ImageError, match=r"no image file .*cells\.tif"):
        load_sample()


def test_the_dock_is_ready_as_soon_as_the_sample_is_open(viewer: Viewer, dock: DeblurDock) -> None:
    viewer.open_sample("napari-deepblur", "sample")
    assert dock.value().microscope == sample_microscope()
    button, origin = dock.findChild(QPushButton, "run"), dock.findChild(Notice, "pixel_size_origin")
    assert button is not None
    assert origin is not None
    assert button.isEnabled()
    assert origin.text() == "Microscope and pixel size from 'nuclei'."


def test_the_beads_are_a_stack_with_its_spacing(make_napari_viewer_proxy: Callable[..., Viewer]) -> None:
    (layer,) = make_napari_viewer_proxy().open_sample("napari-deepblur", "beads")
    assert layer.data.shape == (3, 200, 200)
    np.testing.assert_allclose(layer.scale, (0.2, 0.065, 0.065))
    assert refusal(layer) == ""


def test_the_simulated_field_is_blurred_and_noisy(make_napari_viewer_proxy: Callable[..., Viewer]) -> None:
    sharp, layer = make_napari_viewer_proxy().open_sample("napari-deepblur", "field")
    assert layer.data.shape == sharp.data.shape == (512, 512)
    assert not sharp.visible
    assert layer.data.min() > 50
    # Blur takes contrast away, and noise is there.
    assert layer.data.std() < 0.9 * sharp.data.std()
    assert np.diff(layer.data[:, 200:300], axis=0).std() > 10
    np.testing.assert_array_equal(samples.load_field()[1][0], layer.data)
