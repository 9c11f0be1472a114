"""The Bead calibration dock: images of beads in, the microscope's own blurs out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import QFileDialog, QPushButton, QVBoxLayout, QWidget

from napari_deepblur.calibration import Calibration, report_html
from napari_deepblur.errors import DeepblurError, FamilyFileError
from napari_deepblur.io.families import load_family, save_family
from napari_deepblur.widgets.calibration.adaptation_panel import AdaptationPanel
from napari_deepblur.widgets.calibration.bead_form import BeadForm
from napari_deepblur.widgets.calibration.bead_preview import BeadPreview
from napari_deepblur.widgets.calibration.bead_source_form import BeadSourceForm
from napari_deepblur.widgets.calibration.bead_sources import BeadSource
from napari_deepblur.widgets.calibration.layers import calibration_layers
from napari_deepblur.widgets.calibration.output import ask_for_file, use_in_deblur, write_report, write_table
from napari_deepblur.widgets.calibration.results import CalibrationResults
from napari_deepblur.widgets.calibration.run import Judged, part_of, read_and_calibrate, with_names
from napari_deepblur.widgets.colours import message_style, theme_colours
from napari_deepblur.widgets.connections import Connections
from napari_deepblur.widgets.failures import told
from napari_deepblur.widgets.form_area import FormArea
from napari_deepblur.widgets.job import Job
from napari_deepblur.widgets.layers import shown_name, stated_microscope
from napari_deepblur.widgets.microscope_form import MicroscopeForm
from napari_deepblur.widgets.preferences import follow_preferences
from napari_deepblur.widgets.project import project_version
from napari_deepblur.widgets.run_panel import RunPanel, in_words

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer


class CalibrationDock(QWidget):
    """Forms for beads and microscope, a preview of the beads, a Calibrate button, and what was found.

    The dock hands images and numbers to `calibration.calibrate_steps` in another thread, and shows what comes back. It
    computes nothing itself.

    Parameters
    ----------
    napari_viewer
        The viewer that it works in; napari passes it by this name.
    parent
        Parent widget.
    """

    def __init__(self, napari_viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        follow_preferences()
        self._viewer = napari_viewer
        self._used: list[BeadSource] = []
        self._layers: list[Layer] = []
        self._measured: BeadSource | None = None
        self._file: Path | None = None
        self._connections = Connections(self)
        self._job = Job(self, "Bead calibration")

        self._sources = BeadSourceForm(napari_viewer, self)
        self._microscope = MicroscopeForm(self)
        self._beads = BeadForm(self)
        self._preview = BeadPreview(napari_viewer, self)
        self._results = CalibrationResults(self)
        self._adaptation = AdaptationPanel(self)
        self._adaptation.hide()
        self._open = QPushButton("Open a saved family…", self)
        self._open.setObjectName("open_family")
        self._open.setToolTip("Choose a family that was saved before, to adapt the network to it without beads.")
        self._panel = RunPanel(
            self,
            "Calibrate",
            "Learn the blurs of the microscope from the beads that are used.",
            ("calibration", "calibration with beads"),
        )
        self._area = FormArea(self)
        for form in (
            self._sources, self._microscope, self._beads, self._preview, self._results, self._open, self._adaptation,
        ):  # fmt: skip
            self._area.addForm(form)
        layout = QVBoxLayout(self)
        layout.addWidget(self._area, stretch=1)
        layout.addWidget(self._panel)

        self._sources.valueChanged.connect(self._check)
        self._sources.shownChanged.connect(self._source_shown)
        self._microscope.valueChanged.connect(self._check)
        self._beads.valueChanged.connect(self._look)
        self._preview.detected.connect(self._beads.setThresholdRange)
        self._results.saveRequested.connect(self._save)
        self._results.tableRequested.connect(self._export_table)
        self._results.reportRequested.connect(self._save_report)
        self._results.useRequested.connect(self._use)
        self._results.adaptRequested.connect(self._adapt)
        self._open.clicked.connect(self._open_family)
        self._panel.runRequested.connect(self._run)
        self._panel.cancelRequested.connect(self._cancel)
        self._job.progressed.connect(self._panel.setProgress)
        self._job.succeeded.connect(self._succeeded)
        self._job.failed.connect(self._failed)
        self._job.cancelled.connect(self._cancelled)
        self._connections.connect(napari_viewer.events.theme, self._follow_theme)
        self._follow_theme()
        self._source_shown()

    def value(self) -> Calibration | None:
        """Return what was found last."""
        return self._results.value()

    def isRunning(self) -> bool:
        """Tell whether a calibration is under way."""
        return self._job.is_running()

    def event(self, event: QEvent | None) -> bool:
        """Stop everything when napari takes the dock out of its window."""
        if event is not None and event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self._job.cancel()
            self._preview.stop()
            self._adaptation.abandon()
        return super().event(event)

    def _source_shown(self) -> None:
        source = self._sources.shown()
        if source is not self._measured:
            self._measured = source
            if source is not None and not source.refusal:
                stated = stated_microscope(source.layer) if source.layer is not None else None
                taken, reason = source.acquisition()
                if stated is not None:
                    self._microscope.setValue(stated)
                else:
                    self._microscope.setAcquisition(taken, reason)
                size = source.pixel_size(taken)
                self._microscope.setPixelSize(size.size_um, size.remark, size.level)
        self._look()

    def _look(self) -> None:
        """Look for beads with what the forms say now."""
        self._preview.setValue(self._sources.shown(), self._beads.value(), self._pixel_size())
        self._check()

    def _pixel_size(self) -> float:
        try:
            return float(self._microscope.value().pixel_size_um)
        except DeepblurError:
            return 1.0

    def _check(self) -> None:
        """Allow a run only where the forms make sense; they say themselves what does not."""
        reason = self._sources.refusal()
        if not reason:
            try:
                self._microscope.value()
            except DeepblurError as error:
                reason = str(error)
        self._panel.setReady(reason)

    def _run(self) -> None:
        sources = self._sources.value()
        if not sources or self._job.is_running():
            return
        if self._adaptation.isRunning():
            self._panel.say("The network is being adapted to the last calibration: stop that first.", "warning")
            return
        try:
            microscope = self._microscope.value()
        except DeepblurError as error:
            self._panel.say(str(error), "error")
            return
        self._used = sources
        data, choice, overrides = [s.data() for s in sources], self._beads.value(), self._preview.overrides(sources)
        self._area.setFormsEnabled(False)
        self._panel.setRunning()
        self._job.start(lambda: read_and_calibrate(data, microscope, choice, overrides))

    def _cancel(self) -> None:
        self._panel.setCancelling()
        self._job.cancel()

    def _succeeded(self, judged: Judged) -> None:
        from napari.layers import Layer

        found = judged.calibration
        sources, seconds = self._used, self._panel.elapsed()
        self._rest()
        self._file = None
        self._adaptation.setValue(None)
        self._adaptation.hide()
        first = sources[0]
        placed = first.placement(self._pixel_size())
        for layer in self._layers:
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        self._layers = [Layer.create(*data) for data in calibration_layers(found, first.name, placed, first.depth())]
        for layer in self._layers:
            self._viewer.add_layer(layer)
        self._preview.setTables({source: part_of(found.beads, index) for index, source in enumerate(sources)})
        self._viewer.reset_view()
        self._results.setValue(found, judged.findings)
        names = ", ".join(shown_name(layer.name) for layer in self._layers)
        self._panel.say(
            f"Done in {in_words(seconds)}: {len(found.eigen_psfs)} eigen-PSFs and {len(found.maps)} maps from "
            f"{len(found.thetas)} planes. Added {names} (the maps are hidden)."
        )
        # Once the column has made room for it.
        QTimer.singleShot(0, self._area.scrollDown)

    def _failed(self, error: Exception) -> None:
        sources = self._used
        self._rest()
        words = told(error, "Nothing was added.")
        self._panel.say(with_names(words, sources) if isinstance(error, DeepblurError) else words, "error")

    def _cancelled(self) -> None:
        self._rest()
        self._panel.say("Cancelled. Nothing was added.")

    def _rest(self) -> None:
        """Go back to where a run can be started."""
        self._used = []
        self._area.setFormsEnabled(True)
        self._panel.setIdle()
        self._check()

    def _save(self) -> None:
        """Ask for a file and write the family to it."""
        found = self._results.value()
        if found is not None:
            what = "Save the family of blurs", "microscope.safetensors", "Families (*.safetensors)"
            self._file = self._written(*what, partial(save_family, found.family), "the family") or self._file

    def _export_table(self) -> None:
        found = self._results.value()
        if found is not None:
            what = "Export the table of beads", "beads.csv", "Tables (*.csv)"
            self._written(*what, partial(write_table, found.beads), f"{len(found.beads)} beads")

    def _save_report(self) -> None:
        found = self._results.value()
        if found is not None:
            title = "Calibration" if self._file is None else self._file.stem
            page = report_html(found, self._results.findings(), title, project_version())
            self._written(
                "Save the report", "calibration.html", "Pages (*.html)", partial(write_report, page), "the report"
            )

    def _written(self, title: str, name: str, kinds: str, write: Callable[[Path], object], what: str) -> Path | None:
        """Ask for a file, write it, and say so, or why not; None where it was not written."""
        path = ask_for_file(self, title, self._suggestion(name), kinds)
        if path is None:
            return None
        try:
            write(path)
        except DeepblurError as error:
            self._panel.say(str(error), "error")
            return None
        self._panel.say(f"Wrote {what} to {path}.")
        return path

    def _open_family(self) -> None:
        """Offer to adapt the network to a family that was saved before."""
        if self._adaptation.isRunning():
            self._panel.say("The network is being adapted to a family: stop that first.", "warning")
            return
        chosen, _ = QFileDialog.getOpenFileName(self, "Open a family of blurs", "", "Families (*.safetensors)")
        if not chosen:
            return
        try:
            family = load_family(Path(chosen))
            if family.measured is None:
                raise FamilyFileError(f"{chosen} holds no measured blurs, which is what a network is adapted to.")
        except DeepblurError as error:
            self._panel.say(str(error), "error")
            return
        self._adaptation.setValue(Path(chosen))
        self._adaptation.show()
        self._panel.say(f"{shown_name(Path(chosen).stem)} is open: adapt the network to it below.")
        QTimer.singleShot(0, self._area.scrollDown)

    def _use(self) -> None:
        """Choose the family in the Deblur dock, which is opened if it is not; it needs a file, which settings name."""
        file, found = self._saved(), self._results.value()
        if file is None or found is None:
            return
        use_in_deblur(self._viewer, file, found.microscope)
        self._panel.say(f"{shown_name(file.stem)} is chosen in the Deblur dock.")

    def _saved(self) -> Path | None:
        """Return the file of the family, after asking for one if there is none; None if there is none then."""
        if self._file is None or not self._file.exists():
            self._file = None
            self._save()
        return self._file

    def _adapt(self) -> None:
        """Offer to adapt the network; its weights need the family's file to lie beside."""
        file = self._saved()
        if file is not None:
            self._adaptation.setValue(file)
            self._adaptation.show()
            QTimer.singleShot(0, self._area.scrollDown)

    def _suggestion(self, name: str) -> Path:
        """Where to write by default: beside the images of beads."""
        sources = [*self._sources.value(), *([self._measured] if self._measured is not None else [])]
        return next((source.folder for source in sources if source.folder is not None), Path.home()) / name

    def _follow_theme(self) -> None:
        colours = theme_colours(str(self._viewer.theme))
        self.setStyleSheet(message_style(colours))
        self._results.setColours(colours)
        self._adaptation.setColours(colours)
