"""Blind deblurring of one image: identify the blur, then remove it."""

from __future__ import annotations

from collections.abc import Generator
from importlib.metadata import version
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from napari_deepblur.errors import DeviceError
from napari_deepblur.io.images import check_image
from napari_deepblur.io.weights import describe_weights, find_weights, load_deblurring, load_identification
from napari_deepblur.networks.deblurring import DeblurringNetwork
from napari_deepblur.noise import PoissonGaussianNoise, estimate_noise
from napari_deepblur.operators import ConvolutionOperator, ZernikeFamily
from napari_deepblur.pipeline.devices import inference_precision, resolve_device
from napari_deepblur.pipeline.identify import identify_steps
from napari_deepblur.pipeline.intensity import unit_scale
from napari_deepblur.pipeline.results import Deblurring, Identification, Progress
from napari_deepblur.pipeline.settings import DeblurSettings
from napari_deepblur.pipeline.tiling import SMALLEST_TILE, Tile, automatic_tile, plan_tiles

_CPU_BUDGET_BYTES = 2**30
_GPU_SHARE = 0.5
_MAPS_ALIVE = 10
"""Feature maps of the finest level that are alive at once in a DRUNet, found by measuring peak memory."""


def deblur(
    image: ArrayLike,
    family: ZernikeFamily | None = None,
    theta: ArrayLike | None = None,
    noise: PoissonGaussianNoise | None = None,
    method: Literal["network"] = "network",
    device: str = "auto",
    tile: Literal["auto"] | int | None = "auto",
    size: Literal["auto", "light", "paper"] = "auto",
) -> Deblurring:
    """Remove the blur of one image.

    theta_hat = IN(y), x_hat = DN(y, A(theta_hat)); the blur is identified on the whole field, and removed tile by tile.

    Parameters
    ----------
    image
        Observed image, shape (H, W), any numeric type and unit.
    family
        Operators that are considered; by default Noll modes 4 to 11 of a ``Microscope()``.
    theta
        Known coefficients in waves RMS, shape (K,); identified from the image where absent.
    noise
        Noise in the units of the image; estimated from it where absent.
    method
        How to restore: ``"network"``.
    device
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.
    tile
        ``"auto"``, None for the whole image at once, or the side of the tiles in pixels.
    size
        ``"light"`` or ``"paper"`` networks; ``"auto"`` for the smallest that is installed.

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
    if family is not None:
        values |= {
            "microscope": family.microscope,
            "modes": family.modes,
            "max_amplitude": family.max_amplitude,
            "psf_size": family.psf_size,
        }
    if theta is not None:
        values["theta"] = tuple(np.asarray(theta, dtype=float).ravel().tolist())
    if noise is not None:
        values |= {"noise": (noise.alpha, noise.beta), "noise_offset": noise.offset}
    steps = deblur_steps(image, DeblurSettings(**values))
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: Deblurring = stop.value
            return result


def deblur_steps(image: ArrayLike, settings: DeblurSettings) -> Generator[Progress, None, Deblurring]:
    """Remove the blur step by step; widget, command line and Python all come through here.

    Closing the generator stops the work at its next step. Everything that can be wrong with the arguments is found
    before the first step.

    Parameters
    ----------
    image
        As in `deblur`.
    settings
        What to do.

    Returns
    -------
    Deblurring
        As the value of the generator.
    """
    family = settings.family()
    observed = check_image(image, smallest=family.psf_size)
    device = resolve_device(settings.device)
    weights = find_weights("deblurring", settings.size)
    network = load_deblurring(weights).to(device)
    shape = (observed.shape[0], observed.shape[1])
    tiles = plan_tiles(shape, _tile_side(settings, shape, network, device))
    work = len(tiles) * network.config.iterations
    used = {"deblurring": describe_weights(weights)}
    identification: Identification | None = None
    if settings.theta is None:
        found = find_weights("identification", settings.size)
        used["identification"] = describe_weights(found)
        before, identification = yield from _within(
            identify_steps(observed, family, settings.known_noise(), device, load_identification(found)), work
        )
        psf, noise = torch.from_numpy(identification.psf), identification.noise
    else:
        psf = family.psf_tensor(family.check(settings.theta))
        before = 0
        yield Progress("noise", before, work)
        noise = settings.known_noise() or estimate_noise(observed, family.microscope)
    restored = yield from _restore(observed, psf, noise, network, _Plan(tiles, device, before, before + work))
    record = _record(settings, family, identification, noise, used, restored.device)
    return Deblurring(restored.image, identification, record)


class _Plan(NamedTuple):
    tiles: list[Tile]
    device: torch.device
    done: int
    total: int


class _Restored(NamedTuple):
    image: NDArray[np.float32]
    device: torch.device


def _within(
    steps: Generator[Progress, None, Identification], work: int
) -> Generator[Progress, None, tuple[int, Identification]]:
    """Run identification as the first part of a longer job; return its share of the work with its result."""
    total = 0
    while True:
        try:
            progress = next(steps)
        except StopIteration as stop:
            return total, stop.value
        total = progress.total
        yield progress._replace(total=total + work)


def _restore(
    observed: NDArray[np.float32],
    psf: torch.Tensor,
    noise: PoissonGaussianNoise,
    network: DeblurringNetwork,
    plan: _Plan,
) -> Generator[Progress, None, _Restored]:
    scale = unit_scale(observed)
    unit, level = scale.to_unit(observed), scale.noise_to_unit(noise)
    result = np.zeros_like(unit)
    done, device = plan.done, plan.device
    yield Progress("deblur", done, plan.total)
    for tile in plan.tiles:
        try:
            scene = yield from _restore_tile(
                unit[tile.source], psf, level, network, plan._replace(done=done, device=device)
            )
        except torch.OutOfMemoryError as error:
            if device.type == "cpu":
                raise DeviceError("Out of memory. Choose smaller tiles, or the light networks.") from error
            # What was restored so far stays; the rest goes on where there is more memory.
            torch.cuda.empty_cache()
            device, network = torch.device("cpu"), network.cpu()
            scene = yield from _restore_tile(
                unit[tile.source], psf, level, network, plan._replace(done=done, device=device)
            )
        result[tile.target] += tile.weights * scene[tile.inner]
        done += network.config.iterations
    return _Restored(scale.from_unit(result), device)


def _restore_tile(
    unit: NDArray[np.float32], psf: torch.Tensor, noise: PoissonGaussianNoise, network: DeblurringNetwork, plan: _Plan
) -> Generator[Progress, None, NDArray[np.float32]]:
    image = torch.from_numpy(np.ascontiguousarray(unit)).to(plan.device)[None, None]
    operator = ConvolutionOperator(psf.to(plan.device)[None, None], (unit.shape[0], unit.shape[1]))
    level = torch.tensor([[noise.alpha, noise.beta]], device=plan.device)
    iterations = network.iterate(image, operator, level)
    scene = image
    for k in range(1, network.config.iterations + 1):
        with torch.inference_mode(), inference_precision(plan.device):
            scene = next(iterations)
        yield Progress("deblur", plan.done + k, plan.total)
    border = psf.shape[-1] // 2
    return scene[0, 0, border:-border, border:-border].cpu().numpy()


def _tile_side(
    settings: DeblurSettings, shape: tuple[int, int], network: DeblurringNetwork, device: torch.device
) -> int | None:
    if settings.tile != "auto":
        return settings.tile
    budget = _CPU_BUDGET_BYTES
    if device.type == "cuda":
        budget = int(_GPU_SHARE * torch.cuda.mem_get_info(device)[0])
    side = automatic_tile(shape, 4 * network.config.channels[0] * _MAPS_ALIVE, budget)
    return None if side is None or side < SMALLEST_TILE else side


def _record(
    settings: DeblurSettings,
    family: ZernikeFamily,
    identification: Identification | None,
    noise: PoissonGaussianNoise,
    used: dict[str, Any],
    device: torch.device,
) -> dict[str, Any]:
    """JSON-safe record of a run: what was asked for, what it became, and with what it was computed."""
    resolved: dict[str, Any] = {
        "theta": settings.theta if identification is None else identification.theta.tolist(),
        "noise": {"alpha": noise.alpha, "beta": noise.beta, "offset": noise.offset},
        "psf_size": family.psf_size,
        "device": str(device),
        "weights": {kind: {"file": loaded.path.name, "sha256": loaded.sha256} for kind, loaded in used.items()},
    }
    return {
        "schema": 1,
        "versions": {"napari-deepblur": version("napari-deepblur"), "torch": torch.__version__},
        "settings": settings.model_dump(mode="json"),
        "resolved": resolved,
    }
