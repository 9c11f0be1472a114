"""Everything that writes, with a real limit to the size of files: the libraries' own errors, not imitations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_deepblur.errors import OutputError
from napari_deepblur.io.families import save_family
from napari_deepblur.io.images import write_tiff
from napari_deepblur.io.psf_stacks import save_psf_stack
from napari_deepblur.io.pupil_files import save_pupil
from napari_deepblur.io.scene_spectra import save_scene_spectra
from napari_deepblur.io.sinks import Form, file_sink
from napari_deepblur.io.weights import save_weights
from napari_deepblur.networks.deblurring import DeblurringConfig, DeblurringNetwork
from napari_deepblur.networks.scene_spectra import SceneSpectra
from napari_deepblur.operators.families import ZernikeFamily
from napari_deepblur.optics import KnownPupil, Microscope

resource = pytest.importorskip("resource")

SMALL = DeblurringConfig(channels=(4, 4, 4, 4), blocks=1, iterations=1)
MICROSCOPE = Microscope(pixel_size_um=0.08)
PLANES = np.random.default_rng(0).normal(size=(3, 120, 120)).astype(np.float32)


@contextmanager
def full_disk(left: int) -> Iterator[None]:
    """Let no file grow past `left` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (left, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def write_sink(path: Path) -> None:
    sink = file_sink(path)
    sink.open(Form(PLANES.shape, "ZYX", PLANES.dtype, 0.1))
    try:
        for plane in range(len(PLANES)):
            sink.write((plane,), (slice(0, 120), slice(0, 120)), PLANES[plane])
        sink.finish({})
    finally:
        sink.abandon()


def write_pupil(path: Path) -> None:
    save_pupil(KnownPupil(MICROSCOPE, (5, 6), (0.1, -0.1)), path)


def write_spectra(path: Path) -> None:
    parts = [torch.rand(shape) for shape in ((64, 33), (3, 64, 33), (3,), (64, 33))]
    save_scene_spectra(SceneSpectra(*parts, windows=121), path)


WRITERS: dict[str, Callable[[Path], None]] = {
    "weights.safetensors": lambda path: save_weights(path, DeblurringNetwork(SMALL), {}),
    "family.safetensors": lambda path: save_family(ZernikeFamily(MICROSCOPE, (5, 6), 0.1), path),
    "pupil.safetensors": write_pupil,
    "spectra.safetensors": write_spectra,
    "plane.tif": lambda path: write_tiff(path, PLANES[0]),
    "psf.tif": lambda path: save_psf_stack(PLANES, path, 0.1, 0.2),
    "series.ome.tif": write_sink,
    "series.ome.zarr": write_sink,
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("left", [0, 100])
def test_a_full_disk_is_one_line_and_leaves_what_was_there(tmp_path: Path, name: str, left: int) -> None:
    path = tmp_path / name
    with full_disk(left), pytest.raises(OutputError, match=name.split(".")[0]) as caught:
        WRITERS[name](path)
    assert "\n" not in str(caught.value)
    assert not path.exists()
    WRITERS[name](path)
    before = _contents(path)
    with full_disk(left), pytest.raises(OutputError):
        WRITERS[name](path)
    assert _contents(path) == before


def _contents(path: Path) -> dict[str, bytes]:
    files = [path] if path.is_file() else sorted(entry for entry in path.rglob("*") if entry.is_file())
    return {str(entry.relative_to(path)): entry.read_bytes() for entry in files}
