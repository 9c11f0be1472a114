"""`napari-deepblur benchmark`: how well blurs are identified and removed, and how fast, as tables and figures."""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_deepblur.errors import SettingsError

if TYPE_CHECKING:
    from napari_deepblur.benchmark.report import Report
    from napari_deepblur.cli.arguments import Verbs

LEVELS = ("none", "medium", "high")
PARTS = ("map", "noise", "amplitude", "cutoff", "size", "calibration")
_MAP_IMAGES, _SWEEP_IMAGES, _DEBLURRING_IMAGES = 100, 40, 40


def add_to(verbs: Verbs) -> None:
    """Add the verb, with a verb of its own for each benchmark."""
    parser = verbs.add_parser(
        "benchmark",
        help="measure identification, deblurring and speed",
        description="Measure, and write JSON, a Markdown table and a figure for each benchmark.",
    )
    kinds = parser.add_subparsers(title="what to measure", metavar="WHAT", required=True)
    _add_identification(kinds)
    _add_deblurring(kinds)
    _add_real(kinds)
    _add_field(kinds)
    _add_speed(kinds)


def _add_identification(kinds: Verbs) -> None:
    words = "PSF SNR in the paper's setting, over images and PSFs, noise, amplitude, sampling and size"
    parser = kinds.add_parser("identification", help=words, description=f"Measure the {words}.")
    parser.add_argument("--part", choices=(*PARTS, "all"), default="map", help="what to vary (map)")
    _add_data(parser, f"number of test images ({_MAP_IMAGES} for the map, else {_SWEEP_IMAGES})")
    parser.add_argument("--kernels", type=int, default=100, metavar="M", help="PSFs of the map (100)")
    parser.add_argument(
        "--noise", nargs="+", choices=LEVELS, default=["none"], help="noise levels of map, amplitude, cutoff and size"
    )
    _add_common(parser)
    parser.set_defaults(work=identification)


def _add_deblurring(kinds: Verbs) -> None:
    words = "restored images of all methods with estimated, true and average blurs, in the paper's setting"
    parser = kinds.add_parser("deblurring", help=words, description=f"Measure {words}.")
    _add_data(parser, f"number of test images ({_DEBLURRING_IMAGES})")
    parser.add_argument("--tuning-images", type=int, default=4, metavar="N", help="to choose parameters on (4)")
    parser.add_argument("--noise", nargs="+", choices=LEVELS, default=list(LEVELS), help="noise levels (all)")
    _add_common(parser)
    parser.set_defaults(work=deblurring)


def _add_real(kinds: Verbs) -> None:
    words = "results and PSFs of real images, with the whiteness of the residual"
    parser = kinds.add_parser("real", help=words, description=f"Show {words}.")
    parser.add_argument("--images", type=Path, nargs="+", metavar="PATH", help="image files of one plane")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="or: microscopy in its validation split")
    optics = parser.add_argument_group("microscope (that of the sample image: fc 0.217)")
    for name, words in (
        ("--na", "numerical aperture"),
        ("--wavelength-um", "emission wavelength in micrometres"),
        ("--pixel-size-um", "pixel size in micrometres"),
        ("--n-immersion", "refractive index of the immersion"),
    ):
        optics.add_argument(name, type=float, help=words)
    parser.add_argument("--method", default="network", help="how to restore (network)")
    _add_common(parser)
    parser.set_defaults(work=real)


def _add_field(kinds: Verbs) -> None:
    words = "blurs that vary over the field, drawn from a calibrated family, identified and removed"
    parser = kinds.add_parser("field", help=words, description=f"Measure {words}.")
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="sharp images, as for training")
    parser.add_argument("--family", default="demonstration", metavar="FAMILY", help="file or name (demonstration)")
    _add_common(parser)
    parser.set_defaults(work=field)


def _add_speed(kinds: Verbs) -> None:
    words = "time and memory against the size of the image, beside the paper's network with spatial-domain data steps"
    parser = kinds.add_parser("speed", help=words, description=f"Measure {words}.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512, 1024], metavar="N", help="(256 512 1024)")
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="timed runs of each (3)")
    parser.add_argument(
        "--largest-reference", type=int, default=1024, metavar="N", help="no reference for larger images (1024)"
    )
    _add_common(parser)
    parser.set_defaults(work=speed)


def _add_data(parser: argparse.ArgumentParser, images: str) -> None:
    parser.add_argument(
        "--data", type=Path, required=True, metavar="FOLDER", help="training folder; its validation split is the test"
    )
    parser.add_argument("--images", type=int, metavar="N", help=images)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (auto)")
    parser.add_argument("--threads", type=int, help="processor threads (all)")
    parser.add_argument("--size", choices=("auto", "light", "paper"), default="auto", help="networks (auto)")
    parser.add_argument("--seed", type=int, default=2026, help="(2026)")
    parser.add_argument(
        "--output", type=Path, default=Path("benchmarks/results"), metavar="FOLDER", help="(benchmarks/results)"
    )
    parser.add_argument("--quiet", action="store_true", help="do not print the tables")


