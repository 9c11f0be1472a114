"""The More menu: settings from a layer, the run as text, and blurs that are used again."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtGui import QAction, QGuiApplication
from qtpy.QtWidgets import QFileDialog, QMenu, QPushButton, QWidget

from napari_deepblur.errors import DeepblurError, SettingsError, UndersamplingWarning
from napari_deepblur.io.family_places import PSF_SUFFIXES
from napari_deepblur.io.images import write_tiff
from napari_deepblur.io.output import replacing
from napari_deepblur.pipeline.parts import FileBlur
from napari_deepblur.pipeline.reproduce import Input, as_command_line, as_python
from napari_deepblur.pipeline.series import history_of
from napari_deepblur.pipeline.settings import DeblurSettings
from napari_deepblur.widgets.deblur.axes_form import AxesChoice
from napari_deepblur.widgets.deblur.copied_input import input_of
from napari_deepblur.widgets.deblur.field_maps import FieldMaps
from napari_deepblur.widgets.layer_acquisition import recorded_origins
from napari_deepblur.widgets.layers import METADATA_KEY, full_resolution, plane_spacing_um, shown_name

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_deepblur.identification.volumes.identify import SpecimenChoice
    from napari_deepblur.pipeline.series import Reuse
    from napari_deepblur.widgets.deblur.axes_form import Planes
    from napari_deepblur.widgets.deblur.result_book import ResultBook
    from napari_deepblur.widgets.deblur.wanted import Ask

_PSF_FILTER = "TIFF (*.tif *.tiff)"


class ReuseMenu(QPushButton):
    """A button with a menu of what can be done with settings and blurs beside a run.

    Parameters
    ----------
    viewer
        The napari viewer, whose selected layer is meant.
    ask
        Returns what a run would be given now; None while there can be none, a `DeepblurError` where it is refused.
    parent
        Parent widget.
    """

    settingsChosen = Signal(object)
    """`DeblurSettings` to be shown in the forms."""
    originsChosen = Signal(object)
    """Where the numbers of their optics are from: those that were assumed still are."""
    axesChosen = Signal(object)
    """`AxesChoice` of the layer that the settings are from."""
    said = Signal(str, str)
    """What was done or could not be, and its level."""

    def __init__(self, viewer: Viewer, ask: Ask, book: ResultBook, parent: QWidget | None = None) -> None:
        super().__init__("More", parent)
        self.setObjectName("more")
        self.setToolTip("Settings from a layer, this run as text, blurs to be used again.")
        self._viewer, self._ask, self._book = viewer, ask, book
        self._maps = FieldMaps(viewer, self)
        self._maps.said.connect(self.said)
        self._actions: dict[str, Callable[[], None]] = {}
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        for name, title, tip, action in (
            ("load", "Load settings from layer", "Those that the selected layer was made with.", self._load),
            ("command", "Copy as command line", "The command that computes the same pixels.", self._copy_command),
            ("python", "Copy as Python", "The lines of Python that compute the same pixels.", self._copy_python),
            ("", "", "", None),
            ("again", "Use this blur again…", "Deblur other layers with the blur of the selected result.", self._again),
            ("psf", "Use layer as PSF…", "The selected layer is a picture of the PSF, of any origin.", self._use_psf),
            ("export", "Export PSFs…", "Those of all frames of the selected result, as TIFF.", self._export),
            (
                "maps",
                "Add field maps",
                "Strehl ratio, FWHM, half-light radius and cut-off of the selected result's PSFs, over the field.",
                self._add_maps,
            ),
            ("table", "Save coefficients…", "Those of every frame of the selected result, as CSV.", self._save_table),
            ("", "", "", None),
            ("undo", "Remove last result", "Take away the layers that the last run has added.", self._undo),
        ):
            if action is None:
                menu.addSeparator()
                continue
            entry = menu.addAction(title)
            assert entry is not None
            entry.setObjectName(name)
            entry.setToolTip(tip)
            self._actions[name] = action
        # One bound method: PySide6 would keep functions that know this object, and with it the dock, for good.
        menu.triggered.connect(self._chosen)
        menu.aboutToShow.connect(self._update_entries)
        self.setMenu(menu)

    def _chosen(self, entry: QAction) -> None:
        """Do what was chosen, and say what is wrong instead of raising it."""
        try:
            self._actions[entry.objectName()]()
        except DeepblurError as error:
            self.said.emit(str(error), "error")

    def _update_entries(self) -> None:
        """Offer only what there is something to do for."""
        layer = self._viewer.layers.selection.active
        kept = None if layer is None else layer.metadata.get(METADATA_KEY)
        record: Mapping[str, Any] = kept if isinstance(kept, Mapping) else {}
        is_result = isinstance(record.get("settings"), Mapping)
        display = self._book.display(layer)
        try:
            runs = self._ask() is not None
        except DeepblurError:
            runs = False
        possible = {
            "load": is_result,
            "command": runs,
            "python": runs,
            "again": is_result,
            "psf": layer is not None,
            "export": display is not None and display.psfs() is not None,
            "maps": display is not None and display.measured_field() is not None,
            "table": is_result and bool(record.get("parameter_names") or record.get("pupil")),
            "undo": bool(self._book.last()),
        }
        menu = self.menu()
        assert menu is not None
        for entry in menu.actions():
            if entry.objectName() in possible:
                entry.setEnabled(possible[entry.objectName()])

    def _undo(self) -> None:
        names = self._book.take_back()
        if not names:
            raise SettingsError("No run of this dock has layers in the viewer: there is nothing to remove.")
        self.said.emit(f"Removed {' and '.join(map(shown_name, names))}.", "note")

    def _selected(self) -> Layer:
        layer: Layer | None = self._viewer.layers.selection.active
        if layer is None:
            raise SettingsError("No layer is selected, or several are. Click the one that is meant in the layer list.")
        return layer

    def _load(self) -> None:
        layer = self._selected()
        record, settings = recorded_settings(layer)
        self._hand_out(settings, record, layer)
        name = shown_name(layer.name)
        digest = record.get("resolved", {}).get("family", {}).get("sha256")
        if isinstance(settings.blur, FileBlur) and digest != _family_digest(settings):
            self.said.emit(
                f"Settings of {name}. The family's file has changed since: other pixels will come.", "warning"
            )
        else:
            self.said.emit(f"Settings of {name}.", "note")

    def _hand_out(self, settings: DeblurSettings, record: Mapping[str, Any], layer: Layer) -> None:
        self.settingsChosen.emit(settings)
        origins = recorded_origins(layer).items()
        self.originsChosen.emit({name: origin if origin == "assumed" else "typed" for name, origin in origins})
        axes = record.get("axes")
        if isinstance(axes, str):
            reuse: Reuse = "first" if record.get("reuse") == "first" else "each"
            kept = record.get("stack")
            stack: Mapping[str, Any] = kept if isinstance(kept, Mapping) else {}
            spacing = stack.get("plane_spacing_um", plane_spacing_um(layer, axes))
            known = float(spacing) if isinstance(spacing, int | float) else 0.0
            planes: Planes = "volume" if stack.get("volume") is True else "each"
            specimen = stack.get("specimen")
            chosen: SpecimenChoice = specimen if specimen in ("thin", "thick") else "auto"
            self.axesChosen.emit(AxesChoice(axes, reuse, "each", known, planes, chosen))

    def _copy_command(self) -> None:
        settings, image, reason = self._asked()
        output = Path(image.file).stem.removesuffix(".ome") + "_deblurred.ome.tif"
        self._copy(as_command_line(settings, image, output), "The command", image, reason)

    def _copy_python(self) -> None:
        settings, image, reason = self._asked()
        self._copy(as_python(settings, image), "The Python", image, reason)

    def _asked(self) -> tuple[DeblurSettings, Input, str]:
        """Return what would be run on which input, and why that is to be saved first; empty where it is there."""
        asked = self._ask()
        if asked is None:
            raise SettingsError("There is nothing to run now: the forms say why, or a run goes on.")
        return asked.settings, *input_of(asked)

    def _copy(self, text: str, what: str, image: Input, reason: str) -> None:
        clipboard = QGuiApplication.clipboard()
        assert clipboard is not None
        clipboard.setText(text)
        whole = "all of" if image.scene is None else f"image {image.scene} of"
        source = f"{image.file}: {reason}, save it under this name" if reason else f"{whole} {image.file}"
        self.said.emit(f"{what} is in the clipboard. It reads {source}.", "warning" if reason else "note")

    def _again(self) -> None:
        layer = self._selected()
        record, settings = recorded_settings(layer)
        findings = self._book.findings(layer) if self._book.display(layer) is not None else None
        found = None if findings is None else findings.identification
        if settings.blur.family == "zernike" and found is not None and len(found.psfs):
            # The average over what is likely is closer to the truth than the PSF of the mean coefficients.
            file = self._chosen_file("psf.tif")
            if file is None:
                return
            write_tiff(file, found.psf, pixel_size_um=settings.optics.pixel_size_um)
            again = settings.replace(family=str(file), theta=None)
        else:
            theta = record.get("resolved", {}).get("theta")
            if theta is None:
                raise SettingsError(f"{shown_name(layer.name)} says nothing about its blur: select a result.")
            again = settings.replace(theta=tuple(theta))
        self._hand_out(again, {}, layer)
        self.said.emit(
            f"The blur of {shown_name(layer.name)} is known now: choose another layer, and deblur it.", "note"
        )

    def _use_psf(self) -> None:
        from napari_deepblur.io.psf_files import load_psf

        layer = self._selected()
        data = np.squeeze(np.asarray(full_resolution(layer)))
        path = None if layer.source.path is None else Path(layer.source.path)
        if path is None or path.suffix.lower() not in PSF_SUFFIXES:
            path = self._chosen_file(f"{layer.name}.tif")
            if path is None:
                return
            write_tiff(path, data.astype(np.float32))
        load_psf(path)
        settings = self._ask_settings()
        self.settingsChosen.emit(settings.replace(family=str(path), theta=None, channel_wavelengths_um=None))
        self.said.emit(f"{shown_name(layer.name)} is the PSF now: choose the layer to deblur.", "note")

    def _ask_settings(self) -> DeblurSettings:
        asked = self._ask()
        return DeblurSettings() if asked is None else asked.settings

    def _export(self) -> None:
        layer = self._viewer.layers.selection.active
        display = self._book.display(layer)
        known = None if display is None else display.psfs()
        if layer is None or known is None:
            raise SettingsError(
                "The selected layer has no PSFs that were identified since napari was started: select a result of the "
                "Deblur dock, or press Deblur first."
            )
        file = self._chosen_file(f"{layer.name} PSFs.tif")
        if file is not None:
            psfs, axes = known
            one = len(psfs) == 1 and psfs.ndim == 3
            pixel = recorded_settings(layer)[1].optics.pixel_size_um
            write_tiff(file, psfs[0] if one else psfs, pixel_size_um=pixel, axes="YX" if one else axes)
            what = f"a PSF of {len(psfs)} planes" if axes == "ZYX" else f"{len(psfs)} PSF{'s' * (not one)}"
            self.said.emit(f"Wrote {what} to {file}.", "note")

    def _add_maps(self) -> None:
        self._maps.add(self._book.display(self._selected()))

    def _save_table(self) -> None:
        layer = self._selected()
        record, _ = recorded_settings(layer)
        table = history_of(record).as_csv()
        chosen, _ = QFileDialog.getSaveFileName(self, "Coefficients", f"{layer.name}.csv", "Tables (*.csv)")
        if chosen:
            file = Path(chosen) if Path(chosen).suffix.lower() == ".csv" else Path(f"{chosen}.csv")
            with replacing(file) as partial:
                partial.write_text(table, encoding="utf-8")
            self.said.emit(f"Wrote {file}.", "note")

    def _chosen_file(self, name: str) -> Path | None:
        chosen, _ = QFileDialog.getSaveFileName(self, "PSF", name, _PSF_FILTER)
        if not chosen:
            return None
        return Path(chosen) if Path(chosen).suffix.lower() in PSF_SUFFIXES else Path(chosen + ".tif")


def recorded_settings(layer: Layer) -> tuple[Mapping[str, Any], DeblurSettings]:
    """Return the record that a layer carries, and the settings in it.

    Raises
    ------
    SettingsError
        If there is none, or it is of another program or version.
    """
    record = layer.metadata.get(METADATA_KEY)
    settings = record.get("settings") if isinstance(record, Mapping) else None
    if not isinstance(record, Mapping) or not isinstance(settings, Mapping):
        raise SettingsError(
            f"{shown_name(layer.name)} carries no record of a run. Select a result of the Deblur dock, or a file that "
            "was saved from one as OME-TIFF."
        )
    with warnings.catch_warnings():
        # The form that shows it says so.
        warnings.simplefilter("ignore", UndersamplingWarning)
        return record, DeblurSettings(**settings)


def _family_digest(settings: DeblurSettings) -> str | None:
    from napari_deepblur.io.families import family_hash, load_family

    file = settings.family_file
    return None if file is None else family_hash(load_family(file))
