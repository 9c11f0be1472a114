"""Bounds of the memory that a run takes beyond what is loaded, on one fixed image."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SIDE = 384

PROGRAM = f"""
import resource, sys, warnings
import numpy as np
from napari_deepblur import Microscope, ZernikeFamily, deblur
warnings.simplefilter("ignore")
family = ZernikeFamily(Microscope(na=1.2, wavelength_um=0.6, pixel_size_um=0.1, n_immersion=1.5), psf_size=15)

def run(side):
    image = np.random.default_rng(0).poisson(200, (side, side)).astype(np.float32)
    deblur(image, family, theta=(0.05,) * 8, method=sys.argv[1], noise=None, device="cpu")

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

run(64)
before = peak()
run({SIDE})
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the largest memory is told in other units, or not at all")
@pytest.mark.parametrize(("method", "megabytes"), [("wiener", 40), ("richardson-lucy", 50), ("network", 90)])
def test_the_memory_of_a_run_is_bounded(method: str, megabytes: int) -> None:
    """About one and a half times of what was measured: 22, 30 and 57 MB."""
    # One heap: with several, how much each keeps is chance.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
    words = [sys.executable, "-c", PROGRAM, method]
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=True)
    assert float(done.stdout) < megabytes
