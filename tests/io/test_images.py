"""Files of images: read as they are, and written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_deepblur.errors import ImageError, OutputError
from napari_deepblur.io.acquisition import in_seconds, in_um
from napari_deepblur.io.images import check_writable, read_image, read_pixel_size_um, write_tiff

COUNTS = np.random.default_rng(0).integers(0, 100, (20, 24))


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "i4", "f4", "f8"])
def test_a_written_image_comes_back_with_its_pixel_size(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "plane.tif"
    write_tiff(path, COUNTS.astype(dtype), pixel_size_um=0.0647)
    back = read_image(path)
    np.testing.assert_array_equal(back, COUNTS)
    assert back.dtype == np.dtype(dtype)
    assert read_pixel_size_um(path) == pytest.approx(0.0647, rel=1e-6)


def test_a_stack_of_psfs_comes_back(tmp_path: Path) -> None:
    psfs = np.random.default_rng(0).random((3, 7, 7)).astype(np.float32)
    write_tiff(tmp_path / "psfs.tif", psfs, pixel_size_um=0.1, axes="ZYX")
    np.testing.assert_array_equal(read_image(tmp_path / "psfs.tif"), psfs)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_pictures_are_read_as_they_are(tmp_path: Path, suffix: str) -> None:
    ramp = np.repeat(np.arange(0, 240, 8, dtype=np.uint8)[:, None], 32, axis=1)
    path = tmp_path / f"ramp.{suffix}"
    Image.fromarray(ramp).save(path)
    assert np.abs(read_image(path).astype(int) - ramp).max() <= (2 if suffix == "jpg" else 0)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "packbits"])
def test_compressed_tiff_is_read(tmp_path: Path, compression: str) -> None:
    """LZW needs a package that is not among our dependencies, or Pillow."""
    deep = (COUNTS * 600).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "small.tif", compression=compression)
    np.testing.assert_array_equal(read_image(tmp_path / "small.tif"), deep)


def test_a_palette_is_colours_not_numbers(tmp_path: Path) -> None:
    picture = Image.fromarray(COUNTS.astype(np.uint8)).convert("RGB").quantize(16)
    assert picture.mode == "P"
    picture.save(tmp_path / "palette.png")
    assert read_image(tmp_path / "palette.png").shape == (*COUNTS.shape, 3)


def test_deep_png_keeps_all_its_bits(tmp_path: Path) -> None:
    deep = (COUNTS * 600).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(read_image(tmp_path / "deep.png"), deep)


@pytest.mark.parametrize("name", ["absent.tif", "words.tif", "words.png", "empty.tif", "half.tif", "folder.tif"])
def test_files_that_hold_no_image_are_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.startswith("words"):
        path.write_text("not an image, but long enough to look like one" * 10)
    elif name.startswith("empty"):
        path.touch()
    elif name.startswith("half"):
        write_tiff(path, COUNTS.astype(np.float32))
        path.write_bytes(path.read_bytes()[:600])
    elif name.startswith("folder"):
        path.mkdir()
    with pytest.raises(ImageError, match=name):
        read_image(path)


def test_pixel_size_of_ome_tiff_in_its_unit(tmp_path: Path) -> None:
    for size, unit, expected in ((0.1, "µm", 0.1), (65.0, "nm", 0.065), (1e-4, "mm", 0.1), (0.2, "pixel", None)):
        path = tmp_path / "plane.ome.tif"
        facts = {"axes": "YX", "PhysicalSizeX": size, "PhysicalSizeXUnit": unit, "PhysicalSizeY": size}
        tifffile.imwrite(path, COUNTS.astype(np.uint16), ome=True, metadata=facts)
        found = read_pixel_size_um(path)
        assert found == (None if expected is None else pytest.approx(expected)), unit


def test_ome_without_a_unit_means_micrometres(tmp_path: Path) -> None:
    path = tmp_path / "plane.ome.tif"
    tifffile.imwrite(path, COUNTS.astype(np.uint16), ome=True, metadata={"axes": "YX", "PhysicalSizeX": 0.08})
    assert read_pixel_size_um(path) == pytest.approx(0.08)
    tifffile.imwrite(path, COUNTS.astype(np.uint16), ome=True, metadata={"axes": "YX"})
    assert read_pixel_size_um(path) is None


@pytest.mark.parametrize(
    ("unit", "size"),
    [
        *[(unit, 0.065) for unit in ("um", "micron", "microns", "\\u00B5m", "Micrometers", "micrometre")],
        *[("nm", 65.0), ("nanometres", 65.0), ("mm", 6.5e-5), ("inch", 0.065 / 25400), ("inches", 0.065 / 25400)],
    ],
)
def test_pixel_size_of_imagej_tiff_in_its_unit(tmp_path: Path, unit: str, size: float) -> None:
    path = tmp_path / "plane.tif"
    per_unit = (1 / size,) * 2
    tifffile.imwrite(path, COUNTS.astype(np.uint16), imagej=True, resolution=per_unit, metadata={"unit": unit})
    assert read_pixel_size_um(path) == pytest.approx(0.065, rel=1e-5)


def test_a_time_is_no_length() -> None:
    assert in_um(1.0, "ms") is None and in_seconds(250, "ms") == 0.25 and in_seconds(2, "Minutes") == 120


def test_pixel_size_from_the_resolution_alone_unless_it_is_meant_for_printers(tmp_path: Path) -> None:
    path = tmp_path / "plane.tif"
    tifffile.imwrite(path, COUNTS.astype(np.uint16), resolution=(1e5, 1e5), resolutionunit="CENTIMETER")
    assert read_pixel_size_um(path) == pytest.approx(0.1)
    tifffile.imwrite(path, COUNTS.astype(np.uint16), resolution=(300, 300), resolutionunit="INCH")
    assert read_pixel_size_um(path) is None


def test_a_file_that_does_not_say_has_no_pixel_size(tmp_path: Path) -> None:
    path = tmp_path / "plane.tif"
    for description in ("<OME><Image>broken</OME>", "<OME><Image/></OME>", "<OME></OME>", "nothing"):
        tifffile.imwrite(path, COUNTS.astype(np.uint16), description=description, metadata=None)
        assert read_pixel_size_um(path) is None, description
    path.write_text("not an image")
    assert read_pixel_size_um(path) is None
    assert read_pixel_size_um(tmp_path / "absent.tif") is None
    Image.fromarray(COUNTS.astype(np.uint8)).save(tmp_path / "plane.png")
    assert read_pixel_size_um(tmp_path / "plane.png") is None


def test_a_failing_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "plane.tif"
    write_tiff(path, COUNTS.astype(np.float32))
    old = path.read_bytes()

    def disk_full(partial: Path, *_: object, **__: object) -> None:
        Path(partial).write_bytes(old[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tifffile, "imwrite", disk_full)
    with pytest.raises(OutputError, match=r"plane\.tif could not be written .*No space"):
        write_tiff(path, np.zeros((20, 20), np.float32))
    assert path.read_bytes() == old
    assert [entry.name for entry in tmp_path.iterdir()] == ["plane.tif"]


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "plane.tif"
    path.write_bytes(b"old")

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(tifffile, "imwrite", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_tiff(path, np.zeros((20, 20), np.float32))
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_checking_a_path_changes_nothing(tmp_path: Path) -> None:
    assert check_writable(tmp_path / "new.tif") == tmp_path / "new.tif"
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "old.tif").write_bytes(b"old")
    check_writable(tmp_path / "old.tif")
    assert (tmp_path / "old.tif").read_bytes() == b"old"


def test_paths_that_cannot_be_written_are_diagnosed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OutputError, match="is a folder"):
        check_writable(tmp_path)
    with pytest.raises(OutputError, match=r"absent does not exist"):
        check_writable(tmp_path / "absent" / "x.tif")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="does not exist"):
        check_writable(tmp_path / "file" / "x.tif")
    # Root may write anywhere, so that permissions cannot be tried out: pretend.
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(OutputError, match="write-protected"):
        check_writable(tmp_path / "file")


def test_a_folder_that_takes_no_files_is_found_beforehand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkstemp", read_only)
    with pytest.raises(OutputError, match=r"Permission denied.*another folder"):
        check_writable(tmp_path / "x.tif")
