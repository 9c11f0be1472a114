"""`benchmark field`: blurs that vary over the field."""

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
    words = "blurs that vary over the field, drawn from a calibrated family, identified and removed"
    parser = kinds.add_parser("field", help=words, description=f"Measure {words}.")
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="sharp images, as for training")
    parser.add_argument("--family", default="demonstration", metavar="FAMILY", help="file or name (demonstration)")
    add_machine(parser)
    parser.set_defaults(work=run, benchmark="field")


def run(arguments: argparse.Namespace) -> None:
    """Identify and remove blurs that vary over the field."""
    from dataclasses import replace

    from benchmarks.field.report import run_field
    from benchmarks.field.scenes import ADAPTED, AT_ONCE, FieldTask
    from benchmarks.reports import figures
    from benchmarks.reports.report import check_folder
    from napari_deepblur.io.families import find_family, load_family
    from napari_deepblur.operators import ProductConvolutionFamily
    from napari_deepblur.pipeline.network_choice import deblurring_weights, identification_weights
    from napari_deepblur.restoration.restorers import NetworkRestorer

    check_counts(arguments, "threads")
    check_folder(arguments.output, ["field"])
    file = find_family(arguments.family)
    family = load_family(file)
    if not isinstance(family, ProductConvolutionFamily):
        raise SettingsError(f"{arguments.family} holds a {type(family).__name__}, expected a calibrated family.")
    adapted = identification_weights(family, None, file)
    deblurring = deblurring_weights(family, arguments.size, file)
    networks = {AT_ONCE: None} if adapted is None else {ADAPTED: adapted.identification(), AT_ONCE: None}
    device, origin = start(arguments, ())
    files = {"identification": adapted, "deblurring": deblurring}
    used = {kind: weights.about.sha256 for kind, weights in files.items() if weights is not None}
    restorer = NetworkRestorer(deblurring.deblurring())
    task = FieldTask(arguments.data, family, networks, restorer, device, arguments.seed)
    origin = replace(origin, weights=used)
    cases, report = run_field(task, origin)
    figures.draw_field(arguments.output / "field.png", cases, next(iter(networks)))
    finish(report, arguments)
