"""The step of an image's digits: what a camera, or a program after it, rounded to."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PRECISION = 4 * float(np.finfo(np.float32).eps)
"""Relative error of numbers that went through float32 a few times."""

_LEAST_STEP = 64
"""Smallest step in units of that error: below, numbers are as good as continuous."""

_MOST_DIFFERENT = 0.9
"""Share of different values, of images that are not whole numbers, from which on they count as continuous."""

_DIFFERENCES = 4096

_MOST_LEVELS = 2**17
"""More different values than there are steps of the least size between the largest float32 and its negative."""


def lattice_step(values: NDArray[np.generic]) -> float:
    """Find the step q if all values are v_0 + k q with whole k; 0 where there is no such step.

    Whole numbers have the step of their greatest common divisor: 1 for most cameras, 16 for 12 bits in the upper part
    of 16. Whole numbers that were divided or scaled keep a step, which is found up to the rounding of float32.

    Parameters
    ----------
    values
        Finite numbers of any real type and shape.

    Returns
    -------
    float
        The step, in the units of the values.
    """
    different = np.unique(values)
    if len(different) < 2:
        return 0.0
    if different.dtype.kind == "f" and len(different) > _MOST_DIFFERENT * values.size:
        # Before anything of this size is made: seldom is one of a few thousand values whole where not all are.
        some = different[:_DIFFERENCES]
        if not bool((some == np.rint(some)).all()):
            return 0.0
    numbers = different.astype(np.float64)
    gaps = np.diff(numbers)
    if different.dtype.kind in "biu" or _are_whole(numbers, different.dtype):
        return float(np.gcd.reduce(np.unique(gaps).astype(np.uint64)))
    if len(different) > _MOST_DIFFERENT * values.size:
        return 0.0
    tolerance = _PRECISION * float(np.abs(numbers).max())
    step = _common_divisor(gaps, tolerance)
    if step < _LEAST_STEP * tolerance:
        return 0.0
    # Rounding adds up over the divisions: the whole range, divided by its number of steps, is far more precise.
    span = float(numbers[-1] - numbers[0])
    step = span / float(np.rint(gaps / step).sum())
    whole = np.rint((numbers - numbers[0]) / step)
    off = float(np.abs(numbers - numbers[0] - whole * step).max())
    return step if off <= _LEAST_STEP / 2 * tolerance else 0.0


def lattice_step_of_parts(parts: Callable[[], Iterable[NDArray[np.floating[Any]]]]) -> float:
    """Find the step of values that come in parts, each pass anew, exactly as `lattice_step` does of all together.

    Of whole numbers the divisor of all differences from one of them is that of the gaps. Other numbers have no step
    where more than `_MOST_LEVELS` are different: float32 has not the digits for it.
    """
    different, first, divisor, whole, size = np.zeros(0, np.float32), None, 0, True, 0
    for part in parts():
        own = np.unique(part)
        size += part.size
        if not own.size:
            continue
        first = float(own[0]) if first is None else first
        numbers = own.astype(np.float64)
        whole = whole and _are_whole(numbers, own.dtype)
        if whole:
            divisor = math.gcd(divisor, int(np.gcd.reduce(np.abs(numbers - first).astype(np.uint64))))
        if len(different) <= _MOST_LEVELS:
            different = np.union1d(different, own)
        elif not whole:
            return 0.0
    if whole:
        return float(divisor)
    if len(different) > min(_MOST_LEVELS, _MOST_DIFFERENT * size):
        return 0.0
    # As often as they are in the image, they say no more.
    return lattice_step(np.repeat(different, 2))


def _are_whole(numbers: NDArray[np.float64], kind: np.dtype[Any]) -> bool:
    """Tell whether all numbers of this kind are whole, and that because they were counted: all large ones are."""
    largest = 2.0 ** (np.finfo(kind).nmant + 1)
    return bool(np.abs(numbers).max() <= largest and (numbers == np.rint(numbers)).all())


def _common_divisor(gaps: NDArray[np.float64], tolerance: float) -> float:
    """Greatest common divisor up to `tolerance`, by Euclid's algorithm."""
    # The smallest are the most telling, and the most precise.
    step, total, count = 0.0, 0.0, 0
    for gap in np.sort(gaps)[:_DIFFERENCES].tolist():
        rest, divisor = gap, step
        while rest > 4 * tolerance:
            if divisor <= 4 * tolerance:
                divisor, rest = rest, 0.0
                continue
            left = abs(rest - round(rest / divisor) * divisor)
            rest, divisor = (0.0, divisor) if left <= 4 * tolerance else (divisor, left)
            if divisor < _LEAST_STEP * tolerance:
                return 0.0
        if not divisor:
            continue
        if divisor != step:
            total, count = 0.0, 0
        # All gaps so far, divided by their steps: the rounding of one of them would grow with each step of the next.
        total, count = total + gap, count + round(gap / divisor)
        step = total / count
    return step
