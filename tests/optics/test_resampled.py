"""PSFs at another sampling."""

from __future__ import annotations

import numpy as np
import pytest

from napari_deepblur.operators import ZernikeFamily
from napari_deepblur.optics import Microscope, resampled_psfs

THETA = (0.05, -0.04, 0.03, 0.06, 0.0, 0.02, -0.03, 0.04)


def _psf(pixel: float, size: int) -> np.ndarray:
    return ZernikeFamily(Microscope(na=1.2, n_immersion=1.33, pixel_size_um=pixel), psf_size=size).psf(THETA)


@pytest.mark.parametrize(("before", "after"), [(0.06, 0.09), (0.09, 0.06), (0.08, 0.08)])
def test_a_resampled_psf_is_that_of_the_other_pixel_size(before: float, after: float) -> None:
    """The optics know the PSF at any sampling; the sum over pixels is kept."""
    found = resampled_psfs(_psf(before, 101)[None], before / after, 63)[0]
    half = found.shape[0] // 2
    wide = _psf(after, 127)
    expected = wide[63 - half : 64 + half, 63 - half : 64 + half]
    assert np.linalg.norm(found - expected) < 0.02 * np.linalg.norm(expected)
    assert found.sum() == pytest.approx(expected.sum(), rel=0.02)


def test_the_new_side_is_odd_and_no_longer_than_asked() -> None:
    psf = np.zeros((1, 41, 41))
    psf[0, 20, 20] = 1
    assert resampled_psfs(psf, 0.5, 63).shape == (1, 21, 21)
    assert resampled_psfs(psf, 3.0, 63).shape == (1, 63, 63)
