"""A run that was killed goes on: nothing is identified or restored twice, and the pixels are the same."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tifffile
import torch
from scipy.ndimage import gaussian_filter

from napari_deepblur.cli import main
from napari_deepblur.io.claims import partial_folder
from napari_deepblur.io.open_image import open_image
from napari_deepblur.io.records import record_in
from napari_deepblur.io.sinks import tiff
from napari_deepblur.io.sinks.blocks import Blocks
from napari_deepblur.restoration.restorers import SolverRestorer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")

QUICK = ("--method", "wiener", "--iterations", 3, "--device", "cpu", "--tile", 128, "--pixel-size-um", 0.09)

# Where it can be, what is killed comes from a process that has imported everything: that takes longer than a run.
CONTEXT = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
if sys.platform == "linux":
    CONTEXT.set_forkserver_preload(["napari_deepblur.batch.one_file", "zarr", __name__])

FITS = tuple(f"napari_deepblur.identification.{module}" for module in ("posterior", "zernike"))


class Likewise(NamedTuple):
    """What has to be in the other process as it is in this one."""

    environment: dict[str, str]
    threads: int
    steps: int


def _run_until_killed(log: Path, after: int, likewise: Likewise, words: list[str]) -> None:
    """Run the command line, and be killed when so many blocks are written."""
    with log.open("w") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    os.environ.update(likewise.environment)
    tiff._STORED_PIXELS = 1
    # Sums over other numbers of threads are rounded otherwise.
    torch.set_num_threads(likewise.threads)
    # As `short_fit` does here.
    for module in FITS:
        import_module(module).DESCENT_STEPS = likewise.steps
    left, store = after, Blocks._store

    def store_some(blocks: Blocks, *more: Any) -> None:
        nonlocal left
        store(blocks, *more)
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    Blocks._store = store_some  # type: ignore[method-assign]
    main(words)


def killed(after: int, *arguments: object) -> None:
    """Run the command line in a process that is killed when it has written so many blocks."""
    likewise = Likewise(dict(os.environ), torch.get_num_threads(), import_module(FITS[0]).DESCENT_STEPS)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        process = CONTEXT.Process(target=_run_until_killed, args=(log, after, likewise, [*map(str, arguments)]))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL, log.read_text()


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(3)
    path = tmp_path_factory.mktemp("large") / "large.tif"
    planes = [gaussian_filter((rng.uniform(size=(264, 280)) > 0.95).astype(float), 1.5) for _ in range(2)]
    counts = [rng.poisson(100 + 4000 * plane).astype(np.uint16) for plane in planes]
    tifffile.imwrite(path, np.stack(counts), imagej=True, metadata={"axes": "TYX"})
    return path


def pixels(path: Path) -> Any:
    with open_image(path) as image:
        return np.asarray(image)


@pytest.fixture(autouse=True)
def small_results_are_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_deepblur.io.sinks.tiff._STORED_PIXELS", 1)


@pytest.mark.parametrize("suffix", [".ome.zarr", ".ome.tif"])
def test_a_killed_run_goes_on_where_it_was(
    run: Callable[..., Any], large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    whole, out = tmp_path / f"whole{suffix}", tmp_path / f"out{suffix}"
    assert run("deblur", large, "-o", whole, *QUICK).code == 0
    # Each of the two planes has 2 x 2 blocks, and 9 tiles.
    killed(6, "deblur", large, "-o", out, *QUICK)
    assert not out.exists() and partial_folder(out).is_dir()
    (partial_folder(out) / "0" / "c" / "half.partial").touch()
    restored = []
    steps = SolverRestorer.steps

    def counted(self: Any, image: Any, *more: Any) -> Any:
        restored.append(image.shape)
        return steps(self, image, *more)

    def never(*_: Any) -> Any:
        raise AssertionError("identified again")

    monkeypatch.setattr(SolverRestorer, "steps", counted)
    monkeypatch.setattr("napari_deepblur.pipeline.run.identify_evidence_steps", never)
    outcome = run("deblur", large, "-o", out, *QUICK)
    assert outcome.code == 0, outcome.err
    assert 0 < len(restored) < 9
    np.testing.assert_array_equal(pixels(out), pixels(whole))
    made, expected = record_in(out), record_in(whole)
    assert made == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"out{suffix}", f"whole{suffix}"]
    assert not list(out.rglob("*.partial")) and not (out / ".napari-deepblur").exists()
    assert "up to date" in run("deblur", large, "-o", out, *QUICK).err


def test_a_run_that_is_killed_again_and_again_makes_the_same(
    run: Callable[..., Any], large: Path, tmp_path: Path
) -> None:
    whole, out = tmp_path / "whole.ome.tif", tmp_path / "out.ome.tif"
    assert run("deblur", large, "-o", whole, *QUICK).code == 0
    for after in np.random.default_rng(5).integers(1, 4, 2):
        killed(int(after), "deblur", large, "-o", out, *QUICK)
        assert not out.exists() and partial_folder(out).is_dir()
    assert run("deblur", large, "-o", out, *QUICK).code == 0
    np.testing.assert_array_equal(pixels(out), pixels(whole))
    assert record_in(out) == record_in(whole)


def test_what_was_left_when_only_the_last_step_was_missing_is_removed(
    run: Callable[..., Any], large: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.ome.tif"
    known = (*QUICK, "--theta", *([0.05] * 8))
    killed(3, "deblur", large, "-o", out, *known)
    begun = tmp_path / "begun"
    partial_folder(out).rename(begun)
    assert run("deblur", large, "-o", out, *known).code == 0
    begun.rename(partial_folder(out))
    assert "up to date" in run("deblur", large, "-o", out, *known).err
    assert [path.name for path in tmp_path.iterdir()] == ["out.ome.tif"]


def test_what_was_begun_of_something_else_is_begun_again(run: Callable[..., Any], large: Path, tmp_path: Path) -> None:
    out, whole = tmp_path / "out.ome.zarr", tmp_path / "whole.ome.zarr"
    killed(5, "deblur", large, "-o", out, *QUICK, "--theta", *([0.05] * 8))
    for target in (out, whole):
        assert run("deblur", large, "-o", target, *QUICK, "--theta", *([0.02] * 8)).code == 0
    np.testing.assert_array_equal(pixels(out), pixels(whole))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.ome.zarr", "whole.ome.zarr"]


def test_a_block_that_cannot_be_read_is_made_again(run: Callable[..., Any], large: Path, tmp_path: Path) -> None:
    out, whole = tmp_path / "out.ome.zarr", tmp_path / "whole.ome.zarr"
    known = (*QUICK, "--theta", *([0.05] * 8))
    killed(3, "deblur", large, "-o", out, *known)
    blocks = [path for path in (partial_folder(out) / "0" / "c").rglob("*") if path.is_file()]
    blocks[0].write_bytes(b"")
    blocks[1].write_bytes(blocks[1].read_bytes()[:99])
    for target in (out, whole):
        assert run("deblur", large, "-o", target, *known).code == 0
    np.testing.assert_array_equal(pixels(out), pixels(whole))
