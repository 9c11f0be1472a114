"""What a preview is of, how it is computed, and the layer that shows it: of planes, or of a stack as a volume."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.identification.results import Identification
from napari_deepblur.identification.volumes.results import VolumeIdentification
from napari_deepblur.io.axes import channel_of, leading, other_axes
from napari_deepblur.pipeline.series import LUMINANCE, Luminance, lazy_frame, lazy_volume, write_frame
from napari_deepblur.progress import one_of
from napari_deepblur.widgets.deblur.findings import found_in_preview
from napari_deepblur.widgets.deblur.recorded_findings import found_in_volume_preview
from napari_deepblur.widgets.deblur.volume_appearance import volume_appearance
from napari_deepblur.widgets.layers import METADATA_KEY
from napari_deepblur.widgets.origins import ORIGINS_KEY

if TYPE_CHECKING:
    from napari_deepblur.pipeline.plan import Plan
    from napari_deepblur.pipeline.preview import Preview
    from napari_deepblur.pipeline.region import Region
    from napari_deepblur.pipeline.settings import DeblurSettings
    from napari_deepblur.pipeline.volume_preview import VolumePreview
    from napari_deepblur.progress import Progress
    from napari_deepblur.restoration.tiling import Part
    from napari_deepblur.widgets.deblur.axes_form import AxesChoice
    from napari_deepblur.widgets.deblur.findings import Findings
    from napari_deepblur.widgets.layers import LayerData, Source
    from napari_deepblur.widgets.origins import Origin

Known = list[Identification | None] | VolumeIdentification | None
"""What was identified for a preview: in each colour of a plane, or in a volume."""

Planned = tuple[Any, "Plan"]
"""A plan, and what it was made for."""


@dataclass(frozen=True)
class Request:
    """What a preview is of; arrays that took the place of one another have versions."""

    layer: str
    source: Source
    choice: AxesChoice
    settings: DeblurSettings
    origins: dict[str, Origin]
    index: tuple[int, ...]
    region: Region
    version: int = 0

    def key(self) -> tuple[Any, ...]:
        """Return what decides the result."""
        origins = tuple(self.origins.items())
        return self.layer, self.version, self.place(), self.choice, self.settings, origins, self.index, self.region

    def place(self) -> tuple[Any, ...]:
        """Return what decides how the layer over it is called, and where it lies."""
        placed = self.source.placement.items()
        said = [(name, value.tolist() if isinstance(value, np.ndarray) else value) for name, value in placed]
        return self.layer, self.source.name, repr(said)

    @property
    def is_of_volume(self) -> bool:
        """Whether all planes are shown, restored as one volume."""
        return self.choice.planes == "volume"


class Previewed(NamedTuple):
    """A preview to be shown.

    Attributes
    ----------
    region
        The part of the image.
    words
        What it is, in a sentence.
    layer
        Data, arguments and kind of the layer over it.
    known
        What was identified for it.
    findings
        Returns what is said about it, for the name of its layer.
    """

    region: Region
    words: str
    layer: LayerData
    known: Known
    findings: Callable[[str], Findings]


def previewed_steps(
    request: Request, known: Known, planned: Planned | None
) -> Generator[Progress | Part, None, tuple[Previewed, Planned | None]]:
    """Compute a preview, with what was identified before and the plan of before where these are the same."""
    height, width = request.region.shape
    where = f"from row {request.region.top}, column {request.region.left}"
    if request.is_of_volume:
        before = known if isinstance(known, VolumeIdentification) else None
        volume = yield from _volume_steps(request, before)
        planes = len(volume.result.volume)
        words = f"{planes} planes of {height} x {width} pixels {where}. A run finds the pupil in the whole stack."
        found = Previewed(
            request.region,
            words,
            volume_preview_layer(request, volume),
            volume.found,
            lambda name: found_in_volume_preview(name, volume.result),
        )
        return found, planned
    colours = known if isinstance(known, list) else None
    previews, made = yield from compute_steps(request, colours, planned)
    found = Previewed(
        request.region,
        f"{height} x {width} pixels {where}. A run identifies the blur on the whole image.",
        preview_layer(request, previews),
        [part.result.identification for part in previews],
        lambda name: found_in_preview(name, previews[0].result),
    )
    return found, made


def compute_steps(
    request: Request, known: list[Identification | None] | None, planned: tuple[Any, Plan] | None
) -> Generator[Progress | Part, None, tuple[list[Preview], tuple[Any, Plan]]]:
    """Deblur the region, of a colour image for each colour; with the plan of before where that is the same."""
    from napari_deepblur.pipeline.plan import plan
    from napari_deepblur.pipeline.preview import preview_steps

    axes, colours = request.choice.axes, request.choice.colours
    array, indices = request.source.data, [request.index]
    if axes.endswith("S"):
        if colours == "luminance":
            array, axes = Luminance(array), axes.removesuffix("S")
        else:
            indices = [(*request.index, colour) for colour in range(len(LUMINANCE))]
    parts = []
    shape = (array.shape[axes.index("Y")], array.shape[axes.index("X")])
    file = request.settings.family_file
    # A family may have been calibrated again.
    key = request.settings, shape, None if file is None else file.stat().st_mtime_ns
    made = planned[1] if planned is not None and planned[0] == key else plan(request.settings, shape)
    here = made.of_channel(channel_of(axes, request.index))
    for number, index in enumerate(indices):
        plane = lazy_frame(array, axes, index)
        before = known[number] if known is not None else None
        steps = preview_steps(here, plane, request.region, before)
        parts.append((yield from one_of(steps, number, len(indices))))
    return parts, (key, made)


def preview_layer(request: Request, previews: list[Preview]) -> tuple[NDArray[Any], dict[str, Any], str]:
    """Return data, arguments and kind of the layer that lies over what was previewed."""
    axes = request.choice.axes.removesuffix("S")
    height, width = request.region.shape
    lengths = {"Y": height, "X": width}
    colours = len(previews) > 1
    shape = [lengths.get(letter, 1) for letter in axes]
    kind = request.source.data.dtype if colours and request.source.data.dtype.kind in "ui" else np.float32
    data = np.zeros([*shape, len(previews)], kind)
    for number, part in enumerate(previews):
        write_frame(data, axes + "S", (0,) * len(leading(axes)) + (number,), part.image)
    arguments = _arguments(request, previews[0].result.settings) | {"rgb": colours}
    return data if colours else data[..., 0], arguments, "image"


def _arguments(request: Request, settings: dict[str, Any]) -> dict[str, Any]:
    """Return name, place and look of the layer over the part of the image that was previewed."""
    from napari.utils.transforms import Affine

    axes = request.choice.axes.removesuffix("S")
    index = dict(zip(leading(axes), request.index, strict=True))
    first = {"Y": request.region.top, "X": request.region.left} | index
    if request.is_of_volume:
        first["Z"] = 0
    placement = request.source.placement
    to_world = Affine(**{name: placement[name] for name in ("scale", "translate", "rotate", "shear")})
    record = {**settings, "preview": list(request.region)}
    if request.origins:
        record[ORIGINS_KEY] = request.origins
    arguments: dict[str, Any] = {
        "name": f"{request.source.name} preview",
        "metadata": {METADATA_KEY: record},
        "rgb": False,
        **placement,
        "translate": to_world(np.array([first[letter] for letter in axes], dtype=float)),
    }
    return arguments if request.source.colour else arguments | request.source.appearance


def _volume_steps(request: Request, known: VolumeIdentification | None) -> Generator[Progress, None, VolumePreview]:
    from napari_deepblur.pipeline.volume_preview import volume_preview_steps

    axes = request.choice.axes
    others = other_axes(axes)
    index = dict(zip(leading(axes), request.index, strict=True))
    at = [index[letter] for letter in others]
    settings = request.settings.of_channel(channel_of(others, at))
    stack = lazy_volume(request.source.data, axes, at)
    spacing, specimen = request.choice.plane_spacing_um, request.choice.specimen
    return (yield from volume_preview_steps(settings, stack, spacing, request.region, specimen, known))


def volume_preview_layer(request: Request, preview: VolumePreview) -> LayerData:
    """Return data, arguments and kind of the layer of a volume that was previewed."""
    axes = request.choice.axes
    volume = preview.result.volume
    sides = dict(zip("ZYX", volume.shape, strict=True))
    order = ["ZYX".index(letter) for letter in axes if letter in "ZYX"]
    data = volume.transpose(order).reshape([sides.get(letter, 1) for letter in axes])
    arguments = _arguments(request, preview.result.settings)
    return data, arguments | volume_appearance(request.source, volume), "image"
