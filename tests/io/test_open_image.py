"""One door for all files: the numbers that are in the file, all planes or an error, and what was said by whom."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_deepblur.errors import AssumptionWarning, ImageError, ModalityWarning
from napari_deepblur.io.acquisition_files import read_acquisition
from napari_deepblur.io.ome_tiff import read_ome_tiff
from napari_deepblur.io.open_image import each_image, open_image, scene_names
from napari_deepblur.io.stacks import read_stack

RNG = np.random.default_rng(0)
PLANE = RNG.integers(0, 4000, (20, 24)).astype(np.uint16)
STACK = RNG.integers(0, 4000, (6, 20, 24)).astype(np.uint16)
OME = "http://www.openmicroscopy.org/Schemas/OME/2016-06"


def deep_png(path: Path, array: np.ndarray, kind: int) -> Path:
    """Write a PNG file of 16 bits: kind 2 is colour, 4 gray and transparency."""
    raw = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", array.shape[1], array.shape[0], 16, kind, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)
    return path


def xml_of(path: Path) -> str:
    with tifffile.TiffFile(path) as file:
        return file.ome_metadata or ""


def lzw_tiff(path: Path, array: np.ndarray) -> Path:
    """Write a TIFF file whose one strip is packed by LZW with codes of nine bits only."""
    data = array.astype(array.dtype.newbyteorder("<")).tobytes()
    codes = [code for i in range(0, len(data), 250) for code in (256, *data[i : i + 250])] + [257]
    bits = "".join(format(code, "09b") for code in codes)
    bits += "0" * (-len(bits) % 8)
    strip = int(bits, 2).to_bytes(len(bits) // 8, "big")
    samples, depth = (array.shape[2] if array.ndim == 3 else 1), 8 * array.dtype.itemsize
    at = 8 + 2 + 12 * 10 + 4
    format_ = {"u": 1, "i": 2, "f": 3}[array.dtype.kind]
    tags = [(256, 3, 1, array.shape[1]), (257, 3, 1, array.shape[0]), (258, 3, samples, at if samples > 2 else depth),
            (259, 3, 1, 5), (262, 3, 1, 2 if samples == 3 else 1), (273, 4, 1, at + 2 * samples), (277, 3, 1, samples),
            (278, 3, 1, array.shape[0]), (279, 4, 1, len(strip)), (339, 3, 1, format_)]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    table = struct.pack(f"<{samples}H", *[depth] * samples)
    path.write_bytes(b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + table + strip)
    return path


def test_deep_colours_keep_all_their_bits(tmp_path: Path) -> None:
    colours = np.stack([PLANE, PLANE // 2, PLANE // 3], -1) * np.uint16(16)
    np.testing.assert_array_equal(read_stack(deep_png(tmp_path / "a.png", colours, 2))[0], colours)
    gray = np.stack([PLANE, np.full_like(PLANE, 65535)], -1)
    found, axes = read_stack(deep_png(tmp_path / "b.png", gray, 4))
    assert axes == "YX"
    np.testing.assert_array_equal(found, PLANE)


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "i4", "f4", "f8"])
def test_lzw_changes_no_number(tmp_path: Path, dtype: str) -> None:
    array = (PLANE.astype(float) * {"u1": 0.05, "u2": 16, "i4": 5e5}.get(dtype, 1e6)).astype(dtype)
    np.testing.assert_array_equal(read_stack(lzw_tiff(tmp_path / "a.tif", array))[0], array)
    colours = np.stack([PLANE, PLANE // 2, PLANE // 3], -1) * np.uint16(16)
    np.testing.assert_array_equal(read_stack(lzw_tiff(tmp_path / "b.tif", colours))[0], colours)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_deflate", "packbits"])
def test_white_is_zero_and_palettes_do_not_depend_on_the_compression(tmp_path: Path, compression: str) -> None:
    gray = (PLANE // 16).astype(np.uint8)
    path = tmp_path / "a.tif"
    Image.fromarray(gray).save(path, compression=compression, tiffinfo={262: 0})
    np.testing.assert_array_equal(read_stack(path)[0], gray)
    picture = Image.fromarray(gray).convert("P")
    picture.putpalette([value for i in range(256) for value in (i, 255 - i, i // 2)])
    picture.save(path, compression=compression)
    expected = np.stack([gray, 255 - gray, gray // 2], -1)
    np.testing.assert_array_equal(read_stack(path)[0], expected)


def test_a_page_that_is_white_is_zero_is_bright_where_it_is_bright(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", 65535 - STACK, photometric="miniswhite")
    np.testing.assert_array_equal(read_stack(tmp_path / "a.tif")[0], STACK)


@pytest.mark.parametrize("name", ["a.tif", "a.lsm", "a.stk", "a.btf", "a.tf8", "a.dat"])
def test_the_content_tells_the_format_and_not_the_name(tmp_path: Path, name: str) -> None:
    tifffile.imwrite(tmp_path / name, STACK, ome=name == "a.tf8", bigtiff=name == "a.btf", photometric="minisblack")
    found, _ = read_stack(tmp_path / name)
    np.testing.assert_array_equal(found, STACK)


@pytest.mark.parametrize(
    "options",
    [{"imagej": True}, {"ome": True, "metadata": {"axes": "ZYX"}}, {}, {"bigtiff": True}, {"compression": "zlib"}],
)
@pytest.mark.parametrize("share", [0.2, 0.6, 0.97])
def test_a_stack_that_was_cut_is_named_and_never_filled_up(tmp_path: Path, options: dict, share: float) -> None:
    path = tmp_path / "cut.tif"
    tifffile.imwrite(path, STACK, photometric="minisblack", **options)
    os.truncate(path, int(os.path.getsize(path) * share))
    with pytest.raises(ImageError, match="cut"):
        read_stack(path)


def ome_set(folder: Path, planes: int, images: int = 1) -> list[Path]:
    """Write a set of OME-TIFF files of one plane each, all of which describe the whole set."""
    ids = [f"urn:uuid:00000000-0000-0000-0000-00000000000{k}" for k in range(planes * images)]
    blocks = ""
    for image in range(images):
        data = "".join(
            f'<TiffData FirstZ="{z}" IFD="0" PlaneCount="1"><UUID FileName="f{k}.ome.tif">{ids[k]}</UUID></TiffData>'
            for z, k in enumerate(range(image * planes, (image + 1) * planes))
        )
        blocks += (
            f'<Image ID="Image:{image}" Name="site{image}"><ObjectiveSettings ID="Objective:{image}"/><Pixels '
            f'ID="Pixels:{image}" DimensionOrder="XYZCT" Type="uint16" SizeX="24" SizeY="20" SizeZ="{planes}" '
            f'SizeC="1" SizeT="1" PhysicalSizeX="0.{image + 1}" PhysicalSizeY="0.{image + 1}"><Channel '
            f'ID="Channel:{image}:0" SamplesPerPixel="1"/>{data}</Pixels></Image>'
        )
    lenses = "".join(f'<Objective ID="Objective:{i}" LensNA="{0.3 + i}"/>' for i in range(images))
    paths = []
    for k, uuid in enumerate(ids):
        instrument = f'<Instrument ID="I:0">{lenses}</Instrument>'
        xml = f'<?xml version="1.0"?><OME xmlns="{OME}" UUID="{uuid}">{instrument}{blocks}</OME>'
        paths.append(folder / f"f{k}.ome.tif")
        tifffile.imwrite(paths[-1], STACK[k % 6], description=xml.encode(), metadata=None)
    return paths


def test_a_set_of_files_is_one_stack_and_missing_parts_are_named(tmp_path: Path) -> None:
    paths = ome_set(tmp_path, 4)
    np.testing.assert_array_equal(read_stack(paths[2])[0], STACK[:4])
    with open_image(paths[2]) as image:
        assert image.axes == "ZYX" and [path.name for path in image.files] == [path.name for path in paths]
    paths[1].unlink()
    with pytest.raises(ImageError, match=r"4 planes .* f1.ome.tif are not beside it"):
        read_stack(paths[0])
    alone = tmp_path / "renamed.ome.tif"
    paths[0].rename(alone)
    with pytest.raises(ImageError, match=r"f1\.ome\.tif"):
        read_stack(alone)


def test_metadata_are_those_of_the_image_whose_pixels_are_read(tmp_path: Path) -> None:
    for index, path in enumerate(ome_set(tmp_path, 1, images=2)):
        said, image = read_acquisition(path), read_ome_tiff(path)
        np.testing.assert_array_equal(image.data, STACK[index])
        assert image.name == f"site{index}"
        assert said.pixel_size_um == (0.1 * (index + 1),) * 2
        assert said.na == pytest.approx(0.3 + index)
        # The other image of the set can be asked for.
        np.testing.assert_array_equal(read_stack(path, f"site{1 - index}")[0], STACK[1 - index])


def test_of_several_images_none_is_taken_without_being_chosen(tmp_path: Path) -> None:
    path = tmp_path / "two.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as file:
        for index, size in enumerate((0.1, 0.2)):
            facts = {"axes": "YX", "Name": f"scene{index}", "PhysicalSizeX": size, "PhysicalSizeY": size}
            file.write(STACK[index], metadata=facts, photometric="minisblack")
    assert scene_names(path) == ("scene0", "scene1")
    with pytest.raises(ImageError, match=r"holds 2 images: 0 'scene0', 1 'scene1'.*--scene"):
        open_image(path)
    for scene in (1, "1", "scene1"):
        with open_image(path, scene) as image:
            np.testing.assert_array_equal(image, STACK[1])
            assert (image.name, image.scene, image.acquisition.pixel_size_um) == ("scene1", 1, (0.2, 0.2))
    with pytest.raises(ImageError, match="no image 'scene2'"):
        open_image(path, "scene2")
    # What all images say alike still holds; what differs is not that of the first.
    assert read_acquisition(path).pixel_size_um is None


def test_a_companion_leads_to_the_planes_and_they_to_it(tmp_path: Path) -> None:
    paths = ome_set(tmp_path, 2)
    xml = xml_of(paths[0])
    (tmp_path / "set.companion.ome").write_text(xml)
    uuid = "urn:uuid:00000000-0000-0000-0000-000000000000"
    only = f'<OME xmlns="{OME}"><BinaryOnly MetadataFile="set.companion.ome" UUID="{uuid}"/></OME>'
    tifffile.imwrite(paths[0], STACK[0], description=only, metadata=None)
    for path in (paths[0], tmp_path / "set.companion.ome"):
        np.testing.assert_array_equal(read_stack(path)[0], STACK[:2])
    (tmp_path / "set.companion.ome").unlink()
    with pytest.raises(ImageError, match=r"set\.companion\.ome, which is not beside it"):
        read_stack(paths[0])


def test_a_pyramid_is_its_finest_level(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "p.ome.tif", ome=True) as file:
        file.write(STACK, subifds=1, metadata={"axes": "ZYX"}, photometric="minisblack")
        file.write(STACK[:, ::2, ::2], subfiletype=1, photometric="minisblack")
    np.testing.assert_array_equal(read_stack(tmp_path / "p.ome.tif")[0], STACK)


def test_xml_that_claims_more_planes_than_can_be_takes_no_memory(tmp_path: Path) -> None:
    path = ome_set(tmp_path, 1)[0]
    text = xml_of(path)
    many = "".join(f'<TiffData IFD="0" FirstT="{t}" PlaneCount="1000000"/>' for t in range(900))
    for old, new in (('SizeT="1"', 'SizeT="2000000000"'), ("<TiffData", many + "<TiffData"), ('IFD="0"', 'IFD="9"')):
        hostile = text.replace(old, new).replace('SizeZ="1"', 'SizeZ="1000"' if "many" in new else 'SizeZ="1"')
        tifffile.imwrite(path, PLANE, description=hostile.encode(), metadata=None)
        with pytest.raises(ImageError):
            read_stack(path)


def test_a_confocal_image_is_warned_about(tmp_path: Path) -> None:
    xml = xml_of(ome_set(tmp_path, 1)[0])
    xml = xml.replace("<Channel", '<Channel AcquisitionMode="LaserScanningConfocalMicroscopy"')
    tifffile.imwrite(tmp_path / "f0.ome.tif", PLANE, description=xml.encode(), metadata=None)
    with pytest.warns(ModalityWarning, match="confocal"):
        open_image(tmp_path / "f0.ome.tif").close()


@pytest.mark.parametrize(("name", "content", "package"), [
    ("a.czi", b"ZISRAWFILE" + bytes(100), "czifile"),
    ("a.lif", b"\x70\0\0\0" + bytes(4) + b"\x2a" + bytes(100), "liffile"),
    ("a.nd2", b"\xda\xce\xbe\x0a" + bytes(100), "nd2"),
])  # fmt: skip
def test_a_reader_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes, package: str
) -> None:
    for module in ("czi", "lif", "nd2"):
        monkeypatch.setattr(f"napari_deepblur.io.formats.{module}.find_spec", lambda name: None)
    (tmp_path / name).write_bytes(content)
    for read in (open_image, read_acquisition):
        with pytest.raises(ImageError, match=rf"{package}.*pip install \"napari-deepblur\[formats\]\""):
            read(tmp_path / name)


def test_a_codec_that_is_missing_is_one_line_that_says_what_to_install(tmp_path: Path) -> None:
    if 50000 not in tifffile.TIFF.DECOMPRESSORS:
        path = lzw_tiff(tmp_path / "zstd.tif", PLANE)
        path.write_bytes(
            path.read_bytes().replace(struct.pack("<HHII", 259, 3, 1, 5), struct.pack("<HHII", 259, 3, 1, 50000))
        )
        with pytest.raises(ImageError, match=r"imagecodecs.*napari-deepblur\[formats\]"):
            read_stack(path)


def test_indexing_reads_what_indexing_an_array_gives(tmp_path: Path) -> None:
    array = RNG.integers(0, 99, (3, 2, 20, 24)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", array, imagej=True, metadata={"axes": "TCYX"})
    with open_image(tmp_path / "a.tif") as image:
        for key in (0, (1, 1), (slice(None), 0), (..., slice(2, 9), 3), (2, slice(0, 1), 4), (-1, ..., -1)):
            np.testing.assert_array_equal(image[key], array[key])
        swapped = image.transpose((1, 0, 2, 3))
        np.testing.assert_array_equal(swapped, array.transpose(1, 0, 2, 3))
        np.testing.assert_array_equal(swapped[1, 2, :5], array[2, 1, :5])
        np.testing.assert_array_equal(image.transpose((3, 2, 1, 0)), array.transpose(3, 2, 1, 0))


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "LAB"])
@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate"])
def test_colours_that_are_no_light_are_refused(tmp_path: Path, mode: str, compression: str | None) -> None:
    path = tmp_path / "colours.tif"
    Image.fromarray(np.zeros((20, 24, 3), np.uint8)).convert(mode).save(path, compression=compression)
    with pytest.raises(ImageError, match="no amounts of light"):
        open_image(path)


def test_planes_that_the_xml_does_not_name_are_told(tmp_path: Path) -> None:
    path = tmp_path / "changed.ome.tif"
    sizes = 'SizeX="24" SizeY="20" SizeZ="4" SizeC="1" SizeT="1"'
    pixels = f'<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" {sizes}><TiffData/></Pixels>'
    xml = f'<OME xmlns="{OME}"><Image ID="Image:0">{pixels}</Image></OME>'
    tifffile.imwrite(path, STACK, description=xml, metadata=None, photometric="minisblack")
    with pytest.warns(AssumptionWarning, match="the other 2 are not read"), open_image(path) as image:
        np.testing.assert_array_equal(image, STACK[:4])


@pytest.mark.parametrize("leads_to, words", [("first", "in a circle"), ("middle", "was cut, or is damaged")])
def test_directories_that_lead_astray_are_refused_by_all_who_look(tmp_path: Path, leads_to: str, words: str) -> None:
    path = tmp_path / "astray.tif"
    tifffile.imwrite(path, np.zeros((3, 16, 18), np.uint16), photometric="minisblack", contiguous=False)
    with tifffile.TiffFile(path) as file:
        starts = [page.offset for page in file.pages]
        entries = len(file.pages[-1].tags)
    data = bytearray(path.read_bytes())
    pointer = starts[-1] + 2 + 12 * entries
    assert int.from_bytes(data[pointer : pointer + 4], "little") == 0
    data[pointer : pointer + 4] = (starts[0] if leads_to == "first" else len(data) - 4).to_bytes(4, "little")
    path.write_bytes(data)
    for look in (open_image, scene_names):
        with pytest.raises(ImageError, match=words):
            look(path)


def test_a_folder_that_is_no_image_is_called_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"is a folder, .*Give the files in it"):
        open_image(tmp_path)


def test_each_image_of_a_file_is_read_where_none_is_chosen(tmp_path: Path) -> None:
    one, three = tmp_path / "one.ome.tif", tmp_path / "three.ome.tif"
    for path, count in ((one, 1), (three, 3)):
        with tifffile.TiffWriter(path, ome=True) as file:
            for plane in STACK[:count]:
                file.write(plane, metadata={"axes": "YX"}, photometric="minisblack")
    asked: list[object] = []

    def read(path: Path, scene: object) -> int:
        asked.append(scene)
        with open_image(path, scene) as image:  # type: ignore[arg-type]
            return int(image[()].sum())

    count, each = each_image(one, lambda scene: read(one, scene))
    assert (count, list(each)) == (1, [STACK[0].sum()]) and asked == [None]
    asked.clear()
    count, each = each_image(three, lambda scene: read(three, scene))
    # One by one, as they are asked for.
    assert count == 3 and next(each) == STACK[0].sum() and asked == [None, 0]
    assert list(each) == [plane.sum() for plane in STACK[1:3]]
    with pytest.raises(ImageError, match="no image file"):
        each_image(tmp_path / "missing.tif", lambda scene: read(tmp_path / "missing.tif", scene))


@pytest.mark.parametrize("address", ["https://host/a.zarr", "s3://bucket/a.zarr", "file:///a.tif"])
def test_an_address_is_no_path_and_said_to_be_none(address: str) -> None:
    with pytest.raises(ImageError, match=r"is an address of a network.*Download it"):
        open_image(address)
