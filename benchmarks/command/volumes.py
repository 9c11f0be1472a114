"""`benchmark volumes`: stacks restored as volumes, and what that costs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from benchmarks.command.machine import add_machine, check_counts, finish, start
from napari_deepblur.errors import SettingsError

if TYPE_CHECKING:
    from napari_deepblur.cli.arguments import Verbs

PARTS = ("specimens", "speed")
SPECIMENS = ("filaments", "nuclei", "membranes", "spots")
NOISES = ("none", "1e4", "medium", "high")
METHODS = ("plane-by-plane", "plain", "richardson-lucy", "richardson-lucy-tv", "total-variation", "wiener", "network")
_IMAGES = 4


def add_to(kinds: Verbs) -> None:
    """Add the verb."""
    words = "restoration of stacks as volumes, and its speed"
    parser = kinds.add_parser("volumes", help=words, description=f"Measure the {words}.")
    parser.add_argument("--part", choices=(*PARTS, "all"), default="specimens", help="what to measure (specimens)")
    parser.add_argument("--images", type=int, default=_IMAGES, metavar="N", help=f"specimens of each kind ({_IMAGES})")
    parser.add_argument("--specimen", nargs="+", choices=SPECIMENS, default=SPECIMENS, help="kinds (all)")
    parser.add_argument("--noise", nargs="+", choices=NOISES, default=NOISES, help="noise levels (all)")
    parser.add_argument("--planes", nargs="+", type=int, default=(1, 5, 25), metavar="N", help="planes (1 5 25)")
    parser.add_argument("--method", nargs="+", choices=METHODS, default=METHODS, help="methods (all)")
    parser.add_argument("--side", type=int, default=96, metavar="PIXELS", help="side of the stacks (96)")
    parser.add_argument(
        "--shape", nargs=3, type=int, default=(32, 512, 512), metavar="N", help="of the stack of speed (32 512 512)"
    )
    parser.add_argument("--name", metavar="TEXT", help="added to the names of the files")
    add_machine(parser)
    parser.set_defaults(work=run, benchmark="volumes")


def run(arguments: argparse.Namespace) -> None:
    """Run one part, or both."""
    from benchmarks.reports.report import check_folder
    from benchmarks.timing.volumes import run_speed
    from benchmarks.worlds.estimates import Machine
    from benchmarks.worlds.volumes import run_volumes

    check_counts(arguments, "images", "threads")
    if min(arguments.planes) < 1 or arguments.side < 32 or min(arguments.shape) < 2:
        raise SettingsError(
            f"--planes {arguments.planes}, --side {arguments.side} and --shape {arguments.shape} are too small: "
            "expected at least 1 plane, 32 pixels and 2 planes, rows and columns."
        )
    parts = PARTS if arguments.part == "all" else (arguments.part,)
    suffix = f"-{arguments.name}" if arguments.name else ""
    files = {"specimens": f"worlds-volumes{suffix}", "speed": f"volumes-speed{suffix}"}
    check_folder(arguments.output, [files[part] for part in parts])
    device, origin = start(arguments, ("identification", "deblurring"))
    if "specimens" in parts:
        report = run_volumes(
            arguments.images,
            arguments.specimen,
            arguments.noise,
            arguments.planes,
            arguments.method,
            arguments.seed,
            Machine(str(device), arguments.size),
            origin,
            arguments.side,
            suffix,
        )
        finish(report, arguments)
    if "speed" in parts:
        finish(run_speed(tuple(arguments.shape), origin, name=suffix), arguments)
