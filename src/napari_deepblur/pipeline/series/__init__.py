"""Series, stacks, channels and colours: what axes mean, and runs that go through them frame by frame."""

from napari_deepblur.pipeline.series.arrays import (
    LUMINANCE,
    Luminance,
    empty_result,
    lazy_frame,
    read_frame,
    result_type,
    write_frame,
)
from napari_deepblur.pipeline.series.axes import AXES, check_axes, guess_axes, leading, named_axes, planes_last
from napari_deepblur.pipeline.series.frames import (
    Frame,
    Reuse,
    Series,
    channel_of,
    deblur_frames,
    deblur_frames_steps,
)
from napari_deepblur.pipeline.series.history import History, history_of

__all__ = [
    "AXES",
    "LUMINANCE",
    "Frame",
    "History",
    "Luminance",
    "Reuse",
    "Series",
    "channel_of",
    "check_axes",
    "deblur_frames",
    "deblur_frames_steps",
    "empty_result",
    "guess_axes",
    "history_of",
    "lazy_frame",
    "leading",
    "named_axes",
    "planes_last",
    "read_frame",
    "result_type",
    "write_frame",
]
