from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from napari_deepblur.errors import WeightsError
from napari_deepblur.io.scene_spectra import load_scene_spectra, save_scene_spectra
from napari_deepblur.networks.scene_spectra import SceneSpectra


def made() -> SceneSpectra:
    generator = torch.Generator().manual_seed(0)
    parts = [torch.rand(shape, generator=generator) for shape in ((64, 33), (3, 64, 33), (3,), (64, 33))]
    return SceneSpectra(*parts, windows=121)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    save_scene_spectra(made(), tmp_path / "spectra.safetensors")
    found = load_scene_spectra(tmp_path / "spectra.safetensors")
    assert found.windows == 121
    for name in ("mean", "components", "variances", "residual"):
        torch.testing.assert_close(getattr(found, name), getattr(made(), name), rtol=3e-3, atol=1e-3)


def test_those_in_the_package_are_spectra_of_scenes() -> None:
    spectra = load_scene_spectra()
    # Scenes have most of their power at low frequencies, and vary together more than frequency by frequency.
    assert spectra.mean[0, 4] > spectra.mean[0, 16] + 1 > spectra.mean[0, 30] + 1
    assert spectra.variances[0] > 100 * spectra.residual.median()
    assert bool((spectra.variances.diff() <= 0).all())


@pytest.mark.parametrize("content", ["missing", "garbage", "foreign", "incomplete", "other shape"])
def test_bad_files_are_diagnosed(tmp_path: Path, content: str) -> None:
    path, header = tmp_path / "bad.safetensors", {"format": "napari-deepblur scene spectra 1", "windows": "9"}
    if content == "garbage":
        path.write_bytes(b"no spectra")
    elif content == "foreign":
        save_file({"mean": torch.ones(2)}, path, {"format": "something else"})
    elif content == "incomplete":
        save_file({"mean": torch.ones(64, 33)}, path, header)
    elif content == "other shape":
        small = {"mean": (8, 5), "components": (1, 8, 5), "variances": (1,), "residual": (8, 5)}
        save_file({name: torch.ones(shape) for name, shape in small.items()}, path, header)
    with pytest.raises(WeightsError, match=r"bad\.safetensors"):
        load_scene_spectra(path)


def test_one_flipped_bit_is_found(tmp_path: Path) -> None:
    path = tmp_path / "spectra.safetensors"
    save_scene_spectra(made(), path)
    data = bytearray(path.read_bytes())
    data[-50] ^= 4
    path.write_bytes(data)
    with pytest.raises(WeightsError, match="not those that were written"):
        load_scene_spectra(path)
