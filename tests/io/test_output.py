"""Files to be written: whole or not at all, nothing else destroyed, and work that is done is kept."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import numpy as np
import pytest

from napari_deepblur.errors import OutputError
from napari_deepblur.io.images import read_image, write_tiff
from napari_deepblur.io.output import check_family_name, check_tiff_name, check_writable, is_same_file, replacing

IMAGE = np.arange(12, dtype=np.float32).reshape(3, 4)


def test_devices_and_pipes_are_never_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tif")
    for path in (tmp_path / "pipe.tif", Path("/dev/null")):
        with pytest.raises(OutputError, match="never replaced"):
            check_writable(path)
        with pytest.raises(OutputError, match="never replaced"), replacing(path):
            pass
    assert stat.S_ISFIFO((tmp_path / "pipe.tif").stat().st_mode)


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link = tmp_path / "link.tif"
    link.symlink_to(tmp_path / "there" / "real.tif")
    for value in (1, 2):
        write_tiff(link, IMAGE * value)
        assert link.is_symlink()
        np.testing.assert_array_equal(read_image(tmp_path / "there" / "real.tif"), IMAGE * value)


def test_permissions_stay_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "private.tif"
    write_tiff(path, IMAGE)
    path.chmod(0o600)
    write_tiff(path, IMAGE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.czi", "x.json"])
def test_a_name_that_promises_another_format_is_refused(name: str) -> None:
    with pytest.raises(OutputError, match="by the name of another format"):
        check_tiff_name(name)
    with pytest.raises(OutputError, match="by the name of another format"):
        check_family_name(name)
    for good in ("x.tif", "x.ome.TIFF", "x", "x.btf"):
        check_tiff_name(good)
    check_family_name("x.safetensors")


def test_what_is_done_is_kept_where_the_folder_was_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rescue = tmp_path / "temporary"
    rescue.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(rescue))
    folder = tmp_path / "out"
    folder.mkdir()
    check_writable(folder / "result.tif")
    shutil.rmtree(folder)
    with pytest.raises(OutputError, match=r"does not exist.*The result was kept: it is .*result\.tif"):
        write_tiff(folder / "result.tif", IMAGE)
    (kept,) = rescue.rglob("result.tif")
    np.testing.assert_array_equal(read_image(kept), IMAGE)


def test_links_that_lead_in_a_circle_are_refused(tmp_path: Path) -> None:
    loop = tmp_path / "loop.tif"
    loop.symlink_to(loop)
    for use in (check_writable, lambda path: write_tiff(path, IMAGE)):
        with pytest.raises(OutputError, match="in a circle"):
            use(loop)
    assert is_same_file(loop, loop) and not is_same_file(loop, tmp_path / "other.tif")
