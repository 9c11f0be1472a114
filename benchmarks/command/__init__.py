"""The verbs of `napari-deepblur benchmark`: each adds its options, measures, and writes JSON, a table and a figure."""

from __future__ import annotations

import argparse

from benchmarks.command import deblurring, field, honesty, identification, real, speed, volumes, worlds


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add a verb for each benchmark."""
    kinds = parser.add_subparsers(title="what to measure", metavar="WHAT", required=True)
    for benchmark in (identification, deblurring, real, field, worlds, volumes, honesty, speed):
        benchmark.add_to(kinds)
