"""The Bead calibration dock: images of beads in, the microscope's own blurs out."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import QFileDialog, QPushButton, QVBoxLayout, QWidget

from napari_deepblur.calibration.pupil.choice import patch_side
from napari_deepblur.errors import DeepblurError, FamilyFileError
from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.widgets.calibration.adaptation_panel import AdaptationPanel
from napari_deepblur.widgets.calibration.aim_form import AimForm
from napari_deepblur.widgets.calibration.bead_form import BeadChoice, BeadForm
from napari_deepblur.widgets.calibration.bead_optics import follow_names, state_optics
from napari_deepblur.widgets.calibration.bead_preview import BeadPreview
from napari_deepblur.widgets.calibration.bead_source_form import BeadSourceForm
from napari_deepblur.widgets.calibration.layers import calibration_layers
from napari_deepblur.widgets.calibration.output import Keeper
from napari_deepblur.widgets.calibration.pupil_results import PupilResults
from napari_deepblur.widgets.calibration.results import CalibrationResults
from napari_deepblur.widgets.calibration.run import (
    FoundPupil,
    part_of,
    read_and_calibrate,
    read_and_retrieve,
    with_names,
)
from napari_deepblur.widgets.colours import message_style, theme_colours
from napari_deepblur.widgets.connections import Connections
from napari_deepblur.widgets.failures import told
from napari_deepblur.widgets.form_area import FormArea
from napari_deepblur.widgets.job import Job
from napari_deepblur.widgets.layers import shown_name
from napari_deepblur.widgets.loading import CALIBRATING, load_for
from napari_deepblur.widgets.microscope_form import MicroscopeForm
from napari_deepblur.widgets.preferences import follow_preferences
from napari_deepblur.widgets.run_panel import RunPanel, in_words

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_deepblur.calibration import Calibration, PupilRetrieval
    from napari_deepblur.widgets.calibration.bead_sources import BeadSource
    from napari_deepblur.widgets.calibration.run import Judged
    from napari_deepblur.widgets.notice import Level


class CalibrationDock(QWidget):
    """Forms for beads and microscope, a preview of the beads, a Calibrate button, and what was found.

    The dock hands images and numbers to `calibration.calibrate_steps`, or for a pupil to `retrieve_pupil_steps`, in
    another thread, and shows what comes back. It computes nothing itself.

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
        self._taken = Acquisition()
        self._connections = Connections(self)
        self._job = Job(self, "Bead calibration")

        self._sources = BeadSourceForm(napari_viewer, self)
        self._aim = AimForm(self)
        self._microscope = MicroscopeForm(self)
        self._beads = BeadForm(self)
        self._preview = BeadPreview(napari_viewer, self)
        keeper = Keeper(self, self._folder, self._say)
        self._results = CalibrationResults(napari_viewer, keeper, self)
        self._pupil = PupilResults(napari_viewer, keeper, self)
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
            self._sources, self._aim, self._microscope, self._beads, self._preview, self._results, self._pupil,
            self._open, self._adaptation,
        ):  # fmt: skip
            self._area.addForm(form)
        layout = QVBoxLayout(self)
        layout.addWidget(self._area, stretch=1)
        layout.addWidget(self._panel)

        self._sources.valueChanged.connect(self._check)
        self._sources.shownChanged.connect(self._source_shown)
        self._microscope.valueChanged.connect(self._aimed)
        self._aim.valueChanged.connect(self._aimed)
        self._beads.valueChanged.connect(self._look)
        self._preview.detected.connect(self._beads.setThresholdRange)
        self._results.adaptRequested.connect(self._adapt)
        self._open.clicked.connect(self._open_family)
        self._panel.runRequested.connect(self._run)
        self._panel.cancelRequested.connect(self._cancel)
        self._job.progressed.connect(self._panel.setProgress)
        self._job.succeeded.connect(self._succeeded)
        self._job.failed.connect(self._failed)
        self._job.cancelled.connect(self._cancelled)
        self._connections.connect(napari_viewer.events.theme, self._follow_theme)
        self._connections.connect(napari_viewer.layers.events.renamed, self._follow_names)
        self._follow_theme()
        self._source_shown()
        load_for(self, CALIBRATING)

    def value(self) -> Calibration | None:
        """Return what was found last."""
        return self._results.value()

    def pupil(self) -> PupilRetrieval | None:
        """Return the pupil that was found last."""
        return self._pupil.value()

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
            before, self._measured, self._taken = self._measured, source, Acquisition()
            if source is not None and not source.refusal:
                taken = self._taken = state_optics(self._microscope, source, before)
                stated_by = (
                    "the layer" if taken.plane_spacing_um is None else f"the file {Path(taken.source).name}".rstrip()
                )
                self._aim.setStack(source.planes(), source.plane_spacing_um(taken), stated_by)
        self._look()

    def _follow_names(self, event: object = None) -> None:
        """Call layers as they are called now."""
        follow_names(self._microscope, self._measured, self._taken, list(self._viewer.layers))

    def _aimed(self) -> None:
        """Offer for a pupil what its patches are best."""
        aim, side = self._aim.value(), None
        if aim.aim == "pupil" and self._measured is not None:
            try:
                side = patch_side(self._microscope.value(), self._measured.planes(), aim.plane_spacing_um)
            except DeepblurError:
                side = BeadChoice().patch_size
        self._beads.setPupil(side)
        self._check()

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
        ticked = self._sources.value()
        reason = self._sources.refusal() or self._aim.refusal(len(ticked), ticked[:1] == [self._sources.shown()])
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
        aim = self._aim.value()
        self._area.setFormsEnabled(False)
        self._panel.setRunning()
        if aim.aim == "pupil":
            self._job.start(lambda: read_and_retrieve(data[0], microscope, choice, aim))
        else:
            self._job.start(lambda: read_and_calibrate(data, microscope, choice, overrides))

    def _cancel(self) -> None:
        self._panel.setCancelling()
        self._job.cancel()

    def _succeeded(self, found: Judged | FoundPupil) -> None:
        sources, seconds = self._used, self._panel.elapsed()
        self._rest()
        self._adaptation.setValue(None)
        self._adaptation.hide()
        for layer in self._layers:
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        self._layers = []
        # One of both is of the last run.
        self._pupil.setValue(found if isinstance(found, FoundPupil) else None)
        if isinstance(found, FoundPupil):
            self._results.setValue(None)
            self._panel.say(
                f"Done in {in_words(seconds)}: {found.pupil.rms:.3f} waves RMS from {len(found.pupil.places)} beads."
            )
        else:
            self._show(found, sources, in_words(seconds))
        # From its first line, the verdict, once the column has made room for it.
        QTimer.singleShot(0, partial(self._area.scrollTo, self._results if self._pupil.isHidden() else self._pupil))

    def _show(self, judged: Judged, sources: list[BeadSource], duration: str) -> None:
        """Add the layers of a calibration, and say what was found."""
        from napari.layers import Layer

        found, first = judged.calibration, sources[0]
        placed = first.placement(self._pixel_size())
        self._layers = [Layer.create(*data) for data in calibration_layers(found, first.name, placed, first.depth())]
        for layer in self._layers:
            self._viewer.add_layer(layer)
        self._preview.setTables({source: part_of(found.beads, index) for index, source in enumerate(sources)})
        self._viewer.reset_view()
        self._results.setValue(found, judged.findings)
        names = ", ".join(shown_name(layer.name) for layer in self._layers)
        self._panel.say(
            f"Done in {duration}: {len(found.eigen_psfs)} eigen-PSFs and {len(found.maps)} maps from "
            f"{len(found.thetas)} planes. Added {names} (the maps are hidden)."
        )

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

    def _open_family(self) -> None:
        """Offer to adapt the network to a family that was saved before."""
        from napari_deepblur.io.families import load_family

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

    def _adapt(self, file: str) -> None:
        """Offer to adapt the network to a family, beside whose file its weights are to lie."""
        self._adaptation.setValue(Path(file))
        self._adaptation.show()
        QTimer.singleShot(0, self._area.scrollDown)

    def _say(self, words: str, level: Level = "note") -> None:
        self._panel.say(words, level)

    def _folder(self) -> Path:
        """Where to write by default: beside the images of beads."""
        sources = [*self._sources.value(), *([self._measured] if self._measured is not None else [])]
        return next((source.folder for source in sources if source.folder is not None), Path.home())

    def _follow_theme(self) -> None:
        colours = theme_colours(str(self._viewer.theme))
        self.setStyleSheet(message_style(colours))
        self._results.setColours(colours)
        self._pupil.setColours(colours)
        self._adaptation.setColours(colours)
