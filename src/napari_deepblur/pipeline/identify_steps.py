"""Identification with what the package knows of sharp scenes, step by step."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from napari_deepblur.identification.expectation import expect
from napari_deepblur.identification.image import identify_image_steps
from napari_deepblur.identification.results import Identification
from napari_deepblur.identification.stack import StackIdentification, identify_planes_steps
from napari_deepblur.io.scene_spectra import load_scene_spectra
from napari_deepblur.io.weights import load_expectation
from napari_deepblur.networks.expectation import ExpectationNetwork
from napari_deepblur.networks.scene_spectra import SceneSpectra
from napari_deepblur.networks.trunk import Trunk
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.noise.evidence import Evidence, gather_evidence
from napari_deepblur.operators import OperatorFamily
from napari_deepblur.pipeline.named_array import of_plan
from napari_deepblur.progress import Progress


def identify_steps(
    image: NDArray[np.float32],
    family: OperatorFamily,
    noise: PoissonGaussianNoise | None,
    device: torch.device,
    network: Trunk | None,
    origin: tuple[int, int] = (0, 0),
) -> Generator[Progress, None, Identification]:
    """Identify the blur of a checked image step by step; result and errors as in `identify`."""
    evidence = gather_evidence(image, family.microscope, noise)
    return identify_evidence_steps(evidence, family, device, network, origin)


def identify_evidence_steps(
    evidence: Evidence,
    family: OperatorFamily,
    device: torch.device,
    network: Trunk | None,
    origin: tuple[int, int] = (0, 0),
) -> Generator[Progress, None, Identification]:
    """Identify the blur step by step, and say what is to be expected of it; otherwise as `identify_image_steps`."""
    found = yield from identify_image_steps(evidence, family, device, network, _scene_spectra(), origin)
    return replace(found, expectation=expect(found.signs, _expectation_network())) if found.signs else found


def identify_stack_steps(
    stack: NDArray[np.generic],
    family: OperatorFamily,
    plane_spacing_um: float,
    noise: PoissonGaussianNoise | None,
    device: torch.device,
    network: Trunk | None,
) -> Generator[Progress, None, StackIdentification]:
    """Identify a stack step by step; arguments, result and errors as in `identify_planes_steps`."""
    stack = np.asanyarray(of_plan(stack, "ZYX", "Choose one focal stack, or rename its axes."))
    return identify_planes_steps(stack, family, plane_spacing_um, noise, device, network, _scene_spectra())


@cache
def _expectation_network() -> ExpectationNetwork:
    """Read the network in the package, once."""
    return load_expectation()


@cache
def _scene_spectra() -> SceneSpectra:
    """Read the statistics in the package, once."""
    return load_scene_spectra()
