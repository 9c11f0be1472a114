"""Files of every format that the program reads, opened in a napari window."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari.viewer import Viewer

from napari_deepblur.cli import main
from napari_deepblur.errors import AssumptionWarning, ImageError
from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.ome_tiff import write_ome_tiff
from napari_deepblur.optics import Microscope
from napari_deepblur.pipeline import DeblurSettings
from napari_deepblur.widgets import image_layers
from napari_deepblur.widgets.deblur.dock import DeblurDock
from napari_deepblur.widgets.image_layers import image_reader, read_image_layers
from napari_deepblur.widgets.layers import METADATA_KEY

RANDOM = np.random.default_rng(6)
PLUGIN = "napari-deepblur"
TAKEN = Acquisition(
    axes="CYX", na=1.2, n_immersion=1.33, wavelengths_um=(0.509, 0.6), channels=("a", "b"), pixel_size_um=(0.065, 0.065)
)

OPTICS = Microscope(1.2, 0.509, 0.065, 1.33)


def _stack(side: int = 96) -> np.ndarray:
    return RANDOM.integers(10, 999, (2, side, side + 8)).astype(np.uint16)


def _pyramid(path: Path) -> list[np.ndarray]:
    fine = _stack()
    levels = [fine, fine[:, ::2, ::2], fine[:, ::4, ::4]]
    write_ome_tiff(path, fine, TAKEN, name="cells", coarser=levels[1:])
    return levels


def test_a_large_pyramid_is_read_as_it_is_drawn(
    viewer: Viewer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_layers, "_IN_MEMORY", 0)
    levels = _pyramid(tmp_path / "cells.ome.tif")
    (layer,) = viewer.open(tmp_path / "cells.ome.tif", plugin=PLUGIN)
    assert layer.multiscale
    assert layer.name == "cells"
    assert not any(isinstance(level, np.ndarray) for level in layer.data)
    for found, expected in zip(layer.data, levels, strict=True):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(layer.scale, (1, 0.065, 0.065))
    viewer.dims.set_current_step(0, 1)
    np.testing.assert_array_equal(np.asarray(layer.data[0][1]), levels[0][1])


def test_a_small_pyramid_is_its_finest_level(viewer: Viewer, tmp_path: Path) -> None:
    levels = _pyramid(tmp_path / "cells.ome.tif")
    (layer,) = viewer.open(tmp_path / "cells.ome.tif", plugin=PLUGIN)
    assert not layer.multiscale
    assert isinstance(layer.data, np.ndarray)
    np.testing.assert_array_equal(layer.data, levels[0])


def test_a_damaged_level_costs_the_pyramid_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_layers, "_IN_MEMORY", 0)
    path = tmp_path / "cells.ome.tif"
    levels = _pyramid(path)
    with tifffile.TiffFile(path) as file:
        places = file.pages[0].subifds
    assert places is not None
    whole = path.read_bytes()
    listed = struct.pack("<2I", *places)
    assert whole.count(listed) == 1
    path.write_bytes(whole.replace(listed, struct.pack("<2I", 2**32 - 16, 2**32 - 8)))
    with pytest.warns(AssumptionWarning, match=r"pyramid is left out.*cells\.ome\.tif"):
        ((pixels, _, _),) = read_image_layers(str(path))
    np.testing.assert_array_equal(pixels, levels[0])
    # A directory of nonsense is no level.
    path.write_bytes(whole[: places[0]] + bytes(range(1, 65)) + whole[places[0] + 64 :])
    ((pixels, _, _),) = read_image_layers(str(path))
    np.testing.assert_array_equal(pixels, levels[0])


@pytest.mark.parametrize("suffix", [".ome.zarr", ".ome.tif"])
def test_a_result_of_the_shell_opens_with_its_record(
    viewer: Viewer, dock: DeblurDock, tmp_path: Path, suffix: str
) -> None:
    write_ome_tiff(tmp_path / "cells.tif", _stack(64), TAKEN)
    result = tmp_path / f"result{suffix}"
    options = ["--theta", *["0.02"] * 8, "--method", "wiener", "--device", "cpu", "--quiet"]
    assert main(["deblur", str(tmp_path / "cells.tif"), "-o", str(result), *options]) == 0
    (layer,) = viewer.open(result, plugin=PLUGIN)
    assert layer.data.shape == (2, 64, 72)
    np.testing.assert_allclose(layer.scale, (1, 0.065, 0.065))
    assert layer.axis_labels == ("c", "y", "x")
    assert layer.metadata[METADATA_KEY]["settings"]["microscope"]["na"] == 1.2
    assert dock.value().microscope == OPTICS


def test_what_another_program_wrote_fills_the_form(viewer: Viewer, dock: DeblurDock, tmp_path: Path) -> None:
    write_ome_tiff(tmp_path / "cells.ome.tif", _stack(), TAKEN)
    dock.setValue(DeblurSettings())
    viewer.open(tmp_path / "cells.ome.tif", plugin=PLUGIN)
    assert dock.value().microscope == OPTICS


def test_each_image_of_a_file_is_a_layer_and_the_first_is_seen(
    viewer: Viewer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "three.ome.tif"
    images = RANDOM.integers(0, 9, (3, 20, 24)).astype(np.uint8)
    with tifffile.TiffWriter(path, ome=True) as file:
        for number, image in enumerate(images):
            file.write(image, metadata={"axes": "YX", "Name": f"scene{number}"}, photometric="minisblack")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layers = viewer.open(path, plugin=PLUGIN)
    assert [(layer.name, layer.visible) for layer in layers] == [
        ("scene0", True), ("scene1", False), ("scene2", False),
    ]  # fmt: skip
    np.testing.assert_array_equal(np.stack([layer.data for layer in layers]), images)
    monkeypatch.setattr(image_layers, "_MOST_LAYERS", 2)
    with pytest.warns(AssumptionWarning, match=r"holds 3 images, of which the first 2 are opened.*scene="):
        assert len(read_image_layers(str(path))) == 2


def test_files_of_other_programs_are_left_to_them(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "plain.tif", _stack()[0])
    (tmp_path / "words.czi").write_text("no image")
    for name in ("plain.tif", "words.czi", "missing.nd2"):
        assert image_reader(str(tmp_path / name)) is None
    (tmp_path / "damaged.ome.zarr").mkdir()
    (tmp_path / "damaged.ome.zarr" / ".zgroup").write_text('{"zarr_format": 2}')
    reader = image_reader(str(tmp_path / "damaged.ome.zarr"))
    assert reader is not None
    with pytest.raises(ImageError, match=r"damaged\.ome\.zarr"):
        reader(str(tmp_path / "damaged.ome.zarr"))
