"""`benchmark speed`: time and memory beside the paper's architecture."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from benchmarks.command.machine import add_machine, check_counts, finish, start
from napari_deepblur.errors import SettingsError

if TYPE_CHECKING:
    from napari_deepblur.cli.arguments import Verbs


def add_to(kinds: Verbs) -> None:
    """Add the verb."""
    words = "time and memory against the size of the image, beside the paper's network with spatial-domain data steps"
    parser = kinds.add_parser("speed", help=words, description=f"Measure {words}.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512, 1024], metavar="N", help="(256 512 1024)")
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="timed runs of each (3)")
    parser.add_argument(
        "--largest-reference", type=int, default=1024, metavar="N", help="no reference for larger images (1024)"
    )
    add_machine(parser)
    parser.set_defaults(work=run, benchmark="speed")


def run(arguments: argparse.Namespace) -> None:
    """Time the pipeline beside the reference."""
    from benchmarks.reports import figures
    from benchmarks.reports.report import check_folder
    from benchmarks.timing.speed import VARIANTS, measure_speed

    if min(arguments.sizes) < 64:
        raise SettingsError(f"--sizes has {min(arguments.sizes)}, expected at least 64 pixels.")
    check_counts(arguments, "repeats", "threads")
    check_folder(arguments.output, ["speed"])
    device, origin = start(arguments, ())
    variants = VARIANTS if arguments.size == "auto" else (VARIANTS[0], arguments.size)
    report = measure_speed(
        sorted(set(arguments.sizes)), arguments.repeats, arguments.largest_reference, device, origin, variants
    )
    figures.draw_speed(arguments.output / "speed.png", report.rows, report.title)
    finish(report, arguments)
