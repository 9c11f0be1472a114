"""Zernike polynomials in Noll's order, orthonormal on the unit disk.

Source: R. J. Noll, "Zernike polynomials and atmospheric turbulence", J. Opt. Soc. Am. 66, 207 (1976).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.errors import FamilyError

_NAMES = {
    1: "piston",
    2: "tilt x",
    3: "tilt y",
    4: "defocus",
    5: "astigmatism oblique",
    6: "astigmatism vertical",
    7: "coma y",
    8: "coma x",
    9: "trefoil y",
    10: "trefoil x",
    11: "spherical",
    12: "secondary astigmatism vertical",
    13: "secondary astigmatism oblique",
    14: "quadrafoil vertical",
    15: "quadrafoil oblique",
}


@cache
def noll_to_nm(j: int) -> tuple[int, int]:
    """Radial order n and signed azimuthal order m of Noll index j (m < 0 for sine modes).

    Parameters
    ----------
    j
        Noll index, from 1 (piston).

    Returns
    -------
    tuple of int
        ``(n, m)`` with ``n >= |m|`` and ``n - |m|`` even.

    Raises
    ------
    FamilyError
        If ``j`` is not a positive integer.
    """
    if isinstance(j, bool) or not isinstance(j, (int, np.integer)) or j < 1:
        raise FamilyError(f"Noll index {j!r} does not exist: indices are the integers 1 (piston), 2, 3, ...")
    n = (math.isqrt(8 * j - 7) - 1) // 2
    position = j - n * (n + 1) // 2 - 1
    # Within one radial order |m| grows, each non-zero |m| taking two consecutive places.
    m = 2 * ((position + 1) // 2) if n % 2 == 0 else 2 * (position // 2) + 1
    return (n, m) if m == 0 or j % 2 == 0 else (n, -m)


def mode_name(j: int) -> str:
    """Name of Noll mode j, such as ``"defocus"`` for 4; ``"Noll j"`` where no common name exists."""
    noll_to_nm(j)
    return _NAMES.get(j, f"Noll {j}")


def is_even(j: int) -> bool:
    """Tell whether Z_j(-x) = Z_j(x), which holds where the azimuthal order is even.

    One in-focus image knows the coefficients of all even modes only up to one joint sign, because
    ``|F[P exp(i phi)]|^2`` does not change when ``phi(x)`` becomes ``-phi(-x)``.
    """
    return noll_to_nm(j)[1] % 2 == 0


def zernike(j: int, rho: NDArray[np.floating], phi: NDArray[np.floating]) -> NDArray[np.float64]:
    """Zernike polynomial Z_j of Noll's order, with RMS 1 over the unit disk.

    Z_j = sqrt(n + 1) R_n^0(rho) for m = 0, and sqrt(2 (n + 1)) R_n^|m|(rho) times cos(m phi) for even j,
    sin(|m| phi) for odd j.

    Parameters
    ----------
    j
        Noll index, from 1.
    rho
        Radius; 1 is the edge of the pupil. Any shape. Values beyond 1 are extrapolated.
    phi
        Angle atan2(y, x) in radians, of the shape of `rho`.

    Returns
    -------
    ndarray
        Values of the polynomial, of the shape of `rho`.
    """
    n, m = noll_to_nm(j)
    order = abs(m)
    radial: NDArray[np.float64] = np.zeros(np.shape(rho), dtype=np.float64)
    for k in range((n - order) // 2 + 1):
        coefficient = (-1) ** k * math.factorial(n - k)
        coefficient //= math.factorial(k) * math.factorial((n + order) // 2 - k) * math.factorial((n - order) // 2 - k)
        radial = radial + coefficient * np.power(rho, n - 2 * k, dtype=np.float64)
    if m == 0:
        return math.sqrt(n + 1) * radial
    angular: NDArray[np.float64] = np.cos(order * phi) if m > 0 else np.sin(order * phi)
    return math.sqrt(2 * (n + 1)) * radial * angular


_RADII = 400
"""Midpoints of equal areas of the disk."""


def zernike_projection(
    wavefront: Callable[[NDArray[np.floating]], NDArray[np.floating]], modes: Sequence[int]
) -> NDArray[np.float64]:
    """Coefficients of a wavefront of rotational symmetry, c_j = 1/pi integral of Z_j W over the disk.

    Parameters
    ----------
    wavefront
        W as a function of the radius, 1 at the edge.
    modes
        Noll indices, K of them.

    Returns
    -------
    ndarray
        Shape (K,), in the units of W; exactly zero for modes without that symmetry.
    """
    radius = np.sqrt((np.arange(_RADII) + 0.5) / _RADII)
    values = wavefront(radius)
    return np.array([(zernike(j, radius, 0 * radius) * values).mean() if noll_to_nm(j)[1] == 0 else 0.0 for j in modes])
