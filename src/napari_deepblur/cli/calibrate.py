"""`napari-deepblur calibrate`: images of beads in, the microscope's own family of blurs out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_deepblur.batch.names import listed_files
from napari_deepblur.cli import calibrate_pupil
from napari_deepblur.cli.arguments import check_outputs
from napari_deepblur.cli.bead_optics import OPTICS, bead_microscope
from napari_deepblur.cli.progress import remark, run_with_bar
from napari_deepblur.errors import OutputError, SettingsError
from napari_deepblur.io.output import make_folder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_deepblur.cli.arguments import Verbs
    from napari_deepblur.optics import Microscope

_PATCH = 41
_DEMO_PATCH, _DEMO_BEAD_UM = 63, 0.1
_DEMO_NUMBERS = {"demo_stacks": 18, "demo_field": 512, "demo_photons": 2000.0}
"""Options of the demonstration, and what they are where they are not given."""


def add_to(verbs: Verbs) -> None:
    """Add the verb and its arguments."""
    parser = verbs.add_parser(
        "calibrate",
        help="learn a microscope's own blurs from images of beads",
        description="Learn the space-varying blurs of a microscope from stacks or single images of beads. "
        "With --pupil, find the pupil of one stack, for volumes. "
        "With --demo FOLDER, first write the stacks of a simulated microscope there, and calibrate that.",
    )
    parser.add_argument("stacks", type=Path, nargs="*", metavar="STACK.tif", help="bead stacks or images of one field")
    parser.add_argument("-o", "--output", type=Path, metavar="FAMILY.safetensors", help="the family, or the pupil")
    parser.add_argument(
        "--table", type=Path, metavar="BEADS.csv", help="write all beads, with what was wrong with them"
    )
    parser.add_argument("--figure", type=Path, metavar="FIGURE.png", help="draw eigen-PSFs, maps, errors and examples")
    parser.add_argument("--report", type=Path, metavar="REPORT.html", help="write a page: verdict, pictures, numbers")
    beads = parser.add_argument_group("beads")
    beads.add_argument("--bead-diameter-um", type=float, metavar="UM", help="their diameter, whose blur is removed")
    beads.add_argument("--patch-size", type=int, metavar="N", help="side of the PSFs in pixels, odd (41)")
    beads.add_argument(
        "--threshold", type=float, metavar="T", help="least height of a bead in the filtered image (8 x noise)"
    )
    beads.add_argument("--saturation", type=float, metavar="T", help="counts at which the camera saturates (found)")
    beads.add_argument("--keep-brightness", action="store_true", help="do not normalise: maps carry the vignetting")
    model = parser.add_argument_group("model")
    model.add_argument("--n-psfs", type=_count, metavar="I", help="number of eigen-PSFs (auto)")
    model.add_argument("--n-maps", type=_count, metavar="J", help="number of maps (auto)")
    calibrate_pupil.add_to(parser)
    optics = parser.add_argument_group("microscope", "Optional: removes noise beyond 2 fc, and goes into the family.")
    optics.add_argument("--na", type=float, help="numerical aperture of the objective")
    optics.add_argument("--wavelength-um", type=float, metavar="UM", help="emission wavelength in micrometres")
    optics.add_argument(
        "--pixel-size-um", type=float, metavar="UM", help="pixel size in the sample (what the file says)"
    )
    optics.add_argument("--n-immersion", type=float, metavar="N", help="refractive index of the immersion (1.51)")
    parser.add_argument("--scene", metavar="N", help="which image of files that hold several: its number or name")
    demo = parser.add_argument_group("demonstration")
    demo.add_argument(
        "--demo", type=Path, metavar="FOLDER", help="simulate a microscope, and write its bead stacks here"
    )
    demo.add_argument("--demo-stacks", type=int, metavar="N", help="number of stacks (18)")
    demo.add_argument("--demo-field", type=int, metavar="N", help="side of its field in pixels (512)")
    demo.add_argument("--demo-photons", type=float, metavar="N", help="photons at a bead's peak (2000)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar and no remarks")
    parser.set_defaults(work=work)


def work(arguments: argparse.Namespace) -> None:
    """Read or simulate the stacks, calibrate, and write what was asked for."""
    arguments.stacks = listed_files(arguments.stacks)
    pupil = calibrate_pupil.asked(arguments)
    _check_options(arguments)
    _check_folders(arguments)
    if pupil:
        calibrate_pupil.work(arguments)
        return
    if bool(arguments.stacks) == (arguments.demo is not None):
        raise SettingsError("Give bead stacks, or --demo FOLDER to simulate some: one of the two.")
    outputs = [
        path for path in (arguments.output, arguments.table, arguments.figure, arguments.report) if path is not None
    ]
    if not outputs and arguments.demo is None:
        raise SettingsError("Nothing would be written. Give --output, --table, --figure or --report.")
    if arguments.demo is not None:
        make_folder(arguments.demo)
    for stack in arguments.stacks or _demo_files(arguments):
        check_outputs(stack, *outputs)
    calibrate_pupil.check_names(arguments)

    from napari_deepblur.calibration import calibrate_steps, judge, report_html
    from napari_deepblur.io.bead_stacks import read_bead_stacks

    stacks: list[NDArray[Any]]
    microscope: Microscope | None
    if arguments.demo is not None:
        stacks, microscope = _simulated(arguments)
        if not outputs:
            return
    else:
        stacks, stated = read_bead_stacks(arguments.stacks, arguments.scene, arguments.pixel_size_um)
        microscope = bead_microscope(arguments, stated)
    demo = arguments.demo is not None
    steps = calibrate_steps(
        stacks,
        microscope,
        bead_diameter_um=_either(arguments.bead_diameter_um, _DEMO_BEAD_UM if demo else None),
        patch_size=_either(arguments.patch_size, _DEMO_PATCH if demo else _PATCH),
        normalise=not arguments.keep_brightness,
        n_psfs=_either(arguments.n_psfs, "auto"),
        n_maps=_either(arguments.n_maps, "auto"),
        threshold=arguments.threshold,
        saturation=arguments.saturation,
        names=[path.name for path in arguments.stacks],
    )
    found = run_with_bar(steps, arguments.quiet)
    if arguments.output is not None:
        from napari_deepblur.io.families import save_family

        save_family(found.family, arguments.output)
        if microscope is None:
            remark(arguments.quiet)(
                f"{arguments.output} does not say its microscope, so that no blur can be identified with it: it serves "
                "with a known theta only. Give --na and --wavelength-um, and calibrate again."
            )
    if arguments.table is not None:
        from napari_deepblur.io.output import replacing

        with replacing(arguments.table) as partial:
            partial.write_text(found.beads.as_csv(), encoding="utf-8")
    if arguments.figure is not None:
        from napari_deepblur.calibration.figure import figure_png
        from napari_deepblur.io.output import replacing

        with replacing(arguments.figure) as partial:
            partial.write_bytes(figure_png(found))
    if arguments.quiet and arguments.report is None:
        return
    findings = judge(found, stacks)
    if arguments.report is not None:
        from napari_deepblur import __version__
        from napari_deepblur.io.output import replacing

        name = "Demonstration" if demo else ", ".join(path.name for path in arguments.stacks)
        with replacing(arguments.report) as partial:
            partial.write_text(report_html(found, findings, name, __version__), encoding="utf-8")
    if not arguments.quiet:
        for name, number in found.beads.counts().items():
            print(f"{number:6d}  {name}")
        fewer = arguments.n_maps not in (None, "auto") and len(found.maps) < arguments.n_maps
        words = f" (of {arguments.n_maps} asked for: the beads show no more)" if fewer else ""
        print(f"{len(found.eigen_psfs)} eigen-PSFs, {len(found.maps)} maps{words}, {len(found.thetas)} planes")
        for finding in findings:
            print(f"{finding.level:>8}  {finding.title}: {finding.words}")


def _check_options(arguments: argparse.Namespace) -> None:
    """Refuse options that would not be heeded, and fill in those of the demonstration."""
    unheeded = list(_DEMO_NUMBERS) if arguments.demo is None else [*OPTICS, "scene"]
    wrong = [f"--{name.replace('_', '-')}" for name in unheeded if getattr(arguments, name) is not None]
    if wrong and arguments.demo is None:
        raise SettingsError(
            f"Only a simulated microscope has {' and '.join(wrong)}. Add --demo FOLDER, or leave it out."
        )
    if wrong:
        raise SettingsError(f"A simulated microscope has optics of its own. Leave out {' and '.join(wrong)}.")
    for name, value in _DEMO_NUMBERS.items():
        setattr(arguments, name, _either(getattr(arguments, name), value))


def _check_folders(arguments: argparse.Namespace) -> None:
    """Say of a folder that holds no image what it is: otherwise it were an input that outputs lie inside of."""
    from napari_deepblur.io.open_image import open_image

    for stack in arguments.stacks:
        if stack.is_dir():
            open_image(stack, arguments.scene).close()


def _demo_files(arguments: argparse.Namespace) -> list[Path]:
    """Return the bead stacks that the demonstration writes."""
    return [arguments.demo / f"beads-{index + 1:02d}.tif" for index in range(arguments.demo_stacks)]


def _either(given: Any, otherwise: Any) -> Any:
    """Return what was given, which may be nought, or what counts where nothing was."""
    return otherwise if given is None else given


def _simulated(arguments: argparse.Namespace) -> tuple[list[NDArray[Any]], Microscope]:
    """Simulate the demonstration's stacks, and write each as a TIFF file."""
    import numpy as np

    from napari_deepblur.calibration.demonstration import Demonstration, bead_stack
    from napari_deepblur.io.images import read_image, write_tiff

    side = arguments.demo_field
    beads = max(round(55 * (side + 80) ** 2 / 592**2), 1)
    demo = Demonstration(n_stacks=arguments.demo_stacks, field_shape=(side, side), n_beads=beads)
    stacks = []
    for index, path in enumerate(_demo_files(arguments)):
        stacks.append(bead_stack(demo, index, arguments.demo_photons))
        if path.exists() and not np.array_equal(read_image(path), stacks[-1]):
            # Nobody named this file: it may be somebody's own beads.
            raise OutputError(f"{path} is there already, with other beads, and is not replaced. Choose another folder.")
        write_tiff(path, stacks[-1], pixel_size_um=demo.microscope.pixel_size_um, axes="ZYX")
        if not arguments.quiet:
            print(path, flush=True)
    return stacks, demo.microscope


def _count(text: str) -> int | str:
    if text == "auto":
        return text
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} given, expected a whole number or auto") from None
