"""`napari-deepblur deblur`: one blurred image, series or stack in, a sharper OME-TIFF file out."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_deepblur.cli.arguments import add_settings, check_outputs, read_settings
from napari_deepblur.cli.batch import destinations, listed_files, one_by_one
from napari_deepblur.cli.progress import run_with_bar
from napari_deepblur.errors import OutputError, SettingsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_deepblur.cli.arguments import Verbs
    from napari_deepblur.pipeline.series import Frame, Reuse


def add_to(verbs: Verbs) -> None:
    """Add the verb and its arguments."""
    parser = verbs.add_parser(
        "deblur",
        help="remove the blur of an image",
        description="Estimate the blur of an image and remove it. The result has the shape and units of the image; "
        "series, stacks, channels and colours are deblurred plane by plane.",
    )
    parser.add_argument(
        "images", type=Path, nargs="+", metavar="IMAGE", help="TIFF, PNG, JPEG, CZI, LIF, ND2, OME-Zarr"
    )
    parser.add_argument(
        "-o", "--output", required=True, metavar="OUT.tif", help="the result, OME-TIFF; of several images, a folder"
    )
    parser.add_argument("--psfs", type=Path, metavar="PSFS.tif", help="write the estimated PSFs")
    frames = parser.add_argument_group("series, stacks, channels, colours")
    frames.add_argument("--axes", metavar="AXES", help="letters of the axes, as TCYX (what the file says, or a guess)")
    frames.add_argument(
        "--one-operator", action="store_true", help="identify the blur once for each channel, not on every plane"
    )
    frames.add_argument(
        "--plane-spacing-um",
        type=float,
        metavar="UM",
        help="of a focal stack of a thin sample (negative: taken the other way): the coefficients get the joint sign "
        "of the even modes",
    )
    frames.add_argument("--coefficients", type=Path, metavar="FILE.csv", help="write those of every frame as a table")
    frames.add_argument("--luminance", action="store_true", help="of a colour image, deblur the luminance")
    add_settings(parser, deblurs=True)
    parser.set_defaults(work=work)


def work(arguments: argparse.Namespace) -> None:
    """Deblur each image and write what was asked for; files change only once all of an image is computed."""
    from napari_deepblur.io.output import check_tiff_name

    pairs = destinations(listed_files(arguments.images), arguments.output)
    more = (arguments.psfs, arguments.coefficients, arguments.save_settings)
    if len(pairs) > 1 and any(more):
        raise OutputError(
            "--psfs, --coefficients and --save-settings are files of one image. Leave them out, or the images."
        )
    read = (arguments.family, arguments.settings, arguments.size)
    for image, output in pairs:
        check_tiff_name(output)
        check_outputs(image, output, *more, read=read)
    one_by_one(pairs, partial(_deblur, arguments), arguments.quiet)


def _deblur(arguments: argparse.Namespace, source: Path, output: Path) -> None:
    import numpy as np

    from napari_deepblur.io.images import write_tiff
    from napari_deepblur.io.open_image import open_image
    from napari_deepblur.io.output import replacing
    from napari_deepblur.pipeline import save_settings
    from napari_deepblur.pipeline.series import (
        Luminance,
        check_axes,
        deblur_frames_steps,
        empty_result,
        history_of,
        leading,
        named_axes,
        planes_last,
        result_type,
        write_frame,
    )

    array: Any = open_image(source, arguments.scene)
    said = array.acquisition
    axes = named_axes(array.axes) if arguments.axes is None else arguments.axes.upper()
    check_axes(axes, array.shape)
    order = planes_last(axes)
    array, axes = array.transpose([axes.index(letter) for letter in order]), order
    channels = array.shape[axes.index("C")] if "C" in axes else 0
    settings = read_settings(arguments, source, channels)
    frames: Any = array
    if arguments.luminance and axes.endswith("S"):
        frames, axes = Luminance(array), axes.removesuffix("S")
    image = empty_result(frames.shape, result_type(axes, array.dtype))
    psfs: list[NDArray[np.float32]] = []
    if arguments.plane_spacing_um is not None and leading(axes) != "Z":
        raise SettingsError(
            f"--plane-spacing-um is for a stack, whose axes are ZYX, and those of {source.name} are {axes}. "
            "Leave it out, or name the axes with --axes."
        )
    reuse: Reuse = "first" if arguments.one_operator else "each"
    steps = deblur_frames_steps(frames, axes, settings, reuse, plane_spacing_um=arguments.plane_spacing_um)

    def keep(frame: Frame) -> None:
        write_frame(image, axes, frame.index, frame.image)
        found = None if frame.result is None else frame.result.identification
        if found is not None and frame.identified:
            psfs.append(found.psfs)

    series = run_with_bar(steps, arguments.quiet, keep)

    pixel = series.family.pixel_size_um if settings.family_file else settings.stated_pixel_size_um
    write_tiff(output, image, pixel_size_um=pixel, axes=axes, record=series.record, acquisition=said)
    if arguments.psfs is not None:
        known = psfs or [series.family.psf(series.first.settings["resolved"]["theta"])]
        stack = np.concatenate([psf.reshape(-1, *psf.shape[-2:]) for psf in known])
        write_tiff(arguments.psfs, stack, pixel_size_um=pixel, axes="TYX")
    if arguments.coefficients is not None:
        table = history_of(series.record).as_csv()
        with replacing(arguments.coefficients) as partial:
            partial.write_text(table, encoding="utf-8")
    if arguments.save_settings is not None:
        save_settings(settings, arguments.save_settings)
