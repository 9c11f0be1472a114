"""Which blurs are considered possible."""

from __future__ import annotations

from typing import NamedTuple

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QFormLayout, QWidget

from napari_deepblur.operators.families import DEFAULT_MODES
from napari_deepblur.optics import mode_name

PAPER_MODES = tuple(range(4, 11))
"""Noll 4 to 10: the modes of the paper's experiment."""


class FamilyChoice(NamedTuple):
    """The Zernike family that was chosen.

    Attributes
    ----------
    modes
        Noll indices.
    max_amplitude
        Largest expected coefficient, in waves RMS.
    """

    modes: tuple[int, ...] = DEFAULT_MODES
    max_amplitude: float = 0.15


class FamilyForm(QWidget):
    """Choose the Zernike modes of the blur and how strong they may be.

    Parameters
    ----------
    parent
        Parent widget.
    """

    valueChanged = Signal()
    """Modes or amplitude have changed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._modes = QComboBox(self)
        self._modes.setObjectName("modes")
        self._modes.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._modes.setMinimumContentsLength(14)
        self._add(DEFAULT_MODES, "Zernike, Noll 4-11")
        self._add(PAPER_MODES, "Zernike, Noll 4-10 (paper)")
        self._amplitude = QDoubleSpinBox(self)
        self._amplitude.setObjectName("max_amplitude")
        self._amplitude.setRange(0.01, 1.0)
        self._amplitude.setSingleStep(0.01)
        self._amplitude.setDecimals(2)
        self._amplitude.setValue(FamilyChoice().max_amplitude)
        self._amplitude.setSuffix(" waves")
        self._amplitude.setToolTip(
            "Largest expected coefficient of each mode, in waves RMS. The networks were trained for up to 0.15 waves."
        )
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addRow("Blur model", self._modes)
        layout.addRow("Amplitude up to", self._amplitude)
        self._modes.currentIndexChanged.connect(self._changed)
        self._amplitude.valueChanged.connect(self._changed)
        self._explain()

    def value(self) -> FamilyChoice:
        """Return the modes and the amplitude."""
        return FamilyChoice(tuple(self._modes.currentData()), round(self._amplitude.value(), 4))

    def setValue(self, value: FamilyChoice) -> None:
        """Choose modes and amplitude; a set of modes that is not in the list is added to it."""
        known = [tuple(self._modes.itemData(row)) for row in range(self._modes.count())]
        if value.modes not in known:
            self._add(value.modes, f"Zernike, Noll {', '.join(map(str, value.modes))}")
            known.append(value.modes)
        self._modes.setCurrentIndex(known.index(value.modes))
        self._amplitude.setValue(value.max_amplitude)

    def _add(self, modes: tuple[int, ...], title: str) -> None:
        # A list: Qt would turn a tuple of another length into something else.
        self._modes.addItem(title, list(modes))

    def _changed(self) -> None:
        self._explain()
        self.valueChanged.emit()

    def _explain(self) -> None:
        names = ", ".join(mode_name(j) for j in self.value().modes)
        self._modes.setToolTip(f"The blur is described by the coefficients of: {names}.")
