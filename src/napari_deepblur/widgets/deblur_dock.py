"""The Deblur dock: one blurred image in, a deblurred layer and its PSFs out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_deepblur.errors import DeepblurError
from napari_deepblur.pipeline.deblur import deblur_steps
from napari_deepblur.pipeline.psf_field import psf_field
from napari_deepblur.pipeline.results import Deblurring
from napari_deepblur.pipeline.settings import DeblurSettings
from napari_deepblur.widgets.coefficients_plot import CoefficientsPlot
from napari_deepblur.widgets.colours import message_style, theme_colours
from napari_deepblur.widgets.computation_form import Computation, ComputationForm
from napari_deepblur.widgets.connections import Connections
from napari_deepblur.widgets.family_form import FamilyChoice, FamilyForm
from napari_deepblur.widgets.form_area import FormArea
from napari_deepblur.widgets.job import DeblurJob
from napari_deepblur.widgets.layer_form import LayerForm
from napari_deepblur.widgets.layers import Source, pixel_size, result_layers, shown_name, stated_microscope
from napari_deepblur.widgets.microscope_form import MicroscopeForm
from napari_deepblur.widgets.noise_form import GivenNoise, NoiseForm
from napari_deepblur.widgets.notice import Notice
from napari_deepblur.widgets.run_panel import RunPanel, in_words

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer


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
        self._source: Source | None = None
        self._measured: Layer | None = None
        self._connections = Connections(self)
        self._job = DeblurJob(self)

        self._layer = LayerForm(napari_viewer, self)
        self._microscope = MicroscopeForm(self)
        self._family = FamilyForm(self)
        self._noise = NoiseForm(self)
        self._computation = ComputationForm(self)
        self._panel = RunPanel(self)
        self._coefficients = CoefficientsPlot(self)
        self._coefficients.setObjectName("coefficients_plot")
        self._noise_found = Notice(self)
        self._area = FormArea(self)
        for form in (self._layer, self._microscope, self._family, self._noise, self._computation):
            self._area.addForm(form)
        self._area.addForm(self._coefficients)
        self._area.addForm(self._noise_found)
        self._coefficients.hide()

        layout = QVBoxLayout(self)
        layout.addWidget(self._area, stretch=1)
        layout.addWidget(self._panel)

        self._layer.valueChanged.connect(self._layer_chosen)
        self._microscope.valueChanged.connect(self._check)
        self._panel.runRequested.connect(self._run)
        self._panel.cancelRequested.connect(self._cancel)
        self._job.progressed.connect(self._panel.setProgress)
        self._job.succeeded.connect(self._succeeded)
        self._job.failed.connect(self._failed)
        self._job.cancelled.connect(self._cancelled)
        self._connections.connect(napari_viewer.events.theme, self._follow_theme)
        self._follow_theme()
        self._layer_chosen()

    def value(self) -> DeblurSettings:
        """Return the settings in the forms.

        Raises
        ------
        DeepblurError
            If they contradict each other or physics.
        """
        family, noise, computation = self._family.value(), self._noise.value(), self._computation.value()
        return DeblurSettings(
            microscope=self._microscope.value(),
            **family._asdict(),
            noise=(noise.alpha, noise.beta) if isinstance(noise, GivenNoise) else noise,
            noise_offset=noise.offset if isinstance(noise, GivenNoise) else 0.0,
            method=computation.method,
            size=computation.size,
            device=computation.device,
        )

    def setValue(self, settings: DeblurSettings) -> None:
        """Fill the forms."""
        self._microscope.setValue(settings.microscope)
        self._family.setValue(FamilyChoice(*(getattr(settings, name) for name in FamilyChoice._fields)))
        given = settings.known_noise()
        self._noise.setValue("estimate" if given is None else GivenNoise(given.alpha, given.beta, given.offset))
        self._computation.setValue(Computation(settings.method, settings.size, settings.device))

    def isRunning(self) -> bool:
        """Tell whether a run is under way."""
        return self._job.is_running()

    def event(self, event: QEvent | None) -> bool:
        """Stop a run when napari takes the dock out of its window."""
        if event is not None and event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self._job.cancel()
        return super().event(event)

    def _layer_chosen(self) -> None:
        layer = self._layer.value()
        # Not "is": napari may hand its layers out in wrappers, which compare by what they wrap.
        if layer != self._measured:
            if self._measured is not None:
                self._connections.disconnect(self._measured.events.scale)
                self._connections.disconnect(self._measured.events.units)
            self._measured = layer
            if layer is not None:
                self._connections.connect(layer.events.scale, self._measure)
                self._connections.connect(layer.events.units, self._measure)
                stated = stated_microscope(layer)
                if stated is not None:
                    self._microscope.setValue(stated)
                size = pixel_size(layer)
                remark = size.remark
                if stated is not None and size.level == "note":
                    remark = f"Microscope and pixel size from {shown_name(layer.name)}."
                self._microscope.setPixelSize(size.size_um, remark, size.level)
        self._check()

    def _measure(self) -> None:
        """Fill in the pixel size that the layer states."""
        if self._measured is not None:
            self._microscope.setPixelSize(*pixel_size(self._measured))

    def _check(self) -> None:
        """Allow a run only where the forms make sense; they say themselves what does not."""
        reason = self._layer.refusal()
        if not reason:
            try:
                self._microscope.value()
            except DeepblurError as error:
                reason = str(error)
        self._panel.setReady(reason)

    def _run(self) -> None:
        layer = self._layer.value()
        if layer is None or self._job.is_running():
            return
        try:
            settings = self.value()
        except DeepblurError as error:
            self._panel.say(str(error), "error")
            return
        source = Source.of(layer)
        self._source = source
        self._area.setFormsEnabled(False)
        self._panel.setRunning()
        # The array may be lazy: it is read in the other thread.
        self._job.start(lambda: deblur_steps(np.asarray(source.data), settings))

    def _cancel(self) -> None:
        self._panel.setCancelling()
        self._job.cancel()

    def _succeeded(self, result: Deblurring) -> None:
        from napari.layers import Layer

        source, seconds = self._source, self._panel.elapsed()
        self._rest()
        if source is None:
            return
        found = result.identification
        psfs = None if found is None else psf_field(found.psfs, found.points, result.image.shape)
        layers = [Layer.create(*data) for data in result_layers(source, result, psfs)]
        for layer in layers:
            self._viewer.add_layer(layer)
        self._viewer.layers.selection.active = layers[0]
        names = " and ".join(shown_name(layer.name) for layer in layers)
        # Not always the device that was asked for: the work goes on elsewhere where its memory runs out.
        device = result.settings["resolved"]["device"]
        gone = (
            "" if source.name in self._viewer.layers else f" The input {shown_name(source.name)} was removed meanwhile."
        )
        self._panel.say(f"Done in {in_words(seconds)} on {device}: added {names}.{gone}")
        self._show(result)

    def _failed(self, error: Exception) -> None:
        self._rest()
        if isinstance(error, DeepblurError):
            self._panel.say(str(error), "error")
        else:
            self._panel.say(
                f"Unexpected error, {type(error).__name__}: {error}. Nothing was added. The details are in the log; "
                "please report them.",
                "error",
            )

    def _cancelled(self) -> None:
        self._rest()
        self._panel.say("Cancelled. Nothing was added.")

    def _rest(self) -> None:
        """Go back to where a run can be started."""
        self._source = None
        self._area.setFormsEnabled(True)
        self._panel.setIdle()
        self._check()

    def _show(self, result: Deblurring) -> None:
        found = result.identification
        self._coefficients.setValue(found)
        self._coefficients.setVisible(found is not None)
        if found is None:
            self._noise_found.clear()
            return
        self._noise_found.say(f"Noise: alpha = {found.noise.alpha:.3g}, beta = {found.noise.beta:.3g} (image units).")
        # Once the column has made room for it.
        QTimer.singleShot(0, self._area.scrollDown)

    def _follow_theme(self) -> None:
        colours = theme_colours(str(self._viewer.theme))
        self.setStyleSheet(message_style(colours))
        self._coefficients.setColours(colours)
