"""`napari-deepblur identify`: the blur of one image as JSON on standard output."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_deepblur.cli.arguments import add_settings, check_outputs, read_settings
from napari_deepblur.cli.progress import run_with_bar
from napari_deepblur.io.json_safe import json_safe

if TYPE_CHECKING:
    from napari_deepblur.cli.arguments import Verbs
    from napari_deepblur.identification.results import Identification
    from napari_deepblur.identification.stack import StackIdentification
    from napari_deepblur.operators import OperatorFamily
    from napari_deepblur.pipeline import DeblurSettings

SIGN = "even modes are known only up to one joint sign: it is not identifiable from one image"
SIGN_OF_STACK = "joint sign of the even modes from the distances of the planes, if the sample is thin"


def add_to(verbs: Verbs) -> None:
    """Add the verb and its arguments."""
    parser = verbs.add_parser(
        "identify",
        help="estimate the blur of an image",
        description="Estimate the blur of an image and print it as JSON on standard output.",
    )
    parser.add_argument("image", type=Path, metavar="IMAGE", help="image file of one plane; or a stack")
    parser.add_argument("--psfs", type=Path, metavar="PSFS.tif", help="write the estimated PSFs")
    parser.add_argument(
        "--plane-spacing-um",
        type=float,
        metavar="UM",
        help="the image is a focal stack of a thin sample with this spacing (negative: taken the other way): also tell "
        "the joint sign of the even modes",
    )
    add_settings(parser, deblurs=False)
    parser.set_defaults(work=work)


def work(arguments: argparse.Namespace) -> None:
    """Identify the blur, write the PSFs if asked, and print."""
    from napari_deepblur.io.output import check_tiff_name

    read = (arguments.family, arguments.settings, arguments.size)
    check_outputs(arguments.image, arguments.psfs, arguments.save_settings, read=read)
    if arguments.psfs is not None:
        check_tiff_name(arguments.psfs)

    import numpy as np

    from napari_deepblur.checked_image import plane_shape
    from napari_deepblur.io.acquisition_files import read_acquisition
    from napari_deepblur.io.images import read_image, write_tiff
    from napari_deepblur.pipeline import save_settings
    from napari_deepblur.pipeline.overruled import warn_of_spacing
    from napari_deepblur.pipeline.plan import plan_identification
    from napari_deepblur.pipeline.run import run_identification, run_stack_identification

    image = read_image(arguments.image, arguments.scene)
    settings = read_settings(arguments, arguments.image)
    spacing = arguments.plane_spacing_um
    warn_of_spacing(read_acquisition(arguments.image, arguments.scene), spacing)
    plan = plan_identification(settings, plane_shape(image) if spacing is None else image.shape[-2:])
    family = plan.family
    if spacing is None:
        found = run_with_bar(run_identification(plan, image), arguments.quiet)
        psfs, printed = found.psfs, as_json(found, settings, family)
    else:
        stack = run_with_bar(run_stack_identification(plan, image, spacing), arguments.quiet)
        psfs, printed = np.concatenate([one.psfs for one in stack.planes]), stack_as_json(stack, settings, family)
    if arguments.psfs is not None:
        pixel = family.pixel_size_um if settings.family_file else settings.stated_pixel_size_um
        write_tiff(arguments.psfs, psfs, pixel_size_um=pixel, axes="TYX")
    if arguments.save_settings is not None:
        save_settings(settings, arguments.save_settings)
    print(json.dumps(json_safe(printed), indent=2))


def as_json(found: Identification, settings: DeblurSettings, family: OperatorFamily) -> dict[str, Any]:
    """Put an identification into words and numbers that JSON knows; coefficients in waves RMS, Noll order."""
    from napari_deepblur.pipeline.options import as_options

    zernike = family.local
    return {
        "family": as_options(settings)["family"],
        **({} if zernike is None else {"modes": list(zernike.modes)}),
        "parameter_names": list(found.parameter_names),
        "theta": [round(float(value), 5) for value in found.theta],
        "theta_std": [round(float(value), 5) for value in found.theta_std],
        "even_modes": [bool(value) for value in found.even_modes],
        **({"sign": SIGN} if found.even_modes.any() else {}),
        "noise": dataclasses.asdict(found.noise),
        "microscope": dataclasses.asdict(family.microscope or settings.optics),
        **({"assumed": list(settings.assumed)} if settings.assumed else {}),
        "psf_size": int(found.psfs.shape[-1]),
        "points": found.points.tolist(),
        "psf_spread": [round(float(value), 5) for value in found.psf_spread],
    }


def stack_as_json(found: StackIdentification, settings: DeblurSettings, family: OperatorFamily) -> dict[str, Any]:
    """Put a stack into words and numbers that JSON knows: each plane as `as_json` does, with signed coefficients."""
    planes = []
    for one, theta, offset in zip(found.planes, found.theta, found.offsets_um, strict=True):
        words = as_json(one, settings, family) | {"theta": [round(float(value), 5) for value in theta]}
        words.pop("sign", None)
        planes.append({"offset_um": round(float(offset), 6), **words})
    return {
        "sign": SIGN_OF_STACK,
        "sign_probability": round(found.sign_probability, 5),
        "planes": planes,
    }
