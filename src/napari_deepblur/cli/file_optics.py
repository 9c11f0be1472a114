"""The optics that an image file states, and what is said about them on standard error."""

from __future__ import annotations

import math
import sys
from collections.abc import Container
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_deepblur.errors import SettingsError

if TYPE_CHECKING:
    from napari_deepblur.optics import Microscope

_SQUARE = 1e-3
"""Relative difference of the two pixel sizes below which a pixel counts as square."""

_WORDS = {
    "pixel_size_um": "Pixel size {} um",
    "na": "Numerical aperture {}",
    "n_immersion": "Refractive index of the immersion {}",
    "wavelength_um": "Emission wavelength {} um",
    "channel_wavelengths_um": "Emission wavelengths of the channels {} um",
}


def file_optics(
    image: Path, given: Container[str], *, calibrated: bool = False, channels: int = 0, quiet: bool = False
) -> dict[str, Any]:
    """Read what an image file says about its optics, and say so.

    Parameters
    ----------
    image
        The file.
    given
        Names of values that are known already; the file is not asked for them.
    calibrated
        Whether a calibrated family brings its own optics: only the pixel size is then taken.
    channels
        Number of channels that the image has.
    quiet
        Say nothing.

    Returns
    -------
    dict
        Those of `Microscope` that the file states, and ``"channel_wavelengths_um"`` where its channels differ.

    Raises
    ------
    SettingsError
        If the file states pixels that are not square.
    """
    from napari_deepblur.io.acquisition_files import read_acquisition

    said = read_acquisition(image)
    found: dict[str, Any] = {}
    if said.pixel_size_um is not None and "pixel_size_um" not in given:
        height, width = said.pixel_size_um
        if not math.isclose(height, width, rel_tol=_SQUARE):
            raise SettingsError(
                f"{image.name} says that its pixels are not square ({height:.4g} x {width:.4g} um), and a point spread "
                "function of the optics would be a different one along each axis. Resample the image, or give "
                "--pixel-size-um if the file is wrong."
            )
        found["pixel_size_um"] = width
    if not calibrated:
        for name, value in (("na", said.na), ("n_immersion", said.n_immersion)):
            if value is not None and name not in given:
                found[name] = value
        known = [value for value in said.wavelengths_um if value is not None]
        if known and "wavelength_um" not in given and len(known) == len(said.wavelengths_um):
            if len(set(known)) == 1:
                found["wavelength_um"] = known[0]
            elif len(known) == channels:
                found |= {"wavelength_um": known[0], "channel_wavelengths_um": tuple(known)}
    if not quiet:
        for name, words in _WORDS.items():
            values = found.get(name, ())
            if not (name == "wavelength_um" and "channel_wavelengths_um" in found):
                _say(words, values if isinstance(values, tuple) else (values,), image)
    return found


def say_assumed(microscope: Microscope, known: Container[str], image: Path) -> None:
    """Name the values of a microscope that neither the image file nor an option gave.

    Parameters
    ----------
    microscope
        With defaults in place of what nobody said.
    known
        Names of the values that somebody did.
    image
        The file.
    """
    assumed = [
        words[:1].lower() + words[1:].format(f"{getattr(microscope, name):g}")
        for name, words in _WORDS.items()
        if name not in known and hasattr(microscope, name)
    ]
    if assumed:
        print(
            f"Assumed, as neither {image.name} nor an option says: {', '.join(assumed)}. Wrong optics, wrong blur.",
            file=sys.stderr,
        )


def _say(words: str, values: tuple[float, ...], image: Path) -> None:
    if values:
        numbers = ", ".join(f"{value:g}" for value in values)
        print(f"{words.format(numbers)}, as {image.name} says.", file=sys.stderr)
