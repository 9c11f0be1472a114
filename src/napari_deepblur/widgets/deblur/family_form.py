"""Which blurs are considered possible."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QFormLayout, QHBoxLayout, QWidget

from napari_deepblur.errors import DeepblurError, FamilyFileError
from napari_deepblur.io.family_places import PSF_SUFFIXES, find_family, shipped_families
from napari_deepblur.operators.families.facts import DEFAULT_MODES
from napari_deepblur.optics import mode_name
from napari_deepblur.widgets.described import tooltip
from napari_deepblur.widgets.notice import Notice
from napari_deepblur.widgets.number_box import NumberBox, WholeBox

if TYPE_CHECKING:
    from napari_deepblur.operators import OperatorFamily
    from napari_deepblur.operators.families.facts import Amplitude

PAPER_MODES = tuple(range(4, 11))
"""Noll 4 to 10: the modes of the paper's experiment."""

FAMILY_FILTER = "Families and PSFs (*.safetensors *.tif *.tiff);;All files (*)"

_ZERNIKE, _FIELD_ZERNIKE = "zernike", "field-zernike"
_ASK = ""
"""What the row that asks for a file has in place of a family."""

_chosen_files: list[str] = []
"""Files that were chosen in any window since the program started, in that order."""


class FamilyChoice(NamedTuple):
    """The family of blurs that was chosen; the names are those of `DeblurSettings`.

    Attributes
    ----------
    modes
        Noll indices, of Zernike families.
    max_amplitude
        Largest expected coefficient of Zernike families, in waves RMS; ``"auto"`` where nobody states one.
    family
        ``"zernike"``, ``"field-zernike"``, the name of a family that comes with the package, or a file.
    degree
        Of the polynomials of the field, for ``"field-zernike"``.
    origin
        First pixel (row, column) of the image in the field.
    """

    modes: tuple[int, ...] = DEFAULT_MODES
    max_amplitude: Amplitude = "auto"
    family: str = _ZERNIKE
    degree: int = 1
    origin: tuple[int, int] = (0, 0)


