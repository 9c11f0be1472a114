"""The optics that a file states: what they mean for a run, and what a result says of how it was taken."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Container, Sequence
from numbers import Real
from pathlib import Path
from typing import Any

from napari_deepblur.errors import SettingsError
from napari_deepblur.io.acquisition import SQUARE, Acquisition
from napari_deepblur.io.lazy_image import LazyImage
from napari_deepblur.optics import Microscope
from napari_deepblur.pipeline.settings import ASSUMABLE, DeblurSettings

USED = "settings of the run"
"""What the values of an `Acquisition` that a run was made with give as their origin."""


def stated_optics(
    said: Acquisition, given: Container[str] = (), *, calibrated: bool = False, channels: int = 0
) -> dict[str, Any]:
    """Return what a file says about its optics.

    Parameters
    ----------
    said
        By the file.
    given
        Names of values that are known already; the file is not asked for them.
    calibrated
        Whether a calibrated family brings its own optics: only the pixel size is then taken.
    channels
        Number of channels that the image has.

    Returns
    -------
    dict
        Those of `Microscope` that the file states, and ``"channel_wavelengths_um"`` where its channels differ. Where it
        states those of some channels only, the others get the default, and ``"wavelength_um"`` is not among the known.

    Raises
    ------
    SettingsError
        If the file states pixels that are not square.
    """
    found: dict[str, Any] = {}
    if said.pixel_size_um is not None and "pixel_size_um" not in given:
        height, width = said.pixel_size_um
        if not math.isclose(height, width, rel_tol=SQUARE):
            raise SettingsError(
                f"{Path(said.source).name} says that its pixels are not square ({height:.4g} x {width:.4g} um), and a "
                "point spread function of the optics would be a different one along each axis. Resample the image, or "
                "give --pixel-size-um if the file is wrong."
            )
        found["pixel_size_um"] = width
    if not calibrated:
        for name, value in (("na", said.na), ("n_immersion", said.n_immersion)):
            if value is not None and name not in given:
                found[name] = value
        if "wavelength_um" not in given:
            found |= _wavelengths(said.wavelengths_um, channels)
    return found


def with_file_optics(image: Any, axes: str, options: dict[str, Any]) -> dict[str, Any]:
    """Add to options without a microscope what the file of an image states, and what it does not state as assumed.

    Parameters
    ----------
    image
        What `open_image` returned; any other states nothing.
    axes
        Its axes.
    options
        Of the settings.
    """
    if "microscope" in options or not isinstance(image, LazyImage):
        return options
    found = stated_optics(image.acquisition, channels=channels_in(axes, image.shape))
    if not found:
        # As of an array: nobody has stated anything, so that nobody is warned that it is under-sampled.
        return options
    several = {name: found.pop(name) for name in ("channel_wavelengths_um",) if name in found}
    assumed = tuple(name for name in ASSUMABLE if name not in found)
    return {"microscope": Microscope(**found), "assumed": assumed, **several} | options


def channels_in(axes: str, shape: Sequence[int]) -> int:
    """Return the number of channels; 0 where there is no axis of them, or axes that do not fit."""
    return shape[axes.index("C")] if "C" in axes and len(axes) == len(shape) else 0


def taken_with(
    said: Acquisition, settings: DeblurSettings, channels: int = 0, plane_spacing_um: float | None = None
) -> Acquisition:
    """Return how a result was taken: what its image says, under the optics that counted, but those nobody stated.

    Parameters
    ----------
    said
        By the image.
    settings
        Of the run.
    channels
        Number of channels of the image; 0 where it has no axis of channels.
    plane_spacing_um
        That counted, of either sign, where one was given.
    """
    if isinstance(plane_spacing_um, Real) and abs(plane_spacing_um) != said.plane_spacing_um:
        origins = {**said.origins, "plane_spacing_um": USED}
        said = dataclasses.replace(said, plane_spacing_um=abs(plane_spacing_um), origins=origins)
    optics = settings.microscope
    if optics is None:
        return said
    used: dict[str, Any] = {
        name: getattr(optics, name) for name in ("na", "n_immersion") if name not in settings.assumed
    }
    if "wavelength_um" not in settings.assumed:
        used["wavelengths_um"] = settings.channel_wavelengths_um or (optics.wavelength_um,) * max(channels, 1)
    changed = {name: value for name, value in used.items() if value != getattr(said, name)}
    return dataclasses.replace(said, **changed, origins={**said.origins, **dict.fromkeys(changed, USED)})


def _wavelengths(stated: tuple[float | None, ...], channels: int) -> dict[str, Any]:
    """Return what the wavelengths of a file mean for an image of so many channels."""
    known = [value for value in stated if value is not None]
    if not known:
        return {}
    if len(set(known)) == 1 and len(known) == len(stated):
        return {"wavelength_um": known[0]}
    if len(stated) != channels:
        return {}
    assumed = next(field.default for field in dataclasses.fields(Microscope) if field.name == "wavelength_um")
    several = tuple(assumed if value is None else value for value in stated)
    complete = len(known) == len(stated)
    return {"channel_wavelengths_um": several} | ({"wavelength_um": known[0]} if complete else {})
