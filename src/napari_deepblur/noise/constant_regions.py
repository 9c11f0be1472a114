"""Regions of an image in which all pixels are the same, where no camera can have left them so.

A connected region of one and the same value is set aside where noise cannot have left it alike: plateaus of a saturated
camera, constant borders; or where it ends in a step that the optics cannot make: masks, wedges of turned images.
What merely was cut off at black is kept: it is dark, and its edges are soft. A plateau of the largest value that ends
in such a step all the way round is no light too bright for the camera, but a block of hot pixels, a scale bar or text
that was written into the image.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.bands import bands, blocks
from napari_deepblur.noise.edges import REACH as EDGE_REACH
from napari_deepblur.noise.edges import Steps, edges_of, steps_across
from napari_deepblur.noise.equal_regions import equal_regions, neighbours
from napari_deepblur.noise.joined import Joined
from napari_deepblur.noise.model import PoissonGaussianNoise
from napari_deepblur.noise.region_kinds import DRAWN, FLAT, FULL, SHORT, SMALLEST_REGION, Scene
from napari_deepblur.noise.writing import writing
from napari_deepblur.plane import Mask, Plane, mask_of

Array = NDArray[np.float64]
Pixels = NDArray[np.floating[Any]]

_WRITING = 0.2
"""Share of the pixels of the largest value in regions that were drawn, from which on short ones are taken for drawn."""

_MANY_STEPS = 2**21
"""Steps across the edges of regions that reach across bands, beyond which those that are done are judged at once."""


def constant_regions(
    pixels: Plane, cutoff: float | None, noise: PoissonGaussianNoise, step: float, known: Mask
) -> tuple[Mask, Mask]:
    """Find plateaus of saturation, and constant borders, masks, rows and columns.

    Parameters
    ----------
    pixels, cutoff, noise, step
        As in `find_outliers`.
    known
        Pixels that are known not to count, shape (H, W).

    Returns
    -------
    tuple
        Two masks of shape (H, W): what is saturated, and the other constant regions, with the pixels around what was
        written into the image.
    """
    scene = Scene(pixels, cutoff, noise, step, known)
    found, highest = _by_kind(pixels, scene)
    if found is None:
        return mask_of(pixels), mask_of(pixels)
    drawn, short, full, flat = found[DRAWN], found[SHORT], found[FULL], found[FLAT]
    if drawn.pixels > _WRITING * (drawn.pixels + short.pixels + full.pixels):
        # The dots and strokes of the same writing, too short to be judged by themselves.
        _add(drawn.mask, short.mask)
        drawn = drawn._replace(least=min(drawn.least, short.least))
    else:
        _add(full.mask, short.mask)
        full = full._replace(least=min(full.least, short.least))
    # The edges of letters are smoothed, and belong to them.
    written = mask_of(pixels)
    if drawn.mask.any():
        written = writing(pixels, drawn.mask, drawn.least, math.sqrt(float(noise.variance(highest))))
    saturated, others = mask_of(pixels), mask_of(pixels)
    for place, _, _ in blocks(pixels.shape):
        plateau, drawn_here, flat_here = full.mask[place], written[place], flat.mask[place] | drawn.mask[place]
        if full.mask.any():
            plateau = plateau | (pixels[place] >= full.least)
        plateau = plateau & ~drawn_here
        saturated[place] = plateau
        others[place] = (flat_here | drawn_here) & ~plateau
    return saturated, others


class _Kind(NamedTuple):
    """Where regions of a kind are, their pixels, and the least of their values."""

    mask: Mask
    pixels: int = 0
    least: float = math.inf


def _by_kind(pixels: Plane, scene: Scene) -> tuple[dict[int, _Kind] | None, float]:
    """Find the regions of each kind, band by band; also the largest value of any region.

    Neighbouring bands share a row. Regions that touch it are parts of larger ones, whose steps are kept until all of
    them has been seen; they are painted in the end.
    """
    found = {kind: _Kind(mask_of(pixels)) for kind in (FLAT, FULL, DRAWN, SHORT)}
    joined, parts, highest, seen = Joined(), _Parts(), -math.inf, False
    below: NDArray[np.integer[Any]] = np.full(pixels.shape[1], -1)
    firsts: list[tuple[slice, int]] = []
    for band in bands(pixels.shape):
        one = _labelled(pixels, band.rows)
        numbers = joined.new(len(one.crossing))
        firsts.append((band.rows, int(numbers[0]) if len(numbers) else 0))
        of_label = np.full(len(one.size), -1)
        of_label[one.crossing] = numbers
        if band.rows.start:
            joined.join(of_label[one.labels[0]], below)
        below = of_label[one.labels[-1]]
        own = np.flatnonzero(one.size >= SMALLEST_REGION)
        own = own[(own > 0) & (of_label[own] < 0)]
        if len(one.crossing):
            parts.add(one.size[one.crossing], one.value[one.crossing], one.steps(one.crossing, int(numbers[0])))
            parts.settle(joined, below, scene)
        if len(own):
            seen, highest = True, max(highest, float(one.value[own].max()))
            kind = scene.kinds(one.size[own], one.value[own], edges_of(one.steps(own), len(own)))
            _paint(found, one, band.rows, own, kind, one.size[own])
    parts.settle(joined, below[:0], scene)
    if parts.any_large:
        seen, highest = True, max(highest, parts.highest)
    for rows, first in firsts if parts.kind.any() else ():
        count = next((start for other, start in firsts if other.start > rows.start), joined.count) - first
        kind = parts.kind[first : first + max(count, 0)]
        if kind.any():
            one = _labelled(pixels, rows)
            _paint(found, one, rows, one.crossing, kind, parts.size[first : first + count])
    return (found if seen else None), highest


class _Labelled(NamedTuple):
    """Regions of a band and of the row after it; arrays by label, 0 for pixels without an equal neighbour.

    `owned` are the pixels that no other band counts, `window` the values with rows around the labels, and `place` the
    rows of the labels in there.
    """

    labels: NDArray[np.integer[Any]]
    owned: NDArray[np.bool_]
    size: NDArray[np.intp]
    value: Array
    crossing: NDArray[np.integer[Any]]
    window: Pixels
    place: slice

    def steps(self, chosen: NDArray[np.integer[Any]], first: int = 0) -> Steps:
        """Collect the steps across the edges of these labels, which are numbered from `first`."""
        number = np.full(len(self.size), -1, np.int32)
        number[chosen] = np.arange(first, first + len(chosen))
        whose = np.full(self.window.shape, -1, np.int32)
        whose[self.place] = np.where(self.owned, number[self.labels], -1)
        return steps_across(self.window, self.window.astype(np.float32, copy=False), whose)


def _labelled(pixels: Plane, rows: slice) -> _Labelled:
    height, width = pixels.shape
    last = min(rows.stop + 1, height)
    around = slice(max(rows.start - EDGE_REACH, 0), min(last + EDGE_REACH, height))
    window = pixels[around, slice(0, width)]
    place = slice(rows.start - around.start, last - around.start)
    regions = equal_regions(window[place], 1)
    owned = regions.labels > 0
    if last < height:
        # A pixel of the shared row belongs to the next band, unless it is equal to the one above only.
        row = place.stop - 1
        down, right = neighbours(window[row : row + 2])
        beside = down[0].copy()
        beside[1:] |= right[0]
        beside[:-1] |= right[0]
        owned[-1] &= ~beside
    count = int(regions.labels.max()) + 1
    size = np.bincount(regions.labels[owned], minlength=count)
    value = np.zeros(count)
    value[regions.number] = regions.value
    shared = [regions.labels[0]] * (rows.start > 0) + [regions.labels[-1]] * (last < height)
    crossing = np.unique(np.concatenate(shared)) if shared else np.zeros(0, np.intp)
    return _Labelled(regions.labels, owned, size, value, crossing[crossing > 0], window, place)


@final
class _Parts:
    """Regions that reach across bands: what is known of their parts, and what they are found to be."""

    def __init__(self) -> None:
        self.kind, self.size, self._value = np.zeros(0, np.int8), np.zeros(0, np.intp), np.zeros(0)
        self._settled = np.zeros(0, bool)
        self._steps: list[Steps] = []
        self.any_large, self.highest = False, -math.inf

    def add(self, size: NDArray[np.intp], value: Array, steps: Steps) -> None:
        """Take parts, which are numbered on."""
        self.size, self._value = np.append(self.size, size), np.append(self._value, value)
        self.kind = np.append(self.kind, np.zeros(len(size), np.int8))
        self._settled = np.append(self._settled, np.zeros(len(size), bool))
        self._steps.append(steps)

    def settle(self, joined: Joined, open_: NDArray[np.integer[Any]], scene: Scene) -> None:
        """Judge the regions of which no part is open any more, and forget their steps.

        Not each time: only in the end, or where the steps that are kept become many. Of those of a region that is still
        open, a part is enough.
        """
        waiting = sum(len(steps.whose) for steps in self._steps)
        if not len(self.size) or (len(open_) and waiting < _MANY_STEPS):
            return
        group = joined.groups()
        still = np.zeros(int(group.max()) + 1, bool)
        still[group[open_[open_ >= 0]]] = True
        done = ~still[group] & ~self._settled
        steps = Steps.together(self._steps)
        mine = done[steps.whose]
        now, left = steps.those(mine), steps.those(~mine)
        thinner = math.ceil(len(left.whose) / (_MANY_STEPS // 2)) or 1
        self._steps = [left.those(slice(None, None, thinner))]
        whole, number = np.unique(group[done], return_inverse=True)
        if len(whole):
            place = np.zeros(len(group), np.intp)
            place[done] = number
            size = np.bincount(number, self.size[done]).astype(np.intp)
            value = np.zeros(len(whole))
            value[number] = self._value[done]
            large = size >= SMALLEST_REGION
            kind = np.zeros(len(whole), np.int8)
            if large.any():
                self.any_large, self.highest = True, max(self.highest, float(value[large].max()))
                edges = edges_of(now._replace(whose=place[now.whose]), len(whole))
                kind = np.where(large, scene.kinds(size, value, edges), 0).astype(np.int8)
            self.kind[done] = kind[number]
        self._settled |= done


def _paint(
    found: dict[int, _Kind],
    one: _Labelled,
    rows: slice,
    labels: NDArray[np.integer[Any]],
    kinds: NDArray[np.int8],
    sizes: NDArray[np.intp],
) -> None:
    """Put regions of a band where those of their kind are."""
    place = slice(rows.start, rows.start + one.labels.shape[0]), slice(0, one.labels.shape[1])
    for kind, before in found.items():
        chosen = kinds == kind
        if not chosen.any():
            continue
        wanted = np.zeros(len(one.size), bool)
        wanted[labels[chosen]] = True
        before.mask[place] = before.mask[place] | wanted[one.labels]
        least = min(before.least, float(one.value[labels[chosen]].min()))
        found[kind] = before._replace(pixels=before.pixels + int(sizes[chosen].sum()), least=least)


def _add(mask: Mask, other: Mask) -> None:
    if other.any():
        for place, _, _ in blocks(mask.shape):
            mask[place] = mask[place] | other[place]
