"""What happens in a laboratory: full disks, signals at any time. No input and no earlier output is ever damaged."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_deepblur.io.images import read_image
from napari_deepblur.progress import Progress

resource = pytest.importorskip("resource", reason="limits of files are those of POSIX")

QUICK = ("--method", "wiener", "--device", "cpu", "--theta", *([0.05] * 8), "--pixel-size-um", 0.09, "--quiet")
EARLIER = b"an earlier result"


@contextmanager
def no_more_than(size: int) -> Iterator[None]:
    """Let no file grow beyond so many bytes, as on a disk that is full: writing fails with an error of the system."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "results"
    made.mkdir()
    return made


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("suffix", [".tif", ".ome.zarr"])
def test_a_disk_that_fills_up_while_a_result_is_written_costs_that_result_only(
    run: Callable[..., Any], cells: Path, folder: Path, suffix: str
) -> None:
    target = folder / f"out{suffix}"
    assert run("deblur", cells, "-o", target, *QUICK).code == 0
    before, image = contents(folder), cells.read_bytes()
    with no_more_than(2000):
        code, _, err = run("deblur", cells, "-o", target, *QUICK, "--force")
    assert code == 2 and err.splitlines()[-1].startswith("napari-deepblur: ") and "Traceback" not in err, err
    assert contents(folder) == before and cells.read_bytes() == image
    assert run("deblur", cells, "-o", target, *QUICK, "--force").code == 0


@pytest.mark.parametrize("option", ["--psfs", "--save-settings", "--report"])
def test_a_disk_that_fills_up_with_what_else_was_asked_for_is_one_line(
    run: Callable[..., Any], cells: Path, folder: Path, option: str
) -> None:
    name = {"--psfs": "p.tif", "--save-settings": "s.json", "--report": "r.csv"}[option]
    (folder / name).write_bytes(EARLIER)
    # Of a result that is up to date, only the rest is written.
    with no_more_than(100):
        code, _, err = run("deblur", cells, "-o", folder / "out.tif", *QUICK, option, folder / name)
    assert code == 2 and "Traceback" not in err
    assert contents(folder) == {name: EARLIER}


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("when", ["first step", "deblurring", "writing", "replacing"])
@pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")
def test_a_signal_at_any_time_leaves_what_was_there(
    run: Callable[..., Any],
    cells: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    status: int,
    when: str,
) -> None:
    target, image = folder / "out.tif", cells.read_bytes()
    target.write_bytes(EARLIER)
    # A shell lets what it starts in the background ignore Ctrl-C; the tests may be such.
    ignoring = number == signal.SIGINT and signal.getsignal(number) is signal.SIG_IGN
    if ignoring:
        signal.signal(number, signal.default_int_handler)

    def before(owner: Any, name: str, chosen: Callable[..., bool] = lambda *_, **__: True) -> None:
        original = getattr(owner, name)

        def interrupted(*given: Any, **more: Any) -> Any:
            if chosen(*given, **more):
                os.kill(os.getpid(), number)
            return original(*given, **more)

        monkeypatch.setattr(owner, name, interrupted)

    if when == "first step":
        before(Progress, "__init__")
    elif when == "deblurring":
        before(Progress, "__init__", lambda *given, **more: "deblur" in (*given[1:], *more.values()))
    elif when == "writing":
        before(tifffile.TiffWriter, "write")
    else:
        before(Path, "replace")
    found = signal.getsignal(number)
    outcome = run("deblur", cells, "-o", target, *QUICK)
    assert outcome.code == status, outcome.err
    assert outcome.err.splitlines()[-1] in ("napari-deepblur: interrupted", "napari-deepblur: terminated")
    assert contents(folder) == {"out.tif": EARLIER} and cells.read_bytes() == image
    assert signal.getsignal(number) is found
    if ignoring:
        signal.signal(number, signal.SIG_IGN)
    monkeypatch.undo()


def test_clocks_that_jump_change_nothing(
    run: Callable[..., Any], cells: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("deblur", cells, "-o", folder / "one.tif", *QUICK).code == 0
    jumps = np.random.default_rng(0)
    monkeypatch.setattr("time.time", lambda: 1.7e9 + float(jumps.normal(0, 1e8)))
    assert run("deblur", cells, "-o", folder / "two.tif", *QUICK).code == 0
    np.testing.assert_array_equal(read_image(folder / "one.tif"), read_image(folder / "two.tif"))
    assert "up to date" in run("deblur", cells, "-o", folder / "two.tif", *QUICK[:-1]).err
