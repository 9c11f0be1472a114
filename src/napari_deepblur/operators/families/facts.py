"""What settings and forms have to know of families, which is so before one is made: it needs no torch."""

from __future__ import annotations

from typing import Literal

FamilyKind = Literal["zernike", "field-zernike", "eigen-psf", "product-convolution"]
"""Kinds of families, as files and settings name them."""

DEFAULT_MODES = tuple(range(4, 12))
"""Noll 4 to 11: defocus, astigmatism, coma, trefoil, spherical."""

WAVES = "waves RMS"
"""Unit of the coefficients of aberrations."""

HIGHEST_MODE = 496
"""Largest Noll index: the last of radial order 30, whose rings are beyond what the samples of a pupil show."""

WIDEST_PSF = 255
"""Largest side of a PSF, in pixels."""

HIGHEST_AMPLITUDE = 0.3
"""Largest coefficient in waves RMS where nobody states one."""

LOWEST_AMPLITUDE = 0.02
"""Least size of the coefficients that are drawn where nobody states one, in waves RMS: less hardly blurs."""

Amplitude = float | Literal["auto"]
"""Largest expected coefficient in waves RMS; ``"auto"`` where nobody states one."""
