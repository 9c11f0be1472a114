"""The optics that an image file states, and what is said about them."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Container, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_deepblur.errors import AssumptionWarning
from napari_deepblur.pipeline.overruled import WORDS, overruled

if TYPE_CHECKING:
    from napari_deepblur.io.acquisition import Acquisition
    from napari_deepblur.optics import Microscope
    from napari_deepblur.pipeline import DeblurSettings


def file_optics(
    image: Path,
    given: Container[str],
    *,
    calibrated: bool = False,
    channels: int = 0,
    say: Callable[[str], object] = lambda words: None,
    scene: str | None = None,
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
    say
        Called with a sentence on each.
    scene
        Which image of the file.

    Returns
    -------
    dict
        As `stated_optics`.

    Raises
    ------
    SettingsError
        As `stated_optics`.
    """
    from napari_deepblur.io.acquisition_files import read_acquisition
    from napari_deepblur.pipeline.stated_optics import stated_optics

    said = read_acquisition(image, scene)
    found = stated_optics(said, given, calibrated=calibrated, channels=channels)
    for name, words in WORDS.items():
        values = found.get(name, ())
        if name == "channel_wavelengths_um" and values and "wavelength_um" not in found:
            say(_some_channels(said, values, image))
        elif values and not (name == "wavelength_um" and "channel_wavelengths_um" in found):
            numbers = ", ".join(f"{value:g}" for value in (values if isinstance(values, tuple) else (values,)))
            say(f"{words.format(numbers)}, as {image.name} says.")
    return found


def warn_overruled(
    image: Path,
    chosen: Microscope,
    by: Mapping[str, str],
    scene: str | None = None,
    channel_wavelengths_um: tuple[float, ...] | None = None,
) -> None:
    """Warn, with both numbers, where what counts is not what the file of the image says.

    Parameters
    ----------
    image
        The file.
    chosen
        The optics that count.
    by
        Who said the values that were not taken from the file, such as ``{"na": "--na"}``.
    scene
        Which image of the file.
    channel_wavelengths_um
        Those that count, where the channels have their own.
    """
    from napari_deepblur.io.acquisition_files import read_acquisition

    for words in overruled(read_acquisition(image, scene), image.name, chosen, by, channel_wavelengths_um):
        warnings.warn(words, AssumptionWarning, stacklevel=2)


def _some_channels(said: Acquisition, values: tuple[float, ...], image: Path) -> str:
    stated = said.wavelengths_um
    names = said.channels if len(said.channels) == len(stated) else tuple(map(str, range(1, len(stated) + 1)))
    numbers = ", ".join(f"{value:g}" for value in stated if value is not None)
    others = ", ".join(name for name, value in zip(names, stated, strict=True) if value is None)
    assumed = next(own for own, value in zip(values, stated, strict=True) if value is None)
    return f"Emission wavelengths {numbers} um, as {image.name} says; of {others} it says none, assumed {assumed:g} um."


def assumed_in_words(microscope: Microscope, known: Container[str], image: Path) -> str:
    """Name the values of a microscope that neither the image file nor an option gave; empty if there are none.

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
        for name, words in WORDS.items()
        if name not in known and hasattr(microscope, name)
    ]
    if not assumed:
        return ""
    return f"Assumed, as neither {image.name} nor an option says: {', '.join(assumed)}. Wrong optics, wrong blur."


def with_own_optics(
    settings: DeblurSettings, found: Mapping[str, Any], known: Container[str], channels: int
) -> DeblurSettings:
    """Return the settings of one of many images: its own optics, under what was said for all of them.

    Parameters
    ----------
    settings
        For all images. Those of a calibrated blur, which bring no microscope, stay as they are.
    found
        What this image says of itself, as `file_optics` returns it.
    known
        Names of the numbers that were said for all. What neither they nor the image say is taken over, as assumed.
    channels
        Number of channels that the image has; 0 for none.
    """
    from napari_deepblur.pipeline.settings import ASSUMABLE

    if settings.microscope is None:
        return settings
    own = {name: value for name, value in found.items() if name not in known}
    wavelengths = own.pop("channel_wavelengths_um", None) or settings.channel_wavelengths_um
    told = own | ({"wavelength_um": 0.0} if wavelengths is not None and "channel_wavelengths_um" in found else {})
    return settings.replace(
        microscope=dataclasses.replace(settings.microscope, **own),
        channel_wavelengths_um=wavelengths if wavelengths is not None and len(wavelengths) == channels else None,
        assumed=tuple(name for name in ASSUMABLE if name not in told and name not in known),
    )
