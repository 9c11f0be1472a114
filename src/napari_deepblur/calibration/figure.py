"""The figure of a calibration: eigen-PSFs, maps, the errors that chose their numbers, and beads beside the model."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.gridspec import GridSpecBase

    from napari_deepblur.calibration.results import Calibration

_INK, _ACCENT, _CHOSEN = "#20242c", "#2f6fde", "#d9480f"
_COLUMNS = 8


def figure_png(found: Calibration) -> bytes:
    """Draw a calibration; return the picture as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 11.5), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(5, _COLUMNS, height_ratios=(1, 1, 1, 1, 1.5))
    _row(figure, grid, 0, "eigen-PSF {}", found.eigen_psfs, "RdBu_r", symmetric=True)
    _row(figure, grid, 1, "map {}", found.maps, "viridis", symmetric=False)
    chosen = np.linspace(0, len(found.measured_psfs) - 1, min(_COLUMNS, len(found.measured_psfs))).round().astype(int)
    roots = [np.sqrt(np.maximum(images[chosen], 0)) for images in (found.measured_psfs, found.modelled_psfs)]
    _row(figure, grid, 2, "measured, plane {}", roots[0], "magma", False, found.example_images[chosen])
    _row(figure, grid, 3, "modelled, plane {}", roots[1], "magma", False, found.example_images[chosen])
    _beads(figure.add_subplot(grid[4, :3]), found)
    _singular_values(figure.add_subplot(grid[4, 3:5]), found)
    _errors(figure.add_subplot(grid[4, 5:]), found)
    return _png(figure)


def width_map_png(widths_um: NDArray[np.float32], field_shape: tuple[int, int]) -> bytes:
    """Draw a map of widths over the field, in micrometres, of shape (R, C); return the picture as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 4), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    rows, columns = field_shape
    drawn = axes.imshow(widths_um, cmap="viridis", extent=(0, columns, rows, 0))
    axes.set_title("full width at half maximum (µm)", fontsize=10, color=_INK)
    axes.set_xlabel("column (pixels)", fontsize=9)
    axes.set_ylabel("row (pixels)", fontsize=9)
    figure.colorbar(drawn, ax=axes)
    return _png(figure)


def _png(figure: Figure) -> bytes:
    picture = io.BytesIO()
    figure.savefig(picture, dpi=90, format="png")
    return picture.getvalue()


def _row(
    figure: Figure,
    grid: GridSpecBase,
    row: int,
    title: str,
    images: NDArray[np.float32],
    colours: str,
    symmetric: bool,
    numbers: NDArray[np.intp] | None = None,
) -> None:
    for column, image in enumerate(images[:_COLUMNS]):
        axes = figure.add_subplot(grid[row, column])
        top = float(np.abs(image).max())
        low, high = (-top, top) if symmetric else (float(image.min()), float(image.max()))
        axes.imshow(image, cmap=colours, interpolation="nearest", vmin=low, vmax=high)
        axes.set_title(title.format(column + 1 if numbers is None else numbers[column] + 1), fontsize=9, color=_INK)
        axes.set_axis_off()


def _beads(axes: Axes, found: Calibration) -> None:
    table = found.beads
    axes.plot(table.column[~table.kept], table.row[~table.kept], "x", color="#b0b7c1", markersize=4, label="rejected")
    axes.plot(table.column[table.kept], table.row[table.kept], ".", color=_ACCENT, markersize=5, label="kept")
    axes.set_xlim(0, found.field_shape[1])
    axes.set_ylim(found.field_shape[0], 0)
    axes.set_aspect("equal")
    axes.set_title(f"{int(table.kept.sum())} of {len(table)} beads kept", fontsize=10, color=_INK)
    axes.legend(fontsize=8, loc="upper right")


def _singular_values(axes: Axes, found: Calibration) -> None:
    values = found.singular_values / found.singular_values[0]
    axes.semilogy(np.arange(1, len(values) + 1), values, ".-", color=_ACCENT)
    axes.axvline(len(found.eigen_psfs), color=_CHOSEN, linewidth=1)
    axes.set_title("singular values", fontsize=10, color=_INK)
    axes.grid(alpha=0.3)


def _errors(axes: Axes, found: Calibration) -> None:
    curves = ((found.psf_errors, len(found.eigen_psfs), "eigen-PSFs"), (found.map_errors, len(found.maps), "maps"))
    for (errors, count, name), colour in zip(curves, (_ACCENT, "#2b8a3e"), strict=True):
        if errors.size:
            axes.semilogy(np.arange(1, len(errors)), errors[1:], ".-", color=colour, label=f"{name}: {count}")
            axes.plot(count, errors[count], "o", color=_CHOSEN, markersize=8, fillstyle="none")
    axes.set_title("relative squared error at beads left out", fontsize=10, color=_INK)
    axes.set_xlabel("number", fontsize=9)
    axes.grid(alpha=0.3)
    if found.psf_errors.size or found.map_errors.size:
        axes.legend(fontsize=9)
