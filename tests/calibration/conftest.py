"""A small simulated microscope, calibrated once."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_deepblur.calibration import Calibration, calibrate
from napari_deepblur.calibration.demonstration import Demonstration, bead_stack

PATCH = 25


@pytest.fixture(scope="session")
def demo() -> Demonstration:
    return Demonstration(n_stacks=2, n_planes=2, field_shape=(192, 192), n_beads=60, distance=28, seed=1)


@pytest.fixture(scope="session")
def stacks(demo: Demonstration) -> list[NDArray[np.generic]]:
    return [bead_stack(demo, index, 5000.0) for index in range(demo.n_stacks)]


@pytest.fixture(scope="session")
def calibration(demo: Demonstration, stacks: list[NDArray[np.generic]]) -> Calibration:
    return calibrate(stacks, demo.microscope, bead_diameter_um=demo.bead_diameter_um, patch_size=PATCH)
