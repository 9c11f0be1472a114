"""How an image was taken: every number that a file states, in its unit, and none that it does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_deepblur.errors import ImageError
from napari_deepblur.io.acquisition import Acquisition, read_objective, said_by
from napari_deepblur.io.acquisition_files import read_acquisition
from napari_deepblur.io.ome_xml import read_ome_xml

PLANE = np.random.default_rng(0).integers(0, 100, (20, 24)).astype(np.uint16)

XML = """<?xml version="1.0" encoding="UTF-8"?>
<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">
  <Instrument ID="Instrument:0">
    <Objective ID="Objective:0" LensNA="0.5" Immersion="Air"/>
    <Objective ID="Objective:1" LensNA="1.25" Immersion="Water"/>
  </Instrument>
  <Image ID="Image:0" Name="cells">
    <InstrumentRef ID="Instrument:0"/>
    <ObjectiveSettings ID="Objective:1"/>
    <Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="24" SizeY="20" SizeC="2" SizeZ="1" SizeT="1"
      PhysicalSizeX="65" PhysicalSizeXUnit="nm" PhysicalSizeY="0.0001" PhysicalSizeYUnit="mm" PhysicalSizeZ="0.3">
      <Channel ID="Channel:0:0" Name="GFP" EmissionWavelength="509" SamplesPerPixel="1"/>
      <Channel ID="Channel:0:1" Name="DAPI" EmissionWavelength="0.461" EmissionWavelengthUnit="µm"/>
      <TiffData IFD="0" PlaneCount="2"/>
    </Pixels>
  </Image>
