"""What is believed of the parameters of a family: a Gaussian, and how observations of local blurs change it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.operators import OperatorFamily

Array = NDArray[np.float64]

_DRAWS = 2000
_LEAST_VARIANCE = 1e-6


class Observation(NamedTuple):
    """What one window says: design @ theta + offset = value, up to an error of the given precision.

    Attributes
    ----------
    design
        Shape (R, K).
    offset, value
        Shape (R,).
    precision
        Inverse covariance of the error, shape (R, R); directions that nothing is known about have none.
    """

    design: Array
    offset: Array
    value: Array
    precision: Array


class Gaussian(NamedTuple):
    """A normal distribution of theta = mean + root @ v, v standard normal.

    Attributes
    ----------
    mean
        Shape (K,).
    root
        Shape (K, Q): the covariance is root @ root.T.
    """

    mean: Array
    root: Array

    @property
    def std(self) -> Array:
        """Standard deviations, shape (K,)."""
        return np.asarray(np.sqrt(np.square(self.root).sum(axis=1)))

    def draw(self, n: int, seed: int) -> Array:
        """Draw `n` parameter vectors, shape (n, K)."""
        normal = np.random.default_rng(seed).standard_normal((n, self.root.shape[1]))
        return np.asarray(self.mean + normal @ self.root.T)

    def after(self, seen: Sequence[Observation]) -> Gaussian:
        """Condition on observations with independent Gaussian errors.

        With A_n = design_n root and r_n = value_n - offset_n - design_n mean, the precision of v becomes
        I + sum_n A_n' P_n A_n, and its mean solves this against sum_n A_n' P_n r_n.
        """
        count = self.root.shape[1]
        precision, information = np.eye(count), np.zeros(count)
        for window in seen:
            design = window.design @ self.root
            residual = window.value - window.offset - window.design @ self.mean
            precision += design.T @ window.precision @ design
            information += design.T @ window.precision @ residual
        factor = np.linalg.cholesky(precision)
        mean = np.linalg.solve(precision, information)
        # (L L')^-1 = M' M with M = L^-1.
        return Gaussian(self.mean + self.root @ mean, self.root @ np.linalg.inv(factor).T)


def prior_of(family: OperatorFamily, seed: int = 0) -> Gaussian:
    """Mean and covariance of what the family admits, from draws.

    Raises
    ------
    FamilyError
        If the family has no observed parameters.
    """
    theta = family.sample(_DRAWS, seed).astype(np.float64)
    mean = theta.mean(axis=0)
    variances, axes = np.linalg.eigh((theta - mean).T @ (theta - mean) / _DRAWS)
    kept = variances > _LEAST_VARIANCE * variances.sum()
    return Gaussian(mean, axes[:, kept] * np.sqrt(variances[kept]))


def without_prior(precision: Array, prior: Array, mean: Array, prior_mean: Array) -> tuple[Array, Array]:
    """Divide a Gaussian posterior by the prior that it already holds: what the data alone say.

    Parameters
    ----------
    precision, mean
        Of the posterior, (R, R) and (R,).
    prior, prior_mean
        Precision and mean of the prior.

    Returns
    -------
    tuple
        Value (R,) and precision (R, R) of the likelihood. Directions in which the posterior is no sharper than the
        prior are left with no precision.
    """
    # In the frame where the prior is standard normal, precisions below 1 say nothing.
    root = np.linalg.cholesky(prior)
    inverse = np.linalg.inv(root)
    values, axes = np.linalg.eigh(inverse @ precision @ inverse.T)
    gained = np.maximum(values - 1, 0)
    frame = root @ axes
    likelihood = (frame * gained) @ frame.T
    # Per axis: (values) m = (values - 1) value + prior mean, all in the frame.
    position, centre = frame.T @ mean, frame.T @ prior_mean
    told = np.where(gained > 0, (values * position - centre) / np.where(gained > 0, gained, 1), centre)
    return np.linalg.solve(frame.T, told), likelihood
