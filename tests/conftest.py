"""What every test shares: few threads and fixed seeds. Qt is not started here: a test that needs it asks."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from hypothesis import settings

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
