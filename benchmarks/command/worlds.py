"""`benchmark worlds`: vectorial light, thick specimens, unknown amplitudes, and whether results are true."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.command.machine import add_machine, check_counts, finish, start
from napari_deepblur.errors import SettingsError

if TYPE_CHECKING:
    from benchmarks.simulation.worlds import Amplitude
    from napari_deepblur.cli.arguments import Verbs

PARTS = ("light", "thick", "amplitude", "truth")
NOISES = ("none", "1e5", "1e4", "medium", "high")
_OF_PART = {
    "light": NOISES,
    "thick": ("medium",),
    "amplitude": ("none", "medium", "high"),
    "truth": NOISES,
}
"""Noise levels of each part where none are asked for."""
_WORLDS_OF_PART = {"light": ("oil", "water", "scalar"), "truth": ("oil",)}
_SPECIMENS = ("filaments", "nuclei", "membranes", "spots")
_GRID, _SWEEP, _THICK, _TRUTH = 20, 40, 12, 16


def add_to(kinds: Verbs) -> None:
    """Add the verb."""
    words = "identification and restoration in worlds like real ones: vectorial light, depth, unknown amplitudes"
    parser = kinds.add_parser("worlds", help=words, description=f"Measure {words}.")
    parser.add_argument("--part", choices=(*PARTS, "all"), default="light", help="what to measure (light)")
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help="training folder; its validation split is the test (not for thick)"
    )
    counts = (
        f"number of images ({_GRID} for light, {_SWEEP} for amplitude, {_THICK} a row for thick, {_TRUTH} for truth)"
    )
    parser.add_argument("--images", type=int, metavar="N", help=counts)
    parser.add_argument("--kernels", type=int, default=_GRID, metavar="M", help=f"PSFs of light ({_GRID})")
    parser.add_argument("--noise", nargs="+", choices=NOISES, help="noise levels (those of the part)")
    parser.add_argument("--world", nargs="+", choices=_WORLDS_OF_PART["light"], help="of light (all) and truth (oil)")
    parser.add_argument("--specimen", nargs="+", choices=_SPECIMENS, help="of thick (all)")
    parser.add_argument(
        "--amplitude", choices=("stated", "auto"), default="stated", help="what light and thick state (the true one)"
    )
    parser.add_argument("--side", type=int, metavar="PIXELS", help="side of the images (400; 256 for thick)")
    add_machine(parser)
    parser.set_defaults(work=run, benchmark="worlds")


def run(arguments: argparse.Namespace) -> None:
    """Run one part, or all."""
    from benchmarks.reports.report import check_folder
    from benchmarks.simulation.images import PAPER_SIDE
    from benchmarks.simulation.worlds import AMPLITUDE, thick_world
    from benchmarks.worlds.estimates import Machine
    from benchmarks.worlds.light import Task, run_amplitude, run_light
    from benchmarks.worlds.thick import SIDE, run_thick
    from benchmarks.worlds.truth import run_truth

    parts = PARTS if arguments.part == "all" else (arguments.part,)
    check_counts(arguments, "images", "kernels", "threads")
    if arguments.data is None and parts != ("thick",):
        raise SettingsError(
            "Give --data with a training folder: all parts but thick blur images of its validation split."
        )
    if arguments.side is not None and arguments.side < 64:
        raise SettingsError(f"--side is {arguments.side}, expected at least 64 pixels.")
    auto = arguments.amplitude == "auto"
    names = {part: _name(arguments, part) for part in parts}
    check_folder(arguments.output, [f"worlds-{part}{name}" for part, name in names.items()])
    device, origin = start(arguments, ("identification", "deblurring"))
    machine = Machine(str(device), arguments.size)

    def told(true: float) -> Amplitude:
        return "auto" if auto else true

    for part in parts:
        noises = _chosen(arguments.noise, _OF_PART[part])
        worlds = _chosen(arguments.world, _WORLDS_OF_PART.get(part, ()))
        images = arguments.images or {"light": _GRID, "amplitude": _SWEEP, "thick": _THICK, "truth": _TRUTH}[part]
        side = arguments.side or (SIDE if part == "thick" else PAPER_SIDE)
        if part == "thick":
            kinds = _chosen(arguments.specimen, _SPECIMENS)
            amplitude = told(thick_world().truth.box)
            report = run_thick(
                images,
                noises,
                arguments.seed,
                machine,
                origin,
                kinds,
                side=side,
                amplitude=amplitude,
                name=names[part],
            )
        else:
            task = Task(arguments.data, images, arguments.kernels, noises, arguments.seed, side, machine)
            if part == "light":
                report = run_light(task, origin, worlds, told(AMPLITUDE), names[part])
            elif part == "amplitude":
                report = run_amplitude(task, origin, name=names[part])
            else:
                report = run_truth(task, origin, worlds, name=names[part])
        finish(report, arguments)


def _chosen(given: list[str] | None, own: tuple[str, ...]) -> tuple[str, ...]:
    return own if given is None else tuple(dict.fromkeys(given))


def _name(arguments: argparse.Namespace, part: str) -> str:
    """Say what is added to the name of the files: a run over a part of the table does not replace the whole."""
    chosen = list(arguments.noise or ())
    chosen += (arguments.world or ()) if part in _WORLDS_OF_PART else ()
    chosen += (arguments.specimen or ()) if part == "thick" else ()
    chosen += ["auto"] if arguments.amplitude == "auto" and part in ("light", "thick") else []
    return "".join(f"-{word}" for word in dict.fromkeys(chosen))
