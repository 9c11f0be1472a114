"""A calibration of what the dock's forms say, for another thread, and its answers for each source."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_deepblur.progress import Progress
from napari_deepblur.widgets.calibration.bead_sources import read_beads
from napari_deepblur.widgets.layers import shown_name

if TYPE_CHECKING:
    from napari_deepblur.calibration import (
        BeadTable,
        Calibration,
        Finding,
        PupilRetrieval,
    )
    from napari_deepblur.calibration.calibrate import Override
    from napari_deepblur.calibration.pupil.verdict import PupilWidths
    from napari_deepblur.optics import Microscope
    from napari_deepblur.widgets.calibration.aim_form import AimChoice
    from napari_deepblur.widgets.calibration.bead_form import BeadChoice
    from napari_deepblur.widgets.calibration.bead_sources import BeadSource


class Judged(NamedTuple):
    """A calibration, and what there is to say of it."""

    calibration: Calibration
    findings: tuple[Finding, ...]


class FoundPupil(NamedTuple):
    """A pupil, what there is to say of it, and the widths of its PSFs."""

    pupil: PupilRetrieval
    findings: tuple[Finding, ...]
    widths: PupilWidths

    def sections(self, ink: str, paper: str) -> bytes:
        """Draw the sections of its PSFs, as PNG."""
        from napari_deepblur.calibration.pupil.figure import sections_png

        return sections_png(self.pupil, ink, paper)


def read_and_retrieve(
    data: Any, microscope: Microscope, choice: BeadChoice, aim: AimChoice
) -> Generator[Progress, None, FoundPupil]:
    """Read one stack of beads and find its pupil; the steps and errors are those of `retrieve_pupil_steps`."""
    from napari_deepblur.calibration.pupil import PupilChoice, retrieve_pupil_steps
    from napari_deepblur.calibration.pupil.verdict import judge_pupil, pupil_widths

    yield Progress("Reading the images", 0, 1)
    wanted = PupilChoice(
        aim.plane_spacing_um,
        amplitude=aim.amplitude,
        bead_diameter_um=choice.diameter_um,
        patch_size=choice.patch_size,
        threshold=choice.threshold,
        saturation=choice.saturation,
    )
    found = yield from retrieve_pupil_steps(read_beads(data), microscope, wanted)
    widths = pupil_widths(found)
    return FoundPupil(found, judge_pupil(found, widths), widths)


def read_and_calibrate(
    data: Sequence[Any], microscope: Microscope, choice: BeadChoice, overrides: Sequence[Override]
) -> Generator[Progress, None, Judged]:
    """Read the images, calibrate, and judge that; the steps and errors are those of `calibrate_steps`.

    Parameters
    ----------
    data
        What `BeadSource.data` gave, for each stack.
    microscope
        The optics.
    choice
        What the beads are.
    overrides
        Decisions by hand.
    """
    from napari_deepblur.calibration import calibrate_steps, judge

    stacks = []
    for item in data:
        # The images count for nothing: they are read in a moment, but a cancel between them is heard.
        yield Progress("Reading the images", 0, 2 * len(data))
        stacks.append(read_beads(item))
    found = yield from calibrate_steps(
        stacks,
        microscope,
        bead_diameter_um=choice.diameter_um,
        patch_size=choice.patch_size,
        normalise=choice.normalise,
        threshold=choice.threshold,
        saturation=choice.saturation,
        overrides=overrides,
    )
    return Judged(found, judge(found, stacks))


def part_of(table: BeadTable, stack: int) -> BeadTable:
    """Return the rows of one stack."""
    own = np.flatnonzero(table.stack == stack)
    columns = ("stack", "row", "column", "amplitude", "background", "residual", "kept")
    parts = {name: getattr(table, name)[own] for name in columns}
    return replace(table, **parts, reason=tuple(table.reason[index] for index in own))


def with_names(message: str, sources: Sequence[BeadSource]) -> str:
    """Say which source is meant by the number of a stack."""
    numbers = sorted({int(number) for number in re.findall(r"\b[Ss]tack (\d+)", message)})
    if len(sources) < 2:
        return message
    names = [f" Stack {n} is {shown_name(sources[n].name)}." for n in numbers if n < len(sources)]
    return message + "".join(names)
