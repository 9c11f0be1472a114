"""`napari-deepblur calibrate BEADS.tif --pupil`: one bead stack in, the microscope's pupil and its measured PSF out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from napari_deepblur.cli.arguments import check_outputs, noll_modes
from napari_deepblur.cli.bead_optics import bead_microscope
from napari_deepblur.cli.progress import run_with_bar
from napari_deepblur.errors import SettingsError
from napari_deepblur.io.output import (
    check_family_name,
    check_page_name,
    check_picture_name,
    check_table_name,
    check_tiff_name,
)

if TYPE_CHECKING:
    from napari_deepblur.calibration import PupilRetrieval

_OWN = ("plane_spacing_um", "modes", "amplitude", "psf")
_OTHERS = ("table", "keep_brightness", "n_psfs", "n_maps", "demo", "demo_stacks", "demo_field", "demo_photons")


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a pupil to those of the verb."""
    pupil = parser.add_argument_group(
        "pupil", "With --pupil: the wavefront of one stack through focus, for volumes. It needs the microscope."
    )
    pupil.add_argument(
        "--pupil", action="store_true", help="find the pupil, and not a family that varies over the field"
    )
    pupil.add_argument(
        "--plane-spacing-um", type=float, metavar="UM", help="distance of the planes, negative if taken the other way"
    )
    pupil.add_argument("--modes", type=noll_modes, metavar="J-J", help="Noll modes of the wavefront (5-21)")
    pupil.add_argument(
        "--amplitude", type=noll_modes, metavar="J,J", help="Noll modes of the transmission, as 4,11 (none)"
    )
    pupil.add_argument("--psf", type=Path, metavar="PSF.tif", help="write the measured PSF, which volumes take as well")


def asked(arguments: argparse.Namespace) -> bool:
    """Tell whether a pupil is asked for; raises `SettingsError` where options contradict each other."""
    words = {True: _OTHERS, False: _OWN}[arguments.pupil]
    wrong = [f"--{name.replace('_', '-')}" for name in words if getattr(arguments, name) not in (None, False)]
    if wrong:
        one = len(wrong) == 1
        verb = "is" if one else "are"
        other = "it" if one else "them"
        why = f"not for a pupil: leave out --pupil, or {other}" if arguments.pupil else "for a pupil: add --pupil"
        raise SettingsError(f"{' and '.join(wrong)} {verb} {why}.")
    return bool(arguments.pupil)


def check_names(arguments: argparse.Namespace) -> None:
    """Raise an `OutputError` if the name of an output promises another format, be it of a pupil or of a family."""
    for path, check in (
        (arguments.output, check_family_name),
        (arguments.psf, check_tiff_name),
        (arguments.table, check_table_name),
        (arguments.figure, check_picture_name),
        (arguments.report, check_page_name),
    ):
        if path is not None:
            check(path)


def work(arguments: argparse.Namespace) -> None:
    """Read one stack, find its pupil, and write what was asked for."""
    from napari_deepblur.calibration import PupilChoice, retrieve_pupil_steps
    from napari_deepblur.io.acquisition_files import read_acquisition
    from napari_deepblur.io.bead_stacks import read_bead_stacks
    from napari_deepblur.io.output import replacing
    from napari_deepblur.io.psf_stacks import save_psf_stack
    from napari_deepblur.io.pupil_files import save_pupil
    from napari_deepblur.pipeline.overruled import warn_of_spacing

    outputs = [path for path in (arguments.output, arguments.psf, arguments.figure, arguments.report) if path]
    if len(arguments.stacks) != 1 or not outputs:
        raise SettingsError(
            f"{len(arguments.stacks)} bead stacks are given, and {len(outputs)} files to write; expected one stack, "
            "and --output, --psf, --figure or --report."
        )
    source: Path = arguments.stacks[0]
    check_outputs(source, *outputs)
    check_names(arguments)
    stacks, stated = read_bead_stacks([source], arguments.scene, arguments.pixel_size_um)
    microscope = bead_microscope(arguments, stated)
    assert microscope is not None  # A pupil asks for one.
    said = read_acquisition(source, arguments.scene)
    warn_of_spacing(said, arguments.plane_spacing_um)
    spacing = said.plane_spacing_um if arguments.plane_spacing_um is None else arguments.plane_spacing_um
    if spacing is None:
        raise SettingsError(f"{source} does not say how far its planes are apart. Give --plane-spacing-um.")
    given = {
        "modes": arguments.modes,
        "amplitude": arguments.amplitude,
        "bead_diameter_um": arguments.bead_diameter_um,
        "patch_size": arguments.patch_size,
        "threshold": arguments.threshold,
        "saturation": arguments.saturation,
    }
    choice = PupilChoice(spacing, **{n: v for n, v in given.items() if v is not None})
    steps = retrieve_pupil_steps(stacks[0].squeeze(), microscope, choice)
    found = run_with_bar(steps, arguments.quiet)
    if arguments.output is not None:
        save_pupil(found.pupil, arguments.output, found.theta_std)
    if arguments.psf is not None:
        save_psf_stack(found.measured, arguments.psf, microscope.pixel_size_um, found.plane_spacing_um)
    if arguments.figure is not None:
        from napari_deepblur.calibration.pupil.figure import pupil_png

        with replacing(arguments.figure) as partial:
            partial.write_bytes(pupil_png(found))
    if arguments.report is not None:
        from napari_deepblur import __version__
        from napari_deepblur.calibration.pupil.page import pupil_html

        with replacing(arguments.report) as partial:
            partial.write_text(pupil_html(found, source.stem, __version__), encoding="utf-8")
    for note in found.notes:
        print(f"napari-deepblur: {note}", file=sys.stderr)
    if not arguments.quiet:
        _say(found)


def _say(found: PupilRetrieval) -> None:
    for j, name, value, spread in zip(found.modes, found.parameter_names, found.theta, found.theta_std, strict=True):
        print(f"{value:+8.4f} +- {spread:.4f} waves  Noll {j} {'' if name.startswith('Noll') else name}".rstrip())
    for j, value, spread in zip(found.amplitude_modes, found.amplitude, found.amplitude_std, strict=True):
        print(f"{value:+8.4f} +- {spread:.4f} of the transmission  Noll {j}")
    print(
        f"{found.rms:.3f} waves RMS from {len(found.places)} beads; modelled against measured PSF {found.psf_snr:.1f} "
        f"dB, of which noise allows {found.noise_snr:.1f} dB; misfit {found.misfit:.2f}"
    )
