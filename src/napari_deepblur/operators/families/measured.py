"""What families share whose PSFs were measured."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_deepblur.operators.families.admissible import check_thetas, sample_hull
from napari_deepblur.operators.families.base import OperatorFamily, known_pixel_size
from napari_deepblur.operators.families.eigen_psfs import check_eigen_psfs
from napari_deepblur.optics import Microscope, as_microscope


class MeasuredFamily(OperatorFamily):
    """A family whose PSFs are linear in theta: h_z = sum_ij theta_ij w_j(z) e_i, with the maps w_j of `maps_at`.

    Parameters
    ----------
    eigen_psfs
        The e_i, shape (I, k, k), k odd, linearly independent.
    thetas
        Observed parameters, shape (L, I, J) or (L, I J); `sample` draws from their convex hull.
    maps
        Their number J; None where there is one that is 1 everywhere.
    microscope
        The optics, where they are known.
    pixel_size_um
        Pixel size in the sample, in micrometres; by default that of the microscope.

    Raises
    ------
    FamilyError
        If shapes do not fit, values are not finite, or the eigen-PSFs depend on each other.
    """

    def __init__(
        self,
        eigen_psfs: ArrayLike,
        thetas: ArrayLike | None,
        maps: int | None,
        microscope: Microscope | None,
        pixel_size_um: float | None,
    ) -> None:
        self.eigen_psfs = check_eigen_psfs(eigen_psfs)
        shape = (len(self.eigen_psfs),) if maps is None else (len(self.eigen_psfs), maps)
        self.thetas = check_thetas(thetas, shape)
        self.microscope = None if microscope is None else as_microscope(microscope)
        self._pixel_size_um = known_pixel_size(pixel_size_um, self.microscope)

    @abstractmethod
    def fit(self, points: ArrayLike, psfs: ArrayLike, weights: ArrayLike | None = None) -> NDArray[np.float32]:
        """Project local PSFs on the family: argmin over theta of sum_p a_p |h_p - sum_ij theta_ij w_j(z_p) e_i|^2.

        Parameters
        ----------
        points
            Positions z_p (row, column) in pixels of the field, shape (P, 2).
        psfs
            The h_p, shape (P, k, k).
        weights
            The a_p, shape (P,); by default all alike.

        Returns
        -------
        ndarray
            theta, shape (K,).

        Raises
        ------
        FamilyError
            If shapes do not fit, or the points do not determine theta.
        """

    @property
    def measured(self) -> MeasuredFamily:
        """The family itself."""
        return self

    @property
    def local(self) -> None:
        """None: there are no Zernike coefficients."""
        return None

    @property
    def psf_size(self) -> int:
        """Side k of the point spread functions, in pixels; odd."""
        return int(self.eigen_psfs.shape[-1])

    @property
    def pixel_size_um(self) -> float | None:
        """Pixel size in the sample, in micrometres, where it is known."""
        return self._pixel_size_um

    @property
    def units(self) -> str:
        """Empty: coordinates of PSFs have no unit."""
        return ""

    @property
    def even_modes(self) -> NDArray[np.bool_]:
        """Mask (K,), False for all parameters: none of them is ambiguous by itself."""
        return np.zeros(self.n_parameters, dtype=bool)

    def sample(self, n: int, seed: int) -> NDArray[np.float32]:
        """Draw convex combinations of the observed parameters (`sample_hull`); shape (n, K)."""
        return sample_hull(self.thetas, n, seed)
