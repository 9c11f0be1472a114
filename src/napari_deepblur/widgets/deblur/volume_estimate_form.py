"""What a run on a volume will take, said before it is started."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_deepblur.errors import DeepblurError
from napari_deepblur.io.axes import other_axes
from napari_deepblur.widgets.failures import told
from napari_deepblur.widgets.latest import Latest
from napari_deepblur.widgets.layers import full_resolution
from napari_deepblur.widgets.notice import Notice
from napari_deepblur.widgets.run_panel import in_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_deepblur.pipeline.settings import DeblurSettings
    from napari_deepblur.pipeline.volume_estimate import VolumeEstimate
    from napari_deepblur.widgets.deblur.axes_form import AxesChoice
    from napari_deepblur.widgets.deblur.wanted import Ask


class VolumeEstimateForm(QWidget):
    """Time and memory of the run that the forms describe, or why there can be none; empty for planes one by one.

    Parameters
    ----------
    ask
        Returns what a run would be given now; None while there can be none.
    parent
        Parent widget.
    """

    valueChanged = Signal()
    """There is another estimate, or a reason against the run."""

    def __init__(self, ask: Ask, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ask = ask
        self._asked: Any = None
        self._estimate: VolumeEstimate | None = None
        self._refusal = ""
        self._notice = Notice(self)
        self._notice.setObjectName("volume_estimate")
        self._notice.setToolTip("From trials of some seconds on this machine: were it idle, it would be faster.")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._notice)
        self._latest = Latest(self)
        self._latest.ready.connect(self._show)
        self._latest.failed.connect(self._fail)

    def value(self) -> VolumeEstimate | None:
        """Return the estimate; None where there is none yet."""
        return self._estimate

    def refusal(self) -> str:
        """Return why this volume cannot be deblurred; empty where it can, or nobody knows yet."""
        return self._refusal

    def update_estimate(self, *_: object) -> None:
        """Estimate again, where something has changed that matters."""
        wanted = self._ask()
        if wanted is None or wanted.choice.planes != "volume":
            self.drop()
            return
        array, choice = full_resolution(wanted.layer), wanted.choice
        lengths = {letter: int(length) for letter, length in zip(choice.axes, array.shape, strict=True)}
        # Who said the optics does not change what it takes.
        settings = wanted.settings.replace(assumed=())
        key = tuple(array.shape), choice, settings
        if key == self._asked:
            return
        self._set(key, None, "")
        self._notice.say("Estimating time and memory…")
        self._latest.request(_estimate(lengths, choice, settings))

    def drop(self) -> None:
        """Estimate nothing, and say nothing."""
        self._latest.drop()
        self._notice.clear()
        self._set(None, None, "")

    def _set(self, asked: Any, estimate: VolumeEstimate | None, refusal: str) -> None:
        changed = refusal != self._refusal or estimate is not self._estimate
        self._asked, self._estimate, self._refusal = asked, estimate, refusal
        if changed:
            self.valueChanged.emit()

    def _show(self, estimate: VolumeEstimate) -> None:
        self._notice.say(estimate_in_words(estimate), "warning" if estimate.notes else "note")
        self._set(self._asked, estimate, "")

    def _fail(self, error: Exception) -> None:
        known = isinstance(error, DeepblurError)
        self._notice.say(
            told(error, "There is no estimate; a run may work all the same."), "error" if known else "warning"
        )
        self._set(self._asked, None, str(error) if known else "")


def estimate_in_words(estimate: VolumeEstimate) -> str:
    """Say what a run will take."""
    found = estimate.identification_seconds
    of = f", {in_words(found)} of it to find the pupil" if found else ""
    tiles = f", in {estimate.tiles} tiles" if estimate.tiles > 1 else ""
    what = f"As {estimate.stacks} volumes" if estimate.stacks > 1 else "As a volume"
    said = (
        f"{what}: up to about {in_words(estimate.seconds)}{of}; {estimate.memory_bytes / 2**30:.2g} GiB of memory"
        f"{tiles}, on {estimate.device}."
    )
    return " ".join([said, *estimate.notes])


def _estimate(lengths: dict[str, int], choice: AxesChoice, settings: DeblurSettings) -> Callable[[], VolumeEstimate]:
    """Return what estimates the time of all stacks, each as long as the first."""
    stacks = math.prod(lengths[letter] for letter in other_axes(choice.axes))
    identified = stacks if choice.reuse == "each" else lengths.get("C", 1)
    shape = [lengths[letter] for letter in "ZYX"]

    def estimate() -> VolumeEstimate:
        from napari_deepblur.pipeline.volume_estimate import estimate_volume
        from napari_deepblur.pipeline.volume_plan import plan_volume

        plan = plan_volume(settings.of_channel(0), shape, choice.plane_spacing_um)
        return estimate_volume(plan, choice.specimen, stacks, identified)

    return estimate
