"""What a run would be given now: docks are asked for it by what is beside the Run button."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_deepblur.pipeline.settings import DeblurSettings
    from napari_deepblur.widgets.deblur.axes_form import AxesChoice
    from napari_deepblur.widgets.origins import Origin


class Forms(NamedTuple):
    """What the forms describe, whatever the image.

    Attributes
    ----------
    choice
        Axes, as those of the image that is open, and what is done along them.
    settings
        How.
    origins
        Where each number of the optics is from.
    """

    choice: AxesChoice
    settings: DeblurSettings
    origins: dict[str, Origin]


class Wanted(NamedTuple):
    """What a run would be given now.

    Attributes
    ----------
    layer
        What is deblurred.
    choice
        Its axes.
    settings
        How.
    origins
        Where each number of the optics is from.
    """

    layer: Layer
    choice: AxesChoice
    settings: DeblurSettings
    origins: dict[str, Origin]


AskForms = Callable[[], Forms | None]
"""Says what the forms describe now, also where no image is open; None while a run goes on.

Raises a `DeepblurError` where they contradict each other."""

Ask = Callable[[], Wanted | None]
"""Says what a run would be given now; None while there can be none."""