def identification(arguments: argparse.Namespace) -> None:
    """Run one part, or all, of the identification benchmark."""
    from napari_deepblur.benchmark import calibration, figures, identification_map, sweeps
    from napari_deepblur.benchmark.identified import Identifier
    from napari_deepblur.benchmark.images import paper_family
    from napari_deepblur.benchmark.report import check_folder
    from napari_deepblur.io.weights import load_identification

    parts = PARTS if arguments.part == "all" else (arguments.part,)
    levels = tuple(dict.fromkeys(arguments.noise))
    _check_counts(arguments, "images", "kernels", "threads")
    names = [f"map-{level}" for level in levels] if "map" in parts else []
    names += [part for part in parts if part != "map"]
    check_folder(arguments.output, [f"identification-{name}" for name in names])
    device, origin = _start(arguments, ("identification",))
    identifier = Identifier(paper_family(), load_identification(arguments.size), device)
    sweep = sweeps.Sweep(arguments.data, identifier, arguments.images or _SWEEP_IMAGES, arguments.seed)
    ours = {"identify (dB)": "identify", "mean PSF (dB)": "mean PSF"}
    shares = {"within one std (%)": "within one std", "within two std (%)": "within two std"}
    y = "mean PSF SNR (dB)"

    def curves(report: Report, x: str, lines: dict[str, str], label: str = y, group: str = "noise") -> None:
        figures.draw_curves(arguments.output / f"{report.name}.png", report.rows, x, lines, report.title, label, group)
        _finish(report, arguments)

    for part in parts:
        if part == "map":
            count = arguments.images or _MAP_IMAGES
            for level in levels:
                found, report = identification_map.run_map(
                    arguments.data, identifier, level, count, arguments.kernels, arguments.seed, origin
                )
                figures.draw_map(arguments.output / f"{report.name}.png", found, report.title)
                _finish(report, arguments)
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
            _finish(report, arguments)


def deblurring(arguments: argparse.Namespace) -> None:
    """Restore the test images with every method."""
    from napari_deepblur.benchmark import figures
    from napari_deepblur.benchmark.deblurring import Task, report_name, run_deblurring
    from napari_deepblur.benchmark.identified import Identifier
    from napari_deepblur.benchmark.images import paper_family
    from napari_deepblur.benchmark.report import check_folder
    from napari_deepblur.io.weights import load_deblurring, load_identification
    from napari_deepblur.pipeline.restorers import NetworkRestorer

    _check_counts(arguments, "images", "tuning_images", "threads")
    levels = tuple(dict.fromkeys(arguments.noise))
    check_folder(arguments.output, [report_name(levels)])
    device, origin = _start(arguments, ("identification", "deblurring"))
    task = Task(
        arguments.data,
        Identifier(paper_family(), load_identification(arguments.size), device),
        NetworkRestorer(load_deblurring(arguments.size)),
        arguments.images or _DEBLURRING_IMAGES,
        arguments.tuning_images,
        arguments.seed,
    )
    report = run_deblurring(task, origin, levels)
    path = arguments.output / f"{report.name}.png"
    figures.draw_bars(path, report.rows, "method", "SSIM", "SSIM", reference="network, mean PSF")
    _finish(report, arguments)


def real(arguments: argparse.Namespace) -> None:
    """Deblur real images, and measure the whiteness of what is left."""
    from dataclasses import replace

    from napari_deepblur.benchmark import figures
    from napari_deepblur.benchmark import real as benchmark
    from napari_deepblur.benchmark.report import check_folder
    from napari_deepblur.pipeline import DeblurSettings
    from napari_deepblur.samples import sample_microscope

    if (arguments.images is None) == (arguments.data is None):
        raise SettingsError("Give either --images with files, or --data with a training folder.")
    _check_counts(arguments, "threads")
    check_folder(arguments.output, ["real"])
    device, origin = _start(arguments, ("identification", "deblurring"))
    optics = {name: getattr(arguments, name) for name in ("na", "wavelength_um", "pixel_size_um", "n_immersion")}
    settings = DeblurSettings(
        microscope=replace(sample_microscope(), **{key: value for key, value in optics.items() if value is not None}),
        method=arguments.method,
        size=arguments.size,
        device=str(device),
    )
    paths = benchmark.pool_images(arguments.data) if arguments.images is None else arguments.images
    cases, report = benchmark.run_real(paths, settings, origin)
    figures.draw_real(arguments.output / "real.png", cases)
    _finish(report, arguments)


