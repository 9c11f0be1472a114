"""Which files are meant, and which file each becomes."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from glob import glob, has_magic
from pathlib import Path

from napari_deepblur.errors import ImageError, OutputError
from napari_deepblur.io.output import is_same_file, place_of, resolved

_SUFFIX = "_deblurred.ome.tif"
_OF_STORES = ("zarr.json", "OME")
"""What OME-Zarr has beside its images; hidden files of version 0.4 are found by no pattern."""

_UNSAFE = re.compile(r"[^\w.+-]+")
"""What some systems do not have in names of files: wells and scenes may have slashes and colons."""


def listed_files(paths: Sequence[Path]) -> list[Path]:
    """Return the files that are meant: shells of Windows leave ``*.tif`` to the program.

    Raises
    ------
    ImageError
        If there is one pattern, which no file matches. Among others it is kept, and fails by its own name.
    """
    files: dict[Path, Path] = {}
    for path in paths:
        found = [] if path.exists() else sorted(map(Path, glob(str(path), recursive=True)))
        # Beside the fields of a well, and the images of a series.
        found = [file for file in found if file.name not in _OF_STORES]
        # A pattern finds the folder of results, too; where there are but folders, they are named as what they are.
        for file in [file for file in found if not _is_mere_folder(file)] or found or [path]:
            # Patterns overlap; the same file is meant once, by whatever folders it is reached.
            files.setdefault(resolved(file.parent) / file.name, file)
    if len(files) == 1 and all(has_magic(str(path)) and not path.exists() for path in files.values()):
        raise ImageError(f"No file matches {paths[0]}. Check the folder, and the suffix.")
    return list(files.values())


def without_own_files(
    images: Sequence[Path], own: Sequence[str | Path | None], say: Callable[[str], object]
) -> list[Path]:
    """Leave out what a pattern finds beside images although the run reads or writes it: its report, settings, or blur.

    Parameters
    ----------
    images
        Image files; one alone is what it was named to be.
    own
        Files that belong to the run; what is none is passed over.
    say
        Called with a sentence on each that is left out.
    """
    files = [Path(file) for file in own if file is not None]
    mine = [image for image in images if len(images) > 1 and any(is_same_file(image, file) for file in files)]
    for image in mine:
        say(f"{image} belongs to this run, and is not deblurred.")
    return [image for image in images if image not in mine]


def name_of(image: Path) -> str:
    """Return what an image is called: its name, or inside of an OME-Zarr folder also the way that leads to it."""
    return "/".join(_parts(image))


def without_results(images: Sequence[Path], output: str, say: Callable[[str], object]) -> list[Path]:
    """Leave out results of this program that lie in the folder of the output: a pattern finds them on the next run.

    Parameters
    ----------
    images
        Image files.
    output
        As given.
    say
        Called with a sentence on those that are left out.

    Raises
    ------
    ImageError
        If nothing else is there.
    """
    from napari_deepblur.io.records import record_in

    folder = resolved(output)
    if len(images) < 2 or not folder.is_dir():
        return list(images)
    # A shell finds it, too, from the second run on.
    images = [image for image in images if resolved(image) != folder or not _is_mere_folder(image)]
    results = [image for image in images if resolved(image).parent == folder and record_in(image) is not None]
    if len(results) == len(images):
        raise ImageError(f"All {len(images)} images are results of this program in {output}, where results go.")
    if results:
        say(f"{len(results)} results of this program in {output} are not deblurred again.")
    return [image for image in images if image not in results]


def destinations(images: Sequence[Path], output: str, scene: str | None = None) -> list[tuple[Path, Path]]:
    """Say which file each image becomes.

    In a folder results are named after their images: ``a.tif`` becomes ``a_deblurred.ome.tif``, and the well ``A/1/0``
    of ``plate.ome.zarr``, which may be named as a folder or as a scene, ``plate_A_1_0_deblurred.ome.tif``.

    Parameters
    ----------
    images
        Image files.
    output
        As given: a file for one image; for several, a folder, which is made where it is missing. One image goes into a
        folder too, if it is there already or its name ends with a slash.
    scene
        Which image of each file was chosen: others of the same file have results of their own.

    Returns
    -------
    list of tuple
        Each image with its result.

    Raises
    ------
    OutputError
        If the output has no name, two images would become the same file, on some disks at least, a result would
        overwrite an image, or the folder cannot be made.
    """
    if not output.strip():
        raise OutputError(
            "The output has no name. Is a variable of the shell empty? Give the name of a file or folder."
        )
    folder = Path(output)
    separators = tuple(mark for mark in (os.sep, os.altsep) if mark)
    is_store = folder.suffix.lower() == ".zarr"
    # Shells that complete the name of a store end it with a slash, as that of any folder.
    if len(images) == 1 and (is_store or not (folder.is_dir() or output.endswith(separators))):
        if not (folder.suffix or folder.exists() or folder.is_symlink()):
            raise OutputError(
                f"{output} names no format: the name of a file ends with .tif or .ome.zarr, and that of a folder that "
                f"is not there yet with a slash, {output}{os.sep}."
            )
        return [(images[0], folder)]
    if len(images) > 1 and (is_store or (folder.suffix.lower() in (".tif", ".tiff") and not folder.is_dir())):
        raise OutputError(
            f"{output} is the name of one file, but there are {len(images)} images: give a folder as output, such as "
            f"{folder.with_name(folder.name.removesuffix(folder.suffix).removesuffix('.ome'))}{os.sep}."
        )
    made: dict[str, tuple[Path, Path]] = {}
    places = {place_of(image) for image in images}
    for image in images:
        target = folder / (_stem(image, scene) + _SUFFIX)
        place = place_of(target)
        if place in made:
            other, same = made[place]
            but = "" if same == target else f": {same} is the same name on many disks, which know no capitals"
            raise OutputError(
                f"{other} and {image} would both become {target}{but}. Rename one of them, or give their folders one "
                "after another, each with an output of its own."
            )
        if place in places:
            raise OutputError(
                f"{target} is itself one of the images, which are never overwritten. Choose another folder."
            )
        made[place] = image, target
    inside = [image for image in images if image.is_dir() and image.resolve() in (folder / "result").resolve().parents]
    if inside:
        raise OutputError(f"{output} lies inside of the input image {inside[0]}. Choose another folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder} is no folder and cannot be made one ({error.strerror}): several images need a folder as output."
        ) from error
    return list(made.values())


def _is_mere_folder(path: Path) -> bool:
    from napari_deepblur.io.formats.zarr import ZARR

    return path.is_dir() and not ZARR.knows(b"", path)


def _stem(image: Path, scene: str | None) -> str:
    """Return what tells an image from others in the name of its result."""
    first, *inner = _parts(image)
    parts = [first.removesuffix(Path(first).suffix).removesuffix(".ome"), *inner, *([] if scene is None else [scene])]
    return "_".join([parts[0], *(_UNSAFE.sub("_", part) for part in parts[1:])])


def _parts(image: Path) -> list[str]:
    """Return the name of an image, or of the outermost OME-Zarr folder that it lies in, and the names from there on."""
    from napari_deepblur.io.formats.zarr import ZARR

    place = resolved(image.parent) / image.name
    stores = [folder for folder in place.parents if ZARR.knows(b"", folder)] if image.is_dir() else []
    return [stores[-1].name, *place.relative_to(stores[-1]).parts] if stores else [image.name]
