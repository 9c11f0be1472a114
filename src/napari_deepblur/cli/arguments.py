"""Arguments that several verbs share, and the settings they become."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_deepblur.cli.file_optics import file_optics, say_assumed
from napari_deepblur.errors import OutputError, SettingsError

if TYPE_CHECKING:
    from napari_deepblur.pipeline import DeblurSettings

    Verbs = argparse._SubParsersAction[Any]

_MICROSCOPE = ("na", "wavelength_um", "pixel_size_um", "n_immersion")
_AS_THEY_ARE = (
    *("family", "degree", "modes", "max_amplitude", "psf_size", "noise_offset"),
    *("device", "size", "method", "iterations", "strength", "tile"),
)
"""Settings whose options have their names and values."""


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add microscope, operator family, noise and device, whose defaults are those of the settings."""
    optics = parser.add_argument_group(
        "microscope (what the file says, unless --settings are given; else the defaults)"
    )
    optics.add_argument("--na", type=float, help="numerical aperture of the objective (1.41)")
    optics.add_argument(
        "--wavelength-um",
        type=wavelengths,
        metavar="UM",
        help="emission wavelength in micrometres (0.540); of channels one each, as 0.45,0.525",
    )
    optics.add_argument("--pixel-size-um", type=float, metavar="UM", help="pixel size in micrometres (0.100)")
    optics.add_argument("--n-immersion", type=float, metavar="N", help="refractive index of the immersion (1.51)")
    blur = parser.add_argument_group("blur and noise")
    blur.add_argument(
        "--family",
        metavar="FAMILY",
        help="zernike, field-zernike (varies over the field), the file of a calibrated family or of one PSF (TIFF), or "
        "demonstration (zernike)",
    )
    blur.add_argument("--degree", type=int, metavar="N", help="of field-zernike's polynomials: 0, 1 or 2 (1)")
    blur.add_argument(
        "--origin", type=int, nargs=2, metavar=("ROW", "COLUMN"), help="first pixel of the image in the field (0 0)"
    )
    blur.add_argument("--modes", type=noll_modes, metavar="J-J", help="Noll modes that may be there, as 4-11 or 4,7,8")
    blur.add_argument("--max-amplitude", type=float, metavar="A", help="largest coefficient in waves RMS (0.15)")
    blur.add_argument("--psf-size", type=_number_or("auto"), metavar="N", help="side of the PSF in pixels, odd (auto)")
    blur.add_argument("--alpha", type=float, help="signal-dependent noise: variance per intensity (estimated)")
    blur.add_argument("--beta", type=float, help="signal-independent noise: standard deviation (estimated)")
    blur.add_argument("--noise-offset", type=float, metavar="U", help="intensity without light, beside --alpha (0)")
    run = parser.add_argument_group("run")
    run.add_argument("--device", help="auto, cpu, cuda, cuda:1, mps (auto)")
    run.add_argument("--size", help="networks: light, paper, auto (auto)")
    run.add_argument("--settings", type=Path, metavar="FILE", help="start from these settings (JSON)")
    run.add_argument("--save-settings", type=Path, metavar="FILE", help="write the settings that were used (JSON)")
    run.add_argument("--quiet", action="store_true", help="no progress bar and no remarks")


