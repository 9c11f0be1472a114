"""What of an image is evidence: outliers found and filled in, the noise of the rest, and words about it.

Made once for an image, and handed to identification and restoration. An image without outliers is handed on as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, binary_propagation

from napari_deepblur.errors import ImageError
from napari_deepblur.noise.crowded import noise_beside_hot_pixels
from napari_deepblur.noise.estimate import estimate_noise
from napari_deepblur.noise.filling import fill
from napari_deepblur.noise.lattice import lattice_step
from napari_deepblur.noise.model import PoissonGaussianNoise
from napari_deepblur.noise.outliers import Outliers, find_outliers

if TYPE_CHECKING:
    from napari_deepblur.optics import Microscope

Mask = NDArray[np.bool_]

_LEAST_VISIBLE = 0.1
"""Share of an image that must be evidence."""

_FAR = 1e5
"""Distance from the other pixels, in units of their range, from which on a number is no measurement."""

_THICK = 3
"""Half-width in pixels from which on a constant region is a mask or border, in which nothing is restored."""


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

    pixels: NDArray[np.float32]
    hidden: Mask | None
    blank: Mask | None
    noise: PoissonGaussianNoise
    notes: tuple[str, ...]


def gather_evidence(
    image: NDArray[np.float32],
    microscope: Microscope | None,
    noise: PoissonGaussianNoise | None = None,
    masked: Mask | None = None,
) -> Evidence:
    """Find what does not count in an image, and fill it in.

    Parameters
    ----------
    image
        Checked image in its own units, shape (H, W).
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
    if not np.ptp(image) > 0:
        raise ImageError(f"All pixels have the same value, {float(image.flat[0]):g}: there is nothing to deblur.")
    wild = _wild(image, masked)
    apart = wild if masked is None else wild | masked
    known = apart if apart.any() else None
    step = lattice_step(image if known is None else image[~known])
    values = image
    if known is not None:
        values = _filled(values, known, np.zeros_like(known), cutoff, None, step)
    if not np.ptp(values) > 0:
        raise ImageError(
            f"All pixels but {int(wild.sum())} outliers have the same value, {float(values.flat[0]):g}: there is "
            "nothing to deblur."
        )
    level = noise
    if level is None:
        first = estimate_noise(values, microscope)
        level = noise_beside_hot_pixels(values, microscope, first, step)
    found = find_outliers(values, cutoff, level, step, known)
    hidden = found.all if known is None else found.all | known
    notes = _words(found, wild, masked)
    if not hidden.any():
        return Evidence(image, None, None, level, notes)
    if hidden.mean() > 1 - _LEAST_VISIBLE:
        raise ImageError(
            f"{hidden.mean():.0%} of the image are masked, constant or saturated, expected at most "
            f"{1 - _LEAST_VISIBLE:.0%}: crop it to the part that shows something."
        )
    if not np.ptp(image[~hidden]) > 0:
        raise ImageError(
            f"All pixels but {int(hidden.sum())} outliers have the same value, {float(image[~hidden][0]):g}: there is "
            "nothing to deblur."
        )
    pixels = _filled(values, hidden, found.saturated, cutoff, level, step)
    if noise is None:
        level = estimate_noise(pixels, microscope)
    return Evidence(pixels, hidden, _blank(found.flat), level, notes)


def _wild(image: NDArray[np.float32], masked: Mask | None) -> Mask:
    """Find numbers that no camera writes, such as 1e20 for no data: they leave no room for anything else."""
    seen = image if masked is None or masked.all() else image[~masked]
    low, high = (float(value) for value in np.percentile(seen, (1, 99)))
    far = _FAR * max(high - low, 1e-3 * max(abs(low), abs(high)))
    wild = (image > high + far) | (image < low - far) if far > 0 else np.zeros(image.shape, bool)
    return wild if masked is None else wild & ~masked


def _filled(
    values: NDArray[np.float32],
    hidden: Mask,
    odd: Mask,
    cutoff: float | None,
    noise: PoissonGaussianNoise | None,
    step: float,
) -> NDArray[np.float32]:
    seen = values[~hidden]
    variance = float(noise.variance(seen.mean(dtype=np.float64))) if noise is not None and seen.size else 0.0
    share = variance / max(float(seen.var(dtype=np.float64)) if seen.size else 0.0, 1e-30)
    start = float(seen.min()) if seen.size else 0.0
    del seen
    filled = fill(values, hidden, odd, cutoff, min(max(share, 1e-6), 10.0))
    if step > 0:
        # On the digits of the others, so that the step of the image can still be seen.
        filled[hidden] = start + np.rint((filled[hidden].astype(np.float64) - start) / step) * step
    return filled


def _blank(flat: Mask) -> Mask | None:
    core = binary_erosion(flat, iterations=_THICK, border_value=1)
    return np.asarray(binary_propagation(core, mask=flat)) if core.any() else None


def _words(found: Outliers, wild: Mask, masked: Mask | None) -> tuple[str, ...]:
    parts = [
        (int((found.isolated | wild).sum()), "isolated hot or dead pixels, sharper than the optics allow"),
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
