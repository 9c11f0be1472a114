"""The figures of a pupil: measured and modelled PSF through focus and from the side, and the wavefront."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.optics import zernike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from napari_deepblur.calibration.pupil.results import PupilRetrieval

_PLANES = 7
_NODES = 101
_INK, _PAPER, _ACCENT = "#20242c", "#ffffff", "#2f6fde"
_BAR = 0.35
"""Most of a picture's width that its scale bar takes."""


def pupil_png(found: PupilRetrieval) -> bytes:
    """Draw a pupil; return the picture as PNG.

    Brightness is the root of the intensity, each plane up to its own maximum; what is left is drawn likewise, with its
    sign, up to the maximum of the measured PSF.
    """
    focus = _focus(found)
    depth = len(found.measured)
    reach = 0.9 * min(max(focus, 1), max(depth - 1 - focus, 1))
    planes = np.unique(np.round(focus + np.linspace(-reach, reach, _PLANES)).astype(int).clip(0, depth - 1))
    figure = _figure(2 * (len(planes) + 2), 8.6, _PAPER)
    grid = figure.subplots(4, len(planes) + 2, squeeze=False)
    for row, (name, values) in enumerate(_rows(found)):
        views = [(f"{found.offsets_um[z]:+.2f} µm", values[z], found.measured[z], 1.0) for z in planes]
        views += _sides(found, values)
        for axes, (title, view, measured, aspect) in zip(grid[row], views, strict=True):
            _draw(axes, view, measured, aspect, signed=row == 2)
            axes.set_title(title, fontsize=8)
        grid[row, 0].set_ylabel(name)
    _pupil(grid[-1, 0], grid[-1, 1], found)
    for axes in grid.ravel():
        axes.set_xticks([])
        axes.set_yticks([])
    for axes in grid[-1, 2:]:
        axes.remove()
    bars = figure.add_subplot(grid[-1, 2].get_gridspec()[-1, 2:])
    bars.bar([str(j) for j in found.modes], found.theta, yerr=found.theta_std, color=_ACCENT)
    bars.axhline(0, color=_INK, linewidth=0.8)
    bars.set_xlabel("Noll index")
    # On the left its numbers would push the pictures apart.
    bars.yaxis.tick_right()
    bars.yaxis.set_label_position("right")
    bars.set_ylabel("waves RMS")
    return _png(figure, 110)


def sections_png(found: PupilRetrieval, ink: str = _INK, paper: str = _PAPER) -> bytes:
    """Draw the sections xy in focus, xz and yz of measured and modelled PSF beside each other; return PNG.

    Drawn as by `pupil_png`, with equal micrometres along all sides.

    Parameters
    ----------
    found
        The pupil.
    ink, paper
        Colours of text and background, ``#rrggbb``.
    """
    focus, (depth, side) = _focus(found), found.measured.shape[:2]
    ratio = abs(found.plane_spacing_um) / found.microscope.pixel_size_um
    tall = depth * ratio / side
    # Three columns; what was measured, modelled and left below each other.
    figure = _figure(4.6, 0.35 + 3 * 1.5 * max(1.0, min(tall, 2.0)), paper)
    grid = figure.subplots(3, 3, squeeze=False)
    for row, (name, values) in enumerate(_rows(found)):
        views = [("xy in focus", values[focus], found.measured[focus], 1.0), *_sides(found, values)]
        for axes, (title, view, measured, aspect) in zip(grid[row], views, strict=True):
            _draw(axes, view, measured, aspect, signed=row == 2)
            axes.set_xticks([])
            axes.set_yticks([])
            if row == 0:
                axes.set_title(title, fontsize=9, color=ink)
        grid[row, 0].set_ylabel(name, fontsize=9, color=ink)
    _scale_bar(grid[0, 0], side * found.microscope.pixel_size_um, found.microscope.pixel_size_um)
    return _png(figure, 150)


def _rows(found: PupilRetrieval) -> list[tuple[str, NDArray[np.float32]]]:
    return [("measured", found.measured), ("modelled", found.modelled), ("measured - modelled", found.residual)]


def _sides(
    found: PupilRetrieval, values: NDArray[np.float32]
) -> list[tuple[str, NDArray[np.float32], NDArray[np.float32], float]]:
    """Title, section, the same section as it was measured, and the ratio of its sides: xz, and yz."""
    ratio, middle = abs(found.plane_spacing_um) / found.microscope.pixel_size_um, values.shape[1] // 2
    return [
        ("xz", values[:, middle], found.measured[:, middle], ratio),
        ("yz", values[:, :, middle], found.measured[:, :, middle], ratio),
    ]


def _focus(found: PupilRetrieval) -> int:
    return int(np.abs(found.offsets_um).argmin())


def _draw(axes: Axes, view: NDArray[np.float32], measured: NDArray[np.float32], aspect: float, *, signed: bool) -> None:
    top = float(np.sqrt(np.abs(measured).max()))
    drawn = np.sign(view) * np.sqrt(np.abs(view))
    axes.imshow(drawn, cmap="RdBu_r" if signed else "magma", vmin=-top if signed else 0, vmax=top, aspect=aspect)


def _scale_bar(axes: Axes, width_um: float, pixel_um: float) -> None:
    """Draw a bar of a round length into the lower left corner."""
    most = _BAR * width_um
    power = 10.0 ** np.floor(np.log10(most))
    length = max(digit * power for digit in (1, 2, 5) if digit * power <= most)
    pixels = length / pixel_um
    side = width_um / pixel_um
    axes.plot([0.05 * side, 0.05 * side + pixels], [0.93 * side] * 2, color="white", linewidth=2)
    axes.text(0.05 * side, 0.89 * side, f"{length:g} µm", color="white", fontsize=8, va="bottom")


def _pupil(wavefront: Axes, transmission: Axes, found: PupilRetrieval) -> None:
    """Draw wavefront and transmission over the pupil."""
    x, y = np.meshgrid(*2 * [np.linspace(-1, 1, _NODES)])
    rho, phi = np.hypot(x, y), np.arctan2(y, x)
    outside = rho > 1
    waves = sum(c * zernike(j, rho, phi) for j, c in zip(found.modes, found.theta, strict=True))
    passed = 1 + sum(c * zernike(j, rho, phi) for j, c in zip(found.amplitude_modes, found.amplitude, strict=True))
    drawn: tuple[tuple[Axes, Any, str, str], ...] = (
        (wavefront, waves, "wavefront", "RdBu_r"),
        (transmission, passed + 0 * rho, "transmission", "viridis"),
    )
    for axes, values, title, colours in drawn:
        shown = np.ma.masked_where(outside, values)
        axes.imshow(shown, cmap=colours)
        axes.set_title(f"{title}, {shown.min():.2f} to {shown.max():.2f}", fontsize=8)


def _figure(width: float, height: float, paper: str) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), facecolor=paper, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _png(figure: Figure, dpi: int) -> bytes:
    picture = io.BytesIO()
    figure.savefig(picture, dpi=dpi, format="png")
    return picture.getvalue()
