"""What a family of blur operators is: a short parameter vector in, an operator out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from napari_deepblur.errors import FamilyError
from napari_deepblur.operators.families.as_numbers import as_numbers
from napari_deepblur.operators.families.facts import WAVES, FamilyKind
from napari_deepblur.operators.linear import ArrayOperator, LinearOperator
from napari_deepblur.optics import Microscope

if TYPE_CHECKING:
    from napari_deepblur.operators.families.measured import MeasuredFamily
    from napari_deepblur.operators.families.zernike import ZernikeFamily


class OperatorFamily(ABC):
    """A set of blur operators A(theta), theta in R^K.

    Positions are absolute: pixels (row, column) of the field of view, whose first pixel is (0, 0). An image that is a
    crop of the field says by its `origin`, the position of its own first pixel, which part of the field it shows.

    Nobody asks which class a family is of: what there is to know is a fact of every family. Two of them hand out more,
    `local` what only aberrations have, and `measured` what only measured PSFs have.
    """

    microscope: Microscope | None
    """The optics, where they are known."""

    @property
    @abstractmethod
    def kind(self) -> FamilyKind:
        """The name of the kind, as files and settings have it."""

    @property
    @abstractmethod
    def psf_size(self) -> int:
        """Side k of the point spread functions, in pixels; odd."""

    @property
    @abstractmethod
    def parameter_names(self) -> tuple[str, ...]:
        """A name for each of the K parameters."""

    @property
    @abstractmethod
    def field_shape(self) -> tuple[int, int] | None:
        """Rows and columns of the field of view; None where the PSF is the same everywhere."""

    @property
    @abstractmethod
    def pixel_size_um(self) -> float | None:
        """Pixel size in the sample, in micrometres; None where it is not known."""

    @property
    @abstractmethod
    def units(self) -> str:
        """Unit of the parameters, in words; empty where they have none."""

    @property
    @abstractmethod
    def even_modes(self) -> NDArray[np.bool_]:
        """Mask (K,) of the parameters whose joint sign one image cannot tell."""

    @property
    @abstractmethod
    def local(self) -> ZernikeFamily | None:
        """The aberrations at one place of the field; None where the PSFs do not follow from aberrations."""

    @property
    @abstractmethod
    def measured(self) -> MeasuredFamily | None:
        """The family as one of measured PSFs, which are linear in theta; None where the PSFs are a formula."""

    @property
    @abstractmethod
    def numbers(self) -> dict[str, Any]:
        """What makes the family again, beside its microscope and `tensors`; by the names of its arguments."""

    @property
    @abstractmethod
    def tensors(self) -> dict[str, NDArray[np.float32]]:
        """The arrays that the family is made of, by the names of its arguments."""

    @property
    def n_parameters(self) -> int:
        """Number K of parameters."""
        return len(self.parameter_names)

    @abstractmethod
    def sample(self, n: int, seed: int) -> NDArray[np.float32]:
        """Draw `n` parameter vectors as training does; shape (n, K), reproducible from `seed`."""

    @abstractmethod
    def maps_at(self, points: ArrayLike) -> NDArray[np.float64]:
        """Values of the J functions of the field that theta, of shape (M, J) row by row, weighs; shape (P, J).

        What a place z of the field sees of theta are the M numbers sum_j theta_mj w_j(z): its Zernike coefficients, or
        the coordinates of its PSF.
        """

    @abstractmethod
    def psf(self, theta: ArrayLike, points: ArrayLike | None = None) -> NDArray[np.float32]:
        """Point spread function of `theta`: (k, k) at the centre of the field, or (P, k, k) at P points (row, column).

        Points are positions of sources, in pixels of the field.
        """

    @abstractmethod
    def operator(self, theta: ArrayLike, shape: tuple[int, int], origin: tuple[int, int] = (0, 0)) -> ArrayOperator:
        """Operator of `theta` for an observed image of that shape, whose first pixel is at `origin` of the field."""

    @abstractmethod
    def check(self, theta: ArrayLike) -> Tensor:
        """Return `theta` (K,) as a float32 tensor, or raise a `FamilyError` that says what is wrong with it."""

    @abstractmethod
    def linear_operator(
        self, theta: Tensor, shape: tuple[int, int], origin: tuple[int, int] = (0, 0)
    ) -> LinearOperator:
        """Batched tensor operators of `theta` (B, K), on its device, for scenes (B, 1, H + k - 1, W + k - 1)."""


_MOST_WAVES = 10.0
"""No image is left of what has larger coefficients: they are of another unit."""


def check_theta(theta: ArrayLike, length: int, meaning: str, units: str) -> Tensor:
    """Return `theta` (K,) as a float32 tensor.

    Parameters
    ----------
    theta
        Parameters, K numbers.
    length
        K.
    meaning
        What the numbers are, for the message.
    units
        Their unit, `OperatorFamily.units`.

    Raises
    ------
    FamilyError
        If `theta` has another length, is not finite, or is beyond 10 waves RMS, where that is its unit.
    """
    values = as_numbers(theta, "theta", np.float32, f"{length} numbers")
    if values.shape != (length,):
        raise FamilyError(f"theta has shape {values.shape}, expected ({length},): {meaning}.")
    if not np.isfinite(values).all():
        raise FamilyError(f"theta holds values that are not finite: {values}.")
    largest = float(np.abs(values).max())
    if units == WAVES and largest > _MOST_WAVES:
        raise FamilyError(
            f"theta holds coefficients of up to {largest:.3g} {units}, expected at most {_MOST_WAVES:g}. Are they in "
            "nanometres? One wave is the emission wavelength."
        )
    return torch.from_numpy(values)


def check_points(points: ArrayLike) -> NDArray[np.float64]:
    """Return positions as an array (P, 2), or raise a `FamilyError`."""
    pairs = as_numbers(points, "points", np.float64, "(P, 2) numbers")
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise FamilyError(f"points have shape {pairs.shape}, expected (P, 2): a row and a column for each.")
    if not np.isfinite(pairs).all():
        raise FamilyError("points hold positions that are not finite.")
    return pairs


def known_pixel_size(pixel_size_um: float | None, microscope: Microscope | None) -> float | None:
    """Return the pixel size in micrometres: the given one, or that of the microscope, or None.

    Raises
    ------
    FamilyError
        If it is not positive, or the two differ.
    """
    if pixel_size_um is None:
        return None if microscope is None else microscope.pixel_size_um
    size = float(as_numbers(pixel_size_um, "pixel_size_um", np.float64, "a number of micrometres").max(initial=0))
    if np.ndim(pixel_size_um) or not 0 < size < np.inf:
        raise FamilyError(f"pixel_size_um is {pixel_size_um!r}, expected a positive number of micrometres.")
    if microscope is not None and not np.isclose(size, microscope.pixel_size_um, rtol=1e-6):
        raise FamilyError(f"pixel_size_um is {size}, but the microscope's is {microscope.pixel_size_um}: give one.")
    return size
