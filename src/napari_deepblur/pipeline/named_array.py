"""Arrays whose axes have names and coordinates, as those of xarray, whose package is not needed to read them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.errors import AssumptionWarning, ImageError
from napari_deepblur.io.acquisition import Acquisition, in_seconds, in_um, said_by
from napari_deepblur.io.axes import AXES, axis_named, named_axes
from napari_deepblur.io.lazy_image import LazyImage
from napari_deepblur.io.zarr_places import placed

_SOURCE = "DataArray"
_ORIGIN = "coordinates of the array"
_REGULAR = 1e-3
"""Relative difference of steps up to which coordinates are equally spaced."""


def with_its_axes(image: Any) -> Any:
    """Return an array with named axes as an image that knows them; any other as it is.

    Parameters
    ----------
    image
        Anything; an array has named axes where it has ``dims``, ``coords`` and ``data``. Equally spaced coordinates
        give pixel size, plane spacing and time increment, in the unit that their attribute ``units`` names, and the
        place of the image; texts along the channels their names.

    Raises
    ------
    ImageError
        If its axes are those of no image: without rows or columns, repeated, or with others after them.

    Warns
    -----
    AssumptionWarning
        If coordinates in the plane are not equally spaced, or have no unit: they are taken for micrometres then, but
        for the numbers of pixels, which say nothing.
    """
    if not _is_named(image):
        return image
    dims = tuple(str(name) for name in image.dims)
    letters = "".join(axis_named(name) or "?" for name in dims)
    known = letters.replace("?", "")
    if len(set(known)) < len(known):
        raise ImageError(f"The array has the axes {', '.join(dims)}, of which several mean the same. Rename them.")
    if not known:
        # Names that say nothing, such as dim_0: it is an array like any other.
        return image.data
    axes = named_axes(letters)
    if not axes.removesuffix("S").endswith("YX"):
        raise ImageError(
            f"The array has the axes {', '.join(dims)}; rows, columns and then colours come last. Transpose it, such "
            "as array.transpose(..., 'y', 'x')."
        )
    data = image.data
    said = _said(image, dims, axes, tuple(data.shape))
    return LazyImage(
        lambda index: np.asarray(data[index]),
        axes,
        data.shape,
        data.dtype,
        said,
        name=str(getattr(image, "name", None) or _SOURCE),
        read_part=lambda index, inner: np.asarray(data[(*index, *inner)]),
    )


def check_asked(image: Any, axes: str, advice: str) -> None:
    """Raise an `ImageError` if an image that knows its axes has others than those that are asked for.

    Parameters
    ----------
    image
        Any array; one that does not know its axes passes.
    axes
        Those that are asked for.
    advice
        What to do otherwise.
    """
    if isinstance(image, LazyImage) and named_axes(image.axes) != axes:
        found, wanted = (", ".join(AXES[letter] for letter in letters) for letters in (named_axes(image.axes), axes))
        raise ImageError(f"The image has the axes {found}, but {wanted} are asked for. {advice}")


def of_plan(image: Any, axes: str, advice: str) -> Any:
    """Return an image that is given to a plan, which was made for these axes, as `with_its_axes` and `check_asked` do.

    Warns
    -----
    AssumptionWarning
        As `with_its_axes`.
    """
    given = with_its_axes(image)
    check_asked(given, axes, advice)
    return given


def _is_named(image: Any) -> bool:
    dims = getattr(image, "dims", None)
    return isinstance(dims, tuple) and hasattr(image, "coords") and len(dims) == len(getattr(image, "shape", ()))


def _said(image: Any, dims: Sequence[str], axes: str, shape: tuple[int, ...]) -> Acquisition:
    """Read what the coordinates say."""
    units = dict.fromkeys(axes, "")
    starts, steps = np.zeros(len(axes)), np.ones(len(axes))
    values: dict[str, Any] = {}
    sides: dict[str, float | None] = {}
    for place, (letter, name, length) in enumerate(zip(axes, dims, shape, strict=True)):
        found = image.coords[name] if name in image.coords else None
        along = None if found is None else np.asarray(found)
        if found is None or along is None or along.shape != (length,):
            continue
        if letter == "C" and along.dtype.kind in "UO":
            values["channels"] = tuple(str(one) for one in along)
        grid = _regular(along) if letter in "TZYX" else None
        unit = str(getattr(found, "attrs", {}).get("units", ""))
        if along.dtype.kind in "mM":
            unit = "s"
        if grid is None:
            if letter in "YX" and length > 1:
                _warn(f"The coordinates along {name} are not equally spaced numbers: they say no pixel size.")
            continue
        if letter in "ZYX" and not unit:
            if grid == (0.0, 1.0):
                continue
            _warn(f"The coordinates along {name} have no unit (an attribute 'units'): they are taken for micrometres.")
            unit = "um"
        starts[place], steps[place], units[letter] = *grid, unit
        if letter == "T":
            values["time_increment_s"] = in_seconds(abs(grid[1]), unit)
        else:
            sides[letter] = in_um(abs(grid[1]), unit)
    height, width = sides.get("Y"), sides.get("X")
    if height and width:
        values["pixel_size_um"] = (height, width)
    values["plane_spacing_um"] = sides.get("Z")
    planar = axes.removesuffix("S")
    order = [units[letter] for letter in planar]
    values["planes"] = placed(None, planar, shape, order, starts[: len(planar)], steps[: len(planar)])
    return said_by(_ORIGIN, _SOURCE, axes=axes, **values)


def _regular(along: NDArray[Any]) -> tuple[float, float] | None:
    """Return first and step of equally spaced coordinates, of times in seconds; None where they are none."""
    if along.dtype.kind in "mM":
        numbers = (along - along[:1]) / np.timedelta64(1, "s")
    elif along.dtype.kind in "uif":
        numbers = along.astype(float)
    else:
        return None
    if len(numbers) < 2 or not np.isfinite(numbers).all():
        return None
    steps = np.diff(numbers)
    step = float(steps.mean())
    if step == 0 or not math.isfinite(step) or np.abs(steps - step).max() > _REGULAR * abs(step):
        return None
    return float(numbers[0]), step


def _warn(words: str) -> None:
    warnings.warn(words, AssumptionWarning, stacklevel=4)
