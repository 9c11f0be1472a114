"""`benchmark` on the command line: every verb writes its three files, and what can be wrong is one line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from benchmarks.identification import sweeps
from benchmarks.restoration import tuning
from napari_deepblur.training.pool import is_validation

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def sharp_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder of four small microscopy images, two of them in the validation split."""
    folder = tmp_path_factory.mktemp("sharp")
    (folder / "micro_a").mkdir()
    names = [f"micro_a/{i}.png" for i in range(200)]
    chosen = [n for n in names if is_validation(n)][:2] + [n for n in names if not is_validation(n)][:2]
    for index, name in enumerate(chosen):
        plane = gaussian_filter(np.random.default_rng(index).uniform(size=(96, 96)), 2)
        Image.fromarray((255 * (plane - plane.min()) / np.ptp(plane)).astype(np.uint8)).save(folder / name)
    return folder


@pytest.fixture(autouse=True)
def short(short_fit: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut everything short that can be."""
    for name in list(tuning.STRENGTHS):
        monkeypatch.setitem(tuning.STRENGTHS, name, (0.1,))
        monkeypatch.setitem(tuning.ITERATIONS, name, (2,))
    monkeypatch.setattr("benchmarks.restoration.blurs.BLIND", {})


def content(folder: Path, name: str) -> Any:
    found = json.loads((folder / f"{name}.json").read_text())
    assert (folder / f"{name}.png").stat().st_size > 1000
    assert (folder / f"{name}.md").read_text().startswith(f"# {found['title']}")
    assert found["rows"] and found["commit"] and found["torch"] and found["date"]
    return found


def test_identification_map_and_calibration(run: Callable[..., Any], sharp_images: Path, tmp_path: Path) -> None:
    common = ("--data", sharp_images, "--images", 1, "--output", tmp_path, "--device", "cpu", "--seed", 3)
    outcome = run("benchmark", "identification", *common, "--kernels", 2, "--noise", "high")
    assert outcome.code == 0, outcome.err
    found = content(tmp_path, "identification-map-high")
    assert np.shape(found["details"]["snr_db"]) == (1, 2) and found["seed"] == 3
    # No path of this machine is written, and the weights are named by their hash.
    assert str(tmp_path) not in json.dumps(found) and str(sharp_images) not in json.dumps(found)
    assert "--data FOLDER" in found["command"] and "--kernels 2" in found["command"]
    assert len(found["weights"]["identification"]) == 16
    assert "| identify |" in outcome.out
    outcome = run("benchmark", "identification", *common, "--part", "calibration", "--quiet")
    assert (outcome.code, outcome.out) == (0, ""), outcome.err
    assert [row["noise"] for row in content(tmp_path, "identification-calibration")["rows"]] == [
        "none",
        "medium",
        "high",
    ]


def test_identification_sweeps(
    run: Callable[..., Any], sharp_images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def short(kind: str) -> Callable[..., Any]:
        original = getattr(sweeps, f"sweep_{kind}")
        points = {"noise": (0.0,), "amplitude": (0.1,), "cutoff": (0.2,), "size": (64,)}[kind]

        def sweep(*arguments: Any) -> Any:
            calls.append(kind)
            return original(*arguments, points)

        return sweep

    for kind in ("noise", "amplitude", "cutoff", "size"):
        monkeypatch.setattr(sweeps, f"sweep_{kind}", short(kind))
        common = ("--data", sharp_images, "--images", 1, "--output", tmp_path, "--device", "cpu", "--quiet")
        outcome = run("benchmark", "identification", *common, "--part", kind)
        assert outcome.code == 0, outcome.err
        assert len(content(tmp_path, f"identification-{kind}")["rows"]) == 1
    assert calls == ["noise", "amplitude", "cutoff", "size"]


def test_deblurring(run: Callable[..., Any], sharp_images: Path, tmp_path: Path) -> None:
    common = ("--data", sharp_images, "--images", 1, "--tuning-images", 1, "--output", tmp_path, "--device", "cpu")
    outcome = run("benchmark", "deblurring", *common, "--noise", "medium")
    assert outcome.code == 0, outcome.err
    found = content(tmp_path, "deblurring-medium")
    assert len(found["rows"]) == 13 and set(found["weights"]) == {"identification", "deblurring"}
    assert any("NAFNet" in note and "not run" in note for note in found["notes"])


def test_real(run: Callable[..., Any], sharp_images: Path, cells: Path, tmp_path: Path) -> None:
    outcome = run("benchmark", "real", "--images", cells, "--output", tmp_path, "--device", "cpu", "--na", 0.6)
    assert outcome.code == 0, outcome.err
    found = content(tmp_path, "real")
    assert [row["image"] for row in found["rows"]] == ["cells.tif"] and "--images PATHS" in found["command"]
    assert "NA 0.6" in found["notes"][1]
    assert run("benchmark", "real", "--data", sharp_images, "--output", tmp_path, "--device", "cpu").code == 0
    assert all(row["image"].startswith("micro_a/") for row in content(tmp_path, "real")["rows"])


def test_honesty(run: Callable[..., Any], sharp_images: Path, tmp_path: Path) -> None:
    common = ("--data", sharp_images, "--images", 2, "--output", tmp_path, "--device", "cpu", "--seed", 5)
    outcome = run("benchmark", "honesty", *common)
    assert outcome.code == 0, outcome.err
    found = content(tmp_path, "honesty-kinds")
    assert [(row["kind"], row["images"]) for row in found["rows"]] == [("blurred", 2), ("all", 2)]
    assert all(0 < odds < 1 for odds in found["details"]["odds"]) and "--images 2" in found["command"]
    assert "| blurred | 2 |" in outcome.out


def test_speed(run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = "benchmarks.timing.speed"
    monkeypatch.setattr(f"{module}.peak_memory_mb", lambda *_: 1.0)
    monkeypatch.setattr(f"{module}.prepare", lambda *_: lambda: {"deblur": 1.0})
    outcome = run("benchmark", "speed", "--sizes", 128, 64, "--repeats", 1, "--output", tmp_path, "--device", "cpu")
    assert outcome.code == 0, outcome.err
    assert [row["side (pixels)"] for row in content(tmp_path, "speed")["rows"]] == [64, 64, 64, 128, 128, 128]


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (("identification", "--data", "absent"), "absent"),
        (("identification", "--data", ".", "--images", "0"), "--images"),
        (("identification", "--data", ".", "--noise", "loud"), "loud"),
        (("identification", "--data", ".", "--device", "cuda:99"), "cuda:99"),
        (("identification", "--data", ".", "--seed", "-1"), "seed"),
        (("deblurring", "--data", ".", "--tuning-images", "0"), "--tuning-images"),
        (("honesty", "--data", ".", "--images", "0"), "--images"),
        (("real",), "--images"),
        (("real", "--images", "absent.tif", "--na", "7"), "NA 7"),
        (("real", "--images", "absent.tif"), "absent.tif"),
        (("speed", "--sizes", "10"), "64"),
        (("nothing",), "nothing"),
    ],
)
def test_what_can_be_wrong_is_one_line(
    run: Callable[..., Any], tmp_path: Path, arguments: tuple[str, ...], fragment: str
) -> None:
    options = () if arguments == ("nothing",) else ("--output", tmp_path)
    code, out, err = run("benchmark", *arguments, *options)
    assert (code, out, err.count("\n")) == (2, "", 1) and fragment in err
    assert list(tmp_path.iterdir()) == []


class Installed(NamedTuple):
    """The package as a wheel brings it: away from the clone, and alone on the path."""

    site: Path

    def run(self, folder: Path, *arguments: str) -> tuple[int, str, str]:
        """Run the command line in a folder, which `-P` keeps off the path as the installed command does."""
        code = "import sys; from napari_deepblur.cli import main; sys.exit(main())"
        command = [sys.executable, "-P", "-c", code, "benchmark", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(self.site)}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Install the Python files alone: nothing here computes."""
    site = tmp_path_factory.mktemp("environment") / "lib" / "site-packages"
    shutil.copytree(ROOT / "src", site, ignore=shutil.ignore_patterns("*.safetensors", "*.tif", "*.egg-info", "__py*"))
    return Installed(site)


@pytest.mark.parametrize("arguments", [("speed", "--sizes", "64"), ("speed", "--help"), ("nothing",)])
def test_without_a_clone_one_line_says_where_the_benchmarks_are(
    installed: Installed, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    code, out, err = installed.run(tmp_path, *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("napari-deepblur: The benchmarks are not in the package") and "git clone" in err
    assert list(tmp_path.iterdir()) == []


def test_without_a_clone_the_verb_has_its_help(installed: Installed, tmp_path: Path) -> None:
    code, out, err = installed.run(tmp_path, "--help")
    assert (code, err) == (0, "")
    assert out.startswith("usage: napari-deepblur benchmark [-h] WHAT ...") and "git clone" in " ".join(out.split())


def test_the_current_directory_may_be_the_clone(
    installed: Installed, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for arguments in (("--help",), ("speed", "--help"), ("speed", "--sizes", "10", "--output", os.devnull)):
        outcome = installed.run(ROOT, *arguments)
        assert outcome == run("benchmark", *arguments)
        assert outcome[0] == (0 if "--help" in arguments else 2)
    assert "at least 64 pixels" in outcome[2]


@pytest.mark.parametrize("kind", ["identification", "deblurring", "real", "field", "honesty", "speed"])
def test_every_benchmark_has_its_help(run: Callable[..., Any], kind: str) -> None:
    assert kind in run("benchmark", "--help").out
    outcome = run("benchmark", kind, "--help")
    assert (outcome.code, outcome.err) == (0, "") and "--output FOLDER" in outcome.out
