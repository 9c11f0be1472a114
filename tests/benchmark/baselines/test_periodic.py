from __future__ import annotations

import numpy as np
from scipy.fft import irfft2, rfft2

from benchmarks.baselines.periodic import (
    differences_adjoint,
    extended,
    forward_differences,
    stiffness,
    wrapped,
)


def test_the_extension_keeps_the_image_and_closes_smoothly() -> None:
    y, x = np.mgrid[:40, :51]
    image = (x + 2.0 * y) / 130
    whole = extended(image, 7)
    assert whole.dtype == np.float32 and min(np.subtract(whole.shape, image.shape)) >= 14
    np.testing.assert_allclose(whole[:40, :51], image, atol=1e-6)
    # An abrupt border would jump by 0.38 and 0.6.
    assert all(np.abs(step).max() < 0.1 for step in forward_differences(whole))


def test_a_wrapped_kernel_convolves_without_a_shift() -> None:
    image = np.zeros((16, 18))
    image[5, 9] = 1.0
    kernel = np.random.default_rng(0).uniform(size=(3, 5))
    blurred = irfft2(rfft2(image) * rfft2(wrapped(kernel, image.shape)), image.shape)
    np.testing.assert_allclose(blurred[4:7, 7:12], kernel, atol=1e-12)


def test_differences_their_adjoint_and_their_spectrum_agree() -> None:
    rng = np.random.default_rng(0)
    image, along_x, along_y = rng.standard_normal((3, 12, 14))
    steps = forward_differences(image)
    left = (steps[0] * along_x + steps[1] * along_y).sum()
    np.testing.assert_allclose(left, (image * differences_adjoint(along_x, along_y)).sum())
    filtered = irfft2(stiffness(image.shape) * rfft2(image), image.shape)
    np.testing.assert_allclose(filtered, differences_adjoint(*steps), atol=1e-5)
