from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.simulation.images import (
    SHIPPED,
    blur_and_spoil,
    centre,
    draw_test_scenes,
    paper_family,
    seed_of,
)
from napari_deepblur.errors import SettingsError
from napari_deepblur.operators import ConvolutionOperator
from napari_deepblur.training.pool import is_validation


def test_the_test_never_sees_what_training_reads(folder: Path) -> None:
    names = draw_test_scenes(folder, 60, 64, 0).names
    own = {name for name in names if not name.startswith("scikit-image ")}
    assert own and all(is_validation(name) for name in own)
    assert {name.split()[1] for name in set(names) - own} <= set(SHIPPED)
    examples = draw_test_scenes(folder, 6, 64, 0, "train").names
    assert not any(is_validation(name) or name.startswith("scikit") for name in examples)


def test_every_file_serves_once_before_any_serves_twice(folder: Path) -> None:
    names = draw_test_scenes(folder, 2 * (3 + len(SHIPPED)), 64, 4).names
    half = len(names) // 2
    assert len(set(names[:half])) == half and set(names[:half]) == set(names[half:])


def test_scenes_are_decided_by_the_seed(folder: Path) -> None:
    first, again, other = (draw_test_scenes(folder, 3, 64, seed) for seed in (1, 1, 2))
    assert first.names == again.names and torch.equal(first.pixels, again.pixels)
    assert not torch.equal(first.pixels, other.pixels)
    assert first.pixels.shape == (3, 1, 64, 64) and 0 <= first.pixels.min() and first.pixels.max() <= 1


def test_small_files_are_left_out_as_long_as_there_are_others(folder: Path) -> None:
    # 230 pixels: the files of 180 would be mirrored over a fifth of the scene.
    assert all(name.startswith("scikit-image ") for name in draw_test_scenes(folder, 12, 230, 0).names)
    assert not any(name.startswith("scikit") for name in draw_test_scenes(folder, 4, 230, 0, "train").names)
    assert any(not name.startswith("scikit") for name in draw_test_scenes(folder, 19, 230, 0, smallest=0.5).names)


@pytest.mark.parametrize(("count", "side"), [(0, 64), (3, 4)])
def test_numbers_that_cannot_be(folder: Path, count: int, side: int) -> None:
    with pytest.raises(SettingsError, match="expected at least"):
        draw_test_scenes(folder, count, side, 0)


def test_images_are_blurred_scenes_of_peak_one(folder: Path) -> None:
    family = paper_family()
    scenes = draw_test_scenes(folder, 10, 94, 0).pixels
    batch = blur_and_spoil(scenes, family.sample(10, 5), family, (0.0, 0.0), 0)
    assert batch.image.shape == (10, 1, 64, 64)
    torch.testing.assert_close(batch.image.amax((1, 2, 3)), torch.ones(10))
    operator = ConvolutionOperator(batch.psf[:, None], (64, 64))
    torch.testing.assert_close(operator.forward(batch.scene), batch.image, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(batch.theta.numpy(), family.sample(10, 5))


def test_noise_levels_share_one_pattern(folder: Path) -> None:
    family = paper_family()
    scenes, theta = draw_test_scenes(folder, 2, 94, 0).pixels, family.sample(2, 5)
    none, some, more = (blur_and_spoil(scenes, theta, family, (0.0, beta), 7).image for beta in (0.0, 0.1, 0.2))
    torch.testing.assert_close(2 * (some - none), more - none, rtol=0, atol=1e-5)
    assert (some - none).std().item() == pytest.approx(0.1, rel=0.05)


def test_the_middle_and_the_seeds() -> None:
    pixels = torch.arange(49.0).view(1, 7, 7)
    assert centre(pixels, 3)[0, 1, 1] == pixels[0, 3, 3] and centre(pixels, 3).shape == (1, 3, 3)
    seeds = {seed_of(1, "noise", i) for i in range(100)} | {seed_of(1, "kernels"), seed_of(2, "kernels")}
    assert len(seeds) == 102 and all(0 <= seed < 2**31 for seed in seeds)