class FamilyForm(QWidget):
    """Choose the family of the blur: Zernike modes and how strong they may be, or a calibrated microscope.

    Parameters
    ----------
    parent
        Parent widget.
    """

    valueChanged = Signal()
    """The family, or a number of it, has changed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._family = _combo_box(
            self,
            "family",
            "One blur: the same everywhere. Varying: aberrations that are polynomials of the field.\n"
            "Calibrated families come from Layers > Measure > Bead calibration. A file may also hold one PSF, as\n"
            "TIFF, or for volumes a PSF of several planes or a pupil.",
        )
        self._facts = Notice(self)
        self._facts.setObjectName("family_facts")
        self._modes = _combo_box(self, "modes", "")
        self._add(DEFAULT_MODES, "Noll 4-11")
        self._add(PAPER_MODES, "Noll 4-10 (paper)")
        self._amplitude = NumberBox(self)
        self._amplitude.setObjectName("max_amplitude")
        # Zero stands for nothing: it is no amplitude.
        self._amplitude.setMaximum(1.0)
        self._amplitude.setSpecialValueText("not stated")
        self._amplitude.setSingleStep(0.01)
        self._amplitude.setSuffix(" waves")
        self._amplitude.setToolTip(tooltip("max_amplitude"))
        self._degree = WholeBox(self)
        self._degree.setObjectName("degree")
        self._degree.setRange(0, 2)
        self._degree.setValue(FamilyChoice().degree)
        self._degree.setToolTip(tooltip("degree"))
        self._row, self._column = _pixel_box(self, "origin_row"), _pixel_box(self, "origin_column")
        self._origin = QWidget(self)
        origin = QHBoxLayout(self._origin)
        origin.setContentsMargins(0, 0, 0, 0)
        origin.addWidget(self._row)
        origin.addWidget(self._column)
        self._layout = QFormLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addRow("Blur model", self._family)
        self._layout.addRow(self._facts)
        self._layout.addRow("Modes", self._modes)
        self._layout.addRow("Amplitude up to", self._amplitude)
        self._layout.addRow("Degree", self._degree)
        self._layout.addRow("First pixel", self._origin)
        self._list_families(_ZERNIKE)
        self._family.currentIndexChanged.connect(self._family_chosen)
        self._modes.currentIndexChanged.connect(self._changed)
        for box in (self._amplitude, self._degree, self._row, self._column):
            box.valueChanged.connect(self._changed)
        self._describe()

    def value(self) -> FamilyChoice:
        """Return the family and its numbers."""
        return FamilyChoice(
            modes=tuple(self._modes.currentData()),
            max_amplitude=round(self._amplitude.value(), 4) or "auto",
            family=self._shown,
            degree=self._degree.value(),
            origin=(self._row.value(), self._column.value()),
        )

    def setValue(self, value: FamilyChoice) -> None:
        """Choose a family; modes and files that are not in the lists are added to them."""
        known = [tuple(self._modes.itemData(row)) for row in range(self._modes.count())]
        if value.modes not in known:
            self._add(value.modes, f"Noll {', '.join(map(str, value.modes))}")
            known.append(value.modes)
        self._modes.setCurrentIndex(known.index(value.modes))
        self._amplitude.setValue(0.0 if value.max_amplitude == "auto" else value.max_amplitude)
        self._degree.setValue(value.degree)
        self._row.setValue(value.origin[0])
        self._column.setValue(value.origin[1])
        if value.family not in (_ZERNIKE, _FIELD_ZERNIKE, *shipped_families(), *_chosen_files):
            _chosen_files.append(value.family)
        # The list is new also where the choice is not: a file may have been calibrated again.
        self._list_families(value.family)
        self._changed()
        self._describe()

    def _list_families(self, shown: str) -> None:
        """List what there is now, and choose."""
        families = [(_ZERNIKE, "Zernike (one blur)"), (_FIELD_ZERNIKE, "Zernike, varying over the field")]
        families += [(name, f"{name} (shipped)") for name in shipped_families()]
        families += [(file, Path(file).stem) for file in _chosen_files]
        with QSignalBlocker(self._family):
            self._family.clear()
            for name, title in (*families, (_ASK, "From file…")):
                self._family.addItem(title, name)
                self._family.setItemData(self._family.count() - 1, name or None, Qt.ItemDataRole.ToolTipRole)
            self._family.setCurrentIndex(self._family.findData(shown))
        self._shown = shown

    def _family_chosen(self) -> None:
        name = str(self._family.currentData())
        if name == _ASK:
            chosen, _ = QFileDialog.getOpenFileName(self, "Family of blurs", "", FAMILY_FILTER)
            self.setValue(self.value()._replace(family=chosen or self._shown))
            return
        self._shown = name
        self._describe()
        self._changed()

    def _describe(self) -> None:
        """Show the rows that the family has, and say what it is."""
        zernike = self._shown in (_ZERNIKE, _FIELD_ZERNIKE)
        for widget, visible in (
            (self._modes, zernike),
            (self._amplitude, zernike),
            (self._degree, self._shown == _FIELD_ZERNIKE),
        ):
            self._layout.setRowVisible(widget, visible)
        self._explain()
        self._layout.setRowVisible(self._origin, self._tell_facts())

    def _tell_facts(self) -> bool:
        """Say what the family is; return whether its blur varies over a field, in which an image has its place."""
        self._facts.clear()
        if self._shown in (_ZERNIKE, _FIELD_ZERNIKE):
            return self._shown == _FIELD_ZERNIKE
        try:
            words, has_field = _facts_of_file(find_family(self._shown))
        except DeepblurError as error:
            self._facts.say(str(error), "error")
            return False
        self._facts.say(words)
        return has_field

    def _add(self, modes: tuple[int, ...], title: str) -> None:
        # A list: Qt would turn a tuple of another length into something else.
        self._modes.addItem(title, list(modes))

    def _changed(self) -> None:
        self._explain()
        self.valueChanged.emit()

    def _explain(self) -> None:
        names = ", ".join(mode_name(j) for j in self.value().modes)
        self._modes.setToolTip(f"The blur is described by the coefficients of: {names}.")


def _facts_of_file(path: Path) -> tuple[str, bool]:
    """Say what a file of blurs holds, and whether that has a field; raises a `FamilyFileError` where that is none."""
    from napari_deepblur.io.families import load_family
    from napari_deepblur.io.psf_files import load_psf
    from napari_deepblur.io.psf_stacks import load_psf_stack
    from napari_deepblur.io.pupil_files import is_pupil_file, load_pupil

    if is_pupil_file(path):
        pupil = load_pupil(path)
        rms = math.sqrt(sum(c * c for c in pupil.theta))
        return (
            f"A pupil of {len(pupil.modes)} modes, {rms:.3f} waves RMS: nothing is identified. Stacks as volumes have "
            "its PSF in three dimensions; planes one by one that in focus.",
            False,
        )
    if path.suffix.lower() in PSF_SUFFIXES:
        try:
            return _facts(load_psf(path))
        except FamilyFileError as error:
            try:
                planes, *sides = load_psf_stack(path).planes.shape
            except FamilyFileError:
                raise error from None
        return (
            f"A measured PSF of {planes} planes of {sides[0]} x {sides[1]} pixels, for stacks that are deblurred as "
            "volumes: nothing is identified.",
            False,
        )
    return _facts(load_family(path))


def _facts(family: OperatorFamily) -> tuple[str, bool]:
    """Say what a family from a file is, and whether its blur varies over a field."""
    size, tensors = family.pixel_size_um, family.tensors
    pixels = f", pixels of {size:g} µm" if size else ""
    if "maps" in tensors and family.field_shape is not None:
        rows, columns = family.field_shape
        return (
            f"{len(tensors['eigen_psfs'])} eigen-PSFs, {len(tensors['maps'])} maps of a field of {rows} x {columns}"
            f"{pixels}. A crop of the field needs the place of its first pixel.",
            True,
        )
    if family.n_parameters == 1:
        return f"One PSF of {family.psf_size} x {family.psf_size} pixels{pixels}: nothing is identified.", False
    return f"{family.n_parameters} parameters{pixels}.", family.field_shape is not None


def _combo_box(parent: QWidget, name: str, tooltip: str) -> QComboBox:
    combo = QComboBox(parent)
    combo.setObjectName(name)
    combo.setToolTip(tooltip)
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    combo.setMinimumContentsLength(14)
    return combo


def _pixel_box(parent: QWidget, name: str) -> WholeBox:
    box = WholeBox(parent)
    box.setObjectName(name)
    box.setRange(0, 10**6)
    box.setToolTip(tooltip("origin"))
    return box
