"""A form of one part of the settings, which magicgui makes from the fields of its models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

from magicgui.widgets import ComboBox, create_widget
from magicgui.widgets.bases import ValueWidget
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QFormLayout, QWidget

from napari_deepblur.pipeline.options import Option, kind_field, options_of
from napari_deepblur.pipeline.parts import Part, variants
from napari_deepblur.widgets.described import label_of, tooltip_of

_LARGEST = 1e9
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
    """

    valueChanged = Signal()
    """A choice, or a number, has changed."""

    def __init__(
        self,
        part: str,
        choices: Mapping[str, Choices] | None = None,
        hidden: Sequence[str] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._part, self._kind = part, kind_field(part)
        self._models = variants(part)
        self._fields: dict[str, ValueWidget[Any]] = {}
        self._layout = QFormLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        for option in options_of(part):
            if option.field not in hidden:
                field = _widget(option, (choices or {}).get(option.field), self._kinds())
                self._fields[option.field] = field
                native = field.native
                native.setParent(self)
                native.setObjectName(f"{part}_mode" if option.field == "kind" else option.field)
                native.setToolTip(tooltip_of(option))
                self._layout.addRow(label_of(option), native)
                field.changed.connect(self._changed)
        self._show_rows()

    def value(self) -> Any:
        """Return the part: of the model that was chosen, with what its rows hold."""
        values = {name: field.value for name, field in self._fields.items() if name in self._model().model_fields}
        # What was typed, without the dust of binary fractions.
        return self._model()(**{k: round(v, 8) if isinstance(v, float) else v for k, v in values.items()})

    def setValue(self, value: Part) -> None:
        """Show a part; a choice that is not in its list is added, and refused with a reason when it is used."""
        for name, field in self._fields.items():
            shown = getattr(value, name, field.value)
            if isinstance(field, ComboBox) and shown not in field.choices:
                field.choices = [*_titled(field), (str(shown), shown)]
            field.value = shown

    def shown(self) -> tuple[str, ...]:
        """Return the names of the options that have a row."""
        return tuple(option.name for option in options_of(self._part) if option.field in self._fields)

    def _kinds(self) -> list[str]:
        return [str(model.model_fields[self._kind].default) for model in self._models] if self._kind else []

    def _model(self) -> type[Part]:
        """Return the model that is chosen."""
        if self._kind is None:
            return self._models[0]
        return self._models[self._kinds().index(str(self._fields[self._kind].value))]

    def _changed(self) -> None:
        self._show_rows()
        self.valueChanged.emit()

    def _show_rows(self) -> None:
        for name, field in self._fields.items():
            self._layout.setRowVisible(field.native, name in self._model().model_fields)


def _widget(option: Option, choices: Choices | None, kinds: Sequence[str]) -> ValueWidget[Any]:
    """Let magicgui make what suits the type of a field."""
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
    elif option.annotation is float:
        limits = {"min": float(option.more.get("least", -_LARGEST)), "max": _LARGEST}
        made = create_widget(option.default, name=option.field, widget_type="FloatSpinBox", options=limits)
        spin = made.native
        assert isinstance(spin, QDoubleSpinBox)
        spin.setDecimals(_DECIMALS)
    else:
        made = create_widget(option.default, annotation=option.annotation, name=option.field)
    assert isinstance(made, ValueWidget)
    return made


def _titled(field: ComboBox) -> list[tuple[str, Any]]:
    box = field.native
    return [(box.itemText(row), value) for row, value in enumerate(field.choices)]
