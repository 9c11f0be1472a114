"""Results in the viewer: one layer that fills frame by frame, and the point spread functions beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_deepblur.io.axes import channel_of, part_slices
from napari_deepblur.io.sinks import empty_result
from napari_deepblur.optics.psf_field import psf_field
from napari_deepblur.pipeline.series import Frame, Written, told_in, write_frame
from napari_deepblur.widgets.deblur.findings import found_in_run, record_of
from napari_deepblur.widgets.deblur.psf_map_layers import psf_map_layers
from napari_deepblur.widgets.deblur.run_display import Conclusion, RunDisplay
from napari_deepblur.widgets.layers import (
    METADATA_KEY,
    image_layer,
    psf_layer,
    spread_layer,
)
from napari_deepblur.widgets.origins import assumptions

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_deepblur.io.sinks import ArraySink
    from napari_deepblur.pipeline.results import Deblurring
    from napari_deepblur.pipeline.series import StackDeblurring
    from napari_deepblur.widgets.deblur.input_file import InputFile
    from napari_deepblur.widgets.layers import (
        LayerData,
        Source,
    )
    from napari_deepblur.widgets.origins import Origin

_CELLS = 12
"""Cells of a map along the longer side."""


class ResultDisplay(RunDisplay):
    """What a run on planes adds to a viewer; used only in the thread of the window.

    Parameters
    ----------
    viewer
        Where to add it.
    source
        The layer that is deblurred.
    axes
        Of the result: those of the source, without the colours where only the luminance is restored.
    sink
        What the run writes into.
    origins
        Where each number of the optics is from.
    file
        Of the layer.
    """

    def __init__(
        self,
        viewer: Viewer,
        source: Source,
        axes: str,
        sink: ArraySink,
        origins: Mapping[str, Origin],
        file: InputFile,
    ) -> None:
        super().__init__(viewer, source, origins, file)
        self._axes, self._sink = axes, sink
        self._exported: list[NDArray[np.float32]] = []
        self._psfs: NDArray[np.float32] | None = None
        self._plane: Deblurring | None = None
        self._series: StackDeblurring | None = None

    def show(self, step: Written | Frame) -> None:
        """Show what has been written; the first part brings the layer."""
        from napari.layers import Layer

        # Gone where the run was given up meanwhile.
        image = self._sink.array
        if image is None:
            return
        result = step.result if isinstance(step, Frame) else None
        found = None if result is None else result.identification
        if found is not None:
            self._exported.append(found.psfs)
        # One picture of three colours' PSFs would be one more image to explain.
        if found is not None and "S" not in self._axes:
            if self._psfs is None:
                self._psfs = empty_result(image.shape)
            rows, columns = (image.shape[self._axes.index(letter)] for letter in "YX")
            write_frame(self._psfs, self._axes, step.index, psf_field(found.psfs, found.points, (rows, columns)))
        if self._layer is None:
            data, arguments, kind_of_layer = image_layer(self._source, image, {})
            if not arguments["rgb"] and "contrast_limits" not in arguments:
                arguments["contrast_limits"] = self._limits(image, step)
            self._layer = Layer.create(data, arguments, kind_of_layer)
            self._viewer.add_layer(self._layer)
            self._viewer.layers.selection.active = self._layer
        else:
            self._layer.refresh()

    def _limits(self, image: NDArray[Any], step: Written | Frame) -> tuple[float, float]:
        """Return the least and the largest value of what has been written."""
        region = step.region if isinstance(step, Written) else (slice(None), slice(None))
        seen = image[part_slices(self._axes, step.index, region)]
        seen = seen[np.isfinite(seen)]
        low, high = (float(seen.min()), float(seen.max())) if seen.size else (0.0, 0.0)
        return low, high if high > low else low + 1

    def finish(self, outcome: StackDeblurring, duration: str) -> Conclusion:
        """Write down how the result was made, add the point spread functions, and say what was done and found."""
        series = self._series = outcome
        self._plane = series.first if self._axes == "YX" and not self._source.colour else None
        record = self._record(series.record)
        told = told_in(record)
        name = self._source.name if self._layer is None else self._layer.name
        findings = found_in_run(name, series, told, assumptions(record), self.has_residual())
        record |= record_of(findings)
        if self._layer is not None:
            self._layer.metadata = {METADATA_KEY: record}
        if self._psfs is not None:
            self._psf_layer = self._add_beside(psf_layer(self._source, self._psfs, record))
        if series.spread is not None:
            self._spread_layer = self._add_beside(spread_layer(self._source, series.spread, record))
        said = self._words(series.record["resolved"]["device"], duration, series.notes)
        return Conclusion(said, findings, bool(series.notes), told)

    def _add_beside(self, data: LayerData) -> Layer:
        """Add a layer, and keep the restored image selected."""
        from napari.layers import Layer

        layer = Layer.create(*data)
        self._viewer.add_layer(layer)
        if self._layer in self._viewer.layers:
            self._viewer.layers.selection.active = self._layer
        return layer

    def psfs(self) -> tuple[NDArray[np.float32], str] | None:
        """Return the point spread functions of all frames; None where none was identified."""
        return (np.concatenate(self._exported), "TYX") if self._exported else None

    def measured_field(self) -> Callable[[], list[LayerData]] | None:
        """Return what measures the PSFs of the first frame over its field; None before there is any."""
        series = self._series
        if series is None:
            return None
        from napari_deepblur.operators.psf_maps import psf_maps

        axes, source = self._axes.removesuffix("S"), self._source
        theta, origin = series.first.settings["resolved"]["theta"], series.settings.origin
        size = self._source.data.shape[axes.index("Y")], self._source.data.shape[axes.index("X")]
        first = next(entry["index"] for entry in series.record["frames"] if entry.get("theta") is not None)
        index, family = tuple(first)[: len(axes) - 2], series.family
        if series.settings.channel_wavelengths_um is not None:
            optics = series.settings.microscope_of(channel_of(axes, index))
            family = series.settings.replace(microscope=optics, channel_wavelengths_um=None).operator_family(size)
        return lambda: psf_map_layers(source, axes, index, psf_maps(family, theta, size, origin, _grid(size)))

    def has_residual(self) -> bool:
        """Tell whether there is a residual to be shown: that of one plane."""
        return self._plane is not None

    def show_residual(self) -> None:
        """Add the image less the blurred result as a layer; zero where the border does not allow to know."""
        from napari.layers import Layer

        from napari_deepblur.restoration.residual import residual_image

        if self._series is None or self._plane is None or self._plane.blur is None:
            return
        image = np.asarray(self._source.data, dtype=np.float32)
        if self._plane.background is not None:
            image = image - self._plane.background
        inner = residual_image(image, np.asarray(self._series.image), self._plane.blur)
        border = [(n - m) // 2 for n, m in zip(image.shape, inner.shape, strict=True)]
        arguments = {
            "name": f"{self._source.name} residual",
            "colormap": "gray",
            "metadata": {METADATA_KEY: {"residual": True}},
            **self._source.placement,
        }
        self._viewer.add_layer(Layer.create(np.pad(inner, [(b, b) for b in border]), arguments, "image"))


def _grid(size: tuple[int, int]) -> tuple[int, int]:
    """Return how many cells a map has: about square ones, and so many that a slope is seen."""
    cell = max(max(size) / _CELLS, 1.0)
    return max(round(size[0] / cell), 1), max(round(size[1] / cell), 1)
