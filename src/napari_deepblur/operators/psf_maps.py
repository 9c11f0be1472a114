"""Maps over the field of what microscopists ask of a point spread function."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_deepblur.errors import FamilyError
from napari_deepblur.operators.families.base import OperatorFamily
from napari_deepblur.optics.psf_metrics import encircled_radius, fwhm, ideal_psf, otf_cutoff, strehl_ratio


class PsfMaps(NamedTuple):
    """Measures of the local PSFs at the middles of the cells of a regular grid over an image.

    Attributes
    ----------
    strehl
        Strehl ratio, shape (R, C); None where the optics are not known.
    fwhm_um
        Full width at half maximum, mean of that along rows and along columns, in micrometres, shape (R, C).
    encircled_um
        Radius about the centroid that holds half of the light, in micrometres, shape (R, C).
    cutoff
        Frequency at which the modulus of the transfer function, mean over directions, falls to 5 %, in cycles per
        micrometre, shape (R, C).
    spacing
        Rows and columns of the image that a cell covers; the middle of the first is at (spacing - 1) / 2.
    """

    strehl: NDArray[np.float32] | None
    fwhm_um: NDArray[np.float32]
    encircled_um: NDArray[np.float32]
    cutoff: NDArray[np.float32]
    spacing: tuple[float, float]


def psf_maps(
    family: OperatorFamily,
    theta: ArrayLike,
    shape: tuple[int, int] | None = None,
    origin: tuple[int, int] = (0, 0),
    grid: tuple[int, int] = (9, 9),
) -> PsfMaps:
    """Measure the PSFs of an operator over the field of an image.

    Parameters
    ----------
    family
        The blurs.
    theta
        Which of them, shape (K,).
    shape
        Rows and columns of the image; by default all of the family's field.
    origin
        First pixel (row, column) of the image in the field.
    grid
        Rows and columns of the maps; not more than those of the image.

    Returns
    -------
    PsfMaps
        Of a family whose PSF is the same everywhere the maps are constant.

    Raises
    ------
    FamilyError
        If the pixels have no size, `theta` or the grid make no sense, or there is neither a field nor a shape.

    Notes
    -----
    The exact local PSFs are measured, not those of an operator's expansion. Strehl ratio and width are those of
    `measure_psf`: M. Born, E. Wolf, "Principles of Optics", 7th edition, sections 9.1 and 9.5.
    """
    pixel = family.pixel_size_um
    if pixel is None:
        raise FamilyError("The family says nothing about its pixels, which the maps need. Give it a pixel_size_um.")
    sides = shape or family.field_shape
    if sides is None:
        raise FamilyError("The PSF is the same everywhere, and has no field: give the shape of the image.")
    if len(grid) != 2 or any(not 1 <= cells <= side for cells, side in zip(grid, sides, strict=True)):
        raise FamilyError(f"The grid is {grid}, expected from one cell to one for each pixel of {sides}.")
    spacing = sides[0] / grid[0], sides[1] / grid[1]
    if family.field_shape is None:
        psfs = np.repeat(family.psf(theta)[None], grid[0] * grid[1], axis=0)
    else:
        rows, columns = (
            first + (np.arange(cells) + 0.5) * step - 0.5
            for first, cells, step in zip(origin, grid, spacing, strict=True)
        )
        psfs = family.psf(theta, np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2))
    # Of equal PSFs one measurement is enough.
    unlike, which = np.unique(psfs.astype(np.float64), axis=0, return_inverse=True)
    sums = unlike.sum(axis=(1, 2), keepdims=True)
    if not (sums > 0).all():
        raise FamilyError("A PSF of theta has a sum that is not positive. Are the parameters those of this family?")
    unlike /= sums
    which = np.asarray(which).reshape(grid)

    def as_map(values: list[float]) -> NDArray[np.float32]:
        return np.asarray(values, np.float32)[which]

    optics = family.microscope
    ideal = None if optics is None else ideal_psf(optics, family.psf_size)
    return PsfMaps(
        None if ideal is None else as_map([strehl_ratio(psf, ideal) for psf in unlike]),
        as_map([pixel * float(np.mean(fwhm(psf))) for psf in unlike]),
        as_map([pixel * encircled_radius(psf) for psf in unlike]),
        as_map([otf_cutoff(psf, pixel) for psf in unlike]),
        spacing,
    )
