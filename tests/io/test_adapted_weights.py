"""Where adapted weights are looked for, and what a family is identified and deblurred with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_deepblur.io.adapted_weights import adapted_path, open_adapted
from napari_deepblur.io.families import family_hash, find_family, load_family
from napari_deepblur.io.weights import save_weights
from napari_deepblur.networks.adapted import AdaptedConfig, AdaptedNetwork
from napari_deepblur.operators import EigenPsfFamily

TINY = AdaptedConfig(widths=(4, 8), blocks=(1, 1), stem_stride=4, map_width=4, hidden=8, eigen_psfs=2, coordinates=1)


def _family() -> EigenPsfFamily:
    return EigenPsfFamily(np.random.default_rng(0).uniform(size=(2, 5, 5)), np.eye(2))


@pytest.mark.parametrize("kind", ["identification", "deblurring"])
def test_weights_lie_beside_the_family(kind: str) -> None:
    assert adapted_path("there/mine.safetensors", kind) == Path(f"there/mine.{kind}.safetensors")


def test_only_weights_of_this_family_are_found(tmp_path: Path) -> None:
    file, digest = tmp_path / "mine.safetensors", family_hash(_family())
    assert open_adapted(digest, "identification", file) is None
    beside = adapted_path(file, "identification")
    save_weights(beside, AdaptedNetwork(TINY), {"family": "another"})
    assert open_adapted(digest, "identification", file) is None
    save_weights(beside, AdaptedNetwork(TINY), {"family": digest})
    assert (found := open_adapted(digest, "identification", file)) is not None and found.about.path == beside
    assert open_adapted(digest, "deblurring", file) is None
    assert open_adapted(digest, "identification") is None


def test_damaged_weights_are_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "mine.safetensors"
    adapted_path(file, "identification").write_bytes(b"not weights")
    assert open_adapted(family_hash(_family()), "identification", file) is None


@pytest.mark.parametrize("kind", ["identification", "deblurring"])
def test_the_shipped_family_has_weights_of_its_own(kind: str) -> None:
    digest = family_hash(load_family(find_family("demonstration")))
    found = open_adapted(digest, kind)
    assert found is not None
    assert found.about.facts["family"] == digest
