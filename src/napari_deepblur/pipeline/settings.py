"""The settings of a run, shared by widget, command line and Python, checked before anything is computed."""

from __future__ import annotations

import json
import math
import os
import warnings
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import ConfigDict, Field, ValidationError, model_validator

from napari_deepblur import operators
from napari_deepblur.errors import DeepblurError, SettingsError, UndersamplingWarning
from napari_deepblur.io.family_places import find_family
from napari_deepblur.io.output import replacing
from napari_deepblur.optics import Microscope
from napari_deepblur.pipeline.methods import NetworkRestoration, Restoration
from napari_deepblur.pipeline.options import as_options, as_parts, kinds
from napari_deepblur.pipeline.part import Part, in_words
from napari_deepblur.pipeline.parts import Blur, Compute, EstimatedNoise, FieldZernikeBlur, FileBlur, Noise, ZernikeBlur

if TYPE_CHECKING:
    from napari_deepblur.noise import PoissonGaussianNoise
    from napari_deepblur.operators import OperatorFamily

ZERNIKE_FAMILIES = tuple(kind for kind in kinds("blur") if kind != "file")
"""Names of the families that need no file."""

ASSUMABLE = ("na", "wavelength_um", "pixel_size_um", "n_immersion")
"""Optics without which there is no run, and for which there is a value where nobody states one."""

_PAPER_PSF, _PAPER_CUTOFF = 31, 0.261
_WIDEST_AUTO_PSF = 127


