"""`benchmark honesty`: what the verdict says of images of 35 kinds, most of which the program was not made for."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from benchmarks.command.machine import add_data, add_machine, check_counts, finish, start

if TYPE_CHECKING:
    from napari_deepblur.cli.arguments import Verbs

_IMAGES = 300


def add_to(kinds: Verbs) -> None:
    """Add the verb."""
    words = "the verdict on images of many kinds, in and out of what the program was made for"
    parser = kinds.add_parser("honesty", help=words, description=f"Measure {words}.")
    add_data(parser, f"number of images ({_IMAGES})")
    add_machine(parser)
    parser.set_defaults(work=run, benchmark="honesty")


def run(arguments: argparse.Namespace) -> None:
    """Deblur images of all kinds, and compare the verdicts with the truth."""
    from benchmarks.honesty.by_kind import run_honesty
    from benchmarks.honesty.survey import GOOD_ABOVE_DB
    from benchmarks.reports.odds_figure import draw_odds
    from benchmarks.reports.report import check_folder
    from napari_deepblur.networks.expectation import WRONG_BELOW_DB
    from napari_deepblur.restoration.verdict import WRONG_ODDS

    check_counts(arguments, "images", "threads")
    check_folder(arguments.output, ["honesty-kinds"])
    device, origin = start(arguments, ("identification", "deblurring"))
    images = _IMAGES if arguments.images is None else arguments.images
    report = run_honesty(arguments.data, images, arguments.seed, origin, str(device), arguments.size)
    found, odds = report.details["psf_snr_db"], report.details["odds"]
    wrong, good = [db < WRONG_BELOW_DB for db in found], [db > GOOD_ABOVE_DB for db in found]
    draw_odds(arguments.output / "honesty-kinds.png", odds, wrong, good, WRONG_ODDS[0])
    finish(report, arguments)
