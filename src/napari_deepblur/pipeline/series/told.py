"""What a run says of itself: the worst verdict on its frames, be they planes or volumes, and what is to be minded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from napari_deepblur.errors import DeepblurError
from napari_deepblur.identification.volumes.results import FOCUS_NOTE
from napari_deepblur.io.axes import AXES, frame_name, leading
from napari_deepblur.pipeline.series.history import frame_axes
from napari_deepblur.resolution import ResolutionGain
from napari_deepblur.restoration.verdict import Verdict, badness

_LIGHTS = ("green", "yellow", "red")
_WAS_PASSED, _EQUAL_PASSED = " was passed through", ", passed through"


@dataclass(frozen=True)
class Told:
    """What the record of a run says, in the window, the shell and the report alike.

    Attributes
    ----------
    verdict
        On the only frame, or the worst of several; None where none could be judged.
    of
        The frame that it is of, in words; empty where there is one only.
    judged
        Frames that have a verdict.
    resolution
        Of the image and of the result, of the first frame; None where it was not measured.
    notes
        What was done otherwise than asked for, and what was found, in sentences; without those that are said of every
        run of its kind.
    """

    verdict: Verdict | None
    of: str
    judged: int
    resolution: ResolutionGain | None
    notes: tuple[str, ...]


def passed_through(name: str, error: DeepblurError) -> str:
    """Say that a frame was passed through, and why.

    Parameters
    ----------
    name
        Of the frame, as from `frame_name`.
    error
        What is wrong with it.
    """
    return f"{name}{_WAS_PASSED}: {error}"


def all_equal(name: str, value: float) -> str:
    """Say that a frame was passed through because all its pixels have one value, in the units of the image."""
    return f"{name}: all pixels are {value:g}{_EQUAL_PASSED}"


def nothing_to_deblur(notes: Sequence[str], frames: str) -> str:
    """Say why none of several frames could be deblurred.

    Parameters
    ----------
    notes
        One for each frame, of `passed_through` or `all_equal`.
    frames
        What they are, in the plural: "frames" or "stacks".
    """
    if all(note.endswith(_EQUAL_PASSED) for note in notes):
        return f"In each of the {len(notes)} {frames} all pixels have the same value: there is nothing to deblur."
    return f"None of the {len(notes)} {frames} can be deblurred. {notes[0].replace(_WAS_PASSED, '', 1)}"


def told_in(record: Mapping[str, Any]) -> Told:
    """Read what a record says of its run.

    Parameters
    ----------
    record
        `StackDeblurring.record`, `VolumeDeblurring.settings`, or what a layer or file carries. It may come from another
        program or version: what cannot be understood counts as absent.
    """
    kept = record.get("resolved")
    resolved: Mapping[str, Any] = kept if isinstance(kept, Mapping) else {}
    frames = _frames(record)
    verdicts = _verdicts(record, frames)
    # Records of before each frame had its own have that of the first.
    alone = verdict_in(resolved.get("residual")) if not verdicts else None
    of, worst = max(verdicts.items(), key=lambda entry: badness(entry[1]), default=("", alone))
    judged = len(verdicts) if verdicts else int(alone is not None)
    resolution = ResolutionGain.from_record(resolved.get("resolution"))
    return Told(worst, of if len(frames) > 1 else "", judged, resolution, _notes(record, resolved, frames))


def verdict_in(kept: Any) -> Verdict | None:
    """Read a verdict that `Verdict.as_record` has written; None where it cannot be understood."""
    try:
        light, numbers = kept["light"], {name: kept.get(name) for name in ("excess", "wrong", "expected_db")}
        if light not in _LIGHTS:
            return None
        return Verdict(
            light,
            float(kept["structure"]),
            unexplained=float(kept.get("unexplained", 0.0)),
            suspicions=tuple(map(str, kept.get("suspicions", ()))),
            **{name: None if value is None else float(value) for name, value in numbers.items()},
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _frames(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    frames = record.get("frames")
    if not isinstance(frames, list) or not isinstance(record.get("axes"), str):
        return []
    return [entry for entry in frames if isinstance(entry, Mapping) and isinstance(entry.get("index"), list | tuple)]


def _verdicts(record: Mapping[str, Any], frames: list[Mapping[str, Any]]) -> dict[str, Verdict]:
    """Return those that the frames have, under their names."""
    axes = frame_axes(record)
    if not set(axes) <= set(AXES):
        return {}
    judged = [(entry["index"], verdict_in(entry.get("residual"))) for entry in frames]
    along = len(leading(axes))
    return {frame_name(axes, at): verdict for at, verdict in judged if verdict is not None and len(at) == along}


def _notes(record: Mapping[str, Any], resolved: Mapping[str, Any], frames: list[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return what is to be minded: of each frame, and of a volume of its pupil, too."""
    pupil = record.get("pupil")
    said: list[Any] = list(pupil.get("notes") or ()) if isinstance(pupil, Mapping) else []
    said += [entry["note"] for entry in frames if entry.get("note")] if frames else resolved.get("notes") or ()
    # That focus is a shift along z is no cause for concern.
    return tuple(note for note in map(str, said) if note != FOCUS_NOTE)
