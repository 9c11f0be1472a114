"""Blind deblurring of one image: identify the blur, then remove it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict, replace
from importlib import import_module
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from napari_deepblur.checked_image import check_image
from napari_deepblur.devices import free_memory, is_out_of_memory, resolve_device
from napari_deepblur.errors import DeviceError
from napari_deepblur.identification.field import GRID, check_in_field
from napari_deepblur.identification.results import Identification
from napari_deepblur.io.families import family_hash, find_family, load_family
from napari_deepblur.io.weights import Loaded, describe_weights, load_deblurring
from napari_deepblur.noise import PoissonGaussianNoise, estimate_noise
from napari_deepblur.noise.intensity import unit_scale
from napari_deepblur.operators import OperatorFamily
from napari_deepblur.pipeline.identify import identify_steps
from napari_deepblur.pipeline.network_choice import deblurring_weights_for, load_network, weights_for
from napari_deepblur.pipeline.results import Deblurring
from napari_deepblur.pipeline.settings import IN_MEMORY, ZERNIKE_FAMILIES, DeblurSettings, Method
from napari_deepblur.progress import Progress, changed, finished, within
from napari_deepblur.restoration.blur import Blur, ConvolutionBlur, FamilyBlur, blur_between
from napari_deepblur.restoration.restore import choose_side, restore_steps, units_of_work
from napari_deepblur.restoration.restorers import NetworkRestorer, Restorer, SolverRestorer
from napari_deepblur.restoration.verdict import judge


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
    values: dict[str, Any] = {"method": method, "device": device, "tile": tile, "size": size}
    values |= {"iterations": iterations, "strength": strength}
    values |= {"origin": origin} | _settings_of(family)
    if theta is not None:
        values["theta"] = tuple(np.asarray(theta, dtype=float).ravel().tolist())
    if noise is not None:
        values |= {"noise": (noise.alpha, noise.beta), "noise_offset": noise.offset}
    in_memory = family if isinstance(family, OperatorFamily) else None
    return finished(deblur_steps(image, DeblurSettings(**values), in_memory))


def deblur_steps(
    image: ArrayLike,
    settings: DeblurSettings,
    family: OperatorFamily | None = None,
    known: Identification | None = None,
) -> Generator[Progress, None, Deblurring]:
    """Remove the blur step by step; widget, command line and Python all come through here.

    Closing the generator stops the work at its next step and frees the memory of the device. Everything that can be
    wrong with the arguments is found before the first step.

    Parameters
    ----------
    image
        As in `deblur`.
    settings
        What to do.
    family
        The operators, where they are not those that the settings name: a family in memory.
    known
        What was identified on another image of the same field, to be used for this one; its noise is not.

    Returns
    -------
    Deblurring
        As the value of the generator.
    """
    noise = settings.known_noise()
    observed = check_image(image)
    if family is None:
        family = settings.operator_family((observed.shape[0], observed.shape[1]))
    observed = check_image(image, smallest=family.psf_size)
    check_in_field(family, (observed.shape[0], observed.shape[1]), settings.origin)
    theta = _only_theta(family) if settings.theta is None else family.check(settings.theta)
    device = resolve_device(settings.device)
    used: dict[str, Loaded] = {}
    restorer = _restorer(settings, family, used, theta is None and known is None)
    shape = (observed.shape[0], observed.shape[1])
    side = choose_side(settings.tile, shape, family.psf_size, restorer, device)
    work = units_of_work(shape, side, family.psf_size, restorer)
    before = 0
    identification: Identification | None = None
    notes: list[str] = []
    try:
        if theta is None and known is not None:
            yield Progress("noise", 0, work)
            noise = noise or estimate_noise(observed, family.microscope)
            identification = replace(known, noise=noise)
            blur = _identified_blur(family, identification, shape, settings.origin)
        elif theta is None:
            before, identification = yield from _identify(observed, settings, family, device, used, work, notes)
            blur = _identified_blur(family, identification, shape, settings.origin)
            noise = identification.noise
        else:
            yield Progress("noise", 0, work)
            blur = FamilyBlur(family, theta, origin=settings.origin)
            noise = noise or estimate_noise(observed, family.microscope)
        yield Progress("deblur", before, before + work)
        scale = unit_scale(observed)
        steps = restore_steps(scale.to_unit(observed), blur, scale.noise_to_unit(noise), restorer, device, side)
        restored = yield from within(steps, before, before + work, before + work)
    finally:
        free_memory(device)
    found = theta if identification is None else identification.theta
    assert found is not None
    resolved: dict[str, Any] = {
        "theta": found.tolist(),
        "noise": {"alpha": noise.alpha, "beta": noise.beta, "offset": noise.offset},
        "psf_size": family.psf_size,
        "family": {"kind": type(family).__name__, "sha256": family_hash(family)},
        "device": str(restored.device),
        "tile": restored.side,
        "weights": {kind: {"file": loaded.path.name, "sha256": loaded.sha256} for kind, loaded in used.items()},
        "notes": [*notes, *restored.notes],
    }
    image = scale.from_unit(restored.image)
    verdict = judge(observed, image, blur, noise)
    resolved["residual"] = None if verdict is None else asdict(verdict)
    return Deblurring(image, identification, _record(settings, observed, resolved), verdict, blur)


def _only_theta(family: OperatorFamily) -> torch.Tensor | None:
    """Return theta where there is nothing to identify: the family is one PSF, of sum one."""
    one = family.measured is not None and family.field_shape is None and family.n_parameters == 1
    return torch.ones(1) if one else None


def _settings_of(family: OperatorFamily | str | None) -> dict[str, Any]:
    """Values of the settings that say which family a run was asked for."""
    match family:
        case None:
            return {}
        case str() if family in ZERNIKE_FAMILIES:
            return {"family": family}
        case str():
            return {"family": family} | _optics_of(load_family(find_family(family)))
        case _ if family.kind in ZERNIKE_FAMILIES:
            numbers = {name: value for name, value in family.numbers.items() if name in DeblurSettings.model_fields}
            return {"family": family.kind} | numbers | _optics_of(family)
        case _:
            return {"family": IN_MEMORY} | _optics_of(family)


def _optics_of(family: OperatorFamily) -> dict[str, Any]:
    return {} if family.microscope is None else {"microscope": family.microscope}


def _identified_blur(
    family: OperatorFamily, found: Identification, shape: tuple[int, int], origin: tuple[int, int]
) -> Blur:
    if family.measured is not None:
        # Linear in theta: the PSFs of the mean parameters are the average.
        return FamilyBlur(family, torch.from_numpy(found.theta), float(found.psf_spread.mean()), origin)
    if family.field_shape is None:
        # The average over what is likely, which is closer to the truth than the PSF of the mean coefficients.
        return ConvolutionBlur(torch.from_numpy(found.psf), float(found.psf_spread[0]))
    return blur_between(found.psfs, GRID, family.psf_size, shape, float(found.psf_spread.mean()))


def _restorer(settings: DeblurSettings, family: OperatorFamily, used: dict[str, Loaded], identifies: bool) -> Restorer:
    """Make the restorer, and find all weights that the run will need."""
    file = None if settings.family == IN_MEMORY else settings.family_file
    if identifies:
        path = weights_for(family, settings.size, file)
        if path is not None:
            used["identification"] = describe_weights(path)
    if settings.method != "network":
        return SolverRestorer(settings.method, settings.iterations, settings.strength)
    used["deblurring"] = describe_weights(deblurring_weights_for(family, settings.size, file))
    return NetworkRestorer(load_deblurring(used["deblurring"].path))


def _identify(
    observed: NDArray[np.float32],
    settings: DeblurSettings,
    family: OperatorFamily,
    device: torch.device,
    used: dict[str, Loaded],
    work: int,
    notes: list[str],
) -> Generator[Progress, None, tuple[int, Identification]]:
    """Identify as the first part of a longer job; return its share of the work with its result."""
    total = 0

    def first_part(step: Progress) -> Progress:
        nonlocal total
        total = step.total
        return replace(step, total=total + work)

    while True:
        network = load_network(used["identification"].path) if "identification" in used else None
        steps = identify_steps(observed, family, settings.known_noise(), device, network, settings.origin)
        try:
            found = yield from changed(steps, first_part)
            return total, found
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        if device.type == "cpu":
            raise DeviceError("Out of memory while the blur was identified. Crop the image, or close other programs.")
        free_memory(device)
        notes.append(f"Memory of {device} ran out: the blur was identified on the processor.")
        device = torch.device("cpu")


def _record(settings: DeblurSettings, observed: NDArray[np.float32], resolved: dict[str, Any]) -> dict[str, Any]:
    """JSON-safe record of a run: what was asked for, what it became, and with what it was computed."""
    # By name: the package's own __init__ hands out this module's functions.
    own_version = import_module("napari_deepblur").__version__
    return {
        "schema": 1,
        "versions": {"napari-deepblur": own_version, "torch": torch.__version__, "numpy": np.__version__},
        "image": {"shape": list(observed.shape)},
        "settings": settings.model_dump(mode="json"),
        "resolved": resolved,
    }
