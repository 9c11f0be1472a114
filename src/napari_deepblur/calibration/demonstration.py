"""A simulated microscope to calibrate: bead stacks whose true PSFs are known everywhere.

Wide field, 100x / 1.49 oil, pixels of 0.065 um in the sample, beads of 0.1 um on the coverslip in water. The pupil of
stack s at the field position (r, c) in [-1, 1]^2 and the defocus z is

    P(rho) exp(2 i pi (sum_k theta_k(r, c) Z_k(rho / fc) + z sqrt(kb^2 - rho^2))),

theta_k a polynomial of degree 2, one part of it the microscope's and a smaller one the stack's own. Where rho passes
the numerical aperture n_s of the sample (water), light reaches the objective only through the evanescent field, and the
amplitude falls as exp(-2 pi d sqrt(rho^2 - n_s^2) / wavelength), d the height of the emitter over the coverslip.
Everything follows from one seed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.calibration.bead_filter import ball_transfer
from napari_deepblur.errors import CalibrationError
from napari_deepblur.optics import Microscope, zernike

MODES = (4, 5, 6, 7, 8, 9, 10, 11)
_COMMON_WAVES, _OWN_WAVES = (0.05, 0.02, 0.012), (0.015, 0.006, 0.004)
"""Standard deviations of the polynomial's coefficients of degree 0, 1 and 2: the microscope's, and each stack's own."""

_SAMPLE_INDEX, _HEIGHT_UM = 1.33, 0.1
_REACH_UM = 4.2
"""Half the side of the square that a bead's light is computed on."""

_MARGIN = 40
"""How far beyond the field beads lie, in pixels."""

_OFFSET, _COUNTS_PER_PHOTON, _READ_NOISE, _BACKGROUND = 100.0, 2.0, 1.5, 4.0
"""Camera: counts without light, counts per photon; read noise and the sample's background in photons."""

_MOST_PHOTONS = 2e4
"""At the peak of the median bead: the brightest are 1.4 times as bright as the mean one."""

Array = NDArray[np.float64]


def demonstration_microscope() -> Microscope:
    """Return the optics of the demonstration: 1.49 oil, emission 0.525 um, pixels of 0.065 um."""
    return Microscope(na=1.49, wavelength_um=0.525, pixel_size_um=0.065, n_immersion=1.515, light="scalar")


@dataclass(frozen=True)
class Demonstration:
    """What is simulated.

    Parameters
    ----------
    n_stacks, n_planes
        Number of stacks, each of other beads and slightly other aberrations, and of planes in each.
    step_um
        Distance of the planes; the middle one is in focus.
    field_shape
        Rows and columns of the camera.
    n_beads
        Single beads in and around the field; three more make a pair and a clump, which calibration has to reject.
    distance
        How far single beads are apart, in pixels.
    bead_diameter_um
        Diameter of the beads.
    seed
        Everything random follows from it.
    microscope
        Optics and sampling.

    Raises
    ------
    CalibrationError
        If a number is not positive or the field is too small for a bead.
    """

    n_stacks: int = 18
    n_planes: int = 21
    step_um: float = 0.2
    field_shape: tuple[int, int] = (512, 512)
    n_beads: int = 55
    distance: int = 65
    bead_diameter_um: float = 0.1
    seed: int = 0
    microscope: Microscope = field(default_factory=demonstration_microscope)

    def __post_init__(self) -> None:
        """Check the numbers."""
        for name in ("n_stacks", "n_planes", "n_beads", "step_um", "bead_diameter_um"):
            if not 0 < getattr(self, name) < math.inf:
                raise CalibrationError(f"{name} is {getattr(self, name)}, expected a positive number.")
        if min(self.field_shape) < 96:
            raise CalibrationError(f"The field has {self.field_shape} pixels, expected at least 96 a side.")

    @property
    def defocus_um(self) -> Array:
        """Defocus of each plane, shape (n_planes,)."""
        return np.asarray((np.arange(self.n_planes) - (self.n_planes - 1) / 2) * self.step_um, dtype=np.float64)


