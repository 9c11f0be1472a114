"""What the metadata of microscope makers say: each number in its unit, with its origin, and the kind of microscope."""

from __future__ import annotations

import pytest

from napari_deepblur.io.formats.czi_metadata import czi_metadata
from napari_deepblur.io.modality import modality_in

CZI = """<ImageDocument><Metadata><Information>
<Image><Dimensions>
 <Channels><Channel Id="Channel:0" Name="LED555"><EmissionWavelength>568</EmissionWavelength>
   <AcquisitionMode>WideField</AcquisitionMode></Channel>
  <Channel Id="Channel:1" Name="BF"><AcquisitionMode>WideField</AcquisitionMode></Channel></Channels>
 <T><Positions><List><Offsets>0 60.075 120.15</Offsets></List></Positions></T></Dimensions>
 <ObjectiveSettings><RefractiveIndex>1.33</RefractiveIndex><ObjectiveRef Id="Objective:1"/></ObjectiveSettings></Image>
<Instrument><Objectives><Objective Id="Objective:0"><LensNA>0.3</LensNA></Objective>
 <Objective Id="Objective:1" Name="Plan-Apochromat 50x/1.2"><LensNA>1.2</LensNA></Objective></Objectives></Instrument>
</Information><Scaling><Items><Distance Id="X"><Value>9.05e-08</Value></Distance>
<Distance Id="Y"><Value>9.06e-08</Value></Distance><Distance Id="Z"><Value>3.2E-07</Value></Distance></Items></Scaling>
</Metadata></ImageDocument>"""


def test_czi_states_its_numbers_in_metres_and_nanometres() -> None:
    said = czi_metadata(CZI, "a.czi", "TZCYX", 2)
    assert said.pixel_size_um == pytest.approx((0.0906, 0.0905))
    assert said.plane_spacing_um == pytest.approx(0.32)
    assert said.time_increment_s == pytest.approx(60.075)
    assert (said.na, said.n_immersion) == (1.2, 1.33)
    assert said.wavelengths_um == (pytest.approx(0.568), None)
    assert said.channels == ("LED555", "BF")
    assert (said.modality, said.origin("na"), said.origin("modality")) == ("", "CZI metadata", "absent")


def test_what_only_the_engraving_tells_says_so() -> None:
    said = czi_metadata(CZI.replace("<LensNA>1.2</LensNA>", ""), "a.czi", "YX", 2)
    assert (said.na, said.origin("na")) == (1.2, "engraving")
    assert said.plane_spacing_um is None


def test_unequal_times_have_no_increment() -> None:
    assert czi_metadata(CZI.replace("120.15", "300"), "a.czi", "TYX", 2).time_increment_s is None


@pytest.mark.parametrize(("word", "kind"), [
    ("LaserScanningConfocalMicroscopy", "confocal"), ("laserScanConfocal", "confocal"),
    ("SpinningDiskConfocal", "confocal"),
    ("Airyscan", "Airyscan"), ("Airyscan confocal", "Airyscan"), ("SPIM", "light sheet"), ("LightSheet", "light sheet"),
    ("MultiPhotonMicroscopy", "multi-photon"), ("StructuredIllumination", "structured illumination"),
    ("WideField", ""), ("Fluorescence", ""), ("TransmittedLightBrightfield", ""), ("similar", ""), ("LED470", ""),
])  # fmt: skip
def test_other_microscopes_are_told_by_their_names(word: str, kind: str) -> None:
    assert modality_in(word) == kind
