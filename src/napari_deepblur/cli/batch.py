"""Several images, one after another or at once, and what is said about each on standard error."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_deepblur.batch.names import name_of
from napari_deepblur.batch.report import reporting
from napari_deepblur.batch.workers import Outcome, Work, outcomes
from napari_deepblur.cli.cluster import cluster_outcomes
from napari_deepblur.cli.progress import counted, say
from napari_deepblur.errors import ImageError


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
            say(f"napari-deepblur: {_skipped(*pairs[0])}")
        return
    failed: list[Outcome] = []
    at_once = jobs > 1 or scheduler is not None
    done = outcomes(pairs, work, jobs) if scheduler is None else cluster_outcomes(pairs, work, scheduler)
    with reporting(report) as keep:
        for number, outcome in enumerate(counted(done, len(pairs), quiet or not at_once), 1):
            keep(outcome)
            if outcome.error:
                failed.append(outcome)
                of = "" if outcome.error.startswith(str(outcome.image)) else f"{outcome.image}: "
                say(f"napari-deepblur: {of}{outcome.error}")
            elif not quiet:
                became = f"{outcome.image} became {outcome.target}."
                said = _skipped(outcome.image, outcome.target) if outcome.skipped else became
                say(f"{number}/{len(pairs)}: {said}")
    if failed:
        names = ", ".join(name_of(outcome.image) for outcome in failed)
        raise ImageError(f"{len(failed)} of {len(pairs)} images were not deblurred: {names}.")


def _skipped(image: Path, target: Path) -> str:
    return f"{target} is up to date with {image}: skipped (--force repeats)."
