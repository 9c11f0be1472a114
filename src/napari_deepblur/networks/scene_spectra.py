"""How the spectra of sharp scenes vary."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class SceneSpectra:
    """Mean and covariance of the logarithm of the averaged periodogram of sharp scenes, but for their brightness.

    log S ~ c + N(mean, sum_r variances_r components_r components_r' + diag(residual)), c unknown

    Attributes
    ----------
    mean
        Shape (WINDOW, WINDOW // 2 + 1), as all spectra here.
    components
        Orthonormal principal components, shape (R, WINDOW, WINDOW // 2 + 1).
    variances
        Their variances, shape (R,).
    residual
        Variance at each frequency of what the components leave.
    windows
        Number of windows that each periodogram was averaged over.
    """

    mean: Tensor
    components: Tensor
    variances: Tensor
    residual: Tensor
    windows: int
