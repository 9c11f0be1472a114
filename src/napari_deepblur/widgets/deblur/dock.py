"""The Deblur dock: one blurred image in, a deblurred layer and its PSFs out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_deepblur.devices import available_devices
from napari_deepblur.errors import DeepblurError
from napari_deepblur.progress import Progress
from napari_deepblur.widgets.colours import message_style, theme_colours
from napari_deepblur.widgets.connections import Connections
from napari_deepblur.widgets.deblur.actions import ActionsRow
from napari_deepblur.widgets.deblur.axes_form import AxesForm
from napari_deepblur.widgets.deblur.comparison import Comparison
from napari_deepblur.widgets.deblur.layer_facts import LayerFacts
from napari_deepblur.widgets.deblur.layer_form import LayerForm
from napari_deepblur.widgets.deblur.named_optics import NamedOptics
from napari_deepblur.widgets.deblur.preset_form import PresetForm
from napari_deepblur.widgets.deblur.preview_form import PreviewForm
from napari_deepblur.widgets.deblur.result_book import ResultBook
from napari_deepblur.widgets.deblur.results_panel import ResultsPanel
from napari_deepblur.widgets.deblur.reuse import ReuseMenu
from napari_deepblur.widgets.deblur.runs import prepare_run
from napari_deepblur.widgets.deblur.settings_forms import SettingsForms
from napari_deepblur.widgets.deblur.volume_estimate_form import VolumeEstimateForm
from napari_deepblur.widgets.deblur.wanted import Forms, Wanted
from napari_deepblur.widgets.failures import told
from napari_deepblur.widgets.form_area import FormArea
from napari_deepblur.widgets.job import Job
from napari_deepblur.widgets.loading import DEBLURRING, load_for
from napari_deepblur.widgets.run_panel import RunPanel, in_words

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_deepblur.pipeline.series import Frame, StackDeblurring, Written
    from napari_deepblur.pipeline.settings import DeblurSettings
    from napari_deepblur.pipeline.volume import VolumeDeblurring
    from napari_deepblur.widgets.deblur.run_display import Conclusion, RunDisplay


class DeblurDock(QWidget):
    """Forms for the settings, a Run button, and the coefficients that were found.

    The dock turns its forms into one `DeblurSettings`, hands it with the image to the pipeline in another thread, and
    shows what comes back. It computes nothing itself.

    Parameters
    ----------
    napari_viewer
        The viewer that it works in; napari passes it by this name.
    parent
        Parent widget.
    """

    def __init__(self, napari_viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = napari_viewer
        self._display: RunDisplay | None = None
        self._outcome: StackDeblurring | VolumeDeblurring | None = None
        self._end: Conclusion | None = None
        self._connections = Connections(self)
        self._job = Job(self)

        self._layer = LayerForm(napari_viewer, self)
        self._axes = AxesForm(self)
        self._presets = PresetForm(self.value, self)
        self._settings = SettingsForms(self)
        self._facts = LayerFacts(napari_viewer, self._layer, self._axes, self._settings, self)
        self._named = NamedOptics(self._presets, self._layer, self._axes, self._settings, self._facts, self)
        self._preview = PreviewForm(napari_viewer, self._wanted, self)
        self._estimate = VolumeEstimateForm(self._described, self)
        self._book = ResultBook(napari_viewer, self)
        self._comparison = Comparison(napari_viewer)
        self._reuse = ReuseMenu(napari_viewer, self._wanted, self._book, self)
        self._panel = RunPanel(self, page=("deblur", "the Deblur dock"))
        self._results = ResultsPanel(self)
        self._area = FormArea(self)
        for form in (self._layer, self._axes, self._presets, *self._settings.forms()):
            self._area.addForm(form)
        self._area.addForm(self._results)

        beside = self._book, self._preview, self._reuse, self
        self._actions = ActionsRow(napari_viewer, self._wanted, self._forms, *beside)
        layout = QVBoxLayout(self)
        layout.addWidget(self._area, stretch=1)
        layout.addWidget(self._actions)
        layout.addWidget(self._estimate)
        layout.addWidget(self._panel)

        for changed in (self._facts.changed, self._settings.valueChanged, self._axes.valueChanged):
            changed.connect(self._check)
        self._estimate.valueChanged.connect(self._allow)
        self._panel.runRequested.connect(self._run)
        self._panel.cancelRequested.connect(self._cancel)
        self._job.progressed.connect(self._stepped)
        self._job.succeeded.connect(self._succeeded)
        self._job.failed.connect(self._failed)
        self._job.cancelled.connect(self._cancelled)
        for changed in (self._layer.valueChanged, self._axes.valueChanged, self._settings.valueChanged):
            changed.connect(self._preview.update_preview)
        for emitter in (napari_viewer.scene.camera.events, napari_viewer.dims.events.point):
            self._connections.connect(emitter, self._preview.update_preview)
        self._facts.chosen.connect(self._leave_result)
        self._named.said.connect(self._panel.say)
        listed = napari_viewer.layers
        for emitter in (listed.selection.events.active, listed.events.removed, listed.events.renamed):
            self._connections.connect(emitter, self._describe)
        for changed in (self._preview.valueChanged, self._layer.valueChanged):
            changed.connect(self._describe)
        self._results.residualRequested.connect(self._add_residual)
        self._results.blendChanged.connect(self._blend)
        self._reuse.settingsChosen.connect(self._settings.setValue)
        self._reuse.originsChosen.connect(self._settings.microscope.setOrigins)
        self._reuse.axesChosen.connect(self._axes.setValue)
        self._reuse.said.connect(self._panel.say)
        self._connections.connect(napari_viewer.events.theme, self._follow_theme)
        self._follow_theme()
        self._facts.update()
        load_for(self, DEBLURRING, available_devices, self._settings.setDevices)

    def value(self) -> DeblurSettings:
        """Return the settings in the forms.

        Raises
        ------
        DeepblurError
            If they contradict each other or physics.
        """
        return self._settings.value()

    def setValue(self, settings: DeblurSettings) -> None:
        """Fill the forms."""
        self._settings.setValue(settings)

    def chooseVolume(self) -> None:
        """Deblur the image as a volume, where it is one."""
        self._axes.setValue(self._axes.value()._replace(planes="volume"))

    def isRunning(self) -> bool:
        """Tell whether a run is under way."""
        return self._job.is_running() or self._outcome is not None

    def event(self, event: QEvent | None) -> bool:
        """Stop a run when napari takes the dock out of its window."""
        if event is not None and event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self._job.cancel()
            self._preview.setValue(False)
            self._estimate.drop()
            self._comparison.end()
            self._actions.stop()
        return super().event(event)

    def _reason(self) -> str:
        """Say why there can be no run; empty where there can."""
        reason, size = self._layer.refusal(), self._facts.pixel_size()
        if not reason and size is not None and size.level == "warning":
            reason = size.remark
        if not reason:
            try:
                self.value()
            except DeepblurError as error:
                reason = str(error)
        return reason

    def _check(self) -> None:
        """Allow a run only where the forms make sense; they say themselves what does not."""
        if self._facts.is_filling():
            return
        if not self.isRunning():
            self._estimate.update_estimate()
        self._allow()

    def _allow(self) -> None:
        self._panel.setReady(self._reason() or self._estimate.refusal())

    def _run(self) -> None:
        layer = self._layer.value()
        if layer is None or self.isRunning():
            return
        try:
            settings = self.value()
        except DeepblurError as error:
            self._panel.say(str(error), "error")
            return
        wanted = Wanted(layer, self._axes.value(), settings, self._settings.origins())
        self._display, steps = prepare_run(self._viewer, wanted)
        # What is described is the selected result: there is none of this run yet.
        self._viewer.layers.selection.active = layer
        self._preview.pause()
        self._area.setFormsEnabled(False)
        self._panel.setRunning()
        self._job.start(steps)

    def _stepped(self, step: Progress | Written | Frame) -> None:
        if isinstance(step, Progress):
            self._panel.setProgress(step)
        elif self._display is not None:
            self._display.show(step)

    def _cancel(self) -> None:
        self._panel.setCancelling()
        self._job.cancel()

    def _succeeded(self, outcome: StackDeblurring | VolumeDeblurring) -> None:
        self._outcome = outcome
        # One turn of the event loop for each thing to draw: all at once would make the window wait as long as all.
        QTimer.singleShot(0, self._finish)

    def _finish(self) -> None:
        if self._display is not None and self._outcome is not None:
            self._end = self._display.finish(self._outcome, in_words(self._panel.elapsed()))
            QTimer.singleShot(0, self._conclude)

    def _conclude(self) -> None:
        display, end = self._display, self._end
        self._outcome = self._end = None
        if display is None or end is None:
            return
        self._rest()
        self._panel.say(end.said, "warning" if end.warned else "note")
        self._book.write(display, end.findings)
        self._describe()
        # Once the column has made room for it.
        QTimer.singleShot(0, self._show_result)

    def _show_result(self) -> None:
        self._area.scrollTo(self._results)

    def _leave_result(self) -> None:
        """Describe no result of one image, and say nothing of it, while another is chosen."""
        self._panel.say("")
        layer, active = self._layer.value(), self._viewer.layers.selection.active
        if layer is not None and active is not None and layer != active and self._book.findings(active) is not None:
            self._viewer.layers.selection.active = layer

    def _describe(self, event: object = None) -> None:
        """Say what is known of the selected result; where none is selected, of the preview."""
        active = self._viewer.layers.selection.active
        self._comparison.end()
        found = self._book.findings(active)
        if found is not None and active is not None:
            image = self._book.image_of(active)
            self._results.setValue(found, image is not None and self._book.result_of(active) in self._viewer.layers)
        else:
            self._results.setValue(self._preview.findings(), outdated=self._preview.is_outdated())

    def _failed(self, error: Exception) -> None:
        self._discard()
        self._panel.say(told(error, "Nothing was added."), "error")

    def _discard(self) -> None:
        """Leave viewer and dock as they were before the run."""
        if self._display is not None:
            image = self._display.image()
            self._display.discard()
            # Not whatever napari selects in place of a layer that has gone.
            self._viewer.layers.selection.active = image
        self._rest()

    def _cancelled(self) -> None:
        self._discard()
        self._panel.say("Cancelled. Nothing was added.")

    def _rest(self) -> None:
        """Go back to where a run can be started."""
        self._display = None
        self._area.setFormsEnabled(True)
        self._panel.setIdle()
        self._check()
        self._preview.update_preview()

    def _wanted(self) -> Wanted | None:
        """Return what a run would be given now; None while there can be none, or one goes on."""
        return None if self.isRunning() else self._described()

    def _forms(self) -> Forms | None:
        """Return what the forms describe, whatever the image; None while a run goes on."""
        return None if self.isRunning() else Forms(self._axes.value(), self.value(), self._settings.origins())

    def _described(self) -> Wanted | None:
        """Return what the forms describe; None where that is no run."""
        layer = self._layer.value()
        if layer is None or self._reason():
            return None
        return Wanted(layer, self._axes.value(), self.value(), self._settings.origins())

    def _blend(self, share: float) -> None:
        active = self._viewer.layers.selection.active
        image = None if active is None else self._book.image_of(active)
        if active is not None and image is not None:
            self._comparison.blend(self._book.result_of(active), image, share)

    def _add_residual(self) -> None:
        display = self._book.display(self._viewer.layers.selection.active)
        if display is not None:
            display.show_residual()

    def _follow_theme(self) -> None:
        colours = theme_colours(str(self._viewer.theme))
        self.setStyleSheet(message_style(colours))
        self._results.setColours(colours)
        self._actions.setColours(colours)
