"""Light from other planes, from the settings to the result."""

from __future__ import annotations

import numpy as np
import pytest

from napari_deepblur import deblur
from napari_deepblur.errors import SettingsError
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import FieldZernikeFamily, ZernikeFamily
from napari_deepblur.optics import Microscope
from napari_deepblur.restoration.residual import residual_image

OPTICS = Microscope(1.2, 0.525, 0.1, 1.33)
FAMILY = ZernikeFamily(OPTICS, (4, 5, 6, 7), psf_size=31)
NOISE = PoissonGaussianNoise(2.0, 5.0, 100.0)


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    """Points in focus, in a haze of blurred ones; with the offset of a camera."""
    rng = np.random.default_rng(2)
    focus, haze = (rng.uniform(size=(94, 100)) < share for share in (0.02, 0.02))
    sharp = np.asarray(FAMILY.operator((0.0, 0.05, 0.0, 0.0), (64, 70)).forward(3000.0 * focus))
    spectrum = np.fft.rfft2(8000.0 * haze) * np.exp(
        -2 * (np.pi * 5) ** 2 * (np.fft.fftfreq(94)[:, None] ** 2 + np.fft.rfftfreq(100) ** 2)
    )
    seen = sharp + np.fft.irfft2(spectrum, s=(94, 100))[15:-15, 15:-15]
    return NOISE.sample(seen + 100, 3)


@pytest.mark.parametrize("method", ["richardson-lucy", "richardson-lucy-tv", "total-variation", "wiener"])
def test_light_is_set_apart_and_the_verdict_knows_it(image: np.ndarray, method: str) -> None:
    known = {"theta": (0.0, 0.05, 0.0, 0.0), "noise": NOISE, "method": method, "device": "cpu"}
    plain, found = (deblur(image, FAMILY, background=b, **known) for b in ("none", "volume"))  # type: ignore[arg-type]
    assert plain.background is None and found.background is not None
    assert found.background.shape == image.shape and 50 < found.background.mean() < image.mean() - 100
    assert found.settings["settings"]["restore"]["background"] == "volume"
    assert found.verdict is not None and found.blur is not None
    assert found.verdict.excess is not None and found.verdict.excess < 3
    # Light that was set apart is not missing.
    assert not [note for note in found.settings["resolved"]["notes"] if "less light" in note]
    left = residual_image(image.astype(np.float32) - found.background, found.image, found.blur)
    assert left.std() < 2 * np.sqrt(NOISE.variance(image)).mean()


def test_where_nothing_is_known_of_other_planes_it_is_refused() -> None:
    field = FieldZernikeFamily(OPTICS, (4, 5), field_shape=(64, 70))
    plane = np.random.default_rng(0).poisson(100, (64, 70))
    with pytest.raises(SettingsError, match="of kind field-zernike, which know nothing of planes out of focus"):
        deblur(plane, field, (0.0,) * field.n_parameters, NOISE, "wiener", background="volume")
