"""Several images, one after another, into one folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from glob import glob
from pathlib import Path
from typing import Any

from napari_deepblur.cli.cluster import cluster_outcomes
from napari_deepblur.cli.progress import counted, say
from napari_deepblur.cli.report import row_of, write_report
from napari_deepblur.cli.workers import Outcome, Work, outcomes
from napari_deepblur.errors import ImageError, OutputError
from napari_deepblur.io.output import resolved

_SUFFIX = "_deblurred.ome.tif"


def listed_files(paths: Sequence[Path]) -> list[Path]:
    """Return the files that are meant: shells of Windows leave ``*.tif`` to the program."""
    files: dict[Path, Path] = {}
    for path in paths:
        found = [] if path.exists() else sorted(map(Path, glob(str(path), recursive=True)))
        for file in found or [path]:
            # Patterns overlap; the same file is meant once.
            files.setdefault(file.absolute(), file)
    return list(files.values())


def without_results(images: Sequence[Path], output: str) -> list[Path]:
    """Leave out results of this program that lie in the folder of the output: a pattern finds them on the next run.

    Parameters
    ----------
    images
        Image files.
    output
        As given.

    Raises
    ------
    ImageError
        If nothing else is there.
    """
    from napari_deepblur.io.records import record_in

    folder = resolved(output)
    if len(images) < 2 or not folder.is_dir():
        return list(images)
    results = [image for image in images if resolved(image).parent == folder and record_in(image) is not None]
    if len(results) == len(images):
        raise ImageError(f"All {len(images)} images are results of this program in {output}, where results go.")
    if results:
        print(
            f"napari-deepblur: {len(results)} results of this program in {output} are not deblurred again.",
            file=sys.stderr,
        )
    return [image for image in images if image not in results]


def destinations(images: Sequence[Path], output: str) -> list[tuple[Path, Path]]:
    """Say which file each image becomes.

    Parameters
    ----------
    images
        Image files.
    output
        As given: a file for one image; for several, a folder, which is made where it is missing. One image goes into a
        folder too, if it is there already or its name ends with a slash.

    Returns
    -------
    list of tuple
        Each image with its result.

    Raises
    ------
    OutputError
        If two images would become the same file, a result would overwrite an image, or the folder cannot be made.
    """
    folder = Path(output)
    separators = tuple(mark for mark in (os.sep, os.altsep) if mark)
    is_store = folder.suffix.lower() == ".zarr"
    if len(images) == 1 and (is_store or not folder.is_dir()) and not output.endswith(separators):
        return [(images[0], folder)]
    if len(images) > 1 and (is_store or (folder.suffix.lower() in (".tif", ".tiff") and not folder.is_dir())):
        raise OutputError(
            f"{output} is the name of one file, but there are {len(images)} images: give a folder as output, such as "
            f"{folder.with_name(folder.name.removesuffix(folder.suffix).removesuffix('.ome'))}{os.sep}."
        )
    made: dict[Path, Path] = {}
    for image in images:
        target = folder / (image.name.removesuffix(image.suffix).removesuffix(".ome") + _SUFFIX)
        if target in made:
            raise OutputError(f"{made[target]} and {image} would both become {target}. Rename one of them.")
        if resolved(target) in {resolved(other) for other in images}:
            raise OutputError(
                f"{target} is itself one of the images, which are never overwritten. Choose another folder."
            )
        made[target] = image
    inside = [image for image in images if image.is_dir() and image.resolve() in (folder / "result").resolve().parents]
    if inside:
        raise OutputError(f"{output} lies inside of the input image {inside[0]}. Choose another folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder} is no folder and cannot be made one ({error.strerror}): several images need a folder as output."
        ) from error
    return [(image, target) for target, image in made.items()]


def one_by_one(
    pairs: Sequence[tuple[Path, Path]],
    work: Work,
    quiet: bool,
    report: Path | None = None,
    jobs: int = 1,
    scheduler: str | None = None,
) -> None:
    """Work on each image; one that fails is named, and the others are done all the same.

    Parameters
    ----------
    pairs
        Images and their results.
    work
        What is done with each pair.
    quiet
        Do not name the images that were done.
    report
        File for a table of what became of each, also where the run is interrupted.
    jobs
        Number of processes.
    scheduler
        Address of a dask scheduler whose workers do it.

    Raises
    ------
    ImageError
        One that counts the images that failed; of the only image, whatever `work` raises.
    """
    if len(pairs) == 1 and report is None and scheduler is None:
        if work(*pairs[0]):
            print(f"napari-deepblur: {_skipped(*pairs[0])}", file=sys.stderr)
        return
    failed: list[Outcome] = []
    rows: list[dict[str, Any]] = []
    at_once = jobs > 1 or scheduler is not None
    done = outcomes(pairs, work, jobs) if scheduler is None else cluster_outcomes(pairs, work, scheduler)
    try:
        for number, outcome in enumerate(counted(done, len(pairs), quiet or not at_once), 1):
            if report is not None:
                rows.append(row_of(outcome))
            if outcome.error:
                failed.append(outcome)
                say(f"napari-deepblur: {outcome.image}: {outcome.error}")
            elif not quiet:
                became = f"{outcome.image} became {outcome.target}."
                said = _skipped(outcome.image, outcome.target) if outcome.skipped else became
                say(f"{number}/{len(pairs)}: {said}")
    finally:
        if report is not None:
            write_report(report, rows)
    if failed:
        names = ", ".join(outcome.image.name for outcome in failed)
        raise ImageError(f"{len(failed)} of {len(pairs)} images were not deblurred: {names}.")


def _skipped(image: Path, target: Path) -> str:
    return f"{target} is up to date with {image}: skipped (--force repeats)."
