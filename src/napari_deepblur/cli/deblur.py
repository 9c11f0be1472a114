"""`napari-deepblur deblur`: one blurred image in, one sharper TIFF file out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from napari_deepblur.cli.arguments import add_settings, check_outputs, read_settings, tile_side
from napari_deepblur.cli.progress import run_with_bar

if TYPE_CHECKING:
    from napari_deepblur.cli.arguments import Verbs


def add_to(verbs: Verbs) -> None:
    """Add the verb and its arguments."""
    parser = verbs.add_parser(
        "deblur",
        help="remove the blur of an image",
        description="Estimate the blur of an image and remove it. The result has the shape and units of the image.",
    )
    parser.add_argument("image", type=Path, metavar="IMAGE", help="TIFF, PNG or JPEG file, one plane")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.tif", help="the result, 32-bit TIFF")
    parser.add_argument("--psfs", type=Path, metavar="PSFS.tif", help="write the estimated PSFs")
    parser.add_argument("--theta", type=float, nargs="+", metavar="T", help="known parameters, in waves RMS")
    parser.add_argument("--method", help="network, richardson-lucy, total-variation or wiener (network)")
    parser.add_argument("--iterations", type=int, metavar="N", help="of a classical method (its own)")
    parser.add_argument("--strength", type=float, metavar="S", help="of a classical method's regularization (its own)")
    parser.add_argument("--tile", type=tile_side, metavar="N", help="side of the tiles in pixels, auto, or none (auto)")
    add_settings(parser)
    parser.set_defaults(work=work)


def work(arguments: argparse.Namespace) -> None:
    """Deblur the image and write what was asked for; files change only once all is computed."""
    check_outputs(arguments.image, arguments.output, arguments.psfs, arguments.save_settings)

    from napari_deepblur.io.images import read_image, write_tiff
    from napari_deepblur.pipeline import deblur_steps, save_settings

    image = read_image(arguments.image)
    settings = read_settings(arguments, arguments.image)
    result = run_with_bar(deblur_steps(image, settings), arguments.quiet)
    family = settings.operator_family(result.image.shape)
    pixel = (family.microscope or settings.microscope).pixel_size_um
    write_tiff(arguments.output, result.image, pixel_size_um=pixel, record=result.settings)
    if arguments.psfs is not None:
        found = result.identification
        psfs = family.psf(settings.theta or ()) if found is None else found.psfs
        write_tiff(arguments.psfs, psfs.reshape(-1, *psfs.shape[-2:]), pixel_size_um=pixel, axes="TYX")
    if arguments.save_settings is not None:
        save_settings(settings, arguments.save_settings)
