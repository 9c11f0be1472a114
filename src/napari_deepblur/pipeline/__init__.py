"""From arrays to results: identification and deblurring, with progress, cancel and settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_deepblur.on_demand import on_demand

if TYPE_CHECKING:
    from napari_deepblur.identification.results import Identification
    from napari_deepblur.identification.stack import StackIdentification
    from napari_deepblur.identification.volumes.results import VolumeIdentification
    from napari_deepblur.pipeline.deblur import deblur, deblur_stack, deblur_steps
    from napari_deepblur.pipeline.identify import identify, identify_stack
    from napari_deepblur.pipeline.identify_steps import identify_steps
    from napari_deepblur.pipeline.results import Deblurring
    from napari_deepblur.pipeline.series.outcome import StackDeblurring
    from napari_deepblur.pipeline.settings import DeblurSettings, load_settings, save_settings
    from napari_deepblur.pipeline.volume import VolumeDeblurring
else:
    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "napari_deepblur.identification.results": ("Identification",),
            "napari_deepblur.identification.stack": ("StackIdentification",),
            "napari_deepblur.identification.volumes.results": ("VolumeIdentification",),
            "napari_deepblur.pipeline.deblur": ("deblur", "deblur_stack", "deblur_steps"),
            "napari_deepblur.pipeline.identify": ("identify", "identify_stack"),
            "napari_deepblur.pipeline.identify_steps": ("identify_steps",),
            "napari_deepblur.pipeline.results": ("Deblurring",),
            "napari_deepblur.pipeline.series.outcome": ("StackDeblurring",),
            "napari_deepblur.pipeline.settings": ("DeblurSettings", "load_settings", "save_settings"),
            "napari_deepblur.pipeline.volume": ("VolumeDeblurring",),
        },
    )


__all__ = [
    "DeblurSettings",
    "Deblurring",
    "Identification",
    "StackDeblurring",
    "StackIdentification",
    "VolumeDeblurring",
    "VolumeIdentification",
    "deblur",
    "deblur_stack",
    "deblur_steps",
    "identify",
    "identify_stack",
    "identify_steps",
    "load_settings",
    "save_settings",
]
