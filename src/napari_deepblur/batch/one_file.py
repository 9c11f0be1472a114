"""One image file into one result: read, restored, and written with the record of how, unless it is there already."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_deepblur.errors import SettingsError

if TYPE_CHECKING:
    from napari_deepblur.identification.volumes.identify import SpecimenChoice
    from napari_deepblur.io.acquisition import Acquisition
    from napari_deepblur.io.compression import Compression
    from napari_deepblur.pipeline import DeblurSettings, StackDeblurring, VolumeDeblurring
    from napari_deepblur.pipeline.series import Frame, Told, Written
    from napari_deepblur.progress import Progress


@dataclass(frozen=True)
class Asked:
    """What is asked of a file beside its settings, for all files alike.

    Attributes
    ----------
    scene
        Which image of a file that holds several.
    axes
        Letters of its axes; as the file says, or guessed, where absent.
    one_operator
        Identify the blur once for each channel.
    luminance
        Of colours, restore the luminance alone.
    volume
        Restore a stack as one volume.
    specimen
        Of a volume.
    plane_spacing_um
        Of a stack; of a volume that of the file where absent.
    """

    scene: str | None = None
    axes: str | None = None
    one_operator: bool = False
    luminance: bool = False
    volume: bool = False
    specimen: SpecimenChoice = "auto"
    plane_spacing_um: float | None = None


class Made(NamedTuple):
    """What came of a file.

    Attributes
    ----------
    settings
        That it was made with.
    result
        None where there was nothing to do: the file of the result is there, made of the same.
    told
        What the run says of itself; None likewise.
    """

    settings: DeblurSettings
    result: StackDeblurring | VolumeDeblurring | None
    told: Told | None


def deblur_file_steps(
    source: Path,
    target: Path,
    asked: Asked,
    settings_of: Callable[[Path, int], DeblurSettings],
    *,
    again: bool = False,
    compression: Compression | None = None,
    spread: Path | None = None,
    say: Callable[[str], object] = lambda words: None,
) -> Generator[Progress | Written | Frame, None, Made]:
    """Deblur a file into another, step by step.

    Parameters
    ----------
    source
        The image: any file that `open_image` knows.
    target
        The result, OME-TIFF or OME-Zarr. It changes only once all of it is computed.
    asked
        Beside the settings.
    settings_of
        Returns the settings of an image file with so many channels; 0 where it has no axis of channels.
    again
        Work even where the result is up to date.
    compression
        How the pixels of the result are packed; by default as its format usually is.
    spread
        Where the standard deviation of the result over likely blurs goes, if the settings draw some.
    say
        Called with a sentence on what is done otherwise than it might seem.

    Returns
    -------
    Made
        As the value of the generator.

    Raises
    ------
    DeepblurError
        Those of `open_image`, `settings_of`, `deblur_stack_steps` and `deblur_volume_steps`.
    """
    from napari_deepblur.batch.up_to_date import is_spread_of, is_up_to_date
    from napari_deepblur.io.axes import check_axes, check_spacing, named_axes, planes_last
    from napari_deepblur.io.open_image import open_image
    from napari_deepblur.io.sinks import file_sink
    from napari_deepblur.io.source_hash import source_hash
    from napari_deepblur.pipeline.made_of import made_of
    from napari_deepblur.pipeline.overruled import warn_of_spacing
    from napari_deepblur.pipeline.own_places import check_places
    from napari_deepblur.pipeline.series import deblur_stack_steps, deblur_volume_steps, told_in
    from napari_deepblur.pipeline.stated_optics import taken_with

    array = open_image(source, asked.scene)
    check_places(array, target, spread)
    said: Acquisition = array.acquisition
    files = array.files
    axes = named_axes(array.axes) if asked.axes is None else asked.axes.upper()
    check_axes(axes, array.shape)
    named, order = axes, planes_last(axes)
    array, axes = array.transpose([axes.index(letter) for letter in order]), order
    channels = array.shape[axes.index("C")] if "C" in axes else 0
    settings = settings_of(source, channels)
    spacing = asked.plane_spacing_um
    warn_of_spacing(said, spacing)
    said = taken_with(said, settings, channels, spacing)
    if asked.volume and spacing is None:
        spacing = said.plane_spacing_um
    planes = array.shape[axes.index("Y")], array.shape[axes.index("X")]
    # As they were named: of rows and columns in the other order the result is another.
    wish: dict[str, Any] = asdict(asked) | {"axes": named, "plane_spacing_um": spacing}
    origin = made_of(settings, source_hash(source, files), planes, wish, asked.volume)
    if not again and is_up_to_date(target, origin, say) and (spread is None or is_spread_of(spread, target, say)):
        return Made(settings, None, None)
    sink = file_sink(target, said, origin, compression)
    if asked.volume:
        volume = yield from deblur_volume_steps(
            array, axes, settings, sink, spacing, asked.specimen, reuse="first" if asked.one_operator else "each"
        )
        return Made(settings, volume, told_in(volume.settings))
    if asked.specimen != "auto":
        raise SettingsError("--specimen is for a stack that is deblurred as one volume. Add --volume, or leave it out.")
    check_spacing(axes.removesuffix("S") if asked.luminance else axes, spacing)
    series = yield from deblur_stack_steps(
        array,
        axes,
        settings,
        sink,
        "first" if asked.one_operator else "each",
        plane_spacing_um=spacing,
        colours="luminance" if asked.luminance else "each",
        spread=None if spread is None else file_sink(spread, said, None, compression),
    )
    return Made(settings, series, told_in(series.record))
