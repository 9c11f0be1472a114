"""The PSFs of a microscope whose aberrations vary slowly over the field."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from napari_deepblur.errors import FamilyError
from napari_deepblur.operators.families.aberrations import AberrationFamily
from napari_deepblur.operators.families.as_numbers import as_field_shape
from napari_deepblur.operators.families.base import check_points, check_theta
from napari_deepblur.operators.families.facts import DEFAULT_MODES, Amplitude
from napari_deepblur.operators.families.field_expansion import FieldExpansion
from napari_deepblur.operators.families.field_maps import FieldMaps
from napari_deepblur.operators.families.field_polynomials import DEGREES, field_polynomials, term_names
from napari_deepblur.operators.families.zernike import ZernikeFamily
from napari_deepblur.operators.linear import ArrayOperator
from napari_deepblur.operators.product_convolution import ProductConvolutionOperator
from napari_deepblur.optics import Microscope

_GRID = 13
_HIGHEST_RANK = 32
_TOLERANCE = 0.01


class FieldZernikeFamily(AberrationFamily):
    """Aberrations that are polynomials of the position in the field.

    The Zernike coefficient of mode m at z is sum_t theta_mt L_t(z), in waves RMS, with the products L_t of Legendre
    polynomials of `field_polynomials`; the PSF at z is that of `ZernikeFamily` with these coefficients. Parameters are
    flat, one mode after the other: ``"defocus"``, ``"defocus x"``, ``"defocus y"``, and for degree 2 ``"defocus xx"``,
    ``"defocus xy"``, ``"defocus yy"``. With degree 0 the family is `ZernikeFamily`.

    Operators are product-convolutions, from the singular value decomposition of the PSFs on a grid of 13 x 13 places
    (`expand`, which reports the error).

    Parameters
    ----------
    microscope
        The optics and the sampling.
    modes
        Noll indices from 4 on.
    degree
        Of the polynomials: 0, 1 or 2.
    field_shape
        Rows and columns of the field in pixels.
    max_amplitude
        Coefficients are expected in [-max_amplitude, max_amplitude] everywhere in the field, in waves RMS; ``"auto"``
        as in `ZernikeFamily`.
    psf_size
        Side of the PSF in pixels; odd.
    rank
        Number of terms of an operator; by default the fewest, up to 32, that leave an error of at most 1 %.

    Raises
    ------
    FamilyError
        If an argument is out of range.

    Notes
    -----
    Source of the expansion: P. Escande and P. Weiss, "Approximation of integral operators using product-convolution
    expansions", Journal of Mathematical Imaging and Vision 58, 333 (2017).
    """

    def __init__(
        self,
        microscope: Microscope,
        modes: Sequence[int] = DEFAULT_MODES,
        degree: int = 1,
        field_shape: tuple[int, int] = (1024, 1024),
        max_amplitude: Amplitude = "auto",
        psf_size: int = 31,
        rank: int | None = None,
    ) -> None:
        self._local = ZernikeFamily(microscope, modes, max_amplitude, psf_size)
        self.microscope = self._local.microscope
        power: Any = degree
        if not isinstance(power, Real) or power not in DEGREES:
            raise FamilyError(f"degree is {degree!r}, expected 0, 1 or 2.")
        self.degree = int(degree)
        self._field_shape = as_field_shape(field_shape)
        terms: Any = rank
        if terms is not None and (not isinstance(terms, Integral) or not 1 <= int(terms) <= _GRID**2):
            raise FamilyError(f"rank is {rank!r}, expected None or a whole number from 1 to {_GRID**2}.")
        self.rank = None if rank is None else int(rank)

    @property
    def kind(self) -> Literal["field-zernike"]:
        """``"field-zernike"``."""
        return "field-zernike"

    @property
    def local(self) -> ZernikeFamily:
        """The blurs at one place of the field."""
        return self._local

    @property
    def numbers(self) -> dict[str, Any]:
        """Those of `local`, degree, rows and columns of the field, and number of terms."""
        return {**self.local.numbers, "degree": self.degree, "field_shape": self.field_shape, "rank": self.rank}

    @property
    def modes(self) -> tuple[int, ...]:
        """Noll indices."""
        return self.local.modes

    @property
    def max_amplitude(self) -> Amplitude:
        """Largest coefficient expected anywhere in the field, in waves RMS; ``"auto"`` where nobody states one."""
        return self.local.max_amplitude

    @property
    def psf_size(self) -> int:
        """Side k of the point spread functions, in pixels; odd."""
        return self.local.psf_size

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Names such as ``"defocus"`` and ``"defocus x"``, one mode after the other."""
        return tuple(
            f"{mode} {term}".strip() for mode in self.local.parameter_names for term in term_names(self.degree)
        )

    @property
    def field_shape(self) -> tuple[int, int]:
        """Rows and columns of the field of view."""
        return self._field_shape

    @property
    def even_modes(self) -> NDArray[np.bool_]:
        """Mask (K,) of the parameters of even modes, whose joint sign one image cannot tell."""
        return np.repeat(self.local.even_modes, len(term_names(self.degree)))

    def sample(self, n: int, seed: int) -> NDArray[np.float32]:
        """Draw parameters; shape (n, K).

        The constant term of a mode is uniform in [-a, a], a of `local.sizes`; the absolute values of its other terms
        sum to a value uniform in [0, a / 2]. A mode that could pass a somewhere in the field is scaled down to it.
        """
        constant = self.local.sample(n, seed)
        terms = len(term_names(self.degree))
        if terms == 1:
            return constant
        rng = np.random.default_rng([seed, self.degree])
        varying = rng.uniform(-1, 1, (*constant.shape, terms - 1))
        size = self.local.sizes(n, seed)
        total = rng.uniform(0, size / 2, constant.shape)
        varying *= (total / np.abs(varying).sum(-1))[..., None]
        theta = np.concatenate([constant[..., None], varying], axis=-1)
        largest = np.abs(constant) + total
        theta *= np.minimum(1, size / largest)[..., None]
        return theta.reshape(n, self.n_parameters).astype(np.float32)

    def maps_at(self, points: ArrayLike) -> NDArray[np.float64]:
        """Values of the polynomials L_t at positions (row, column) of the field, (P, 2); shape (P, T)."""
        return field_polynomials(check_points(points), self._field_shape, self.degree)

    def coefficients(self, theta: ArrayLike, points: ArrayLike) -> NDArray[np.float32]:
        """Zernike coefficients of `theta` (K,) at P positions (row, column); shape (P, M), in waves RMS."""
        return self._local_coefficients(self.check(theta), check_points(points)).numpy()

    def psf(self, theta: ArrayLike, points: ArrayLike | None = None) -> NDArray[np.float32]:
        """Exact local point spread functions, sum 1.

        Parameters
        ----------
        theta
            Parameters in waves RMS, shape (K,).
        points
            Positions (row, column) in pixels of the field, shape (P, 2); by default its centre.

        Returns
        -------
        ndarray
            (P, k, k), or (k, k) without `points`; float32.

        Raises
        ------
        FamilyError
            If `theta` has another length or is not finite, or if points are not pairs.
        """
        centre = [[(side - 1) / 2 for side in self._field_shape]]
        psfs = self._psfs(self.check(theta), check_points(centre if points is None else points))
        return np.asarray(psfs.numpy()[0] if points is None else psfs.numpy())

    def expand(self, theta: ArrayLike) -> FieldExpansion:
        """Expand the PSFs of `theta` (K,) into the product-convolution that `operator` uses, and measure its error."""
        checked = self.check(theta)
        eigen_psfs, maps, values = self._expand(checked[None], self.rank)
        total = float((values[0] ** 2).sum())
        left = float((values[0, eigen_psfs.shape[1] :] ** 2).sum())
        rows, columns = (np.linspace(0, side - 1, 2 * _GRID - 1)[1::2] for side in self._field_shape)
        between = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
        exact = self._psfs(checked, between).numpy()
        found = np.einsum("pr,ryx->pyx", FieldMaps(maps[0], self._field_shape).at(between), eigen_psfs[0])
        errors = np.linalg.norm(found - exact, axis=(1, 2)) / np.linalg.norm(exact, axis=(1, 2))
        return FieldExpansion(eigen_psfs[0], maps[0], float(np.sqrt(left / total)), float(errors.max()))

    def operator(self, theta: ArrayLike, shape: tuple[int, int], origin: tuple[int, int] = (0, 0)) -> ArrayOperator:
        """Product-convolution of `theta` (K,) for an observed image of shape (H, W) whose first pixel is at `origin`.

        Raises
        ------
        FamilyError
            If the image lies outside the field by more than half a PSF, or `theta` makes no sense.
        """
        return ArrayOperator(self._operator(self.check(theta)[None], shape, origin, batch=False))

    def linear_operator(
        self, theta: Tensor, shape: tuple[int, int], origin: tuple[int, int] = (0, 0)
    ) -> ProductConvolutionOperator:
        """Batched operators of `theta` (B, K) for scenes (B, 1, H + k - 1, W + k - 1); not differentiable in theta."""
        return self._operator(theta.detach(), shape, origin, batch=True)

    def check(self, theta: ArrayLike) -> Tensor:
        """Return `theta` (K,) as a float32 tensor, or raise a `FamilyError` that says what is wrong with it."""
        meaning = f"{len(term_names(self.degree))} for each of Noll {self.modes}"
        return check_theta(theta, self.n_parameters, meaning, self.units)

    def _local_coefficients(self, theta: Tensor, points: NDArray[np.float64]) -> Tensor:
        terms = torch.from_numpy(field_polynomials(points, self._field_shape, self.degree)).float().to(theta.device)
        return torch.einsum("...mt,pt->...pm", theta.float().unflatten(-1, (len(self.modes), -1)), terms)

    def _psfs(self, theta: Tensor, points: NDArray[np.float64]) -> Tensor:
        # In parts: the pupils of many places together would take hundreds of megabytes.
        local = self._local_coefficients(theta, points)
        return torch.cat([self.local.psf_tensor(part) for part in local.split(32, dim=-2)], dim=-3)

    def _grid(self) -> tuple[NDArray[np.float64], tuple[int, int]]:
        rows, columns = (np.linspace(0, side - 1, _GRID if self.degree else 1) for side in self._field_shape)
        points = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1)
        return points.reshape(-1, 2), (len(rows), len(columns))

    def _expand(
        self, theta: Tensor, rank: int | None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float64]]:
        """Eigen-PSFs (B, R, k, k), maps (B, R, G, G') and all singular values (B, N) for theta (B, K)."""
        points, grid = self._grid()
        with torch.no_grad():
            psfs = self._psfs(theta, points).flatten(-2).double().cpu().numpy()
        left, values, right = np.linalg.svd(psfs, full_matrices=False)
        if rank is None:
            # What is left after 0, 1, 2, ... terms, of the worst member of the batch.
            remainder = np.sqrt(np.cumsum(values[:, ::-1] ** 2, axis=1)[:, ::-1] / (values**2).sum(1, keepdims=True))
            rank = min(int((remainder > _TOLERANCE).sum(1).max()), _HIGHEST_RANK)
        rank = min(rank, values.shape[1])
        maps = (left * values[:, None, :])[..., :rank].swapaxes(-1, -2)
        eigen_psfs = right[:, :rank].reshape(len(theta), rank, self.psf_size, self.psf_size)
        return eigen_psfs.astype(np.float32), maps.reshape(len(theta), rank, *grid).astype(np.float32), values

    def _operator(
        self, theta: Tensor, shape: tuple[int, int], origin: tuple[int, int], batch: bool
    ) -> ProductConvolutionOperator:
        eigen_psfs, maps, _ = self._expand(theta, self.rank)
        scenes = np.stack([FieldMaps(m, self._field_shape).on_scene(shape, origin, self.psf_size) for m in maps])
        on_device = [torch.from_numpy(v.astype(np.float32)).to(theta.device)[:, None] for v in (eigen_psfs, scenes)]
        psfs, windows = on_device if batch else [value[0, 0] for value in on_device]
        return ProductConvolutionOperator(psfs, windows, torch.eye(maps.shape[1], device=theta.device))
