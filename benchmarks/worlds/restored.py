"""One image restored in every way that is compared: blind, with the true PSF, without one, and by classical methods."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray

from benchmarks.restoration.blurs import average_blur
from benchmarks.restoration.restored import restore
from benchmarks.simulation.worlds import World
from benchmarks.worlds.estimates import Machine
from napari_deepblur import EigenPsfFamily, Identification, deblur
from napari_deepblur.devices import resolve_device
from napari_deepblur.io.weights import load_deblurring
from napari_deepblur.operators import ZernikeFamily
from napari_deepblur.pipeline.methods import Method
from napari_deepblur.restoration.blur import ConvolutionBlur
from napari_deepblur.restoration.restorers import NetworkRestorer

Image = NDArray[np.float32]

BLURRED, BLIND, TRUE, AVERAGE = "blurred image", "network, blind", "network, true PSF", "network, mean PSF"
CLASSICAL: dict[str, Method] = {"Wiener, our PSF": "wiener", "Richardson-Lucy, our PSF": "richardson-lucy-tv"}
"""Methods of `deblur` with the PSF that was identified, with their own iterations and strength."""

METHODS = (BLURRED, BLIND, TRUE, AVERAGE, *CLASSICAL)


def restore_everyhow(
    image: Image, family: ZernikeFamily, theta: NDArray[np.float32], world: World, machine: Machine
) -> tuple[Identification, Mapping[str, Image]]:
    """Restore an image by each of `METHODS`.

    Parameters
    ----------
    image
        Shape (H, W).
    family
        What `deblur` is told.
    theta
        True coefficients.
    world
        What they were drawn from; the mean PSF of its aberrations is what is known without looking.
    machine
        Where it is computed.

    Returns
    -------
    tuple
        What was identified, and the images by method.
    """
    blind = deblur(image, family, device=machine.device, size=machine.size)
    found = blind.identification
    assert found is not None
    known = deblur(image, world.truth, theta, found.noise, device=machine.device, size=machine.size)
    network = NetworkRestorer(load_deblurring(machine.size))
    average, _ = restore(image, _average(world), found.noise, network, resolve_device(machine.device))
    results = {BLURRED: image, BLIND: blind.image, TRUE: known.image, AVERAGE: average}
    ours = EigenPsfFamily(found.psf[None], microscope=family.microscope)
    for name, method in CLASSICAL.items():
        results[name] = deblur(image, ours, None, found.noise, method, machine.device).image
    return found, results


@cache
def _average(world: World) -> ConvolutionBlur:
    """Mean PSF of a world with its expected error: of thousands of PSFs, which no image changes."""
    return average_blur(world.truth)
