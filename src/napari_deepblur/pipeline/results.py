"""What deblurring returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari_deepblur.identification.results import Identification
    from napari_deepblur.resolution import ResolutionGain
    from napari_deepblur.restoration.blur import Blur
    from napari_deepblur.restoration.verdict import Verdict


@dataclass(frozen=True)
class Deblurring:
    """A restored image and how it was made.

    Attributes
    ----------
    image
        Restored image, float32, of the shape and in the units of the input; empty, shape (0, 0), where the parts of a
        large one went into a sink, and it is nowhere held as a whole.
    identification
        The blur that was identified on the way; absent where theta was given.
    settings
        JSON-safe record of everything needed to repeat the result.
    verdict
        Whether the result, blurred again, explains the image; absent where the image is hardly larger than the PSF.
    blur
        The blur that was removed.
    background
        Light in the image that is from planes out of focus, in its units, where it was set apart.
    spread
        Standard deviation of the restored image over blurs that are likely, in its units; absent where none were drawn
        (``draws``). It is what the result owes to not knowing the blur, and not to noise.
    resolution
        Of the image and of the result (`image_resolution`), which says how far their spectra reach, and not whether
        the detail is true; absent where the pixels have no size, or are too few.
    """

    image: NDArray[np.float32]
    identification: Identification | None
    settings: dict[str, Any]
    verdict: Verdict | None = None
    blur: Blur | None = None
    background: NDArray[np.float32] | None = None
    spread: NDArray[np.float32] | None = None
    resolution: ResolutionGain | None = None
