"""OME-TIFF in a napari window: what is saved opens as it was, with its units, axes and record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.layers import Image
from napari.viewer import Viewer

from napari_deepblur.errors import OutputError
from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.acquisition_files import read_acquisition
from napari_deepblur.io.ome_tiff import write_ome_tiff
from napari_deepblur.optics import Microscope
from napari_deepblur.pipeline import DeblurSettings
from napari_deepblur.widgets.deblur.dock import DeblurDock
from napari_deepblur.widgets.image_layers import image_reader, read_image_layers
from napari_deepblur.widgets.layer_acquisition import known_pixel_size, layer_acquisition
from napari_deepblur.widgets.layers import METADATA_KEY, pixel_size
from napari_deepblur.widgets.notice import Notice
from napari_deepblur.widgets.ome_tiff_layers import write_ome_layer

RANDOM = np.random.default_rng(5)
PLUGIN = "napari-deepblur"
OPTICS = {"na": 1.2, "wavelength_um": 0.509, "pixel_size_um": 0.065, "n_immersion": 1.33}
RECORD = {"settings": {"microscope": OPTICS, "modes": [4, 5]}, "resolved": {"device": "cpu"}, "schema": 1}


def _equal(found: Image, saved: Image) -> None:
    np.testing.assert_array_equal(found.data, saved.data)
    assert found.data.dtype == saved.data.dtype
    for name in ("scale", "translate", "rotate", "shear"):
        np.testing.assert_allclose(getattr(found, name), getattr(saved, name), atol=1e-12, err_msg=name)
    np.testing.assert_allclose(found.affine.affine_matrix, saved.affine.affine_matrix)
    assert found.contrast_limits == pytest.approx(saved.contrast_limits)
    for name in ("name", "units", "axis_labels", "gamma", "opacity", "blending"):
        assert getattr(found, name) == getattr(saved, name), name
    assert found.colormap.name == saved.colormap.name


def test_a_result_comes_back_as_it_was(viewer: Viewer, tmp_path: Path) -> None:
    saved = viewer.add_image(
        RANDOM.standard_normal((3, 20, 24)).astype(np.float32),
        name="cells deblurred",
        scale=(0.3, 65.0, 65.0),
        units=("um", "nm", "nm"),
        axis_labels=("z", "y", "x"),
        translate=(1, 2, 3),
        rotate=10,
        affine=np.diag([1, 2, 2, 1.0]),
        colormap="inferno",
        contrast_limits=(-1, 3),
        gamma=0.5,
        blending="additive",
        metadata={METADATA_KEY: RECORD, "not ours": object()},
    )
    path = tmp_path / "result.ome.tif"
    assert viewer.layers.save(str(path)) == [str(path)]
    viewer.layers.clear()
    (found,) = viewer.open(path, plugin=PLUGIN)
    _equal(found, saved)
    assert found.metadata == {METADATA_KEY: RECORD}
    assert found.source.reader_plugin == PLUGIN
    said = read_acquisition(path)
    assert (said.na, said.n_immersion, said.wavelengths_um, said.plane_spacing_um) == (1.2, 1.33, (0.509,), 0.3)
    assert said.pixel_size_um == pytest.approx((0.065, 0.065))
    assert said.axes == "ZYX"


@pytest.mark.parametrize(
    ("data", "arguments"),
    [
        (RANDOM.integers(0, 9, (20, 24)).astype(np.uint8), {}),
        (RANDOM.random((20, 24, 3)).astype(np.float32), {"rgb": True}),
        (RANDOM.random((2, 3, 20, 24)).astype(np.float32), {"axis_labels": ("time", "c", "y", "x")}),
        (RANDOM.random((2, 2, 3, 20, 24)).astype(np.float64), {}),
        (
            RANDOM.random((20, 24)).astype(np.float32),
            {"axis_labels": ("x", "y"), "scale": (2, 3), "units": ("s", "um")},
        ),
    ],
)
def test_layers_of_every_kind_come_back(tmp_path: Path, data: np.ndarray, arguments: dict[str, Any]) -> None:
    saved = Image(data, name="any", **arguments)
    path = str(tmp_path / "any.ome.tiff")
    write_ome_layer(path, *saved.as_layer_data_tuple()[:2])
    reader = image_reader(path)
    assert reader is not None
    ((back, attributes, kind),) = reader(path)
    assert kind == "image"
    _equal(Image(back, **attributes), saved)
    assert "metadata" not in attributes


def test_files_of_others_open_with_their_units_and_optics(viewer: Viewer, tmp_path: Path) -> None:
    path = tmp_path / "stack.ome.tif"
    facts = {
        "axes": "CZYX", "PhysicalSizeX": 65.0, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 130.0,
        "PhysicalSizeYUnit": "nm", "PhysicalSizeZ": 0.3, "Channel": {"Name": ["GFP", "DAPI"],
        "EmissionWavelength": [509, 461], "EmissionWavelengthUnit": ["nm", "nm"]},
    }  # fmt: skip
    data = RANDOM.integers(0, 999, (2, 3, 20, 24)).astype(np.uint16)
    tifffile.imwrite(path, data, ome=True, metadata=facts, photometric="minisblack")
    (layer,) = viewer.open(path, plugin=PLUGIN)
    np.testing.assert_array_equal(layer.data, data)
    np.testing.assert_allclose(layer.scale, (1, 0.3, 0.13, 0.065))
    assert [str(unit) for unit in layer.units] == ["pixel", "micrometer", "micrometer", "micrometer"]
    assert layer.axis_labels == ("c", "z", "y", "x")
    found = layer_acquisition(layer)
    assert found.wavelengths_um == pytest.approx((0.509, 0.461))
    assert found.channels == ("GFP", "DAPI")
    # The record survives JSON, and a second saving keeps what the first file said.
    json.dumps(layer.metadata)
    copy = tmp_path / "copy.ome.tif"
    viewer.layers.save(str(copy))
    again = read_acquisition(copy)
    assert again.wavelengths_um == pytest.approx((0.509, 0.461))
    assert again.pixel_size_um == pytest.approx((0.13, 0.065))


def test_the_acquisition_of_a_layer_is_that_of_its_file_whoever_opened_it(viewer: Viewer, tmp_path: Path) -> None:
    path = tmp_path / "plane.ome.tif"
    saved = Image(RANDOM.random((20, 24), np.float32), scale=(0.065,) * 2, units=("um",) * 2)
    saved.metadata[METADATA_KEY] = RECORD
    write_ome_layer(str(path), *saved.as_layer_data_tuple()[:2])
    (layer,) = viewer.open(path, plugin="napari")
    assert METADATA_KEY not in layer.metadata
    assert layer_acquisition(layer).na == 1.2
    assert layer_acquisition(layer).origins["na"] == "OME-XML"
    assert layer_acquisition(Image(saved.data)).origins == {}
    assert layer_acquisition(saved).origins["na"] == "settings"


def test_records_that_cannot_be_understood_are_absent(tmp_path: Path) -> None:
    layer = Image(RANDOM.random((20, 24), np.float32))
    for record in (
        "text",
        {"acquisition": {"na": "high", "new": 1}},
        {"acquisition": 3},
        {"settings": {"microscope": 1}},
    ):
        layer.metadata[METADATA_KEY] = record
        assert layer_acquisition(layer).na is None


@pytest.mark.parametrize(
    "damage",
    [
        {"scale": [0, 0]}, {"scale": ["a", "b"]}, {"scale": 3}, {"scale": [1e400, 1]}, {"translate": "x"},
        {"contrast_limits": [1, 0]}, {"contrast_limits": ["a", "b"]}, {"gamma": "g"}, {"opacity": {}},
        {"blending": "none such"}, {"units": [3, 4]}, {"units": 5}, {"colormap": []}, {"rotate": "r"},
        {"affine": [[0]]},
    ],
    ids=str,
)  # fmt: skip
def test_a_place_that_no_layer_has_is_left_out(viewer: Viewer, tmp_path: Path, damage: dict[str, Any]) -> None:
    path = tmp_path / "cells.ome.tif"
    data = RANDOM.random((20, 24), np.float32)
    saved = {"scale": [2, 2], "contrast_limits": [0, 1], "gamma": 1.5, "axis_labels": ["y", "x"], **damage}
    write_ome_tiff(path, data, Acquisition(axes="YX", pixel_size_um=(0.1, 0.1)), record={"layer": saved})
    (layer,) = viewer.open(path, plugin=PLUGIN)
    np.testing.assert_array_equal(layer.data, data)
    np.testing.assert_allclose(layer.scale, 0.1)
    assert layer.gamma == 1


def test_a_pyramid_is_written_with_its_levels(tmp_path: Path) -> None:
    fine = RANDOM.random((40, 48)).astype(np.float32)
    pyramid = Image([fine, fine[::2, ::2]], multiscale=True)
    write_ome_layer(str(tmp_path / "fine.ome.tif"), *pyramid.as_layer_data_tuple()[:2])
    ((back, attributes, _),) = read_image_layers(str(tmp_path / "fine.ome.tif"))
    np.testing.assert_array_equal(back, fine)
    with tifffile.TiffFile(tmp_path / "fine.ome.tif") as file:
        _, coarse = file.series[0].levels
        np.testing.assert_array_equal(coarse.asarray(), fine[::2, ::2])
    assert pixel_size(Image(back, **attributes)).size_um is None


def test_what_cannot_be_saved_is_said(viewer: Viewer, tmp_path: Path) -> None:
    viewer.add_image(np.zeros((20, 24), np.int64))
    with pytest.raises(OutputError, match="int64"):
        viewer.layers.save(str(tmp_path / "no.ome.tif"))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OutputError, match="axes"):
        write_ome_layer(str(tmp_path / "no.ome.tif"), np.zeros(3), {"scale": [1]})


def test_the_dock_fills_its_form_from_the_file(viewer: Viewer, dock: DeblurDock, tmp_path: Path) -> None:
    path = tmp_path / "cells.ome.tif"
    taken = Acquisition(axes="YX", na=1.2, n_immersion=1.33, wavelengths_um=(0.509,), pixel_size_um=(0.065, 0.065))
    write_ome_tiff(path, RANDOM.random((40, 48), np.float32), taken)
    expected = Microscope(1.2, 0.509, 0.065, 1.33)
    optics, origin = dock.findChild(Notice, "optics_origin"), dock.findChild(Notice, "pixel_size_origin")
    assert optics is not None and origin is not None
    for plugin, words in ((PLUGIN, "from the layer"), ("napari", "from the file cells.ome.tif")):
        viewer.layers.clear()
        dock.setValue(DeblurSettings(microscope=Microscope(0.5, 0.6, 0.2, 1.0)))
        viewer.open(path, plugin=plugin)
        assert dock.value().microscope == expected
        assert optics.text() == "NA, immersion index and wavelength from the file cells.ome.tif."
        assert words in origin.text()
    # Pixels that were scaled may not be those of the file.
    (layer,) = viewer.layers
    assert known_pixel_size(layer, "YX", taken).size_um == 0.065
    layer.scale = (2, 2)
    assert known_pixel_size(layer, "YX", taken).size_um is None
    layer.scale = (1, 1)
    oblong = known_pixel_size(layer, "YX", Acquisition(pixel_size_um=(0.13, 0.065)))
    assert (oblong.size_um, oblong.level) == (None, "warning")
    assert "0.13 x 0.065" in oblong.remark
