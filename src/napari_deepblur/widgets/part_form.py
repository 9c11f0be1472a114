"""A form of one part of the settings, which magicgui makes from the fields of its models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast, get_args, get_origin

from magicgui.widgets import ComboBox, create_widget
from magicgui.widgets.bases import ValueWidget
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QToolButton, QWidget

from napari_deepblur.pipeline.options import kind_field, options_of
from napari_deepblur.pipeline.parts import variants
from napari_deepblur.widgets.described import label_of, tooltip_of
from napari_deepblur.widgets.number_box import NumberField

if TYPE_CHECKING:
    from napari_deepblur.pipeline.options import Option
    from napari_deepblur.pipeline.part import Part

_LARGEST = 1e9
_STEP = 0.05
_DECIMALS = 6
"""Images in [0, 1] have 0.0001, raw camera counts have hundreds."""

Choices = Sequence[tuple[str, Any]]
"""Titles and values."""


class PartForm(QWidget):
    """A row for each field: what it is called, how it is chosen, and its description as a tooltip.

    Where the part is a union, the first row chooses the model, and only its own fields are shown.

    Parameters
    ----------
    part
        Name of the part among the settings.
    choices
        For fields that are chosen from a list, what is in it, where that is more than the words of their type.
    hidden
        Fields that have no row, and keep their defaults.
    parent
        Parent widget.
    folded
        Title under which the rows are folded away at first; by default they are shown.
    """

    valueChanged = Signal()
    """A choice, or a number, has changed."""

    def __init__(
        self,
        part: str,
        choices: Mapping[str, Choices] | None = None,
        hidden: Sequence[str] = (),
        parent: QWidget | None = None,
        folded: str = "",
    ) -> None:
        super().__init__(parent)
        self._part, self._kind = part, kind_field(part)
        self._models = variants(part)
        self._fields: dict[str, ValueWidget[Any] | NumberField] = {}
        self._optional: dict[str, float] = {}
        self._layout = QFormLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._fold = _fold(part, folded, self) if folded else None
        if self._fold is not None:
            self._layout.addRow(self._fold)
            self._fold.toggled.connect(self._show_rows)
        for option in options_of(part):
            if option.field not in hidden:
                field = _widget(option, (choices or {}).get(option.field), self._kinds())
                self._fields[option.field] = field
                if _kind_of_number(option) is not None and type(None) in get_args(option.annotation):
                    self._optional[option.field] = field.value
                native = field.native
                native.setParent(self)
                native.setObjectName(f"{part}_mode" if option.field == "kind" else option.field)
                native.setToolTip(tooltip_of(option))
                self._layout.addRow(label_of(option), native)
                field.changed.connect(self._changed)
        self._chosen = None if self._kind is None else self._fields[self._kind].value
        self._show_rows()

    def value(self) -> Any:
        """Return the part: of the model that was chosen, with what its rows hold."""
        values = {name: self._read(name) for name in self._fields if name in self._model().model_fields}
        # What was typed, without the dust of binary fractions.
        return self._model()(**{k: round(v, 8) if isinstance(v, float) else v for k, v in values.items()})

    def setValue(self, value: Part) -> None:
        """Show a part; a choice that is not in its list is added, and refused with a reason when it is used."""
        for name, field in self._fields.items():
            shown = getattr(value, name, field.value)
            if shown is None and name in self._optional:
                shown = self._optional[name]
            if isinstance(field, ComboBox) and shown not in field.choices:
                field.choices = [*_titled(field), (str(shown), shown)]
            field.value = shown

    def setChoices(self, name: str, choices: Choices) -> None:
        """List other choices for a field; what is chosen stays so, also where it is none of them."""
        field = self._fields[name]
        assert isinstance(field, ComboBox)
        chosen = field.value
        there = any(value == chosen for _, value in choices)
        with field.changed.blocked():
            field.choices = [*choices, *([] if there else [(str(chosen), chosen)])]
            field.value = chosen

    def shown(self) -> tuple[str, ...]:
        """Return the names of the options that have a row."""
        return tuple(option.name for option in options_of(self._part) if option.field in self._fields)

    def _read(self, name: str) -> Any:
        """Return what a row holds; None where it is left to the method."""
        value = self._fields[name].value
        if name not in self._optional:
            return value
        if value == self._optional[name]:
            return None
        field = self._fields[name]
        return int(value) if isinstance(field, NumberField) and field.native.decimals() == 0 else value

    def _kinds(self) -> list[str]:
        return [str(model.model_fields[self._kind].default) for model in self._models] if self._kind else []

    def _model(self) -> type[Part]:
        """Return the model that is chosen."""
        if self._kind is None:
            return self._models[0]
        return self._models[self._kinds().index(str(self._fields[self._kind].value))]

    def _changed(self) -> None:
        if self._kind is not None and self._fields[self._kind].value != self._chosen:
            self._chosen = self._fields[self._kind].value
            # Iterations of one method are none of another.
            for name, nothing in self._optional.items():
                self._fields[name].value = nothing
        self._show_rows()
        self.valueChanged.emit()

    def _show_rows(self) -> None:
        shown = self._fold is None or self._fold.isChecked()
        for name, field in self._fields.items():
            self._layout.setRowVisible(field.native, shown and name in self._model().model_fields)
        if self._fold is not None:
            self._fold.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)


def _fold(part: str, title: str, parent: QWidget) -> QToolButton:
    """Make the title of rows that can be folded away."""
    button = QToolButton(parent)
    button.setObjectName(f"{part}_fold")
    button.setText(title)
    button.setToolTip("Show or hide the rows below.")
    button.setCheckable(True)
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    return button


def _widget(option: Option, choices: Choices | None, kinds: Sequence[str]) -> ValueWidget[Any] | NumberField:
    """Make what suits the type of a field: a box for numbers, or what magicgui has for it."""
    words = get_args(option.annotation) if get_origin(option.annotation) is Literal else ()
    if option.field in ("kind", "method", "family"):
        words = tuple(kinds)
    known = list(choices or [(str(word), word) for word in words])
    if known:
        made = create_widget(option.default, name=option.field, widget_type="ComboBox", options={"choices": known})
        box = made.native
        assert isinstance(box, QComboBox)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(14)
    elif type(None) in get_args(option.annotation) and _kind_of_number(option) is not None:
        whole = _kind_of_number(option) is int
        # What lies below everything that is possible stands for nothing: a strength of zero is a strength.
        least = 0.0 if whole else -_STEP
        most, step, decimals = (10_000.0, 10.0, 0) if whole else (1000.0, _STEP, _DECIMALS)
        return NumberField(least, least, most, step, decimals, str(option.more.get("assumed", "automatic")))
    elif option.annotation is float:
        return NumberField(float(option.default), float(option.more.get("least", -_LARGEST)), _LARGEST, 1.0)
    else:
        made = create_widget(option.default, annotation=option.annotation, name=option.field)
    assert isinstance(made, ValueWidget)
    return made


def _kind_of_number(option: Option) -> type | None:
    """Return int or float where that is what an optional field may be; None for others."""
    for one in get_args(option.annotation):
        kind = get_args(one)[0] if get_args(one) else one
        if kind in (int, float):
            return cast("type", kind)
    return None


def _titled(field: ComboBox) -> list[tuple[str, Any]]:
    box = field.native
    return [(box.itemText(row), value) for row, value in enumerate(field.choices)]
