"""The figure of the demo: what went in, what came out, and the blur in between."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.errors import OutputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from napari_deepblur.identification.results import Identification
    from napari_deepblur.optics import Microscope

_PAPER, _INK, _FAINT, _ACCENT, _EVEN = "#ffffff", "#20242c", "#7b838f", "#2f6fde", "#bcd2f7"
_TITLE = 13.5
_ZOOM = 3
"""The zoomed place is one part in this many of the shorter side."""


def shared_limits(image: NDArray[np.generic], restored: NDArray[np.float32]) -> tuple[float, float]:
    """Return one gray scale for both: a sharper image would look darker under its own. Few pixels are cut to white."""
    low, high = np.percentile(np.stack([image, restored]), (0.5, 99.95))
    return float(low), float(high)


def save_figure(
    path: str | os.PathLike[str],
    image: NDArray[Any],
    restored: NDArray[np.float32],
    found: Identification,
    microscope: Microscope,
) -> None:
    """Draw image, result, a zoomed place of both, the PSF and its coefficients, and write it as PNG.

    Parameters
    ----------
    path
        The file.
    image, restored
        Before and after, shape (H, W), in the same units; drawn with one gray scale.
    found
        The identified blur.
    microscope
        Gives the length of the scale bars.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.6, 8.9), facecolor=_PAPER)
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 3, left=0.015, right=0.985, top=0.955, bottom=0.04, wspace=0.05, hspace=0.13)
    pixel = microscope.pixel_size_um
    values = image.astype(np.float32)
    low, high = shared_limits(values, restored)
    gray: dict[str, Any] = {"cmap": "gray", "vmin": low, "vmax": high, "interpolation": "nearest"}
    top, left, side = interesting_place(restored)
    place = (slice(top, top + side), slice(left, left + side))
    for column, title, picture in ((0, "Observed", values), (1, "Deblurred", restored)):
        axes = figure.add_subplot(grid[0, column])
        _picture(axes, title, picture, pixel, gray)
        _outline(axes, left, top, side)
        axes = figure.add_subplot(grid[1, column])
        _picture(axes, f"{title}, the marked square", picture[place], pixel, gray)
        _outline(axes, 0, 0, side)
    _psf(figure.add_subplot(grid[0, 2]), found.psf, pixel)
    # Bars and their names share a column as wide as a picture.
    inner = grid[1, 2].subgridspec(2, 2, width_ratios=(0.42, 0.58), height_ratios=(0.84, 0.16), wspace=0, hspace=0)
    _coefficients(figure.add_subplot(inner[0, 1]), found)
    try:
        figure.savefig(path, dpi=100)
    except OSError as error:
        raise OutputError(f"{path} could not be written ({error}). Is the disk full?") from error


def interesting_place(image: NDArray[np.float32]) -> tuple[int, int, int]:
    """Find the square with the most detail, away from the border: top, left and side in pixels.

    Detail is the sum of absolute differences between neighbours.
    """
    shortest = min(image.shape)
    side, border = max(shortest // _ZOOM, 8), shortest // (3 * _ZOOM)
    inner = image[border : image.shape[0] - border, border : image.shape[1] - border]
    steps = np.abs(np.diff(inner, axis=0))[:, :-1] + np.abs(np.diff(inner, axis=1))[:-1]
    sums = np.pad(steps.astype(np.float64), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    windows = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    top, left = np.unravel_index(int(windows.argmax()), windows.shape)
    return border + int(top), border + int(left), side


def round_length(longest: float) -> float:
    """Return the largest of 1, 2, 5, 10, ... times a power of ten that is not above `longest`."""
    power = 10.0 ** math.floor(math.log10(longest))
    return max(factor * power for factor in (1.0, 2.0, 5.0) if factor * power <= longest * (1 + 1e-9))


def _picture(axes: Axes, title: str, picture: NDArray[Any], pixel: float, style: dict[str, Any]) -> None:
    axes.imshow(picture, **style)
    axes.set_title(title, color=_INK, fontsize=_TITLE, loc="left", pad=7)
    axes.set_axis_off()
    _scale_bar(axes, picture.shape, pixel)


def _scale_bar(axes: Axes, shape: tuple[int, ...], pixel: float) -> None:
    height, width = shape[0], shape[1]
    length_um = round_length(0.3 * width * pixel)
    length = length_um / pixel
    row, right = 0.94 * height, 0.95 * width
    axes.plot([right - length, right], [row, row], color="white", linewidth=3, solid_capstyle="butt")
    label = f"{length_um:g} \N{MICRO SIGN}m"
    axes.text(right - length / 2, row - 0.02 * height, label, color="white", ha="center", va="bottom", fontsize=10)


def _outline(axes: Axes, left: int, top: int, side: int) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((left - 0.5, top - 0.5), side, side, fill=False, edgecolor="#ffb000", linewidth=2))


def _psf(axes: Axes, psf: NDArray[np.float32], pixel: float) -> None:
    # The square root shows the rings, which hold much of the light in little height.
    shown = np.sqrt(np.maximum(psf, 0) / psf.max())
    _picture(axes, "Estimated PSF (square root)", shown, pixel, {"cmap": "magma", "vmin": 0, "vmax": 1})


def _coefficients(axes: Axes, found: Identification) -> None:
    rows = np.arange(len(found.theta))
    colours = [_EVEN if even else _ACCENT for even in found.even_modes]
    axes.barh(rows, found.theta, height=0.6, color=colours, edgecolor=_ACCENT, linewidth=0.9)
    axes.errorbar(found.theta, rows, xerr=found.theta_std, fmt="none", ecolor=_INK, elinewidth=1.1, capsize=3)
    axes.axvline(0, color=_FAINT, linewidth=0.8)
    names = zip(found.parameter_names, found.even_modes, strict=True)
    axes.set_yticks(rows, [f"\N{PLUS-MINUS SIGN} {name}" if even else name for name, even in names], fontsize=10)
    axes.tick_params(colors=_INK, length=0)
    axes.invert_yaxis()
    reach = 1.1 * float(np.max(np.abs(found.theta) + found.theta_std))
    axes.set_xlim(-reach, reach)
    axes.locator_params(axis="x", nbins=5)
    axes.grid(axis="x", color="#e6e9ee", linewidth=0.8)
    axes.set_axisbelow(True)
    for edge in ("top", "right", "left"):
        axes.spines[edge].set_visible(False)
    axes.spines["bottom"].set_color(_FAINT)
    axes.set_xlabel("waves RMS, \N{PLUS-MINUS SIGN} one std", fontsize=10.5, color=_INK)
    axes.set_title("Zernike coefficients", color=_INK, fontsize=_TITLE, loc="left", x=-0.42 / 0.58, pad=7)
    if found.even_modes.any():
        note = "\N{PLUS-MINUS SIGN} even modes (pale): their joint sign is not\nidentifiable from one image"
        axes.annotate(note, (-0.42 / 0.58, -0.165), xycoords="axes fraction", fontsize=9.5, color=_FAINT, va="top")
