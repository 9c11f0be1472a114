"""Arguments that several verbs share, and the settings they become."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_deepblur.batch.file_optics import assumed_in_words, file_optics, warn_overruled
from napari_deepblur.cli.heeded import guessed, heeding, warn_of_the_family
from napari_deepblur.cli.option_table import GROUPS, stored
from napari_deepblur.cli.progress import remark
from napari_deepblur.errors import MicroscopeError, OutputError, SettingsError

if TYPE_CHECKING:
    from napari_deepblur.pipeline import DeblurSettings

    Verbs = argparse._SubParsersAction[Any]


_HIGHEST_NOLL = 10_000
"""Much beyond what families take, which say so themselves: a longer list only takes memory."""


def add_settings(parser: argparse.ArgumentParser, *, deblurs: bool) -> None:
    """Add an option for each field of the settings, in groups, whose defaults are those of the settings.

    Parameters
    ----------
    parser
        Of a verb.
    deblurs
        Whether the verb also removes the blur.
    """
    rows = [row for row in stored() if deblurs or not row["deblurs_only"]]
    for group, title in GROUPS.items():
        of_group = [row for row in rows if row["group"] == group]
        if of_group:
            added = parser.add_argument_group(title)
            for row in of_group:
                _add_option(added, row)
    files = parser.add_argument_group("files")
    files.add_argument("--scene", metavar="N", help="which image of a file that holds several: its number or name")
    files.add_argument("--settings", type=Path, metavar="FILE", help="start from these settings (JSON)")
    files.add_argument("--save-settings", type=Path, metavar="FILE", help="write the settings that were used (JSON)")
    files.add_argument(
        "--quiet",
        action="store_true",
        help="no progress bar, no remarks but on what was done otherwise",
    )


def _add_option(group: argparse._ArgumentGroup, row: dict[str, Any]) -> None:
    unit = f", in {row['unit']}" if row["unit"] else ""
    count, metavar = row["count"], row["metavar"]
    options: dict[str, Any] = {
        "type": reader(row),
        "nargs": count if count == "+" or isinstance(count, int) else None,
        "metavar": tuple(metavar) if isinstance(metavar, list) else metavar,
        "help": f"{row['description']}{unit} ({row['default']})".replace("%", "%%"),
    }
    group.add_argument(f"--{row['name'].replace('_', '-')}", **options)


def reader(row: dict[str, Any]) -> Any:
    """Return what reads the text of an option."""
    if row["count"] == "list":
        return {"int": noll_modes, "float": wavelengths}[row["kind"]]
    kind = {"int": int, "float": float, "str": str}[row["kind"]]
    return _number_or(kind, *row["words"]) if row["words"] else kind


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
    DeepblurError
        A diagnosis of the first value that cannot be used.
    """
    from napari_deepblur.optics import Microscope
    from napari_deepblur.pipeline import DeblurSettings, load_settings
    from napari_deepblur.pipeline.options import as_options
    from napari_deepblur.pipeline.settings import ASSUMABLE

    given = _given(arguments)
    names = [row["name"] for row in stored() if row["group"] == "microscope"]
    measured = _optics_of(arguments.family)
    optics: dict[str, Any] = dict(measured)
    by = dict.fromkeys(optics, f"the family {arguments.family}")
    values: dict[str, Any] = {}
    stored_optics: dict[str, Any] = {}
    asked = set(given)
    one_blur = _is_file(arguments.family)
    if arguments.settings is not None:
        loaded = load_settings(arguments.settings)
        values = as_options(loaded, given.get("method"))
        one_blur = one_blur or (arguments.family is None and loaded.blur.family == "file")
        stored_optics = {} if loaded.microscope is None else asdict(loaded.microscope)
        # What was only assumed for another image says nothing about this one.
        known = {name: value for name, value in stored_optics.items() if name not in loaded.assumed}
        optics |= known
        by |= dict.fromkeys(known, str(arguments.settings))
        asked |= set(names) - set(loaded.assumed)
    scene = getattr(arguments, "scene", None)
    found = file_optics(
        image,
        asked,
        calibrated=bool(measured),
        # A blur that was measured is that of all channels, whatever their light.
        channels=0 if one_blur else channels,
        say=remark(arguments.quiet),
        scene=scene,
    )
    if "channel_wavelengths_um" in found:
        values["channel_wavelengths_um"] = found.pop("channel_wavelengths_um")
    optics |= found
    several = given.get("wavelength_um")
    if several is not None:
        given["wavelength_um"] = several[0]
        values["channel_wavelengths_um"] = several if len(several) > 1 else None
    stated = {name: given.pop(name) for name in names if name in given}
    by = {name: who for name, who in by.items() if name not in found}
    by |= {name: f"--{name.replace('_', '-')}" for name in stated}
    optics |= stated
    if stated or found or arguments.settings is None:
        try:
            values["microscope"] = Microscope(**stored_optics | optics)
        except MicroscopeError as error:
            raise MicroscopeError(f"{error}{guessed(stored_optics.keys() | optics.keys(), image)}") from error
    if values.get("microscope") is not None:
        values["assumed"] = tuple(name for name in ASSUMABLE if name not in optics)
        # Of an image without channels several wavelengths are refused later.
        of_channels = values.get("channel_wavelengths_um") if channels else None
        warn_overruled(image, values["microscope"], by, scene, of_channels)
        words = assumed_in_words(values["microscope"], optics.keys(), image)
        if arguments.settings is None and words:
            remark(arguments.quiet)(words)
    warn_of_the_family(str(arguments.family), measured, stated)
    return heeding(DeblurSettings(**_values(values | given)), given)