def _default_microscope() -> Microscope:
    """Return the paper's; nobody has stated it, so that nobody is warned that it is a little under-sampled."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndersamplingWarning)
        return Microscope()


class DeblurSettings(Part):
    """Everything that decides the result of `deblur`, beside the image.

    It has four parts, each of them a frozen model of its own, and the optics. It is made from parts, or from the
    options of the command line by their names, which are sorted into the parts: ``DeblurSettings(method="wiener")``.

    Raises
    ------
    SettingsError, MicroscopeError, NoiseError
        If a value is unknown or out of range. What makes a family impossible is found by `operator_family`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", title="Settings")

    microscope: Microscope | None = Field(
        None, description="The optics; by default those of the file of the blur, or of a Zernike blur the paper's"
    )
    channel_wavelengths_um: tuple[float, ...] | None = Field(
        None,
        min_length=1,
        description="Emission wavelength of each channel, where they differ; of Zernike blurs",
        json_schema_extra={"unit": "µm", "option": "wavelength_um"},
    )
    assumed: tuple[Literal["na", "wavelength_um", "pixel_size_um", "n_immersion"], ...] = Field(
        (), description="Which of the optics nobody stated: they are assumptions, in results and records as well"
    )
    blur: Blur = Field(default_factory=ZernikeBlur, description="Which blurs are possible")
    noise: Noise = Field(default_factory=EstimatedNoise, description="How noisy the image is")
    restore: Restoration = Field(default_factory=NetworkRestoration, description="How the blur is removed")
    compute: Compute = Field(default_factory=Compute, description="Where and with what to compute")

    @model_validator(mode="before")
    @classmethod
    def _sorted(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        optics = values.get("microscope")
        if isinstance(optics, dict) and "assumed" not in values:
            # What is left out has a default, which nobody has stated.
            values = values | {"assumed": tuple(name for name in ASSUMABLE if name not in optics)}
        return as_parts(values)

    @model_validator(mode="after")
    def _with_optics(self) -> Self:
        if self.microscope is None and not isinstance(self.blur, FileBlur):
            # Frozen for others: this is still its making, so that settings that mean the same are the same.
            object.__setattr__(self, "microscope", _default_microscope())
            object.__setattr__(self, "assumed", ASSUMABLE)
        return self

    @model_validator(mode="after")
    def _only_wavelengths_that_light_has(self) -> Self:
        if self.channel_wavelengths_um is not None:
            if isinstance(self.blur, FileBlur):
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
            raise SettingsError(in_words(error)) from error

    def replace(self, **changes: Any) -> Self:
        """Return the same with some parts or options changed, and all of it checked."""
        parts = {name: value for name, value in changes.items() if name in type(self).model_fields}
        others = {name: value for name, value in changes.items() if name not in parts}
        changed = super().replace(**parts) if parts else self
        return type(self)(**as_options(changed, others.get("method")) | others) if others else changed

    @property
    def stated_pixel_size_um(self) -> float | None:
        """The pixel size, if the image, an option or a family says it; None where it was only assumed."""
        return None if "pixel_size_um" in self.assumed or self.microscope is None else self.microscope.pixel_size_um

    @property
    def optics(self) -> Microscope:
        """The microscope; the paper's where only the file of the blur could say more."""
        return _default_microscope() if self.microscope is None else self.microscope

    def operator_family(self, shape: tuple[int, int]) -> OperatorFamily:
        """Make or read the operator family for an image of that shape.

        Raises
        ------
        FamilyError, FamilyFileError
            If it cannot be made or read.
        SettingsError
            If the family of a file has another pixel size than the microscope of these settings.
        """
        # Only now: it reads tensors, and settings are made long before.
        from napari_deepblur.io.families import load_family

        blur = self.blur
        if isinstance(blur, FileBlur):
            family = load_family(self.family_file or "")
            if self.microscope is not None and family.pixel_size_um is not None:
                check_pixel_size(family.pixel_size_um, self.microscope.pixel_size_um)
            return family
        values = blur.model_dump(exclude={"family", "theta", "origin"})
        if blur.psf_size == "auto":
            values["psf_size"] = recommended_psf_size(self.optics)
        if values.get("field_shape", ()) is None:
            values["field_shape"] = tuple(o + n for o, n in zip(self.origin, shape, strict=True))
        made: OperatorFamily = getattr(operators, blur.makes)(self.optics, **values)
        return made

    def microscope_of(self, channel: int) -> Microscope:
        """Return the optics of a channel; raises `MicroscopeError` where its wavelength is impossible."""
        if self.channel_wavelengths_um is None:
            return self.optics
        return replace(self.optics, wavelength_um=self.channel_wavelengths_um[channel])

    def of_channel(self, channel: int) -> Self:
        """Return the settings of one channel, with its own wavelength, where channels have their own."""
        if self.channel_wavelengths_um is None:
            return self
        return self.replace(microscope=self.microscope_of(channel), channel_wavelengths_um=None)

    @property
    def origin(self) -> tuple[int, int]:
        """First pixel (row, column) of the image in the field; (0, 0) where the blur is the same everywhere."""
        return self.blur.origin if isinstance(self.blur, FieldZernikeBlur | FileBlur) else (0, 0)

    @property
    def family_file(self) -> Path | None:
        """The file of a calibrated family; None for the others. Raises `FamilyFileError` if there is none."""
        if not isinstance(self.blur, FileBlur):
            return None
        if self.blur.file is None:
            raise SettingsError(
                "The family of these settings was an object in Python. Write it to a file with `save_family`, and give "
                "the file."
            )
        return find_family(self.blur.file)

    def known_noise(self) -> PoissonGaussianNoise | None:
        """Return the noise in the units of the image, or None where it is to be estimated."""
        return self.noise.model()


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
    """Write settings as JSON; raises `OutputError` if the file cannot be written.

    The file of a blur is named by its whole path, as the settings may be read in another folder.
    """
    blur = settings.blur
    if isinstance(blur, FileBlur) and blur.file is not None and Path(blur.file).exists():
        settings = settings.replace(blur=blur.replace(file=str(Path(blur.file).absolute())))
    with replacing(path) as partial:
        partial.write_text(settings.model_dump_json(indent=2) + "\n", encoding="utf-8")


def load_settings(path: str | os.PathLike[str]) -> DeblurSettings:
    """Read settings that `save_settings` wrote.

    Raises
    ------
    SettingsError
        If the file is missing, is not JSON, says a setting twice, or holds unknown or impossible settings.
    """
    try:
        # Some editors of Windows begin a file with a mark.
        text = Path(path).read_text(encoding="utf-8-sig")
        _check_said_once(text)
        return DeblurSettings.model_validate_json(text)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"The settings file {path} cannot be read ({error}).") from error
    except ValidationError as error:
        try:
            words = in_words(error)
        except DeepblurError as diagnosis:
            raise type(diagnosis)(f"{path}: {diagnosis}") from error
        raise SettingsError(f"{path}: {words}") from error
    except DeepblurError as error:
        raise type(error)(f"{path}: {error}") from error


def _check_said_once(text: str) -> None:
    """Raise a `SettingsError` if JSON says a setting twice, of which it would take the last without a word."""
    twice: set[str] = set()

    def keep(pairs: list[tuple[str, Any]]) -> None:
        names = [name for name, _ in pairs]
        twice.update(name for name in names if names.count(name) > 1)

    # That it is no JSON is said with what is wrong in it.
    with suppress(ValueError, RecursionError):
        json.loads(text, object_pairs_hook=keep)
    if twice:
        raise SettingsError(f"It says {', '.join(sorted(twice))} more than once. Remove all but the one that counts.")
