"""Restore a stack as one volume, with the pupil that is in it and with the ideal one, and compare with the truth.

Beads in seven planes are blurred by an aberrated pupil, through each other, and spoilt by the noise of a camera.

python examples/volume.py
"""

from __future__ import annotations

import numpy as np
import torch

from napari_deepblur import Microscope, PoissonGaussianNoise
from napari_deepblur.operators import VolumeOperator
from napari_deepblur.optics import psf_planes, psf_planes_model
from napari_deepblur.pipeline import DeblurSettings
from napari_deepblur.pipeline.volume import run_volume
from napari_deepblur.pipeline.volume_plan import plan_volume
from napari_deepblur.progress import finished

PLANES, SIDE, SPACING_UM = 7, 48, 0.3
MODES, THETA = (6, 7, 11), (0.08, -0.06, 0.1)  # astigmatism, coma, spherical, in waves RMS


def main() -> None:
    """Blur, restore, compare."""
    microscope = Microscope(na=1.2, wavelength_um=0.525, pixel_size_um=0.1, n_immersion=1.33)
    rng = np.random.default_rng(4)
    # The scene is larger than the stack: planes above and below it shine into it, and so does what lies beside.
    model = psf_planes_model(microscope.pupil, MODES, 31, SPACING_UM / microscope.pixel_size_um, PLANES + 1)
    operator = VolumeOperator(psf_planes(torch.tensor(THETA), model), (PLANES, SIDE, SIDE), (2, 15, 15))
    scene = np.full(operator.scene_shape, 0.01, np.float32)
    places = rng.integers(0, operator.scene_shape, (250, 3))
    scene[tuple(places.T)] = rng.uniform(0.5, 1, len(places))
    blurred = operator.forward(torch.from_numpy(scene)).numpy()
    gain = 3000 / float(blurred.max())
    noise = PoissonGaussianNoise(alpha=1.0, beta=3.0, offset=100.0)
    stack = noise.sample(gain * blurred + 100, seed=0).round().clip(0).astype(np.uint16)
    truth = scene[2:-2, 15:-15, 15:-15]

    print(f"correlation with the truth: stack {correlation(stack, truth):.3f}")
    for name, theta in (("ideal pupil", (0.0, 0.0, 0.0)), ("true pupil", THETA)):
        settings = DeblurSettings(
            microscope=microscope,
            modes=MODES,
            theta=theta,
            method="richardson-lucy-tv",
            alpha=1.0,
            beta=3.0,
            noise_offset=100,
        )
        plan = plan_volume(settings, stack.shape, SPACING_UM)
        result = finished(run_volume(plan, stack))
        found = result.settings["resolved"]
        print(f"{name}: {correlation(result.volume, truth):.3f} after {found['iterations']} iterations")


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's correlation of two volumes."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


if __name__ == "__main__":
    main()
