"""One run writes an output at a time, and what killed ones left is found."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_deepblur.errors import OutputError
from napari_deepblur.io.claims import Claim, leftovers, partial_folder
from napari_deepblur.io.images import read_image
from napari_deepblur.io.output import own_prefix
from napari_deepblur.io.sinks import Form, file_sink

FORM = Form((20, 30), "YX", np.dtype(np.float32))
HOLD = """
import sys, time
from pathlib import Path
from napari_deepblur.io.claims import Claim
claim = Claim(Path(sys.argv[1]))
claim.take()
print("held", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("name", ["a.tif", "a.ome.zarr"])
def test_the_second_of_two_runs_on_one_output_refuses(tmp_path: Path, name: str) -> None:
    first, second = file_sink(tmp_path / name), file_sink(tmp_path / name)
    first.open(FORM)
    with pytest.raises(OutputError, match="being written by another run"):
        second.open(FORM)
    other = file_sink(tmp_path / f"other-{name}")
    other.open(FORM)
    other.abandon()
    first.write((), (slice(0, 20), slice(0, 30)), np.ones(FORM.shape, np.float32))
    first.finish({})
    second.open(FORM)
    second.abandon()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_link_is_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "a.tif").touch()
    (tmp_path / "b.tif").symlink_to(tmp_path / "a.tif")
    held = Claim(tmp_path / "a.tif")
    held.take()
    with pytest.raises(OutputError):
        Claim(tmp_path / "b.tif").take()
    held.give_back()
    again = Claim(tmp_path / "b.tif")
    again.take()
    again.give_back()


def test_a_lock_ends_with_its_process_however_that_ends(tmp_path: Path) -> None:
    target = tmp_path / "a.tif"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(target)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        with pytest.raises(OutputError, match="another run"):
            Claim(target).take()
        os.kill(process.pid, signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
        process.wait()
    claim = Claim(target)
    claim.take()
    claim.give_back()
    assert list(tmp_path.iterdir()) == []


def test_what_killed_runs_left_is_removed_but_never_the_only_result(tmp_path: Path) -> None:
    target = tmp_path / "a.tif"
    (tmp_path / f"{own_prefix(target)}-half.tif").touch()
    (tmp_path / f"{own_prefix(tmp_path / 'b.tif')}-half.tif").touch()
    aside = tmp_path / f"{own_prefix(target)}-aside"
    aside.mkdir()
    (aside / target.name).write_text("the old one")
    partial_folder(target).mkdir()
    assert len(leftovers(target)) == 2
    claim = Claim(target)
    claim.take()
    claim.give_back()
    assert target.read_text() == "the old one" and leftovers(target) == [] and partial_folder(target).is_dir()
    assert len(leftovers(tmp_path / "b.tif")) == 1


def test_a_tiff_file_for_which_there_is_no_room_is_refused_before(tmp_path: Path) -> None:
    sink = file_sink(tmp_path / "a.tif")
    assert "GiB left" in sink.refusal(Form((10**5, 10**6, 10**6), "ZYX", FORM.dtype))
    assert sink.refusal(FORM) == ""
    sink.open(FORM)
    sink.finish({})
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), np.zeros(FORM.shape))
