"""Which networks a family is identified and deblurred with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_deepblur.errors import AssumptionWarning, WeightsError
from napari_deepblur.io.adapted_weights import adapted_path
from napari_deepblur.io.families import family_hash
from napari_deepblur.io.weights import save_weights
from napari_deepblur.networks.adapted import AdaptedConfig, AdaptedNetwork
from napari_deepblur.networks.identification import IdentificationNetwork
from napari_deepblur.operators import EigenPsfFamily, ZernikeFamily
from napari_deepblur.pipeline.network_choice import deblurring_weights, identification_weights

TINY = AdaptedConfig(widths=(4, 8), blocks=(1, 1), stem_stride=4, map_width=4, hidden=8, eigen_psfs=2, coordinates=1)


@pytest.fixture
def measured() -> EigenPsfFamily:
    return EigenPsfFamily(np.random.default_rng(0).uniform(size=(2, 5, 5)), np.eye(2))


def test_zernike_families_have_the_installed_networks(family: ZernikeFamily, weights_folder: Path) -> None:
    found = identification_weights(family)
    assert found is not None and found.about.path == weights_folder / "identification-light.safetensors"
    assert isinstance(found.identification(), IdentificationNetwork)
    assert deblurring_weights(family).about.path == weights_folder / "deblurring-light.safetensors"


def test_measured_families_have_networks_of_their_own_or_none(
    measured: EigenPsfFamily, weights_folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "mine.safetensors"
    assert identification_weights(measured, "light", file) is identification_weights(measured, None, file) is None
    assert deblurring_weights(measured, None, file).about.path == weights_folder / "deblurring-light.safetensors"
    for kind in ("identification", "deblurring"):
        save_weights(adapted_path(file, kind), AdaptedNetwork(TINY), {"family": family_hash(measured)})
    found = identification_weights(measured, "auto", file)
    assert found is not None and found.about.path == adapted_path(file, "identification")
    assert isinstance(found.identification(), AdaptedNetwork)
    assert deblurring_weights(measured, "auto", file).about.path == adapted_path(file, "deblurring")


def test_weights_of_another_family_are_refused(measured: EigenPsfFamily, family: ZernikeFamily, tmp_path: Path) -> None:
    own = tmp_path / "own.safetensors"
    save_weights(own, AdaptedNetwork(TINY), {"family": "another"})
    for one in (measured, family):
        with pytest.raises(WeightsError, match="adapted to another family"):
            identification_weights(one, own)


@pytest.mark.usefixtures("weights_folder")
def test_adapted_weights_that_cannot_be_used_are_not_passed_over_in_silence(
    measured: EigenPsfFamily, tmp_path: Path
) -> None:
    file = tmp_path / "mine.safetensors"
    adapted_path(file, "identification").write_bytes(b"cut")
    save_weights(adapted_path(file, "deblurring"), AdaptedNetwork(TINY), {"family": "another"})
    with pytest.warns(AssumptionWarning, match=r"mine\.identification\.safetensors lies beside .* not used"):
        assert identification_weights(measured, None, file) is None
    with pytest.warns(AssumptionWarning, match=r"mine\.deblurring\.safetensors lies beside .* not used"):
        deblurring_weights(measured, "light", file)
