"""A small image, and a way to run the command line as the shell does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_deepblur.cli import main
from napari_deepblur.io.images import write_tiff
from napari_deepblur.io.weights import FOLDER_VARIABLE


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def run(
    untrained_weights: Path, short_fit: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Outcome]:
    """Run the command line with untrained networks on the processor, and catch what it prints."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(untrained_weights))

    def run(*arguments: object) -> Outcome:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return Outcome(code, printed.out, printed.err)

    return run


@pytest.fixture(scope="session")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an image file of 80 x 96 pixels of 0.09 micrometres."""
    rng = np.random.default_rng(3)
    plane = gaussian_filter((rng.uniform(size=(80, 96)) > 0.95).astype(float), 1.5)
    counts = rng.poisson(100 + 4000 * plane).astype(np.uint16)
    path = tmp_path_factory.mktemp("images") / "cells.tif"
    write_tiff(path, counts, pixel_size_um=0.09)
    return path
