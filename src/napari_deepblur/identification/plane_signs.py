"""The joint sign of the even modes, from planes at known distances.

One image knows its even coefficients e only up to a joint sign s. Between planes a known defocus is added,

    s_z e_z = e_0 + z d + error,    d_j = 1/pi integral of Z_j sqrt((n/lambda)^2 - (NA/lambda)^2 rho^2) over the disk,

in waves RMS per micrometre: the projection of the phase of free propagation on the even modes (for the disk of radius
one). Flipping all signs s_z at once would ask for the same data with -d, which is another distance between planes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.operators import OperatorFamily, ZernikeFamily
from napari_deepblur.optics import zernike_projection

_FREEDOM = 4.0
"""Degrees of freedom of Student's t by which a plane's misfit counts: a plane that went wrong does not decide alone."""

_ROUNDS = 20


class PlaneSigns(NamedTuple):
    """What planes at known distances say together about the even modes.

    Attributes
    ----------
    signs
        Sign of each plane's even coefficients, shape (Z,), 1 or -1.
    even
        e_0, the even coefficients where z = 0, in waves RMS, shape (K,).
    log_odds
        Logarithm of the odds of the joint sign against the opposite one, not negative.
    """

    signs: NDArray[np.float64]
    even: NDArray[np.float64]
    log_odds: float


def defocus_per_um(family: ZernikeFamily) -> NDArray[np.float64]:
    """Change of the coefficients with the distance of the plane, d, in waves RMS per micrometre.

    Parameters
    ----------
    family
        Its modes and its microscope.

    Returns
    -------
    ndarray
        Shape (K,); zero for all modes but those of rotational symmetry, such as 4 and 11.
    """
    optics = family.microscope
    wave_number, aperture = optics.n_immersion / optics.wavelength_um, optics.na / optics.wavelength_um
    return zernike_projection(lambda rho: np.sqrt(wave_number**2 - np.square(aperture * rho)), family.modes)


def signed_planes(planes: Sequence[dict[str, Any]], family: OperatorFamily, plane_spacing_um: float) -> dict[str, Any]:
    """Settle the joint sign of the even modes in the record of a stack.

    Parameters
    ----------
    planes
        Entries of the planes, with ``"theta"``, ``"theta_std"`` and ``"identified"``; the even coefficients of those
        whose blur was identified get their sign.
    family
        Of their blurs.
    plane_spacing_um
        Distance of each plane from the one before.

    Returns
    -------
    dict
        ``{"stack": {"plane_spacing_um": ..., "sign_probability": ...}}`` with the probability that the joint sign is
        right; empty where fewer than two planes were identified, or the family has no defocus.
    """
    zernike = family.local
    if zernike is None or family.field_shape is not None or 4 not in zernike.modes:
        return {}
    numbers = [i for i, plane in enumerate(planes) if plane.get("identified") and plane.get("theta_std") is not None]
    if len(numbers) < 2:
        return {}
    even = zernike.even_modes
    theta = np.array([planes[i]["theta"] for i in numbers])
    std = np.array([planes[i]["theta_std"] for i in numbers])
    offsets = plane_spacing_um * np.array(numbers, dtype=np.float64)
    known = zernike.known_wavefront
    found = settle_signs((theta + known)[:, even], std[:, even], offsets, defocus_per_um(zernike)[even])
    signed = np.where(even, found.signs[:, None] * (theta + known) - known, theta)
    for i, values in zip(numbers, signed, strict=True):
        planes[i]["theta"] = values.tolist()
    probability = 1 / (1 + math.exp(-found.log_odds))
    return {"stack": {"plane_spacing_um": plane_spacing_um, "sign_probability": probability}}


def settle_signs(
    even: NDArray[np.floating],
    std: NDArray[np.floating],
    offsets_um: NDArray[np.floating],
    change: NDArray[np.floating],
) -> PlaneSigns:
    """Fit s_z e_z = e_0 + z d for both joint signs.

    Each sign is held in one plane after the other; e_0 and the signs of the other planes are fitted in turns. The
    opposite hypothesis is the best fit in which the plane that speaks loudest has the other sign.

    Parameters
    ----------
    even, std
        Even coefficients of each plane, of arbitrary sign, and their errors, in waves RMS, shape (Z, K); sums with the
        wavefront that is known (`ZernikeFamily.known_wavefront`).
    offsets_um
        z of each plane in micrometres, shape (Z,).
    change
        d of the even modes, shape (K,).

    Returns
    -------
    PlaneSigns
        With odds of one (a logarithm of 0) where the planes do not differ.
    """
    shift = offsets_um[:, None] * change[None]
    fits = [
        _fit(even, std, shift, sign * even[plane] - shift[plane]) for plane in range(len(even)) for sign in (1.0, -1.0)
    ]
    cost, signs, start = min(fits, key=lambda fit: fit[0])
    loudest = int(np.argmax((even**2 / std**2).sum(1)))
    # Without a fit of the other sign among those found, the fit is held there.
    others = [fit[0] for fit in fits if fit[1][loudest] != signs[loudest]]
    others.append(_fit(even, std, shift, -signs[loudest] * even[loudest] - shift[loudest], loudest)[0])
    return PlaneSigns(signs, start, max(min(others) - cost, 0.0))


def _fit(
    even: NDArray[np.floating],
    std: NDArray[np.floating],
    shift: NDArray[np.floating],
    start: NDArray[np.floating],
    held: int | None = None,
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Fit signs and e_0 in turns from `start`, the sign of one plane held; return cost, signs and e_0."""
    precision = 1 / std**2
    middle = np.asarray(start, np.float64)
    first = np.sign((even[held] * precision[held] * (middle + shift[held])).sum()) if held is not None else 0.0
    for _ in range(_ROUNDS):
        signs = np.where((even * precision * (middle + shift)).sum(1) >= 0, 1.0, -1.0)
        if held is not None:
            signs[held] = first
        misfit = ((signs[:, None] * even - shift - middle) ** 2 * precision).sum(1) / even.shape[1]
        weight = precision * ((_FREEDOM + 1) / (_FREEDOM + misfit))[:, None]
        middle = (weight * (signs[:, None] * even - shift)).sum(0) / weight.sum(0)
    misfit = ((signs[:, None] * even - shift - middle) ** 2 * precision).sum(1) / even.shape[1]
    return float(((_FREEDOM + 1) / 2 * np.log1p(misfit / _FREEDOM)).sum()), signs, middle
