"""Microscopes with names: saved, chosen, shared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from driving import MICROMETRES, child, choose, status, write
from napari.viewer import Viewer
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QFileDialog, QInputDialog, QMessageBox

from napari_deepblur.pipeline.named_microscopes import FOLDER_VARIABLE, named_microscopes
from napari_deepblur.widgets.deblur.dock import DeblurDock
from napari_deepblur.widgets.deblur.preset_form import PresetForm
from napari_deepblur.widgets.layers import METADATA_KEY
from napari_deepblur.widgets.microscope_form import MicroscopeForm
from napari_deepblur.widgets.notice import Notice


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "microscopes"))


def click(dock: DeblurDock, name: str) -> str:
    """Click an entry of the menu, and return what the form says."""
    entry = child(dock, QAction, name)
    entry.trigger()
    return str(child(dock, Notice, "preset_notice").text())


def choose_microscope(qtbot: QtBot, dock: DeblurDock, name: str) -> None:
    """Choose it with the keyboard, as a user may."""
    box = child(dock, QComboBox, "preset")
    assert box.findText(name) >= 0
    while box.currentText() != name:
        qtbot.keyClick(box, Qt.Key.Key_Down)


def test_a_microscope_is_saved_and_chosen_for_another_image(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16], monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer.add_image(cells, name="bare")
    write(qtbot, child(dock, QDoubleSpinBox, "na"), "1.3")
    write(qtbot, child(dock, QDoubleSpinBox, "pixel_size_um"), "80 nm")
    choose(dock, "noise_mode", "given")
    child(dock, QDoubleSpinBox, "alpha").setValue(2.5)
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: ("my 100x", True))
    assert "Saved 'my 100x'" in click(dock, "save_preset")
    write(qtbot, child(dock, QDoubleSpinBox, "na"), "0.5")
    choose(dock, "noise_mode", "estimate")

    other = viewer.add_image(cells, name="other", **MICROMETRES)
    combo = child(dock, QComboBox, "layer")
    combo.setCurrentIndex(combo.findText(other.name))
    assert child(dock, QComboBox, "preset").currentText() == "not named"
    choose_microscope(qtbot, dock, "my 100x")
    value, form = dock.value(), child(dock, MicroscopeForm)
    assert (value.optics.na, value.noise.alpha) == (1.3, 2.5)
    # The layer knows its pixels better.
    assert value.optics.pixel_size_um == 0.1
    assert "has pixels of 0.08 µm, the image 0.1 µm" in child(dock, Notice, "pixel_size_origin").text()
    assert form.origins() == {
        "na": "preset",
        "n_immersion": "preset",
        "wavelength_um": "preset",
        "pixel_size_um": "file",
    }
    # A number that is changed is no longer that of the preset, and the choice is that of this image.
    write(qtbot, child(dock, QDoubleSpinBox, "na"), "1.2")
    assert form.origins()["na"] == "typed" and child(dock, QComboBox, "preset").currentText() == "my 100x"
    combo.setCurrentIndex(combo.findText("bare"))
    assert dock.value().optics.na == 0.5 and child(dock, QComboBox, "preset").currentText() == "not named"


def test_numbers_of_no_named_microscope_are_not_said_to_be_of_one(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16], monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata = {METADATA_KEY: {"acquisition": {"na": 1.1, "origins": {"na": "file"}}}}
    viewer.add_image(cells, name="image", metadata=metadata, **MICROMETRES)
    form, box = child(dock, MicroscopeForm), child(dock, QComboBox, "preset")
    write(qtbot, child(dock, QDoubleSpinBox, "na"), "1.3")
    write(qtbot, child(dock, QDoubleSpinBox, "wavelength_um"), "600 nm")
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: ("my 100x", True))
    click(dock, "save_preset")
    box.setCurrentIndex(0)
    choose_microscope(qtbot, dock, "my 100x")
    assert set(form.origins().values()) == {"preset", "file"} and dock.value().optics.na == 1.3
    write(qtbot, child(dock, QDoubleSpinBox, "n_immersion"), "1.4")
    while box.currentText() != "not named":
        qtbot.keyClick(box, Qt.Key.Key_Up)
    # What the image states comes back, what was typed since stays, and nobody states the rest.
    assert box.currentText() == "not named"
    assert form.origins() == {
        "na": "file",
        "n_immersion": "typed",
        "wavelength_um": "assumed",
        "pixel_size_um": "file",
    }
    value = dock.value()
    assert (value.optics.na, value.optics.n_immersion, value.optics.wavelength_um) == (1.1, 1.4, 0.6)
    assert value.assumed == ("wavelength_um",)
    assert "avelength is taken over from 'my 100x': check it." in child(dock, Notice, "optics_origin").text()


def test_a_pixel_size_that_no_microscope_has_is_not_written(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    layer = viewer.add_image(cells, name="image")
    write(qtbot, child(dock, QDoubleSpinBox, "na"), "1.7")
    click(dock, "write_scale")
    assert tuple(layer.scale) == (1, 1)
    assert "NA 1.7 is larger" in status(dock).text()


def test_a_microscope_is_shared_as_a_file_and_removed(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(qtbot, child(dock, QDoubleSpinBox, "na"), "1.25")
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: ("60x / water", True))
    click(dock, "save_preset")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "shared"), ""))
    assert "shared.microscope.json" in click(dock, "share_preset")
    box = child(dock, QComboBox, "preset")
    choose_microscope(qtbot, dock, "60x / water")
    click(dock, "remove_preset")
    assert named_microscopes() == {} and box.count() == 1
    assert "there is none to remove" in click(dock, "remove_preset")
    file = next(tmp_path.glob("shared*"))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(file), ""))
    click(dock, "open_preset")
    assert dock.value().optics.na == 1.25
    file.write_text("{}", encoding="utf-8")
    assert "holds no microscope" in click(dock, "open_preset")


def test_the_pixel_size_is_written_to_the_layer(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16]
) -> None:
    layer = viewer.add_image(np.stack([cells, cells]), name="film", axis_labels=("t", "y", "x"), scale=(2, 1, 1))
    write(qtbot, child(dock, QDoubleSpinBox, "pixel_size_um"), "0.09")
    click(dock, "write_scale")
    np.testing.assert_allclose(layer.scale, (2, 0.09, 0.09))
    assert [str(unit) for unit in layer.units][1:] == ["micrometer", "micrometer"]
    assert child(dock, MicroscopeForm).origins()["pixel_size_um"] == "file"
    assert dock.value().optics.pixel_size_um == 0.09


def test_no_microscope_takes_the_place_of_another_unasked(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shared.microscope.json"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(shared), ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(shared), ""))
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, text, **__: (text, True))
    asked: list[str] = []

    def answer(_parent: object, _title: str, words: str) -> QMessageBox.StandardButton:
        asked.append(words)
        return QMessageBox.StandardButton.Yes if len(asked) > 1 else QMessageBox.StandardButton.No

    monkeypatch.setattr(QMessageBox, "question", answer)
    write(qtbot, child(dock, QDoubleSpinBox, "na"), "1.3")
    click(dock, "save_preset")
    choose_microscope(qtbot, dock, "my 100x")
    click(dock, "share_preset")
    # The same again, from a file or from the forms, is no other one.
    assert click(dock, "open_preset") == "" and "Saved" in click(dock, "save_preset") and not asked
    write(qtbot, child(dock, QDoubleSpinBox, "na"), "1.2")
    child(dock, PresetForm).setValue("my 100x")
    assert "stays as it was" in click(dock, "save_preset") and "with other numbers" in asked[0]
    assert named_microscopes()["my 100x"].microscope.na == 1.3
    assert "Saved" in click(dock, "save_preset") and named_microscopes()["my 100x"].microscope.na == 1.2
    assert "this one is called 'my 100x (2)'" in click(dock, "open_preset")
    found = {name: known.microscope.na for name, known in named_microscopes().items()}
    assert found == {"my 100x": 1.2, "my 100x (2)": 1.3}
    assert child(dock, QComboBox, "preset").currentText() == "my 100x (2)" and dock.value().optics.na == 1.3
    # A file that was copied here is taken off the list as well.
    (tmp_path / "microscopes" / "copied.microscope.json").write_bytes(shared.read_bytes())
    child(dock, PresetForm).setValue("my 100x")
    click(dock, "remove_preset")
    assert list(named_microscopes()) == ["my 100x (2)"]
