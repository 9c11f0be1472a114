"""What deblurring frame by frame hands out on its way, and in the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.pipeline.series.history import history_of
from napari_deepblur.pipeline.series.told import told_in

if TYPE_CHECKING:
    from napari_deepblur.io.sinks import Region
    from napari_deepblur.operators import OperatorFamily
    from napari_deepblur.pipeline.results import Deblurring
    from napari_deepblur.pipeline.series.history import History
    from napari_deepblur.pipeline.settings import DeblurSettings
    from napari_deepblur.restoration.verdict import Verdict


@dataclass(frozen=True)
class Written:
    """A part of the result is in the sink.

    Attributes
    ----------
    index
        Position of the frame along the leading axes.
    region
        Rows and columns.
    """

    index: tuple[int, ...]
    region: Region


@dataclass(frozen=True)
class Frame:
    """One frame of the result, all of which is in the sink.

    Attributes
    ----------
    index
        Its position along the leading axes.
    image
        Restored plane (rows, columns), in the units of the input; the input itself where it was passed through. Empty,
        shape (0, 0), where the plane is so large that it is read by regions: then it is in the sink alone.
    result
        All about it; None where it was passed through.
    identified
        Whether the blur was identified on this frame, and not taken over from another.
    note
        What was done otherwise than asked for, in words.
    """

    index: tuple[int, ...]
    image: NDArray[np.float32]
    result: Deblurring | None
    identified: bool
    note: str


@dataclass(frozen=True)
class StackDeblurring:
    """A deblurred array of any number of axes, and how it was made.

    Attributes
    ----------
    image
        The result: the array that was written into, or what the file holds. In the units of the input, and of its
        shape, but that the luminance has no axis of colours.
    first
        Result of the first frame that was not passed through.
    settings
        Of the run.
    record
        JSON-safe: that of `first`, with axes, and what was found for each frame.
    notes
        What was done otherwise than asked for, each with the frame's name: frames that were passed through, too.
    family
        The blurs that were possible.
    spread
        Of each frame, the standard deviation of the result over blurs that are likely (`Deblurring.spread`): an array,
        or what the file holds; None where no blurs were drawn.
    """

    image: Any
    first: Deblurring
    settings: DeblurSettings
    record: dict[str, Any]
    notes: tuple[str, ...]
    family: OperatorFamily
    spread: Any = None

    @property
    def verdict(self) -> Verdict | None:
        """Whether the result can be believed: of several frames the worst; None where none could be judged."""
        return told_in(self.record).verdict

    def history(self) -> History | None:
        """Return the coefficients frame by frame; None where no blur was identified."""
        return None if self.first.identification is None else history_of(self.record)
