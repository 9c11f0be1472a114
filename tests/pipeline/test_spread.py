"""The spread of a restored image: its standard deviation over blurs that are likely; nothing where there are none."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from numpy.typing import NDArray

from napari_deepblur.errors import SettingsError
from napari_deepblur.identification.posterior import Cloud
from napari_deepblur.operators import ZernikeFamily
from napari_deepblur.optics import Microscope
from napari_deepblur.pipeline import DeblurSettings, deblur, deblur_stack, deblur_steps, identify
from napari_deepblur.pipeline.plan import plan
from napari_deepblur.pipeline.preview import Region, preview
from napari_deepblur.pipeline.spread import spread_steps
from napari_deepblur.progress import Progress, finished
from napari_deepblur.restoration.restore import Restored

OPTICS = Microscope(pixel_size_um=0.09)


def _restorations(images: NDArray[np.float32]) -> Iterator[Generator[Progress, None, Restored]]:
    def steps(image: NDArray[np.float32]) -> Generator[Progress, None, Restored]:
        yield Progress("deblur", 1, 1)
        return Restored(image, torch.device("cpu"), None, ())

    return (steps(image) for image in images)


def test_the_spread_is_the_standard_deviation() -> None:
    images = np.random.default_rng(0).normal(3.0, 1.0, (5, 7, 9)).astype(np.float32)
    seen: list[Progress] = []
    spread = finished(spread_steps(_restorations(images), 5), seen.append)
    np.testing.assert_allclose(spread, images.std(axis=0, ddof=1), rtol=1e-5)
    done = [step.done / step.total for step in seen]
    assert done == sorted(done) and done[-1] == 1
    assert seen[0].detail == "likely blur 1/5"


def test_draws_are_as_frequent_as_their_weights() -> None:
    cloud = Cloud(torch.arange(3.0)[:, None], torch.tensor([0.5, 0.25, 0.25]))
    drawn = cloud.draw(8, torch.Generator().manual_seed(1))[:, 0]
    assert [int((drawn == value).sum()) for value in range(3)] == [4, 2, 2]


@pytest.mark.usefixtures("weights_folder")
def test_it_is_in_the_units_of_the_image_and_of_the_blur_alone(image: np.ndarray) -> None:
    family = ZernikeFamily(OPTICS)
    result = deblur(image, family, device="cpu", draws=3)
    assert result.spread is not None and result.spread.shape == image.shape and result.spread.dtype == np.float32
    assert np.isfinite(result.spread).all() and result.spread.max() > 0
    # The result itself is what it is without draws.
    alone = deblur(image, family, device="cpu")
    assert alone.spread is None
    np.testing.assert_array_equal(result.image, alone.image)
    brighter = deblur(10 * image, family, device="cpu", draws=3)
    assert brighter.spread is not None
    np.testing.assert_allclose(brighter.spread, 10 * result.spread, rtol=0.05, atol=0.01 * float(result.image.max()))
    # Where one blur alone is likely, there is no spread.
    found = identify(image, family, device="cpu")
    assert found.draws is not None and found.draws.shape[1] == family.n_parameters
    sure = replace(found, draws=np.repeat(found.draws[:1], len(found.draws), axis=0))
    settings = DeblurSettings(microscope=OPTICS, device="cpu", draws=3)
    none = finished(deblur_steps(image, settings, family, sure)).spread
    assert none is not None and none.max() == 0


@pytest.mark.usefixtures("weights_folder")
@pytest.mark.parametrize("method", ["richardson-lucy", "wiener"])
def test_every_method_has_one_also_beside_light_out_of_focus(image: np.ndarray, method: str) -> None:
    for background in ("none", "volume"):
        given: dict[str, Any] = {"method": method, "background": background, "iterations": 2, "draws": 2}
        spread = deblur(image, ZernikeFamily(OPTICS), device="cpu", **given).spread
        assert spread is not None and 0 < spread.max() < np.inf


@pytest.mark.usefixtures("weights_folder")
def test_a_series_has_one_for_each_frame_and_writes_it(image: np.ndarray, tmp_path: Path) -> None:
    stack = np.stack([image, np.zeros_like(image)])
    file = tmp_path / "spread.ome.tif"
    result = deblur_stack(stack, ZernikeFamily(OPTICS), axes="TYX", device="cpu", draws=2, spread_out=file)
    written = tifffile.imread(file)
    assert written.shape == stack.shape and written.dtype == np.float32
    assert written[0].max() > 0 and written[1].max() == 0
    np.testing.assert_array_equal(np.asarray(result.spread), written)
    assert deblur_stack(stack, ZernikeFamily(OPTICS), axes="TYX", device="cpu").spread is None


@pytest.mark.usefixtures("weights_folder")
def test_a_preview_does_without(image: np.ndarray) -> None:
    made = plan(DeblurSettings(microscope=OPTICS, device="cpu", draws=4), (image.shape[0], image.shape[1]))
    assert preview(made, image, Region(20, 10, 84, 74)).result.spread is None


@pytest.mark.usefixtures("weights_folder")
def test_where_draws_mean_nothing_it_is_said(image: np.ndarray, theta: np.ndarray) -> None:
    with pytest.raises(SettingsError, match="standard deviation"):
        deblur(image, ZernikeFamily(OPTICS), draws=1)
    given = deblur(image, ZernikeFamily(OPTICS), theta, draws=4)
    assert given.spread is None and "there is no spread" in " ".join(given.settings["resolved"]["notes"])
    found = replace(identify(image, ZernikeFamily(OPTICS), device="cpu"), draws=None)
    with pytest.raises(SettingsError, match="holds fewer"):
        finished(deblur_steps(image, DeblurSettings(microscope=OPTICS, device="cpu", draws=4), None, found))
    with pytest.raises(SettingsError, match="not drawn for a volume"):
        deblur_stack(np.stack([image] * 3), ZernikeFamily(OPTICS), volume=True, plane_spacing_um=0.3, draws=4)
