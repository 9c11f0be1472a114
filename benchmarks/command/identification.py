"""`benchmark identification`: PSF SNR over images, PSFs, noise, amplitude, sampling and size."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from benchmarks.command.machine import LEVELS, add_data, add_machine, check_counts, finish, start

if TYPE_CHECKING:
    from benchmarks.reports.report import Report
    from napari_deepblur.cli.arguments import Verbs

PARTS = ("map", "noise", "amplitude", "cutoff", "size", "calibration")
_MAP_IMAGES, _SWEEP_IMAGES = 100, 40


def add_to(kinds: Verbs) -> None:
    """Add the verb."""
    words = "PSF SNR in the paper's setting, over images and PSFs, noise, amplitude, sampling and size"
    parser = kinds.add_parser("identification", help=words, description=f"Measure the {words}.")
    parser.add_argument("--part", choices=(*PARTS, "all"), default="map", help="what to vary (map)")
    add_data(parser, f"number of test images ({_MAP_IMAGES} for the map, else {_SWEEP_IMAGES})")
    parser.add_argument("--kernels", type=int, default=100, metavar="M", help="PSFs of the map (100)")
    parser.add_argument(
        "--noise", nargs="+", choices=LEVELS, default=["none"], help="noise levels of map, amplitude, cutoff and size"
    )
    add_machine(parser)
    parser.set_defaults(work=run, benchmark="identification")


def run(arguments: argparse.Namespace) -> None:
    """Run one part, or all, of the identification benchmark."""
    from benchmarks.identification import calibration, identification_map, sweeps
    from benchmarks.identification.identified import Identifier
    from benchmarks.reports import figures
    from benchmarks.reports.report import check_folder
    from benchmarks.simulation.images import paper_family
    from napari_deepblur.io.weights import load_identification

    parts = PARTS if arguments.part == "all" else (arguments.part,)
    levels = tuple(dict.fromkeys(arguments.noise))
    check_counts(arguments, "images", "kernels", "threads")
    names = [f"map-{level}" for level in levels] if "map" in parts else []
    names += [part for part in parts if part != "map"]
    check_folder(arguments.output, [f"identification-{name}" for name in names])
    device, origin = start(arguments, ("identification",))
    identifier = Identifier(paper_family(), load_identification(arguments.size), device)
    sweep = sweeps.Sweep(arguments.data, identifier, arguments.images or _SWEEP_IMAGES, arguments.seed)
    ours = {"identify (dB)": "identify", "mean PSF (dB)": "mean PSF"}
    shares = {"within one std (%)": "within one std", "within two std (%)": "within two std"}
    y = "mean PSF SNR (dB)"

    def curves(report: Report, x: str, lines: dict[str, str], label: str = y, group: str = "noise") -> None:
        figures.draw_curves(arguments.output / f"{report.name}.png", report.rows, x, lines, report.title, label, group)
        finish(report, arguments)

    for part in parts:
        if part == "map":
            count = arguments.images or _MAP_IMAGES
            for level in levels:
                found, report = identification_map.run_map(
                    arguments.data, identifier, level, count, arguments.kernels, arguments.seed, origin
                )
                figures.draw_map(arguments.output / f"{report.name}.png", found, report.title)
                finish(report, arguments)
        elif part == "noise":
            curves(sweeps.sweep_noise(sweep, origin), "beta", {**ours, "network alone (dB)": "network alone"})
        elif part == "amplitude":
            curves(sweeps.sweep_amplitude(sweep, origin, levels), "amplitude (waves)", ours)
        elif part == "cutoff":
            curves(sweeps.sweep_cutoff(sweep, origin, levels), "fc (cycles per pixel)", ours)
        elif part == "size":
            curves(sweeps.sweep_size(sweep, origin, levels), "side (pixels)", ours)
        else:
            report = calibration.measure_calibration(sweep, origin)
            figures.draw_columns(arguments.output / f"{report.name}.png", report.rows, "noise", shares, report.title)
            finish(report, arguments)
