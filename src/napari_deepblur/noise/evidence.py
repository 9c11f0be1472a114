"""What of an image is evidence: outliers found and filled in, the noise of the rest, and words about it.

Made once for an image, and handed to identification and restoration. An image without outliers is handed on as it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, binary_propagation

from napari_deepblur.bands import blocks
from napari_deepblur.errors import ImageError
from napari_deepblur.noise.census import counted, moments, percentiles, step_of
from napari_deepblur.noise.crowded import noise_beside_hot_pixels
from napari_deepblur.noise.estimate import estimate_noise
from napari_deepblur.noise.filled_plane import FilledPlane
from napari_deepblur.noise.filling import fill
from napari_deepblur.noise.model import PoissonGaussianNoise
from napari_deepblur.noise.outliers import Outliers, find_outliers
from napari_deepblur.packed_mask import PackedMask, union
from napari_deepblur.plane import Mask, Plane, RegionPlane, mask_of

if TYPE_CHECKING:
    from napari_deepblur.optics import Microscope

_LEAST_VISIBLE = 0.1
"""Share of an image that must be evidence."""

_FAR = 1e5
"""Distance from the other pixels, in units of their range, from which on a number is no measurement."""

_THICK = 3
"""Half-width in pixels from which on a constant region is a mask or border, in which nothing is restored."""

_AROUND_BLANK = 64
"""Pixels around a block of a large image in which such regions are followed."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """An image, and which of its pixels count.

    Attributes
    ----------
    pixels
        The image, float32, shape (H, W), with something plausible in the place of what does not count.
    hidden
        Pixels that do not count, shape (H, W); None where all do.
    blank
        Those of them in which nothing can be restored: wide masks and borders; None where there are none.
    noise
        Given, or estimated from what counts, in the units of the image.
    notes
        What was set aside, and how much, in words.
    """

    pixels: Plane
    hidden: Mask | None
    blank: Mask | None
    noise: PoissonGaussianNoise
    notes: tuple[str, ...]


def gather_evidence(
    image: Plane,
    microscope: Microscope | None,
    noise: PoissonGaussianNoise | None = None,
    masked: Mask | None = None,
) -> Evidence:
    """Find what does not count in an image, and fill it in.

    Parameters
    ----------
    image
        Checked image in its own units, shape (H, W): an array, or a plane that is read by regions. Of the latter
        nothing of its size is held but packed masks, and its evidence is filled in anew for each region that is read.
    microscope
        The optics, whose band limit tells hot pixels from points of light.
    noise
        In the units of the image; estimated where absent.
    masked
        Pixels that are known not to count, shape (H, W).

    Raises
    ------
    ImageError
        If hardly anything is left.
    NoiseError
        If the noise is not given, and cannot be estimated.
    """
    cutoff = None if microscope is None else microscope.cutoff
    _check_contrast(image, None, "All pixels have the same value, {value:g}: there is nothing to deblur.")
    wild = _wild(image, masked)
    apart = wild if masked is None else union(wild, masked)
    known = apart if apart.any() else None
    step = step_of(image, known)
    values = image
    if known is not None:
        values = _filled(values, known, mask_of(image), cutoff, None, step)
        words = (
            f"All pixels but {int(wild.sum())} outliers have the same value, {{value:g}}: there is nothing to deblur."
        )
        _check_contrast(image, known, words)
    level = noise
    if level is None:
        first = estimate_noise(values, microscope)
        level = noise_beside_hot_pixels(values, microscope, first, step)
    found = find_outliers(values, cutoff, level, step, known)
    hidden = found.all if known is None else union(found.all, known)
    notes = _words(found, wild, masked)
    if not hidden.any():
        return Evidence(image, None, None, level, notes)
    if hidden.mean() > 1 - _LEAST_VISIBLE:
        raise ImageError(
            f"{hidden.mean():.0%} of the image are masked, constant or saturated, expected at most "
            f"{1 - _LEAST_VISIBLE:.0%}: crop it to the part that shows something."
        )
    words = f"All pixels but {int(hidden.sum())} outliers have the same value, {{value:g}}: there is nothing to deblur."
    _check_contrast(image, hidden, words)
    pixels = _filled(values, hidden, found.saturated, cutoff, level, step)
    if noise is None:
        level = estimate_noise(pixels, microscope)
    return Evidence(pixels, hidden, _blank(found.flat), level, notes)


def _check_contrast(image: Plane, hidden: Mask | None, words: str) -> None:
    """Raise an `ImageError` where all pixels that are seen have the same value."""
    low, high = math.inf, -math.inf
    for part in counted(image, hidden):
        if part.size:
            low, high = min(low, float(part.min())), max(high, float(part.max()))
        if high > low:
            return
    raise ImageError(words.format(value=low))


def _wild(image: Plane, masked: Mask | None) -> Mask:
    """Find numbers that no camera writes, such as 1e20 for no data: they leave no room for anything else."""
    wild = mask_of(image)
    low, high = percentiles(image, (1, 99), None if masked is None or masked.all() else masked)
    far = _FAR * max(high - low, 1e-3 * max(abs(low), abs(high)))
    if not far > 0:
        return wild
    for place, _, _ in blocks(image.shape):
        part = image[place]
        beyond = (part > high + far) | (part < low - far)
        wild[place] = beyond if masked is None else beyond & ~masked[place]
    return wild


def _filled(
    values: Plane, hidden: Mask, odd: Mask, cutoff: float | None, noise: PoissonGaussianNoise | None, step: float
) -> Plane:
    if hidden.all():
        return values
    seen = moments(values, hidden)
    variance = float(noise.variance(seen.mean)) if noise is not None else 0.0
    # In squares of the image's unit, in which nothing is small or large.
    share = min(max(variance / seen.variance, 1e-6), 10.0) if seen.variance > 0 else 10.0 if variance > 0 else 1e-6

    def filled(part: NDArray[Any], closed: NDArray[np.bool_], bright: NDArray[np.bool_]) -> NDArray[np.float32]:
        result = fill(part, closed, bright, cutoff, share)
        if step > 0:
            # On the digits of the others, so that the step of the image can still be seen.
            result[closed] = seen.low + np.rint((result[closed].astype(np.float64) - seen.low) / step) * step
        return np.asarray(result)

    if isinstance(values, RegionPlane):
        return FilledPlane(values, hidden, odd, filled)
    return filled(values, np.asarray(hidden[:, :]), np.asarray(odd[:, :]))


def _blank(flat: Mask) -> Mask | None:
    """Find the constant regions that are thick somewhere; of a large image in each block with what is around it."""
    if not flat.any():
        return None
    if not isinstance(flat, PackedMask):
        found = _thick(flat)
        return found if found.any() else None
    blank = PackedMask(flat.shape)
    for place, around, inner in blocks(flat.shape, _AROUND_BLANK):
        part = flat[around]
        if part.any():
            # Beyond what is seen of a large region it goes on, as it does beyond the border of the image.
            blank[place] = _thick(part)[inner]
    return blank if blank.any() else None


def _thick(flat: NDArray[np.bool_]) -> NDArray[np.bool_]:
    core = binary_erosion(flat, iterations=_THICK, border_value=1)
    return np.asarray(binary_propagation(core, mask=flat)) if core.any() else np.zeros_like(flat)


def _words(found: Outliers, wild: Mask, masked: Mask | None) -> tuple[str, ...]:
    parts = [
        (int(union(found.isolated, wild).sum()), "isolated hot or dead pixels, sharper than the optics allow"),
        (int(found.saturated.sum()), "saturated"),
        (int(found.flat.sum()), "in constant regions: a mask, a border, dead rows or what was drawn into the image"),
        (int(found.lines.sum()), "in rows or columns that stand out as a whole"),
        (0 if masked is None else int(masked.sum()), "masked in the array"),
    ]
    said = [f"{count} {what}" for count, what in parts if count]
    size = found.isolated.size
    notes = []
    if said:
        total = sum(count for count, _ in parts)
        notes.append(f"Set aside, {total / size:.2g} of all pixels: {'; '.join(said)}.")
    if found.doubted:
        notes.append(
            f"{found.doubted:.1%} of all pixels are sharper than the optics allow, and were kept: are numerical "
            "aperture, wavelength and pixel size right?"
        )
    return tuple(notes)
