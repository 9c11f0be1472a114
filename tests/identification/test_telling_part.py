"""A large image is not looked at as a whole: its blur is looked for where there is most to see."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_deepblur.identification.telling_part import telling_part
from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.packed_mask import PackedMask
from napari_deepblur.plane import SourcePlane

NOISE = PoissonGaussianNoise(1.0, 2.0)


def _plane(values: NDArray[np.float32]) -> SourcePlane:
    return SourcePlane((values.shape[0], values.shape[1]), lambda region: values[region])


def _dim(rows: int, columns: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).poisson(50, (rows, columns)).astype(np.float32)


@pytest.mark.parametrize("turned", [False, True])
def test_where_most_is_to_be_seen(turned: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_deepblur.identification.telling_part.SIDE", 384)
    image = _dim(900, 1280)
    # A few bright objects in one corner, and a field of faint ones in another.
    image[20:28, 20:28] += 20_000
    image[500:, 800:] += 60 * (np.arange(480) % 12 < 5).astype(np.float32)
    rows, columns = telling_part(_plane(image.T.copy() if turned else image), NOISE, None)
    rows, columns = (columns, rows) if turned else (rows, columns)
    assert (rows.stop - rows.start, columns.stop - columns.start) == (384, 384)
    assert rows.start >= 384 and rows.stop <= 900 and columns.start >= 768 and columns.stop <= 1280


def test_what_is_hidden_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_deepblur.identification.telling_part.SIDE", 256)
    image = _dim(600, 1100)
    stripes = 60 * (np.arange(256) % 12 < 5).astype(np.float32)
    image[:256, :256] += 4 * stripes
    image[:256, 768:1024] += stripes
    hidden = PackedMask((600, 1100))
    hidden[0:256, 0:256] = True
    assert telling_part(_plane(image), NOISE, None) == (slice(0, 256), slice(0, 256))
    assert telling_part(_plane(image), NOISE, hidden) == (slice(0, 256), slice(768, 1024))


def test_all_of_a_narrow_image() -> None:
    assert telling_part(_plane(_dim(100, 300)), NOISE, None) == (slice(0, 100), slice(0, 300))
