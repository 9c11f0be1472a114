"""Whether what the command line states is heeded, and what is said where it is not."""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Container, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_deepblur.errors import AssumptionWarning, SettingsError
from napari_deepblur.pipeline.overruled import WORDS

if TYPE_CHECKING:
    from napari_deepblur.pipeline import DeblurSettings


def heeding(settings: DeblurSettings, given: Container[str]) -> DeblurSettings:
    """Return the settings, if their blur and noise have every option that was given.

    Files of settings may name others, as older ones name all.

    Parameters
    ----------
    settings
        As made of the options.
    given
        Names of the options that the command line has.

    Raises
    ------
    SettingsError
        Naming the first option that would not be heeded.
    """
    from napari_deepblur.pipeline.options import options

    kinds = {"blur": settings.blur.family, "noise": settings.noise.kind}
    for own in options():
        if own.name in given and own.part in kinds and own.variants and kinds[own.part] not in own.variants:
            option = f"--{own.name.replace('_', '-')}"
            if own.part == "noise":
                raise SettingsError(f"{option} is of noise that is known: give --alpha and --beta, or leave it out.")
            having = " or ".join("one in a file" if kind == "file" else kind for kind in own.variants)
            chosen = settings.family_file.name if settings.family_file is not None else kinds["blur"]
            raise SettingsError(f"{option} is for the family {having}, and {chosen} does not have it. Leave it out.")
    return settings


def guessed(known: Container[str], image: Path) -> str:
    """Name the optics that are only defaults, where a microscope cannot be: they may be what is wrong with it.

    Parameters
    ----------
    known
        Names of the numbers that somebody stated.
    image
        The file of the image.

    Returns
    -------
    str
        A sentence; empty where all were stated.
    """
    from napari_deepblur.optics import Microscope

    words = {"na": "numerical aperture", "wavelength_um": "emission wavelength", "n_immersion": "immersion index"}
    defaults = {
        field.name: field.default
        for field in dataclasses.fields(Microscope)
        if field.name in words and field.name not in known
    }
    if not defaults:
        return ""
    numbers = ", ".join(f"{words[name]} {value:g}" for name, value in defaults.items())
    options = ", ".join(f"--{name.replace('_', '-')}" for name in defaults)
    return f" Neither {image.name} nor an option says {numbers}, which were assumed: give {options}."


def warn_of_the_family(family: str, measured: Mapping[str, Any], stated: Mapping[str, Any]) -> None:
    """Warn where options say other optics than those that a calibrated family was measured with.

    Parameters
    ----------
    family
        What it is called.
    measured
        Its optics; empty where it has none.
    stated
        By options.
    """
    for name, value in stated.items():
        own = measured.get(name)
        # Other pixels are refused.
        if name in ("na", "n_immersion", "wavelength_um") and own is not None and not math.isclose(own, value):
            option = f"--{name.replace('_', '-')}"
            words = (
                f"The blurs of {family} were measured with {WORDS[name].format(f'{own:g}').lower()}, which counts for"
            )
            warnings.warn(f"{words} them, but {option} says {value:g}.", AssumptionWarning, stacklevel=3)
