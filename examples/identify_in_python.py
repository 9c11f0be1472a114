"""Identify the blur of an image whose blur is known, and compare.

A sharp image is blurred by a PSF that we choose, and spoilt by the noise of a camera. The program sees only the result.

python examples/identify_in_python.py
"""

from __future__ import annotations

import numpy as np
import skimage.data

from napari_deepblur import Microscope, PoissonGaussianNoise, ZernikeFamily, identify


def main() -> None:
    """Blur, identify, compare."""
    microscope = Microscope(na=1.4, wavelength_um=0.525, pixel_size_um=0.09, n_immersion=1.515)
    family = ZernikeFamily(microscope, modes=(4, 5, 6, 7, 8, 9, 10), psf_size=31)
    true = np.array([0.10, -0.05, 0.03, 0.08, -0.06, 0.02, 0.04])

    # The scene is larger than the image by half a PSF on each side: the world does not end at the border.
    half = family.psf_size // 2
    scene = np.pad(skimage.data.camera()[128:384, 128:384] / 255.0, half, mode="symmetric")
    blurred = family.operator(true, (256, 256)).forward(scene)
    # A bright image, 20000 photons at its white: raise the noise, and watch the error bars grow.
    image = PoissonGaussianNoise(alpha=0.00005, beta=0.0005).sample(blurred, seed=0)

    found = identify(image, family)
    even = np.asarray(family.even_modes)
    # Even modes may all change sign together without changing the PSF: compare with the nearer of the two.
    mirrored = np.where(even, -true, true)
    nearer = min(true, mirrored, key=lambda theta: float(np.sum((theta - found.theta) ** 2)))
    print("mode                    true   found   +-     (waves RMS)")
    for name, value, theta, std in zip(family.parameter_names, nearer, found.theta, found.theta_std, strict=True):
        print(f"{name:22s} {value:6.3f}  {theta:6.3f}  {std:.3f}")
    psf = family.psf(true)
    error = np.sum((psf - found.psf) ** 2) / np.sum(psf**2)
    print(f"PSF SNR: {-10 * np.log10(error):.1f} dB, expected {-10 * np.log10(found.psf_spread[0]):.1f} dB")


if __name__ == "__main__":
    main()
