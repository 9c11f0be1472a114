"""What every test shares: few threads, fixed seeds, small networks. Qt is not started here: tests that need it ask."""

from __future__ import annotations

import random
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import settings

from napari_deepblur.io.weights import save_weights
from napari_deepblur.networks.deblurring import DeblurringConfig, DeblurringNetwork
from napari_deepblur.networks.identification import IdentificationConfig, IdentificationNetwork

# Tests are small: more threads cost more to start than they save, and the order of sums would depend on them.
torch.set_num_threads(1)

# The same examples every time, and as slow as a busy machine makes them.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")


@pytest.fixture(autouse=True)
def _fixed_seeds() -> None:
    """Start every test from the same state of the global generators: no test depends on its neighbours."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture
def short_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut the fit of the coefficients short: for tests to which it does not matter what is found."""
    # By name: the package hands out the function identify under the name of its module.
    for module in ("posterior", "zernike"):
        monkeypatch.setattr(import_module(f"napari_deepblur.identification.{module}"), "DESCENT_STEPS", 10)


class Tiny(NamedTuple):
    identification: IdentificationConfig
    deblurring: DeblurringConfig


@pytest.fixture(scope="session")
def tiny_networks() -> Tiny:
    """Make architectures that are as small as they can be."""
    return Tiny(
        IdentificationConfig(widths=(4, 8), blocks=(1, 1), stem_stride=4, map_width=4, hidden=16, candidates=2),
        DeblurringConfig(channels=(4, 4, 4, 4), blocks=1, iterations=2, shared=True),
    )


@pytest.fixture(scope="session")
def untrained_weights(tiny_networks: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save untrained networks: what they say is nonsense, but they say it."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    save_weights(folder / "identification-light.safetensors", IdentificationNetwork(tiny_networks.identification), {})
    save_weights(folder / "deblurring-light.safetensors", DeblurringNetwork(tiny_networks.deblurring), {})
    return folder
