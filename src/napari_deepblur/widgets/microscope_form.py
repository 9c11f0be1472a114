"""The optics and the sampling of the image, each number with where it is from."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QFormLayout, QHBoxLayout, QWidget

from napari_deepblur.errors import MicroscopeError, UndersamplingWarning
from napari_deepblur.optics import Light, Microscope
from napari_deepblur.pipeline.options import options
from napari_deepblur.widgets.described import label, tooltip
from napari_deepblur.widgets.notice import Notice
from napari_deepblur.widgets.number_box import LengthBox, NumberBox
from napari_deepblur.widgets.origin_tag import OriginTag
from napari_deepblur.widgets.origins import NOWHERE, NUMBERS, Place, sentences
from napari_deepblur.widgets.plausible import question_of, said_of_sampling
from napari_deepblur.widgets.question_row import QuestionRow

if TYPE_CHECKING:
    from napari_deepblur.io.acquisition import Acquisition
    from napari_deepblur.widgets.notice import Level
    from napari_deepblur.widgets.origins import Origin

_STATED = ("na", "n_immersion", "wavelength_um")
"""What a file may say; the pixel size may also come from the layer."""
_ASSUMED = {"na": 1.4, "n_immersion": 1.515, "wavelength_um": 0.525, "pixel_size_um": 0.065}
"""What stands in the form before anybody has said anything: a 100x oil objective, green light, pixels of 6.5 µm in the
camera. The default of the settings is the paper's, which is a little under-sampled."""

_SAME = 0.01
"""Relative difference below which two pixel sizes are the same."""

_USUAL = ("light", "n_sample", "depth_um")
"""What most people leave as it is."""


