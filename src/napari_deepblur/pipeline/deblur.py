"""Blind deblurring of one image: identify the blur, then remove it."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from napari_deepblur.checked_image import SMALLEST_SIDE, check_image
from napari_deepblur.identification.results import Identification
from napari_deepblur.io.families import find_family, load_family
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.operators import OperatorFamily
from napari_deepblur.pipeline.parts import Method
from napari_deepblur.pipeline.plan import plan
from napari_deepblur.pipeline.results import Deblurring
from napari_deepblur.pipeline.run import run
from napari_deepblur.pipeline.settings import ZERNIKE_FAMILIES, DeblurSettings
from napari_deepblur.progress import Progress, finished


def deblur(
    image: ArrayLike,
    family: OperatorFamily | str | None = None,
    theta: ArrayLike | None = None,
    noise: PoissonGaussianNoise | None = None,
    method: Method = "network",
    device: str = "auto",
    tile: Literal["auto"] | int | None = "auto",
    size: Literal["auto", "light", "paper"] = "auto",
    iterations: int | None = None,
    strength: float | None = None,
    origin: tuple[int, int] = (0, 0),
) -> Deblurring:
    """Remove the blur of one image.

    theta_hat = IN(y), x_hat = DN(y, A(theta_hat)); the blur is identified on the whole field, and removed tile by tile.

    Parameters
    ----------
    image
        Observed image, shape (H, W), any numeric type and unit.
    family
        Operators that are considered, or the file of a family; by default Noll modes 4 to 11 of a ``Microscope()``.
    theta
        Known parameters, shape (K,), in waves RMS for Zernike families; identified from the image where absent.
    noise
        Noise in the units of the image; estimated from it where absent.
    method
        How to restore: ``"network"``, or the classical ``"richardson-lucy"``, ``"total-variation"`` or ``"wiener"``.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.
    tile
        ``"auto"``, None for the whole image at once, or the side of the tiles in pixels.
    size
        ``"light"`` or ``"paper"`` networks; ``"auto"`` for the smallest that is installed.
    iterations, strength
        Number of iterations and weight of the regularisation of a classical method; its own where absent.
    origin
        First pixel (row, column) of the image in the field, where it shows a part of it.

    Returns
    -------
    Deblurring
        Restored image of the same shape and units, float32, with the identified blur and the settings.

    Raises
    ------
    ImageError, NoiseError, FamilyError, SettingsError, DeviceError, WeightsError
        Each says what was found, what was expected and what to do.
    """
    values: dict[str, Any] = {"method": method, "device": device, "tile": tile, "size": size, "origin": origin}
    values |= {"iterations": iterations, "strength": strength}
    given = load_family(find_family(family)) if isinstance(family, str) and family not in ZERNIKE_FAMILIES else family
    if isinstance(given, OperatorFamily):
        values |= _options_of(given)
    if isinstance(family, str):
        values["family"] = family
    if theta is not None:
        values["theta"] = tuple(np.asarray(theta, dtype=float).ravel().tolist())
    if noise is not None:
        values |= {"alpha": noise.alpha, "beta": noise.beta, "noise_offset": noise.offset}
    object_ = given if isinstance(given, OperatorFamily) else None
    return finished(deblur_steps(image, DeblurSettings(**values), object_))


def deblur_steps(
    image: ArrayLike,
    settings: DeblurSettings,
    family: OperatorFamily | None = None,
    known: Identification | None = None,
) -> Generator[Progress, None, Deblurring]:
    """Plan and remove the blur of one image step by step; everything that can be wrong is found before the first step.

    Parameters
    ----------
    image
        As in `deblur`.
    settings
        What to do.
    family, known
        As in `plan` and `run`.

    Returns
    -------
    Deblurring
        As the value of the generator.
    """
    shape = np.shape(image)
    if len(shape) != 2 or min(shape) < SMALLEST_SIDE:
        check_image(image)
    made = plan(settings, (shape[0], shape[1]), family)
    return (yield from run(made, image, known))


def _options_of(family: OperatorFamily) -> dict[str, Any]:
    """Return the options that make a family again; of one that only a file can hold, its microscope."""
    optics = {} if family.microscope is None else {"microscope": family.microscope}
    if family.kind in ZERNIKE_FAMILIES:
        return {"family": family.kind, **family.numbers, **optics}
    return {"family": None, **optics}