</OME>"""


def _write(path: Path, xml: str) -> Path:
    tifffile.imwrite(path, np.stack([PLANE, PLANE]), description=xml.encode(), metadata=None, photometric="minisblack")
    return path


def test_ome_xml_states_optics_and_sampling_in_their_units(tmp_path: Path) -> None:
    path = _write(tmp_path / "cells.ome.tif", XML)
    found = read_acquisition(path)
    assert found.na == 1.25
    assert found.n_immersion == 1.33
    assert found.pixel_size_um == pytest.approx((0.1, 0.065))
    assert found.plane_spacing_um == 0.3
    assert found.channels == ("GFP", "DAPI")
    assert found.wavelengths_um == pytest.approx((0.509, 0.461))
    assert (found.wavelength_um(1), found.wavelength_um(2)) == (pytest.approx(0.461), None)
    assert found.axes == "CYX"
    assert found.source == str(path)
    assert found.origins["na"] == found.origins["wavelengths_um"] == "OME-XML"
    assert found.origins["axes"] == "TIFF"


@pytest.mark.parametrize(
    ("medium", "index"),
    [("Oil", 1.515), ("Water", 1.33), ("WaterDipping", 1.33), ("Air", 1.0), ("Glycerol", 1.47), ("Multi", None)],
)
def test_immersion_media_have_their_index(medium: str, index: float | None) -> None:
    assert read_ome_xml(XML.replace('"Water"', f'"{medium}"')).n_immersion == index


def test_the_index_of_the_settings_counts_more_than_the_name_of_the_medium() -> None:
    xml = XML.replace(
        '<ObjectiveSettings ID="Objective:1"', '<ObjectiveSettings ID="Objective:1" RefractiveIndex="1.34"'
    )
    assert read_ome_xml(xml).n_immersion == 1.34


def test_among_several_objectives_none_is_guessed_but_a_single_one_was_used() -> None:
    unsaid = XML.replace('<ObjectiveSettings ID="Objective:1"/>', "")
    assert read_ome_xml(unsaid).na is None
    single = unsaid.replace('<Objective ID="Objective:0" LensNA="0.5" Immersion="Air"/>', "")
    assert read_ome_xml(single).na == 1.25


def test_what_no_microscope_has_counts_as_not_said() -> None:
    found = read_ome_xml(XML.replace('"65"', '"65000"').replace("1.25", "12.5").replace('"509"', '"509000"'))
    assert found.pixel_size_um is None
    assert found.na is None
    assert found.wavelengths_um == (None, pytest.approx(0.461))
    assert "na" not in found.origins
    assert read_ome_xml(XML.replace('"65"', '"many"')).pixel_size_um is None
    assert read_ome_xml(XML.replace('"nm"', '"pixel"')).pixel_size_um is None


def test_entities_are_refused_before_they_grow(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE OME [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;">]>' + XML.split("?>")[1].replace("GFP", "&b;")
    with pytest.raises(ImageError, match="entities"):
        read_ome_xml(bomb)
    assert read_acquisition(_write(tmp_path / "bomb.ome.tif", bomb)).channels == ()
    with pytest.raises(ImageError, match="damaged"):
        read_ome_xml(XML[:-20])


@pytest.mark.parametrize(("times", "seconds"), [((5, 7005, 14004), 7.0), ((5, 7005, 20000), None), ((5,), None)])
def test_times_of_planes_are_an_increment_where_they_are_equal(times: tuple[int, ...], seconds: float | None) -> None:
    """Most microscopes write when each plane was taken, and no increment."""
    planes = "".join(
        f'<Plane TheC="{c}" TheZ="0" TheT="{t}" DeltaT="{ms + 30 * c}" DeltaTUnit="ms"/>'
        for t, ms in enumerate(times)
        for c in range(2)
    )
    found = read_ome_xml(XML.replace("</Pixels>", f"{planes}</Pixels>"))
    assert found.time_increment_s == (None if seconds is None else pytest.approx(seconds, rel=1e-3))
    stated = XML.replace("PhysicalSizeZ", 'TimeIncrement="2" PhysicalSizeZ').replace("</Pixels>", f"{planes}</Pixels>")
    assert read_ome_xml(stated).time_increment_s == 2


def test_imagej_states_pixel_and_spacing_in_one_unit(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    facts = {"unit": "micron", "spacing": 0.25, "axes": "ZYX"}
    tifffile.imwrite(path, np.stack([PLANE] * 3), imagej=True, resolution=(1 / 0.065, 1 / 0.13), metadata=facts)
    found = read_acquisition(path)
    assert found.pixel_size_um == pytest.approx((0.13, 0.065), rel=1e-5)
    assert found.plane_spacing_um == 0.25
    assert found.axes == "ZYX"
    assert found.origins["pixel_size_um"] == "ImageJ metadata"


def test_imagej_states_names_and_colours_of_channels(tmp_path: Path) -> None:
    ramp = np.arange(256)
    green, half_red = np.stack([0 * ramp, ramp, 0 * ramp]), np.stack([ramp // 2, 0 * ramp, 0 * ramp])
    fire = np.stack([ramp, ramp**2 // 255, ramp])
    tables = [table.astype(np.uint8) for table in (green, half_red, fire)]
    facts = {"axes": "TZCYX", "Labels": ["a", "b", "c"] * 4, "LUTs": tables, "mode": "composite"}
    planes = np.zeros((2, 2, 3, *PLANE.shape), np.uint16)
    tifffile.imwrite(tmp_path / "x.tif", planes, imagej=True, metadata=facts)
    found = read_acquisition(tmp_path / "x.tif")
    assert found.channels == ("a", "b", "c") and found.channel_colours == ("00FF00", "7F0000", "")
    # Labels of planes are no names of channels.
    facts |= {"Labels": [f"plane {k}" for k in range(12)]}
    tifffile.imwrite(tmp_path / "y.tif", planes, imagej=True, metadata=facts)
    assert read_acquisition(tmp_path / "y.tif").channels == ()


@pytest.mark.parametrize(("unit", "um"), [("INCH", 25400), ("CENTIMETER", 1e4), ("MILLIMETER", 1e3), ("MICROMETER", 1)])
def test_a_resolution_is_in_any_unit_that_tiff_knows(tmp_path: Path, unit: str, um: float) -> None:
    tifffile.imwrite(tmp_path / "x.tif", PLANE, resolution=(um / 0.065, um / 0.065), resolutionunit=unit)
    assert read_acquisition(tmp_path / "x.tif").pixel_size_um == pytest.approx((0.065, 0.065), rel=1e-5)


def test_files_that_say_nothing_say_nothing(tmp_path: Path) -> None:
    plain = tmp_path / "plain.tif"
    tifffile.imwrite(plain, PLANE, resolution=(300, 300), resolutionunit="INCH")
    assert read_acquisition(plain).pixel_size_um is None
    broken = tmp_path / "broken.tif"
    broken.write_text("no image")
    assert read_acquisition(broken) == Acquisition(source=str(broken))
    assert read_acquisition(tmp_path / "absent.tif") == Acquisition()


def test_gaps_are_filled_from_another_source_which_stays_named() -> None:
    file, layer = said_by("OME-XML", "a.tif", na=1.2), said_by("layer scale", na=0.9, pixel_size_um=(0.1, 0.1))
    both = file.or_else(layer)
    assert (both.na, both.pixel_size_um, both.source) == (1.2, (0.1, 0.1), "a.tif")
    assert dict(both.origins) == {"na": "OME-XML", "pixel_size_um": "layer scale"}


@pytest.mark.parametrize(
    ("engraving", "expected"),
    [
        ("HC PL APO    CS2 63x/1.40 OIL", {"na": 1.4, "n_immersion": 1.515}),
        ("Plan Apo λ 20x/0.75", {"na": 0.75}),
        ("C-Apochromat 40x/1,20 Water", {"na": 1.2, "n_immersion": 1.33}),
        ("HCX PL FLUOTAR 10.0x0.30 DRY", {"na": 0.3, "n_immersion": 1.0}),
        ("EC Plan-Neofluar 1.25x/0.03", {"na": 0.03}),
        ("PL FLUOTAR 1.6x/0.05", {"na": 0.05}),
        ("AZ Plan Apo 0.5x", {}),
        ("UPLSAPO 60XO NA:1.35", {"na": 1.35, "n_immersion": 1.515}),
        ("UPLSAPO60XS2 N.A. 1,30 Sil", {"na": 1.3, "n_immersion": 1.406}),
        ("C-Apochromat 40x/1.20 W Corr", {"na": 1.2, "n_immersion": 1.33}),
        ("HC PL APO CS2 63x/1.30 GLYC", {"na": 1.3, "n_immersion": 1.47}),
        ("HC PL APO 20x/0.75 IMM CORR CS2", {"na": 0.75}),
        ("LD LCI 25x/0.8 Oil/W/Glyc", {"na": 0.8}),
        ("Plan 40x WD 0.13 ∞/0.17", {}),
        ("Plan Apo 60x/1.40 Oil ∞/0.17 WD 0.13", {"na": 1.4, "n_immersion": 1.515}),
        ("Zoom 1.5", {}),
        ("C-Apochromat 40x/0.6-1.3 Oil Iris", {"n_immersion": 1.515}),
        ("Plan Apo 4x, optovar 1.25", {}),
        ("MVPLAPO 1x/0.25 FWD 65 mm", {"na": 0.25}),
        ("unknown", {}),
    ],
)
def test_what_is_engraved_on_objectives(engraving: str, expected: dict[str, float]) -> None:
    assert read_objective(engraving) == expected
