"""Figures of the benchmark, as PNG. They draw what was computed elsewhere and compute nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.reports.report import Row
from napari_deepblur.io.output import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from benchmarks.field.cases import FieldCase
    from benchmarks.identification.identification_map import SnrMap
    from benchmarks.restoration.real import RealCase

_PAPER, _INK, FAINT = "#ffffff", "#20242c", "#7b838f"
COLOURS = ("#2f6fde", "#e07b39", "#3a9d6e", "#9a5fc0", "#c2405a", "#7b838f")
STYLES = ("-", "--", ":")


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure that needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), facecolor=_PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG in one step; raises `OutputError` if it cannot be written."""
    with replacing(path) as partial:
        figure.savefig(partial, dpi=110, format="png")


def draw_map(path: Path, found: SnrMap, title: str) -> None:
    """Draw the map of PSF SNR, its distribution, and the hardest image and PSF."""
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(14.0, 6.6)
    halves = figure.add_gridspec(1, 2, width_ratios=(1.0, 1.15))
    left = halves[0, 0].subgridspec(2, 1, height_ratios=(2.2, 1.0))
    right = halves[0, 1].subgridspec(len(found.cases), 3)
    axes = figure.add_subplot(left[0])
    # Sorted, so that a hard image and a hard PSF are seen as a row and a column.
    order = np.ix_(np.argsort(found.snr.mean(1)), np.argsort(found.snr.mean(0)))
    drawn = axes.imshow(found.snr[order], aspect="auto", interpolation="nearest", cmap="viridis")
    figure.colorbar(drawn, ax=axes, label="PSF SNR (dB)")
    titled(axes, title)
    axes.set_xlabel("PSF, the hardest first")
    axes.set_ylabel("image, the hardest first")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    _histogram(figure.add_subplot(left[1]), found)
    for row, case in enumerate(found.cases):
        picture(figure.add_subplot(right[row, 0]), case.image, case.words)
        psf_picture(figure.add_subplot(right[row, 1]), case.true, "true PSF (square root)")
        psf_picture(figure.add_subplot(right[row, 2]), case.estimated, f"estimated, {case.snr:.1f} dB")
    save(figure, path)


def draw_curves(
    path: Path, rows: Sequence[Row], x: str, lines: Mapping[str, str], title: str, y: str, group: str = "noise"
) -> None:
    """Draw columns of a table against another one, one colour for each column and one dash for each group.

    A column that is the same in every group is drawn once, grey.

    Parameters
    ----------
    path
        The PNG file.
    rows
        The table.
    x
        Column of the abscissa.
    lines
        Columns to draw, with their words in the legend.
    title, y
        Words above and beside the picture.
    group
        Column that divides the rows into lines.
    """
    figure = new_figure(8.0, 4.8)
    axes = figure.add_subplot()
    groups = list(dict.fromkeys(row[group] for row in rows))
    abscissa = [_number(row[x]) for row in rows if row[group] == groups[0]]
    for (column, words), colour in zip(lines.items(), COLOURS, strict=False):
        curves = [[_number(row[column]) for row in rows if row[group] == name] for name in groups]
        if len(groups) > 1 and np.allclose(curves, curves[0], rtol=0, atol=1e-6):
            axes.plot(abscissa, curves[0], marker="o", color=FAINT, label=words)
            continue
        for name, values, style in zip(groups, curves, STYLES * len(groups), strict=False):
            label = words if len(groups) == 1 else f"{words}, noise {name}"
            axes.plot(abscissa, values, style, marker="o", color=colour, label=label)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(color="#e6e9ee")
    axes.legend(frameon=False, fontsize=9)
    titled(axes, title)
    save(figure, path)


