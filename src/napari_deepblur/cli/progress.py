"""A generator of the pipeline or of calibration, run with a bar on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from napari_deepblur.batch.standard_error import one_line
from napari_deepblur.progress import Progress, finished

if TYPE_CHECKING:
    from tqdm import tqdm

Result = TypeVar("Result")
Item = TypeVar("Item")

_WORDS = {
    "noise": "Measuring the noise",
    "identify": "Identifying the blur",
    "deblur": "Deblurring",
    "find": "Finding beads",
    "select": "Leaving beads out",
    "fit": "Fitting the field",
    "search": "Looking for the wavefront",
    "refine": "Fitting the pupil",
}


def run_with_bar(
    steps: Generator[Any, None, Result], quiet: bool, keep: Callable[[Any], object] | None = None
) -> Result:
    """Run a generator to its end and return its value, showing how far it has come unless `quiet`.

    Parameters
    ----------
    steps
        Yields `Progress`, and perhaps parts of the result.
    quiet
        Show nothing.
    keep
        Called with the parts of the result.
    """
    bar: tqdm[None] | None = None

    def seen(step: Any) -> None:
        nonlocal bar
        if not isinstance(step, Progress):
            if keep is not None:
                keep(step)
            return
        if bar is None:
            bar = _bar(step.total, quiet)
        bar.set_description_str(f"{_WORDS.get(step.stage, step.stage)} {step.detail}".strip(), refresh=False)
        bar.update(step.done - bar.n)

    try:
        value = finished(steps, seen)
        if bar is not None:
            bar.update(bar.total - bar.n)
        return value
    finally:
        if bar is not None:
            bar.close()


def counted(items: Iterable[Item], total: int, quiet: bool) -> Iterator[Item]:
    """Pass on so many items as they come, with a bar of their number and the time left unless `quiet`; see `say`."""
    with _bar(total, quiet, "Deblurring files") as bar:
        for item in items:
            yield item
            bar.update()


def _bar(total: int, quiet: bool, words: str = "") -> tqdm[None]:
    """Return a bar on standard error, which only a terminal shows."""
    from tqdm import tqdm

    shape = "{desc:<21} {percentage:3.0f} % |{bar:30}| {elapsed}, {remaining} left"
    return tqdm(total=total, desc=words, file=sys.stderr, disable=quiet or None, bar_format=shape)


def say(line: str) -> None:
    """Write a line on standard error, above a bar if there is one."""
    from tqdm import tqdm

    tqdm.write(one_line(line), file=sys.stderr)


def remark(quiet: bool) -> Callable[[str], None]:
    """Return what writes a sentence on standard error, a line each; nothing where `quiet`."""

    def write(words: str) -> None:
        if not quiet:
            print(one_line(words), file=sys.stderr)

    return write
