"""Blind deblurring of one image, or of one after another: identify the blur, then remove it."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any, Literal, get_args, overload

import numpy as np
from numpy.typing import ArrayLike

from napari_deepblur.checked_image import plane_shape
from napari_deepblur.errors import ImageError, SettingsError
from napari_deepblur.identification.results import Identification
from napari_deepblur.identification.volumes.identify import SpecimenChoice
from napari_deepblur.io.axes import check_spacing, guess_axes, named_axes
from napari_deepblur.io.families import find_family, load_family
from napari_deepblur.io.lazy_image import LazyImage
from napari_deepblur.io.sinks import sink_of
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import OperatorFamily
from napari_deepblur.optics import KnownPupil
from napari_deepblur.pipeline.methods import Method
from napari_deepblur.pipeline.named_array import check_asked, with_its_axes
from napari_deepblur.pipeline.options import as_family, options_of_data, options_of_family
from napari_deepblur.pipeline.overruled import warn_where_overruled
from napari_deepblur.pipeline.own_places import check_places
from napari_deepblur.pipeline.plan import plan
from napari_deepblur.pipeline.results import Deblurring
from napari_deepblur.pipeline.run import run
from napari_deepblur.pipeline.series.arrays import Frames
from napari_deepblur.pipeline.series.frames import Colours, Reuse, deblur_stack_steps
from napari_deepblur.pipeline.series.outcome import StackDeblurring
from napari_deepblur.pipeline.series.volumes import deblur_volume_steps
from napari_deepblur.pipeline.settings import ZERNIKE_FAMILIES, DeblurSettings
from napari_deepblur.pipeline.stated_optics import channels_in, taken_with, with_file_optics
from napari_deepblur.pipeline.volume import VolumeDeblurring
from napari_deepblur.progress import Progress, finished
from napari_deepblur.restoration.tiling import Part


def deblur(
    image: ArrayLike,
    family: OperatorFamily | str | os.PathLike[str] | None = None,
    theta: ArrayLike | None = None,
    noise: PoissonGaussianNoise | None = None,
    method: Method = "network",
    device: str = "auto",
    tile: Literal["auto"] | int | None = "auto",
    size: Literal["auto", "light", "paper"] = "auto",
    iterations: int | None = None,
    strength: float | None = None,
    origin: tuple[int, int] = (0, 0),
    **settings: Any,
) -> Deblurring:
    """Remove the blur of one image.

    theta_hat = IN(y), x_hat = DN(y, A(theta_hat)); the blur is identified on the whole field, and removed tile by tile.

    Parameters
    ----------
    image
        Observed image, shape (H, W), any numeric type and unit.
    family
        Operators that are considered, or the file of a family; by default Noll modes 4 to 11 of a ``Microscope()``.
    theta
        Known parameters, shape (K,), in waves RMS for Zernike families; identified from the image where absent.
    noise
        Noise in the units of the image; estimated from it where absent.
    method
        How to restore: ``"network"``, or the classical ``"richardson-lucy"``, ``"richardson-lucy-tv"`` (with
        a total variation prior), ``"total-variation"`` or ``"wiener"``.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.
    tile
        ``"auto"``, None for the whole image at once, or the side of the tiles in pixels.
    size
        ``"light"`` or ``"paper"`` networks; ``"auto"`` for the smallest that is installed.
    iterations, strength
        Number of iterations and weight of the regularisation of a classical method; its own where absent. Without a
        prior, Richardson-Lucy stops where the residual is what the noise is; with a strength it has one.
    origin
        First pixel (row, column) of the image in the field, where it shows a part of it.
    **settings
        Any other setting by its name, as in `deblur_stack`.

    Returns
    -------
    Deblurring
        Restored image of the same shape and units, float32, with the identified blur and the settings.

    Raises
    ------
    ImageError, NoiseError, FamilyError, SettingsError, DeviceError, WeightsError
        Each says what was found, what was expected and what to do.
    """
    image = with_its_axes(image)
    check_asked(image, "YX", "Choose one plane, or give all of them to deblur_stack.")
    values: dict[str, Any] = {"method": method, "device": device, "tile": tile, "size": size, "origin": origin}
    chosen = {"iterations": iterations, "strength": strength}
    values |= {name: value for name, value in chosen.items() if value is not None} | options_of_data(theta, noise)
    named, object_ = _named_or_given(family)
    if named is not None and named not in ZERNIKE_FAMILIES:
        object_ = load_family(find_family(named))
    values |= _options_of(object_, settings if object_ is not None else with_file_optics(image, "YX", settings))
    if named is not None:
        values["family"] = named
    asked = DeblurSettings(**values)
    warn_where_overruled(image, asked, object_)
    return finished(deblur_steps(image, asked, object_))


def deblur_steps(
    image: ArrayLike,
    settings: DeblurSettings,
    family: OperatorFamily | None = None,
    known: Identification | None = None,
) -> Generator[Progress | Part, None, Deblurring]:
    """Plan and remove the blur of one image step by step; everything that can be wrong is found before the first step.

    Parameters
    ----------
    image
        As in `deblur`.
    settings
        What to do.
    family, known
        As in `plan` and `run`.

    Returns
    -------
    Deblurring
        As the value of the generator.
    """
    made = plan(settings, plane_shape(image), family)
    return (yield from run(made, image, known))


@overload
def deblur_stack(
    array: ArrayLike | Frames,
    family: OperatorFamily | str | os.PathLike[str] | None = None,
    *,
    volume: Literal[False] = False,
    axes: str | None = None,
    plane_spacing_um: float | None = None,
    reuse: Reuse = "each",
    colours: Colours = "each",
    out: Any = None,
    spread_out: Any = None,
    theta: ArrayLike | None = None,
    noise: PoissonGaussianNoise | None = None,
    **settings: Any,
) -> StackDeblurring: ...


@overload
def deblur_stack(
    array: ArrayLike | Frames,
    family: OperatorFamily | str | os.PathLike[str] | None = None,
    *,
    volume: Literal[True],
    axes: str | None = None,
    plane_spacing_um: float | None = None,
    psf: ArrayLike | KnownPupil | None = None,
    reuse: Reuse = "each",
    specimen: SpecimenChoice = "auto",
    out: Any = None,
    theta: ArrayLike | None = None,
    noise: PoissonGaussianNoise | None = None,
    **settings: Any,
) -> VolumeDeblurring: ...


def deblur_stack(
    array: ArrayLike | Frames,
    family: OperatorFamily | str | os.PathLike[str] | None = None,
    *,
    volume: bool = False,
    axes: str | None = None,
    plane_spacing_um: float | None = None,
    psf: ArrayLike | KnownPupil | None = None,
    reuse: Reuse = "each",
    colours: Colours = "each",
    specimen: SpecimenChoice = "auto",
    out: Any = None,
    spread_out: Any = None,
    theta: ArrayLike | None = None,
    noise: PoissonGaussianNoise | None = None,
    **settings: Any,
) -> StackDeblurring | VolumeDeblurring:
    """Remove the blur of everything with more than one plane: series, stacks, channels, colours; plane by plane.

    Each plane y becomes x_hat = DN(y, A(theta_hat)), as by `deblur`; it is read when its turn comes, and its result
    written as its tiles are completed, so that neither has to fit into memory. A plane that cannot be deblurred for
    what is in it, such as NaN or pixels that are all equal, is passed through, and named in the notes of the result.

    Parameters
    ----------
    array
        Observed planes: an array of NumPy, a memory map, dask, zarr, or anything else with a shape and parts; any real
        type. What `open_image` returns, or one of xarray, brings its axes, spacing and, without a microscope, optics.
    family
        Operators that are considered: a family, the file of one, or ``"zernike"`` (the default) or ``"field-zernike"``,
        which the settings then describe.
    volume
        Deblur focal stacks as volumes: one wavefront is identified for all planes of a stack, with the signs of its
        modes (`identify_stack`), and they are restored together. It needs the plane spacing, and memory for one stack;
        those of other times, positions and channels come one after another.
    axes
        A letter for each axis: T time, P position, Z depth, C channel, Y rows, X columns, and S the colours of an RGB
        image, as ``"TCYX"``. By default rows and columns are last, or colours where the last axis is three or four
        long, and what leads is depth for one axis with a plane spacing; or else time, time and depth, time, channel and
        depth.
    plane_spacing_um
        Distance of each plane from the one before, in micrometres in the immersion medium, as for `identify_stack`: of
        volumes, and of a focal stack whose only other axes are rows and columns, whose record then has the joint sign
        of the even modes.
    psf
        The PSF of a volume, which is then not identified: measured, with the spacings of the stack and its focus in the
        middle, shape (P, k, l), all odd; or a pupil (`PupilRetrieval.pupil`). From files: ``family="psf.tif"``, whose
        background is removed and which is resampled, or that of `save_pupil`.
    reuse
        ``"each"``: the blur is identified on each plane, or in each volume. ``"first"``: on the first of each channel
        and colour only.
    colours
        ``"each"`` colour by itself, or the ``"luminance"`` alone, which has no axis S.
    specimen
        Of a volume: ``"thin"``, ``"thick"``, or which of both explains the stack better (`identify_stack`).
    out
        Where the result goes: an array of its shape; the name of an OME-TIFF file, or of an OME-Zarr folder; or a
        `napari_deepblur.io.sinks.Sink`. By default a new array, float32, which lies in a temporary file where it would
        fill the memory; colours in whole numbers stay what they are.
    spread_out
        Where the spread goes if blurs are drawn (``draws=8``, `Deblurring.spread`): as `out`.
    theta, noise
        As in `deblur`, for all planes.
    **settings
        Any other setting by its name, such as ``method="wiener"``, ``microscope=...``, ``channel_wavelengths_um=(0.45,
        0.525)`` or ``device="cpu"``: the options of the command line.

    Returns
    -------
    StackDeblurring or VolumeDeblurring
        The result, how it was made, and what was found on each plane, or in the volume.

    Raises
    ------
    ImageError, NoiseError
        If no plane can be deblurred, or the axes do not fit.
    FamilyError, FamilyFileError, MicroscopeError, SettingsError, DeviceError, WeightsError, OutputError
        Each says what was found, what was expected and what to do.
    """
    for name, value, known in (
        ("reuse", reuse, Reuse),
        ("colours", colours, Colours),
        ("specimen", specimen, SpecimenChoice),
    ):
        if not isinstance(value, str) or value not in get_args(known):
            raise SettingsError(f"{name} is {value!r:.80}, expected one of {', '.join(get_args(known))}.")
    if not isinstance(volume, bool | np.bool_):
        raise SettingsError(f"volume is {volume!r:.80}, expected True or False.")
    given = with_its_axes(array)
    planes: Any = given if hasattr(given, "shape") and hasattr(given, "__getitem__") else np.asarray(given)
    if planes is not array and axes is not None:
        check_asked(planes, axes, "Rename its axes, or give array.data.")
    shape = tuple(planes.shape)
    if not all(isinstance(length, int | np.integer) for length in shape):
        words = "lengths that are not known yet: let dask compute them (array.compute_chunk_sizes())."
        raise ImageError(f"The image has the shape {shape}, with {words}")
    opened = isinstance(planes, LazyImage)
    if opened:
        axes = named_axes(planes.axes) if axes is None else axes
        if volume and plane_spacing_um is None:
            plane_spacing_um = planes.acquisition.plane_spacing_um
    if axes is None:
        colour = len(shape) > 2 and shape[-1] in (3, 4)
        stack = plane_spacing_um is not None and len(shape) - colour == 3
        axes = guess_axes(len(shape) - colour, ("z", "y", "x") if stack else (), colour)
    if not volume:
        check_spacing(axes.removesuffix("S") if colours == "luminance" else axes, plane_spacing_um)
    named, object_ = _named_or_given(family)
    if object_ is None and named in (None, *ZERNIKE_FAMILIES):
        settings = with_file_optics(planes, axes, settings)
    values = options_of_data(theta, noise) | _options_of(object_, settings)
    if named is not None:
        values["family"] = named
    if volume and colours != "each":
        raise SettingsError("A volume has no colours: leave them out.")
    if volume and spread_out is not None:
        raise SettingsError("Blurs are not drawn for a volume: leave spread_out and draws out.")
    if psf is not None and not volume:
        raise SettingsError("A PSF of several planes is for a volume: give volume=True, or leave psf out.")
    check_places(array, out, spread_out)
    asked = DeblurSettings(**values)
    warn_where_overruled(planes, asked, object_, plane_spacing_um)
    acquisition = taken_with(planes.acquisition, asked, channels_in(axes, shape), plane_spacing_um) if opened else None
    sink = sink_of(out, acquisition)
    if volume:
        return finished(deblur_volume_steps(planes, axes, asked, sink, plane_spacing_um, specimen, psf, reuse))
    if specimen != "auto":
        raise SettingsError("The kind of specimen is of a volume: planes one by one do not depend on it. Leave it out.")
    spread = sink_of(spread_out, acquisition) if asked.compute.draws else None
    return finished(deblur_stack_steps(planes, axes, asked, sink, reuse, object_, plane_spacing_um, colours, spread))


def _named_or_given(family: OperatorFamily | str | os.PathLike[str] | None) -> tuple[str | None, OperatorFamily | None]:
    """Tell the name or file of a family from a family."""
    if isinstance(family, str | os.PathLike):
        return os.fspath(family), None
    return None, None if family is None else as_family(family)


def _options_of(family: OperatorFamily | None, settings: dict[str, Any]) -> dict[str, Any]:
    """Add what a given family settles to other settings; raises `SettingsError` where they say it, too."""
    values = {} if family is None else options_of_family(family)
    twice = sorted(values.keys() & settings.keys())
    if twice:
        raise SettingsError(f"The family that is given has its own {', '.join(twice)}: leave them out here.")
    return values | settings
