"""Results of a calibration as layers."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Layer

from napari_deepblur.calibration import Calibration, calibrate
from napari_deepblur.io.images import read_image
from napari_deepblur.samples.beads import BEAD_PATCH_SIZE, bead_sample_path
from napari_deepblur.widgets.calibration.bead_sources import BeadSource, bead_refusal
from napari_deepblur.widgets.calibration.layers import calibration_layers, psf_pairs


@pytest.fixture(scope="module")
def found() -> Calibration:
    return calibrate(read_image(bead_sample_path()), patch_size=BEAD_PATCH_SIZE, n_psfs=3, n_maps=2)


def test_pairs_stand_side_by_side_on_one_scale() -> None:
    rng = np.random.default_rng(1)
    measured = rng.uniform(0.1, 1, (5, 7, 7)).astype(np.float32)
    picture = psf_pairs(measured, 0.5 * measured)
    # Four pairs of 15 pixels in a row, three dark ones between them; the fifth is below.
    assert picture.shape == (7 + 3 + 7, 4 * 15 + 3 * 3)
    for index, (row, column) in enumerate([(0, 0), (0, 18), (0, 36), (0, 54), (10, 0)]):
        left, right = picture[row : row + 7, column : column + 7], picture[row : row + 7, column + 8 : column + 15]
        np.testing.assert_allclose(left, measured[index] / measured[index].max(), rtol=1e-6)
        np.testing.assert_allclose(right, 0.5 * left, rtol=1e-6)
    assert (picture[7:10] == 0).all()


def test_layers_lie_where_the_beads_do_however_they_are_turned(found: Calibration) -> None:
    stack = Image(
        np.zeros((3, 200, 200)), name="b", scale=(0.3, 0.1, 0.1), translate=(0, 5, 7), units=("um",) * 3,
        rotate=np.array([[1, 0, 0], [0, 0.6, -0.8], [0, 0.8, 0.6]]),
    )  # fmt: skip
    source = BeadSource(layer=stack)
    made = calibration_layers(found, source.name, source.placement(1.0), source.depth())
    maps, psfs, pairs = (Layer.create(*data) for data in made)
    assert [layer.name for layer in (maps, psfs, pairs)] == ["b maps", "b eigen-PSFs", "b measured and modelled"]
    assert not maps.visible
    side = maps.data.shape[-1] - 1
    for corner in ((0, 0), (0, 1), (1, 0), (1, 1)):
        world = stack.data_to_world((0, 199 * corner[0], 199 * corner[1]))
        np.testing.assert_allclose(maps.data_to_world((0, side * corner[0], side * corner[1])), world, atol=1e-5)
    # To the right of the field in its own frame, on its scale.
    np.testing.assert_allclose(psfs.data_to_world((2, 1, 1)), stack.data_to_world((2, 1, 1 + 1.05 * 200)), atol=1e-5)
    below = BEAD_PATCH_SIZE + 6
    expected = stack.data_to_world((0, below, 1.05 * 200))[1:]
    np.testing.assert_allclose(pairs.data_to_world((0, 0)), expected, atol=1e-5)
    assert {layer.units[-1] for layer in (maps, psfs, pairs)} == {stack.units[-1]}
    assert maps.units[0] == stack.units[0]


def test_what_cannot_be_beads_is_refused_with_advice() -> None:
    assert bead_refusal(Image(np.zeros((4, 30, 30)))) == bead_refusal(Image(np.zeros((30, 30)))) == ""
    assert "Split Stack" in bead_refusal(Image(np.zeros((2, 3, 30, 30))))
    assert "Split RGB" in bead_refusal(Image(np.zeros((30, 30, 3), np.uint8), rgb=True))
