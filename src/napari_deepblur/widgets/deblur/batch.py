"""What the docks do with many images: files into files, or layers into layers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from napari_deepblur.batch.names import destinations, without_results
from napari_deepblur.batch.one_file import Asked
from napari_deepblur.batch.queue import Began, Ended, queue_steps
from napari_deepblur.batch.report import check_report, found_in, reporting, write_report
from napari_deepblur.batch.room import check_room
from napari_deepblur.batch.wish import Wish
from napari_deepblur.batch.workers import Outcome, at_once
from napari_deepblur.errors import DeepblurError, ImageError
from napari_deepblur.progress import Progress
from napari_deepblur.widgets.deblur.layer_wanted import wanted_of
from napari_deepblur.widgets.deblur.recorded_findings import found_in_record
from napari_deepblur.widgets.deblur.runs import prepare_run
from napari_deepblur.widgets.layers import METADATA_KEY, is_listed, refusal
from napari_deepblur.widgets.run_panel import in_words

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_deepblur.batch.queue import Part
    from napari_deepblur.batch.wish import Brief
    from napari_deepblur.pipeline.series import Told
    from napari_deepblur.widgets.deblur.result_book import ResultBook
    from napari_deepblur.widgets.deblur.run_display import RunDisplay
    from napari_deepblur.widgets.deblur.wanted import Forms, Wanted
    from napari_deepblur.widgets.notice import Level

Steps = Generator[Any, None, Any]

_LEVELS: dict[str, Level] = {"green": "good", "yellow": "warning", "red": "error"}


class State(NamedTuple):
    """What became of one image; more about it, in words; and how serious it is."""

    kind: Literal["waiting", "running", "done", "skipped", "failed", "cancelled"]
    more: str = ""
    level: Level = "note"


class Batch(ABC):
    """Many images and one wish; used in the thread of the window, but for `steps`."""

    what: str
    """What each image is, in a word."""

    @abstractmethod
    def names(self) -> list[str]:
        """Name the images."""

    @abstractmethod
    def steps(self) -> Steps:
        """Work on all, as `queue_steps` does; called in another thread."""

    @abstractmethod
    def show(self, part: Part) -> None:
        """Show a part of a result."""

    @abstractmethod
    def end(self, ended: Ended[Any]) -> State:
        """Keep a result, and say what became of an image."""

    @abstractmethod
    def give_up(self) -> None:
        """Take back what is begun; what has ended stays."""

    @abstractmethod
    def where(self) -> str:
        """Say where results are."""


class FilesBatch(Batch):
    """Files into the files of a folder, with a report beside them.

    Parameters
    ----------
    files
        Images.
    folder
        Of the results.
    report
        Name of the report in that folder; None for none.
    wanted
        What the forms describe: its settings are for all, and of its optics what was typed or is of a preset. The rest
        each file says itself.
    again
        Repeat what is up to date.
    processes
        Files that are worked on at once.

    Raises
    ------
    DeepblurError
        If results cannot be named or written, or no image is left.
    """

    what = "file"

    def __init__(
        self,
        files: Sequence[Path],
        folder: Path,
        report: str | None,
        wanted: Forms,
        again: bool = False,
        processes: int = 1,
    ) -> None:
        self._said: list[str] = []
        images = without_results(files, str(folder), self._said.append)
        # Its end says that it is a folder, also of one image.
        self._pairs = destinations(images, f"{folder}/")
        self._report = None if report is None else folder / report
        if self._report is not None:
            check_report(self._report)
        self._folder, self._processes = folder, processes
        choice = wanted.choice
        asked = Asked(
            one_operator=choice.reuse == "first",
            luminance=choice.colours == "luminance",
            volume=choice.planes == "volume",
            specimen=choice.specimen if choice.planes == "volume" else "auto",
        )
        # What is drawn would have no place to go.
        settings = wanted.settings.replace(draws=0)
        known = frozenset(name for name, origin in wanted.origins.items() if origin in ("typed", "preset"))
        self._wish = Wish(asked, settings, known, again)

    def names(self) -> list[str]:
        """Name the images."""
        return [image.name for image, _ in self._pairs]

    def steps(self) -> Steps:
        """Work on all files, and write the report, also where they are given up."""
        if len(self._pairs) > 1:
            check_room(self._pairs)
        with reporting(self._report) as keep:
            several = min(self._processes, len(self._pairs)) > 1
            steps = self._several() if several else queue_steps([partial(self._wish.steps, *p) for p in self._pairs])
            try:
                for step in steps:
                    if isinstance(step, Ended):
                        skipped = step.result is not None and step.result.skipped
                        keep(Outcome(*self._pairs[step.number], step.seconds, step.error, skipped))
                    yield step
            finally:
                steps.close()
        return len(self._pairs)

    def _several(self) -> Generator[Progress | Began | Ended[Brief] | None, None, None]:
        """Work on several files at once, and say as a queue does what begins and ends."""
        done, count, numbers = 0, len(self._pairs), {pair: number for number, pair in enumerate(self._pairs)}
        with closing(at_once(self._pairs, self._wish, self._processes)) as steps:
            for step in steps:
                if isinstance(step, Outcome):
                    done += 1
                    number = numbers[step.image, step.target]
                    yield Progress("deblur", done, count, f"{done} of {count} files done")
                    yield Ended(number, step.told, step.error, step.seconds)
                else:
                    # Nothing, several times a second: that is where a cancelled batch stops.
                    yield None if step is None else Began(step)

    def show(self, part: Part) -> None:
        """Show nothing: results are in files."""

    def end(self, ended: Ended[Brief]) -> State:
        """Say what became of a file."""
        brief = ended.result
        if brief is None:
            return State("failed", f": {ended.error}", "error")
        if brief.skipped:
            return State("skipped", ": its result is up to date")
        return _done(ended.seconds, brief.told)

    def give_up(self) -> None:
        """Do nothing: a file that is not complete never takes its name."""

    def where(self) -> str:
        """Say where results are."""
        report = "" if self._report is None else f", with {self._report.name}"
        return " ".join([f"Results are in {self._folder}{report}.", *self._said])


class LayersBatch(Batch):
    """Layers into layers.

    Parameters
    ----------
    viewer
        The napari viewer.
    wanted
        What the forms describe, as for `FilesBatch`, and the image that they stand on.
    book
        Keeps what is found.
    """

    what = "layer"

    def __init__(self, viewer: Viewer, wanted: Wanted, book: ResultBook) -> None:
        self._viewer, self._book = viewer, book
        self._layers = layers_of(viewer)
        self._displays: list[RunDisplay | None] = []
        self._running: RunDisplay | None = None
        self._rows: list[dict[str, Any]] = []
        self._works: list[Any] = []
        for layer in self._layers:
            try:
                if refusal(layer):
                    raise ImageError(refusal(layer))
                display, steps = prepare_run(viewer, wanted_of(layer, wanted, list(viewer.layers)))
            except DeepblurError as error:
                # Its turn comes all the same, and says so.
                self._displays.append(None)
                self._works.append(partial(_refused, error))
            else:
                self._displays.append(display)
                self._works.append(steps)

    def names(self) -> list[str]:
        """Name the images."""
        return [str(layer.name) for layer in self._layers]

    def steps(self) -> Steps:
        """Work on all layers."""
        return queue_steps(self._works, self.what)

    def show(self, part: Part) -> None:
        """Show a part of a result."""
        self._running = self._displays[part.number]
        if self._running is not None:
            self._running.show(part.step)

    def end(self, ended: Ended[Any]) -> State:
        """Keep a result, and say what became of a layer."""
        display, self._running = self._displays[ended.number], None
        name = str(self._layers[ended.number].name)
        row: dict[str, Any] = {
            "image": name,
            "result": "",
            "status": "failed" if ended.error else "done",
            "error": ended.error,
        }
        row["seconds"] = round(ended.seconds, 2)
        self._rows.append(row)
        if display is None or ended.result is None:
            if display is not None:
                display.discard()
            return State("failed", f": {ended.error}", "error")
        conclusion = display.finish(ended.result, in_words(ended.seconds))
        self._book.write(display, conclusion.findings)
        restored = display.restored()
        record = None if restored is None else restored.metadata.get(METADATA_KEY)
        row["result"] = "" if restored is None else str(restored.name)
        if isinstance(record, Mapping):
            row |= found_in(record)
        return _done(ended.seconds, conclusion.told)

    def give_up(self) -> None:
        """Take back the layer that was not complete."""
        if self._running is not None:
            self._running.discard()
        self._running = None

    def where(self) -> str:
        """Say where results are."""
        return "Each result is beside its image in the list of layers."

    def write_report(self, path: Path) -> None:
        """Write a row for each layer that has ended, as the queue of files does."""
        check_report(path)
        write_report(path, self._rows)


def layers_of(viewer: Viewer) -> list[Layer]:
    """Return the images of a viewer; results, previews and labels are none."""
    from napari.layers import Image

    return [
        layer
        for layer in viewer.layers
        if isinstance(layer, Image) and is_listed(layer) and found_in_record(layer) is None
    ]


def _refused(error: DeepblurError) -> Generator[Progress, None, None]:
    yield Progress("noise", 0, 1)
    raise error


def _done(seconds: float, told: Told | None) -> State:
    notes = 0 if told is None else len(told.notes)
    more = f", {notes} note{'s' * (notes > 1)} in its record" if notes else ""
    verdict = None if told is None else told.verdict
    if told is None or verdict is None:
        return State("done", f" in {in_words(seconds)}{more}", "good")
    worst = f" (the worst of {told.judged})" if told.of else ""
    return State("done", f" in {in_words(seconds)}, verdict {verdict.light}{worst}{more}", _LEVELS[verdict.light])
