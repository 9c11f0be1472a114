"""Patches around beads, all centred alike: p = a T_s h + b.

A bead's image in plane z is its stack's template h_z, moved by s, scaled by a, on a background b. The shift and the
amplitude are the bead's own and shared by all planes, which are seen by the same beads in the same places: the planes
are fitted together, and aberrations that move the light from plane to plane (coma, astigmatism) stay what they are.
What one stack cannot tell is where its template should lie. The rule is: the centroid of the squared template of the
sharpest plane lies on the middle pixel.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Array = NDArray[np.float64]
Patches = NDArray[np.float32]

_ROUNDS = 3
_RIM = 2
"""Width of the outer ring that shows the background, in pixels."""

_SHARP_PLANES = 3
_FARTHEST = 5
"""Largest shift from the pixel where the bead was found."""

_STEP = 0.1
_HARMLESS = 0.01
"""A relative residual that no bead is rejected for."""


class Centred(NamedTuple):
    """The beads of one stack, n of them, all in the same place.

    Attributes
    ----------
    patches
        Background removed, centred, not scaled; shape (n, Z, k, k).
    shifts
        Position of each bead relative to the pixel where it was found, shape (n, 2).
    amplitude
        Light of each bead, summed over the patch, mean of the sharpest planes, shape (n,).
    background
        Light of a pixel without the bead, in the sharpest planes, shape (n,).
    template
        Mean PSF of each plane, of sum one in the sharpest planes, shape (Z, k, k).
    residual
        |p - a h|^2 / |p|^2 over all planes, shape (n,).
    """

    patches: Patches
    shifts: Array
    amplitude: Array
    background: Array
    template: Array
    residual: Array


def margin_for(patch_size: int) -> int:
    """Return how many more pixels a patch needs on each side, so that moving it wraps nothing into it."""
    margin = 4
    while fft.next_fast_len(patch_size + 2 * margin) != patch_size + 2 * margin:
        margin += 1
    return margin


def cut(stack: NDArray[np.generic], points: Array, side: int) -> Patches:
    """Cut squares of odd `side` around whole-pixel `points` (n, 2); shape (n, Z, side, side)."""
    half = side // 2
    corners = np.round(points).astype(int) - half
    parts = [stack[:, r : r + side, c : c + side] for r, c in corners]
    return np.stack(parts).astype(np.float32) if parts else np.zeros((0, len(stack), side, side), np.float32)


def centre(squares: Patches, patch_size: int, transfer: Array | None = None) -> Centred:
    """Centre beads on each other.

    Parameters
    ----------
    squares
        Patches with a margin, shape (n, Z, k + 2 m, k + 2 m), n >= 1.
    patch_size
        Side k of the patches, odd.
    transfer
        A filter that is applied to the squares on the way, at the frequencies of ``rfft2``.

    Returns
    -------
    Centred
        Their common template, and how each differs from it.
    """
    side = squares.shape[-1]
    crop = slice((side - patch_size) // 2, (side + patch_size) // 2)
    sharp = _sharpest(squares[..., crop, crop])
    # A bead and its background do not change between planes: where the light is together, the rim shows no bead.
    background = _rim_mean(squares[:, sharp][..., crop, crop]).mean(axis=1)
    spectra = fft.rfft2(squares - background[:, None, None, None].astype(np.float32))
    if transfer is not None:
        spectra *= transfer.astype(np.float32)
    used = np.ones(len(squares), dtype=bool)
    shifts = np.zeros((len(squares), 2))
    for _ in range(_ROUNDS):
        patches = _moved(spectra, -shifts, side)[..., crop, crop]
        template, _, residual = _fitted(patches, used)
        used = ~outliers(residual)
        shifts = _best_shifts(spectra, template, side)
        shifts -= np.median(shifts[used], axis=0)
    patches = _moved(spectra, -shifts, side)[..., crop, crop]
    shifts += _centroid(np.square(_fitted(patches, used)[0][sharp[0]]))
    patches = _moved(spectra, -shifts, side)[..., crop, crop]
    template, _, residual = _fitted(patches, used)
    template /= template[sharp].sum(axis=(1, 2)).mean()
    # The light itself, not the amplitude of the template: where PSFs differ over the field, the latter is less.
    light = patches[:, sharp].sum(axis=(1, 2, 3), dtype=np.float64) / len(sharp)
    return Centred(patches, shifts, light, background, template, residual)


def outliers(residual: Array) -> NDArray[np.bool_]:
    """Tell which residuals are far above the others: over twice their median, 5 deviations above it, and over 1 %."""
    middle = float(np.median(residual))
    spread = 1.4826 * float(np.median(np.abs(residual - middle)))
    return np.asarray(residual > max(_HARMLESS, 2 * middle, middle + 5 * spread))


def _sharpest(patches: Patches) -> NDArray[np.intp]:
    """Return the planes with most of their light in few pixels, the sharpest first."""
    mean = np.median(patches, axis=0).astype(np.float64)
    mean = mean - _rim_mean(mean)[:, None, None]
    order = np.argsort(-np.square(mean).sum(axis=(1, 2)), kind="stable")
    return order[:_SHARP_PLANES]


def _rim_mean(patches: NDArray[np.floating]) -> Array:
    """Mean of the outer ring without its brightest and darkest tenth, shape of the leading axes."""
    inner = np.zeros(patches.shape[-2:], dtype=bool)
    inner[_RIM:-_RIM, _RIM:-_RIM] = True
    ring = np.sort(patches[..., ~inner].astype(np.float64), axis=-1)
    tenth = ring.shape[-1] // 10
    return np.asarray(ring[..., tenth : ring.shape[-1] - tenth].mean(axis=-1))


def _moved(spectra: NDArray[np.complexfloating], shifts: Array, side: int) -> Patches:
    """Move images, given by their half spectra, by sub-pixel shifts (n, 2)."""
    rows = np.exp(-2j * np.pi * np.outer(shifts[:, 0], fft.fftfreq(side)))
    columns = np.exp(-2j * np.pi * np.outer(shifts[:, 1], fft.rfftfreq(side)))
    phase = (rows[:, :, None] * columns[:, None, :]).astype(np.complex64)
    moved: Patches = fft.irfft2(spectra * phase[:, None], s=(side, side)).astype(np.float32)
    return moved


def _fitted(patches: Patches, used: NDArray[np.bool_]) -> tuple[Array, Array, Array]:
    """Fit p = a h by alternating least squares: template (Z, k, k), amplitudes (n,), relative residuals (n,)."""
    flat = patches.reshape(len(patches), -1).astype(np.float64)
    amplitude = flat[:, flat[used].mean(axis=0).argmax()].clip(1e-12)
    for _ in range(3):
        # Beads are weighted by their brightness, but none by more than twice the median's.
        weight = np.where(used, np.minimum(amplitude, 2 * np.median(amplitude[used])), 0)
        template = weight @ (flat / amplitude[:, None]) / weight.sum()
        amplitude = (flat @ template / (template @ template)).clip(1e-12)
    error = np.square(flat - amplitude[:, None] * template).sum(axis=1)
    return template.reshape(patches.shape[1:]), amplitude, error / np.square(flat).sum(axis=1).clip(1e-300)


def _best_shifts(spectra: NDArray[np.complexfloating], template: Array, side: int) -> Array:
    """Shift of every bead against the template: the highest place of the correlation summed over the planes."""
    padded = np.zeros((len(template), side, side))
    crop = slice((side - template.shape[-1]) // 2, (side + template.shape[-1]) // 2)
    padded[:, crop, crop] = template - template.mean(axis=(1, 2), keepdims=True)
    cross = np.einsum("nzyx,zyx->nyx", spectra, fft.rfft2(padded).conj().astype(np.complex64))
    # A half spectrum counts twice, but for its first column.
    cross[:, :, 1:] *= 2
    best = np.zeros((len(spectra), 2))
    for step, reach in ((1.0, _FARTHEST), (_STEP, 10)):
        offsets = step * np.arange(-reach, reach + 1)
        for index in range(len(best)):
            rows = np.exp(2j * np.pi * np.outer(best[index, 0] + offsets, fft.fftfreq(side)))
            columns = np.exp(2j * np.pi * np.outer(best[index, 1] + offsets, fft.rfftfreq(side)))
            correlation = (rows @ cross[index] @ columns.T).real
            best[index] += step * _peak(correlation, refine=step == _STEP)
    return best


def _peak(values: Array, refine: bool) -> Array:
    """Place of the largest value, in samples from the middle, refined by a parabola along each axis."""
    place = np.array(np.unravel_index(int(values.argmax()), values.shape))
    result = place - np.array(values.shape) // 2.0
    if refine and (place > 0).all() and (place < np.array(values.shape) - 1).all():
        for axis, step in enumerate(np.eye(2, dtype=int)):
            before, here, after = (values[tuple(place + k * step)] for k in (-1, 0, 1))
            result[axis] += 0.5 * (before - after) / min(before - 2 * here + after, -1e-300)
    return result


def _centroid(weight: Array) -> Array:
    """Centroid of a square image relative to its middle pixel, (row, column)."""
    positions = np.arange(weight.shape[0]) - weight.shape[0] // 2
    moments = [positions @ weight.sum(axis=1), positions @ weight.sum(axis=0)]
    return np.asarray(moments) / float(weight.sum())
