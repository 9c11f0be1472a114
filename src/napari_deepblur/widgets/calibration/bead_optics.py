"""What images of beads say of their optics, filled into the form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_deepblur.widgets.layer_acquisition import recorded_origins
from napari_deepblur.widgets.layers import shown_name, stated_microscope
from napari_deepblur.widgets.origins import NOWHERE, Place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Layer

    from napari_deepblur.io.acquisition import Acquisition
    from napari_deepblur.widgets.calibration.bead_sources import BeadSource
    from napari_deepblur.widgets.microscope_form import MicroscopeForm


def state_optics(form: MicroscopeForm, source: BeadSource, before: BeadSource | None) -> Acquisition:
    """Fill in optics and pixel size of the source that is marked, and return how it was taken.

    Parameters
    ----------
    form
        Where to.
    source
        What is marked.
    before
        What the numbers in the form belong to so far.
    """
    stated = stated_microscope(source.layer) if source.layer is not None else None
    taken, reason = source.acquisition()
    if stated is not None and source.layer is not None:
        form.setValue(stated, recorded_origins(source.layer), _place_of(source))
    else:
        form.setAcquisition(taken, reason, before=NOWHERE if before is None else _place_of(before))
    form.setPixelSize(*source.pixel_size(taken))
    return taken


def follow_names(form: MicroscopeForm, source: BeadSource | None, taken: Acquisition, layers: Sequence[Layer]) -> None:
    """Call layers in the form as they are called now.

    Parameters
    ----------
    form
        Where they are named.
    source
        What is marked.
    taken
        How it was taken.
    layers
        Of the viewer.
    """
    names = {str(layer.unique_id): shown_name(layer.name) for layer in layers}
    form.setNames(names, "" if source is None else source.pixel_size(taken).remark)


def _place_of(source: BeadSource) -> Place:
    return Place(shown_name(source.name), "" if source.layer is None else str(source.layer.unique_id))
