"""How, and on which device, the image is restored."""

from __future__ import annotations

import os
from collections.abc import Sequence

from qtpy.QtWidgets import QWidget

from napari_deepblur.devices import DEVICE_VARIABLE
from napari_deepblur.pipeline.options import kinds
from napari_deepblur.widgets.part_form import PartForm
from napari_deepblur.widgets.preferences import follow_preferences

METHODS = {
    "network": "unrolled network",
    "richardson-lucy": "Richardson-Lucy",
    "richardson-lucy-tv": "Richardson-Lucy + TV",
    "total-variation": "total variation",
    "wiener": "Wiener",
}
"""How the methods are called; those without an entry go by their own name."""

_SIZES = (("automatic", "auto"), ("light (for processors)", "light"), ("paper (for GPUs)", "paper"))


_DRAWS = (("none", 0), ("4 likely blurs", 4), ("8 likely blurs", 8), ("16 likely blurs", 16))


def restoration_form(parent: QWidget | None = None) -> PartForm:
    """Make the form of the method with its iterations and strength."""
    methods = [(METHODS.get(name, name), name) for name in kinds("restore")]
    return PartForm("restore", {"method": methods}, (), parent)


def computation_form(parent: QWidget | None = None) -> PartForm:
    """Make the form of networks, device and draws of the blur; tiles are carried along from layers and files.

    Which devices there are only torch can tell: `show_devices` lists them.
    """
    # They say what "automatic" is.
    follow_preferences()
    known = [("automatic", "auto"), ("processor", "cpu")]
    return PartForm(
        "compute", {"size": _SIZES, "device": known, "draws": _DRAWS}, ("tile",), parent, folded="Computation"
    )


def show_devices(form: PartForm, devices: Sequence[tuple[str, str]]) -> None:
    """List the devices of this machine, as `available_devices` returns them; what is chosen stays so."""
    # Its name alone: threads and free memory stand in the line of the device itself.
    automatic = f"automatic: {_automatic(dict(devices)).split(' (')[0]}"
    form.setChoices("device", [(automatic, "auto"), *((title, name) for name, title in devices)])


def _automatic(devices: dict[str, str]) -> str:
    """Return what stands for "automatic" here, as people call it; what is not here is refused when it is used."""
    name = os.environ.get(DEVICE_VARIABLE) or next((name for name in devices if name != "cpu"), "cpu")
    return devices.get(name, name)
