"""Admissible parameters of a measured family: the convex hull of those that were observed."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_deepblur.errors import FamilyError
from napari_deepblur.operators.families.as_numbers import as_numbers

_CONCENTRATION = 3.0


def check_thetas(thetas: ArrayLike | None, counts: tuple[int, ...]) -> NDArray[np.float32] | None:
    """Return observed parameters as an array (L, K), K the product of `counts`; None stays None.

    Parameters
    ----------
    thetas
        Shape (L, K) or (L, *counts).
    counts
        Numbers of eigen-PSFs and of maps.

    Raises
    ------
    FamilyError
        If the shape is another one, there are none, or a value is not finite.
    """
    if thetas is None:
        return None
    values = as_numbers(thetas, "thetas", np.float32, "numbers (L, K)")
    length = int(np.prod(counts))
    if values.ndim < 2 or not len(values) or values.shape[1:] not in ((length,), counts):
        raise FamilyError(f"thetas have shape {values.shape}, expected (L, {length}) or (L, {counts}), L at least 1.")
    if not np.isfinite(values).all():
        raise FamilyError("thetas hold values that are not finite.")
    return values.reshape(len(values), length)


def sample_hull(thetas: NDArray[np.float32] | None, n: int, seed: int) -> NDArray[np.float32]:
    """Draw convex combinations sum_l a_l theta_l of the observed parameters.

    The weights a follow a symmetric Dirichlet law whose concentrations sum to at most 3, so that a combination is made
    of about four observations however many there are: weights of concentration 1 would all lie near their mean.

    Parameters
    ----------
    thetas
        Observed parameters, shape (L, K).
    n
        How many to draw.
    seed
        Of the random numbers.

    Returns
    -------
    ndarray
        Shape (n, K), float32.

    Raises
    ------
    FamilyError
        If nothing was observed.
    """
    if thetas is None:
        raise FamilyError(
            "This family has no observed parameters, so that none can be drawn. Make it with thetas=..., those "
            "of measured images, as calibration does."
        )
    concentration = np.full(len(thetas), min(1.0, _CONCENTRATION / len(thetas)))
    weights = np.random.default_rng(seed).dirichlet(concentration, n)
    return np.asarray(weights @ thetas.astype(np.float64), dtype=np.float32)
