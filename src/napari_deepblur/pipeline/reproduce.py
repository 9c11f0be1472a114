"""A run as text: the command, or the lines of Python, that compute the same pixels again."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import Any, NamedTuple

from napari_deepblur.errors import SettingsError
from napari_deepblur.pipeline.settings import IN_MEMORY, ZERNIKE_FAMILIES, DeblurSettings, recommended_psf_size

_OPTIONS = (
    *("family", "degree", "origin", "modes", "max_amplitude", "psf_size", "noise_offset", "theta"),
    *("method", "iterations", "strength", "device", "size", "tile"),
)
"""Settings that are an option of the command line under their own name."""


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
    """

    file: str = "image.tif"
    axes: str = "YX"
    once: bool = False
    luminance: bool = False

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
    if not image.is_plane:
        words += ["--axes", image.axes + "S" * image.luminance]
    words += ["--one-operator"] * image.once + ["--luminance"] * image.luminance
    optics = asdict(settings.microscope)
    if settings.channel_wavelengths_um is not None:
        optics["wavelength_um"] = settings.channel_wavelengths_um
    for name, value in optics.items():
        words += [_option(name), *_words(value)]
    if isinstance(settings.noise, tuple):
        words += ["--alpha", *_words(settings.noise[0]), "--beta", *_words(settings.noise[1])]
    for name, value in _changed(settings, _OPTIONS).items():
        spaced = name in ("theta", "origin")
        words += [_option(name), *(str(part) for part in value)] if spaced else [_option(name), *_words(value)]
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
    """Write the run of all frames."""
    names = [name for name in type(settings).model_fields if name != "microscope"]
    values = [f"microscope=Microscope({_arguments(asdict(settings.microscope))})"]
    values += [f"{name}={value!r}" for name, value in _changed(settings, names).items()]
    needed = ["deblur_frames", "empty_result", "result_type", "write_frame"]
    reading = [f"array, _ = read_stack({image.file!r})"]
    kind = f"result_type({image.axes!r}, array.dtype)"
    if image.luminance:
        needed.insert(0, "Luminance")
        needed.remove("result_type")
        reading.append("array = Luminance(array)")
        kind = "'float32'"
    reuse = ", reuse='first'" if image.once else ""
    return [
        "from napari_deepblur import Microscope",
        "from napari_deepblur.io.stacks import read_stack",
        "from napari_deepblur.pipeline import DeblurSettings",
        f"from napari_deepblur.pipeline.series import {', '.join(needed)}",
        "",
        f"settings = DeblurSettings({', '.join(values)})",
        *reading,
        f"restored = empty_result(array.shape, {kind})",
        f"for frame in deblur_frames(array, {image.axes!r}, settings{reuse}):",
        f"    write_frame(restored, {image.axes!r}, frame.index, frame.image)",
    ]


def _plane_in_python(settings: DeblurSettings, image: Input) -> list[str]:
    """Write the run of one plane with the function that people know."""
    arguments: list[str] = []
    microscope = f"Microscope({_arguments(asdict(settings.microscope))})"
    names = ["Microscope", "deblur"]
    zernike = _arguments(_changed(settings, ("modes", "max_amplitude")))
    size = recommended_psf_size(settings.microscope) if settings.psf_size == "auto" else settings.psf_size
    lines = [f"image = read_image({image.file!r})"]
    if settings.family == "zernike":
        names.append("ZernikeFamily")
        parts = [microscope, zernike, f"psf_size={size}"]
        lines.append(f"family = ZernikeFamily({', '.join(filter(None, parts))})")
    elif settings.family == "field-zernike":
        names.append("FieldZernikeFamily")
        row, column = settings.origin
        field = f"field_shape=({row} + image.shape[0], {column} + image.shape[1])" if any(settings.origin) else ""
        field = field or "field_shape=image.shape"
        parts = [microscope, zernike, f"degree={settings.degree}", field, f"psf_size={size}"]
        lines.append(f"family = FieldZernikeFamily({', '.join(filter(None, parts))})")
    else:
        names.remove("Microscope")
        lines.append(f"family = {settings.family!r}")
    if isinstance(settings.noise, tuple):
        names.append("PoissonGaussianNoise")
        arguments.append(f"noise=PoissonGaussianNoise{(*settings.noise, settings.noise_offset)!r}")
    options = ("theta", "method", "device", "tile", "size", "iterations", "strength", "origin")
    arguments += [f"{name}={value!r}" for name, value in _changed(settings, options).items()]
    return [
        f"from napari_deepblur import {', '.join(sorted(names))}",
        "from napari_deepblur.io.images import read_image",
        "",
        *lines,
        f"result = deblur({', '.join(['image', 'family', *arguments])})",
        "restored = result.image",
    ]


def _check(settings: DeblurSettings) -> None:
    if settings.family == IN_MEMORY:
        raise SettingsError(
            "The family of this run is an object in memory. Write it to a file with `save_family`, and use the file."
        )


def _changed(settings: DeblurSettings, names: Any) -> dict[str, Any]:
    """Values that are not the default, and decide something for this family."""
    default = DeblurSettings()
    unused = {"modes", "max_amplitude", "psf_size"} if settings.family not in ZERNIKE_FAMILIES else set()
    unused |= {"degree"} if settings.family != "field-zernike" else set()
    values = {name: getattr(settings, name) for name in names if name not in unused}
    return {name: value for name, value in values.items() if value != getattr(default, name)}


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _words(value: Any) -> list[str]:
    if value is None:
        return ["none"]
    return [",".join(map(str, value)) if isinstance(value, tuple) else str(value)]


def _arguments(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in values.items())
