from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from napari_deepblur.errors import SettingsError
from napari_deepblur.training.scenes import KINDS, MANY_POINTS, draw_procedural
from napari_deepblur.training.scenes.fields import band_field, cloud_field, power_law_field, sharp_threshold
from napari_deepblur.training.scenes.leaves import borders, coverage, make_leaves, rasterise
from napari_deepblur.training.scenes.splat import splat_points

_CPU = torch.device("cpu")


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _fine_share(scenes: Tensor) -> Tensor:
    """Share of the spectral energy above 0.25 cycles per pixel, of that above 0.02."""
    size = scenes.shape[-1]
    window = torch.hann_window(size, periodic=False)
    centred = (scenes - scenes.mean((1, 2), keepdim=True)) * window[:, None] * window
    power = torch.fft.fft2(centred).abs() ** 2
    frequency = torch.fft.fftfreq(size)
    radius = torch.hypot(frequency[:, None], frequency)
    return (power * (radius > 0.25)).sum((1, 2)) / (power * (radius > 0.02)).sum((1, 2))


def _blurred(scenes: Tensor) -> Tensor:
    """Convolve with a Gaussian of deviation 1 pixel."""
    frequency = torch.fft.fftfreq(scenes.shape[-1])
    transfer = torch.exp(-2 * math.pi**2 * (frequency[:, None] ** 2 + frequency**2))
    return torch.fft.ifft2(torch.fft.fft2(scenes) * transfer).real


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_in_range_varied_and_fixed_by_the_seed(kind: str) -> None:
    maker, _ = KINDS[kind]
    scenes = maker(12, 96, _generator(), _CPU)
    assert scenes.dtype == torch.float32
    assert scenes.shape == (12, 96, 96)
    assert torch.isfinite(scenes).all()
    assert float(scenes.min()) >= 0
    assert float(scenes.max()) <= 1
    contrast = scenes.amax((1, 2)) - scenes.amin((1, 2))
    assert float(contrast.median()) > 0.3
    assert torch.equal(scenes, maker(12, 96, _generator(), _CPU))
    assert not torch.equal(scenes, maker(12, 96, _generator(1), _CPU))
    assert len({float(scene.double().sum()) for scene in scenes}) == 12


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_sharp(kind: str) -> None:
    maker, _ = KINDS[kind]
    scenes = maker(30, 96, _generator(2), _CPU)
    fine = _fine_share(scenes)
    # Measured medians are 0.04 and more, and a blur of one pixel leaves a fraction of it.
    assert float(fine.quantile(0.1)) > 0.01
    assert float(fine.median()) > 0.03
    assert float((_fine_share(_blurred(scenes)) / fine).median()) < 0.15


def test_mixture_has_the_promised_form_and_is_fixed_by_the_seed() -> None:
    scenes = draw_procedural(40, 64, _generator(), "cpu")
    assert scenes.shape == (40, 1, 64, 64)
    assert scenes.dtype == torch.float32
    assert torch.isfinite(scenes).all()
    assert float(scenes.min()) >= 0
    assert float(scenes.max()) <= 1
    assert torch.equal(scenes, draw_procedural(40, 64, _generator(), torch.device("cpu")))
    # Microscopy is dark on average, inverted scenes are bright: both are among forty.
    means = scenes.mean((1, 2, 3))
    assert float(means.min()) < 0.15
    assert float(means.max()) > 0.5


@pytest.mark.parametrize("size", [32, 33, 75])
@pytest.mark.parametrize("n", [1, 5])
def test_any_number_and_any_size(n: int, size: int) -> None:
    assert draw_procedural(n, size, _generator(size), "cpu").shape == (n, 1, size, size)


def test_no_scenes_are_an_empty_batch_and_too_small_ones_an_error() -> None:
    assert draw_procedural(0, 40, _generator(), "cpu").shape == (0, 1, 40, 40)
    with pytest.raises(SettingsError, match="at least 32 pixels"):
        draw_procedural(1, 31, _generator(), "cpu")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("place", ["cpu", "cuda"])
def test_scenes_on_the_accelerator(place: str) -> None:
    first, second = (draw_procedural(12, 96, torch.Generator(place).manual_seed(3), "cuda") for _ in range(2))
    assert first.device.type == "cuda"
    # Points add up in any order there.
    assert float((first - second).abs().max()) < 1e-3


@pytest.mark.parametrize(
    ("elliptic", "cut", "area"),
    [
        (True, 100.0, math.pi * 12 * 7),
        (True, 0.0, math.pi * 12 * 7 / 2),
        (False, 100.0, 4 * 12 * 7),
        (False, 0.0, 2 * 12 * 7),
    ],
)
@pytest.mark.parametrize("angle", [0.0, 0.4, 2.0])
def test_covered_fractions_add_up_to_the_area_of_the_leaf(
    elliptic: bool, cut: float, area: float, angle: float
) -> None:
    def one(value: float) -> Tensor:
        return torch.full((1, 1), value)

    leaf = make_leaves((one(20.3), one(19.6)), (one(12.0), one(7.0)), one(angle), (one(1.1), one(cut)), 16, elliptic)
    rank = torch.ones((1, 1), dtype=torch.int32)
    top, below = rasterise([leaf], rank, 40)
    pixel = torch.arange(1600)
    share = coverage([leaf], rank, top.flatten(), pixel, 40)
    assert float(share.sum()) == pytest.approx(area, rel=0.02)
    assert int(below.max()) == 0
    # Between inside and outside there is one pixel, not more.
    assert float(((share > 0.02) & (share < 0.98)).sum()) < 1.5 * 2 * math.pi * 12


