"""What the beads are, and which of the bright spots count as one."""

from __future__ import annotations

import math
from typing import NamedTuple

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QCheckBox, QFormLayout, QHBoxLayout, QSlider, QWidget

from napari_deepblur.widgets.number_box import LengthBox, NumberBox, WholeBox
from napari_deepblur.widgets.plausible import question_of_bead
from napari_deepblur.widgets.question_row import QuestionRow

_STEPS = 1000
"""Positions of the slider."""


class BeadChoice(NamedTuple):
    """What calibration is told about beads; see `calibration.calibrate`.

    Attributes
    ----------
    diameter_um
        Diameter; None for points.
    patch_size
        Side of the PSFs in pixels, odd.
    saturation
        Intensity from which on the camera is saturated; None to find it.
    threshold
        Smallest response of a bead, in the units of the images; None to choose it by the noise.
    normalise
        Whether all beads get the same brightness.
    """

    diameter_um: float | None = None
    patch_size: int = 41
    saturation: float | None = None
    threshold: float | None = None
    normalise: bool = True


class BeadForm(QWidget):
    """Enter diameter, patch size and saturation of the beads, and move the threshold of their detection.

    Parameters
    ----------
    parent
        Parent widget.
    """

    valueChanged = Signal()
    """A number has changed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._low, self._high, self._automatic = 1.0, 1000.0, 10.0
        self._suggested = BeadChoice().patch_size
        self._diameter = LengthBox(self)
        self._diameter.setObjectName("bead_diameter_um")
        self._diameter.setSingleStep(0.02)
        self._diameter.setSpecialValueText("points")
        self._diameter.setToolTip(
            "Diameter of the beads in micrometres, whose blur is then removed from the PSFs; 0: points."
        )
        self._patch = WholeBox(self)
        self._patch.setObjectName("patch_size")
        self._patch.setRange(9, 255)
        self._patch.setSingleStep(2)
        self._patch.setValue(BeadChoice().patch_size)
        self._patch.setSuffix(" pixels")
        self._patch.setToolTip(
            "Side of the PSFs in pixels, odd. Light that falls farther from its bead is not part of the model;\n"
            "beads that are closer together than this are not used."
        )
        self._saturation = NumberBox(self)
        self._saturation.setObjectName("saturation")
        self._saturation.setMaximum(1e9)
        self._saturation.setSpecialValueText("automatic")
        self._saturation.setToolTip(
            "Intensity from which on the camera is saturated, in units of the image.\n"
            "Automatic: the largest value of the stack, where several pixels of one bead have it."
        )
        # Made in the order in which they stand in the form: so does the tab key go.
        self._number = NumberBox(self)
        self._number.setObjectName("threshold_number")
        self._number.setMaximum(1e12)
        self._number.setStepType(NumberBox.StepType.AdaptiveDecimalStepType)
        self._number.setToolTip(
            "How far a bead stands out of its surroundings at least, in intensity units of the image."
        )
        self._auto = QCheckBox("automatic", self)
        self._auto.setObjectName("threshold_auto")
        self._auto.setChecked(True)
        self._auto.setToolTip("Eight standard deviations of the noise of the filtered image.")
        self._slider = QSlider(Qt.Orientation.Horizontal, self)
        self._slider.setObjectName("threshold")
        self._slider.setRange(0, _STEPS)
        self._slider.setToolTip(
            "How far a bead stands out of its surroundings at least: from the faintest to the brightest."
        )
        self._brightness = QCheckBox("Keep the brightness of the beads", self)
        self._brightness.setObjectName("keep_brightness")
        self._brightness.setToolTip(
            "Off: every bead counts as equally bright. On: their brightness is part of the maps, which carries\n"
            "vignetting into them where all beads are alike."
        )
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._auto)
        row.addWidget(self._slider, stretch=1)
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addRow("Bead diameter (µm)", self._diameter)
        self._question = QuestionRow(self)
        self._question.answered.connect(self._take)
        layout.addRow(self._question)
        layout.addRow("Patch size", self._patch)
        layout.addRow("Saturation", self._saturation)
        layout.addRow("Threshold", self._number)
        layout.addRow(row)
        layout.addRow(self._brightness)
        for box in (self._diameter, self._patch, self._saturation):
            box.valueChanged.connect(self.valueChanged)
        self._auto.toggled.connect(self._automation_chosen)
        self._slider.valueChanged.connect(self._slid)
        self._number.valueChanged.connect(self._typed)
        self._brightness.toggled.connect(self.valueChanged)
        self._diameter.valueChanged.connect(self._ask)
        self._ask()
        self.setThresholdRange(self._low, self._high, self._automatic)

    def value(self) -> BeadChoice:
        """Return the numbers; an even patch size counts as the odd one above it."""
        return BeadChoice(
            diameter_um=round(self._diameter.value(), 6) or None,
            patch_size=self._patch.value() | 1,
            saturation=self._saturation.value() or None,
            threshold=None if self._auto.isChecked() else self._number.value(),
            normalise=not self._brightness.isChecked(),
        )

    def setValue(self, value: BeadChoice) -> None:
        """Show these numbers."""
        self._diameter.setValue(value.diameter_um or 0.0)
        self._patch.setValue(value.patch_size)
        self._saturation.setValue(value.saturation or 0.0)
        self._brightness.setChecked(not value.normalise)
        if value.threshold is not None:
            self._number.setValue(value.threshold)
        self._auto.setChecked(value.threshold is None)

    def setPupil(self, side: int | None) -> None:
        """Show what there is to choose for a pupil, whose patches are best of this side; None: for a family of blurs.

        A patch size that the user has chosen stays.
        """
        suggested = BeadChoice().patch_size if side is None else side
        if self._patch.value() | 1 == self._suggested:
            self._patch.setValue(suggested)
        self._suggested = min(suggested, self._patch.maximum())
        self._brightness.setVisible(side is None)

    def setThresholdRange(self, low: float, high: float, automatic: float) -> None:
        """Fit the slider to an image.

        Parameters
        ----------
        low, high
            Smallest and largest response that its spots have; the slider is logarithmic between them.
        automatic
            The threshold that is chosen by the noise; shown while the user has chosen none.
        """
        self._low = max(low, 1e-9)
        self._high = max(high, 1.001 * self._low)
        self._automatic = _in_few_digits(automatic)
        if self._auto.isChecked():
            with QSignalBlocker(self._number):
                self._number.setValue(self._automatic)
        self._place()

    def _ask(self) -> None:
        self._question.setValue(question_of_bead(self._diameter.value()))
        self._question.setVisible(self._question.value() is not None)

    def _take(self, _name: str, value: float) -> None:
        self._diameter.setValue(value)

    def _place(self) -> None:
        """Put the slider where the number is."""
        share = math.log(max(self._number.value(), self._low) / self._low) / math.log(self._high / self._low)
        with QSignalBlocker(self._slider):
            self._slider.setValue(round(_STEPS * min(share, 1.0)))

    def _slid(self) -> None:
        threshold = _in_few_digits(self._low * (self._high / self._low) ** (self._slider.value() / _STEPS))
        with QSignalBlocker(self._number):
            self._number.setValue(threshold)
        self._chosen_by_hand()

    def _typed(self) -> None:
        self._place()
        self._chosen_by_hand()

    def _chosen_by_hand(self) -> None:
        with QSignalBlocker(self._auto):
            self._auto.setChecked(False)
        self.valueChanged.emit()

    def _automation_chosen(self) -> None:
        if self._auto.isChecked():
            with QSignalBlocker(self._number):
                self._number.setValue(self._automatic)
            self._place()
        self.valueChanged.emit()


def _in_few_digits(threshold: float) -> float:
    """Round to what can be meant."""
    return float(f"{threshold:.4g}")
