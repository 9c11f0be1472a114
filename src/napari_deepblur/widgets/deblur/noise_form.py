"""How noisy the image is."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QAbstractSpinBox, QComboBox, QDoubleSpinBox, QFormLayout, QWidget

from napari_deepblur.pipeline.parts import EstimatedNoise, GivenNoise

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
            "Variance of a pixel = alpha x (signal - offset) + beta², in the intensity units of the image.\n"
            "Estimated from the frequencies that the objective cannot pass."
        )
        self._alpha = _spin_box(
            self, "alpha", "Variance per unit of signal, in intensity units: gain in counts per photon."
        )
        self._beta = _spin_box(self, "beta", "Standard deviation without light (read noise), in intensity units.")
        self._offset = _spin_box(self, "offset", "Intensity of a pixel without light (camera offset).")
        self._layout = QFormLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addRow("Noise", self._mode)
        self._layout.addRow("alpha (intensity)", self._alpha)
        self._layout.addRow("beta (intensity)", self._beta)
        self._layout.addRow("offset (intensity)", self._offset)
        self._mode.currentIndexChanged.connect(self._changed)
        for box in (self._alpha, self._beta, self._offset):
            box.valueChanged.connect(self.valueChanged)
        self._show_rows()

    def value(self) -> EstimatedNoise | GivenNoise:
        """Return the noise in the units of the image, or that it is to be estimated."""
        if self._mode.currentIndex() == _ESTIMATE:
            return EstimatedNoise()
        alpha, beta, offset = (round(box.value(), 8) for box in (self._alpha, self._beta, self._offset))
        return GivenNoise(alpha=alpha, beta=beta, offset=offset)

    def setValue(self, value: EstimatedNoise | GivenNoise) -> None:
        """Choose that it is estimated, or give the noise."""
        if isinstance(value, GivenNoise):
            for box, number in zip(
                (self._alpha, self._beta, self._offset), (value.alpha, value.beta, value.offset), strict=True
            ):
                box.setValue(number)
        self._mode.setCurrentIndex(_GIVEN if isinstance(value, GivenNoise) else _ESTIMATE)

    def _changed(self) -> None:
        self._show_rows()
        self.valueChanged.emit()

    def _show_rows(self) -> None:
        given = self._mode.currentIndex() == _GIVEN
        for box in (self._alpha, self._beta, self._offset):
            self._layout.setRowVisible(box, given)


def _spin_box(parent: QWidget, name: str, tooltip: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox(parent)
    box.setObjectName(name)
    # Images in [0, 1] have 0.0001, raw camera counts have hundreds.
    box.setDecimals(6)
    box.setRange(-1e9 if name == "offset" else 0.0, 1e9)
    box.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
    box.setToolTip(tooltip)
    return box
