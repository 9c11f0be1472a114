from __future__ import annotations

import torch

from napari_deepblur.networks.statistics import WINDOW, sum_of_periodograms
from napari_deepblur.training.batches import SceneSource
from napari_deepblur.training.scene_spectra import log_spectra, scene_spectra, windows_of

SHAPE = (WINDOW, WINDOW // 2 + 1)


def test_mean_and_covariance_are_those_of_the_samples() -> None:
    generator = torch.Generator().manual_seed(0)
    shape = torch.linspace(3, -3, SHAPE[1]).expand(SHAPE)
    mode = torch.randn(SHAPE, generator=generator)
    mode = (mode - mode.mean()) / mode.norm()
    strength = 20 * torch.randn(500, 1, 1, generator=generator)
    level = 5 * torch.randn(500, 1, 1, generator=generator)
    noise = 0.1 * torch.randn(500, *SHAPE, generator=generator)
    found = scene_spectra(level + shape + strength * mode + noise, 9, components=4)
    assert found.components.shape == (4, *SHAPE) and found.windows == 9
    # The level of a scene is nobody's business; its shape, its way of varying and the rest are found.
    difference = (found.mean - shape)[1:]
    torch.testing.assert_close(difference - difference.mean(), torch.zeros_like(difference), rtol=0, atol=0.3)
    assert (found.components[0] * mode).sum().abs() > 0.99
    assert 0.8 < found.variances[0] / strength.var() < 1.2
    assert 0.8 < found.residual[1:].mean() / 0.1**2 < 1.2


def test_spectra_are_drawn_from_scenes_of_unit_variance() -> None:
    bank = torch.randint(0, 256, (4, 140, 140), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    parts = list(log_spectra(SceneSource(bank, 0.0), 5, 128, torch.Generator().manual_seed(1), batch=2))
    assert [len(part) for part in parts] == [2, 2, 1]
    # White pixels have a flat spectrum at their variance.
    values = torch.cat(parts)[:, 8:24, 8:24]
    assert values.mean().abs() < 0.3


def test_the_number_of_windows() -> None:
    for size in (64, 95, 96, 400):
        assert windows_of(size) == sum_of_periodograms(torch.rand(1, 1, size, size))[1]