def test_the_higher_rank_hides_the_lower() -> None:
    def two(first: float, second: float) -> Tensor:
        return torch.tensor([[first, second]])

    discs = make_leaves(
        (two(15, 15), two(12, 20)), (two(8, 8), two(8, 8)), two(0, 0), (two(0, 0), two(99, 99)), 10, True
    )
    for rank in (torch.tensor([[1, 2]], dtype=torch.int32), torch.tensor([[2, 1]], dtype=torch.int32)):
        top, below = rasterise([discs], rank, 32)
        assert int(top[0, 15, 16]) == 2
        assert int(below[0, 15, 16]) == 1
        assert int(top[0, 15, 6]) == int(rank[0, 0])
        assert int(top[0, 15, 26]) == int(rank[0, 1])
        assert int(top[0, 2, 2]) == 0


def test_partly_covered_pixels_are_all_on_a_border() -> None:
    values = torch.rand((6, 2, 40), generator=_generator())
    leaves = make_leaves(
        (values[0] * 50, values[1] * 50),
        (2 + 6 * values[2], 2 + 6 * values[3]),
        6 * values[4],
        (6 * values[5], torch.full((2, 40), 99.0)),
        10,
        True,
    )
    rank = torch.stack([torch.randperm(40, generator=_generator(k)).int() + 1 for k in range(2)])
    top, _ = rasterise([leaves], rank, 50)
    share = coverage([leaves], rank, top.flatten(), torch.arange(5000), 50)
    partly = ((share < 1) & (top.flatten() > 0)).nonzero()[:, 0]
    border = set(borders(top).tolist())
    # A leaf that leaves through the side of the scene has its neighbour outside, where nothing shows.
    inner = [p for p in partly.tolist() if 0 < p // 50 % 50 < 49 and 0 < p % 50 < 49]
    assert len(inner) > 200
    assert sum(p in border for p in inner) >= 0.99 * len(inner)


def test_a_splatted_point_keeps_its_light_and_its_place() -> None:
    image = splat_points(torch.tensor([[7.3]]), torch.tensor([[11.85]]), torch.tensor([[0.7]]), 20)[0]
    steps = torch.arange(20.0)
    assert float(image.sum()) == pytest.approx(0.7, abs=1e-6)
    assert float((image.sum(1) * steps).sum() / image.sum()) == pytest.approx(7.3, abs=1e-4)
    assert float((image.sum(0) * steps).sum() / image.sum()) == pytest.approx(11.85, abs=1e-4)
    assert int((image > 0).sum()) == 4


def test_points_outside_leave_no_light() -> None:
    places = torch.tensor([[-50.0, -1.01, 21.0, 400.0]])
    inside = torch.full_like(places, 10.0)
    for y, x in ((places, inside), (inside, places), (places, places)):
        assert float(splat_points(y, x, torch.ones_like(y), 20).abs().max()) == 0


@pytest.mark.parametrize("exponent", [0.5, 1.0, 1.8])
def test_power_law_fields_have_their_slope(exponent: float) -> None:
    field = power_law_field(20, 128, torch.full((20,), exponent), torch.full((20,), 1e-4), _generator())
    assert torch.allclose(field.std((1, 2)), torch.ones(20), atol=1e-3)
    power = (torch.fft.fft2(field).abs() ** 2).mean(0)
    frequency = torch.fft.fftfreq(128)
    radius = torch.hypot(frequency[:, None], frequency)

    def level(centre: float) -> float:
        return float(power[(radius > 0.9 * centre) & (radius < 1.1 * centre)].mean().log())

    slope = (level(0.32) - level(0.08)) / math.log(4)
    assert slope == pytest.approx(-2 * exponent, abs=0.1)


def test_band_fields_hold_their_ring_only() -> None:
    field = band_field(5, 128, torch.full((5,), 0.15), torch.full((5,), 0.01), _generator())
    power = torch.fft.fft2(field).abs() ** 2
    frequency = torch.fft.fftfreq(128)
    ring = (torch.hypot(frequency[:, None], frequency) - 0.15).abs() < 0.04
    assert float((power * ring).sum() / power.sum()) > 0.999


def test_cloud_fields_are_near_unit_deviation() -> None:
    field = cloud_field(30, 100, 9.0, _generator(), _CPU)
    assert float(field.std()) == pytest.approx(1, abs=0.1)
    assert float(field.mean()) == pytest.approx(0, abs=0.1)


def test_threshold_of_a_plane_is_an_edge_of_one_pixel_at_the_right_place() -> None:
    ramp = (torch.arange(20.0) * 0.3).expand(1, 20, 20)
    edge = sharp_threshold(ramp, torch.tensor([0.3 * 9.25]))[0, 5]
    assert torch.allclose(edge[:9], torch.zeros(9))
    assert float(edge[9]) == pytest.approx(0.25, abs=1e-4)
    assert torch.allclose(edge[10:], torch.ones(10))


def test_scenes_for_deblurring_have_more_points() -> None:
    generators = [torch.Generator().manual_seed(5) for _ in range(2)]
    few, many = (
        kinds["spots"][0](8, 96, generator, torch.device("cpu"))
        for kinds, generator in zip((KINDS, MANY_POINTS), generators, strict=True)
    )
    # Pixels above all their neighbours: each is a point of light.
    peaks = [float((F.max_pool2d(scenes[:, None], 3, 1, 1) == scenes[:, None]).sum()) for scenes in (few, many)]
    assert peaks[1] > 1.5 * peaks[0]
    assert draw_procedural(3, 64, torch.Generator().manual_seed(1), "cpu", MANY_POINTS).shape == (3, 1, 64, 64)
    assert MANY_POINTS["spots"][1] > KINDS["spots"][1]
    assert sum(share for _, share in MANY_POINTS.values()) == pytest.approx(1)
