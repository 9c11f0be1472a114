"""Where pixels of a layer lie in the world, whatever its transform and units."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image

from napari_deepblur.widgets.deblur.volume_display import volume_psf_layer
from napari_deepblur.widgets.layer_steps import planar_placement
from napari_deepblur.widgets.layers import Source

AFFINE = np.array([[1, 0, 0, 3], [0, 1.6, -1.2, -2], [0, 1.2, 1.6, 5], [0, 0, 0, 1.0]])


def test_a_plane_lies_where_its_rows_and_columns_do() -> None:
    stack = Image(
        np.zeros((4, 6, 8)), scale=(0.3, 0.05, 0.05), translate=(1, 2, 3), affine=AFFINE, units=("s", "um", "um")
    )
    plane = Image(np.zeros((6, 8)), **planar_placement(stack, "TYX"))
    for row, column in ((0, 0), (2, 7), (5, 1)):
        np.testing.assert_allclose(plane.data_to_world((row, column)), stack.data_to_world((0, row, column))[1:])
    assert plane.units == stack.units[1:]


@pytest.mark.parametrize(
    ("scale", "affine", "units"),
    [
        ((0.3, 0.1, 0.1), np.eye(4), ("um", "um", "um")),
        ((300, 0.1, 0.1), np.eye(4), ("nm", "um", "um")),
        ((-0.15, 0.05, 0.05), np.diag([2, 2, 2, 1.0]), ("um", "um", "um")),
        ((0.15, 0.1, 0.1), np.diag([2, 1, 1, 1.0]), ("um", "um", "um")),
    ],
)
def test_voxels_of_a_psf_are_those_of_its_stack(
    scale: tuple[float, ...], affine: np.ndarray, units: tuple[str, ...]
) -> None:
    stack = Image(np.zeros((9, 32, 32)), scale=scale, affine=affine, units=units)
    psf = np.zeros((5, 7, 7), np.float32)
    psf[2, 3, 3] = 1
    data, arguments, _ = volume_psf_layer(Source.of(stack), "ZYX", psf, 3.0, {})
    layer = Image(data, **arguments)
    # Planes 0.3 um apart and pixels of 0.1 um: the PSF is sampled as the stack is, around the same middle.
    np.testing.assert_allclose(layer.scale, stack.scale)
    np.testing.assert_allclose(layer.data_to_world((2, 3, 3)), stack.data_to_world((4, 15.5, 15.5)))
