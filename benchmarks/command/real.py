"""`benchmark real`: real images, with the whiteness of what the result leaves."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.command.machine import add_machine, check_counts, finish, start
from napari_deepblur.errors import SettingsError

if TYPE_CHECKING:
    from napari_deepblur.cli.arguments import Verbs


def add_to(kinds: Verbs) -> None:
    """Add the verb."""
    words = "results and PSFs of real images, with the whiteness of the residual"
    parser = kinds.add_parser("real", help=words, description=f"Show {words}.")
    parser.add_argument("--images", type=Path, nargs="+", metavar="PATH", help="image files of one plane")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="or: microscopy in its validation split")
    optics = parser.add_argument_group("microscope (that of the sample image: fc 0.217)")
    for name, words in (
        ("--na", "numerical aperture"),
        ("--wavelength-um", "emission wavelength in micrometres"),
        ("--pixel-size-um", "pixel size in micrometres"),
        ("--n-immersion", "refractive index of the immersion"),
    ):
        optics.add_argument(name, type=float, help=words)
    parser.add_argument("--method", default="network", help="how to restore (network)")
    add_machine(parser)
    parser.set_defaults(work=run, benchmark="real")


def run(arguments: argparse.Namespace) -> None:
    """Deblur real images, and measure the whiteness of what is left."""
    from dataclasses import replace

    from benchmarks.reports import figures
    from benchmarks.reports.report import check_folder
    from benchmarks.restoration import real as benchmark
    from napari_deepblur.pipeline import DeblurSettings
    from napari_deepblur.samples import sample_microscope

    if (arguments.images is None) == (arguments.data is None):
        raise SettingsError("Give either --images with files, or --data with a training folder.")
    check_counts(arguments, "threads")
    check_folder(arguments.output, ["real"])
    device, origin = start(arguments, ("identification", "deblurring"))
    optics = {name: getattr(arguments, name) for name in ("na", "wavelength_um", "pixel_size_um", "n_immersion")}
    settings = DeblurSettings(
        microscope=replace(sample_microscope(), **{key: value for key, value in optics.items() if value is not None}),
        method=arguments.method,
        size=arguments.size,
        device=str(device),
    )
    paths = benchmark.pool_images(arguments.data) if arguments.images is None else arguments.images
    cases, report = benchmark.run_real(paths, settings, origin)
    figures.draw_real(arguments.output / "real.png", cases)
    finish(report, arguments)
