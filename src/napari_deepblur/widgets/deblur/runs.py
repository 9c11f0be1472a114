"""What goes on after the Run button: the computation that the forms describe, and what shows its result."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_deepblur.io.sinks import ArraySink
from napari_deepblur.widgets.deblur.input_file import InputFile
from napari_deepblur.widgets.deblur.result_display import ResultDisplay
from napari_deepblur.widgets.deblur.volume_display import VolumeDisplay
from napari_deepblur.widgets.layers import Source

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_deepblur.pipeline.series import StackDeblurring
    from napari_deepblur.pipeline.volume import VolumeDeblurring
    from napari_deepblur.widgets.deblur.run_display import RunDisplay
    from napari_deepblur.widgets.deblur.wanted import Wanted
    from napari_deepblur.widgets.job import Steps


def prepare_run(viewer: Viewer, wanted: Wanted) -> tuple[RunDisplay, Steps]:
    """Return what will show the result of a run, and what computes it in another thread.

    Parameters
    ----------
    viewer
        Where to show it.
    wanted
        What the forms describe.
    """
    source, choice, settings = Source.of(wanted.layer), wanted.choice, wanted.settings
    file = InputFile(wanted.layer)
    axes, spacing = choice.axes, choice.plane_spacing_um
    # The array may be lazy: it is read in the other thread, frame by frame.
    array, sink = source.data, ArraySink()
    if choice.planes == "volume":
        shown = VolumeDisplay(viewer, source, axes, wanted.origins, file)
        asked = spacing, choice.specimen, None, choice.reuse
        return shown, partial(_steps, file, partial(_volume_steps, array, axes, settings, sink, *asked))
    of_result = axes.removesuffix("S") if choice.colours == "luminance" else axes
    display = ResultDisplay(viewer, source, of_result, sink, wanted.origins, file)
    more = choice.reuse, None, spacing, choice.colours
    return display, partial(_steps, file, partial(_stack_steps, array, axes, settings, sink, *more))


def _steps(file: InputFile, steps: Steps) -> Generator[Any, None, Any]:
    """Look at the file before the computation: it, too, may take a while."""
    file.look()
    return (yield from steps())


# What computes is imported where it computes: in the other thread.


def _stack_steps(*asked: Any) -> Generator[Any, None, StackDeblurring]:
    from napari_deepblur.pipeline.series.frames import deblur_stack_steps

    return (yield from deblur_stack_steps(*asked))


def _volume_steps(*asked: Any) -> Generator[Any, None, VolumeDeblurring]:
    from napari_deepblur.pipeline.series.volumes import deblur_volume_steps

    return (yield from deblur_volume_steps(*asked))
