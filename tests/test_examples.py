"""The examples run, and what they print is good news."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_deepblur import load_family
from napari_deepblur.samples import sample_path

EXAMPLES = Path(__file__).parents[1] / "examples"


def _run(name: str, *arguments: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")


def test_all_examples_are_tested() -> None:
    tested = set(re.findall(r'"(\w+\.py)"', Path(__file__).read_text(encoding="utf-8")))
    assert {path.name for path in EXAMPLES.glob("*.py")} == tested


def test_deblur_one_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "sharp.tif"
    _run("deblur_one_image.py", "--out", str(out), monkeypatch=monkeypatch)
    blurred, sharp = tifffile.imread(sample_path()), tifffile.imread(out)
    assert sharp.shape == blurred.shape and sharp.dtype == np.float32
    # Sharper, in the same units: more contrast between neighbours, the same light.
    assert np.abs(np.diff(sharp, axis=0)).mean() > np.abs(np.diff(blurred.astype(float), axis=0)).mean()
    assert sharp.mean() == pytest.approx(blurred.mean(), rel=0.05)


def test_identify_in_python(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    _run("identify_in_python.py", monkeypatch=monkeypatch)
    found = re.search(r"PSF SNR: (\S+) dB", capsys.readouterr().out)
    # The mean PSF, which knows nothing about the image, has about 4 dB.
    assert found is not None and float(found.group(1)) > 8


def test_calibrate_and_deblur(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "family.safetensors"
    _run("calibrate_and_deblur.py", "--save", str(file), monkeypatch=monkeypatch)
    before, after = map(float, re.findall(r"image +(\d\.\d+)", capsys.readouterr().out))
    assert after < 0.8 * before
    assert load_family(file).field_shape == (192, 192)


def test_volume(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    _run("volume.py", monkeypatch=monkeypatch)
    stack, ideal, true = map(float, re.findall(r"(?:stack|pupil:) (\d\.\d+)", capsys.readouterr().out))
    assert stack + 0.05 < ideal < true - 0.05
