"""Numbers of all pixels, counted part by part, are those that NumPy finds of all at once, to the last digit."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_deepblur.noise.census import moments, percentiles, step_of
from napari_deepblur.noise.lattice import lattice_step
from napari_deepblur.plane import SourcePlane

WANTED = (0.1, 1, 50, 99, 99.9, 37.3, 25.0, 0, 100)


def _values(kind: str) -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    made = {
        "continuous": rng.normal(0, 10, (83, 61)),
        "few photons": rng.poisson(3, (83, 61)),
        "scaled": rng.poisson(100, (83, 61)) * 0.37,
        "bright": rng.normal(1e5, 1, (83, 61)),
        "negative": (rng.poisson(100, (83, 61)) - 150) * 16,
    }
    return np.asarray(made[kind], np.float32)


@pytest.mark.parametrize("kind", ["continuous", "few photons", "scaled", "bright", "negative"])
@pytest.mark.parametrize("masked", [False, True])
def test_by_regions_as_at_once(kind: str, masked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_deepblur.bands._PIXELS", 64 * 61)
    values = _values(kind)
    plane = SourcePlane((83, 61), lambda region: values[region])
    hidden = np.random.default_rng(1).uniform(size=values.shape) > 0.8 if masked else None
    seen = values.ravel() if hidden is None else values[~hidden]
    assert percentiles(plane, WANTED, hidden) == [float(value) for value in np.percentile(seen, WANTED)]
    assert percentiles(plane, (50,), hidden) == percentiles(values, (50,), hidden)
    assert step_of(plane, hidden) == lattice_step(seen)
    found, exact = moments(plane, hidden), seen.astype(np.float64)
    assert (found.number, found.low, found.high) == (exact.size, exact.min(), exact.max())
    assert found.mean == pytest.approx(exact.mean(), rel=1e-9, abs=1e-9 * exact.std())
    assert found.variance == pytest.approx(exact.var(), rel=1e-9)


def test_many_different_numbers_have_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_deepblur.noise.lattice._MOST_LEVELS", 200)
    monkeypatch.setattr("napari_deepblur.bands._PIXELS", 64 * 61)
    fine, whole = np.arange(83 * 61).reshape(83, 61) * np.float32(0.1), np.arange(83 * 61).reshape(83, 61) * 3.0
    assert step_of(SourcePlane((83, 61), lambda region: fine[region])) == 0
    assert step_of(SourcePlane((83, 61), lambda region: whole[region])) == 3
