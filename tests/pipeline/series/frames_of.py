"""Runs over series, sorted by what they yield."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from napari_deepblur.io.sinks import ArraySink
from napari_deepblur.pipeline import DeblurSettings
from napari_deepblur.pipeline.series import Frame, deblur_stack_steps


def frames_of(array: Any, axes: str, settings: DeblurSettings, *more: Any) -> Iterator[Frame]:
    """Deblur into a new array, and yield each frame when it is ready."""
    with closing(deblur_stack_steps(array, axes, settings, ArraySink(), *more)) as steps:
        yield from (step for step in steps if isinstance(step, Frame))
