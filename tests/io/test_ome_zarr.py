"""OME-Zarr stores, made by zarr itself: the pixels and what is said about them, or one line that says why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from napari_deepblur.errors import AssumptionWarning, ImageError
from napari_deepblur.io.acquisition_files import read_acquisition
from napari_deepblur.io.open_image import open_image, scene_names

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 4000, (2, 3, 20, 24)).astype(np.uint16)
AXES = (
    {"name": "c", "type": "channel"},
    {"name": "z", "type": "space", "unit": "micrometer"},
    {"name": "y", "type": "space", "unit": "nanometer"},
    {"name": "x", "type": "space", "unit": "nanometer"},
)
SCALE = (1.0, 0.3, 90.0, 80.0)
OMERO = {"channels": [{"label": "DAPI", "color": "0000FF"}, {"label": "GFP", "color": "00FF00"}]}


def scales(levels: int = 1, axes: Any = AXES, scale: Any = SCALE, **more: Any) -> list[dict[str, Any]]:
    """Describe a multiscale image, each level of half the size."""
    datasets = []
    for level in range(levels):
        own = [side * 2**level if place > 1 else side for place, side in enumerate(scale)]
        datasets.append({"path": str(level), "coordinateTransformations": [{"type": "scale", "scale": own}]})
    return [{"name": "cells", "axes": list(axes), "datasets": datasets, **more}]


def fill(group: zarr.Group, version: str, image: np.ndarray = IMAGE, levels: int = 1, **more: Any) -> None:
    """Write an image, and what OME-Zarr says about it, into a group."""
    for level in range(levels):
        part = image[..., :: 2**level, :: 2**level]
        chunks = (1,) * (part.ndim - 2) + (8, 24)
        group.create_array(str(level), data=part, chunks=chunks)
    say(group, version, {"multiscales": scales(levels, **more), "omero": OMERO})


def say(group: zarr.Group, version: str, facts: dict[str, Any]) -> None:
    if version == "0.4":
        for part in facts.values():
            (part[0] if isinstance(part, list) else part)["version"] = version
        group.attrs.update(facts)
    else:
        group.attrs.update({"ome": {"version": version, **facts}})


def new(path: Path, version: str) -> zarr.Group:
    return zarr.open_group(str(path), mode="w", zarr_format=2 if version == "0.4" else 3)


@pytest.fixture(params=["0.4", "0.5"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.ome.zarr"


@pytest.mark.parametrize("levels", [1, 3])
def test_pixels_axes_and_all_that_is_said(path: Path, version: str, levels: int) -> None:
    group = new(path, version)
    fill(group, version, levels=levels)
    group.create_group("labels").attrs["labels"] = ["nuclei"]
    with open_image(path) as image:
        assert (image.axes, image.shape, image.dtype, image.name) == ("CZYX", IMAGE.shape, IMAGE.dtype, "cells")
        np.testing.assert_array_equal(np.asarray(image), IMAGE)
        np.testing.assert_array_equal(image[1, 2, 3:9], IMAGE[1, 2, 3:9])
        said = image.acquisition
    assert said.pixel_size_um == pytest.approx((0.09, 0.08)) and said.plane_spacing_um == pytest.approx(0.3)
    assert said.channels == ("DAPI", "GFP") and said.channel_colours == ("0000FF", "00FF00")
    assert said.origin("pixel_size_um") == "OME-Zarr" and read_acquisition(path).pixel_size_um == said.pixel_size_um


def test_the_scale_of_all_levels_counts_too_and_times_are_seconds(path: Path, version: str) -> None:
    axes = ({"name": "t", "type": "time", "unit": "millisecond"}, *AXES[1:])
    again = [{"type": "scale", "scale": [500.0, 1.0, 2.0, 2.0]}]
    fill(new(path, version), version, axes=axes, coordinateTransformations=again)
    said = read_acquisition(path)
    assert said.time_increment_s == pytest.approx(0.5) and said.pixel_size_um == pytest.approx((0.18, 0.16))
    assert said.axes == "TZYX"


def test_axes_of_any_name_are_told_by_their_kind(path: Path, version: str) -> None:
    names = [dict(axis, name=name) for axis, name in zip(AXES, ("dye", "depth", "row", "column"), strict=True)]
    fill(new(path, version), version, axes=names)
    with open_image(path) as image:
        assert image.axes == "CZYX" and image.acquisition.plane_spacing_um == pytest.approx(0.3)


def test_the_fields_of_a_plate_are_a_choice(path: Path, version: str) -> None:
    plate = new(path, version)
    wells = []
    for number, name in enumerate(("A/1", "B/12")):
        _, column = name.split("/")
        wells.append({"path": name, "rowIndex": number, "columnIndex": int(column) - 1})
        well = plate.create_group(name)
        for field in range(2):
            fill(well.create_group(str(field)), version, IMAGE + np.uint16(10 * number + field))
        say(well, version, {"well": {"images": [{"path": "0"}, {"path": "1"}]}})
    say(plate, version, {"plate": {"wells": wells, "rows": [{"name": "A"}, {"name": "B"}], "columns": []}})
    assert scene_names(path) == ("A/1/0", "A/1/1", "B/12/0", "B/12/1")
    with pytest.raises(ImageError, match=r"holds 4 images: 0 'A/1/0', .*--scene"):
        open_image(path)
    with pytest.raises(ImageError, match="has no image 'C/1/0'"):
        open_image(path, "C/1/0")
    for scene, added in (("B/12/1", 11), (2, 10)):
        with open_image(path, scene) as image:
            np.testing.assert_array_equal(np.asarray(image), IMAGE + np.uint16(added))
    with open_image(path / "A" / "1", 1) as image:
        np.testing.assert_array_equal(np.asarray(image), IMAGE + np.uint16(1))
    assert read_acquisition(path).pixel_size_um == pytest.approx((0.09, 0.08))


def test_a_series_of_images_keeps_its_order_and_the_optics_beside_it(path: Path, version: str) -> None:
    group = new(path, version)
    for number in range(11):
        fill(group.create_group(str(number)), version, IMAGE[:1] + np.uint16(number))
    assert scene_names(path) == tuple(map(str, range(11)))
    with open_image(path, 10) as image:
        np.testing.assert_array_equal(np.asarray(image), (IMAGE[:1] + np.uint16(10))[0])
    images = "".join(
        f'<Image ID="Image:{i}"><ObjectiveSettings ID="Objective:0"/><Pixels ID="Pixels:{i}"><Channel ID="C:{i}" '
        f'EmissionWavelength="{500 + i}"/></Pixels></Image>'
        for i in range(11)
    )
    objective = '<Instrument ID="I:0"><Objective ID="Objective:0" LensNA="1.3" Immersion="Oil"/></Instrument>'
    xml = f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">{objective}{images}</OME>'
    group.create_group("OME")
    (path / "OME" / "METADATA.ome.xml").write_text(xml, encoding="utf-8")
    said = read_acquisition(path, 10)
    assert (said.na, said.wavelengths_um, said.origin("na")) == (1.3, (0.51,), "OME-XML")
    # The same image, by its folder.
    said = read_acquisition(path / "10")
    assert (said.na, said.wavelengths_um, said.origin("na")) == (1.3, (0.51,), "OME-XML")


def test_chunks_that_are_absent_are_said(path: Path, version: str) -> None:
    group = new(path, version)
    fill(group, version)
    (path / "0" / ("0.1.2.0" if version == "0.4" else "c/0/1/2/0")).unlink()
    with pytest.warns(AssumptionWarning, match="17 of 18 chunks"), open_image(path) as image:
        expected = IMAGE.copy()
        expected[0, 1, 16:] = 0
        np.testing.assert_array_equal(np.asarray(image), expected)


def test_many_chunks_of_which_nearly_none_is_there_are_refused_before_they_are_looked_for(
    path: Path, version: str
) -> None:
    """Found by fuzzing: one number in the metadata made 187 500 chunks of three, and reading took minutes."""
    group = new(path, version)
    fill(group, version)
    described = path / "0" / (".zarray" if version == "0.4" else "zarr.json")
    facts = json.loads(described.read_text())
    facts["shape"][2] = 1_000_000
    described.write_text(json.dumps(facts))
    with pytest.raises(ImageError, match=r"in 750000 pieces of .*, of which at most \d\d are there"):
        open_image(path)


def test_shards_that_are_absent_are_said(path: Path) -> None:
    group = new(path, "0.5")
    array = group.create_array("0", shape=IMAGE.shape, dtype=IMAGE.dtype, chunks=(1, 1, 8, 8), shards=(1, 1, 16, 16))
    array[...] = IMAGE
    say(group, "0.5", {"multiscales": scales()})
    with open_image(path) as image:
        np.testing.assert_array_equal(np.asarray(image), IMAGE)
    (path / "0" / "c/0/0/1/1").unlink()
    with pytest.warns(AssumptionWarning, match="23 of 24 shards"):
        open_image(path).close()


def test_a_damaged_chunk_is_one_line(path: Path, version: str) -> None:
    fill(new(path, version), version)
    chunk = path / "0" / ("0.1.2.0" if version == "0.4" else "c/0/1/2/0")
    chunk.write_bytes(chunk.read_bytes()[:20])
    with pytest.raises(ImageError, match=r"a\.ome\.zarr") as caught, open_image(path) as image:
        np.asarray(image)
    assert "\n" not in str(caught.value)


def mark(path: Path) -> Path:
    """Return the file that holds the attributes."""
    return next(file for file in (path / "zarr.json", path / ".zattrs") if file.is_file())


@pytest.mark.parametrize("foreign", ["0.1", "0.3", "0.6", "1.0"])
def test_a_foreign_version_is_named(path: Path, version: str, foreign: str) -> None:
    fill(new(path, version), version)
    mark(path).write_text(mark(path).read_text().replace(f'"{version}"', f'"{foreign}"'))
    with pytest.raises(ImageError, match=rf"OME-Zarr {foreign}\. Versions 0\.4 and 0\.5 are read"):
        open_image(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"axes": None}, "does not name its axes"),
        ({"axes": ["c", "z", "y", "x"]}, "does not name its axes"),
        ({"axes": list(AXES[:3])}, "names the axes"),
        ({"axes": [AXES[3], AXES[2], AXES[1], AXES[0]]}, "names the axes"),
        ({"axes": [{}] * 4}, "names the axes"),
        ({"datasets": []}, "datasets"),
        ({"datasets": [{"path": "7"}]}, "no array '7'"),
        ({"datasets": [{"path": 0.5}]}, "no array"),
        ({"datasets": "0"}, "datasets"),
    ],
)
def test_what_the_metadata_lack_is_named(path: Path, version: str, change: dict[str, Any], words: str) -> None:
    group = new(path, version)
    fill(group, version)
    say(group, version, {"multiscales": [scales()[0] | change]})
    with pytest.raises(ImageError, match=words) as caught:
        open_image(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


@pytest.mark.parametrize("facts", [{"multiscales": []}, {"multiscales": 3}, {"plate": []}, {"well": 1}, {}])
def test_metadata_that_are_none_of_ome_zarr_are_named(path: Path, version: str, facts: dict[str, Any]) -> None:
    group = new(path, version)
    group.attrs.update(facts if version == "0.4" else {"ome": {"version": "0.5", **facts}})
    with pytest.raises(ImageError, match="without the metadata of OME-Zarr"):
        open_image(path)


def test_a_well_that_is_missing_is_named(path: Path, version: str) -> None:
    plate = new(path, version)
    say(plate, version, {"plate": {"wells": [{"path": "A/1"}], "rows": [], "columns": []}})
    with pytest.raises(ImageError, match="no group 'A/1'"):
        open_image(path)


def test_the_other_wells_of_a_plate_that_was_copied_in_part_are_read(path: Path, version: str) -> None:
    plate = new(path, version)
    well = plate.create_group("A/2")
    fill(well.create_group("0"), version)
    say(well, version, {"well": {"images": [{"path": "0"}]}})
    say(plate, version, {"plate": {"wells": [{"path": f"A/{k}"} for k in (1, 2, 3)], "rows": [], "columns": []}})
    assert scene_names(path) == ("A/1", "A/2/0", "A/3")
    with open_image(path, "A/2/0") as image:
        np.testing.assert_array_equal(np.asarray(image), IMAGE)
    with pytest.raises(ImageError, match="no group 'A/3'"):
        open_image(path, "A/3")


@pytest.mark.parametrize(
    ("omero", "names"),
    [
        ({"channels": "none"}, ()),
        ({"channels": [{"label": None, "color": "#00ff00"}, {"label": "GFP", "color": None}]}, ("", "GFP")),
        ({"channels": [None, {"label": "GFP"}]}, ("", "GFP")),
        ("none", ()),
    ],
)
def test_what_is_said_for_display_costs_no_pixels(path: Path, omero: Any, names: tuple[str, ...]) -> None:
    group = new(path, "0.5")
    fill(group, "0.5")
    by_path = {"type": "scale", "path": "scales/0"}
    described = scales()
    described[0]["datasets"][0]["coordinateTransformations"].append(by_path)
    say(group, "0.5", {"multiscales": described, "omero": omero})
    with open_image(path) as image:
        np.testing.assert_array_equal(np.asarray(image), IMAGE)
        assert image.acquisition.channels == names and image.acquisition.plane_spacing_um == 0.3
    if names and isinstance(omero, dict) and omero["channels"][0]:
        assert image.acquisition.channel_colours == ("00FF00", "")


@pytest.mark.parametrize("damage", ["{", "[]", '{"zarr_format": 9, "node_type": "group"}', "", "\0\1"])
def test_damaged_json_is_one_line(path: Path, version: str, damage: str) -> None:
    fill(new(path, version), version)
    file = path / ("zarr.json" if version == "0.5" else ".zgroup")
    file.write_text(damage)
    with pytest.raises(ImageError) as caught:
        open_image(path)
    assert "\n" not in str(caught.value) and "metadata" in str(caught.value) and str(path) in str(caught.value)
    assert read_acquisition(path).pixel_size_um is None


def test_attributes_that_are_no_json_are_one_line(path: Path) -> None:
    fill(new(path, "0.4"), "0.4")
    (path / ".zattrs").write_text(json.dumps({"multiscales": scales()})[:-9])
    with pytest.raises(ImageError, match="metadata"):
        open_image(path)


def test_labels_are_no_image(path: Path, version: str) -> None:
    group = new(path, version)
    fill(group, version)
    labels = group.create_group("labels").create_group("nuclei")
    fill(labels, version, IMAGE[:1])
    say(labels, version, {"multiscales": scales(), "image-label": {}})
    with pytest.raises(ImageError, match="labels"):
        open_image(path / "labels" / "nuclei")


def test_without_zarr_the_extra_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(new(path, "0.5"), "0.5")
    monkeypatch.setattr("napari_deepblur.io.formats.zarr.find_spec", lambda name: None)
    with pytest.raises(ImageError, match=r"package zarr .* not installed.*napari-deepblur\[formats\]"):
        open_image(path)


def test_the_field_of_a_plate_has_the_optics_of_the_plate_by_whatever_folder(path: Path, version: str) -> None:
    plate = new(path, version)
    for name in ("A/1", "B/2"):
        well = plate.create_group(name)
        for field in "01":
            fill(well.create_group(field), version)
        say(well, version, {"well": {"images": [{"path": "0"}, {"path": "1"}]}})
    say(plate, version, {"plate": {"wells": [{"path": "A/1"}, {"path": "B/2"}], "rows": [], "columns": []}})
    images = "".join(
        f'<Image ID="Image:{i}"><Pixels ID="Pixels:{i}"><Channel ID="C:{i}" EmissionWavelength="{500 + i}"/>'
        "</Pixels></Image>"
        for i in range(4)
    )
    (path / "OME").mkdir()
    xml = f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">{images}</OME>'
    (path / "OME" / "METADATA.ome.xml").write_text(xml, encoding="utf-8")
    for place, scene in ((path, "B/2/1"), (path / "B" / "2", "1"), (path / "B" / "2" / "1", None)):
        with open_image(place, scene) as image:
            assert image.acquisition.wavelengths_um == (0.503,)
