"""Series, stacks, channels and colours: what axes mean, and runs that go through them frame by frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_deepblur.on_demand import on_demand

if TYPE_CHECKING:
    from napari_deepblur.io.axes import (
        AXES,
        channel_of,
        check_axes,
        guess_axes,
        leading,
        named_axes,
        other_axes,
        planes_last,
        volume_refusal,
    )
    from napari_deepblur.pipeline.series.arrays import LUMINANCE, Luminance, lazy_frame, lazy_volume, write_frame
    from napari_deepblur.pipeline.series.frames import Colours, Reuse, deblur_stack_steps
    from napari_deepblur.pipeline.series.history import History, frame_axes, history_of
    from napari_deepblur.pipeline.series.outcome import Frame, StackDeblurring, Written
    from napari_deepblur.pipeline.series.told import Told, told_in
    from napari_deepblur.pipeline.series.volumes import deblur_volume_steps
else:
    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "napari_deepblur.io.axes": (
                "AXES",
                "channel_of",
                "check_axes",
                "guess_axes",
                "leading",
                "named_axes",
                "other_axes",
                "planes_last",
                "volume_refusal",
            ),
            "napari_deepblur.pipeline.series.arrays": (
                "LUMINANCE",
                "Luminance",
                "lazy_frame",
                "lazy_volume",
                "write_frame",
            ),
            "napari_deepblur.pipeline.series.frames": ("Colours", "Reuse", "deblur_stack_steps"),
            "napari_deepblur.pipeline.series.history": ("History", "frame_axes", "history_of"),
            "napari_deepblur.pipeline.series.outcome": ("Frame", "StackDeblurring", "Written"),
            "napari_deepblur.pipeline.series.told": ("Told", "told_in"),
            "napari_deepblur.pipeline.series.volumes": ("deblur_volume_steps",),
        },
    )


__all__ = [
    "AXES",
    "LUMINANCE",
    "Colours",
    "Frame",
    "History",
    "Luminance",
    "Reuse",
    "StackDeblurring",
    "Told",
    "Written",
    "channel_of",
    "check_axes",
    "deblur_stack_steps",
    "deblur_volume_steps",
    "frame_axes",
    "guess_axes",
    "history_of",
    "lazy_frame",
    "lazy_volume",
    "leading",
    "named_axes",
    "other_axes",
    "planes_last",
    "told_in",
    "volume_refusal",
    "write_frame",
]