def draw_bars(
    path: Path, rows: Sequence[Row], label: str, value: str, title: str, group: str = "noise", reference: str = ""
) -> None:
    """Draw one column of a table as bars, a panel for each group; a line at the bar named `reference`."""
    groups = list(dict.fromkeys(row[group] for row in rows))
    tallest = max(sum(row[group] == name for row in rows) for name in groups)
    figure = new_figure(4.6 * len(groups) + 1.5, 0.3 * tallest + 1.4)
    for index, name in enumerate(groups):
        axes = figure.add_subplot(1, len(groups), index + 1)
        chosen = [row for row in rows if row[group] == name]
        names = [str(row[label]) for row in chosen]
        values = [_number(row[value]) for row in chosen]
        colours = [COLOURS[0] if text.startswith("network") else "#b8c0cc" for text in names]
        axes.barh(names, values, color=colours)
        if reference in names:
            axes.axvline(values[names.index(reference)], color=FAINT, linestyle=":")
        for position, number in enumerate(values):
            if np.isfinite(number):
                # The white box keeps the line off the digits, the offset the box off the bar.
                axes.annotate(
                    f"{number:.3f}",
                    (number, position),
                    xytext=(4, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=7.5,
                    color=_INK,
                    bbox={"facecolor": _PAPER, "edgecolor": "none", "pad": 0.6},
                )
        axes.invert_yaxis()
        axes.set_xlim(right=1.15 * max((v for v in values if np.isfinite(v)), default=1.0))
        axes.tick_params(labelsize=8, labelleft=index == 0)
        axes.set_xlabel(value if not reference else f"{value}; dotted: {reference}")
        titled(axes, f"{title}, noise {name}" if index == 0 else f"noise {name}")
    save(figure, path)


def draw_speed(path: Path, rows: Sequence[Row], title: str) -> None:
    """Draw seconds (logarithmic) and peak memory against the side of the image, a line for each variant."""
    figure = new_figure(10.5, 4.4)
    names = list(dict.fromkeys(row["variant"] for row in rows))
    for index, column in enumerate(("seconds", "peak memory (MB)")):
        axes = figure.add_subplot(1, 2, index + 1)
        for name, colour in zip(names, COLOURS, strict=False):
            chosen = [row for row in rows if row["variant"] == name]
            sides = [_number(row["side (pixels)"]) for row in chosen]
            axes.plot(sides, [_number(row[column]) for row in chosen], marker="o", color=colour, label=str(name))
        axes.set_xscale("log")
        if column == "seconds":
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter("{x:g}")
        else:
            axes.set_ylim(bottom=0)
        axes.set_xticks(sorted({_number(row["side (pixels)"]) for row in rows}))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        axes.set_xlabel("side (pixels)")
        axes.set_ylabel(column)
        axes.grid(color="#e6e9ee", which="both")
        axes.legend(frameon=False, fontsize=9)
        titled(axes, title if index == 0 else "")
    save(figure, path)


def draw_real(path: Path, cases: Sequence[RealCase]) -> None:
    """Draw each image, its restoration, a detail of both, its PSF and the autocorrelation of its residual."""
    figure = new_figure(13.5, 2.45 * len(cases) + 0.2)
    grid = figure.add_gridspec(len(cases), 6)
    for row, case in enumerate(cases):
        low, high = (float(v) for v in np.percentile(case.image, (0.5, 99.8)))
        gray: dict[str, Any] = {"vmin": low, "vmax": high}
        pictures = (
            (case.name.split("/")[-1][:22], case.image),
            ("restored", case.restored),
            ("a detail, before", case.image[case.detail]),
            ("after", case.restored[case.detail]),
        )
        for column, (title, image) in enumerate(pictures):
            picture(figure.add_subplot(grid[row, column]), image, title, **gray)
        psf_picture(figure.add_subplot(grid[row, 4]), case.identification.psf, "PSF (square root)")
        axes = figure.add_subplot(grid[row, 5])
        lags = np.arange(1, len(case.whiteness.band) + 1)
        axes.fill_between(lags, -case.whiteness.band, case.whiteness.band, color="#d7e3f8", linewidth=0)
        axes.plot(lags, case.whiteness.autocorrelation, marker="o", markersize=3, color=COLOURS[0])
        axes.axhline(0, color=FAINT, linewidth=0.7)
        axes.tick_params(labelsize=7)
        titled(axes, f"residual, ratio {case.whiteness.ratio:.1f}")
    save(figure, path)


def draw_field(path: Path, cases: Sequence[FieldCase], source: str) -> None:
    """Draw each image, its restoration and the sharp scene, with four impulse responses, true and estimated."""
    figure = new_figure(14.5, 2.6 * len(cases) + 0.2)
    grid = figure.add_gridspec(len(cases), 5, width_ratios=(1, 1, 1, 0.95, 0.95))
    for row, case in enumerate(cases):
        low, high = (float(v) for v in np.percentile(case.sharp, (0.5, 99.8)))
        before, after = case.scores["blurred", ""].ssim, case.scores["network", source].ssim
        pictures = (
            (f"observed, SSIM {before:.3f}", case.observed),
            (f"restored, SSIM {after:.3f}", case.restored["network", source]),
            ("sharp", case.sharp),
        )
        for column, (title, image) in enumerate(pictures):
            picture(figure.add_subplot(grid[row, column]), image, title, vmin=low, vmax=high)
        for column, (title, psfs) in enumerate(
            (("PSFs, true", case.psfs["true"]), (f"estimated, {case.snr[source]:.1f} dB", case.psfs[source])), start=3
        ):
            # Four places of the field, laid out as they lie in it.
            rows = [np.concatenate(list(line), axis=1) for line in psfs.reshape(2, 2, *psfs.shape[1:])]
            psf_picture(figure.add_subplot(grid[row, column]), np.concatenate(rows), title)
    save(figure, path)


def draw_columns(path: Path, rows: Sequence[Row], label: str, columns: Mapping[str, str], title: str) -> None:
    """Draw shares in percent as groups of columns, beside those of Gaussian errors, 68 and 95 %."""
    figure = new_figure(6.5, 4.2)
    axes = figure.add_subplot()
    width = 0.8 / len(columns)
    for index, ((column, words), colour) in enumerate(zip(columns.items(), COLOURS, strict=False)):
        places = np.arange(len(rows)) + (index - (len(columns) - 1) / 2) * width
        bars = axes.bar(places, [_number(row[column]) for row in rows], 0.92 * width, color=colour, label=words)
        axes.bar_label(bars, fmt="%.0f", fontsize=9)
    for share in (68.3, 95.4):
        axes.axhline(share, color=FAINT, linestyle=":")
    axes.set_xticks(np.arange(len(rows)), [f"noise {row[label]}" for row in rows])
    axes.set_ylim(0, 112)
    axes.set_ylabel("true coefficients (%); dotted: Gaussian errors")
    axes.legend(frameon=False, fontsize=9, loc="upper left", ncols=2)
    titled(axes, title)
    save(figure, path)


def picture(axes: Axes, image: NDArray[np.float32], title: str, **style: Any) -> None:
    """Draw one picture without axes."""
    axes.imshow(image, **({"cmap": "gray", "interpolation": "nearest"} | style))
    axes.set_axis_off()
    titled(axes, title)


def psf_picture(axes: Axes, psf: NDArray[np.float32], title: str) -> None:
    """Draw the square root of a PSF, which shows its rings."""
    picture(axes, np.sqrt(np.maximum(psf, 0) / max(float(psf.max()), 1e-12)), title, cmap="magma", vmin=0, vmax=1)


def _histogram(axes: Axes, found: SnrMap) -> None:
    shown = (
        ("identify", found.snr),
        ("network alone", found.network_snr),
        ("mean PSF", np.broadcast_to(found.ignorant_snr, found.snr.shape)),
    )
    low, high = min(float(v.min()) for _, v in shown), max(float(v.max()) for _, v in shown)
    bins = np.linspace(low, max(high, low + 1), 41).tolist()
    for (name, values), colour in zip(shown, COLOURS, strict=False):
        axes.hist(values.ravel(), bins=bins, histtype="step", color=colour, linewidth=1.6, label=name)
        axes.axvline(float(values.mean()), color=colour, linestyle=":")
    axes.set_xlabel("PSF SNR (dB); dotted: means")
    axes.set_ylabel("pairs")
    axes.legend(frameon=False, fontsize=9)


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def titled(axes: Axes, title: str) -> None:
    """Give axes a title in the ink of all figures."""
    axes.set_title(title, color=_INK, fontsize=10, loc="left")
