"""`napari-deepblur benchmark`: how well blurs are identified and removed, and how fast, as tables and figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_deepblur.cli.benchmark import deblurring, field, identification, real, speed

if TYPE_CHECKING:
    from napari_deepblur.cli.arguments import Verbs


def add_to(verbs: Verbs) -> None:
    """Add the verb, with a verb of its own for each benchmark."""
    parser = verbs.add_parser(
        "benchmark",
        help="measure identification, deblurring and speed",
        description="Measure, and write JSON, a Markdown table and a figure for each benchmark.",
    )
    kinds = parser.add_subparsers(title="what to measure", metavar="WHAT", required=True)
    for benchmark in (identification, deblurring, real, field, speed):
        benchmark.add_to(kinds)
