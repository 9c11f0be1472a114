"""Boxes for numbers that never swallow a digit, and take them as people write them."""

from __future__ import annotations

import re
from typing import Final

from qtpy.QtCore import Signal, SignalInstance
from qtpy.QtGui import QValidator
from qtpy.QtWidgets import QDoubleSpinBox, QSpinBox, QWidget

_SEEN, _BUTTONS = "0.1083", 40
"""A number that is seen whole, and pixels of the buttons that napari's style lays over the text."""

_DECIMALS, _DIGITS = 6, 10
_LARGEST = 1e6
"""Nonsense can be typed, and is then said to be nonsense: a digit that is refused makes another number of it."""

_UM: Final = {"": 1.0, "nm": 1e-3, "um": 1.0, "µm": 1.0, "μm": 1.0, "mm": 1e3}
"""Micrometres in a unit; the letter for micro has two code points."""

_NUMBER = r"\s*(?P<number>-?\d*[.,]?\d*(?:[eE][-+]?\d*)?)\s*"
_PLAIN = re.compile(_NUMBER)
_WHOLE = re.compile(r"\s*(?P<number>-?\d*)\s*")
_LENGTH = re.compile(_NUMBER + r"(?P<unit>nm?|um?|µm?|μm?|mm?|)\s*")


class NumberBox(QDoubleSpinBox):
    """A number without a unit, with a decimal point or comma; it counts when it is complete, not at each key.

    Parameters
    ----------
    parent
        Parent widget.
    """

    typed = Signal(str)
    """The user has given a number, perhaps the same again; the name of the box."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._touched = False
        self.setDecimals(_DECIMALS)
        self.setRange(0.0, _LARGEST)
        # napari's style sheet leaves room for three digits between the two buttons.
        width = self.fontMetrics().horizontalAdvance(_SEEN) + _BUTTONS
        self.setStyleSheet(f"QDoubleSpinBox {{ min-width: {width}px; }}")
        # "5" and "52" on the way to "525" are not what is meant.
        self.setKeyboardTracking(False)
        line = self.lineEdit()
        assert line is not None
        line.textEdited.connect(self._touch)
        self.valueChanged.connect(self._report)
        self.editingFinished.connect(self._finish)

    def textFromValue(self, value: float) -> str:
        """Write a number without zeros behind it."""
        return f"{round(value, self.decimals()):.{_DIGITS}g}"

    def valueFromText(self, text: str | None) -> float:
        """Read what was typed."""
        return self._read(text or "") or 0.0

    def validate(self, text: str | None, position: int) -> tuple[QValidator.State, str, int]:
        """Accept what is a number, and what may become one."""
        typed = text or ""
        if self._read(typed) is not None:
            return QValidator.State.Acceptable, typed, position
        possible = typed == self.specialValueText() or self._pattern().fullmatch(typed.removesuffix(self.suffix()))
        state = QValidator.State.Intermediate if possible else QValidator.State.Invalid
        return state, typed, position

    def _touch(self) -> None:
        self._touched = True

    def _report(self) -> None:
        self._touched = False
        self.typed.emit(self.objectName())

    def _finish(self) -> None:
        # The number that stood there was confirmed.
        if self._touched:
            self._report()

    def _pattern(self) -> re.Pattern[str]:
        return _PLAIN if self.decimals() else _WHOLE

    def _read(self, text: str) -> float | None:
        """Return the number in a text; None where there is none."""
        if text and text == self.specialValueText():
            return self.minimum()
        found = self._pattern().fullmatch(text.removesuffix(self.suffix()))
        return None if found is None else _number(found["number"])


class LengthBox(NumberBox):
    """A length, in micrometres: ``0.525``, ``0,525``, ``525 nm`` and ``0.525 µm`` are the same.

    It has no suffix, before which no other unit could be typed.
    """

    def _pattern(self) -> re.Pattern[str]:
        return _LENGTH

    def _read(self, text: str) -> float | None:
        if text and text == self.specialValueText():
            return self.minimum()
        return length_um(text)


class WholeBox(QSpinBox):
    """A whole number; where none was typed, such as "12,5", or one out of range, the one that stood there comes back.

    Parameters
    ----------
    parent
        Parent widget.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        # "1" on the way to "15" is not what is meant.
        self.setKeyboardTracking(False)

    def validate(self, text: str | None, position: int) -> tuple[QValidator.State, str, int]:
        """Accept whole numbers in the range; others may be typed, and do not count."""
        typed = text or ""
        if self._read(typed) is not None:
            return QValidator.State.Acceptable, typed, position
        possible = _PLAIN.fullmatch(self._bare(typed))
        return QValidator.State.Intermediate if possible else QValidator.State.Invalid, typed, position

    def valueFromText(self, text: str | None) -> int:
        """Read what was typed."""
        found = self._read(text or "")
        return self.value() if found is None else found

    def fixup(self, text: str | None) -> str:
        """Mend nothing: Qt would take the comma of "12,5" for one between thousands, and make 125 of it."""
        return text or ""

    def _read(self, text: str) -> int | None:
        found = _WHOLE.fullmatch(self._bare(text))
        digits = "" if found is None else found["number"]
        if not digits.removeprefix("-"):
            return None
        return number if self.minimum() <= (number := int(digits)) <= self.maximum() else None

    def _bare(self, text: str) -> str:
        return text.removesuffix(self.suffix()).removesuffix(self.suffix().strip())


class NumberField:
    """A number box as the other rows of a `PartForm` are: a widget, its value, and the signal of its changes.

    Parameters
    ----------
    value, least, most, step
        Of the number.
    decimals
        Behind the point; 0 for whole numbers.
    nothing
        What is shown in place of the least number, where that stands for nothing.
    """

    def __init__(
        self, value: float, least: float, most: float, step: float, decimals: int = _DECIMALS, nothing: str = ""
    ) -> None:
        self.native = NumberBox()
        self.native.setDecimals(decimals)
        self.native.setRange(least, most)
        self.native.setSingleStep(step)
        self.native.setSpecialValueText(nothing)
        self.native.setValue(value)
        self.changed: SignalInstance = self.native.valueChanged

    @property
    def value(self) -> float:
        """The number."""
        return self.native.value()

    @value.setter
    def value(self, value: float) -> None:
        self.native.setValue(value)


def commit(widget: QWidget) -> None:
    """Take numbers that are still being typed for complete: not every button takes the focus from its box."""
    for box in (*widget.findChildren(NumberBox), *widget.findChildren(WholeBox)):
        box.interpretText()


def length_um(text: str) -> float | None:
    """Return a length as people write it, in micrometres; None where it is none."""
    found = _LENGTH.fullmatch(text)
    if found is None or found["unit"] not in _UM:
        return None
    number = _number(found["number"])
    return None if number is None else number * _UM[found["unit"]]


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None