def sample_demonstration() -> Demonstration:
    """Return what `samples/beads.tif` shows: three planes of a small field, stack 0, 1000 photons."""
    return Demonstration(n_stacks=1, n_planes=3, field_shape=(200, 200), n_beads=45, distance=34, seed=3)


def coefficients(demo: Demonstration, stack: int, points: NDArray[np.floating]) -> Array:
    """Zernike coefficients in waves of modes 4 to 11 at `points` (row, column) in pixels; shape (P, 8)."""
    degrees = np.array([0, 1, 1, 2, 2, 2])
    common = np.random.default_rng((demo.seed, 0)).standard_normal((len(MODES), 6)) * np.array(_COMMON_WAVES)[degrees]
    own = np.random.default_rng((demo.seed, 1, stack)).standard_normal((len(MODES), 6)) * np.array(_OWN_WAVES)[degrees]
    row, column = _unit(demo, points)
    terms = np.stack([np.ones_like(row), row, column, row**2 - 1 / 3, row * column, column**2 - 1 / 3])
    return np.asarray(((common + own) @ terms).T, dtype=np.float64)


def vignetting(demo: Demonstration, points: NDArray[np.floating]) -> Array:
    """Return the share of light that arrives from `points` (P, 2), 1 in the middle and 0.7 in the corners."""
    row, column = _unit(demo, points)
    return np.asarray(1 - 0.15 * (row**2 + column**2))


def true_psfs(
    demo: Demonstration,
    stack: int,
    points: NDArray[np.floating],
    size: int,
    shifts: NDArray[np.floating] | None = None,
    bead: bool = False,
) -> NDArray[np.float32]:
    """Point spread functions of all planes.

    Parameters
    ----------
    demo, stack
        What is simulated, and which of its stacks.
    points
        Field positions (row, column) in pixels, shape (P, 2).
    size
        Side k in pixels, odd.
    shifts
        Displacements (row, column) of each from the middle of the square, in pixels, shape (P, 2); default none.
    bead
        Blur with the bead's ball.

    Returns
    -------
    ndarray
        Shape (P, n_planes, k, k), float32; all light of a plane, also beyond the square, sums to 1.
    """
    microscope = demo.microscope
    grid = 2 * max(size, 1 + 2 * math.ceil(_REACH_UM / microscope.pixel_size_um)) + 2
    reach = math.ceil(microscope.cutoff * grid) + 1
    frequency = np.arange(-reach, reach + 1) / grid
    fy, fx = np.meshgrid(frequency, frequency, indexing="ij")
    rho, phi = np.hypot(fx, fy), np.arctan2(fy, fx)
    aperture = rho * microscope.wavelength_um / microscope.pixel_size_um
    evanescent = np.sqrt(np.maximum(aperture**2 - _SAMPLE_INDEX**2, 0))
    amplitude = np.clip((microscope.cutoff - rho) * grid + 0.5, 0, 1)
    amplitude = amplitude * np.exp(-2 * np.pi * _HEIGHT_UM * evanescent / microscope.wavelength_um)
    axial = np.sqrt(np.maximum(microscope.wavenumber**2 - rho**2, 0)) / microscope.pixel_size_um
    planes = (amplitude * np.exp(2j * np.pi * demo.defocus_um[:, None, None] * axial)).astype(np.complex64)
    inside = np.minimum(rho / microscope.cutoff, 1)
    basis = np.stack([zernike(j, inside, phi) for j in MODES])
    theta = coefficients(demo, stack, points)
    pixels = np.arange(size) - size // 2
    displaced = np.zeros((len(theta), 2)) if shifts is None else np.asarray(shifts, dtype=float)
    ball = ball_transfer((size, size), demo.bead_diameter_um / microscope.pixel_size_um) if bead else None
    result = np.empty((len(theta), demo.n_planes, size, size), dtype=np.float32)
    for index, (values, shift) in enumerate(zip(theta, displaced, strict=True)):
        pupil = planes * np.exp(2j * np.pi * np.tensordot(values, basis, 1)).astype(np.complex64)
        rows, columns = (np.exp(2j * np.pi * np.outer(pixels - s, frequency)).astype(np.complex64) for s in shift)
        light = np.abs(rows @ pupil @ columns.T) ** 2 / (grid**2 * (amplitude**2).sum())
        result[index] = light if ball is None else np.fft.irfft2(np.fft.rfft2(light) * ball, s=(size, size))
    return result


