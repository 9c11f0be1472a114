"""The microscope of bead stacks: as the options say, then as the files do, and what is told of where they differ."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_deepblur.batch.file_optics import assumed_in_words
from napari_deepblur.cli.progress import remark
from napari_deepblur.errors import AssumptionWarning, MicroscopeError, SettingsError
from napari_deepblur.pipeline.overruled import WORDS, overruled

if TYPE_CHECKING:
    from napari_deepblur.io.acquisition import Acquisition
    from napari_deepblur.optics import Microscope

OPTICS = ("na", "wavelength_um", "pixel_size_um", "n_immersion")
"""Options that are those of a `Microscope`."""


def bead_microscope(arguments: argparse.Namespace, pixel_size_um: float | None) -> Microscope | None:
    """Return the microscope of the stacks.

    Parameters
    ----------
    arguments
        Of ``calibrate``: what they state counts, and what they do not is what all of the files say alike.
    pixel_size_um
        As the files say it; None where they do not.

    Returns
    -------
    Microscope or None
        None where no option asks for one, and the files do not say one that can be.

    Raises
    ------
    SettingsError
        If numbers are missing that options need.
    MicroscopeError
        If what options and files say together cannot be.
    """
    from napari_deepblur.io.acquisition_files import read_acquisition
    from napari_deepblur.optics import Microscope

    said = {path: read_acquisition(path, arguments.scene) for path in arguments.stacks}
    given = {name: getattr(arguments, name) for name in OPTICS if getattr(arguments, name) is not None}
    stated = {name: value for name, value in _stated(list(said.values()), pixel_size_um).items() if name not in given}
    optics = stated | given
    asked = bool(given) or arguments.bead_diameter_um is not None or arguments.pupil
    missing = [name for name in ("na", "wavelength_um", "pixel_size_um") if name not in optics]
    if missing and not asked:
        return None
    if missing:
        raise SettingsError(_what_is_missing(arguments, missing))
    say = remark(arguments.quiet)
    try:
        microscope = Microscope(**optics)
    except MicroscopeError as error:
        if asked:
            raise
        say(f"The optics that {arguments.stacks[0].name} states are not used: {error}")
        return None
    for name, value in stated.items():
        say(f"{WORDS[name].format(f'{value:g}')}, as {arguments.stacks[0].name} says.")
    assumed = assumed_in_words(microscope, optics.keys(), arguments.stacks[0])
    if assumed:
        say(assumed)
    _warn_overruled(said, microscope, given)
    return microscope


def _stated(said: Sequence[Acquisition], pixel_size_um: float | None) -> dict[str, Any]:
    """Return what all files say alike."""
    from napari_deepblur.io.acquisition import common

    alike = common(list(said))
    known = set(alike.wavelengths_um) - {None}
    every = {
        "na": alike.na,
        "n_immersion": alike.n_immersion,
        "wavelength_um": known.pop() if len(known) == 1 else None,
        "pixel_size_um": pixel_size_um,
    }
    return {name: value for name, value in every.items() if value is not None}


def _what_is_missing(arguments: argparse.Namespace, missing: Sequence[str]) -> str:
    options = " and ".join(f"--{name.replace('_', '-')}" for name in missing)
    source = arguments.stacks[0]
    if missing == ["pixel_size_um"]:
        return f"{source} does not say its pixel size. Give --pixel-size-um."
    if arguments.pupil:
        why = "A pupil is that of a microscope, and of its immersion (--n-immersion)"
    elif arguments.bead_diameter_um is not None:
        why = "The diameter of the beads was given, but no microscope, which tells what is left of their blur"
    else:
        why = "A microscope needs at least --na and --wavelength-um. Give both, or none of its options"
    return f"{why}: {source.name} does not say what {options} would."


def _warn_overruled(said: Mapping[Path, Acquisition], chosen: Microscope, given: Mapping[str, float]) -> None:
    """Warn once of each number that an option states and a file states otherwise."""
    for name in given:
        by = {name: f"--{name.replace('_', '-')}"}
        words = (words for path, one in said.items() for words in overruled(one, path.name, chosen, by))
        first = next(words, None)
        if first is not None:
            warnings.warn(first, AssumptionWarning, stacklevel=2)
