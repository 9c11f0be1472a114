"""`benchmark deblurring`: the methods side by side, with estimated, true and average blurs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from benchmarks.command.machine import LEVELS, add_data, add_machine, check_counts, finish, start

if TYPE_CHECKING:
    from napari_deepblur.cli.arguments import Verbs

_IMAGES = 40
METHODS = ("richardson-lucy", "total-variation", "wiener", "blind")
"""Those of `benchmarks.restoration.tuning`, and the blind methods of others."""


def add_to(kinds: Verbs) -> None:
    """Add the verb."""
    words = "restored images of all methods with estimated, true and average blurs, in the paper's setting"
    parser = kinds.add_parser("deblurring", help=words, description=f"Measure {words}.")
    add_data(parser, f"number of test images ({_IMAGES})")
    parser.add_argument("--tuning-images", type=int, default=4, metavar="N", help="to choose parameters on (4)")
    parser.add_argument("--noise", nargs="+", choices=LEVELS, default=list(LEVELS), help="noise levels (all)")
    parser.add_argument(
        "--method", nargs="+", choices=METHODS, default=list(METHODS), help="methods beside the network (all)"
    )
    add_machine(parser)
    parser.set_defaults(work=run, benchmark="deblurring")


def run(arguments: argparse.Namespace) -> None:
    """Restore the test images with every method."""
    from benchmarks.identification.identified import Identifier
    from benchmarks.reports import figures
    from benchmarks.reports.report import check_folder
    from benchmarks.restoration.deblurring import Task, report_name, run_deblurring
    from benchmarks.simulation.images import paper_family
    from napari_deepblur.io.weights import load_deblurring, load_identification
    from napari_deepblur.restoration.restorers import NetworkRestorer

    check_counts(arguments, "images", "tuning_images", "threads")
    levels = tuple(dict.fromkeys(arguments.noise))
    check_folder(arguments.output, [report_name(levels)])
    device, origin = start(arguments, ("identification", "deblurring"))
    task = Task(
        arguments.data,
        Identifier(paper_family(), load_identification(arguments.size), device),
        NetworkRestorer(load_deblurring(arguments.size)),
        arguments.images or _IMAGES,
        arguments.tuning_images,
        arguments.seed,
    )
    report = run_deblurring(task, origin, levels, arguments.method)
    path = arguments.output / f"{report.name}.png"
    figures.draw_bars(path, report.rows, "method", "SSIM", "SSIM", reference="network, mean PSF")
    finish(report, arguments)
