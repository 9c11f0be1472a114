"""What a run on a volume will take, before it is started: time, memory, tiles."""

from __future__ import annotations

import math
from dataclasses import dataclass

from napari_deepblur.identification.volumes.cost import identification_seconds
from napari_deepblur.identification.volumes.identify import SpecimenChoice
from napari_deepblur.identification.volumes.marginal import Specimen
from napari_deepblur.pipeline.volume_plan import VolumePlan
from napari_deepblur.restoration.tiling import plan_tiles
from napari_deepblur.restoration.volume_cost import restoration_seconds

FEWEST_PLANES = 3
"""Planes that a wavefront can be identified in; of less, the ideal pupil is removed."""

_COPIES = 5
"""Of the stack in single precision that a run holds, beside what a tile needs."""


@dataclass(frozen=True)
class VolumeEstimate:
    """What a run will take.

    Attributes
    ----------
    seconds
        At most, were no iteration spared; of which `identification_seconds` are for the pupil.
    identification_seconds
        0 where the pupil is known.
    memory_bytes
        At its peak.
    tiles
        Into how many parts the plane is cut.
    stacks
        Volumes, one after another.
    device
        Where it is computed.
    notes
        What is doubtful about what was asked for.
    """

    seconds: float
    identification_seconds: float
    memory_bytes: int
    tiles: int
    device: str
    notes: tuple[str, ...] = ()
    stacks: int = 1


def estimate_volume(
    plan: VolumePlan, specimen: SpecimenChoice = "auto", stacks: int = 1, identified: int = 1
) -> VolumeEstimate:
    """Estimate what a run will take, from trials on this machine of some seconds.

    Parameters
    ----------
    plan
        Of the run, whose making has already refused what does not fit into memory.
    specimen
        As in `identify_stack`.
    stacks, identified
        Volumes of a series, and in how many of them a pupil is looked for.

    Returns
    -------
    VolumeEstimate
        On a machine that does nothing else its time is within about a factor of two.
    """
    kinds: tuple[Specimen, ...] = ("thick", "thin") if specimen == "auto" else (specimen,)
    found = 0.0
    if plan.theta is None and plan.family is not None and plan.shape[0] >= FEWEST_PLANES:
        found = identified * identification_seconds(plan.shape, plan.family, plan.spacing_um, kinds)
    tiles = plan_tiles((plan.shape[1], plan.shape[2]), plan.side, plan.blur.margin[1])
    needs = []
    for tile in tiles:
        rows, columns = (part.stop - part.start for part in tile.source)
        shape = (plan.shape[0], rows, columns)
        needs.append(plan.restorer.memory_bytes(shape, plan.blur.margin, plan.blur.half))
    memory = max(needs) + _COPIES * 4 * math.prod(plan.shape)
    restored = stacks * restoration_seconds(plan.shape, plan.blur, plan.restorer, plan.device, plan.side)
    return VolumeEstimate(found + restored, found, memory, len(tiles), str(plan.device), plan.notes, stacks)
