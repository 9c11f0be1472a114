"""The step of an image's digits, found whatever was done to whole numbers afterwards."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_deepblur.noise import estimate_noise
from napari_deepblur.noise.lattice import lattice_step, lattice_step_of_parts

COUNTS = np.random.default_rng(0).poisson(60, (64, 64))


@pytest.mark.parametrize(
    ("values", "step"),
    [
        (COUNTS.astype(np.uint16), 1.0),
        (16 * COUNTS.astype(np.uint16), 16.0),
        (COUNTS.astype(np.float32), 1.0),
        ((COUNTS / 255).astype(np.float32), 1 / 255),
        ((COUNTS / 1023 * 0.37 + 2.0).astype(np.float32), 0.37 / 1023),
        (np.mean([COUNTS, COUNTS.T, COUNTS[::-1]], axis=0).astype(np.float32), 1 / 3),
        (-3.0 * COUNTS, 3.0),
        (COUNTS > 60, 1.0),
        (COUNTS.astype(">f4"), 1.0),
        (np.full((8, 8), 3.0), 0.0),
        (np.random.default_rng(1).normal(size=(64, 64)).astype(np.float32), 0.0),
        (np.random.default_rng(1).normal(size=(256, 256)), 0.0),
    ],
)
def test_the_step_is_found(values: NDArray[np.generic], step: float) -> None:
    assert lattice_step(values) == pytest.approx(step, rel=1e-4)


@pytest.mark.parametrize("scale", [1e-6, 1e-4, 1 / 255, 0.01, 0.3, 3.16, 1e4, 3.16e5, 1e12])
def test_the_step_does_not_depend_on_the_scale(scale: float) -> None:
    """Few bright pixels, with wide gaps between their values, above many dim ones."""
    counts = np.concatenate([COUNTS.ravel(), np.random.default_rng(1).integers(100, 4000, 400)])
    values = (counts * scale).astype(np.float32)
    assert lattice_step(values) == pytest.approx(scale, rel=1e-4)
    assert lattice_step_of_parts(lambda: np.array_split(values, 5)) == pytest.approx(scale, rel=1e-4)


def test_large_numbers_are_whole_without_being_counts() -> None:
    values = (1e12 * np.random.default_rng(1).integers(0, 2**20, (64, 64)) / 7).astype(np.float32)
    assert lattice_step(values) == lattice_step_of_parts(lambda: np.array_split(values, 5)) == 0


@pytest.mark.parametrize("levels", [16, 64, 256])
def test_rounding_is_seen_after_the_conversion_to_float(levels: int) -> None:
    """A smooth image leaves nothing in the filters but at the borders of its levels."""
    rows, columns = np.mgrid[:128, :128] / 128
    smooth = 0.5 + 0.3 * np.sin(5 * rows) * np.cos(4 * columns)
    rounded = (np.round(smooth * (levels - 1)) / (levels - 1)).astype(np.float32)
    found = estimate_noise(rounded)
    expected = 1 / (levels - 1) / np.sqrt(12)
    assert np.sqrt(found.variance([0.3, 0.5, 0.8])) == pytest.approx(expected, rel=0.3)
    assert np.sqrt(found.variance(0.0)) >= 0.999 * expected
