"""Family files in a napari window: what is opened stands where it belongs, and is saved whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari.viewer import Viewer
from safetensors.numpy import save_file

from napari_deepblur.errors import FamilyFileError, OutputError
from napari_deepblur.io import families
from napari_deepblur.io.families import family_hash, find_family, load_family, save_family
from napari_deepblur.operators import EigenPsfFamily, ProductConvolutionFamily, ZernikeFamily
from napari_deepblur.optics import Microscope
from napari_deepblur.widgets.family_layers import family_layers, family_reader, write_family
from napari_deepblur.widgets.layers import METADATA_KEY

MICROSCOPE = Microscope(0.8, 0.5, 0.12, 1.0)
PLUGIN = "napari-deepblur"


def _random(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).standard_normal(shape).astype(np.float32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "mine.safetensors"
    save_family(
        ProductConvolutionFamily(_random(3, 5, 5), _random(2, 4, 7), _random(9, 3, 2), MICROSCOPE, None, (50, 60)), file
    )
    return file


def test_a_family_opens_as_maps_over_the_field_and_psfs_beside_it(viewer: Viewer, path: Path) -> None:
    maps, psfs = viewer.open(path, plugin=None)
    family = load_family(path)
    assert isinstance(family, ProductConvolutionFamily)
    assert (maps.name, psfs.name) == ("mine maps", "mine eigen-PSFs")
    np.testing.assert_array_equal(maps.data, family.maps)
    np.testing.assert_array_equal(psfs.data, family.eigen_psfs)
    for layer in (maps, psfs):
        assert [str(unit) for unit in layer.units] == ["pixel", "micrometer", "micrometer"]
        assert layer.metadata[METADATA_KEY]["family"] == str(path)
        assert layer.source.reader_plugin == PLUGIN
    # The first value of a map is at the first pixel's centre, the last at the last pixel's.
    np.testing.assert_allclose(maps.data_to_world((0, 0, 0)), (0, 0, 0))
    np.testing.assert_allclose(maps.data_to_world((1, 3, 6)), (1, 49 * 0.12, 59 * 0.12))
    np.testing.assert_allclose(psfs.scale, (1, 0.12, 0.12))
    assert psfs.data_to_world((0, 0, 0))[2] > 60 * 0.12
    low, high = psfs.contrast_limits
    assert -low == high == pytest.approx(np.abs(psfs.data).max())


def test_the_shipped_family_opens_and_is_saved_equal(viewer: Viewer, tmp_path: Path) -> None:
    source = find_family("demonstration")
    layers = viewer.open(source, plugin=PLUGIN)
    assert [layer.data.shape for layer in layers] == [(4, 33, 33), (28, 63, 63)]
    copy = tmp_path / "copy.safetensors"
    assert viewer.layers.save(str(copy)) == [str(copy)]
    assert family_hash(load_family(copy)) == family_hash(load_family(source))
    # One of the two layers is enough.
    again = tmp_path / "again.safetensors"
    viewer.layers.selection = {layers[0]}
    viewer.layers.save(str(again), selected=True)
    assert family_hash(load_family(again)) == family_hash(load_family(source))


def test_maps_of_one_value_cover_the_field(tmp_path: Path) -> None:
    file = tmp_path / "constant.safetensors"
    save_family(ProductConvolutionFamily(_random(1, 3, 3), np.ones((1, 1, 1)), field_shape=(40, 60)), file)
    (_, maps, _), (_, psfs, _) = family_layers(file)
    # A pixel reaches half its size to both sides of its centre: here from -0.5 to 39.5 and 59.5.
    assert maps["scale"] == (1, 40, 60) and maps["translate"] == (0, 19.5, 29.5)
    assert maps["units"] == psfs["units"] == ("pixel", "pixel", "pixel")


def test_one_blur_everywhere_has_no_maps(viewer: Viewer, tmp_path: Path) -> None:
    file, copy = tmp_path / "one.safetensors", tmp_path / "copy.safetensors"
    save_family(EigenPsfFamily(_random(2, 7, 7), _random(4, 2), pixel_size_um=0.1), file)
    (layer,) = viewer.open(file, plugin=None)
    np.testing.assert_allclose((layer.scale, layer.translate), [(1, 0.1, 0.1), (0, 0, 0)])
    layer.save(str(copy))
    assert family_hash(load_family(copy)) == family_hash(load_family(file))


def test_other_files_are_left_to_other_readers_unread(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = path.with_name("foreign.safetensors")
    save_file({"weight": np.ones(3, np.float32)}, foreign, {"format": "pt"})
    bare = path.with_name("bare.safetensors")
    save_file({"weight": np.ones(3, np.float32)}, bare)
    broken = path.with_name("broken.safetensors")
    broken.write_bytes(path.read_bytes()[:-1])
    monkeypatch.setattr(families, "_read", lambda path: pytest.fail("tensors were read"))
    for other in (foreign, bare, broken, path.parent, path.with_name("absent.safetensors")):
        assert family_reader(str(other)) is None
    assert family_reader([str(path), str(foreign)]) is None
    assert family_reader(str(path)) is not None and family_reader([str(path), str(path)]) is not None


def test_several_families_open_together(path: Path) -> None:
    read = family_reader([str(path), str(path)])
    assert read is not None
    assert [attributes["name"] for _, attributes, _ in read([str(path), str(path)])] == 2 * [
        "mine maps",
        "mine eigen-PSFs",
    ]


def test_a_formula_says_where_it_is_of_use(viewer: Viewer, tmp_path: Path) -> None:
    file = tmp_path / "formula.safetensors"
    save_family(ZernikeFamily(MICROSCOPE), file)
    with pytest.raises(FamilyFileError, match=r"formula\.safetensors holds a family of the kind zernike.*Deblur dock"):
        viewer.open(file, plugin=PLUGIN)


def test_layers_of_no_family_are_not_written(viewer: Viewer, tmp_path: Path) -> None:
    viewer.add_image(_random(5, 6), name="cells")
    with pytest.raises(OutputError, match=r"'cells' are not those of one family.*\.tif"):
        viewer.layers.save(str(tmp_path / "cells.safetensors"))
    viewer.open(find_family("demonstration"), plugin=PLUGIN)
    viewer.layers.selection = set(list(viewer.layers)[:2])
    with pytest.raises(OutputError, match="'cells', 'demonstration maps' are not those of one family"):
        viewer.layers.save(str(tmp_path / "cells.safetensors"), selected=True)
    assert not list(tmp_path.iterdir())


def test_images_without_a_suffix_stay_tiff(viewer: Viewer, tmp_path: Path) -> None:
    viewer.add_image(_random(5, 6), name="cells")
    (written,) = viewer.layers.save(str(tmp_path / "cells"))
    assert tifffile.imread(written).shape == (5, 6)


def test_a_family_whose_file_is_gone_is_named(path: Path) -> None:
    layers = family_layers(path)
    path.unlink()
    with pytest.raises(OutputError, match=r"cannot be read again.*There is no file .*mine\.safetensors"):
        write_family(str(path.with_name("copy.safetensors")), layers)
    assert not list(path.parent.iterdir())
