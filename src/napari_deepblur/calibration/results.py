"""What calibration returns."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.calibration.reasons import Reason
from napari_deepblur.operators import ProductConvolutionFamily
from napari_deepblur.optics import Microscope


@dataclass(frozen=True)
class BeadTable:
    """All beads that were found, n of them; columns of equal length.

    Attributes
    ----------
    stack
        Index of the stack in the list that was given.
    row, column
        Position in pixels, to a fraction of a pixel for kept beads.
    amplitude
        Light of the bead in the units of the images, summed over its patch in focus; NaN where it was not measured.
    background
        Light of a pixel without the bead; NaN where it was not measured.
    residual
        Relative squared difference from the stack's mean PSF; NaN where it was not measured.
    kept
        Whether the bead was used.
    reason
        Why it was not, or the empty string.
    """

    stack: NDArray[np.intp]
    row: NDArray[np.float64]
    column: NDArray[np.float64]
    amplitude: NDArray[np.float64]
    background: NDArray[np.float64]
    residual: NDArray[np.float64]
    kept: NDArray[np.bool_]
    reason: tuple[Reason, ...]

    def __len__(self) -> int:
        return len(self.reason)

    @property
    def points(self) -> NDArray[np.float64]:
        """Positions (row, column), shape (n, 2)."""
        return np.column_stack([self.row, self.column])

    def counts(self) -> dict[str, int]:
        """Return how many beads were kept, and how many rejected for each reason."""
        found = {"kept": int(self.kept.sum())}
        return found | {str(r): n for r in Reason if r is not Reason.KEPT and (n := self.reason.count(r))}

    def as_csv(self) -> str:
        """Write the table as comma-separated values with a header."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["stack", "row", "column", "amplitude", "background", "residual", "kept", "reason"])
        numbers = (self.row, self.column, self.amplitude, self.background, self.residual)
        for index, reason in enumerate(self.reason):
            values = ["" if np.isnan(v[index]) else f"{v[index]:.6g}" for v in numbers]
            writer.writerow([int(self.stack[index]), *values, int(self.kept[index]), str(reason)])
        return text.getvalue()


@dataclass(frozen=True)
class Calibration:
    """A microscope's own blurs, as its beads show them. L planes in all, in the order of stacks and then planes.

    Attributes
    ----------
    eigen_psfs
        Orthonormal, shape (I, k, k).
    maps
        Orthonormal functions of the field (mean square 1), from corner pixel to corner pixel, shape (J, G, G).
    thetas
        Coordinates of every plane, shape (L, I, J): its PSF at z is sum_ij theta_ij w_j(z) e_i.
    field_shape
        Rows and columns of the field.
    microscope
        The optics, where they were given.
    beads
        Every bead that was found, with what was wrong with those that were not used.
    singular_values
        Of all PSFs, each plane weighted by one over the norm of its mean PSF; descending, more than I.
    psf_errors, map_errors
        Relative squared error of PSFs that were left out, predicted with 0, 1, 2, ... eigen-PSFs (all maps), and with
        0, 1, 2, ... maps (I eigen-PSFs). It includes their noise. Empty where the number was given.
    example_images, example_points, measured_psfs, modelled_psfs
        Some beads side by side with the model: index of the plane (E,), place in pixels (E, 2), PSFs (E, k, k).
    """

    eigen_psfs: NDArray[np.float32]
    maps: NDArray[np.float32]
    thetas: NDArray[np.float32]
    field_shape: tuple[int, int]
    microscope: Microscope | None
    beads: BeadTable
    singular_values: NDArray[np.float64]
    psf_errors: NDArray[np.float64]
    map_errors: NDArray[np.float64]
    example_images: NDArray[np.intp]
    example_points: NDArray[np.float64]
    measured_psfs: NDArray[np.float32]
    modelled_psfs: NDArray[np.float32]

    @property
    def family(self) -> ProductConvolutionFamily:
        """The operators that these blurs span, with the thetas of all planes; identification and deblurring take it."""
        return ProductConvolutionFamily(
            self.eigen_psfs, self.maps, self.thetas, self.microscope, field_shape=self.field_shape
        )
