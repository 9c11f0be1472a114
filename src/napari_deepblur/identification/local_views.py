"""What the networks see in windows of a field whose blur varies, as observations of the family's parameters."""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from napari_deepblur.devices import inference_precision
from napari_deepblur.identification.gaussian import Gaussian, Observation, without_prior
from napari_deepblur.identification.resampling import resample
from napari_deepblur.identification.results import Identification
from napari_deepblur.identification.telling_part import telling_part
from napari_deepblur.identification.windows import at_least, partition
from napari_deepblur.identification.zernike import identify_zernike_steps
from napari_deepblur.networks.adapted import AdaptedNetwork
from napari_deepblur.networks.identification import IdentificationNetwork
from napari_deepblur.networks.scene_spectra import SceneSpectra
from napari_deepblur.networks.statistics import WINDOW, prepare
from napari_deepblur.networks.trunk import reference_cutoff
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.noise.intensity import unit_scale
from napari_deepblur.operators import OperatorFamily, ZernikeFamily
from napari_deepblur.operators.families import MeasuredFamily
from napari_deepblur.operators.families.local_coordinates import (
    LocalCoordinates,
    gram_matrix,
)
from napari_deepblur.optics import Microscope
from napari_deepblur.plane import Plane, RegionPlane
from napari_deepblur.progress import Progress, one_of

_SIDE = 384
"""Side of the windows at the reference cut-off, in pixels."""

_LARGEST = 2048
"""Side of what is looked at of a window at most, in pixels: its middle."""

_MOST_WINDOWS = 4
"""Windows along each side of the field, at most: larger fields are divided into larger windows."""


class Window(NamedTuple):
    """A part of the image.

    Attributes
    ----------
    rows, columns
        Its pixels.
    middle
        Its middle (row, column) in pixels of the field.
    """

    rows: slice
    columns: slice
    middle: NDArray[np.float64]


def windows_of(
    shape: tuple[int, int], microscope: Microscope, origin: tuple[int, int], side: int = _SIDE
) -> list[Window]:
    """Divide an image whose first pixel is at `origin` of the field into windows for the networks."""
    factor = microscope.cutoff / reference_cutoff()
    scaled = max(round(shape[0] * factor), 1), max(round(shape[1] * factor), 1)
    found = []
    for parts in partition(scaled, side, _MOST_WINDOWS):
        edges = [
            (round(part.start * length / total), min(round(part.stop * length / total), length))
            for part, length, total in zip(parts, shape, scaled, strict=True)
        ]
        middle = np.array([(a + b) / 2 - 0.5 + o for (a, b), o in zip(edges, origin, strict=True)])
        found.append(Window(_most(*edges[0]), _most(*edges[1]), middle))
    return found


def _most(first: int, last: int) -> slice:
    """Return the middle of what is longer than a window needs to be."""
    left = max(last - first - _LARGEST, 0) // 2
    return slice(first + left, min(first + left + _LARGEST, last))


