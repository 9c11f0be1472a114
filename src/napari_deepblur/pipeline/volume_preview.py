"""A part of a stack deblurred as a volume: all planes of some rows and columns, to try settings on."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from napari_deepblur.identification.volumes.identify import SpecimenChoice
from napari_deepblur.identification.volumes.results import VolumeIdentification
from napari_deepblur.pipeline.preview import Region
from napari_deepblur.pipeline.series.volumes import one_volume_steps
from napari_deepblur.pipeline.settings import DeblurSettings, recommended_psf_size
from napari_deepblur.pipeline.volume import VolumeDeblurring
from napari_deepblur.pipeline.volume_plan import plan_volume
from napari_deepblur.progress import Progress
from napari_deepblur.restoration.tiling import margin


class VolumePreview(NamedTuple):
    """A part of a stack, deblurred.

    Attributes
    ----------
    region
        Its rows and columns.
    result
        Of the region; its volume has the shape (D, rows, columns).
    found
        What was identified in it, for a preview with other settings; None where nothing was.
    """

    region: Region
    result: VolumeDeblurring
    found: VolumeIdentification | None


def volume_preview_steps(
    settings: DeblurSettings,
    stack: Any,
    plane_spacing_um: float | None,
    region: Region,
    specimen: SpecimenChoice = "auto",
    known: VolumeIdentification | None = None,
) -> Generator[Progress, None, VolumePreview]:
    """Deblur a region of a stack as a volume, step by step.

    Parameters
    ----------
    settings
        Of the run.
    stack
        All planes, shape (D, H, W), or anything else that NumPy can read in parts; only the region and its halo are.
    plane_spacing_um, specimen
        As in `deblur_volume_steps`.
    region
        The part, inside the planes.
    known
        What was identified before, to be used again.

    Returns
    -------
    VolumePreview
        The wavefront is identified in the region with its halo, less certainly than a run will in the whole.

    Raises
    ------
    DeepblurError
        As `deblur_volume_steps`.
    """
    wide = region.with_halo(stack.shape[1:], margin(recommended_psf_size(settings.optics)))
    part = np.asanyarray(stack[:, wide.top : wide.bottom, wide.left : wide.right])
    plan = plan_volume(settings, part.shape, plane_spacing_um)
    result, found = yield from one_volume_steps(plan, part, known, specimen)
    top, left = region.top - wide.top, region.left - wide.left
    height, width = region.shape
    return VolumePreview(
        region, replace(result, volume=result.volume[:, top : top + height, left : left + width]), found
    )
