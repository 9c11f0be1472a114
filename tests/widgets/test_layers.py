"""What layers say about themselves, and where results are placed."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels, Layer, Points

from napari_deepblur.operators.psf_maps import PsfMaps
from napari_deepblur.optics import Microscope
from napari_deepblur.widgets.deblur.psf_map_layers import psf_map_layers
from napari_deepblur.widgets.layers import (
    METADATA_KEY,
    Source,
    full_resolution,
    image_layer,
    is_listed,
    layer_axes,
    pixel_size,
    plane_spacing_um,
    psf_layer,
    refusal,
    spread_layer,
    stated_microscope,
    write_pixel_size,
)

PLANE = np.random.default_rng(0).uniform(0, 1, (12, 16)).astype(np.float32)


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (Labels(np.ones((8, 8), dtype=int), name="cells"), ["'cells'", "labels"]),
        (Image(np.zeros((1,) * 7), name="deep"), ["'deep'", "7 axes"]),
        (Image(np.zeros((8, 8)), scale=(1, 2), units=("um", "um"), name="oblong"), ["'oblong'", "1 x 2", "Resample"]),
    ],
)
def test_unsuitable_layers_are_refused_with_what_to_do(layer: Layer, words: list[str]) -> None:
    reason = refusal(layer)
    for word in words:
        assert word in reason


@pytest.mark.parametrize(
    ("layer", "axes", "shape"),
    [
        (Image(PLANE), "YX", (12, 16)),
        (Image(np.zeros((8, 9, 3), dtype=np.uint8), rgb=True), "YXS", (8, 9, 3)),
        (Image(np.zeros((5, 8, 9)), axis_labels=("z", "y", "x")), "ZYX", (5, 8, 9)),
        (Image(np.zeros((5, 2, 8, 9, 4)), rgb=True), "TZYXS", (5, 2, 8, 9, 4)),
        (Image([np.zeros((3, 8, 8)), np.zeros((3, 4, 4))], multiscale=True), "TYX", (3, 8, 8)),
    ],
)
def test_images_of_any_number_of_axes_are_accepted(layer: Layer, axes: str, shape: tuple[int, ...]) -> None:
    assert refusal(layer) == ""
    assert layer_axes(layer) == axes
    assert full_resolution(layer).shape == shape
    assert Source.of(layer).data.shape == shape


def test_the_pixel_size_is_that_of_rows_and_columns() -> None:
    layer = Image(np.zeros((4, 5, 6)), scale=(0.1, 0.1, 2), units=("um", "um", "s"))
    assert pixel_size(layer).size_um is None
    assert pixel_size(layer, "YXT").size_um == pytest.approx(0.1)
    assert pixel_size(Image(np.zeros((4, 5, 6)), scale=(2, 0.1, 0.1), units=("um",) * 3)).size_um == pytest.approx(0.1)


def test_points_are_not_even_listed() -> None:
    assert is_listed(Image(PLANE))
    assert is_listed(Labels(np.ones((8, 8), dtype=int)))
    assert not is_listed(Points(np.zeros((1, 2))))


def test_pictures_that_the_docks_have_made_beside_a_result_are_not_listed() -> None:
    source, record = Source.of(Image(PLANE, name="cells")), {"settings": {}, "resolved": {}}
    for data in (psf_layer(source, PLANE, record), spread_layer(source, PLANE, record)):
        assert not is_listed(Layer.create(*data))
    values = np.ones((2, 3), np.float32)
    for data in psf_map_layers(source, "YX", (), PsfMaps(values, values, values, values, (6.0, 5.0))):
        assert not is_listed(Layer.create(*data))
    # A result may be deblurred again.
    assert is_listed(Layer.create(*image_layer(source, PLANE, record)))


@pytest.mark.parametrize(
    ("scale", "units", "expected"),
    [
        ((0.1, 0.1), ("um", "um"), 0.1),
        ((65, 65), ("nm", "nm"), 0.065),
        ((2e-7, 2e-7), ("m", "m"), 0.2),
        ((0.1, 100), ("um", "nm"), 0.1),
        ((0.1, 0.1), None, None),
        ((0.1, 0.1), ("um", "pixel"), None),
        ((0.1, 0.1), ("s", "s"), None),
    ],
)
def test_the_pixel_size_comes_from_scale_and_length_units(
    scale: tuple[float, float], units: tuple[str, str] | None, expected: float | None
) -> None:
    found = pixel_size(Image(PLANE, scale=scale, units=units, name="beads"))
    if expected is None:
        assert found.size_um is None
        assert "no length units" in found.remark
    else:
        assert found.size_um == pytest.approx(expected, rel=1e-9)
        assert "'beads'" in found.remark
    assert found.level == "note"


def test_pixels_that_are_not_square_are_said_to_be_so() -> None:
    found = pixel_size(Image(PLANE, scale=(0.1, 0.2), units=("um", "um")))
    assert found.size_um is None
    assert found.level == "warning"
    assert "0.1 x 0.2 µm" in found.remark


@pytest.mark.parametrize(
    ("record", "found"),
    [
        (
            {"settings": {"microscope": {"na": 1.2, "wavelength_um": 0.5, "pixel_size_um": 0.1, "n_immersion": 1.33}}},
            # Of before there was more than one light.
            Microscope(1.2, 0.5, 0.1, 1.33, light="scalar"),
        ),
        ({"settings": {"microscope": {"na": 1.2, "n_immersion": 1.0}}}, None),
        ({"settings": {"microscope": {"magnification": 100}}}, None),
        ({"settings": {"microscope": 7}}, None),
        ({"settings": None}, None),
        ("text", None),
    ],
)
def test_a_microscope_in_the_metadata_is_found_and_nonsense_is_not(record: object, found: Microscope | None) -> None:
    assert stated_microscope(Image(PLANE, metadata={METADATA_KEY: record})) == found
    assert stated_microscope(Image(PLANE)) is None


def test_results_lie_exactly_over_their_input() -> None:
    affine = np.array([[1.0, 0.1, 3.0], [0.0, 1.2, -4.0], [0.0, 0.0, 1.0]])
    layer = Image(
        PLANE,
        name="cells",
        scale=(0.1, 0.2),
        translate=(5, -7),
        rotate=30,
        shear=[0.3],
        affine=affine,
        units=("um", "nm"),
        axis_labels=("y", "x"),
        colormap="magma",
        contrast_limits=(0.1, 0.7),
        gamma=0.8,
    )
    source = Source.of(layer)
    # What happens to the layer during a run does not matter.
    layer.translate = (100, 100)
    layer.name = "renamed"
    image, psfs = (Layer.create(*made(source, PLANE, {"modes": [4]})) for made in (image_layer, psf_layer))
    corners = np.array([[0, 0], [11, 15], [3.5, 8.25]])
    expected = [Image(PLANE, **source.placement).data_to_world(corner) for corner in corners]
    layer.translate = (5, -7)
    for corner, world in zip(corners, expected, strict=True):
        np.testing.assert_allclose(layer.data_to_world(corner), world, rtol=1e-9)
        for made in (image, psfs):
            np.testing.assert_allclose(made.data_to_world(corner), world, rtol=1e-9)
    for made in (image, psfs):
        assert made.units == layer.units
        assert made.axis_labels == ("y", "x")
        assert made.metadata[METADATA_KEY] == {"modes": [4]}
        np.testing.assert_allclose(made.scale, layer.scale)
        np.testing.assert_allclose(made.rotate, layer.rotate)
        np.testing.assert_allclose(made.shear, layer.shear)
    assert (image.name, psfs.name) == ("cells deblurred", "cells PSFs")
    assert image.colormap.name == "magma"
    assert image.contrast_limits == [0.1, 0.7]
    assert image.gamma == 0.8
    assert psfs.blending == "additive"


def test_colours_stay_colours_and_their_luminance_is_one_image() -> None:
    source = Source.of(Image(np.zeros((8, 9, 3), dtype=np.uint8), rgb=True, name="stain"))
    assert Layer.create(*image_layer(source, np.zeros((8, 9, 3), np.uint8), {})).rgb
    assert not Layer.create(*image_layer(source, np.zeros((8, 9), np.float32), {})).rgb


def test_the_whole_transform_of_a_layer_tells_its_pixels() -> None:
    turned = Image(np.zeros((40, 40)), scale=(-0.1, 0.1), rotate=30, translate=(1e6, 1e6), units="um")
    assert pixel_size(turned).size_um == pytest.approx(0.1, rel=1e-12)
    stack = Image(np.zeros((5, 40, 40)), scale=(-0.3, -0.1, 0.1), affine=np.diag([2.0, 1.0, 1.0, 1.0]), units="um")
    assert plane_spacing_um(stack, "ZYX") == pytest.approx(-0.6)
    magnified = Image(np.zeros((40, 40)), scale=(0.1, 0.1), affine=np.diag([2.0, 2.0, 1.0]), units="um")
    assert pixel_size(magnified).size_um == pytest.approx(0.2)
    write_pixel_size(magnified, "YX", 0.3)
    assert pixel_size(magnified).size_um == pytest.approx(0.3)
    sheared = Image(np.zeros((40, 40)), scale=(0.1, 0.1), shear=[0.3], units="um")
    assert pixel_size(sheared).size_um is None and "sheared" in refusal(sheared)


def test_a_mirrored_layer_stays_mirrored_when_its_pixel_size_is_written() -> None:
    layer = Image(np.zeros((40, 40)), scale=(-1, 1))
    write_pixel_size(layer, "YX", 0.1)
    np.testing.assert_allclose(layer.scale, (-0.1, 0.1))
