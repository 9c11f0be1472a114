"""Large planes are read by regions, restored tile by tile into the sink, and never held: with the same pixels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_deepblur.io.sinks import ArraySink, OmeZarrSink
from napari_deepblur.pipeline import DeblurSettings, deblur
from napari_deepblur.pipeline.series import Frame, Written, deblur_stack_steps
from napari_deepblur.progress import finished
from napari_deepblur.restoration.restorers import SolverRestorer

SHAPE = (420, 380)
SETTINGS = DeblurSettings(
    microscope={"na": 1.3, "wavelength_um": 0.54, "pixel_size_um": 0.09, "n_immersion": 1.515},
    method="wiener",
    theta=(0.05,) * 8,
    iterations=5,
    tile=160,
    device="cpu",
)


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the images of these tests count as large, and be looked at in bands."""
    monkeypatch.setattr("napari_deepblur.plane.LARGEST_WHOLE", 10**5)
    monkeypatch.setattr("napari_deepblur.bands._PIXELS", 64 * SHAPE[1])
    yield


def _image(spoiled: bool = True) -> NDArray[np.uint16]:
    rng = np.random.default_rng(0)
    points = gaussian_filter((rng.uniform(size=SHAPE) > 0.97).astype(np.float32), 1.5)
    image = rng.poisson(100 + 4000 * points).astype(np.float32)
    if spoiled:
        image[:, :30] = 0
        image[tuple(rng.integers(40, 370, (2, 30)))] += 9000
    return image.astype(np.uint16)


class _Regions:
    """A source that knows how much of it was read at once."""

    def __init__(self, array: NDArray[Any]) -> None:
        self.array, self.shape, self.dtype, self.most = array, array.shape, array.dtype, 0

    def __getitem__(self, key: Any) -> NDArray[Any]:
        part = self.array[key]
        self.most = max(self.most, part.size)
        return np.asarray(part)


def test_pixels_and_verdict_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    image = _image()
    whole = finished(deblur_stack_steps(image, "YX", SETTINGS, ArraySink()))
    monkeypatch.setattr("napari_deepblur.plane.LARGEST_WHOLE", 10**5)
    monkeypatch.setattr("napari_deepblur.bands._PIXELS", 64 * SHAPE[1])
    regions = finished(deblur_stack_steps(_Regions(image), "YX", SETTINGS, ArraySink()))
    np.testing.assert_allclose(regions.image, whole.image, atol=1e-5 * np.ptp(whole.image))
    np.testing.assert_array_equal(regions.image[:, :30], 0)
    one, other = whole.first, regions.first
    assert one.verdict is not None and other.verdict is not None and one.verdict.light == other.verdict.light
    assert other.verdict.structure == pytest.approx(one.verdict.structure, rel=1e-3)
    assert (
        other.resolution == one.resolution and other.settings["resolved"]["noise"] == one.settings["resolved"]["noise"]
    )
    assert regions.notes == whole.notes


def test_no_step_reads_all_of_it(large: None) -> None:
    image = _image(spoiled=False)
    source, most = _Regions(image), []

    def watch(step: object) -> None:
        if isinstance(step, Written):
            most.append(source.most)
        elif isinstance(step, Frame):
            assert step.image.size == 0

    # Noise would be estimated from all of so small an image, and it is judged by all of it in the end.
    finished(deblur_stack_steps(source, "YX", SETTINGS.replace(noise=(1.0, 2.0)), ArraySink()), watch)
    assert len(most) == 12 and most[-1] < 0.6 * image.size


def test_deblur_returns_a_whole_image_nevertheless(large: None) -> None:
    image = _image()
    into = finished(deblur_stack_steps(image, "YX", SETTINGS, ArraySink())).image
    alone = deblur(
        image, theta=(0.05,) * 8, method="wiener", iterations=5, tile=160, device="cpu", microscope=SETTINGS.microscope
    )
    np.testing.assert_array_equal(alone.image, into)


def test_columns_before_rows(large: None) -> None:
    image = _image()
    turned = finished(deblur_stack_steps(np.ascontiguousarray(image.T), "XY", SETTINGS, ArraySink())).image
    np.testing.assert_array_equal(turned.T, finished(deblur_stack_steps(image, "YX", SETTINGS, ArraySink())).image)


def test_a_large_frame_that_cannot_be_deblurred_is_passed_through(large: None) -> None:
    array = np.stack([np.full(SHAPE, 7, np.uint16), _image()])
    series = finished(deblur_stack_steps(array, "TYX", SETTINGS, ArraySink()))
    np.testing.assert_array_equal(series.image[0], 7)
    assert "time 0 was passed through" in series.notes[0] and np.ptp(series.image[1]) > 0


def test_a_killed_run_goes_on_with_the_same_pixels(
    large: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_deepblur.io.sinks.blocks._CHUNK", 64)
    monkeypatch.setattr("napari_deepblur.io.sinks.blocks._SHARD", 128)
    image, made_of = _image(), {"source": "the same"}
    whole = finished(deblur_stack_steps(image, "YX", SETTINGS, ArraySink())).image
    steps = deblur_stack_steps(image, "YX", SETTINGS, OmeZarrSink(tmp_path / "r.ome.zarr", None, made_of))
    count = 0
    for step in steps:
        count += isinstance(step, Written)
        if count == 9:
            break
    steps.close()
    restored: list[Any] = []
    run = SolverRestorer.steps
    monkeypatch.setattr(SolverRestorer, "steps", lambda *a, **k: restored.append(1) or run(*a, **k))
    sink = OmeZarrSink(tmp_path / "r.ome.zarr", None, made_of)
    np.testing.assert_array_equal(finished(deblur_stack_steps(image, "YX", SETTINGS, sink)).image[:, :], whole)
    # Two of four rows of tiles were there.
    assert len(restored) == 6
