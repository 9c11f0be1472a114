"""Several images in one command."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_deepblur.cli.batch import destinations, listed_files
from napari_deepblur.errors import OutputError
from napari_deepblur.io.images import read_image, write_tiff

QUICK = ("--method", "wiener", "--device", "cpu", "--theta", *([0.05] * 8), "--pixel-size-um", 0.09)


def test_one_image_becomes_the_file_that_was_named(tmp_path: Path) -> None:
    assert destinations([Path("a.tif")], "b.tif") == [(Path("a.tif"), Path("b.tif"))]
    folder = f"{tmp_path / 'made'}{os.sep}"
    (pair,) = destinations([Path("a.ome.tif")], folder)
    assert pair[1] == tmp_path / "made" / "a_deblurred.ome.tif" and pair[1].parent.is_dir()
    assert destinations([Path("x/a.png")], str(tmp_path))[0][1] == tmp_path / "a_deblurred.ome.tif"


def test_patterns_that_the_shell_left_are_files(tmp_path: Path) -> None:
    for name in ("b.tif", "a.tif", "[c].tif", "d.png"):
        (tmp_path / name).touch()
    names = [path.name for path in listed_files([tmp_path / "?.tif", tmp_path / "[c].tif", tmp_path / "no*.tif"])]
    assert names == ["a.tif", "b.tif", "[c].tif", "no*.tif"]


def test_several_images_do_not_become_a_folder_with_the_name_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="there are 2 images: give a folder as output"):
        destinations([Path("a.tif"), Path("b.tif")], str(tmp_path / "x.ome.tif"))
    assert not (tmp_path / "x.ome.tif").exists()


def test_what_would_be_lost_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="would both become"):
        destinations([Path("x/a.tif"), Path("y/a.png")], str(tmp_path))
    with pytest.raises(OutputError, match="itself one of the images"):
        destinations([tmp_path / "a.tif", tmp_path / "a_deblurred.ome.tif"], str(tmp_path))
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is no folder"):
        destinations([Path("a.tif"), Path("b.tif")], str(tmp_path / "file"))


def test_a_bad_image_does_not_stop_the_others(run: Callable[..., Any], cells: Path, tmp_path: Path) -> None:
    write_tiff(tmp_path / "dark.tif", np.zeros((80, 80), np.float32))
    tifffile.imwrite(tmp_path / "last.tif", read_image(cells)[::-1])
    (tmp_path / "broken.tif").write_bytes(b"II*")
    images = [tmp_path / name for name in ("dark.tif", "broken.tif", "last.tif")]
    outcome = run("deblur", cells, *images, "-o", tmp_path / "sharp", *QUICK)
    assert outcome.code == 2
    assert "dark.tif: " in outcome.err and "same value" in outcome.err
    assert outcome.err.splitlines()[-1].endswith("2 of 4 images were not deblurred: dark.tif, broken.tif.")
    assert f"{cells} became" in outcome.err and "4/4" in outcome.err
    assert sorted(path.name for path in (tmp_path / "sharp").iterdir()) == [
        f"{cells.stem}_deblurred.ome.tif",
        "last_deblurred.ome.tif",
    ]
    assert run("deblur", cells, "-o", tmp_path / "one.tif", "--quiet", *QUICK) == (0, "", "")
    alone = read_image(tmp_path / "one.tif")
    np.testing.assert_array_equal(read_image(tmp_path / "sharp" / f"{cells.stem}_deblurred.ome.tif"), alone)


def test_files_of_one_image_are_refused_for_several(run: Callable[..., Any], cells: Path, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "other.tif", read_image(cells))
    psfs = tmp_path / "psfs.tif"
    outcome = run("deblur", cells, tmp_path / "other.tif", "-o", tmp_path / "out", "--psfs", psfs, *QUICK)
    assert outcome.code == 2 and "are files of one image" in outcome.err and not psfs.exists()
