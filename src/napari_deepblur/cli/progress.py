"""A generator of the pipeline or of calibration, run with a bar on standard error."""

from __future__ import annotations

import sys
from collections.abc import Generator
from typing import Protocol, TypeVar

Result = TypeVar("Result")

_WORDS = {
    "noise": "Measuring the noise",
    "identify": "Identifying the blur",
    "deblur": "Deblurring",
    "find": "Finding beads",
    "select": "Leaving beads out",
    "fit": "Fitting the field",
}


class Report(Protocol):
    """How far a job has come: what is done, how much of it, and how much there is."""

    @property
    def stage(self) -> str:
        """What is being done."""

    @property
    def done(self) -> int:
        """Work done."""

    @property
    def total(self) -> int:
        """Work in all."""


def run_with_bar(steps: Generator[Report, None, Result], quiet: bool) -> Result:
    """Run a generator to its end and return its value, showing how far it has come unless `quiet`."""
    from tqdm import tqdm

    bar: tqdm[None] | None = None
    try:
        while True:
            try:
                progress = next(steps)
            except StopIteration as stop:
                if bar is not None:
                    bar.update(bar.total - bar.n)
                result: Result = stop.value
                return result
            if bar is None:
                bar = tqdm(
                    total=progress.total,
                    file=sys.stderr,
                    disable=quiet,
                    bar_format="{desc:<21} {percentage:3.0f} % |{bar:30}| {elapsed}, {remaining} left",
                )
            # The number of a frame may follow: "deblur 3/20".
            stage, *number = progress.stage.split(" ", 1)
            bar.set_description_str(" ".join([_WORDS.get(stage, stage), *number]), refresh=False)
            bar.update(progress.done - bar.n)
    finally:
        steps.close()
        if bar is not None:
            bar.close()