def bead_positions(demo: Demonstration, stack: int) -> tuple[Array, Array]:
    """Return positions (n, 2) in pixels and brightnesses (n,) of the beads of a stack.

    Single beads keep a distance; one pair lies too close together, and one clump is two beads that touch.
    """
    rng = np.random.default_rng((demo.seed, 2, stack))
    low, high = np.full(2, -float(_MARGIN)), np.array(demo.field_shape) + float(_MARGIN)
    placed: list[Array] = []
    for _ in range(200 * demo.n_beads):
        candidate = rng.uniform(low, high)
        if all(np.hypot(*(candidate - other)) > demo.distance for other in placed):
            placed.append(candidate)
        if len(placed) == demo.n_beads:
            break
    inside = [p for p in placed if (p > 40).all() and (p < np.array(demo.field_shape) - 40).all()]
    companions = [inside[0] + rng.normal(0, 1, 2) + (14, 9), inside[1] + (2.5, -3.0)] if len(inside) > 3 else []
    positions = np.array([*placed, *companions])
    return positions, rng.uniform(0.7, 1.4, len(positions))


def bead_stack(demo: Demonstration, stack: int, peak_photons: float | None = 2000.0) -> NDArray[np.generic]:
    """Simulate one stack of bead images.

    Parameters
    ----------
    demo, stack
        What is simulated, and which of its stacks.
    peak_photons
        Photons in the brightest pixel of the median bead in focus, which sets the noise; None for no noise at all.

    Returns
    -------
    ndarray
        Shape (n_planes, rows, columns): counts as a camera of 16 bits writes them, or float32 counts without noise.
    """
    if peak_photons is not None and not 0 < peak_photons <= _MOST_PHOTONS:
        raise CalibrationError(
            f"{peak_photons:g} photons at the peak of a bead, expected more than 0 and at most {_MOST_PHOTONS:g}: "
            "more do not fit into the 16 bits of its camera."
        )
    positions, brightness = bead_positions(demo, stack)
    height, width = demo.field_shape
    half = math.ceil(_REACH_UM / demo.microscope.pixel_size_um)
    photons = np.zeros((demo.n_planes, height + 4 * half, width + 4 * half), dtype=np.float32)
    light = brightness * vignetting(demo, positions)
    peaks = []
    for position, gain in zip(positions, light, strict=True):
        corner = np.round(position).astype(int)
        psfs = true_psfs(demo, stack, position[None], 2 * half + 1, (position - corner)[None], bead=True)[0]
        peaks.append(float(gain * psfs.max()))
        row, column = corner + half
        photons[:, row : row + 2 * half + 1, column : column + 2 * half + 1] += gain * psfs
    photons = photons[:, 2 * half : 2 * half + height, 2 * half : 2 * half + width]
    photons *= (1e4 if peak_photons is None else peak_photons) / np.median(peaks)
    photons += _BACKGROUND
    if peak_photons is None:
        return photons * np.float32(_COUNTS_PER_PHOTON) + np.float32(_OFFSET)
    rng = np.random.default_rng((demo.seed, 3, stack))
    noisy = rng.poisson(np.maximum(photons, 0)) + rng.normal(0, _READ_NOISE, photons.shape)
    counts = np.round(noisy * _COUNTS_PER_PHOTON + _OFFSET)
    return np.clip(counts, 0, np.iinfo(np.uint16).max).astype(np.uint16)


def _unit(demo: Demonstration, points: NDArray[np.floating]) -> tuple[Array, Array]:
    """Return the field coordinates in [-1, 1], rows and columns."""
    scaled = 2 * np.asarray(points, dtype=float) / (np.array(demo.field_shape) - 1) - 1
    return scaled[:, 0], scaled[:, 1]
