"""What a masked array hides does not count, whatever lies under the mask: in images, series, colours and volumes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_deepblur import Microscope, ZernikeFamily, deblur, deblur_stack

FAMILY = ZernikeFamily(
    Microscope(na=1.2, wavelength_um=0.525, pixel_size_um=0.1, n_immersion=1.33), modes=(5, 6, 7), psf_size=15
)
KNOWN: dict[str, Any] = {"family": FAMILY, "theta": (0.05, 0.0, 0.02)}


def masked(shape: tuple[int, ...], under: float) -> np.ma.MaskedArray[Any, Any]:
    rng = np.random.default_rng(0)
    image = rng.poisson(200 + 4000 * gaussian_filter(rng.random(shape) ** 8, 1.5)).astype(np.float32)
    hidden = np.zeros(shape, bool)
    hidden[..., 20:24, 10:30] = True
    # Threefold light is nothing that would be set aside by itself.
    image[hidden] = np.where(np.isnan(under), under, image[hidden] * under)
    return np.ma.MaskedArray(image, hidden)


def result(image: NDArray[Any], **more: Any) -> NDArray[np.float32]:
    call = deblur if image.ndim == 2 else deblur_stack
    found = call(image, **KNOWN, **more)
    return np.asarray(found.volume if more.get("volume") else found.image)  # type: ignore[union-attr]


WAYS: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "image": ((48, 50), {"method": "wiener"}),
    "series": ((2, 48, 50), {"method": "wiener"}),
    "volume": (
        (5, 40, 44),
        {"method": "richardson-lucy", "iterations": 3, "axes": "ZYX", "volume": True, "plane_spacing_um": 0.3},
    ),
}


@pytest.mark.filterwarnings("ignore::napari_deepblur.errors.UndersamplingWarning")
@pytest.mark.parametrize("way", WAYS)
def test_what_lies_under_a_mask_does_not_count(way: str) -> None:
    shape, settings = WAYS[way]
    one, other = (result(masked(shape, under), **settings) for under in (np.nan, 3.0))
    assert np.isfinite(one).all()
    np.testing.assert_allclose(one, other, rtol=1e-5)
    believed = result(np.asarray(masked(shape, 3.0)), **settings)
    assert np.abs(believed - other).max() > 20
