"""A run as text: the command, or the lines of Python, that compute the same pixels again."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_deepblur.errors import SettingsError
from napari_deepblur.pipeline.options import as_options, options
from napari_deepblur.pipeline.parts import FieldZernikeBlur, FileBlur, GivenNoise
from napari_deepblur.pipeline.settings import recommended_psf_size

if TYPE_CHECKING:
    from napari_deepblur.identification.volumes.identify import SpecimenChoice
    from napari_deepblur.pipeline.options import Option
    from napari_deepblur.pipeline.settings import DeblurSettings

_STATED_BY_FILES = ("na", "wavelength_um", "pixel_size_um", "n_immersion")
"""What an image file may state, and is therefore always named."""


class Input(NamedTuple):
    """What a run reads.

    Attributes
    ----------
    file
        The image file.
    axes
        Letters of its axes, without those of length one; where only the luminance is deblurred, without the colours.
    once
        Identify the blur on the first frame of each channel only.
    luminance
        Deblur the luminance of a colour image.
    volume_spacing_um
        Distance of the planes of a stack that is deblurred as one volume; None where planes are deblurred one by one.
    specimen
        Of a volume.
    scene
        Which image of a file that holds several, from 0; None where it holds one.
    """

    file: str = "image.tif"
    axes: str = "YX"
    once: bool = False
    luminance: bool = False
    volume_spacing_um: float | None = None
    specimen: SpecimenChoice = "auto"
    scene: int | None = None

    @property
    def arguments(self) -> str:
        """What a function of Python that reads it is given."""
        return repr(self.file) if self.scene is None else f"{self.file!r}, {self.scene}"

    @property
    def is_plane(self) -> bool:
        """Whether it is one gray plane."""
        return self.axes == "YX" and not self.luminance


def as_command_line(settings: DeblurSettings, image: Input, output: str = "deblurred.tif") -> str:
    """Write the command that makes the same result from a file.

    Parameters
    ----------
    settings
        Of the run.
    image
        What it reads.
    output
        File for the result.

    Returns
    -------
    str
        One command, quoted for a POSIX shell, which names the whole microscope and whatever else is not the default.

    Raises
    ------
    SettingsError
        If the family is an object in memory.
    """
    _check(settings)
    words = ["napari-deepblur", "deblur", image.file, "-o", output]
    if image.scene is not None:
        words += ["--scene", str(image.scene)]
    if not image.is_plane:
        words += ["--axes", image.axes + "S" * image.luminance]
    words += ["--one-operator"] * image.once + ["--luminance"] * image.luminance
    if image.volume_spacing_um is not None:
        words += ["--volume", "--plane-spacing-um", str(image.volume_spacing_um), "--specimen", image.specimen]
    for option, value in _changed(settings):
        flag = "--" + option.name.replace("_", "-")
        several = option.name == "theta" or isinstance(option.more.get("metavar"), tuple)
        words += [flag, *map(str, value)] if several else [flag, _word(value)]
    return shlex.join(words)


def as_python(settings: DeblurSettings, image: Input) -> str:
    """Write the lines of Python that make the same result from a file.

    Parameters
    ----------
    settings
        Of the run.
    image
        What it reads.

    Returns
    -------
    str
        A script that leaves the restored pixels in ``restored``.

    Raises
    ------
    SettingsError
        If the family is an object in memory.
    """
    _check(settings)
    lines = _plane_in_python(settings, image) if image.is_plane else _series_in_python(settings, image)
    return "\n".join(lines) + "\n"


def _series_in_python(settings: DeblurSettings, image: Input) -> list[str]:
    """Write the run of all planes."""
    values = [f"axes={image.axes + 'S' * image.luminance!r}"]
    values += ["colours='luminance'"] * image.luminance + ["reuse='first'"] * image.once
    volume = image.volume_spacing_um is not None
    if volume:
        spacing = f"plane_spacing_um={image.volume_spacing_um!r}"
        values += ["volume=True", spacing, f"specimen={image.specimen!r}"]
    values += [] if settings.microscope is None else [f"microscope={_microscope(settings)}"]
    if settings.channel_wavelengths_um is not None:
        values.append(f"channel_wavelengths_um={settings.channel_wavelengths_um!r}")
    values += [f"{option.name}={value!r}" for option, value in _changed(settings) if option.part != "microscope"]
    return [
        f"from napari_deepblur import {'' if settings.microscope is None else 'Microscope, '}deblur_stack",
        "from napari_deepblur.io.stacks import read_stack",
        "",
        f"array, _ = read_stack({image.arguments})",
        f"result = deblur_stack(array, {', '.join(values)})",
        f"restored = result.{'volume' if volume else 'image'}",
    ]


def _plane_in_python(settings: DeblurSettings, image: Input) -> list[str]:
    """Write the run of one plane with the function that people know."""
    names, blur = ["deblur"], settings.blur
    changed = [(option, value) for option, value in _changed(settings) if option.part not in ("microscope", "noise")]
    arguments = [f"{option.name}={value!r}" for option, value in changed if not _is_of_family(option)]
    lines = [f"image = read_image({image.arguments})"]
    if isinstance(blur, FileBlur):
        lines.append(f"family = {blur.file!r}")
    else:
        size = recommended_psf_size(settings.optics) if blur.psf_size == "auto" else blur.psf_size
        numbers = {option.name: value for option, value in changed if _is_of_family(option)} | {"psf_size": size}
        parts = [f"{name}={value!r}" for name, value in numbers.items() if name not in ("family", "field_shape")]
        kind = blur.makes
        if isinstance(blur, FieldZernikeBlur):
            row, column = blur.origin
            ends = f"({row} + image.shape[0], {column} + image.shape[1])" if any(blur.origin) else "image.shape"
            parts.append(f"field_shape={blur.field_shape or ends}")
        names += ["Microscope", kind]
        lines.append(f"family = {kind}({', '.join([_microscope(settings), *parts])})")
    if isinstance(settings.noise, GivenNoise):
        names.append("PoissonGaussianNoise")
        noise = settings.noise
        arguments.append(f"noise=PoissonGaussianNoise({noise.alpha!r}, {noise.beta!r}, {noise.offset!r})")
    return [
        f"from napari_deepblur import {', '.join(sorted(names))}",
        "from napari_deepblur.io.images import read_image",
        "",
        *lines,
        f"result = deblur({', '.join(['image', 'family', *arguments])})",
        "restored = result.image",
    ]


def _is_of_family(option: Option) -> bool:
    """Tell whether an option is an argument of the family, and not of the run."""
    return option.part == "blur" and option.name not in ("theta", "origin")


def _check(settings: DeblurSettings) -> None:
    if isinstance(settings.blur, FileBlur) and settings.blur.file is None:
        raise SettingsError(
            "The family of this run is an object in memory. Write it to a file with `save_family`, and use the file."
        )


def _changed(settings: DeblurSettings) -> list[tuple[Option, Any]]:
    """Options that are not the default, and those that the image's file could state otherwise."""
    values = as_options(settings)
    optics = {} if settings.microscope is None else asdict(settings.microscope)
    if settings.channel_wavelengths_um is not None:
        optics["wavelength_um"] = settings.channel_wavelengths_um
    values |= optics
    return [
        (option, values[option.name])
        for option in options()
        if option.name in values
        and (option.name in (*_STATED_BY_FILES, "alpha", "beta") or values[option.name] != option.default)
    ]


def _microscope(settings: DeblurSettings) -> str:
    return f"Microscope({', '.join(f'{name}={value!r}' for name, value in asdict(settings.optics).items())})"


def _word(value: Any) -> str:
    if value is None:
        return "none"
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
