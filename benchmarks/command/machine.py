"""What all benchmarks share on the command line: data, machine, origin of the numbers, and files that are written."""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_deepblur.errors import SettingsError

if TYPE_CHECKING:
    from benchmarks.reports.report import Report

LEVELS = ("none", "medium", "high")


def add_data(parser: argparse.ArgumentParser, images: str) -> None:
    """Add where the test images are, and how many."""
    parser.add_argument(
        "--data", type=Path, required=True, metavar="FOLDER", help="training folder; its validation split is the test"
    )
    parser.add_argument("--images", type=int, metavar="N", help=images)


def add_machine(parser: argparse.ArgumentParser) -> None:
    """Add where it is computed, with which seed and networks, and where it is written."""
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (auto)")
    parser.add_argument("--threads", type=int, help="processor threads (all)")
    parser.add_argument("--size", choices=("auto", "light", "paper"), default="auto", help="networks (auto)")
    parser.add_argument("--seed", type=int, default=2026, help="(2026)")
    parser.add_argument(
        "--output", type=Path, default=Path("benchmarks/results"), metavar="FOLDER", help="(benchmarks/results)"
    )
    parser.add_argument("--quiet", action="store_true", help="do not print the tables")


def start(arguments: argparse.Namespace, kinds: tuple[str, ...]) -> tuple[Any, Any]:
    """Resolve the device, set the threads, and collect where the numbers will come from."""
    import torch

    from benchmarks.reports.report import find_origin
    from napari_deepblur.devices import resolve_device
    from napari_deepblur.errors import UndersamplingWarning

    # The paper's own setting is slightly under-sampled, which every table says.
    warnings.simplefilter("ignore", UndersamplingWarning)
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    device = resolve_device(arguments.device)
    return device, find_origin(command_line(arguments), arguments.seed, device, kinds, arguments.size)


def command_line(arguments: argparse.Namespace) -> str:
    """Write the command that gave these arguments, with FOLDER and PATHS for whatever lies on this machine."""
    words = ["napari-deepblur benchmark", arguments.benchmark]
    for name, value in vars(arguments).items():
        if name in ("work", "benchmark", "output", "quiet", "device", "threads") or value in (None, "auto"):
            continue
        if name == "kernels" and arguments.part not in ("map", "light", "all"):
            continue
        shown = {"data": "FOLDER", "images": "PATHS" if isinstance(value, list) else value}.get(name, value)
        if isinstance(shown, (list, tuple)):
            shown = " ".join(map(str, shown))
        words.append(f"--{name.replace('_', '-')} {shown}")
    return " ".join(words)


def finish(report: Report, arguments: argparse.Namespace) -> None:
    """Write the report, and print it unless that is not wanted."""
    from benchmarks.reports.report import write_report

    write_report(report, arguments.output)
    if not arguments.quiet:
        print(report.as_markdown(), flush=True)


def check_counts(arguments: argparse.Namespace, *names: str) -> None:
    """Raise a `SettingsError` if one of these options is less than one."""
    for name in names:
        value = getattr(arguments, name)
        if value is not None and value < 1:
            raise SettingsError(f"--{name.replace('_', '-')} is {value}, expected at least 1.")