def field(arguments: argparse.Namespace) -> None:
    """Identify and remove blurs that vary over the field."""
    from dataclasses import replace

    from napari_deepblur.benchmark import figures
    from napari_deepblur.benchmark.report import check_folder
    from napari_deepblur.benchmark.space_varying import ADAPTED, AT_ONCE, FieldTask, run_field
    from napari_deepblur.io.families import find_family, load_family
    from napari_deepblur.io.weights import describe_weights, load_deblurring
    from napari_deepblur.operators import ProductConvolutionFamily
    from napari_deepblur.pipeline.identification.network_choice import deblurring_weights_for, load_for, weights_for
    from napari_deepblur.pipeline.restorers import NetworkRestorer

    _check_counts(arguments, "threads")
    check_folder(arguments.output, ["field"])
    file = find_family(arguments.family)
    family = load_family(file)
    if not isinstance(family, ProductConvolutionFamily):
        raise SettingsError(f"{arguments.family} holds a {type(family).__name__}, expected a calibrated family.")
    adapted = load_for(family, None, file)
    networks = {AT_ONCE: None} if adapted is None else {ADAPTED: adapted, AT_ONCE: None}
    device, origin = _start(arguments, ())
    files = {
        "identification": weights_for(family, None, file),
        "deblurring": deblurring_weights_for(family, arguments.size, file),
    }
    used = {kind: describe_weights(path).sha256 for kind, path in files.items() if path is not None}
    restorer = NetworkRestorer(load_deblurring(files["deblurring"]))
    task = FieldTask(arguments.data, family, networks, restorer, device, arguments.seed)
    origin = replace(origin, weights=used)
    cases, report = run_field(task, origin)
    figures.draw_field(arguments.output / "field.png", cases, next(iter(networks)))
    _finish(report, arguments)


def speed(arguments: argparse.Namespace) -> None:
    """Time the pipeline beside the reference."""
    from napari_deepblur.benchmark import figures
    from napari_deepblur.benchmark.report import check_folder
    from napari_deepblur.benchmark.speed import VARIANTS, measure_speed

    if min(arguments.sizes) < 64:
        raise SettingsError(f"--sizes has {min(arguments.sizes)}, expected at least 64 pixels.")
    _check_counts(arguments, "repeats", "threads")
    check_folder(arguments.output, ["speed"])
    device, origin = _start(arguments, ())
    variants = VARIANTS if arguments.size == "auto" else (VARIANTS[0], arguments.size)
    report = measure_speed(
        sorted(set(arguments.sizes)), arguments.repeats, arguments.largest_reference, device, origin, variants
    )
    figures.draw_speed(arguments.output / "speed.png", report.rows, report.title)
    _finish(report, arguments)


def _start(arguments: argparse.Namespace, kinds: tuple[str, ...]) -> tuple[Any, Any]:
    """Resolve the device, set the threads, and collect where the numbers will come from."""
    import torch

    from napari_deepblur.benchmark.report import find_origin
    from napari_deepblur.errors import UndersamplingWarning
    from napari_deepblur.pipeline.devices import resolve_device

    # The paper's own setting is slightly under-sampled, which every table says.
    warnings.simplefilter("ignore", UndersamplingWarning)
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    device = resolve_device(arguments.device)
    return device, find_origin(command_line(arguments), arguments.seed, device, kinds, arguments.size)


def command_line(arguments: argparse.Namespace) -> str:
    """Write the command that gave these arguments, with FOLDER and PATHS for whatever lies on this machine."""
    words = ["napari-deepblur benchmark", arguments.work.__name__]
    for name, value in vars(arguments).items():
        if name in ("work", "output", "quiet", "device", "threads") or value in (None, "auto"):
            continue
        if name == "kernels" and arguments.part not in ("map", "all"):
            continue
        shown = {"data": "FOLDER", "images": "PATHS" if isinstance(value, list) else value}.get(name, value)
        if isinstance(shown, (list, tuple)):
            shown = " ".join(map(str, shown))
        words.append(f"--{name.replace('_', '-')} {shown}")
    return " ".join(words)


def _finish(report: Report, arguments: argparse.Namespace) -> None:
    from napari_deepblur.benchmark.report import write_report

    write_report(report, arguments.output)
    if not arguments.quiet:
        print(report.as_markdown(), flush=True)


def _check_counts(arguments: argparse.Namespace, *names: str) -> None:
    for name in names:
        value = getattr(arguments, name)
        if value is not None and value < 1:
            raise SettingsError(f"--{name.replace('_', '-')} is {value}, expected at least 1.")
