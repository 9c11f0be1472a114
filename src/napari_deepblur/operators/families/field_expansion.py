"""Space-varying PSFs as a product-convolution, and what that leaves out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class FieldExpansion(NamedTuple):
    """Space-varying PSFs as a sum h_z = sum_r w_r(z) e_r, and how far it is from them.

    Attributes
    ----------
    eigen_psfs
        The e_r, orthonormal, by falling importance, shape (R, k, k).
    maps
        The w_r on an even grid from the first to the last pixel of the field, shape (R, G, G').
    truncation_error
        Relative error sqrt(sum |h_z - sum_r w_r(z) e_r|^2 / sum |h_z|^2) over the grid: what the terms left out.
    largest_error
        The largest relative error |h_z - sum_r w_r(z) e_r| / |h_z| at places halfway between the points of the grid,
        which the interpolation of the maps is part of.
    """

    eigen_psfs: NDArray[np.float32]
    maps: NDArray[np.float32]
    truncation_error: float
    largest_error: float
