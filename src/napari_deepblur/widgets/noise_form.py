"""How noisy the image is."""

from __future__ import annotations

from typing import Literal

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QAbstractSpinBox, QComboBox, QDoubleSpinBox, QFormLayout, QWidget

NoiseChoice = Literal["estimate"] | tuple[float, float]
"""``"estimate"``, or (alpha, beta): the variance is alpha times the signal plus beta squared."""

_ESTIMATE, _GIVEN = range(2)


class NoiseForm(QWidget):
    """Have the noise estimated from the image, or give it.

    Parameters
    ----------
    parent
        Parent widget.
    """

    valueChanged = Signal()
    """The choice, or a number, has changed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._mode = QComboBox(self)
        self._mode.setObjectName("noise_mode")
        self._mode.addItems(["estimate from the image", "given"])
        self._mode.setToolTip(
            "Variance of a pixel = alpha x signal + beta², in the intensity units of the image.\n"
            "Estimated from the frequencies that the objective cannot pass."
        )
        self._alpha = _spin_box(
            self, "alpha", "Variance per unit of signal, in intensity units: gain in counts per photon."
        )
        self._beta = _spin_box(self, "beta", "Standard deviation without light (read noise), in intensity units.")
        self._layout = QFormLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addRow("Noise", self._mode)
        self._layout.addRow("alpha (intensity)", self._alpha)
        self._layout.addRow("beta (intensity)", self._beta)
        self._mode.currentIndexChanged.connect(self._changed)
        self._alpha.valueChanged.connect(self.valueChanged)
        self._beta.valueChanged.connect(self.valueChanged)
        self._show_rows()

    def value(self) -> NoiseChoice:
        """Return ``"estimate"``, or (alpha, beta) in the units of the image."""
        if self._mode.currentIndex() == _ESTIMATE:
            return "estimate"
        return (round(self._alpha.value(), 8), round(self._beta.value(), 8))

    def setValue(self, value: NoiseChoice) -> None:
        """Choose ``"estimate"`` or give (alpha, beta)."""
        if value == "estimate":
            self._mode.setCurrentIndex(_ESTIMATE)
            return
        alpha, beta = value
        self._alpha.setValue(float(alpha))
        self._beta.setValue(float(beta))
        self._mode.setCurrentIndex(_GIVEN)

    def _changed(self) -> None:
        self._show_rows()
        self.valueChanged.emit()

    def _show_rows(self) -> None:
        given = self._mode.currentIndex() == _GIVEN
        self._layout.setRowVisible(self._alpha, given)
        self._layout.setRowVisible(self._beta, given)


def _spin_box(parent: QWidget, name: str, tooltip: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox(parent)
    box.setObjectName(name)
    # Images in [0, 1] have 0.0001, raw camera counts have hundreds.
    box.setDecimals(6)
    box.setRange(0.0, 1e9)
    box.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
    box.setToolTip(tooltip)
    return box
