"""One wish for many files, as a value that other processes can be sent."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from napari_deepblur.batch.file_optics import file_optics, with_own_optics
from napari_deepblur.batch.one_file import Asked, deblur_file_steps
from napari_deepblur.progress import Progress, finished, only_progress

if TYPE_CHECKING:
    from napari_deepblur.pipeline import DeblurSettings
    from napari_deepblur.pipeline.series import Told


class Brief(NamedTuple):
    """What there is to say of a file whose result is written: that it was there already, or what its run says."""

    skipped: bool
    told: Told | None


@dataclass(frozen=True)
class Wish:
    """What is wanted of many files.

    Attributes
    ----------
    asked
        Beside the settings.
    settings
        For all.
    known
        Names of the optics that count for every file; the rest each file says itself.
    again
        Repeat what is up to date.
    """

    asked: Asked
    settings: DeblurSettings
    known: frozenset[str]
    again: bool

    def steps(self, image: Path, target: Path) -> Generator[Progress, None, Brief]:
        """Make the result of an image, step by step."""
        steps = deblur_file_steps(image, target, self.asked, self.settings_of, again=self.again)
        made = yield from only_progress(steps)
        # Not the result itself, which holds a plane: there may be thousands.
        return Brief(made.result is None, made.told)

    def __call__(self, image: Path, target: Path) -> Brief:
        """Make the result of an image."""
        return finished(self.steps(image, target))

    def settings_of(self, image: Path, channels: int) -> DeblurSettings:
        """Return the settings of an image file with so many channels."""
        calibrated = self.settings.microscope is None
        # A blur that was measured is that of all channels, whatever their light.
        channels = 0 if self.settings.blur.family == "file" else channels
        found = {} if calibrated else file_optics(image, self.known, channels=channels, scene=self.asked.scene)
        return with_own_optics(self.settings, found, self.known, channels)
