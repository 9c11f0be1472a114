from __future__ import annotations

import dataclasses
import json
from itertools import pairwise

import pytest

from napari_deepblur.cli.train import CROP_SIZE
from napari_deepblur.networks.identification import REFERENCE_PSF_SIZE
from napari_deepblur.training.recipes import DEBLURRING, IDENTIFICATION, Schedule
from napari_deepblur.training.thick import stack_side


def test_the_learning_rate_rises_stays_and_falls_to_zero() -> None:
    schedule = Schedule(samples=1000, batch_size=10, peak=0.5, rise=0.1, fall=0.4)
    rates = [schedule.learning_rate(seen) for seen in range(0, 1001, 10)]
    assert 0 < rates[0] < 0.05 * 0.5
    assert all(a < b for a, b in pairwise(rates[:10]))
    assert rates[11:60] == [0.5] * 49
    assert all(a > b for a, b in pairwise(rates[61:]))
    assert rates[80] == pytest.approx(0.25) and rates[100] == 0
    assert max(rates) == 0.5
    # Past the end nothing is learned any more.
    assert schedule.learning_rate(2000) == 0


def test_the_shape_does_not_depend_on_the_length() -> None:
    short, long = Schedule(samples=100, batch_size=1), Schedule(samples=10_000, batch_size=1)
    for share in (0, 0.01, 0.3, 0.7, 0.95):
        assert short.learning_rate(round(100 * share)) == pytest.approx(long.learning_rate(round(10_000 * share)))


@pytest.mark.parametrize("recipes", [IDENTIFICATION, DEBLURRING])
def test_each_network_has_a_light_and_a_paper_recipe_that_are_values(recipes: dict[str, object]) -> None:
    assert set(recipes) == {"light", "paper"}
    for recipe in recipes.values():
        facts = dataclasses.asdict(recipe)  # type: ignore[call-overload]
        assert json.loads(json.dumps(facts)) is not None
        assert hash(recipe) == hash(dataclasses.replace(recipe))  # type: ignore[type-var]
        with pytest.raises(dataclasses.FrozenInstanceError):
            recipe.seed = 5  # type: ignore[attr-defined]


def test_specimens_with_depth_fit_into_the_crops_of_a_bank() -> None:
    for recipe in IDENTIFICATION.values():
        assert stack_side(recipe.image_size + REFERENCE_PSF_SIZE - 1) <= CROP_SIZE


def test_recipes_fit_together() -> None:
    for recipe in DEBLURRING.values():
        assert recipe.schedule.batch_size % recipe.fields == 0
        assert recipe.patch_size <= recipe.identification.image_size
        assert all(0.05 < fc < 0.45 for fc in recipe.cutoffs)
    for either in (*IDENTIFICATION.values(), *DEBLURRING.values()):
        low, high = either.noise.alpha
        assert 0 < low < high <= 0.05 and 0 <= either.noise.none < 1
        assert either.schedule.samples >= either.schedule.batch_size
