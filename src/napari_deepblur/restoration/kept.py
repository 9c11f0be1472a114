"""What is kept of a result that goes out part by part: all of a small one, and the middle of a large one."""

from __future__ import annotations

from typing import final

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.packed_mask import Region
from napari_deepblur.plane import RegionPlane, inside_of
from napari_deepblur.resolution import MOST
from napari_deepblur.restoration.residual import LARGEST_SIDE


@final
class Kept(RegionPlane):
    """A result, of which as much is kept as it is judged by.

    Parameters
    ----------
    shape
        Rows and columns of the result.
    psf_size
        Side k of the PSF, which belongs to what a residual is compared with.
    whole
        Keep all of it.

    Attributes
    ----------
    pixels
        What is kept.
    """

    def __init__(self, shape: tuple[int, int], psf_size: int, whole: bool) -> None:
        super().__init__(shape)
        most = max(shape) if whole else max(MOST, LARGEST_SIDE + psf_size) + 2
        rows, columns = (slice(max(n - most, 0) // 2, max(n - most, 0) // 2 + min(most, n)) for n in shape)
        self._region = rows, columns
        self.pixels: NDArray[np.float32] = np.zeros([rows.stop - rows.start, columns.stop - columns.start], np.float32)

    def take(self, region: Region, pixels: NDArray[np.float32]) -> None:
        """Keep what is to be kept of a part of the result."""
        rows, columns = (
            slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(region, self._region, strict=True)
        )
        if rows.start < rows.stop and columns.start < columns.stop:
            shared = rows, columns
            self.pixels[inside_of(shared, self._region)] = pixels[inside_of(shared, region)]

    def read(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        """Read a region, which must lie inside of what is kept."""
        wanted = inside_of((rows, columns), self._region)
        assert all(0 <= part.start and part.stop <= n for part, n in zip(wanted, self.pixels.shape, strict=True))
        return self.pixels[wanted]
