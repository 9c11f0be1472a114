"""What is looked for in images of beads: blurs of planes over the field, or the pupil of a stack, for volumes."""

from __future__ import annotations

from typing import Literal, NamedTuple, cast

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtGui import QStandardItemModel
from qtpy.QtWidgets import QCheckBox, QComboBox, QFormLayout, QWidget

from napari_deepblur.widgets.notice import Notice
from napari_deepblur.widgets.number_box import LengthBox
from napari_deepblur.widgets.plausible import question_of_spacing
from napari_deepblur.widgets.question_row import QuestionRow

Aim = Literal["family", "pupil"]

_TRANSMISSION = (4, 11)
"""Noll modes of a pupil that gets darker towards its edge."""


class AimChoice(NamedTuple):
    """What is looked for.

    Attributes
    ----------
    aim
        A family of blurs over the field, or a pupil.
    plane_spacing_um
        Of the stack that a pupil is looked for in; 0 where it is not known.
    amplitude
        Noll modes of the pupil's transmission.
    """

    aim: Aim = "family"
    plane_spacing_um: float = 0.0
    amplitude: tuple[int, ...] = ()


class AimForm(QWidget):
    """Choose what is looked for; a pupil only where the image is a stack, whose planes have a distance.

    Parameters
    ----------
    parent
        Parent widget.
    """

    valueChanged = Signal()
    """A choice has changed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._planes = 1
        self._aim = QComboBox(self)
        self._aim.setObjectName("aim")
        self._aim.addItem("blurs over the field", "family")
        self._aim.addItem("pupil and 3-D PSF", "pupil")
        self._aim.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._aim.setMinimumContentsLength(14)
        self._spacing = LengthBox(self)
        self._spacing.setObjectName("bead_plane_spacing")
        self._spacing.setMinimum(-self._spacing.maximum())
        self._spacing.setSingleStep(0.05)
        self._spacing.setToolTip(
            "Distance from plane to plane in micrometres, in the immersion medium; 0: not known.\n"
            "Negative for a stack that was taken the other way, which turns the signs of the even modes."
        )
        self._transmission = QCheckBox("Transmission varies, too", self)
        self._transmission.setObjectName("transmission")
        self._transmission.setToolTip(
            "The pupil may get darker, or brighter, towards its edge (Noll 4 and 11 of its transmission).\n"
            "For stacks of which the wavefront alone leaves far more than noise."
        )
        self._remark = Notice(self)
        self._remark.setObjectName("spacing_remark")
        self._question = QuestionRow(self)
        self._question.answered.connect(self._take)
        self._layout = QFormLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addRow("Look for", self._aim)
        self._layout.addRow("Plane spacing (µm)", self._spacing)
        self._layout.addRow(self._remark)
        self._layout.addRow(self._question)
        self._layout.addRow(self._transmission)
        self._aim.currentIndexChanged.connect(self._changed)
        self._spacing.valueChanged.connect(self._typed)
        self._transmission.toggled.connect(self._changed)
        self.setStack(1, None, "")

    def value(self) -> AimChoice:
        """Return the choice."""
        aim = cast("Aim", self._aim.currentData())
        if aim == "family":
            return AimChoice()
        amplitude = _TRANSMISSION if self._transmission.isChecked() else ()
        return AimChoice(aim, round(self._spacing.value(), 6), amplitude)

    def setValue(self, value: AimChoice) -> None:
        """Choose; a pupil only where there is a stack."""
        if value.plane_spacing_um:
            self._spacing.setValue(value.plane_spacing_um)
        self._transmission.setChecked(bool(value.amplitude))
        self._aim.setCurrentIndex(self._aim.findData(value.aim if self._planes > 1 else "family"))

    def setStack(self, planes: int, spacing_um: float | None, origin: str) -> None:
        """Show what is known of another image.

        Parameters
        ----------
        planes
            How many it has.
        spacing_um
            Their distance; None where nobody states it.
        origin
            Who states it, in words.
        """
        self._planes = planes
        with QSignalBlocker(self._spacing):
            self._spacing.setValue(spacing_um or 0.0)
        self._remark.say(f"Plane spacing from {origin}." if spacing_um else "")
        model = self._aim.model()
        assert isinstance(model, QStandardItemModel)
        entry = model.item(self._aim.findData("pupil"))
        assert entry is not None
        reason = (
            "" if planes > 1 else "A pupil shows in how beads change through focus: it takes a stack, planes first."
        )
        entry.setEnabled(not reason)
        entry.setToolTip(reason)
        self._aim.setToolTip(
            "Blurs of planes: each plane of each stack is one state of the microscope, and they vary over the field.\n"
            "Pupil: one stack through focus tells the wavefront, and the PSF in three dimensions, which volumes are\n"
            f"deblurred with.{f' Not here: {reason}' if reason else ''}"
        )
        if reason:
            self._aim.setCurrentIndex(self._aim.findData("family"))
        self._changed()

    def refusal(self, stacks: int, is_shown: bool) -> str:
        """Say why so many stacks cannot be used; empty where they can.

        Parameters
        ----------
        stacks
            How many are ticked.
        is_shown
            Whether the first of them is the one whose planes are shown.
        """
        if self.value().aim == "family":
            return ""
        if stacks != 1:
            return f"{stacks} images are ticked, and a pupil is found in one stack: tick that one alone."
        if not is_shown:
            return "The plane spacing is that of the marked image: mark the one that is ticked."
        if self._spacing.value() == 0:
            return "A pupil needs the distance of the planes: enter the plane spacing."
        return ""

    def _take(self, _name: str, value: float) -> None:
        self._spacing.setValue(value)

    def _typed(self) -> None:
        self._remark.clear()
        self._changed()

    def _changed(self) -> None:
        of_pupil = self._aim.currentData() == "pupil"
        for widget in (self._spacing, self._transmission):
            self._layout.setRowVisible(widget, of_pupil)
        self._layout.setRowVisible(self._remark, of_pupil and bool(self._remark.text()))
        self._question.setValue(question_of_spacing(self._spacing.value()))
        self._layout.setRowVisible(self._question, of_pupil and self._question.value() is not None)
        self.valueChanged.emit()