def check_settings(arguments: argparse.Namespace) -> None:
    """Find what is wrong with the settings whatever the image, once, before the first of many images.

    Parameters
    ----------
    arguments
        As parsed. Optics that options state are left out: what they mean depends on what an image says of the others.

    Raises
    ------
    DeepblurError
        A diagnosis of the first value that cannot be used.
    """
    from napari_deepblur.checked_image import SMALLEST_SIDE
    from napari_deepblur.pipeline import DeblurSettings, load_settings
    from napari_deepblur.pipeline.options import as_options
    from napari_deepblur.pipeline.parts import ZernikeBlur

    given = _given(arguments)
    loaded = None if arguments.settings is None else load_settings(arguments.settings)
    values = {} if loaded is None else as_options(loaded, given.get("method"))
    optics = {row["name"] for row in stored() if row["group"] == "microscope"}
    settings = heeding(DeblurSettings(**_values(values | {name: given[name] for name in given.keys() - optics})), given)
    blur = settings.blur
    if not isinstance(blur, ZernikeBlur):
        _ = settings.family_file
        return
    # Whatever the optics and the field.
    family = settings.operator_family((SMALLEST_SIDE, SMALLEST_SIDE))
    if blur.theta is not None:
        family.check(blur.theta)


def _given(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the options that were given, by the names of the settings."""
    found = {row["name"]: getattr(arguments, row["name"], None) for row in stored()}
    given = {name: value for name, value in found.items() if value is not None}
    if ("alpha" in given) != ("beta" in given):
        raise SettingsError("--alpha and --beta belong together. Give both, or neither to estimate the noise.")
    return given


def _values(options: dict[str, Any]) -> dict[str, Any]:
    """Return options as settings take them: the word for nothing is None, but where it is one of an option's own."""
    own = {row["name"] for row in stored() if row["default"] == "none"}
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}
    return {name: None if value == "none" and name not in own else value for name, value in values.items()}


def _optics_of(family: str | None) -> dict[str, Any]:
    """Return the microscope of a calibrated family, as far as it is known."""
    from napari_deepblur.io.families import find_family, load_family
    from napari_deepblur.io.psf_files import PSF_SUFFIXES

    if family is None or not _is_file(family) or Path(family).suffix.lower() in PSF_SUFFIXES:
        # A picture of a PSF knows no optics, and whether it has one plane or several is for the run to see.
        return {}
    microscope = load_family(find_family(family)).microscope
    return {} if microscope is None else asdict(microscope)


def _is_file(family: str | None) -> bool:
    """Tell whether a blur is in a file, or in the package."""
    from napari_deepblur.pipeline.settings import ZERNIKE_FAMILIES

    return family is not None and family not in ZERNIKE_FAMILIES


def check_outputs(image: Path, *outputs: Path | None, read: Iterable[Path | str | None] = ()) -> None:
    """Make sure, before any work, that every output can be written and that none would replace what the run reads.

    Parameters
    ----------
    image
        The image file.
    *outputs
        Files to be.
    read
        Other files that the run reads: a family, settings, weights. What is no file is passed over.

    Raises
    ------
    OutputError
        Naming the first that cannot.
    """
    from napari_deepblur.io.output import check_writable, is_same_file, place_of
    from napari_deepblur.io.sinks.zarr import check_store
    from napari_deepblur.pipeline.own_places import check_not_read

    chosen = [path for path in outputs if path is not None]
    others = [Path(path) for path in read if path is not None]
    for index, path in enumerate(chosen):
        if path.suffix.lower() == ".zarr":
            check_store(path)
        else:
            check_writable(path)
        check_not_read(path, [image])
        for other in others:
            if is_same_file(path, other):
                raise OutputError(f"{path} is read by this run, and is never overwritten. Choose another name.")
        if place_of(path) in [place_of(other) for other in chosen[:index]]:
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
            if max(int(first), int(last or 0)) > _HIGHEST_NOLL:
                words = f"{text!r} has modes beyond Noll {_HIGHEST_NOLL}, which no image shows"
                raise argparse.ArgumentTypeError(words)
            found = list(range(int(first), int(last) + 1)) if dash else [int(first)]
        except ValueError:
            found = []
        if not found:
            raise argparse.ArgumentTypeError(f"{text!r} are no modes, expected such as 4-11 or 4,7,8")
        modes += found
    return tuple(modes)


def _number_or(kind: type[int] | type[float], *words: str) -> Any:
    def number(text: str) -> float | str:
        if text in words:
            return text
        try:
            return kind(text)
        except ValueError:
            expected = " or ".join(["a whole number" if kind is int else "a number", *words])
            raise argparse.ArgumentTypeError(f"{text!r} given, expected {expected}") from None

    return number