def adapted_views(
    image: Plane,
    family: MeasuredFamily,
    windows: list[Window],
    noise: PoissonGaussianNoise,
    network: AdaptedNetwork,
    prior: Gaussian,
    device: torch.device,
) -> Generator[Progress, None, list[Observation]]:
    """Ask a network that was adapted to the family about each window.

    Its answers hold the prior already, which is divided out of each, so that it counts once for the whole field.
    """
    assert family.microscope is not None
    local = LocalCoordinates(*(getattr(network, n).double().numpy() for n in ("centre", "axes", "scales")))
    gram = gram_matrix(family)
    scale = unit_scale(image)
    factor = family.microscope.cutoff / reference_cutoff()
    network = network.to(device).eval()
    seen = []
    for window in windows:
        part = scale.to_unit(image[window.rows, window.columns])
        pixels, level = resample(part, scale.noise_to_unit(noise), factor)
        tensor = torch.from_numpy(at_least(pixels, WINDOW)).to(device)[None, None]
        views = prepare(tensor)
        position = torch.from_numpy(relative(window.middle, family.field_shape))[None].float().to(device)
        with torch.inference_mode(), inference_precision(device):
            evidence = network.gather(views.pixels)
            strength = torch.tensor([[level.alpha, level.beta]], device=device)
            found = network.decide(evidence, views, strength, position)
        mean = found.mean[0].double().cpu().numpy()
        factor_of = found.factor[0].double().cpu().numpy()
        design, offset = design_of(family, window.middle, local, gram)
        spread = design @ prior.root
        # What the truncated prior does not move at this place is known beforehand: a little variance keeps it regular.
        before = np.asarray(np.linalg.inv(spread @ spread.T + 1e-3 * np.eye(len(mean))), dtype=np.float64)
        value, precision = without_prior(factor_of @ factor_of.T, before, mean, design @ prior.mean + offset)
        seen.append(Observation(design, offset, value, precision))
        yield Progress("identify", len(seen), len(windows))
    return seen


def polynomial_views(
    family: OperatorFamily, windows: list[Window], local_blurs: list[Identification]
) -> list[Observation]:
    """Local coefficients as observations of the polynomials, the joint signs of the even modes made alike."""
    terms = family.maps_at(np.array([window.middle for window in windows]))
    # The terms of a mode follow each other, and are all even or all odd.
    even = family.even_modes[:: terms.shape[1]]
    known = family.local.known_wavefront if family.local is not None else np.zeros(len(even))
    values = [found.theta.astype(np.float64) for found in local_blurs]
    variances = [np.square(found.theta_std.astype(np.float64)) for found in local_blurs]
    surest = int(np.argmin([variance[even].sum() for variance in variances])) if even.any() else 0
    seen = []
    for value, variance, term in zip(values, variances, terms, strict=True):
        flipped = np.where(even, -value - 2 * known, value)
        distances = [np.sum((v - values[surest]) ** 2 / (variance + variances[surest])) for v in (value, flipped)]
        chosen = flipped if distances[1] < distances[0] else value
        design = np.kron(np.eye(len(even)), term)
        seen.append(Observation(design, np.zeros(len(even)), chosen, np.diag(1 / variance)))
    return seen


def local_zernike(
    image: Plane,
    family: ZernikeFamily,
    windows: list[Window],
    noise: PoissonGaussianNoise,
    device: torch.device,
    network: IdentificationNetwork,
    scenes: SceneSpectra,
) -> Generator[Progress, None, list[Identification]]:
    """Identify the whole image, and then each window by itself, as if the blur were the same everywhere in it."""
    found: list[Identification] = []
    everything = slice(0, image.shape[0]), slice(0, image.shape[1])
    if isinstance(image, RegionPlane):
        everything = telling_part(image, noise, None)
    for index, window in enumerate([Window(*everything, np.zeros(2)), *windows]):
        part = np.ascontiguousarray(image[window.rows, window.columns])
        steps = identify_zernike_steps(part, family, noise, device, network, scenes)
        found.append((yield from one_of(steps, index, 1 + len(windows))))
    return found


def design_of(
    family: MeasuredFamily, middle: NDArray[np.float64], local: LocalCoordinates, gram: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Matrix (R, K) and offset (R,) that give the local coordinates u at a place from theta."""
    maps = family.maps_at(middle[None])[0]
    project = gram @ local.axes.T / local.scales**2
    design = np.einsum("ir,j->rij", project, maps).reshape(len(local.scales), -1)
    return design, -local.centre @ project


def relative(middle: NDArray[np.float64], field_shape: tuple[int, int] | None) -> NDArray[np.float64]:
    """Position from -1 to 1 in the field; zero where there is no field."""
    if field_shape is None:
        return np.zeros(2)
    return np.asarray(2 * middle / np.maximum(np.array(field_shape) - 1, 1) - 1)
