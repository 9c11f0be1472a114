"""The parts of the settings: small frozen models, each with only its own fields, each field described once.

A field's description, unit and title are what the forms, the command line, the text of a run and the documentation are
made from (`pipeline.options`). A field is the option of the command line that has its name, or the one in ``option``.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, get_args

from pydantic import Field, model_validator

from napari_deepblur.errors import SettingsError
from napari_deepblur.identification.results import MOST_DRAWS
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators.families.facts import DEFAULT_MODES, Amplitude
from napari_deepblur.pipeline.methods import Restoration
from napari_deepblur.pipeline.part import Part, about

Tile = Literal["auto"] | Annotated[int, Field(ge=128)] | None
"""Tiles: chosen by memory, of a side in pixels, or None for the whole image at once."""

Pixels = tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]]
"""Row and column, or rows and columns."""


Theta = tuple[Annotated[float, Field(allow_inf_nan=False)], ...] | None

_THETA = about(
    None,
    "Known parameters of the blur, which is then not identified; of Zernike blurs in waves RMS",
    title="Coefficients",
    metavar="T",
    assumed="identified",
    deblurs_only=True,
)
_MODES = about(DEFAULT_MODES, "Noll modes that may be there, as 4-11 or 4,7,8", title="Modes", metavar="J-J")
_AMPLITUDE = about(
    "auto",
    "Largest expected coefficient of each mode; auto where nobody states one",
    title="Amplitude up to",
    unit="waves RMS",
    metavar="A",
)
_PSF_SIZE = about(
    "auto", "Side of the PSF, odd; auto for the one that suits the sampling", unit="pixels", title="PSF size"
)
_ORIGIN = about(
    (0, 0),
    "Row and column of the image's first pixel in the field; 0 0 where the image shows all of it",
    title="First pixel",
    unit="pixels",
    metavar=("ROW", "COLUMN"),
)


class ZernikeBlur(Part):
    """One aberrated PSF for the whole field."""

    makes: ClassVar = "ZernikeFamily"
    """The public name of the family."""

    family: Literal["zernike"] = about(
        "zernike",
        "Blurs that are possible: zernike, one for the whole field; field-zernike, varying over the field; the file of "
        "a calibrated family, of one PSF (TIFF, of several planes for a volume) or of a pupil; or demonstration",
        title="Blur model",
        metavar="FAMILY",
    )
    modes: tuple[int, ...] = _MODES
    max_amplitude: Amplitude = _AMPLITUDE
    psf_size: Literal["auto"] | int = _PSF_SIZE
    theta: Theta = _THETA


class FieldZernikeBlur(Part):
    """Aberrations that vary over the field, as polynomials of the place."""

    makes: ClassVar = "FieldZernikeFamily"
    """The public name of the family."""

    family: Literal["field-zernike"] = "field-zernike"
    modes: tuple[int, ...] = _MODES
    max_amplitude: Amplitude = _AMPLITUDE
    psf_size: Literal["auto"] | int = _PSF_SIZE
    degree: Literal[0, 1, 2] = about(
        1, "Degree of the polynomials of the field: 0 constant, 1 linear, 2 quadratic", title="Degree", metavar="N"
    )
    field_shape: Pixels | None = about(
        None,
        "Rows and columns of the field; by default from its first pixel to the image's last",
        title="Field",
        unit="pixels",
        assumed="the image's",
        metavar=("ROWS", "COLUMNS"),
    )
    rank: int | None = about(
        None,
        "Terms of the operator; by default the fewest that leave an error of 1 %",
        title="Terms",
        metavar="N",
        assumed="by error",
    )
    origin: Pixels = _ORIGIN
    theta: Theta = _THETA


class FileBlur(Part):
    """A family of blurs from a file, or the picture of one PSF."""

    makes: ClassVar = None

    family: Literal["file"] = "file"
    file: str | None = Field(
        None,
        description="File of a calibrated family or of one PSF (TIFF), or the name of a family in the package; None "
        "for an object in Python",
        json_schema_extra={"option": "family"},
    )
    origin: Pixels = _ORIGIN
    theta: Theta = _THETA


Blur = Annotated[ZernikeBlur | FieldZernikeBlur | FileBlur, Field(discriminator="family")]


class EstimatedNoise(Part):
    """Noise that is estimated from the image."""

    kind: Literal["estimate"] = about(
        "estimate",
        "Variance of a pixel = alpha x (signal - offset) + beta², in the intensity units of the image; estimated from "
        "the frequencies that the objective cannot pass, or given",
        title="Noise",
    )

    def model(self) -> None:
        """Return None: nobody knows it yet."""
        return None


class GivenNoise(Part):
    """Noise that is known, in the units of the image: its variance is alpha (signal - offset) + beta^2."""

    kind: Literal["given"] = "given"
    alpha: float = about(
        0.0,
        "Variance per unit of signal: gain in counts per photon",
        unit="intensity",
        title="alpha",
        assumed="estimated",
        least=0,
    )
    beta: float = about(
        0.0,
        "Standard deviation without light, the read noise",
        unit="intensity",
        title="beta",
        assumed="estimated",
        least=0,
    )
    offset: float = about(
        0.0,
        "Intensity of a pixel without light, the camera's offset",
        unit="intensity",
        title="offset",
        option="noise_offset",
        metavar="U",
    )

    @model_validator(mode="after")
    def _possible(self) -> GivenNoise:
        self.model()
        return self

    def model(self) -> PoissonGaussianNoise:
        """Return the noise; raises `NoiseError` where none can be like this."""
        return PoissonGaussianNoise(self.alpha, self.beta, self.offset)


Noise = Annotated[EstimatedNoise | GivenNoise, Field(discriminator="kind")]


class Compute(Part):
    """Where and with what to compute."""

    device: str = about(
        "auto",
        "Where to compute: auto, cpu, cuda, cuda:1, mps. auto: the first GPU that works, or else the processor",
        title="Device",
    )
    size: Literal["auto", "light", "paper"] = about(
        "auto", "Size of the networks; auto: the smallest that is installed", title="Network"
    )
    tile: Tile = about(
        "auto",
        "Side of the tiles; auto: by memory, none: the whole image at once",
        title="Tiles",
        unit="pixels",
        metavar="N",
        deblurs_only=True,
    )
    draws: Annotated[int, Field(ge=0, le=MOST_DRAWS)] = about(
        0,
        "Restorations with other blurs that are likely, too: their standard deviation is what the result owes to not "
        "knowing the blur. 0: none; 8 tell it to about a quarter",
        title="Spread over",
        metavar="N",
        deblurs_only=True,
    )

    @model_validator(mode="after")
    def _several(self) -> Compute:
        if self.draws == 1:
            raise SettingsError("One draw of the blur has no standard deviation: give 0 for none, or 2 and more.")
        return self


def variants(part: str) -> tuple[type[Part], ...]:
    """Return the models that a part of the settings may be."""
    union = {"blur": Blur, "noise": Noise, "restore": Restoration}.get(part)
    return (Compute,) if union is None else get_args(get_args(union)[0])
