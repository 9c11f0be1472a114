"""From arrays to results: identification and deblurring, with progress, cancel and settings."""

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
