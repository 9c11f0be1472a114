"""What the axes of a layer are, and for which frames the blur is identified."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtGui import QStandardItemModel
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QWidget

from napari_deepblur.io.axes import AXES, other_axes, volume_refusal
from napari_deepblur.widgets.number_box import LengthBox
from napari_deepblur.widgets.plausible import question_of_spacing
from napari_deepblur.widgets.question_row import QuestionRow

if TYPE_CHECKING:
    from napari_deepblur.identification.volumes.identify import SpecimenChoice
    from napari_deepblur.pipeline.series import Colours, Reuse

Planes = Literal["each", "volume"]
"""How a stack is deblurred: plane by plane, or as one volume."""

_MOST_AXES = 6


class AxesChoice(NamedTuple):
    """The axes that were chosen.

    Attributes
    ----------
    axes
        One letter of `pipeline.series.AXES` for each axis of the array.
    reuse
        Identify the blur of each frame, or once.
    colours
        What is done with an RGB image.
    plane_spacing_um
        Distance of the planes of a stack; 0 where it is not known.
    planes
        Deblur planes one by one, or all of them as one volume.
    specimen
        Of a volume.
    """

    axes: str = "YX"
    reuse: Reuse = "each"
    colours: Colours = "each"
    plane_spacing_um: float = 0.0
    planes: Planes = "each"
    specimen: SpecimenChoice = "auto"


class AxesForm(QWidget):
    """Name the axes of an array; hidden where there is nothing to choose.

    Parameters
    ----------
    parent
        Parent widget.
    """

    valueChanged = Signal()
    """A choice has changed."""
    axesChanged = Signal()
    """The axes have other names now."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._axes = "YX"
        self._boxes: list[QComboBox] = []
        self._shown = 0
        self._layout = QFormLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        for position in range(_MOST_AXES):
            box = QComboBox(self)
            box.setObjectName(f"axis_{position}")
            box.setToolTip(
                "What this axis of the array is; an axis that had this name before takes the one that is free."
            )
            for letter, name in AXES.items():
                if letter != "S":
                    box.addItem(f"{name} ({letter})", letter)
            box.currentIndexChanged.connect(self._renamed)
            self._layout.addRow(f"Axis {position}", box)
            self._boxes.append(box)
        self._reuse = QComboBox(self)
        self._reuse.setObjectName("reuse")
        self._reuse.setToolTip(
            "Each frame or volume: for focus or samples that change. Once: for one sample and focus, on the first of "
            "each channel; faster."
        )
        self._reuse.addItem("on each frame", "each")
        self._reuse.addItem("once for all", "first")
        self._colours = QComboBox(self)
        self._colours.setObjectName("colours")
        self._colours.setToolTip("Colours differ in wavelength, and so in blur; the luminance is one gray image.")
        self._colours.addItem("red, green, blue", "each")
        self._colours.addItem("luminance only", "luminance")
        self._spacing = LengthBox(self)
        self._spacing.setObjectName("plane_spacing")
        self._spacing.setMinimum(-self._spacing.maximum())
        self._spacing.setSingleStep(0.05)
        self._spacing.setToolTip(
            "Distance from plane to plane in micrometres; 0: not known.\n"
            "With it a stack whose planes are identified one by one tells the joint sign of the even modes.\n"
            "Negative for a stack that was taken the other way, which turns the signs."
        )
        self._planes = QComboBox(self)
        self._planes.setObjectName("planes")
        self._planes.addItem("one by one", "each")
        self._planes.addItem("as a volume", "volume")
        self._specimen = QComboBox(self)
        self._specimen.setObjectName("specimen")
        self._specimen.setToolTip(
            "Thin: all of it lies in one plane, wherever that is. Thick: it is about alike at all depths. Automatic: "
            "whichever explains the stack better."
        )
        for title, specimen in (("automatic", "auto"), ("thin", "thin"), ("thick", "thick")):
            self._specimen.addItem(title, specimen)
        self._layout.addRow("Plane spacing (µm)", self._spacing)
        self._question = QuestionRow(self)
        self._question.answered.connect(self._take)
        self._layout.addRow(self._question)
        self._layout.addRow("Planes", self._planes)
        self._layout.addRow("Specimen", self._specimen)
        self._layout.addRow("Identify blur", self._reuse)
        self._layout.addRow("Colours", self._colours)
        for combo in (self._reuse, self._colours, self._specimen):
            combo.currentIndexChanged.connect(self.valueChanged)
        self._planes.currentIndexChanged.connect(self._changed)
        self._spacing.valueChanged.connect(self._changed)
        for combo in (*self._boxes, self._reuse, self._colours, self._planes, self._specimen):
            combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            combo.setMinimumContentsLength(14)
        self._arrange()

    def value(self) -> AxesChoice:
        """Return the choices."""
        return AxesChoice(
            self._axes,
            cast("Reuse", self._reuse.currentData()),
            cast("Colours", self._colours.currentData()),
            round(self._spacing.value(), 6) if "Z" in self._axes else 0.0,
            "volume" if self._is_volume() else "each",
            cast("SpecimenChoice", self._specimen.currentData()) if self._is_volume() else "auto",
        )

    def setValue(self, value: AxesChoice) -> None:
        """Choose; for an array of other axes give its lengths with `setAxes`."""
        if len(value.axes) == len(self._axes):
            self._name(value.axes)
        self._reuse.setCurrentIndex(self._reuse.findData(value.reuse))
        self._colours.setCurrentIndex(self._colours.findData(value.colours))
        self._spacing.setValue(value.plane_spacing_um)
        self._planes.setCurrentIndex(self._planes.findData(value.planes))
        self._specimen.setCurrentIndex(self._specimen.findData(value.specimen))

    def setPlaneSpacing(self, spacing_um: float | None) -> None:
        """Take over the distance of the planes that the layer states; None where it states none."""
        with QSignalBlocker(self._spacing):
            self._spacing.setValue(spacing_um or 0.0)
        self._offer_volume()

    def setAxes(self, axes: str, shape: Sequence[int]) -> None:
        """Show the axes of another array.

        Parameters
        ----------
        axes
            As guessed.
        shape
            Their lengths.
        """
        named = axes.removesuffix("S")
        self._shown = len(named) if len(named) > 2 else 0
        for position, (box, length) in enumerate(zip(self._boxes, shape, strict=False)):
            label = self._layout.labelForField(box)
            if isinstance(label, QLabel):
                label.setText(f"Axis {position} ({length})")
        self._name(axes)
        self._arrange()

    def _take(self, _name: str, value: float) -> None:
        self._spacing.setValue(value)

    def _changed(self) -> None:
        self._offer_volume()
        self.valueChanged.emit()

    def _is_volume(self) -> bool:
        return not self._why_no_volume() and self._planes.currentData() == "volume"

    def _why_no_volume(self) -> str:
        """Say why planes can only be deblurred one by one; empty where they can be a volume."""
        reason = volume_refusal(self._axes)
        if not reason and self._spacing.value() == 0:
            reason = "A volume needs the distance of its planes: enter the plane spacing."
        return reason

    def _offer_volume(self) -> None:
        """Show what there is to choose of a stack."""
        reason, stack = self._why_no_volume(), self._shown > 0 and "Z" in self._axes
        model = self._planes.model()
        assert isinstance(model, QStandardItemModel)
        entry = model.item(self._planes.findData("volume"))
        assert entry is not None
        entry.setEnabled(not reason)
        entry.setToolTip(reason)
        self._planes.setToolTip(
            "One by one: each plane by itself. As a volume: one blur for all planes, which are restored together, and "
            "so along z as well; slower. Each time and channel is a volume of its own."
            + f"\nNot here: {reason}"
            * bool(reason)
        )
        if reason:
            with QSignalBlocker(self._planes):
                self._planes.setCurrentIndex(self._planes.findData("each"))
        self._layout.setRowVisible(self._spacing, stack)
        self._question.setValue(question_of_spacing(self._spacing.value()))
        self._layout.setRowVisible(self._question, stack and self._question.value() is not None)
        self._layout.setRowVisible(self._planes, stack)
        self._layout.setRowVisible(self._specimen, stack and self._is_volume())
        several = bool(other_axes(self._axes)) if self._is_volume() else self._shown > 0
        self._layout.setRowVisible(self._reuse, several)

    def _renamed(self) -> None:
        """Take over what the user chose; rows and columns are never lost."""
        before = self._axes[: self._shown]
        chosen = [str(box.currentData()) for box in self._boxes[: self._shown]]
        for position, (new, old) in enumerate(zip(list(chosen), before, strict=True)):
            if new == old:
                continue
            if new in before:
                chosen[before.index(new)] = old
            elif old in "YX":
                free = next(i for i, letter in enumerate(before) if i != position and letter not in "YX")
                chosen[free] = old
        self._name("".join(chosen) + self._axes[self._shown :])

    def _name(self, axes: str) -> None:
        changed = axes != self._axes
        self._axes = axes
        for box, letter in zip(self._boxes, axes, strict=False):
            with QSignalBlocker(box):
                box.setCurrentIndex(box.findData(letter))
        self._offer_volume()
        if changed:
            self.axesChanged.emit()
        self.valueChanged.emit()

    def _arrange(self) -> None:
        for position, box in enumerate(self._boxes):
            self._layout.setRowVisible(box, position < self._shown)
        self._offer_volume()
        self._layout.setRowVisible(self._colours, self._axes.endswith("S"))
        self.setVisible(self._shown > 0 or self._axes.endswith("S"))