class MicroscopeForm(QWidget):
    """Enter NA, wavelength, pixel size and immersion index, and where needed light and depth; see what follows.

    Parameters
    ----------
    parent
        Parent widget.
    """

    valueChanged = Signal()
    """A number, or where one comes from, has changed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        # In the order in which they stand: the Tab key follows it.
        self._boxes: dict[str, NumberBox] = {
            "na": _box(NumberBox(self), "na", 0.01),
            "n_immersion": _box(NumberBox(self), "n_immersion", 0.01),
            "wavelength_um": _box(LengthBox(self), "wavelength_um", 0.01),
            "pixel_size_um": _box(LengthBox(self), "pixel_size_um", 0.005),
        }
        self._question = QuestionRow(self)
        self._advanced = QCheckBox("Light and depth", self)
        self._advanced.setObjectName("advanced")
        self._advanced.setToolTip("Show the model of light, and what a specimen of another index does to it.")
        self._light = QComboBox(self)
        self._light.setObjectName("light")
        self._light.setToolTip(tooltip("light"))
        self._light.addItems(get_args(Light))
        self._boxes["n_sample"] = _box(NumberBox(self), "n_sample", 0.01)
        # Zero stands for nothing: it is no index.
        self._boxes["n_sample"].setSpecialValueText("as the immersion")
        self._boxes["depth_um"] = _box(LengthBox(self), "depth_um", 1.0)
        self._origins: dict[str, Origin] = {}
        self._where: dict[str, Place] = {}
        self._remark, self._of_channel, self._of_size = "", "", ""
        self._tags = {name: OriginTag(self) for name in NUMBERS}
        self._file_notice, self._origin, self._consequence = (Notice(self) for _ in range(3))
        self._file_notice.setObjectName("optics_origin")
        self._origin.setObjectName("pixel_size_origin")
        self._consequence.setObjectName("microscope_consequence")
        self._arrange()
        self._fill({known.name: known.default for known in options() if known.part == "microscope"} | _ASSUMED)
        self._origins = dict.fromkeys(NUMBERS, "assumed")
        for name in NUMBERS:
            self._boxes[name].typed.connect(self._typed)
        self._light.currentIndexChanged.connect(self._changed)
        for name in ("n_sample", "depth_um"):
            self._boxes[name].valueChanged.connect(self._changed)
        self._advanced.toggled.connect(self._show_rows)
        self._question.answered.connect(self._take)
        self._show_rows()
        self._changed()

    def value(self) -> Microscope:
        """Return the microscope.

        Raises
        ------
        MicroscopeError
            If no microscope can have these numbers; the form shows the same words.
        """
        number = {name: round(box.value(), 6) for name, box in self._boxes.items()}
        with warnings.catch_warnings():
            # The form says it, next to the numbers.
            warnings.simplefilter("ignore", UndersamplingWarning)
            return Microscope(
                na=number["na"],
                wavelength_um=number["wavelength_um"],
                pixel_size_um=number["pixel_size_um"],
                n_immersion=number["n_immersion"],
                light=cast(Light, self._light.currentText()),
                n_sample=number["n_sample"] or None,
                depth_um=number["depth_um"],
            )

    def setValue(
        self, microscope: Microscope, origins: Mapping[str, Origin] | None = None, where: Place = NOWHERE
    ) -> None:
        """Show a microscope.

        Parameters
        ----------
        microscope
            Its optics.
        origins
            Where each of the numbers is from; those that are not named count as typed.
        where
            The layer, or the preset.
        """
        self._fill(asdict(microscope))
        self._origins = {name: (origins or {}).get(name, "typed") for name in NUMBERS}
        self._where = {name: NOWHERE if self._origins[name] == "assumed" else where for name in NUMBERS}
        self._remark = ""
        self._origin.clear()
        default = [known for known in options() if known.name in _USUAL]
        # What is not as usual is not to be overlooked.
        if any(getattr(microscope, known.name) != known.default for known in default):
            self._advanced.setChecked(True)
        self._changed()

    def setPreset(self, microscope: Microscope, name: str) -> None:
        """Show a named microscope; the pixel size that a layer states stays, and a difference is said."""
        stated, size = self._origins["pixel_size_um"] == "file", self._boxes["pixel_size_um"].value()
        self.setValue(microscope, dict.fromkeys(NUMBERS, "preset"), Place(name))
        if stated:
            self._set("pixel_size_um", size, "file")
            if abs(size - microscope.pixel_size_um) > _SAME * size:
                words = (
                    f"'{name}' has pixels of {microscope.pixel_size_um:g} µm, the image {size:g} µm: these are used."
                )
                self._origin.say(words, "warning")
        self._changed()

    def preset(self) -> str:
        """Return the name of the microscope that the numbers are of; empty where they are of none."""
        names = {self._where[name].name for name, origin in self._origins.items() if origin == "preset"}
        return names.pop() if len(names) == 1 else ""

    def origins(self) -> dict[str, Origin]:
        """Return where each of the numbers is from that every image has."""
        return dict(self._origins)

    def given(self) -> dict[str, tuple[float, Origin, Place]]:
        """Return the numbers that the user has given for this image, typed or by a preset: value, origin, where."""
        return {
            name: (self._boxes[name].value(), origin, self._where.get(name, NOWHERE))
            for name, origin in self._origins.items()
            if origin in ("typed", "preset")
        }

    def setOrigins(self, origins: Mapping[str, Origin]) -> None:
        """Say where the numbers are from that the form shows."""
        self._origins |= origins
        self._changed()

    def setGiven(self, given: Mapping[str, tuple[float, Origin, Place]]) -> None:
        """Show numbers that the user has given for this image before."""
        for name, (value, origin, where) in given.items():
            self._set(name, value, origin, where)
        if "pixel_size_um" in given:
            self._origin.clear()
        self._changed()

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
            self._set("pixel_size_um", pixel_size_um, "file")
        elif self._origins["pixel_size_um"] == "file":
            self._origins["pixel_size_um"] = "assumed"
        unknown = self._origins["pixel_size_um"] == "assumed"
        self._origin.say(remark, "warning" if unknown and remark else level)
        self._of_size = self._origin.text()
        self._changed()

    def setNames(self, names: Mapping[str, str], remark: str) -> None:
        """Call layers as they are called now, by what napari knows them by; and so the remark on the pixel size."""
        self._where = {number: place.renamed(names) for number, place in self._where.items()}
        if self._of_size and self._origin.text() == self._of_size:
            self._origin.say(remark, self._origin.level())
            self._of_size = self._origin.text()
        self._mark()

    def setAcquisition(
        self, acquisition: Acquisition, remark: str = "", channel: int = 0, before: Place = NOWHERE
    ) -> None:
        """Fill in the optics that the file of another image states, and say what it does not.

        Parameters
        ----------
        acquisition
            What the file says. Numbers that it does not state stay as they are, but count as assumed from now on.
        remark
            Why the file could not be asked; a warning.
        channel
            Whose emission wavelength counts.
        before
            The image, or the preset, that the numbers so far belong to.
        """
        stated = {
            "na": acquisition.na,
            "n_immersion": acquisition.n_immersion,
            "wavelength_um": acquisition.wavelength_um(channel),
        }
        self.assumeAll(before)
        file = Path(acquisition.source).name
        for name, value in stated.items():
            if value is not None:
                self._set(name, value, "file", Place(file))
        count = len(acquisition.wavelengths_um)
        self._of_channel = f" of channel {channel + 1} of {count}" if count > 1 else ""
        self._remark = remark
        self._changed()

    def assumeAll(self, before: Place) -> None:
        """Keep the numbers for an image of which nothing is known: they are taken over from the one before."""
        for name in NUMBERS:
            if self._origins[name] != "assumed":
                self._where[name] = before
            self._origins[name] = "assumed"
        self._remark = ""

    def _set(self, name: str, value: float, origin: Origin, where: Place = NOWHERE) -> None:
        with QSignalBlocker(self._boxes[name]):
            self._boxes[name].setValue(value)
        self._origins[name], self._where[name] = origin, where

    def _mark(self) -> None:
        """Say which numbers are from the file, which nobody has given, and the remark behind it."""
        for name, tag in self._tags.items():
            tag.setValue(self._origins[name], self._where.get(name, NOWHERE).name)
        said = sentences({name: self._origins[name] for name in _STATED}, self._where, self._of_channel)
        warned = self._remark or "assumed" in (self._origins[name] for name in _STATED)
        self._file_notice.say(" ".join([*said, self._remark]).strip(), "warning" if warned else "note")

    def _typed(self, name: str) -> None:
        self._origins[name], self._where[name] = "typed", NOWHERE
        if name == "pixel_size_um":
            self._origin.clear()
        self._changed()

    def _take(self, name: str, value: float) -> None:
        self._boxes[name].setValue(value)

    def _show_rows(self) -> None:
        for field in (self._light, self._boxes["n_sample"], self._boxes["depth_um"]):
            self._layout.setRowVisible(field, self._advanced.isChecked())

    def _fill(self, optics: Mapping[str, Any]) -> None:
        for name, box in self._boxes.items():
            with QSignalBlocker(box):
                box.setValue(optics[name] or 0.0)
        with QSignalBlocker(self._light):
            self._light.setCurrentText(optics["light"])

    def _arrange(self) -> None:
        self._layout = QFormLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        for name in NUMBERS:
            row = QHBoxLayout()
            row.addWidget(self._boxes[name], stretch=1)
            row.addWidget(self._tags[name])
            self._layout.addRow(label(name), row)
            if name == _STATED[-1]:
                self._layout.addRow(self._file_notice)
        for notice in (self._origin, self._question, self._consequence, self._advanced):
            self._layout.addRow(notice)
        for field in (self._light, self._boxes["n_sample"], self._boxes["depth_um"]):
            self._layout.addRow(label(field.objectName()), field)

    def _changed(self) -> None:
        self._mark()
        na, wavelength, pixel = (self._boxes[name].value() for name in ("na", "wavelength_um", "pixel_size_um"))
        self._question.setValue(question_of(na, wavelength, pixel))
        try:
            microscope = self.value()
        except MicroscopeError as error:
            self._consequence.say(str(error), "error")
        else:
            self._consequence.say(*said_of_sampling(microscope))
        self.valueChanged.emit()


def _box(box: NumberBox, name: str, step: float) -> NumberBox:
    box.setObjectName(name)
    box.setSingleStep(step)
    box.setToolTip(tooltip(name))
    return box
