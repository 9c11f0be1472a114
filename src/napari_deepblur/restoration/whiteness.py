"""Is what a restoration leaves unexplained nothing but noise? A number that needs no truth, for real images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_deepblur.errors import ImageError

if TYPE_CHECKING:
    from napari_deepblur.noise import PoissonGaussianNoise

LAGS = 8
"""Distances of 1 to 8 pixels, along rows and along columns."""

_LEAST_DEVIATION = 1e-6
"""Deviation of the noise, over that of the residual, below which a pixel counts as noiseless."""


class Whiteness(NamedTuple):
    """Autocorrelation of a standardised residual.

    Attributes
    ----------
    autocorrelation
        c_1, ..., c_8, mean over rows and columns, shape (8,); each between -1 and 1.
    band
        Half-width of the interval around 0 in which each lies with 95 % probability for white noise, shape (8,).
    ratio
        The one number: root mean square of c_l over its standard deviation for white noise. About 1 for white noise
        (below 1.4 in 95 % of all cases); structure that was not explained, or noise that is itself correlated,
        makes it large, the more so in large images.
    """

    autocorrelation: NDArray[np.float64]
    band: NDArray[np.float64]
    ratio: float


def residual_whiteness(image: ArrayLike, restored_blurred: ArrayLike, noise: PoissonGaussianNoise) -> Whiteness:
    """Measure how white the residual y - A x_hat is.

    r = (y - A x_hat) / sqrt(variance(A x_hat)), less its mean; over the n_l pairs of pixels l apart along rows and
    along columns,

        c_l = mean r(p) r(p + l) / mean r^2,   l = 1, ..., 8,

    which for independent noise of any distribution has mean 0 and standard deviation 1 / sqrt(n_l).

    Parameters
    ----------
    image
        Observed image y, shape (H, W), each side more than 8 pixels.
    restored_blurred
        The restored image blurred again, A x_hat, same shape and units.
    noise
        Noise in the same units. Where it leaves some pixels without any the residual is not standardised.

    Returns
    -------
    Whiteness
        Correlations, the band of white noise, and their ratio; zeros for a residual that is zero everywhere.

    Raises
    ------
    ImageError
        If the shapes differ, the images are too small, or hold values that are not finite.

    Notes
    -----
    Restorations that regularise leave some structure at the edges, and cameras that interpolate, denoise or compress
    correlate the noise: compare ratios of methods on one image rather than ratios of different images.

    Source: the autocorrelation test of G. Box and D. Pierce, J. Am. Stat. Assoc. 65, 1509 (1970), in two directions.
    """
    observed = np.asarray(image, dtype=np.float64)
    explained = np.asarray(restored_blurred, dtype=np.float64)
    if observed.shape != explained.shape or observed.ndim != 2 or min(observed.shape, default=0) <= LAGS:
        raise ImageError(
            f"The image has shape {observed.shape} and the blurred restoration {explained.shape}, expected the same "
            f"(rows, columns) of more than {LAGS} pixels a side. Cut both to the field that the restoration explains."
        )
    if not (np.isfinite(observed).all() and np.isfinite(explained).all()):
        raise ImageError("The image or the blurred restoration holds values that are not finite, expected none.")
    difference = observed - explained
    floor = _LEAST_DEVIATION * float(difference.std())
    deviation = np.sqrt(noise.variance(explained))
    # Where the model knows pixels without any noise there is nothing to divide by; correlations need no unit.
    residual = difference / deviation if float(deviation.min()) > floor else difference
    residual = residual - residual.mean()
    power = float(np.mean(residual**2))
    height, width = residual.shape
    pairs = np.array([(height - lag) * width + height * (width - lag) for lag in range(1, LAGS + 1)])
    if power == 0.0:
        return Whiteness(np.zeros(LAGS), 1.96 / np.sqrt(pairs), 0.0)
    sums = [
        float((residual[lag:] * residual[:-lag]).sum() + (residual[:, lag:] * residual[:, :-lag]).sum())
        for lag in range(1, LAGS + 1)
    ]
    correlation = np.array(sums) / pairs / power
    ratio = math.sqrt(float(np.mean(correlation**2 * pairs)))
    return Whiteness(correlation, 1.96 / np.sqrt(pairs), ratio)
