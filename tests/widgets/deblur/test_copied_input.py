"""The copied text of a run reads a file that holds the pixels of the layer, or says what is to be saved."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from driving import child, run_to_the_end, status
from napari.viewer import Viewer
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtGui import QAction, QGuiApplication
from qtpy.QtWidgets import QComboBox, QPushButton

from napari_deepblur.cli import main
from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.images import read_image
from napari_deepblur.io.ome_tiff import write_ome_tiff
from napari_deepblur.optics import Microscope
from napari_deepblur.pipeline import DeblurSettings
from napari_deepblur.widgets.deblur.dock import DeblurDock

KNOWN = DeblurSettings(
    microscope=Microscope(na=1.3, wavelength_um=0.55, pixel_size_um=0.09, n_immersion=1.515),
    device="cpu",
    method="wiener",
    theta=(0.0,) * 8,
)

Open = Callable[[Viewer, NDArray[np.uint16]], None]


def copied(dock: DeblurDock, what: str = "command") -> tuple[str, str]:
    """Choose an entry of the menu; return what was copied, and what the dock says."""
    entry = child(dock, QPushButton, "more").findChild(QAction, what)
    assert entry is not None
    entry.trigger()
    board = QGuiApplication.clipboard()
    assert board is not None
    return board.text(), status(dock).text()


def of_two_images(viewer: Viewer, cells: NDArray[np.uint16]) -> None:
    with tifffile.TiffWriter("two.ome.tif", ome=True) as writer:
        writer.write(cells[::-1], metadata={"axes": "YX"})
        writer.write(cells, metadata={"axes": "YX"})
    viewer.open("two.ome.tif", plugin="napari-deepblur")


def of_the_first_image(viewer: Viewer, cells: NDArray[np.uint16]) -> None:
    of_two_images(viewer, cells)
    viewer.layers.clear()
    viewer.open("two.ome.tif", plugin="napari")


def of_a_relative_path(viewer: Viewer, cells: NDArray[np.uint16]) -> None:
    tifffile.imwrite("one.tif", cells)
    viewer.open("one.tif", plugin="napari")


def of_a_folder(viewer: Viewer, cells: NDArray[np.uint16]) -> None:
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group("cells.ome.zarr", mode="w", zarr_format=2)
    group.create_array("0", data=cells)
    axes = [{"name": letter, "type": "space"} for letter in "yx"]
    scale = [{"type": "scale", "coordinateTransformations": [], "scale": [1.0, 1.0]}]
    levels = [{"path": "0", "coordinateTransformations": scale}]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": levels}]
    viewer.open("cells.ome.zarr", plugin="napari-deepblur")


@pytest.mark.parametrize("opened", [of_two_images, of_the_first_image, of_a_relative_path, of_a_folder])
def test_the_command_reads_the_image_of_the_layer(
    qtbot: QtBot,
    viewer: Viewer,
    dock: DeblurDock,
    cells: NDArray[np.uint16],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    opened: Open,
) -> None:
    monkeypatch.chdir(tmp_path)
    opened(viewer, cells)
    child(dock, QComboBox, "layer").setCurrentIndex(len(viewer.layers) - 1)
    dock.setValue(KNOWN)
    run_to_the_end(qtbot, dock)
    result = viewer.layers.selection.active
    assert result is not None
    viewer.layers.selection.active = viewer.layers[0]
    python = copied(dock, "python")[0]
    text, said = copied(dock)
    assert "image.tif" not in text and "save it" not in said
    # Also from where else the shell may be.
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    words = shlex.split(text)[1:]
    assert main([*words, "--quiet"]) == 0
    np.testing.assert_array_equal(read_image(words[words.index("-o") + 1]), result.data)
    names: dict[str, Any] = {}
    exec(compile(python, "copied", "exec"), names)
    np.testing.assert_array_equal(names["restored"], result.data)


def given_other_data(viewer: Viewer, cells: NDArray[np.uint16]) -> None:
    tifffile.imwrite("one.tif", cells)
    (layer,) = viewer.open("one.tif", plugin="napari")
    layer.data = cells[::-1].copy()


def cropped(viewer: Viewer, cells: NDArray[np.uint16]) -> None:
    tifffile.imwrite("one.tif", cells)
    (layer,) = viewer.open("one.tif", plugin="napari")
    layer.data = layer.data[:80, :80]


def a_format_of_others(viewer: Viewer, cells: NDArray[np.uint16]) -> None:
    np.save("one.npy", cells)
    viewer.open("one.npy", plugin="napari")


def stacked(viewer: Viewer, cells: NDArray[np.uint16]) -> None:
    for number in range(2):
        tifffile.imwrite(f"plane {number}.tif", cells)
    viewer.open(["plane 0.tif", "plane 1.tif"], stack=True, plugin="napari")


def one_channel(viewer: Viewer, cells: NDArray[np.uint16]) -> None:
    write_ome_tiff("two.ome.tif", np.stack([cells, cells[::-1]]), Acquisition(axes="CYX"))
    (layer,) = viewer.open("two.ome.tif", plugin="napari-deepblur")
    layer.data = layer.data[0]


@pytest.mark.parametrize("opened", [given_other_data, cropped, a_format_of_others, stacked, one_channel])
def test_pixels_that_no_file_holds_are_to_be_saved(
    viewer: Viewer,
    dock: DeblurDock,
    cells: NDArray[np.uint16],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    opened: Open,
) -> None:
    monkeypatch.chdir(tmp_path)
    opened(viewer, cells)
    dock.setValue(KNOWN)
    for what in ("command", "python"):
        text, said = copied(dock, what)
        assert "image.tif" in text
        assert "save it under this name" in said and "no file yet" not in said


def test_all_of_a_small_series_is_compared(
    viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16], tmp_path: Path
) -> None:
    file = tmp_path / "series.ome.tif"
    write_ome_tiff(file, np.stack([cells] * 5), Acquisition(axes="TYX"))
    (layer,) = viewer.open(file, plugin="napari-deepblur")
    dock.setValue(KNOWN)
    assert str(file) in copied(dock)[0]
    layer.data[1, 3, 4] += 1
    assert str(file) not in copied(dock)[0]
