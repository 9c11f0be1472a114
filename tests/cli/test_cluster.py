"""Files on a dask cluster: the same results, whatever dies."""

from __future__ import annotations

import importlib.util
import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from napari_deepblur.cli.cluster import attempt_alike, cluster_outcomes, worker_weights
from napari_deepblur.errors import DeviceError
from napari_deepblur.io.weights_folders import installed_weights

distributed = pytest.importorskip("distributed")
dask = pytest.importorskip("dask")

# What distributed leaves to the collector of garbage when it is closed is not ours.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

QUICK = ("--method", "wiener", "--device", "cpu", "--theta", *([0.05] * 8), "--pixel-size-um", 0.09)


def started(processes: bool) -> Any:
    """Start a scheduler with one worker: in this process, or in one of its own, which can die."""
    return distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=processes, dashboard_address=":0", protocol="tcp"
    )


@pytest.fixture
def cluster() -> Iterator[Any]:
    with started(processes=False) as made:
        yield made


def fragile(folder: Path, image: Path, target: Path) -> bool:
    """Die on the first visit to one image, and on every visit to another."""
    once = folder / f"{image.name}-visited"
    if (image.name == "once" and not once.exists()) or image.name == "always":
        once.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    target.write_text("done")
    return False


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL")
def test_a_worker_that_dies_costs_nothing_but_where_all_of_them_do(tmp_path: Path) -> None:
    errors = {}
    with dask.config.set({"distributed.scheduler.allowed-failures": 1}), started(processes=True) as made:
        for name in ("once", "always"):
            pairs = [(Path(name), tmp_path / name)]
            (found,) = cluster_outcomes(pairs, partial(fragile, tmp_path), made.scheduler_address)
            errors[name] = found.error
            assert found.image == Path(name)
    assert errors["once"] == "" and "Every worker that had it died" in errors["always"]
    assert (tmp_path / "once").read_text() == "done" and not (tmp_path / "always").exists()


def test_the_command_line_gives_its_files_to_a_scheduler(
    run: Callable[..., Any], cells: Path, tmp_path: Path, cluster: Any
) -> None:
    address = cluster.scheduler_address
    (tmp_path / "broken.tif").write_bytes(b"II*")
    outcome = run("deblur", cells, tmp_path / "broken.tif", "-o", tmp_path / "out", "--scheduler", address, *QUICK)
    assert outcome.code == 2 and "1 of 2 images were not deblurred: broken.tif" in outcome.err
    assert f"{cells} became" in outcome.err
    assert run("deblur", cells, "-o", tmp_path / "x.tif", "--scheduler", address, "--jobs", 2, *QUICK).code == 2


def test_a_scheduler_that_is_not_there_and_workers_of_another_version_are_said(
    cluster: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pairs = [(Path("a"), tmp_path / "a")]
    monkeypatch.setattr("napari_deepblur.cli.cluster._PATIENCE_S", 2)
    with pytest.raises(DeviceError, match="No scheduler answers at"):
        list(cluster_outcomes(pairs, partial(fragile, tmp_path), "tcp://127.0.0.1:9"))
    monkeypatch.setattr("napari_deepblur.cli.cluster.installed_version", lambda: "0.0.1")
    with pytest.raises(DeviceError, match=r"has version 0\.0\.1, and this program is"):
        list(cluster_outcomes(pairs, partial(fragile, tmp_path), cluster.scheduler_address))


def test_workers_with_other_weights_are_said_before_they_take_a_file(
    cluster: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # One that is without would fail at once, and take all files from the others. The client counts first.
    counts = iter([{"own.safetensors": "0", **installed_weights()}])
    monkeypatch.setattr("napari_deepblur.cli.cluster.installed_weights", lambda: next(counts))
    monkeypatch.setattr("napari_deepblur.cli.cluster.worker_weights", installed_weights)
    with pytest.raises(DeviceError, match=r"lacks the weights own\.safetensors"):
        list(cluster_outcomes([(Path("a"), tmp_path / "a")], partial(fragile, tmp_path), cluster.scheduler_address))
    assert not (tmp_path / "a").exists()


def test_a_worker_that_came_later_with_other_weights_fails_by_name(tmp_path: Path) -> None:
    pair = Path("a"), tmp_path / "a"
    # This process may have been a worker before, with weights of a test.
    worker_weights.cache_clear()
    here = installed_weights()
    assert attempt_alike(partial(fragile, tmp_path), pair, here).error == ""
    (tmp_path / "a").unlink()
    first = min(here)
    outcome = attempt_alike(partial(fragile, tmp_path), pair, here | {first: "other"})
    assert f"has other weights {first}" in outcome.error and not (tmp_path / "a").exists()


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "napari_deepblur.cli.cluster.find_spec", lambda name: None if name == "distributed" else find(name)
    )
    with pytest.raises(DeviceError, match=r"napari-deepblur\[cluster\]"):
        list(cluster_outcomes([], partial(fragile, tmp_path), "tcp://127.0.0.1:9"))


def test_paths_are_those_of_the_folder_where_the_command_runs(
    run: Callable[..., Any], cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []
    monkeypatch.setattr("napari_deepblur.cli.deblur.one_by_one", lambda *arguments: given.append(arguments))
    monkeypatch.chdir(tmp_path)
    files = ("--spread", "s.tif", "--draws", 2, "--psfs", "p.tif", "--save-settings", "s.json")
    assert run("deblur", cells, "-o", "a.tif", "--scheduler", "tcp://node:1", *files, *QUICK).code == 0
    ((_, work, *_),) = given
    paths = [value for value in vars(work.args[0]).values() if isinstance(value, Path)]
    assert len(paths) == 3 and all(path.parent == tmp_path for path in paths)
