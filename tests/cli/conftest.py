"""Small networks, a small image, and a way to run the command line as the shell does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_deepblur.cli import main
from napari_deepblur.io.images import write_tiff
from napari_deepblur.io.weights import FOLDER_VARIABLE, save_weights
from napari_deepblur.networks.deblurring import DeblurringConfig, DeblurringNetwork
from napari_deepblur.networks.identification import IdentificationConfig, IdentificationNetwork


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


class Tiny(NamedTuple):
    identification: IdentificationConfig
    deblurring: DeblurringConfig


@pytest.fixture(scope="session")
def tiny_networks() -> Tiny:
    """Make architectures that are as small as they can be."""
    return Tiny(
        IdentificationConfig(widths=(4, 8), blocks=(1, 1), stem_stride=4, map_width=4, hidden=16, candidates=2),
        DeblurringConfig(channels=(4, 4, 4, 4), blocks=1, iterations=2, shared=True),
    )


@pytest.fixture(scope="session")
def weights_folder(tiny_networks: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save untrained networks: what they say is nonsense, but they say it."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    save_weights(folder / "identification-light.safetensors", IdentificationNetwork(tiny_networks.identification), {})
    save_weights(folder / "deblurring-light.safetensors", DeblurringNetwork(tiny_networks.deblurring), {})
    return folder


@pytest.fixture
def run(
    weights_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Outcome]:
    """Run the command line with untrained networks on the processor, and catch what it prints."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(weights_folder))

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
