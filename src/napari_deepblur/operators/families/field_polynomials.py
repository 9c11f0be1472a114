"""Polynomials of the position in the field, orthogonal over it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Powers (of x, of y) of each term, by degree; lower degrees come first.
_TERMS = {"": (0, 0), "x": (1, 0), "y": (0, 1), "xx": (2, 0), "xy": (1, 1), "yy": (0, 2)}
_COUNT = {0: 1, 1: 3, 2: 6}

DEGREES = tuple(_COUNT)


def term_names(degree: int) -> tuple[str, ...]:
    """Return the names of the T terms up to a degree: ``""``, ``"x"``, ``"y"``, ``"xx"``, ``"xy"``, ``"yy"``."""
    return tuple(_TERMS)[: _COUNT[degree]]


def field_polynomials(points: NDArray[np.floating], field_shape: tuple[int, int], degree: int) -> NDArray[np.float64]:
    """Evaluate the products L_a(x) L_b(y) of Legendre polynomials, a + b up to `degree`.

    x and y are -1 at the first and 1 at the last column and row: L_0 = 1, L_1 = x, L_2 = (3 x^2 - 1) / 2. Inside the
    field no product exceeds 1 in size.

    Parameters
    ----------
    points
        Positions (row, column) in pixels, shape (P, 2).
    field_shape
        Rows and columns of the field.
    degree
        0, 1 or 2.

    Returns
    -------
    ndarray
        Shape (P, T), T = 1, 3 or 6, in the order of `term_names`.
    """
    last = np.maximum(np.array(field_shape, dtype=float) - 1, 1)
    y, x = (2 * np.asarray(points, dtype=float) / last - 1).T
    legendre = [(np.ones_like(t), t, (3 * t * t - 1) / 2) for t in (x, y)]
    return np.stack([legendre[0][_TERMS[n][0]] * legendre[1][_TERMS[n][1]] for n in term_names(degree)], axis=1)
