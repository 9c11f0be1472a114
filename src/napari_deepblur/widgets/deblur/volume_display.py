"""A restored volume in the viewer, and its three-dimensional point spread function beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_deepblur.io.axes import other_axes
from napari_deepblur.pipeline.series import told_in
from napari_deepblur.widgets.deblur.recorded_findings import found_in_volume
from napari_deepblur.widgets.deblur.run_display import Conclusion, RunDisplay
from napari_deepblur.widgets.deblur.volume_appearance import volume_appearance
from napari_deepblur.widgets.layers import image_layer, psf_layer

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_deepblur.pipeline.volume import VolumeDeblurring
    from napari_deepblur.progress import Progress
    from napari_deepblur.widgets.deblur.input_file import InputFile
    from napari_deepblur.widgets.layers import LayerData, Source
    from napari_deepblur.widgets.origins import Origin


class VolumeDisplay(RunDisplay):
    """What a run on a volume adds to a viewer.

    Parameters
    ----------
    viewer
        Where to add it.
    source
        The stack that is deblurred, or a series of stacks.
    axes
        Its axes in their order.
    origins
        Where each number of the optics is from.
    file
        Of the stack.
    """

    def __init__(
        self,
        viewer: Viewer,
        source: Source,
        axes: str,
        origins: Mapping[str, Origin],
        file: InputFile,
    ) -> None:
        super().__init__(viewer, source, origins, file)
        self._axes = axes
        self._psf: NDArray[np.float32] | None = None

    def show(self, step: Progress) -> None:
        """Show nothing: all planes are ready at once."""

    def finish(self, outcome: VolumeDeblurring, duration: str) -> Conclusion:
        """Add the restored volume and its PSF, and say what was done and found."""
        from napari.layers import Layer

        record = self._record({**outcome.settings, "axes": self._axes})
        order = [outcome.settings["axes"].index(letter) for letter in self._axes]
        self._psf = outcome.psf
        data, arguments, kind = image_layer(self._source, np.transpose(outcome.volume, order), record)
        restored = data, arguments | volume_appearance(self._source, outcome.volume), kind
        psf = volume_psf_layer(self._source, self._axes, outcome.psf, _aspect(outcome), record)
        self._layer, self._psf_layer = (Layer.create(*data) for data in (restored, psf))
        for layer in self.added():
            self._viewer.add_layer(layer)
        self._viewer.layers.selection.active = self._layer
        findings = found_in_volume(str(self._layer.name), record, outcome.metrics)
        said = self._words(record["resolved"]["device"], duration, outcome.notes)
        told = told_in(record)
        return Conclusion(said, findings, bool(told.notes), told)

    def psfs(self) -> tuple[NDArray[np.float32], str] | None:
        """Return the planes of the point spread function; None before there are any."""
        return None if self._psf is None else (self._psf, other_axes(self._axes) + "ZYX")

    def measured_field(self) -> None:
        """Return None: a volume has one PSF for all of its field."""
        return None

    def has_residual(self) -> bool:
        """Tell that there is none: what lies beyond the stack would have to be known."""
        return False

    def show_residual(self) -> None:
        """Do nothing: there is none."""


def volume_psf_layer(
    source: Source, axes: str, psf: NDArray[np.float32], aspect: float, record: dict[str, Any]
) -> LayerData:
    """Layer of a three-dimensional PSF of peak 1, in the middle of the stack and not larger than that.

    Parameters
    ----------
    source
        The stack, or a series of stacks.
    axes
        Its axes.
    psf
        Shape (P, k, l), all odd; of a series (..., P, k, l).
    aspect
        Distance of its planes over that of its rows.
    record
        How it was made.

    Returns
    -------
    LayerData
        Its voxels have the sides of the stack's along y and x, and along z what their distance really is: a stack
        whose scale says nothing of z may be shown flat.
    """
    from napari.utils.transforms import Affine

    lengths = [source.data.shape[axes.index(letter)] for letter in "ZYX"]
    # Odd, and within the stack: napari's sliders reach as far as any layer, be it hidden.
    halves = [min(n, length - (length + 1) % 2) // 2 for n, length in zip(psf.shape[-3:], lengths, strict=True)]
    z, y, x = (slice(n // 2 - half, n // 2 + half + 1) for n, half in zip(psf.shape[-3:], halves, strict=True))
    seen = psf[..., z, y, x]
    order = [(other_axes(axes) + "ZYX").index(letter) for letter in axes]
    peaks = np.maximum(seen.max((-3, -2, -1), keepdims=True), 1e-30)
    values = (seen / peaks).astype(np.float32).transpose(order)
    data, arguments, kind = psf_layer(source, values, record)
    scale = np.array(source.placement["scale"], dtype=float)
    across, along = axes.index("Y"), axes.index("Z")
    linear = (
        np.asarray(source.placement["affine"])[:-1, :-1]
        @ Affine(**{name: source.placement[name] for name in ("scale", "rotate", "shear")}).linear_matrix
    )
    row, plane = (float(np.linalg.norm(linear[:, axis])) for axis in (across, along))
    unit, of_planes = (source.placement["units"][axis] for axis in (across, along))
    # Each axis may have another unit of length, and be magnified otherwise by the affine transform.
    if unit.dimensionality == of_planes.dimensionality:
        row *= float((1.0 * unit).to(of_planes).magnitude)
    own = scale.copy()
    own[along] *= row * aspect / plane
    to_world = Affine(**{name: source.placement[name] for name in ("scale", "translate", "rotate", "shear")})
    # The same point of the world is the middle of both, whose voxels differ along z.
    centre = to_world((np.array(source.data.shape) - 1) / 2)
    turned = Affine(scale=own, rotate=source.placement["rotate"], shear=source.placement["shear"])
    arguments |= {"name": f"{source.name} PSF", "scale": own}
    arguments["translate"] = centre - turned((np.array(values.shape) - 1) / 2)
    return data, arguments, kind


def _aspect(outcome: VolumeDeblurring) -> float:
    """Distance of planes over that of rows."""
    optics = outcome.settings["settings"]["microscope"]
    return abs(float(outcome.settings["stack"]["plane_spacing_um"])) / float(optics["pixel_size_um"])
