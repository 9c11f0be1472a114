"""The figure of a pupil: measured and modelled PSF in planes through focus and from the side, and the wavefront."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from napari_deepblur.errors import OutputError
from napari_deepblur.optics import zernike

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from napari_deepblur.calibration import PupilRetrieval

_PLANES = 7
_NODES = 101


def save_figure(path: str | os.PathLike[str], found: PupilRetrieval) -> None:
    """Draw a pupil and write it as PNG.

    Brightness is the root of the intensity, each plane up to its own maximum; what is left is drawn likewise, with its
    sign, up to the maximum of the measured PSF.

    Parameters
    ----------
    path
        The file.
    found
        The pupil.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    focus = int(np.abs(found.offsets_um).argmin())
    depth, side = found.measured.shape[:2]
    reach = 0.9 * min(max(focus, 1), max(depth - 1 - focus, 1))
    planes = np.unique(np.round(focus + np.linspace(-reach, reach, _PLANES)).astype(int).clip(0, depth - 1))
    ratio = abs(found.plane_spacing_um) / found.microscope.pixel_size_um
    figure = Figure(figsize=(2 * (len(planes) + 2), 8.6), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(4, len(planes) + 2, squeeze=False)
    rows = {"measured": found.measured, "modelled": found.modelled, "measured - modelled": found.residual}
    for row, (name, values) in enumerate(rows.items()):
        views = [(f"{found.offsets_um[z]:+.2f} µm", values[z], found.measured[z], 1.0) for z in planes]
        views += [("xz", values[:, side // 2], found.measured[:, side // 2], ratio)]
        views += [("yz", values[:, :, side // 2], found.measured[:, :, side // 2], ratio)]
        for axes, (title, view, measured, aspect) in zip(grid[row], views, strict=True):
            top = float(np.sqrt(np.abs(measured).max()))
            signed, kind = row == len(rows) - 1, {True: "RdBu_r", False: "magma"}
            drawn = np.sign(view) * np.sqrt(np.abs(view))
            axes.imshow(drawn, cmap=kind[signed], vmin=-top if signed else 0, vmax=top, aspect=aspect)
            axes.set_title(title, fontsize=8)
        grid[row, 0].set_ylabel(name)
    _pupil(grid[-1, 0], grid[-1, 1], found)
    for axes in grid.ravel():
        axes.set_xticks([])
        axes.set_yticks([])
    for axes in grid[-1, 2:]:
        axes.remove()
    bars = figure.add_subplot(grid[-1, 2].get_gridspec()[-1, 2:])
    bars.bar([str(j) for j in found.modes], found.theta, yerr=found.theta_std, color="#2f6fde")
    bars.axhline(0, color="#20242c", linewidth=0.8)
    bars.set_xlabel("Noll index")
    bars.set_ylabel("waves RMS")
    try:
        figure.savefig(path, dpi=110, format="png")
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}). Choose another name.") from error


def _pupil(wavefront: Axes, transmission: Axes, found: PupilRetrieval) -> None:
    """Draw wavefront and transmission over the pupil."""
    x, y = np.meshgrid(*2 * [np.linspace(-1, 1, _NODES)])
    rho, phi = np.hypot(x, y), np.arctan2(y, x)
    outside = rho > 1
    waves = sum(c * zernike(j, rho, phi) for j, c in zip(found.modes, found.theta, strict=True))
    passed = 1 + sum(c * zernike(j, rho, phi) for j, c in zip(found.amplitude_modes, found.amplitude, strict=True))
    drawn = (wavefront, waves, "wavefront", "RdBu_r"), (transmission, passed + 0 * rho, "transmission", "viridis")
    for axes, values, title, colours in drawn:
        shown = np.ma.masked_where(outside, values)
        axes.imshow(shown, cmap=colours)
        axes.set_title(f"{title}, {shown.min():.2f} to {shown.max():.2f}", fontsize=8)
