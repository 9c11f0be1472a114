"""Files on several processes: one that kills its process costs one file."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_deepblur.batch.workers import at_once, outcomes, threads_of
from napari_deepblur.io.images import read_image

QUICK = ("--method", "wiener", "--device", "cpu", "--theta", *([0.05] * 8), "--pixel-size-um", 0.09)


def endless(_image: Path, _target: Path) -> bool:
    time.sleep(3600)
    return False


def fragile(image: Path, target: Path) -> bool:
    if image.name == "killed":
        os.kill(os.getpid(), signal.SIGTERM)
    if image.name == "memory":
        raise MemoryError
    target.write_text(f"{os.environ['OMP_NUM_THREADS']} {os.getpid()}")
    return False


def test_a_process_that_dies_and_one_that_runs_out_of_memory_cost_a_file_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    names = ("a", "killed", "b", "memory", "c")
    found = list(outcomes([(Path(name), tmp_path / name) for name in names], fragile, 2))
    errors = {outcome.image.name: outcome.error for outcome in found}
    assert len(found) == 5 and [errors[name] for name in "abc"] == ["", "", ""]
    assert "was killed (" in errors["killed"] and "does not fit into memory" in errors["memory"]
    said = [(tmp_path / name).read_text().split() for name in "abc"]
    assert {threads for threads, _ in said} == {str(threads_of(2))}
    assert str(os.getpid()) not in {process for _, process in said}
    assert "OMP_NUM_THREADS" not in os.environ


def test_a_script_that_starts_processes_is_not_run_again_in_each(tmp_path: Path) -> None:
    """As those that open napari without asking whether they are the program."""
    (tmp_path / "script.py").write_text(
        """
import shutil, sys
from pathlib import Path
from napari_deepblur.batch.workers import outcomes
folder = Path(sys.argv[1])
with (folder / "runs").open("a") as runs:
    runs.write("once")
pairs = [(folder / "runs", folder / name) for name in "ab"]
sys.exit([outcome.error for outcome in outcomes(pairs, shutil.copyfile, 2)] != ["", ""])
"""
    )
    subprocess.run([sys.executable, tmp_path / "script.py", tmp_path], check=True, timeout=120)
    assert (tmp_path / "runs").read_text() == (tmp_path / "b").read_text() == "once"


def test_given_up_its_processes_end(tmp_path: Path) -> None:
    with closing(at_once([(tmp_path, tmp_path)] * 3, endless, 2)) as steps:
        begun = [step for step, _ in zip(steps, range(4), strict=False)]
        assert begun[:2] == [0, 1] and begun[2] is None
        assert len(multiprocessing.active_children()) == 2
    assert multiprocessing.active_children() == []


def test_two_jobs_make_the_same_results_as_one(run: Callable[..., Any], cells: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.tif").write_bytes(b"II*")
    other = tmp_path / "other.tif"
    tifffile.imwrite(other, read_image(cells)[::-1])
    for jobs in (1, 2):
        files = (cells, tmp_path / "broken.tif", other)
        outcome = run("deblur", *files, "-o", tmp_path / str(jobs), "--jobs", jobs, *QUICK)
        assert outcome.code == 2 and "1 of 3 images were not deblurred: broken.tif" in outcome.err
        # Of two processes, either may have the broken one, and be the last.
        assert outcome.err.count("/3: ") == 2
    for name in (f"{cells.stem}_deblurred.ome.tif", "other_deblurred.ome.tif"):
        one, two = (read_image(tmp_path / jobs / name) for jobs in "12")
        np.testing.assert_allclose(one, two, rtol=1e-5)
    assert run("deblur", cells, "-o", tmp_path / "x.tif", "--jobs", 0, *QUICK).code == 2


def deaf(_image: Path, target: Path) -> bool:
    os.kill(os.getpid(), signal.SIGINT)
    blocked = hasattr(signal, "pthread_sigmask") and signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    target.write_text(f"{blocked or not hasattr(signal, 'pthread_sigmask')}")
    return False


def test_ctrl_c_of_a_terminal_is_heard_by_the_program_alone(tmp_path: Path) -> None:
    """It reaches all processes; each that is loading its libraries would write where it was broken off."""
    found = list(outcomes([(Path(name), tmp_path / name) for name in "ab"], deaf, 2))
    assert [outcome.error for outcome in found] == ["", ""]
    # From its beginning, and not only once it has loaded them.
    assert [(tmp_path / name).read_text() for name in "ab"] == ["True", "True"]
    if hasattr(signal, "pthread_sigmask"):
        assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
