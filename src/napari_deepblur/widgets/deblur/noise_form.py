"""How noisy the image is."""

from __future__ import annotations

from qtpy.QtWidgets import QWidget

from napari_deepblur.widgets.part_form import PartForm

_KINDS = (("estimate from the image", "estimate"), ("given", "given"))


def noise_form(parent: QWidget | None = None) -> PartForm:
    """Make the form of the noise: estimated from the image, or given."""
    return PartForm("noise", {"kind": _KINDS}, parent=parent)
