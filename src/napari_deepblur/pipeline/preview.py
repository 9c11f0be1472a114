"""A part of an image deblurred as the whole would be: with a halo, at its own place in the field."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_deepblur.pipeline.region import Region as Region
from napari_deepblur.pipeline.run import run
from napari_deepblur.progress import Progress, finished
from napari_deepblur.restoration.tiling import Part, margin

if TYPE_CHECKING:
    from napari_deepblur.identification.results import Identification
    from napari_deepblur.pipeline.plan import Plan
    from napari_deepblur.pipeline.results import Deblurring


class Preview(NamedTuple):
    """A part of an image, deblurred.

    Attributes
    ----------
    region
        The part.
    image
        Restored, of the shape of the region, in the units of the input.
    result
        Of the region with its halo.
    """

    region: Region
    image: NDArray[np.float32]
    result: Deblurring


def preview(plan: Plan, image: ArrayLike, region: Region, known: Identification | None = None) -> Preview:
    """Deblur a region of an image with the plan of the whole; as `preview_steps`."""
    return finished(preview_steps(plan, image, region, known))


def preview_steps(
    plan: Plan, image: ArrayLike, region: Region, known: Identification | None = None
) -> Generator[Progress | Part, None, Preview]:
    """Deblur a region of an image with the plan of the whole, step by step.

    Parameters
    ----------
    plan
        Of the whole image.
    image
        The whole image, shape (H, W); only the region and its halo are read.
    region
        The part, inside the image.
    known
        What was identified before, to be used again.

    Returns
    -------
    Preview
        The blur is identified on the region with its halo: of an aberration that holds for the whole field, a smaller
        part gives a less certain estimate than the run will.

    Raises
    ------
    DeepblurError
        As `run`.
    """
    wide = region.with_halo(plan.shape, margin(plan.family.psf_size))
    part = np.asanyarray(image[wide.top : wide.bottom, wide.left : wide.right])  # type: ignore[index,call-overload]
    here = plan.of_part((wide.top, wide.left), wide.shape)
    if here.settings.compute.draws:
        # A preview is to be quick.
        quick = here.settings.compute.replace(draws=0)
        here = replace(here, settings=here.settings.replace(compute=quick))
    result = yield from run(here, part, known)
    top, left = region.top - wide.top, region.left - wide.left
    height, width = region.shape
    return Preview(region, result.image[top : top + height, left : left + width], result)
