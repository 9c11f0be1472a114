"""A frame that a killed run began: its blur is not identified again, and what is restored of it stays."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from napari_deepblur.identification.expectation import Expectation
from napari_deepblur.identification.results import Identification
from napari_deepblur.io.sinks import Sink
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.pipeline.plan import Plan
from napari_deepblur.pipeline.run import Begun
from napari_deepblur.restoration.tiling import Done

_ARRAYS = ("theta", "theta_std", "psfs", "psf_spread", "points", "even_modes")
_ABOUT = "about"
"""Everything else, JSON as bytes."""


class _Facts(NamedTuple):
    """What a run knows of a frame before its pixels: the sides of its tiles, and its blur if that was identified."""

    side: int | None
    found: Identification | None


def resumed(
    plan: Plan, sink: Sink, index: Sequence[int], known: Identification | None
) -> tuple[Plan, Identification | None, Begun | None]:
    """Say how to run a frame that may have been begun.

    Parameters
    ----------
    plan
        Of the frame.
    sink
        Where its result goes, open.
    index
        Its position along the leading axes.
    known
        What was identified on another frame, and holds for this one.

    Returns
    -------
    tuple
        The plan, with the tiles of the earlier run; what is known, here or on another frame; and what was restored.
    """
    unfinished = sink.unfinished()
    if unfinished is None:
        return plan, known, None
    facts = _read(unfinished.kept(index))
    done = None
    if facts is not None:
        plan = replace(plan, side=facts.side)
        image, there = unfinished.planes(index)
        done = Done(image, there) if there.any() else None

    def keep(found: Identification | None) -> None:
        unfinished.keep(index, _written(_Facts(plan.side, found)))

    if facts is not None:
        known = known or facts.found
    elif plan.theta is not None or known is not None:
        keep(None)
    return plan, known, Begun(done, keep)


def _written(facts: _Facts) -> bytes:
    found = facts.found
    about: dict[str, Any] = {"side": facts.side, "found": None}
    arrays: dict[str, Any] = {}
    if found is not None:
        arrays = {name: getattr(found, name) for name in _ARRAYS}
        arrays |= {} if found.draws is None else {"draws": found.draws}
        about["found"] = {
            "noise": asdict(found.noise),
            "parameter_names": found.parameter_names,
            "units": found.units,
            "notes": found.notes,
            "signs": dict(found.signs),
            "expectation": None if found.expectation is None else asdict(found.expectation),
        }
    arrays[_ABOUT] = np.frombuffer(json.dumps(about, default=float).encode(), np.uint8)
    data: bytes = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    return data


def _read(data: bytes | None) -> _Facts | None:
    """Read what was kept; None where nothing was, or it is damaged."""
    if data is None:
        return None
    try:
        arrays = load(data)
        about = json.loads(arrays.pop(_ABOUT).tobytes())
        said = about["found"]
        if said is None:
            return _Facts(about["side"], None)
        expected = said["expectation"]
        if expected is not None:
            expected = Expectation(**{**expected, "suspicions": tuple(expected["suspicions"])})
        found = Identification(
            **arrays,
            noise=PoissonGaussianNoise(**said["noise"]),
            parameter_names=tuple(said["parameter_names"]),
            units=said["units"],
            notes=tuple(said["notes"]),
            signs=said["signs"],
            expectation=expected,
        )
    except (ValueError, KeyError, TypeError, SafetensorError):
        return None
    return _Facts(about["side"], found)
