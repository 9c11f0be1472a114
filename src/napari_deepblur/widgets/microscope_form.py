"""The optics and the sampling of the image."""

from __future__ import annotations

import warnings
from collections.abc import Container, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast, get_args

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QFormLayout, QWidget

from napari_deepblur.errors import MicroscopeError, UndersamplingWarning
from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.optics import Light, Microscope
from napari_deepblur.pipeline.options import options
from napari_deepblur.widgets.described import label, tooltip
from napari_deepblur.widgets.notice import Level, Notice


class MicroscopeForm(QWidget):
    """Enter NA, wavelength, pixel size and immersion index, and where needed light and depth; see what follows.

    Parameters
    ----------
    parent
        Parent widget.
    """

    valueChanged = Signal()
    """A number, or where the pixel size comes from, has changed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        # In the order in which they stand: the Tab key follows it.
        self._na = _spin_box(self, "na", 3, 0.01)
        self._n_immersion = _spin_box(self, "n_immersion", 3, 0.01)
        self._wavelength = _spin_box(self, "wavelength_um", 4, 0.01)
        self._pixel_size = _spin_box(self, "pixel_size_um", 4, 0.005)
        self._advanced = QCheckBox("Light and depth", self)
        self._advanced.setObjectName("advanced")
        self._advanced.setToolTip("Show the model of light, and what a specimen of another index does to it.")
        self._light = QComboBox(self)
        self._light.setObjectName("light")
        self._light.setToolTip(tooltip("light"))
        self._light.addItems(get_args(Light))
        self._n_sample = _spin_box(self, "n_sample", 3, 0.01)
        # Zero stands for nothing: it is no index.
        self._n_sample.setSpecialValueText("as the immersion")
        self._depth = _spin_box(self, "depth_um", 2, 1.0)
        self._depth.setMaximum(10_000.0)
        self._boxes = {
            "na": self._na,
            "n_immersion": self._n_immersion,
            "wavelength_um": self._wavelength,
        }
        self._file, self._of_channel = "", ""
        self._from_file: dict[str, float] = {}
        self._assumed: dict[str, float] = {}
        self._file_notice = Notice(self)
        self._file_notice.setObjectName("optics_origin")
        self._origin = Notice(self)
        self._origin.setObjectName("pixel_size_origin")
        self._consequence = Notice(self)
        self._consequence.setObjectName("microscope_consequence")
        self._layout = QFormLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        for box in (self._na, self._n_immersion, self._wavelength):
            self._layout.addRow(label(box.objectName()), box)
        self._layout.addRow(self._file_notice)
        self._layout.addRow(label("pixel_size_um"), self._pixel_size)
        self._layout.addRow(self._origin)
        self._layout.addRow(self._consequence)
        self._layout.addRow(self._advanced)
        for field in (self._light, self._n_sample, self._depth):
            self._layout.addRow(label(field.objectName()), field)
        # Not an instance: the default setting is slightly under-sampled, and making one would warn about it.
        self._fill({known.name: known.default for known in options() if known.part == "microscope"})
        self._assumed = {name: box.value() for name, box in self._boxes.items()}
        self._mark()
        for box in self._boxes.values():
            box.valueChanged.connect(self._optics_typed)
        self._pixel_size.valueChanged.connect(self._pixel_size_typed)
        self._light.currentIndexChanged.connect(self._changed)
        for box in (self._n_sample, self._depth):
            box.valueChanged.connect(self._changed)
        self._advanced.toggled.connect(self._show_rows)
        self._show_rows()

    def value(self) -> Microscope:
        """Return the microscope.

        Raises
        ------
        MicroscopeError
            If no microscope can have these numbers; the form shows the same words.
        """
        with warnings.catch_warnings():
            # The form says it, next to the numbers.
            warnings.simplefilter("ignore", UndersamplingWarning)
            return Microscope(
                na=round(self._na.value(), 6),
                wavelength_um=round(self._wavelength.value(), 6),
                pixel_size_um=round(self._pixel_size.value(), 6),
                n_immersion=round(self._n_immersion.value(), 6),
                light=cast(Light, self._light.currentText()),
                n_sample=round(self._n_sample.value(), 6) or None,
                depth_um=round(self._depth.value(), 6),
            )

    def setValue(self, microscope: Microscope) -> None:
        """Show a microscope."""
        self._fill(asdict(microscope))
        default = [known for known in options() if known.name in ("light", "n_sample", "depth_um")]
        # What is not as usual is not to be overlooked.
        if any(getattr(microscope, known.name) != known.default for known in default):
            self._advanced.setChecked(True)

    def setPixelSize(self, pixel_size_um: float | None, remark: str, level: Level = "note") -> None:
        """Fill in the pixel size that an image states.

        Parameters
        ----------
        pixel_size_um
            The size; None leaves the number as it is.
        remark
            Where it comes from, or why it is not known. Shown until the user types another.
        level
            How serious the remark is.
        """
        if pixel_size_um is not None:
            with QSignalBlocker(self._pixel_size):
                self._pixel_size.setValue(pixel_size_um)
        self._origin.say(remark, level)
        self._changed()

    def setAcquisition(self, acquisition: Acquisition, remark: str = "", channel: int = 0) -> None:
        """Fill in the optics that a file states, and say which numbers are from it until the user types others.

        Parameters
        ----------
        acquisition
            What the file says; numbers that it does not state stay as they are.
        remark
            Why the file could not be asked; a warning.
        channel
            Whose emission wavelength counts.
        """
        stated = {
            "na": acquisition.na,
            "n_immersion": acquisition.n_immersion,
            "wavelength_um": acquisition.wavelength_um(channel),
        }
        self._from_file = {}
        for name, value in stated.items():
            if value is not None:
                box = self._boxes[name]
                with QSignalBlocker(box):
                    box.setValue(value)
                self._from_file[name] = box.value()
                self._assumed.pop(name, None)
        self._file = Path(acquisition.source).name
        count = len(acquisition.wavelengths_um)
        self._of_channel = f" of channel {channel + 1} of {count}" if count > 1 else ""
        self._mark(remark)
        self._changed()

    def _mark(self, remark: str = "") -> None:
        """Say which numbers are from the file, which nobody has given, and the remark behind it."""
        said = []
        if self._from_file:
            said.append(f"{self._listed(self._from_file)} from the file {self._file}".rstrip() + ".")
        if self._assumed:
            verb, which = ("is", "it") if len(self._assumed) == 1 else ("are", "them")
            said.append(f"{self._listed(self._assumed)} {verb} assumed: check {which}.")
        self._file_notice.say(" ".join([*said, remark]).strip(), "warning" if remark else "note")

    def _listed(self, keys: Container[str]) -> str:
        words = {"na": "NA", "n_immersion": "immersion index", "wavelength_um": f"wavelength{self._of_channel}"}
        names = [name for key, name in words.items() if key in keys]
        listed = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
        return f"{listed[0].upper()}{listed[1:]}"

    def _optics_typed(self) -> None:
        for known in (self._from_file, self._assumed):
            for name in [name for name, value in known.items() if self._boxes[name].value() != value]:
                del known[name]
        self._mark()
        self._changed()

    def _show_rows(self) -> None:
        for field in (self._light, self._n_sample, self._depth):
            self._layout.setRowVisible(field, self._advanced.isChecked())

    def _fill(self, optics: Mapping[str, Any]) -> None:
        for box in (self._na, self._wavelength, self._pixel_size, self._n_immersion, self._n_sample, self._depth):
            with QSignalBlocker(box):
                box.setValue(optics[box.objectName()] or 0.0)
        with QSignalBlocker(self._light):
            self._light.setCurrentText(optics["light"])
        self._from_file.clear()
        self._assumed.clear()
        self._file_notice.clear()
        self._origin.clear()
        self._changed()

    def _pixel_size_typed(self) -> None:
        self._origin.clear()
        self._changed()

    def _changed(self) -> None:
        try:
            microscope = self.value()
        except MicroscopeError as error:
            self._consequence.say(str(error), "error")
        else:
            cutoff, nyquist = microscope.cutoff, microscope.nyquist_pixel_size_um
            if cutoff > 0.25:
                self._consequence.say(
                    f"Under-sampled: fc = {cutoff:.3f} cycles/pixel is above 0.25. "
                    f"Nyquist needs pixels of at most {nyquist:.3f} µm.",
                    "warning",
                )
            else:
                self._consequence.say(f"fc = {cutoff:.3f} cycles/pixel; Nyquist pixel {nyquist:.3f} µm.", "note")
        self.valueChanged.emit()


def _spin_box(parent: QWidget, name: str, decimals: int, step: float) -> QDoubleSpinBox:
    box = QDoubleSpinBox(parent)
    box.setObjectName(name)
    box.setDecimals(decimals)
    # Zero and nonsense can be typed: the form then says what is wrong with them.
    box.setRange(0.0, 100.0)
    box.setSingleStep(step)
    box.setToolTip(tooltip(name))
    return box