def read_settings(arguments: argparse.Namespace, image: Path, channels: int = 0) -> DeblurSettings:
    """Turn parsed arguments into checked settings: the settings file or what the image says, and the options over it.

    Parameters
    ----------
    arguments
        As parsed.
    image
        The image file.
    channels
        Number of channels that it has.

    Raises
    ------
    DeblurError
        A diagnosis of the first value that cannot be used.
    """
    from napari_deepblur.optics import Microscope
    from napari_deepblur.pipeline import DeblurSettings, load_settings

    values: dict[str, Any] = {}
    optics: dict[str, Any] = _optics_of(arguments.family)
    if arguments.settings is not None:
        loaded = load_settings(arguments.settings)
        values = {name: getattr(loaded, name) for name in type(loaded).model_fields}
        optics |= {name: getattr(loaded.microscope, name) for name in _MICROSCOPE}
    else:
        stated = [name for name in _MICROSCOPE if getattr(arguments, name) is not None]
        optics |= file_optics(image, stated, calibrated=bool(optics), channels=channels, quiet=arguments.quiet)
        values["channel_wavelengths_um"] = optics.pop("channel_wavelengths_um", None)
    given = {name: getattr(arguments, name) for name in _MICROSCOPE if getattr(arguments, name) is not None}
    if arguments.wavelength_um is not None:
        given["wavelength_um"] = arguments.wavelength_um[0]
        values["channel_wavelengths_um"] = arguments.wavelength_um if len(arguments.wavelength_um) > 1 else None
    if given or arguments.settings is None:
        values["microscope"] = Microscope(**optics | given)
        if arguments.settings is None and not arguments.quiet:
            say_assumed(values["microscope"], optics.keys() | given.keys(), image)
    for name in _AS_THEY_ARE:
        value = getattr(arguments, name, None)
        if value is not None:
            values[name] = None if value == "none" else value
    if arguments.origin is not None:
        values["origin"] = tuple(arguments.origin)
    if getattr(arguments, "theta", None) is not None:
        values["theta"] = tuple(arguments.theta)
    if (arguments.alpha is None) != (arguments.beta is None):
        raise SettingsError("--alpha and --beta belong together. Give both, or neither to estimate the noise.")
    if arguments.alpha is not None:
        values["noise"] = (arguments.alpha, arguments.beta)
    return DeblurSettings(**values)


def _optics_of(family: str | None) -> dict[str, float]:
    """Return the microscope of a calibrated family, as far as it is known."""
    from napari_deepblur.io.families import find_family, load_family
    from napari_deepblur.pipeline.settings import ZERNIKE_FAMILIES

    if family is None or family in ZERNIKE_FAMILIES:
        return {}
    microscope = load_family(find_family(family)).microscope
    return {} if microscope is None else {name: getattr(microscope, name) for name in _MICROSCOPE}


def check_outputs(image: Path, *outputs: Path | None) -> None:
    """Make sure, before any work, that every output can be written and that none would replace the input.

    Raises
    ------
    OutputError
        Naming the first that cannot.
    """
    from napari_deepblur.io.images import check_writable

    chosen = [path for path in outputs if path is not None]
    for index, path in enumerate(chosen):
        check_writable(path)
        if path.resolve() == image.resolve():
            raise OutputError(f"{path} is the input image, which is never overwritten. Choose another name.")
        if path.resolve() in [other.resolve() for other in chosen[:index]]:
            raise OutputError(f"{path} is asked for twice, for different contents. Choose different names.")


def wavelengths(text: str) -> tuple[float, ...]:
    """Read one wavelength, or several with commas between them."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} given, expected micrometres such as 0.525 or 0.45,0.525") from None


def noll_modes(text: str) -> tuple[int, ...]:
    """Read Noll indices: ``4-11``, ``4,7,8`` or a mixture, in the order given."""
    modes: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        try:
            found = list(range(int(first), int(last) + 1)) if dash else [int(first)]
        except ValueError:
            found = []
        if not found:
            raise argparse.ArgumentTypeError(f"{text!r} are no modes, expected such as 4-11 or 4,7,8")
        modes += found
    return tuple(modes)


def _number_or(*words: str) -> Any:
    def number(text: str) -> int | str:
        if text in words:
            return text
        try:
            return int(text)
        except ValueError:
            expected = " or ".join(["a whole number", *words])
            raise argparse.ArgumentTypeError(f"{text!r} given, expected {expected}") from None

    return number


tile_side = _number_or("auto", "none")
"""Reads the value of ``--tile``."""
