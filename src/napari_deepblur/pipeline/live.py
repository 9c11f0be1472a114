"""Frames as they come: the blur of each identified, the newest restored, and what was missed counted."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from napari_deepblur.errors import ImageError, NoiseError
from napari_deepblur.pipeline.newest_frame import NewestFrame
from napari_deepblur.pipeline.plan import Plan, plan
from napari_deepblur.pipeline.results import Deblurring
from napari_deepblur.pipeline.run import run
from napari_deepblur.pipeline.settings import DeblurSettings
from napari_deepblur.progress import Progress, only_progress

_PATIENCE_S = 0.1
"""How long to wait for a frame before saying that there is none: a run that is stopped stops within that time."""


@dataclass(frozen=True)
class LiveCounts:
    """What became of the frames so far.

    Attributes
    ----------
    arrived
        All that the source has made: `restored` + `refused` + `dropped`, and at most one that waits.
    restored
        Those with a result.
    refused
        Those that cannot be deblurred for what is in them.
    dropped
        Those that came while another was worked on, and were not the newest when that was done.
    """

    arrived: int = 0
    restored: int = 0
    refused: int = 0
    dropped: int = 0


@dataclass(frozen=True)
class LiveFrame:
    """One frame that was worked on.

    Attributes
    ----------
    number
        Of all that have arrived, from 0.
    result
        All about it; None where it cannot be deblurred.
    note
        Why not; empty where it was.
    counts
        Of all frames, this one included.
    seconds
        That it took.
    """

    number: int
    result: Deblurring | None
    note: str
    counts: LiveCounts
    seconds: float


def live_steps(
    frames: NewestFrame, settings: DeblurSettings, channel: int = 0
) -> Generator[Progress | LiveFrame, None, LiveCounts]:
    """Work on the newest frame, and again, until there are no more or the generator is closed.

    While no frame comes, it yields progress with the stage ``"wait"`` ten times a second. A frame that cannot be
    deblurred for what is in it (all pixels equal, NaN, too small) is named, and the next one is looked at.

    Parameters
    ----------
    frames
        Where the source puts them. Closed, it ends the run when its last frame is done.
    settings
        Of every frame.
    channel
        Which of the wavelengths of `settings` counts.

    Yields
    ------
    Progress or LiveFrame
        How far the present frame has come, and each frame when it is done.

    Returns
    -------
    LiveCounts
        As the value of the generator.

    Raises
    ------
    ImageError
        If the source of the frames fails.
    FamilyError, SettingsError, DeviceError, WeightsError
        Those of `plan` and `run`.
    """
    counts = LiveCounts()
    made: Plan | None = None
    while True:
        taken = frames.take(_PATIENCE_S)
        if taken is None:
            if frames.is_closed():
                return counts
            yield Progress("wait", 0, 0)
            continue
        begun, result, note = time.monotonic(), None, ""
        try:
            if taken.plane.ndim != 2:
                raise ImageError(f"A frame has {taken.plane.ndim} axes, expected 2: rows and columns.")
            if made is None or made.shape != taken.plane.shape:
                made = plan(settings, _shape(taken.plane)).of_channel(channel)
            result = yield from only_progress(run(made, taken.plane))
        except (ImageError, NoiseError) as error:
            note = str(error)
        counts = LiveCounts(
            taken.arrived, counts.restored + (result is not None), counts.refused + (result is None), taken.dropped
        )
        yield LiveFrame(taken.number, result, note, counts, time.monotonic() - begun)


def _shape(plane: NDArray[Any]) -> tuple[int, int]:
    return int(plane.shape[0]), int(plane.shape[1])
