"""Named microscopes: chosen, saved, shared."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtGui import QAction
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QInputDialog,
    QMenu,
    QMessageBox,
    QPushButton,
    QWidget,
)

from napari_deepblur.errors import DeepblurError, SettingsError, UndersamplingWarning
from napari_deepblur.pipeline.named_microscopes import (
    NamedMicroscope,
    load_microscope,
    named_microscopes,
    remove_microscope,
    save_microscope,
)
from napari_deepblur.pipeline.parts import FileBlur, GivenNoise
from napari_deepblur.pipeline.settings import DeblurSettings
from napari_deepblur.widgets.notice import Notice

if TYPE_CHECKING:
    from napari_deepblur.widgets.notice import Level

_FILTER = "Microscopes (*.microscope.json *.json)"
_NONE = "not named"

Current = Callable[[], DeblurSettings]
"""Returns the settings that stand in the forms; raises a `DeepblurError` where they make no sense."""


class PresetForm(QWidget):
    """A list of named microscopes, and a menu to save, share and remove them.

    Parameters
    ----------
    current
        What is saved under a name.
    parent
        Parent widget.
    """

    chosen = Signal(object)
    """A `NamedMicroscope` shall stand in the forms."""
    withdrawn = Signal()
    """The numbers in the forms shall be those of no named microscope."""
    scaleRequested = Signal()
    """The pixel size in the form shall be that of the layer."""

    def __init__(self, current: Current, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._current = current
        self._known: dict[str, NamedMicroscope] = {}
        self._list = QComboBox(self)
        self._list.setObjectName("preset")
        self._list.setToolTip("Optics, and where they were saved with them calibrated blurs and noise, by one name.")
        self._list.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._list.setMinimumContentsLength(10)
        self._more = QPushButton("Manage", self)
        self._more.setObjectName("preset_menu")
        self._more.setToolTip("Save the microscope in the forms under a name, share it as a file, or remove it.")
        self._notice = Notice(self)
        self._notice.setObjectName("preset_notice")
        self._actions: dict[str, Callable[[], None]] = {}
        menu = QMenu(self)
        for name, title, action in (
            ("save_preset", "Save as…", self._save),
            ("share_preset", "Write to a file…", self._share),
            ("open_preset", "Open a file…", self._open),
            ("remove_preset", "Remove from the list", self._remove),
            ("write_scale", "Write the pixel size to the layer", self.scaleRequested.emit),
        ):
            entry = menu.addAction(title)
            assert entry is not None
            entry.setObjectName(name)
            self._actions[name] = action
        # One bound method: PySide6 would keep functions that know this object, and with it the dock, for good.
        menu.triggered.connect(self._act)
        self._more.setMenu(menu)
        row = QHBoxLayout()
        row.addWidget(self._list, stretch=1)
        row.addWidget(self._more)
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addRow("Microscope", row)
        layout.addRow(self._notice)
        self._list.activated.connect(self._activated)
        self._fill("")

    def value(self) -> str:
        """Return the name that is shown; empty where none is."""
        return str(self._list.currentData() or "")

    def setValue(self, name: str) -> None:
        """Show a name; nothing is filled into other forms."""
        self._fill(name)

    def _fill(self, shown: str) -> None:
        with warnings.catch_warnings():
            # The form that shows it says so.
            warnings.simplefilter("ignore", UndersamplingWarning)
            self._known = named_microscopes()
        with QSignalBlocker(self._list):
            self._list.clear()
            self._list.addItem(_NONE, "")
            for name in self._known:
                self._list.addItem(name, name)
            self._list.setCurrentIndex(max(self._list.findData(shown), 0))

    def _activated(self, row: int) -> None:
        known = self._known.get(str(self._list.itemData(row)))
        if known is not None:
            self._say("")
            self.chosen.emit(known)
        else:
            self.withdrawn.emit()

    def _act(self, entry: QAction) -> None:
        """Do what was chosen, and say what is wrong instead of raising it."""
        try:
            self._actions[entry.objectName()]()
        except DeepblurError as error:
            self._say(str(error), "error")
        except OSError as error:
            self._say(f"The microscope could not be saved ({error.strerror}).", "error")

    def _say(self, words: str, level: Level = "note") -> None:
        self._notice.say(words, level)

    def _of_forms(self, name: str) -> NamedMicroscope:
        settings = self._current()
        blur, noise = settings.blur, settings.noise
        return NamedMicroscope(
            name=name,
            microscope=settings.optics,
            family=blur.file if isinstance(blur, FileBlur) else None,
            noise=noise if isinstance(noise, GivenNoise) else None,
        )

    def _save(self) -> None:
        suggested = self.value() or self._free("my 100x")
        chosen, accepted = QInputDialog.getText(self, "Save the microscope", "Name:", text=suggested)
        name = chosen.strip()
        if not accepted or not name:
            return
        wanted = self._of_forms(name)
        if self._known.get(name, wanted) != wanted and not self._may_replace(name):
            self._say(f"'{name}' stays as it was: nothing was saved.")
            return
        save_microscope(wanted)
        self._fill(name)
        self._say(f"Saved '{name}': choose it for other images.")

    def _may_replace(self, name: str) -> bool:
        asked = f"'{name}' is there already, with other numbers. Replace it?"
        return QMessageBox.question(self, "Save the microscope", asked) == QMessageBox.StandardButton.Yes

    def _free(self, name: str) -> str:
        """Return a name that no microscope of the list has: this one, or with a number behind it."""
        return next(known for known in chain([name], (f"{name} ({n})" for n in count(2))) if known not in self._known)

    def _share(self) -> None:
        name = self.value() or "microscope"
        chosen, _ = QFileDialog.getSaveFileName(self, "Write the microscope", f"{name}.microscope.json", _FILTER)
        if chosen:
            file = Path(chosen) if Path(chosen).suffix else Path(f"{chosen}.microscope.json")
            self._say(f"Wrote {save_microscope(self._of_forms(name), file)}.")

    def _open(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "Open a microscope", "", _FILTER)
        if chosen:
            opened = load_microscope(chosen)
            # What somebody has shared does not take the place of the user's own of that name.
            same = self._known.get(opened.name, opened) == opened
            known = opened if same else opened.model_copy(update={"name": self._free(opened.name)})
            save_microscope(known)
            self._fill(known.name)
            self._say("" if same else f"Another '{opened.name}' is there: this one is called '{known.name}'.")
            self.chosen.emit(known)

    def _remove(self) -> None:
        if not self.value():
            raise SettingsError("No named microscope is chosen: there is none to remove.")
        remove_microscope(self.value())
        self._fill("")
