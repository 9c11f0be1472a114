"""No result takes the place of what is read, nor of another result, at either door."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr

from napari_deepblur import deblur_stack
from napari_deepblur.cli import main
from napari_deepblur.errors import OutputError, SettingsError
from napari_deepblur.io.open_image import open_image
from napari_deepblur.pipeline import DeblurSettings
from napari_deepblur.pipeline.own_places import check_places

IMAGE = np.random.default_rng(0).poisson(200, (2, 64, 64)).astype(np.float32)
KNOWN: dict[str, Any] = {"theta": [0.0] * 8, "method": "wiener", "device": "cpu"}


@pytest.fixture
def part(tmp_path: Path) -> Path:
    """Make a set of two files, a plane each, and return the first."""
    names = ["a_t0.ome.tif", "a_t1.ome.tif"]
    entries = "".join(
        f'<TiffData FirstT="{k}" IFD="0" PlaneCount="1"><UUID FileName="{name}">urn:uuid:{k}</UUID></TiffData>'
        for k, name in enumerate(names)
    )
    for k, name in enumerate(names):
        text = (
            '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="urn:uuid:{k}"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="float" '
            f'SizeX="64" SizeY="64" SizeC="1" SizeZ="1" SizeT="2">'
            f'<Channel ID="Channel:0:0" SamplesPerPixel="1"/>{entries}'
            "</Pixels></Image></OME>"
        )
        tifffile.imwrite(tmp_path / name, IMAGE[k], description=text, metadata=None)
    return tmp_path / names[0]


@pytest.mark.parametrize("name", ["a_t0.ome.tif", "a_t1.ome.tif"])
@pytest.mark.parametrize("shell", [True, False])
def test_no_file_of_the_image_is_overwritten(part: Path, name: str, shell: bool, capsys: Any) -> None:
    target = part.with_name(name)
    before = target.read_bytes()
    if shell:
        assert main(["deblur", str(part), "-o", str(target), "--method", "wiener", "--quiet"]) == 2
        assert "is the input image, which is never overwritten" in capsys.readouterr().err
    else:
        with open_image(part) as image, pytest.raises(OutputError, match="is the input image"):
            deblur_stack(image, out=target, **KNOWN)
    assert target.read_bytes() == before


def test_arrays_of_the_image_are_not_for_results(tmp_path: Path) -> None:
    stored = zarr.open_array(str(tmp_path / "a.zarr"), mode="w", shape=IMAGE.shape, dtype="f4")
    again = zarr.open_array(str(tmp_path / "a.zarr"), mode="r+")
    np.save(tmp_path / "a.npy", IMAGE)
    read, written = (np.load(tmp_path / "a.npy", mmap_mode=mode) for mode in ("r", "r+"))
    for image, out in ((IMAGE, IMAGE[:]), (stored, stored), (stored, again), (read, written)):
        with pytest.raises(OutputError, match="is the image itself"):
            deblur_stack(image, out=out, axes="TYX", **KNOWN)
    check_places(IMAGE, IMAGE.copy(), zarr.open_array(str(tmp_path / "b.zarr"), mode="w", shape=(2,), dtype="f4"))


def test_two_results_have_two_places(tmp_path: Path) -> None:
    array = np.zeros_like(IMAGE)
    for one, other in ((array, array), (tmp_path / "a.tif", str(tmp_path / "A.tif"))):
        with pytest.raises(OutputError, match="asked for twice"):
            deblur_stack(IMAGE, out=one, spread_out=other, axes="TYX", draws=2, method="wiener", device="cpu")


def test_an_infinite_strength_is_refused() -> None:
    with pytest.raises(SettingsError, match="finite number"):
        DeblurSettings(method="wiener", strength=float("inf"))
