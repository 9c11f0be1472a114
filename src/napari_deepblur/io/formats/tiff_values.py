"""What the numbers of a TIFF page mean: palettes, white that is zero, transparency, colours plane by plane.

Inks of a printer and colours as brightness and hue are refused: their numbers are no light, and the blur of neither is
known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.errors import ImageError

_WHITE_IS_ZERO, _PALETTE = 0, 3
_ALPHA = {1, 2}
_LINEAR = 0.02

_NO_LIGHT = {5: "inks of a printer (CMYK)", 6: "brightness and hue (YCbCr)", 8: "L*a*b*", 9: "L*a*b*", 10: "L*a*b*"}
"""What the samples of a page may be, by its PhotometricInterpretation."""

_YCBCR, _JPEG = 6, {6, 7, 34892, 33007}
"""Pages of brightness and hue that are packed as JPEG are unpacked to red, green and blue."""

Meaning = Callable[[NDArray[Any]], NDArray[Any]]


def page_axes(axes: str, shape: tuple[int, ...], key: Any, scientific: bool) -> tuple[str, tuple[int, ...], Any]:
    """Say what a page becomes: its axes, shape and type once `meaning` has been applied.

    Parameters
    ----------
    axes, shape
        Of the page, without axes of length one: ``"YX"``, ``"YXS"`` or ``"SYX"``.
    key
        The page of tifffile, or its key frame.
    scientific
        Whether a palette only says how intensities are shown.

    Raises
    ------
    ImageError
        If the numbers are no amounts of light.
    """
    dtype = key.dtype
    if axes == "YX":
        if _colours(key, scientific) is not None:
            return "YXS", (*shape, 3), np.dtype(np.uint8)
        return axes, shape, dtype
    rows, columns = shape[axes.index("Y")], shape[axes.index("X")]
    samples = shape[axes.index("S")]
    kind = int(key.photometric)
    if kind in _NO_LIGHT and not (kind == _YCBCR and int(key.compression) in _JPEG):
        raise ImageError(
            f"The colours of the file are {_NO_LIGHT[kind]}, expected gray values or red, green and blue: these "
            "numbers are no amounts of light. Save the image as RGB, or better the original of the microscope."
        )
    if samples == 2 and _has_alpha(key):
        return "YX", (rows, columns), dtype
    return "YXS", (rows, columns, samples), dtype


def meaning(axes: str, key: Any, scientific: bool) -> Meaning:
    """Return the function that turns the numbers of a page into intensities, which grow with the light, or colours."""
    table = _colours(key, scientific) if axes == "YX" else None

    def applied(page: NDArray[Any]) -> NDArray[Any]:
        if table is not None:
            return np.asarray(table[np.minimum(page, len(table) - 1)])
        if axes == "SYX":
            page = np.moveaxis(page, 0, -1)
        if axes != "YX" and page.shape[-1] == 2 and _has_alpha(key):
            page = page[..., 0]
        if int(key.photometric) == _WHITE_IS_ZERO:
            return _inverted(page, key.bitspersample)
        return page

    return applied


def _inverted(page: NDArray[Any], bits: Any) -> NDArray[Any]:
    """Make bright what is bright; floats and signed numbers have no largest value and stay as they are."""
    if page.dtype.kind == "b":
        return ~page
    if page.dtype.kind != "u" or isinstance(bits, tuple):
        return page
    return np.asarray(page.dtype.type(2 ** int(bits) - 1) - page)


def _has_alpha(key: Any) -> bool:
    return bool({int(kind) for kind in key.extrasamples or ()} & _ALPHA)


def _colours(key: Any, scientific: bool) -> NDArray[np.uint8] | None:
    """Table of colours, shape (entries, 3); None where the numbers are intensities.

    Programs for microscopes colour one channel by a palette, whose indices are the intensities: a ramp of one hue.
    """
    table = getattr(key, "colormap", None)
    if int(key.photometric) != _PALETTE or table is None or scientific:
        return None
    values = np.asarray(table, float).T
    ramp = np.linspace(0, 1, len(values))[:, None]
    if len(values) > 1 and np.abs(values - ramp * values[-1]).max() <= _LINEAR * max(values.max(), 1):
        return None
    return (values.astype(np.uint16) >> 8).astype(np.uint8)
