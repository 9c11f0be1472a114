"""Optics that count although the file of an image says other ones: what is said about it, whoever asks."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_deepblur.errors import AssumptionWarning

if TYPE_CHECKING:
    from napari_deepblur.io.acquisition import Acquisition
    from napari_deepblur.operators import OperatorFamily
    from napari_deepblur.optics import Microscope
    from napari_deepblur.pipeline.settings import DeblurSettings

WORDS = {
    "pixel_size_um": "Pixel size {} um",
    "na": "Numerical aperture {}",
    "n_immersion": "Refractive index of the immersion {}",
    "wavelength_um": "Emission wavelength {} um",
    "channel_wavelengths_um": "Emission wavelengths of the channels {} um",
}
"""What the numbers of the optics are called in a sentence."""

_AGREES = 0.01
"""Relative difference below which two statements about the same number agree."""


def overruled(
    said: Acquisition,
    name: str,
    chosen: Microscope,
    by: Mapping[str, str],
    channel_wavelengths_um: tuple[float, ...] | None = None,
) -> Iterator[str]:
    """Yield a sentence, with both numbers, for each number that counts and is not what the file of the image says.

    Parameters
    ----------
    said
        By the file.
    name
        Of the file.
    chosen
        The optics that count.
    by
        Who said the values that were not taken from the file, such as ``{"na": "--na"}``.
    channel_wavelengths_um
        Those that count, where the channels have their own.
    """
    stated: dict[str, tuple[float | None, ...]] = {
        "pixel_size_um": (None if said.pixel_size_um is None else said.pixel_size_um[1],),
        "na": (said.na,),
        "n_immersion": (said.n_immersion,),
        "wavelength_um": said.wavelengths_um,
    }
    for number, values in stated.items():
        counts: tuple[float, ...] = (getattr(chosen, number),)
        if number == "wavelength_um" and channel_wavelengths_um is not None:
            counts = channel_wavelengths_um
        if number in by and _contradict(counts, values):
            words = WORDS[number].format(_listed(counts))
            yield (
                f"{words} {'counts' if len(counts) == 1 else 'count'}, as {by[number]} says, but {name} says "
                f"{_listed(values)}. Is it of another image?"
            )


def warn_where_overruled(
    image: Any,
    settings: DeblurSettings,
    family: OperatorFamily | None = None,
    plane_spacing_um: float | None = None,
) -> None:
    """Warn where the optics of a run are not what the file of its image says; of an array nobody says anything.

    Parameters
    ----------
    image
        What `open_image` returned; any other states nothing.
    settings
        Of the run.
    family
        That was given, whose optics count; by default that of the settings, where a file has it.
    plane_spacing_um
        That counts, as `warn_of_spacing`.

    Raises
    ------
    SettingsError
        If the family was measured with pixels of another size.
    FamilyFileError
        If its file cannot be read.
    """
    from napari_deepblur.io.families import load_family
    from napari_deepblur.io.lazy_image import LazyImage
    from napari_deepblur.io.psf_files import PSF_SUFFIXES
    from napari_deepblur.pipeline.settings import ASSUMABLE, check_pixel_size

    if not isinstance(image, LazyImage):
        return
    said = image.acquisition
    warn_of_spacing(said, plane_spacing_um)
    file = settings.family_file if family is None and settings.microscope is None else None
    if file is not None and file.suffix.lower() not in PSF_SUFFIXES:
        # A picture of a PSF knows no optics.
        family = load_family(file)
    optics = settings.microscope if family is None else family.microscope
    measured = family is not None and family.measured is not None
    if family is not None and measured and family.pixel_size_um is not None and said.pixel_size_um is not None:
        check_pixel_size(family.pixel_size_um, said.pixel_size_um[1])
    if optics is None:
        return
    by = "the microscope" if family is None else "the family"
    stated = {name: f"{by} that was given" for name in ASSUMABLE if family is not None or name not in settings.assumed}
    several = settings.channel_wavelengths_um
    for words in overruled(said, Path(said.source).name or image.name, optics, stated, several):
        warnings.warn(words, AssumptionWarning, stacklevel=3)


def warn_of_spacing(said: Acquisition, given_um: float | None) -> None:
    """Warn where the planes of a stack are given another distance, of either sign, than its file says."""
    own = said.plane_spacing_um
    # What is no number is refused by whoever uses it.
    if (
        isinstance(given_um, Real)
        and math.isfinite(given_um)
        and given_um != 0
        and own is not None
        and not math.isclose(abs(given_um), own, rel_tol=_AGREES)
    ):
        words = (
            f"Plane spacing {abs(given_um):g} um counts, as was asked for, but {Path(said.source).name} says {own:g}."
        )
        warnings.warn(f"{words} Is it of another image?", AssumptionWarning, stacklevel=3)


def _contradict(counts: tuple[float, ...], stated: tuple[float | None, ...]) -> bool:
    """Tell whether the numbers of channels are others; one that is stated is of all.

    One that is given is a choice where any channel has it.
    """
    if len(counts) == 1:
        known = [value for value in stated if value is not None]
        return bool(known) and not any(math.isclose(value, counts[0], rel_tol=_AGREES) for value in known)
    if len(counts) != len(stated) and 1 not in (len(counts), len(stated)):
        return False
    most = max(len(counts), len(stated))
    pairs = zip(counts * (most // len(counts)), stated * (most // max(len(stated), 1)), strict=False)
    return any(value is not None and not math.isclose(value, own, rel_tol=_AGREES) for own, value in pairs)


def _listed(values: tuple[float | None, ...]) -> str:
    """Write numbers, each once where all are the same; ``-`` for one that is not stated."""
    known = values[:1] if len(set(values)) == 1 else values
    return ", ".join("-" if value is None else f"{value:g}" for value in known)
