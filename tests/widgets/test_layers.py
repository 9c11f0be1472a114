"""What layers say about themselves, and where results are placed."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels, Layer, Points

from napari_deepblur.noise import PoissonGaussianNoise
from napari_deepblur.optics import Microscope
from napari_deepblur.pipeline.results import Deblurring, Identification
from napari_deepblur.widgets.layers import (
    METADATA_KEY,
    Source,
    is_listed,
    pixel_size,
    refusal,
    result_layers,
    stated_microscope,
)

PLANE = np.random.default_rng(0).uniform(0, 1, (12, 16)).astype(np.float32)


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (Labels(np.ones((8, 8), dtype=int), name="cells"), ["'cells'", "labels"]),
        (Image(np.zeros((8, 8, 3), dtype=np.uint8), rgb=True, name="stain"), ["'stain'", "RGB", "Split RGB"]),
        (Image(np.zeros((5, 8, 9)), name="stack"), ["3 axes", "5 x 8 x 9", "Split Stack"]),
        (Image([np.zeros((8, 8)), np.zeros((4, 4))], multiscale=True, name="zoom"), ["pyramid"]),
    ],
)
def test_unsuitable_layers_are_refused_with_what_to_do(layer: Layer, words: list[str]) -> None:
    reason = refusal(layer)
    for word in words:
        assert word in reason


def test_a_plane_is_accepted() -> None:
    assert refusal(Image(PLANE)) == ""


def test_points_are_not_even_listed() -> None:
    assert is_listed(Image(PLANE))
    assert is_listed(Labels(np.ones((8, 8), dtype=int)))
    assert not is_listed(Points(np.zeros((1, 2))))


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
            Microscope(1.2, 0.5, 0.1, 1.33),
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


def _result(shape: tuple[int, int]) -> Deblurring:
    found = Identification(
        theta=np.zeros(1, np.float32),
        theta_std=np.zeros(1, np.float32),
        psfs=np.ones((1, 3, 3), np.float32),
        psf_spread=np.zeros(1, np.float32),
        points=np.zeros((1, 2), np.float32),
        noise=PoissonGaussianNoise(0, 0),
        parameter_names=("defocus",),
        even_modes=np.array([True]),
    )
    return Deblurring(np.ones(shape, np.float32), found, {"modes": [4]})


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
    image, psfs = (Layer.create(*data) for data in result_layers(source, _result(PLANE.shape), PLANE))
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


def test_without_an_identification_there_is_no_layer_of_psfs() -> None:
    layers = result_layers(Source.of(Image(PLANE)), Deblurring(PLANE, None, {}), None)
    assert [kind for _, _, kind in layers] == ["image"]
