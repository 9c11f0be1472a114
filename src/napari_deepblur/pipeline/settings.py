"""The settings of a run, shared by widget, command line and Python, checked before anything is computed."""

from __future__ import annotations

import math
import os
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from napari_deepblur.errors import DeepblurError, SettingsError, UndersamplingWarning
from napari_deepblur.io.families import find_family, load_family
from napari_deepblur.io.output import replacing
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import FieldZernikeFamily, OperatorFamily, ZernikeFamily
from napari_deepblur.operators.families import DEFAULT_MODES
from napari_deepblur.optics import Microscope

Method = Literal["network", "richardson-lucy", "total-variation", "wiener"]
"""Ways to restore an image once its blur is known."""

Tile = Literal["auto"] | Annotated[int, Field(ge=128)] | None
"""Tiles: chosen by memory, of a side in pixels, or None for the whole image at once."""

ZERNIKE_FAMILIES = ("zernike", "field-zernike")
"""Names of the families that need no file."""

IN_MEMORY = "in memory"
"""Name of a family that was given to Python as an object."""

_PAPER_PSF, _PAPER_CUTOFF = 31, 0.261
_WIDEST_AUTO_PSF = 127


def _default_microscope() -> Microscope:
    """Return the paper's; nobody has stated it, so that nobody is warned that it is a little under-sampled."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndersamplingWarning)
        return Microscope()


class DeblurSettings(BaseModel):
    """Everything that decides the result of `deblur`, beside the image.

    Attributes
    ----------
    microscope
        The optics.
    family
        ``"zernike"``, one aberrated PSF for the whole field; ``"field-zernike"``, aberrations that vary over the field;
        the file of a calibrated family or of one PSF (TIFF), or the name of a family that comes with the package.
    degree
        Of the polynomials of the field, for ``"field-zernike"``.
    origin
        First pixel (row, column) of the image in the field, where it shows a part of it.
    modes, max_amplitude, psf_size
        Of Zernike families; ``"auto"`` sizes the PSF by the sampling, 31 pixels in the paper's setting.
    noise
        ``"estimate"``, or (alpha, beta) in the units of the image.
    noise_offset
        Intensity of a pixel that receives no light, for a given noise.
    channel_wavelengths_um
        Emission wavelength of each channel in micrometres, where the channels of an image have their own; of Zernike
        families. Otherwise that of the microscope is the wavelength of all.
    theta
        Known parameters, in waves RMS for Zernike families; None to identify them.
    method
        How to restore.
    size
        ``"light"`` or ``"paper"`` networks; ``"auto"`` for the smallest that is installed.
    device
        See `devices.resolve_device`.
    tile
        ``"auto"``, None for the whole image at once, or a longest side in pixels.
    iterations, strength
        Of a classical method; None for its own.

    Raises
    ------
    SettingsError, MicroscopeError
        If a value is unknown or out of range. Family and noise are checked by `operator_family` and `known_noise`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    microscope: Microscope = Field(default_factory=lambda: _default_microscope())
    family: str = "zernike"
    degree: Literal[0, 1, 2] = 1
    origin: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]] = (0, 0)
    modes: tuple[int, ...] = DEFAULT_MODES
    max_amplitude: Literal["auto"] | float = 0.15
    psf_size: Literal["auto"] | int = "auto"
    noise: Literal["estimate"] | tuple[float, float] = "estimate"
    noise_offset: float = 0.0
    channel_wavelengths_um: tuple[float, ...] | None = None
    theta: tuple[float, ...] | None = None
    method: Method = "network"
    size: Literal["auto", "light", "paper"] = "auto"
    device: str = "auto"
    tile: Tile = "auto"
    iterations: Annotated[int, Field(ge=1)] | None = None
    strength: Annotated[float, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _only_what_the_method_has(self) -> DeblurSettings:
        if self.method == "network" and not (self.iterations is None and self.strength is None):
            raise ValueError("iterations and strength belong to the classical methods; the network has neither")
        return self

    @model_validator(mode="after")
    def _only_wavelengths_that_light_has(self) -> DeblurSettings:
        if self.channel_wavelengths_um is not None:
            if self.family not in ZERNIKE_FAMILIES:
                raise ValueError("a calibrated family was measured at one wavelength; leave those of channels out")
            with warnings.catch_warnings():
                # The run will say so.
                warnings.simplefilter("ignore", UndersamplingWarning)
                for channel in range(len(self.channel_wavelengths_um)):
                    self.microscope_of(channel)
        return self

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise SettingsError(_in_words(error)) from error

    def operator_family(self, shape: tuple[int, int]) -> OperatorFamily:
        """Make or read the operator family for an image of that shape.

        Raises
        ------
        FamilyError, FamilyFileError
            If it cannot be made or read.
        SettingsError
            If the family of a file has another pixel size than the microscope of these settings.
        """
        if self.family in ZERNIKE_FAMILIES:
            size = recommended_psf_size(self.microscope) if self.psf_size == "auto" else self.psf_size
            if self.family == "zernike":
                return ZernikeFamily(self.microscope, self.modes, self.max_amplitude, size)
            field = self.origin[0] + shape[0], self.origin[1] + shape[1]
            return FieldZernikeFamily(self.microscope, self.modes, self.degree, field, self.max_amplitude, size)
        if self.family == IN_MEMORY:
            raise SettingsError(
                "These settings are of a run with a family that was an object in Python. Write it to a file with "
                "`save_family`, and give the file."
            )
        family = load_family(find_family(self.family))
        if "microscope" in self.model_fields_set and family.pixel_size_um is not None:
            check_pixel_size(family.pixel_size_um, self.microscope.pixel_size_um)
        return family

    def microscope_of(self, channel: int) -> Microscope:
        """Return the optics of a channel; raises `MicroscopeError` where its wavelength is impossible."""
        if self.channel_wavelengths_um is None:
            return self.microscope
        return replace(self.microscope, wavelength_um=self.channel_wavelengths_um[channel])

    @property
    def family_file(self) -> Path | None:
        """The file of a calibrated family; None for the others. Raises `FamilyFileError` if there is none."""
        return None if self.family in ZERNIKE_FAMILIES else find_family(self.family)

    def known_noise(self) -> PoissonGaussianNoise | None:
        """Return the noise in the units of the image, or None where it is to be estimated."""
        return None if self.noise == "estimate" else PoissonGaussianNoise(*self.noise, self.noise_offset)


def check_pixel_size(family_um: float, image_um: float) -> None:
    """Raise a `SettingsError` if a family was made for another pixel size than the image's."""
    if not math.isclose(family_um, image_um, rel_tol=0.01):
        raise SettingsError(
            f"The family was made for pixels of {family_um:g} um, but the image has pixels of {image_um:g} um. "
            "It is of another microscope or binning: choose its own family, or correct the pixel size."
        )


def recommended_psf_size(microscope: Microscope) -> int:
    """Side of the PSF that holds what 31 pixels hold in the paper's setting: 31 * 0.261 / fc, odd, from 31 to 127."""
    half = math.ceil(_PAPER_PSF * _PAPER_CUTOFF / microscope.cutoff / 2 - 0.5)
    return int(min(max(2 * half + 1, _PAPER_PSF), _WIDEST_AUTO_PSF))


def save_settings(settings: DeblurSettings, path: str | os.PathLike[str]) -> None:
    """Write settings as JSON; raises `OutputError` if the file cannot be written."""
    with replacing(path) as partial:
        partial.write_text(settings.model_dump_json(indent=2) + "\n", encoding="utf-8")


def load_settings(path: str | os.PathLike[str]) -> DeblurSettings:
    """Read settings that `save_settings` wrote.

    Raises
    ------
    SettingsError
        If the file is missing, is not JSON, or holds unknown or impossible settings.
    """
    try:
        return DeblurSettings.model_validate_json(Path(path).read_text(encoding="utf-8"))
    except ValidationError as error:
        raise SettingsError(f"{path}: {_in_words(error)}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"The settings file {path} cannot be read ({error}).") from error


def _in_words(error: ValidationError) -> str:
    for detail in error.errors():
        # Errors of our own, raised while a microscope was made, are already a diagnosis.
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, DeepblurError):
            raise cause
    parts = [f"{'.'.join(map(str, d['loc']))}: {d['msg']}, found {d['input']!r}" for d in error.errors()]
    return "Settings that cannot be used: " + "; ".join(parts)
