"""The optics and the sampling of the image."""

from __future__ import annotations

import warnings
from collections.abc import Container
from pathlib import Path

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QDoubleSpinBox, QFormLayout, QWidget

from napari_deepblur.errors import MicroscopeError, UndersamplingWarning
from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.optics import Microscope
from napari_deepblur.widgets.notice import Level, Notice


class MicroscopeForm(QWidget):
    """Enter NA, wavelength, pixel size and immersion index; see at once what follows from them.

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
        self._na = _spin_box(self, "na", 3, 0.01, "Numerical aperture of the objective, as engraved on it (no unit).")
        self._n_immersion = _spin_box(
            self,
            "n_immersion",
            3,
            0.01,
            "Refractive index of the immersion: air 1.00, water 1.33, oil 1.515 (no unit).",
        )
        self._wavelength = _spin_box(
            self, "wavelength_um", 4, 0.01, "Emission wavelength in vacuum, in micrometres: 0.520 for GFP."
        )
        self._pixel_size = _spin_box(
            self,
            "pixel_size_um",
            4,
            0.005,
            "Size of a pixel in the sample, in micrometres: camera pixel divided by magnification.",
        )
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
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addRow("NA", self._na)
        layout.addRow("Immersion index", self._n_immersion)
        layout.addRow("Wavelength (µm)", self._wavelength)
        layout.addRow(self._file_notice)
        layout.addRow("Pixel size (µm)", self._pixel_size)
        layout.addRow(self._origin)
        layout.addRow(self._consequence)
        # Not an instance: the default setting is slightly under-sampled, and making one would warn about it.
        self._fill(Microscope.na, Microscope.wavelength_um, Microscope.pixel_size_um, Microscope.n_immersion)
        self._assumed = {name: box.value() for name, box in self._boxes.items()}
        self._mark()
        for box in self._boxes.values():
            box.valueChanged.connect(self._optics_typed)
        self._pixel_size.valueChanged.connect(self._pixel_size_typed)

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
            )

    def setValue(self, microscope: Microscope) -> None:
        """Show a microscope."""
        self._fill(microscope.na, microscope.wavelength_um, microscope.pixel_size_um, microscope.n_immersion)

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

    def _fill(self, na: float, wavelength_um: float, pixel_size_um: float, n_immersion: float) -> None:
        boxes = (self._na, self._wavelength, self._pixel_size, self._n_immersion)
        for box, value in zip(boxes, (na, wavelength_um, pixel_size_um, n_immersion), strict=True):
            with QSignalBlocker(box):
                box.setValue(value)
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


def _spin_box(parent: QWidget, name: str, decimals: int, step: float, tooltip: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox(parent)
    box.setObjectName(name)
    box.setDecimals(decimals)
    # Zero and nonsense can be typed: the form then says what is wrong with them.
    box.setRange(0.0, 100.0)
    box.setSingleStep(step)
    box.setToolTip(tooltip)
    return box
