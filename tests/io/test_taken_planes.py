"""Where and when planes were taken: out of each format, into each format of results, and nothing that nobody said."""

from __future__ import annotations

import json
import re
import struct
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile
import zarr

from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.formats.czi_metadata import scene_place
from napari_deepblur.io.formats.lif_places import lif_planes
from napari_deepblur.io.formats.tiff_planes import lsm_planes, ndtiff_channels, stk_planes, tiff_planes
from napari_deepblur.io.ome_plane_elements import read_planes
from napari_deepblur.io.open_image import open_image
from napari_deepblur.io.sinks import Form, file_sink
from napari_deepblur.io.taken_planes import REFERENCE_FRAME, PlaneTaken, TakenPlanes
from napari_deepblur.pipeline import DeblurSettings
from napari_deepblur.pipeline.stated_optics import taken_with

FRAMES, DEPTH = 2, 3
PLACES = [(1500.0, -2.5 + 0.5 * t, 10 + 0.3 * z) for t in range(FRAMES) for z in range(DEPTH)]
"""X, Y and Z of each plane in micrometres: the stage drifts along Y from frame to frame."""

TIMES = [0.5, 1.0, 1.5, 20.0, 20.5, 21.0]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Make an OME-TIFF file whose planes say where they were taken, in three units."""
    path = tmp_path / "a.ome.tif"
    count = FRAMES * DEPTH
    planes = {
        "PositionX": [x / 1000 for x, _, _ in PLACES],
        "PositionXUnit": ["mm"] * count,
        "PositionY": [1000 * y for _, y, _ in PLACES],
        "PositionYUnit": ["nm"] * count,
        "PositionZ": [z for _, _, z in PLACES],
        "PositionZUnit": ["µm"] * count,
        "DeltaT": [1000 * time for time in TIMES],
        "DeltaTUnit": ["ms"] * count,
        "ExposureTime": [0.02] * count,
    }
    sizes: dict[str, Any] = {f"PhysicalSize{axis}": 0.1 for axis in "XY"} | {
        "PhysicalSizeZ": 0.3,
        "TimeIncrement": 19.5,
    }
    image = np.zeros((FRAMES, DEPTH, 16, 16), np.uint16)
    tifffile.imwrite(path, image, metadata={"axes": "TZYX", "Plane": planes, **sizes})
    return path


def copied(source: Path, target: Path) -> Path:
    """Write a result as a run does, with what its image says."""
    with open_image(source) as image:
        said = taken_with(image.acquisition, DeblurSettings())
        form = Form(image.shape, image.axes, np.dtype(np.float32), 0.1)
        sink = file_sink(target, said)
        assert not sink.refusal(form)
        sink.open(form)
        for index in np.ndindex(*image.shape[:-2]):
            sink.write(index, (slice(0, 16), slice(0, 16)), np.zeros((16, 16), np.float32))
        sink.finish({})
    return target


def plane_elements(path: Path) -> list[dict[str, str]]:
    with tifffile.TiffFile(path) as file:
        root = ElementTree.fromstring(file.ome_metadata or "")
    return [dict(element.attrib) for element in root.iterfind("{*}Image/{*}Pixels/{*}Plane")]


def first_transforms(path: Path, level: int = 0) -> dict[str, list[float]]:
    scales = dict(zarr.open_group(str(path), mode="r").attrs)["ome"]["multiscales"][0]
    transforms = scales["datasets"][level]["coordinateTransformations"]
    return {one["type"]: one[one["type"]] for one in transforms}


def check_elements(path: Path) -> None:
    elements = plane_elements(path)
    assert [tuple(float(one[f"Position{axis}"]) for axis in "XYZ") for one in elements] == [
        pytest.approx(place) for place in PLACES
    ]
    assert {one[f"Position{axis}Unit"] for one in elements for axis in "XYZ"} == {"µm"}
    assert [float(one["DeltaT"]) for one in elements] == pytest.approx(TIMES)
    assert {(one["ExposureTime"], one["ExposureTimeUnit"]) for one in elements} == {("0.02", "s")}
    assert [(one["TheT"], one["TheZ"]) for one in elements] == [(str(k // 3), str(k % 3)) for k in range(6)]


@pytest.mark.parametrize("way", [("b.ome.tif",), ("b.ome.zarr", "c.ome.tif"), ("b.ome.tif", "c.ome.zarr", "d.ome.tif")])
def test_every_plane_keeps_its_place_and_time(source: Path, tmp_path: Path, way: tuple[str, ...]) -> None:
    path = source
    for name in way:
        path = copied(path, tmp_path / name)
    check_elements(path)


def test_a_store_begins_where_its_first_plane_was_taken(source: Path, tmp_path: Path) -> None:
    found = first_transforms(copied(source, tmp_path / "b.ome.zarr"))
    assert found["scale"] == pytest.approx([19.5, 0.3, 0.1, 0.1])
    assert found["translation"] == pytest.approx([0.5, 10.0, -2.5, 1500.0])


def test_coarser_levels_of_a_pyramid_begin_there_too(tmp_path: Path) -> None:
    planes = TakenPlanes("", (), (PlaneTaken(None, 5.0, 7.0),))
    said = Acquisition(pixel_size_um=(0.1, 0.1), axes="YX", planes=planes)
    sink = file_sink(tmp_path / "b.ome.zarr", said)
    sink.open(Form((600, 600), "YX", np.dtype(np.float32), 0.1))
    sink.write((), (slice(0, 600), slice(0, 600)), np.zeros((600, 600), np.float32))
    sink.finish({})
    assert first_transforms(tmp_path / "b.ome.zarr", 0)["translation"] == pytest.approx([5.0, 7.0])
    assert first_transforms(tmp_path / "b.ome.zarr", 1)["translation"] == pytest.approx([5.05, 7.05])


def store(path: Path, transforms: list[dict[str, Any]], outer: list[dict[str, Any]] | None = None) -> Path:
    group = zarr.open_group(str(path), mode="w", zarr_format=3)
    group.create_array("0", data=np.ones((3, 16, 16), np.uint16))
    axes = [{"name": letter, "type": "space", "unit": unit} for letter, unit in
            (("z", "micrometer"), ("y", "nanometer"), ("x", "millimeter"))]  # fmt: skip
    scale = {"name": "a", "axes": axes, "datasets": [{"path": "0", "coordinateTransformations": transforms}]}
    scale |= {} if outer is None else {"coordinateTransformations": outer}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [scale]}
    return path


SCALE = {"type": "scale", "scale": [0.3, 100.0, 0.0001]}
SHIFT = {"type": "translation", "translation": [-4.0, 2500.0, 1.5]}


def test_the_translation_of_a_store_comes_out_of_it(tmp_path: Path) -> None:
    path = store(tmp_path / "a.ome.zarr", [SCALE, SHIFT])
    again = first_transforms(copied(path, tmp_path / "b.ome.zarr"))
    assert again["translation"] == pytest.approx([-4.0, 2.5, 1500.0])
    elements = plane_elements(copied(path, tmp_path / "b.ome.tif"))
    places = [tuple(float(one[f"Position{axis}"]) for axis in "XYZ") for one in elements]
    assert places == [pytest.approx((1500.0, 2.5, -4.0 + 0.3 * z)) for z in range(3)]


def test_a_scale_of_all_levels_stretches_the_translation_before_it(tmp_path: Path) -> None:
    outer = [{"type": "scale", "scale": [2.0, 2.0, 2.0]}, {"type": "translation", "translation": [1.0, 0.0, 0.0]}]
    with open_image(store(tmp_path / "a.ome.zarr", [SCALE, SHIFT], outer)) as image:
        assert image.acquisition.planes is not None
        assert image.acquisition.planes.first == pytest.approx((-7.0, 5.0, 3000.0, None, None))


def test_a_store_that_another_program_moved_is_where_it_says(source: Path, tmp_path: Path) -> None:
    path = copied(source, tmp_path / "b.ome.zarr")
    text = (path / "zarr.json").read_text()
    moved = json.loads(text)
    level = moved["attributes"]["ome"]["multiscales"][0]["datasets"][0]["coordinateTransformations"]
    level[1]["translation"] = [0.0, 0.0, 9.0, 8.0]
    (path / "zarr.json").write_text(json.dumps(moved))
    with open_image(path) as image:
        assert image.acquisition.planes is not None
        assert image.acquisition.planes.first[1:4] == (9.0, 8.0, None)


def test_places_without_a_unit_stay_without_one(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    sizes: dict[str, Any] = {"PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1}
    tifffile.imwrite(
        path, np.zeros((16, 16), np.uint16), metadata={"axes": "YX", "Plane": {"PositionX": [3.0]}, **sizes}
    )
    (element,) = plane_elements(copied(path, tmp_path / "b.ome.tif"))
    assert (element["PositionX"], element["PositionXUnit"]) == ("3.0", "reference frame")
    assert "PositionY" not in element
    # A length of which nobody knows how long it is shifts nothing.
    assert "translation" not in first_transforms(copied(path, tmp_path / "b.ome.zarr"))
    (element,) = plane_elements(copied(tmp_path / "b.ome.zarr", tmp_path / "c.ome.tif"))
    assert (element["PositionX"], element["PositionXUnit"]) == ("3.0", "reference frame")


def test_nothing_that_was_not_said_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, np.zeros((3, 16, 16), np.uint16), metadata={"axes": "ZYX", "PhysicalSizeX": 0.1})
    assert plane_elements(copied(path, tmp_path / "b.ome.tif")) == []
    assert "translation" not in first_transforms(copied(path, tmp_path / "b.ome.zarr"))


def test_what_depends_on_an_axis_that_is_gone_is_not_known() -> None:
    planes = TakenPlanes.of("TZ", (2, 3), lambda at: PlaneTaken(float(at[1]), 5.0, float(at[0])))
    assert planes is not None
    assert planes.each("TYX", (2, 8, 8)) == [PlaneTaken(None, 5.0, 0.0), PlaneTaken(None, 5.0, 1.0)]
    # Of another length it is another axis.
    assert planes.each("ZTYX", (4, 2, 8, 8)) == []
    assert [one.z for one in planes.each("ZTYX", (3, 2, 8, 8))] == [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]


def test_a_table_is_the_same_by_way_of_json() -> None:
    planes = TakenPlanes.of("TZ", (2, 3), lambda at: PlaneTaken(float(at[1]), None, 2.0, time_s=float(at[0])))
    assert planes is not None and planes.axes == "TZ"
    assert TakenPlanes.from_json(json.loads(json.dumps(planes.as_json()))) == planes
    said = Acquisition(na=1.2, planes=planes)
    assert Acquisition(**json.loads(json.dumps(asdict(said)))).planes == planes


@pytest.mark.parametrize("change", [{"planes": 3}, {"lengths": [2]}, {"units": ["µm"]}, {"planes": [["a"] * 5] * 6},
                                    {"planes": [[float("nan")] * 5] * 6}, {"planes": [[1.0] * 9] * 6}])  # fmt: skip
def test_a_table_that_cannot_be_understood_says_nothing(change: dict[str, Any]) -> None:
    planes = TakenPlanes.of("TZ", (2, 3), lambda at: PlaneTaken(*map(float, at)))
    assert planes is not None
    assert TakenPlanes.from_json(planes.as_json() | change) is None


def test_a_few_bytes_of_xml_make_no_large_table() -> None:
    pixels = ElementTree.fromstring(
        '<Pixels SizeT="1000000"><Plane TheT="0" TheZ="0" TheC="0" PositionX="1"/></Pixels>'
    )
    assert read_planes(pixels) is None


def test_czi_lists_the_places_of_its_scenes() -> None:
    listed = '<Scene Index="0"><CenterPosition>51750,42250</CenterPosition></Scene><Scene Index="1"><Positions>' \
        '<Position X="-7512.8" Y="7132.4" Z="4016.68"/></Positions></Scene>'  # fmt: skip
    names = re.findall(r"\w+", "Metadata Information Image Dimensions S Scenes")
    text = "".join(f"<{name}>" for name in names) + listed + "".join(f"</{name}>" for name in reversed(names))
    text = f"<ImageDocument>{text}</ImageDocument>"
    assert scene_place(text, 0) == PlaneTaken(None, 42250.0, 51750.0)
    assert scene_place(text, 1) == PlaneTaken(4016.68, 7132.4, -7512.8)
    assert scene_place(text, 2) == PlaneTaken()


def test_lif_states_places_in_metres() -> None:
    text = '<Element><ATLCameraSettingDefinition StagePosX="0.03" StagePosY="0.02" ZPosition="1e-6" Begin="1e-6" ' \
        'End="3e-6"/></Element>'  # fmt: skip
    element = ElementTree.fromstring(text)
    planes = lif_planes(element, "ZYX", (3, 8, 8), 1.0)
    assert planes is not None
    assert [one[:3] for one in planes.planes] == [pytest.approx((z, 2e4, 3e4)) for z in (1.0, 2.0, 3.0)]
    # First and last along another axis.
    planes = lif_planes(element, "ZYX", (3, 8, 8), 0.2)
    assert planes is not None and planes.planes == (PlaneTaken(None, 20000.0, 30000.0),)


def test_ndtiff_says_of_each_plane_where_its_text_is(tmp_path: Path) -> None:
    texts = [
        {"ElapsedTime-ms": 0, "Exposure-ms": 10.0, "XPositionUm": 5, "YPositionUm": -2.5, "ZPositionUm": 1},
        {"ElapsedTime-ms": 1500, "Exposure": "10", "XPosition_um_Intended": 6, "YPositionUm": "none"},
    ]
    written, index, places = b"\0" * 16, b"", []
    for number, text in enumerate(texts):
        said = json.dumps(text).encode()
        # In the index in the order in which they were taken, which is not that of the axes.
        axes, numbers = (
            json.dumps({"time": number, "channel": "DAPI"}).encode(),
            (100 + number, 4, 4, 1, 0, len(written), len(said), 0),
        )
        entry = (
            struct.pack("<I", len(axes)) + axes + struct.pack("<I", 5) + b"a.tif" + struct.pack("<IiiiiIii", *numbers)
        )
        index, written = entry + index, written + said
        places.append(SimpleNamespace(parent=SimpleNamespace(filename="a.tif"), dataoffsets=(100 + number,)))
    (tmp_path / "a.tif").write_bytes(written)
    (tmp_path / "NDTiff.index").write_bytes(index)
    series = SimpleNamespace(kind="ndtiff", pages=places)
    planes = tiff_planes(series, tmp_path / "a.tif", "T", (2,))
    assert planes is not None and planes.axes == "T" and ndtiff_channels(tmp_path) == ("DAPI",)
    assert ndtiff_channels(tmp_path / "nowhere") == ()
    assert planes.planes == (PlaneTaken(1.0, -2.5, 5.0, 0.0, 0.01), PlaneTaken(None, None, 6.0, 1.5, 0.01))
    # What is damaged says nothing, and costs no pixels.
    (tmp_path / "a.tif").write_bytes(b"\0" * len(written))
    assert tiff_planes(series, tmp_path / "a.tif", "T", (2,)) is None
    assert tiff_planes(series, tmp_path / "a.tif", "T", (3,)) is None


def test_metamorph_has_a_list_of_places_and_times_in_units_that_it_does_not_name() -> None:
    created = np.array(["2026-01-01T23:59:59", "2026-01-02T00:00:01.500"], "datetime64[ns]")
    said = {"StagePosition": np.array([[1.0, 2.0], [1.0, np.nan]]), "AbsoluteZ": (7.0, 8.0), "DatetimeCreated": created}
    planes = stk_planes(said, "T", (2,))
    assert planes is not None and planes.units == (REFERENCE_FRAME,) * 3
    assert planes.planes == (PlaneTaken(7.0, 2.0, 1.0, 0.0), PlaneTaken(8.0, None, 1.0, 2.5))
    for nothing in ({}, {"StagePosition": "x", "AbsoluteZ": (1.0,), "DatetimeCreated": None}):
        assert stk_planes(nothing, "T", (2,)) is None


def test_lsm_has_a_time_for_each_of_a_series() -> None:
    planes = lsm_planes({"TimeStamps": np.array([38.5, 40.0])}, "TC", (2, 3))
    assert planes is not None and planes.axes == "T"
    assert [one.time_s for one in planes.planes] == [0.0, 1.5]
    assert lsm_planes({"TimeStamps": np.array([38.5])}, "TC", (2, 3)) is None
    assert lsm_planes({"TimeStamps": np.array([38.5])}, "Z", (1,)) is None
