"""What a restored image owes to not knowing the blur: its standard deviation over blurs that are likely."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.progress import Progress, changed, one_of
from napari_deepblur.restoration.restore import Restored
from napari_deepblur.restoration.tiling import Part


def spread_steps(
    restorations: Iterable[Generator[Progress | Part, None, Restored]], count: int
) -> Generator[Progress, None, NDArray[np.float32]]:
    """Restore with each of the blurs, and take the standard deviation; only two images are kept at a time.

    Parameters
    ----------
    restorations
        One for each blur, begun when its turn comes.
    count
        How many there are, at least two.

    Returns
    -------
    NDArray
        Standard deviation of one pixel over the blurs, of the shape of the image, as the value of the generator:
        sqrt(sum (x_i - mean)^2 / (count - 1)), found in one pass (Welford).
    """
    mean: NDArray[Any] = np.zeros(0)
    squares: NDArray[Any] = np.zeros(0)
    for number, steps in enumerate(restorations):
        # A part of another image is no part of the result; as progress it stands where the work was already.
        quiet = changed(steps, lambda step: step if isinstance(step, Progress) else Progress("deblur", 0, 1))
        restored = yield from one_of(quiet, number, count, f"likely blur {number + 1}/{count}")
        image = restored.image.astype(np.float64)
        if number == 0:
            mean, squares = image, np.zeros_like(image)
            continue
        away = image - mean
        mean += away / (number + 1)
        squares += away * (image - mean)
    return np.sqrt(squares / (count - 1)).astype(np.float32)
