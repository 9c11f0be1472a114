"""`napari-deepblur calibrate`: images of beads in, the microscope's own family of blurs out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_deepblur.batch.names import listed_files
from napari_deepblur.cli import calibrate_pupil
from napari_deepblur.cli.arguments import check_outputs
from napari_deepblur.cli.progress import run_with_bar
from napari_deepblur.errors import OutputError, SettingsError
from napari_deepblur.io.output import check_family_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_deepblur.cli.arguments import Verbs
    from napari_deepblur.optics import Microscope

_MICROSCOPE = ("na", "wavelength_um", "pixel_size_um", "n_immersion")
_DEMO_PATCH, _DEMO_BEAD_UM = 63, 0.1


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
    model.add_argument("--n-psfs", type=_count, default="auto", metavar="I", help="number of eigen-PSFs (auto)")
    model.add_argument("--n-maps", type=_count, default="auto", metavar="J", help="number of maps (auto)")
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
    demo.add_argument("--demo-stacks", type=int, default=18, metavar="N", help="number of stacks (18)")
    demo.add_argument("--demo-field", type=int, default=512, metavar="N", help="side of its field in pixels (512)")
    demo.add_argument("--demo-photons", type=float, default=2000.0, metavar="N", help="photons at a bead's peak (2000)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar and no remarks")
    parser.set_defaults(work=work)


def work(arguments: argparse.Namespace) -> None:
    """Read or simulate the stacks, calibrate, and write what was asked for."""
    arguments.stacks = listed_files(arguments.stacks)
    if calibrate_pupil.asked(arguments):
        from napari_deepblur.io.acquisition_files import read_acquisition

        sides = {path: read_acquisition(path, arguments.scene).pixel_size_um for path in arguments.stacks[:1]}
        stated = next((side[1] for side in sides.values() if side is not None), None)
        calibrate_pupil.work(arguments, _microscope(arguments, stated))
        return
    if bool(arguments.stacks) == (arguments.demo is not None):
        raise SettingsError("Give bead stacks, or --demo FOLDER to simulate some: one of the two.")
    outputs = [
        path for path in (arguments.output, arguments.table, arguments.figure, arguments.report) if path is not None
    ]
    if not outputs and arguments.demo is None:
        raise SettingsError("Nothing would be written. Give --output, --table, --figure or --report.")
    for stack in arguments.stacks or [arguments.demo]:
        check_outputs(stack, *outputs)
    if arguments.output is not None:
        check_family_name(arguments.output)

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
        microscope = _microscope(arguments, stated)
    demo = arguments.demo is not None
    steps = calibrate_steps(
        stacks,
        microscope,
        bead_diameter_um=arguments.bead_diameter_um or (_DEMO_BEAD_UM if demo else None),
        patch_size=arguments.patch_size or (_DEMO_PATCH if demo else 41),
        normalise=not arguments.keep_brightness,
        n_psfs=arguments.n_psfs,
        n_maps=arguments.n_maps,
        threshold=arguments.threshold,
        saturation=arguments.saturation,
    )
    found = run_with_bar(steps, arguments.quiet)
    if arguments.table is not None:
        from napari_deepblur.io.output import replacing

        with replacing(arguments.table) as partial:
            partial.write_text(found.beads.as_csv(), encoding="utf-8")
    if arguments.output is not None:
        from napari_deepblur.io.families import save_family

        save_family(found.family, arguments.output)
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
        print(f"{len(found.eigen_psfs)} eigen-PSFs, {len(found.maps)} maps, {len(found.thetas)} planes")
        for finding in findings:
            print(f"{finding.level:>8}  {finding.title}: {finding.words}")


def _microscope(arguments: argparse.Namespace, stated: float | None) -> Microscope | None:
    """Return the microscope that the options and the files describe, or none where the optics are not given."""
    from napari_deepblur.optics import Microscope

    given = {name: getattr(arguments, name) for name in _MICROSCOPE if getattr(arguments, name) is not None}
    if not given:
        return None
    if "na" not in given or "wavelength_um" not in given:
        raise SettingsError("A microscope needs at least --na and --wavelength-um. Give both, or none of its options.")
    if "pixel_size_um" not in given:
        if stated is None:
            raise SettingsError(f"{arguments.stacks[0]} does not say its pixel size. Give --pixel-size-um.")
        given["pixel_size_um"] = stated
    return Microscope(**given)


def _simulated(arguments: argparse.Namespace) -> tuple[list[NDArray[Any]], Microscope]:
    """Simulate the demonstration's stacks, and write each as a TIFF file."""
    from napari_deepblur.calibration.demonstration import Demonstration, bead_stack
    from napari_deepblur.io.images import write_tiff

    folder: Path = arguments.demo
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder {folder} cannot be made ({error.strerror}). Choose another one.") from error
    if arguments.demo_photons <= 0:
        raise SettingsError(f"--demo-photons is {arguments.demo_photons:g}, expected a positive number.")
    side = arguments.demo_field
    beads = max(round(55 * (side + 80) ** 2 / 592**2), 1)
    demo = Demonstration(n_stacks=arguments.demo_stacks, field_shape=(side, side), n_beads=beads)
    stacks = []
    for index in range(demo.n_stacks):
        stacks.append(bead_stack(demo, index, arguments.demo_photons))
        path = folder / f"beads-{index + 1:02d}.tif"
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
