"""What is up to date is not made again; what is of anything else is."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_deepblur.batch.up_to_date import is_up_to_date
from napari_deepblur.io.images import read_image, write_tiff
from napari_deepblur.io.open_image import open_image
from napari_deepblur.io.output import own_prefix
from napari_deepblur.io.records import origin_in, record_in
from napari_deepblur.io.source_hash import source_hash

QUICK = ("--method", "wiener", "--device", "cpu", "--theta", *([0.05] * 8), "--pixel-size-um", 0.09)


def written(path: Path) -> int:
    return (path / "zarr.json" if path.is_dir() else path).stat().st_mtime_ns


@pytest.mark.parametrize("name", ["out.tif", "out.ome.zarr"])
def test_a_second_run_does_nothing_and_says_so(run: Callable[..., Any], cells: Path, tmp_path: Path, name: str) -> None:
    image, out = tmp_path / "a.tif", tmp_path / name
    image.write_bytes(cells.read_bytes())
    assert run("deblur", image, "-o", out, *QUICK).code == 0
    first = written(out)
    (tmp_path / f"{own_prefix(out)}-left").mkdir()
    again = run("deblur", image, "-o", out, "--quiet", *QUICK)
    assert again.code == 0 and written(out) == first and "up to date" in again.err
    assert again.err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tif", name]
    assert "made again" not in run("deblur", image, "-o", out, "--force", *QUICK).err
    assert written(out) > first
    first = written(out)
    changed = run("deblur", image, "-o", out, "--strength", 2, *QUICK)
    assert written(out) > first and "of other settings" in changed.err
    first = written(out)
    tifffile.imwrite(image, read_image(cells)[::-1])
    changed = run("deblur", image, "-o", out, "--strength", 2, *QUICK)
    assert written(out) > first and "of another state of the image, and is made again" in changed.err


def test_other_weights_other_options_and_damage_are_no_match(
    run: Callable[..., Any], cells: Path, tmp_path: Path, untrained_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.tif"
    options = ("--method", "wiener", "--device", "cpu", "--tile", 128)
    assert run("deblur", cells, "-o", out, *options).code == 0
    assert "up to date" in run("deblur", cells, "-o", out, *options).err
    first = out.read_bytes()
    out.write_bytes(first[: len(first) // 2])
    assert "up to date" not in run("deblur", cells, "-o", out, *options).err
    assert "other options" in run("deblur", cells, "-o", out, "--one-operator", *options).err
    origin = origin_in(record_in(out) or {})
    assert origin is not None and set(origin["files"]) == {"identification"}
    from napari_deepblur.io.weights import find_weights, read_weights, save_weights

    found = read_weights(find_weights("identification"))
    network = found.identification()
    (tmp_path / "weights").mkdir()
    save_weights(tmp_path / "weights" / "identification-light.safetensors", network, {"other": "facts"})
    monkeypatch.setattr("napari_deepblur.io.weights_folders.FOLDER_VARIABLE", "OTHER_FOLDER")
    monkeypatch.setenv("OTHER_FOLDER", str(tmp_path / "weights"))
    assert "other weights" in run("deblur", cells, "-o", out, "--one-operator", *options).err


def test_a_queue_goes_on_where_it_was(run: Callable[..., Any], cells: Path, tmp_path: Path) -> None:
    images = [tmp_path / f"{name}.tif" for name in "abc"]
    for turn, image in enumerate(images):
        tifffile.imwrite(image, np.rot90(read_image(cells), turn))
    out, report = tmp_path / "out", tmp_path / "report.json"
    assert run("deblur", *images[:2], "-o", out, *QUICK).code == 0
    first = written(out / "a_deblurred.ome.tif")
    outcome = run("deblur", *images, "-o", out, "--jobs", 2, "--report", report, *QUICK)
    assert outcome.code == 0 and outcome.err.count("is up to date with") == 2 and "c.tif became" in outcome.err
    assert written(out / "a_deblurred.ome.tif") == first
    rows = {Path(row["image"]).name: row for row in json.loads(report.read_text())}
    assert [rows[name]["status"] for name in ("a.tif", "b.tif", "c.tif")] == [*["skipped, up to date"] * 2, "done"]
    assert rows["a.tif"]["theta"] == rows["c.tif"]["theta"]
    assert rows["a.tif"]["image_sha256"] == source_hash(images[0])


def test_a_hash_is_of_all_files_of_an_image(tmp_path: Path) -> None:
    one, other, folder = tmp_path / "one", tmp_path / "other", tmp_path / "folder"
    one.write_text("1")
    other.write_text("2")
    alone, both = source_hash(one), source_hash(one, [one, other])
    assert source_hash(one, [one]) == alone != both
    other.write_text("3")
    assert source_hash(one) == alone and source_hash(one, [other]) != both
    assert source_hash(tmp_path / "nowhere") == ""
    (folder / "c").mkdir(parents=True)
    (folder / "c" / "0").write_text("x")
    before = source_hash(folder)
    assert source_hash(folder) == before
    os.utime(folder / "c" / "0", ns=(0, 0))
    assert source_hash(folder) != before


def test_a_set_of_which_another_file_has_changed_is_made_again(
    run: Callable[..., Any], cells: Path, tmp_path: Path
) -> None:
    pixels = read_image(cells)
    names = ("c0.ome.tif", "c1.ome.tif")
    data = "".join(
        f'<TiffData FirstC="{k}" IFD="0" PlaneCount="1"><UUID FileName="{name}">urn:uuid:{k}</UUID></TiffData>'
        for k, name in enumerate(names)
    )
    xml = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        '<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="96" SizeY="80" SizeC="2" SizeZ="1" '
        f'SizeT="1"><Channel ID="Channel:0:0"/><Channel ID="Channel:0:1"/>{data}</Pixels></Image></OME>'
    )
    for name in names:
        tifffile.imwrite(tmp_path / name, pixels, description=xml.encode(), metadata=None)
    image, out = tmp_path / names[0], tmp_path / "out.ome.tif"
    assert run("deblur", image, "-o", out, *QUICK).code == 0
    assert "up to date" in run("deblur", image, "-o", out, *QUICK).err
    tifffile.imwrite(tmp_path / names[1], pixels[::-1], description=xml.encode(), metadata=None)
    changed = run("deblur", image, "-o", out, *QUICK)
    assert changed.code == 0 and "of another state of the image, and is made again" in changed.err


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_what_cannot_be_hashed_is_never_up_to_date(tmp_path: Path) -> None:
    folder = tmp_path / "image.zarr"
    folder.mkdir()
    (folder / os.fsdecode(b"\xff")).write_text("x")
    assert source_hash(folder) != ""
    (folder / "nowhere").symlink_to(tmp_path / "nothing")
    assert source_hash(folder) == ""
    target, origin = tmp_path / "out.tif", dict.fromkeys(("source", "settings", "asked", "files", "version"), "")
    write_tiff(target, np.zeros((4, 4), np.float32), record={"made_of": origin})
    said: list[str] = []
    assert not is_up_to_date(target, origin, said.append) and "another state of the image" in said[0]
    assert is_up_to_date(target, origin | {"source": "x"}, said.append) is False


def test_the_file_of_a_blur_is_what_is_in_it_whatever_its_path(
    run: Callable[..., Any], cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    psf = np.zeros((31, 31), np.float32)
    psf[14:17, 14:17] = 1
    write_tiff(tmp_path / "psf.tif", psf, pixel_size_um=0.09)
    monkeypatch.chdir(tmp_path)
    options = ("--method", "wiener", "--device", "cpu", "--pixel-size-um", 0.09)
    assert run("deblur", cells, "-o", "out.tif", "--family", "psf.tif", *options).code == 0
    again = run("deblur", cells, "-o", "out.tif", "--family", tmp_path / "psf.tif", *options)
    assert again.code == 0 and "up to date" in again.err
    psf[15, 15] = 2
    write_tiff(tmp_path / "psf.tif", psf, pixel_size_um=0.09)
    assert "another file of the blur" in run("deblur", cells, "-o", "out.tif", "--family", "psf.tif", *options).err


def test_a_spread_that_is_missing_or_another_is_made_with_its_result(
    run: Callable[..., Any], cells: Path, tmp_path: Path
) -> None:
    options = ("--method", "wiener", "--device", "cpu", "--pixel-size-um", 0.09, "--draws", 2)
    out, spread, other = (tmp_path / name for name in ("out.tif", "spread.tif", "other.ome.zarr"))
    for place in (spread, other):
        # Of an up to date result another file is asked for.
        assert run("deblur", cells, "-o", out, "--spread", place, *options).code == 0
        assert "up to date" in run("deblur", cells, "-o", out, "--spread", place, *options).err
    image = tmp_path / "turned.tif"
    write_tiff(image, read_image(cells)[::-1], pixel_size_um=0.09)
    assert run("deblur", image, "-o", tmp_path / "b.tif", "--spread", spread, *options).code == 0
    again = run("deblur", cells, "-o", out, "--spread", spread, *options)
    assert again.code == 0 and "not the spread of" in again.err
    with open_image(other) as expected:
        np.testing.assert_array_equal(read_image(spread), np.asarray(expected))
