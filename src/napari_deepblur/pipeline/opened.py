"""The plane of a run: an array, or, where it is large, read by regions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from napari_deepblur.checked_image import check_image, check_plane, masked_pixels
from napari_deepblur.errors import ImageError
from napari_deepblur.pipeline.named_array import of_plan
from napari_deepblur.pipeline.plan import Plan
from napari_deepblur.plane import Mask, Plane, SourcePlane, is_large
from napari_deepblur.restoration.background import BackgroundRestorer


def by_regions(plan: Plan) -> bool:
    """Tell whether planes are read by regions, and their results nowhere held as a whole: large ones.

    What other planes shine into one, and a spread over likely blurs, are known of whole planes only.
    """
    draws = plan.settings.compute.draws if plan.theta is None else 0
    return is_large(plan.shape) and not draws and not isinstance(plan.restorer, BackgroundRestorer)


def checked(
    shape: tuple[int, int], plane: ArrayLike | SourcePlane, smallest: int, large: bool
) -> tuple[Plane, Mask | None]:
    """Check a plane; return it, and what of it is masked.

    Parameters
    ----------
    shape
        That was planned for.
    plane
        Observed image, any numeric type and unit.
    smallest
        Length that each side must have at least.
    large
        Whether it is read by regions, and stays where it is.

    Raises
    ------
    ImageError
        If it cannot be processed, has another shape, or axes with names that are no rows and columns.
    """
    plane = of_plan(plane, "YX", "Choose one plane.")
    if large:
        source = plane if isinstance(plane, SourcePlane) else _source_of(plane)
        _check_shape(shape, source.shape)
        return source, check_plane(source, smallest)
    whole = plane.raw(*(slice(0, n) for n in plane.shape)) if isinstance(plane, SourcePlane) else plane
    observed = check_image(whole, smallest=smallest)
    _check_shape(shape, observed.shape)
    return observed, masked_pixels(whole)


def _source_of(plane: ArrayLike) -> SourcePlane:
    array = np.asanyarray(plane)
    if array.ndim != 2:
        check_image(array)
    return SourcePlane((array.shape[0], array.shape[1]), lambda region: array[region])


def _check_shape(planned: tuple[int, int], shape: tuple[int, ...]) -> None:
    if shape != planned:
        raise ImageError(f"The plane has the shape {shape}, but the plan was made for {planned}.")
