"""`napari-deepblur deblur`: one blurred image, series or stack in, a sharper OME-TIFF file out."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from napari_deepblur.batch.names import destinations, listed_files, name_of, without_own_files, without_results
from napari_deepblur.batch.one_file import Asked, deblur_file_steps
from napari_deepblur.batch.report import check_report
from napari_deepblur.batch.room import check_room
from napari_deepblur.cli.arguments import add_settings, check_outputs, check_settings, read_settings
from napari_deepblur.cli.batch import one_by_one
from napari_deepblur.cli.progress import remark, run_with_bar
from napari_deepblur.errors import OutputError, SettingsError
from napari_deepblur.io.compression import Compression

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_deepblur.cli.arguments import Verbs
    from napari_deepblur.pipeline import DeblurSettings, StackDeblurring, VolumeDeblurring
    from napari_deepblur.pipeline.series import Frame, Written


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
        "-o",
        "--output",
        required=True,
        metavar="OUT.tif",
        help="the result, OME-TIFF, or OME-Zarr by a name that ends with .ome.zarr; of several images, a folder",
    )
    parser.add_argument(
        "--compression",
        choices=get_args(Compression),
        help="how the pixels of the result are packed (zlib in OME-TIFF, zstd in OME-Zarr)",
    )
    parser.add_argument("--psfs", type=Path, metavar="PSFS.tif", help="write the estimated PSFs")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="work on so many images at once (1)")
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="let the workers of a dask scheduler do it: its address, or the file that it wrote",
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE.csv",
        help="write a row for each image, CSV or JSON: coefficients, errors, noise, verdict, seconds, hashes",
    )
    parser.add_argument("--force", action="store_true", help="repeat what is up to date")
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
    frames.add_argument(
        "--volume",
        action="store_true",
        help="deblur a focal stack as one volume: one blur with signs for all planes, which are restored together",
    )
    frames.add_argument(
        "--specimen",
        choices=("auto", "thin", "thick"),
        default="auto",
        help="with --volume: in one plane, alike at all depths, or whichever explains the stack better",
    )
    frames.add_argument("--coefficients", type=Path, metavar="FILE.csv", help="write those of every frame as a table")
    parser.add_argument(
        "--spread",
        type=Path,
        metavar="FILE",
        help="with --draws: write what the result owes to not knowing the blur, its standard deviation over the draws",
    )
    frames.add_argument("--luminance", action="store_true", help="of a colour image, deblur the luminance")
    add_settings(parser, deblurs=True)
    parser.set_defaults(work=work)


def work(arguments: argparse.Namespace) -> None:
    """Deblur each image and write what was asked for; files change only once all of an image is computed."""
    from napari_deepblur.io.output import check_tiff_name
    from napari_deepblur.io.sinks import file_sink

    own = (arguments.report, arguments.settings, arguments.family)
    images = without_own_files(listed_files(arguments.images), own, _named(quiet=False))
    images = without_results(images, arguments.output, _named(quiet=False))
    pairs = destinations(images, arguments.output, arguments.scene)
    more = (arguments.psfs, arguments.spread, arguments.coefficients, arguments.save_settings)
    if len(pairs) > 1 and any(more):
        raise OutputError(
            "--psfs, --spread, --coefficients and --save-settings are files of one image. Leave them out, or the "
            "images."
        )
    if arguments.spread is not None:
        file_sink(arguments.spread)
    read = (arguments.family, arguments.settings, arguments.size)
    if arguments.psfs is not None:
        check_tiff_name(arguments.psfs)
    for image, output in pairs:
        check_outputs(image, output, *more, arguments.report, read=read)
        file_sink(output)
    if arguments.report is not None:
        check_report(arguments.report)
    _check_volume(arguments)
    if len(pairs) > 1:
        check_settings(arguments)
        check_room(pairs, arguments.scene)
    if arguments.jobs < 1:
        raise SettingsError(f"--jobs is {arguments.jobs}, expected at least 1.")
    if arguments.scheduler is not None and arguments.jobs > 1:
        raise SettingsError("--jobs counts processes of this machine, and --scheduler names others. Leave one out.")
    at_once = arguments.jobs > 1 or arguments.scheduler is not None
    alone = argparse.Namespace(**{**vars(arguments), "quiet": arguments.quiet or at_once, "work": None})
    if arguments.scheduler is not None:
        # A worker has a folder of its own.
        for name, value in vars(alone).items():
            if isinstance(value, Path):
                setattr(alone, name, value.absolute())
        if alone.family is not None and Path(alone.family).exists():
            alone.family = str(Path(alone.family).absolute())
    one_by_one(pairs, partial(_deblur, alone), arguments.quiet, arguments.report, arguments.jobs, arguments.scheduler)


def _named(quiet: bool) -> Callable[[str], None]:
    """Return what writes a sentence with the name of the program."""
    return lambda words: remark(quiet)(f"napari-deepblur: {words}")


def _deblur(arguments: argparse.Namespace, source: Path, output: Path) -> bool:
    """Make a result of an image; return whether there was nothing to do."""
    from napari_deepblur.io.records import record_in
    from napari_deepblur.pipeline import StackDeblurring, save_settings
    from napari_deepblur.pipeline.series import Frame

    names = ("scene", "axes", "one_operator", "luminance", "volume", "specimen", "plane_spacing_um")
    asked = Asked(**{name: getattr(arguments, name) for name in names})

    def settings_of(image: Path, channels: int) -> DeblurSettings:
        settings = read_settings(arguments, image, channels)
        if not arguments.volume and (arguments.spread is None) != (settings.compute.draws == 0):
            raise SettingsError(
                "--spread is the file for what --draws finds: give both, such as --draws 8 --spread spread.tif, or "
                "neither."
            )
        if arguments.coefficients is not None and settings.blur.theta is not None:
            raise SettingsError(
                "--coefficients is a table of what is identified, and the coefficients are given (--theta, or in the "
                "settings). Leave one out."
            )
        return settings

    psfs: list[NDArray[np.float32]] = []

    def keep(step: Written | Frame) -> None:
        if isinstance(step, Frame) and step.identified and step.result and step.result.identification:
            psfs.append(step.result.identification.psfs)

    steps = deblur_file_steps(
        source,
        output,
        asked,
        settings_of,
        compression=arguments.compression,
        again=arguments.force or any((arguments.psfs, arguments.coefficients, arguments.save_settings)),
        spread=arguments.spread,
        say=_named(arguments.quiet),
    )
    settings, result, told = run_with_bar(steps, arguments.quiet, keep)
    if result is None or told is None:
        return True
    name = name_of(source)
    if record_in(source) is not None:
        words = "is itself a result of this program, whose blur was removed a second time. Was its own image meant?"
        _named(quiet=False)(f"{name} {words}")
    for note in result.notes:
        _named(quiet=False)(f"{name}: {' '.join(note.split())}")
    if told.verdict is not None:
        of = f"the worst of {told.judged} verdicts, {told.of}" if told.of else "verdict"
        _named(arguments.quiet)(f"{name}: {of}: {told.verdict.light}. {told.verdict.words}")
    if told.resolution is not None:
        _named(arguments.quiet)(f"{name}: {told.resolution.words}")
    if isinstance(result, StackDeblurring):
        _write_series(arguments, settings, result, psfs)
    else:
        _write_volume(arguments, settings, result)
    if arguments.save_settings is not None:
        save_settings(settings, arguments.save_settings)
    return False


def _check_volume(arguments: argparse.Namespace) -> None:
    names = ("spread", "luminance")
    given = [f"--{name.replace('_', '-')}" for name in names if getattr(arguments, name)]
    if arguments.volume and given:
        raise SettingsError(f"{' and '.join(given)} are for planes that are deblurred one by one. Leave out --volume.")


def _write_series(
    arguments: argparse.Namespace, settings: DeblurSettings, series: StackDeblurring, psfs: list[NDArray[np.float32]]
) -> None:
    """Write what else was asked for of planes."""
    import numpy as np

    from napari_deepblur.io.images import write_tiff

    if arguments.psfs is not None:
        pixel = (series.family.microscope or settings.optics).pixel_size_um
        known = psfs or [series.family.psf(series.first.settings["resolved"]["theta"])]
        stack = np.concatenate([psf.reshape(-1, *psf.shape[-2:]) for psf in known])
        write_tiff(arguments.psfs, stack, pixel_size_um=pixel, axes="TYX")
    if arguments.coefficients is not None:
        _write_coefficients(arguments.coefficients, series.record)


def _write_volume(arguments: argparse.Namespace, settings: DeblurSettings, volume: VolumeDeblurring) -> None:
    """Write what else was asked for of volumes."""
    from napari_deepblur.io.axes import other_axes
    from napari_deepblur.io.images import write_tiff

    if arguments.psfs is not None:
        axes = other_axes(volume.settings["axes"]) + "ZYX"
        write_tiff(arguments.psfs, volume.psf, pixel_size_um=settings.optics.pixel_size_um, axes=axes)
    if arguments.coefficients is not None:
        _write_coefficients(arguments.coefficients, volume.settings)


def _write_coefficients(path: Path, record: Mapping[str, Any]) -> None:
    from napari_deepblur.io.output import replacing
    from napari_deepblur.pipeline.series import history_of

    table = history_of(record).as_csv()
    with replacing(path) as partial:
        partial.write_text(table, encoding="utf-8")
