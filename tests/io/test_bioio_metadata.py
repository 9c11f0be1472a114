"""Files of microscope makers: asked through bioio where it is installed, and a clear word where it is not."""

from __future__ import annotations

import importlib.machinery
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from napari_deepblur.errors import ImageError
from napari_deepblur.io import bioio_metadata
from napari_deepblur.io.acquisition_files import read_acquisition

XML = """<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">
  <Instrument ID="Instrument:0"><Objective ID="Objective:0" LensNA="1.45" Immersion="Oil"/></Instrument>
  <Image ID="Image:0"><Pixels ID="Pixels:0"><Channel ID="Channel:0:0" EmissionWavelength="525"/></Pixels></Image>
</OME>"""


class _Image:
    """What bioio says of an ND2 file (with OME metadata) or a LIF file (without)."""

    dims = SimpleNamespace(order="TCZYX")
    physical_pixel_sizes = SimpleNamespace(Z=-0.3, Y=0.11, X=0.108)
    channel_names = ("GFP",)
    standard_metadata = SimpleNamespace(objective="HC PL APO 63x/1.40 OIL")

    def __init__(self, path: Path) -> None:
        if not path.read_bytes():
            raise LookupError("bioio's own error")
        self._ome = path.suffix == ".nd2"

    @property
    def ome_metadata(self) -> Any:
        if not self._ome:
            raise NotImplementedError
        return SimpleNamespace(to_xml=lambda: XML)


@pytest.fixture
def bioio(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("bioio", "bioio_nd2", "bioio_lif"):
        module = ModuleType(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        monkeypatch.setitem(sys.modules, name, module)
    sys.modules["bioio"].BioImage = _Image  # type: ignore[attr-defined]


def _file(folder: Path, name: str, content: str = "pixels") -> Path:
    path = folder / name
    path.write_text(content)
    return path


@pytest.mark.usefixtures("bioio")
def test_ome_metadata_count_more_than_names(tmp_path: Path) -> None:
    path = _file(tmp_path, "cells.nd2")
    found = read_acquisition(path)
    assert (found.na, found.n_immersion, found.wavelengths_um) == (1.45, 1.515, (0.525,))
    assert (found.pixel_size_um, found.plane_spacing_um) == ((0.11, 0.108), 0.3)
    assert (found.channels, found.axes, found.source) == (("GFP",), "TCZYX", str(path))
    assert (found.origins["na"], found.origins["pixel_size_um"]) == ("OME-XML", "ND2 metadata")


@pytest.mark.usefixtures("bioio")
def test_without_ome_metadata_the_engraving_tells(tmp_path: Path) -> None:
    found = read_acquisition(_file(tmp_path, "cells.LIF"))
    assert (found.na, found.n_immersion, found.wavelengths_um) == (1.4, 1.515, ())
    assert found.origins["na"] == "LIF metadata"


@pytest.mark.usefixtures("bioio")
def test_a_damaged_file_says_nothing(tmp_path: Path) -> None:
    assert dict(read_acquisition(_file(tmp_path, "empty.nd2", "")).origins) == {}


@pytest.mark.parametrize(("kind", "words"), [("lif", r"napari-deepblur\[bioio\]"), ("czi", "bioio-czi .*GPL")])
def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, words: str) -> None:
    monkeypatch.setattr(bioio_metadata, "find_spec", lambda name: None)
    with pytest.raises(ImageError, match=f"{kind.upper()} files are not installed.*{words}"):
        read_acquisition(_file(tmp_path, f"cells.{kind}"))
