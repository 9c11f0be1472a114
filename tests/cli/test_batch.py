"""Several images in one command."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_deepblur.batch.names import destinations, listed_files
from napari_deepblur.batch.report import reporting
from napari_deepblur.batch.workers import Outcome
from napari_deepblur.cli.batch import one_by_one
from napari_deepblur.errors import ImageError, OutputError
from napari_deepblur.io.images import read_image, write_tiff
from napari_deepblur.io.records import record_in

QUICK = ("--method", "wiener", "--device", "cpu", "--theta", *([0.05] * 8), "--pixel-size-um", 0.09)


def test_one_image_becomes_the_file_that_was_named(tmp_path: Path) -> None:
    assert destinations([Path("a.tif")], "b.tif") == [(Path("a.tif"), Path("b.tif"))]
    folder = f"{tmp_path / 'made'}{os.sep}"
    (pair,) = destinations([Path("a.ome.tif")], folder)
    assert pair[1] == tmp_path / "made" / "a_deblurred.ome.tif" and pair[1].parent.is_dir()
    assert destinations([Path("x/a.png")], str(tmp_path))[0][1] == tmp_path / "a_deblurred.ome.tif"


def test_patterns_that_the_shell_left_are_files(tmp_path: Path) -> None:
    for name in ("b.tif", "a.tif", "[c].tif", "d.png"):
        (tmp_path / name).touch()
    names = [path.name for path in listed_files([tmp_path / "?.tif", tmp_path / "[c].tif", tmp_path / "no*.tif"])]
    assert names == ["a.tif", "b.tif", "[c].tif", "no*.tif"]


def test_several_images_do_not_become_a_folder_with_the_name_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="there are 2 images: give a folder as output"):
        destinations([Path("a.tif"), Path("b.tif")], str(tmp_path / "x.ome.tif"))
    assert not (tmp_path / "x.ome.tif").exists()


def test_what_would_be_lost_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="would both become"):
        destinations([Path("x/a.tif"), Path("y/a.png")], str(tmp_path))
    # On disks that know no capitals, or one way to write an accent, these are one file.
    for one, other in (("A.tif", "a.tif"), ("\u00e9.tif", "e\u0301.tif"), ("STRASSE.tif", "stra\u00dfe.tif")):
        with pytest.raises(OutputError, match=r"would both become .*_deblurred.*the same name on many disks"):
            destinations([Path("x") / one, Path("y") / other], str(tmp_path))
    with pytest.raises(OutputError, match="itself one of the images"):
        destinations([tmp_path / "a.tif", tmp_path / "a_deblurred.ome.tif"], str(tmp_path))
    for nothing in ("", " "):
        with pytest.raises(OutputError, match="no name"):
            destinations([Path("a.tif")], nothing)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is no folder"):
        destinations([Path("a.tif"), Path("b.tif")], str(tmp_path / "file"))


def test_a_bad_image_does_not_stop_the_others(run: Callable[..., Any], cells: Path, tmp_path: Path) -> None:
    write_tiff(tmp_path / "dark.tif", np.zeros((80, 80), np.float32))
    tifffile.imwrite(tmp_path / "last.tif", read_image(cells)[::-1])
    (tmp_path / "broken.tif").write_bytes(b"II*")
    images = [tmp_path / name for name in ("dark.tif", "broken.tif", "last.tif")]
    outcome = run("deblur", cells, *images, "-o", tmp_path / "sharp", *QUICK)
    assert outcome.code == 2
    assert "dark.tif: " in outcome.err and "same value" in outcome.err
    assert outcome.err.splitlines()[-1].endswith("2 of 4 images were not deblurred: dark.tif, broken.tif.")
    assert f"{cells} became" in outcome.err and "4/4" in outcome.err
    assert sorted(path.name for path in (tmp_path / "sharp").iterdir()) == [
        f"{cells.stem}_deblurred.ome.tif",
        "last_deblurred.ome.tif",
    ]
    assert run("deblur", cells, "-o", tmp_path / "one.tif", "--quiet", *QUICK) == (0, "", "")
    alone = read_image(tmp_path / "one.tif")
    np.testing.assert_array_equal(read_image(tmp_path / "sharp" / f"{cells.stem}_deblurred.ome.tif"), alone)


def test_files_of_one_image_are_refused_for_several(run: Callable[..., Any], cells: Path, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "other.tif", read_image(cells))
    psfs = tmp_path / "psfs.tif"
    outcome = run("deblur", cells, tmp_path / "other.tif", "-o", tmp_path / "out", "--psfs", psfs, *QUICK)
    assert outcome.code == 2 and "are files of one image" in outcome.err and not psfs.exists()


def test_patterns_reach_into_folders_and_mean_each_file_once(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.tif", "in/b.tif"):
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to("in", target_is_directory=True)
    again = [tmp_path / "link" / "b.tif", tmp_path / "in" / ".." / "a.tif"]
    found = listed_files([tmp_path / "a.tif", tmp_path / "**" / "*.tif", tmp_path / "in" / ".." / "nowhere", *again])
    assert found == [tmp_path / "a.tif", tmp_path / "in" / "b.tif", tmp_path / "in" / ".." / "nowhere"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ZeroDivisionError("by zero\nhere"), "ZeroDivisionError: by zero here"),
        (MemoryError(), "does not fit into memory"),
        (ImageError("dark"), "a.tif: dark"),
    ],
)
def test_whatever_one_file_does_the_others_go_on(
    error: Exception, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    done = []

    def work(image: Path, target: Path) -> bool:
        if image.name == "a.tif":
            raise error
        done.append(image)
        return False

    pairs = [(Path(name), Path("x")) for name in ("a.tif", "b.tif", "c.tif")]
    with pytest.raises(ImageError, match=r"1 of 3 images were not deblurred: a\.tif"):
        one_by_one(pairs, work, quiet=True)
    assert done == [Path("b.tif"), Path("c.tif")]
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


def test_results_in_the_folder_of_the_images_are_not_images(
    run: Callable[..., Any], cells: Path, tmp_path: Path
) -> None:
    for name in ("a.tif", "b.tif"):
        tifffile.imwrite(tmp_path / name, read_image(cells))
    for again in (False, True):
        outcome = run("deblur", tmp_path / "*.tif", "-o", tmp_path, *QUICK)
        assert outcome.code == 0 and ("2 results of this program" in outcome.err) is again
    names = ["a.tif", "a_deblurred.ome.tif", "b.tif", "b_deblurred.ome.tif"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    (tmp_path / "a.tif").unlink()
    (tmp_path / "b.tif").unlink()
    assert "are results of this program" in run("deblur", tmp_path / "*.tif", "-o", tmp_path, *QUICK).err


@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_a_report_has_a_row_for_each_file(run: Callable[..., Any], cells: Path, tmp_path: Path, suffix: str) -> None:
    (tmp_path / "broken.tif").write_bytes(b"II*")
    report = tmp_path / f"report{suffix}"
    options = ("--method", "wiener", "--device", "cpu", "--quiet", "--report", report)
    assert run("deblur", cells, tmp_path / "broken.tif", "-o", tmp_path / "out", *options).code == 2
    text = report.read_text(encoding="utf-8")
    good, bad = json.loads(text) if suffix == ".json" else list(csv.DictReader(text.splitlines()))
    assert good["image"] == str(cells) and good["error"] == "" and float(good["seconds"]) > 0
    assert good["image_sha256"] == hashlib.sha256(cells.read_bytes()).hexdigest()
    assert "broken.tif" in bad["error"] and bad["result"] == ""
    record = record_in(good["result"])
    assert record is not None
    theta, std = record["frames"][0]["theta"], record["frames"][0]["theta_std"]
    if suffix == ".json":
        assert (good["theta"], good["theta_std"], good["noise"]) == (theta, std, record["resolved"]["noise"])
        assert set(good["weights"]) == {"identification"} and good["verdict"] == record["resolved"]["residual"]
    else:
        names = record["parameter_names"]
        assert [float(good[name]) for name in names] == theta and [float(good[f"{name} std"]) for name in names] == std
        assert float(good["noise alpha"]) == record["resolved"]["noise"]["alpha"]


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_files_of_any_name_have_a_result_and_a_row(
    run: Callable[..., Any], cells: Path, tmp_path: Path, suffix: str
) -> None:
    """Names that are no Unicode, and control characters, which XML has no place for."""
    names = [os.fsdecode(name) for name in (b"a\xff.tif", b"b\x01\x1b.tif", b'c"\n<&>,.tif', b"=1+1;.tif", b"-x.tif")]
    for name in names:
        (tmp_path / name).write_bytes(cells.read_bytes())
    report = tmp_path / f"report{suffix}"
    options = ("--method", "wiener", "--device", "cpu", "--theta", *([0.05] * 8), "--quiet", "--report", report)
    files = [tmp_path / name for name in names]
    assert run("deblur", *files, "-o", tmp_path / "out", *options).code == 0
    text = report.read_bytes().decode("utf-8")
    rows = json.loads(text) if suffix == ".json" else list(csv.DictReader(io.StringIO(text, newline="")))
    said = [row["image"] for row in rows]
    assert said == [str(tmp_path / name).replace("\udcff", "\\udcff") for name in names]
    assert all(row["status"] == "done" for row in rows)
    assert sum(record_in(path) is not None for path in (tmp_path / "out").iterdir()) == len(names)


def test_a_report_that_cannot_be_written_is_said_before(run: Callable[..., Any], cells: Path, tmp_path: Path) -> None:
    for name in ("report.txt", "nowhere/report.csv"):
        outcome = run("deblur", cells, "-o", tmp_path / "a.tif", "--report", tmp_path / name, *QUICK)
        assert outcome.code == 2 and "report" in outcome.err and not (tmp_path / "a.tif").exists()


def test_a_disk_too_small_for_all_results_is_said_before(
    run: Callable[..., Any], cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.tif").write_bytes(b"II*")
    for name in ("a.tif", "b.tif"):
        tifffile.imwrite(tmp_path / name, read_image(cells))
    room = type("Room", (), {"free": 2 * 80 * 96 * 4})
    monkeypatch.setattr("shutil.disk_usage", lambda path: room)
    outcome = run("deblur", tmp_path / "*.tif", "-o", tmp_path / "out", *QUICK)
    assert outcome.code == 2 and "There are 3 results to come" in outcome.err and "GiB left" in outcome.err
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_inside_of_an_input_is_refused_and_not_made(tmp_path: Path) -> None:
    images = [tmp_path / "a.zarr", tmp_path / "b.zarr"]
    for image in images:
        image.mkdir()
    with pytest.raises(OutputError, match="lies inside of the input image"):
        destinations(images, str(images[1] / "new"))
    assert list(images[1].iterdir()) == []


def test_images_of_one_store_and_scenes_of_one_file_do_not_replace_each_other(
    run: Callable[..., Any], cells: Path, tmp_path: Path
) -> None:
    zarr = pytest.importorskip("zarr")
    plate = tmp_path / "plate.ome.zarr"
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"]
    scale = [{"type": "scale", "scale": [0.09, 0.09]}]
    wells = [{"path": "A/1"}, {"path": "B/1"}]
    for well in wells:
        field = zarr.open_group(str(plate / well["path"] / "0"), mode="w", zarr_format=2)
        field.create_array("0", data=read_image(cells))
        image = {"version": "0.4", "axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}
        field.attrs["multiscales"] = [image]
        of_well = zarr.open_group(str(plate / well["path"]), mode="a", zarr_format=2)
        of_well.attrs["well"] = {"version": "0.4", "images": [{"path": "0"}]}
    of_plate = zarr.open_group(str(plate), mode="a", zarr_format=2)
    of_plate.attrs["plate"] = {"version": "0.4", "wells": wells}

    names = ["plate_A_1_0_deblurred.ome.tif", "plate_B_1_0_deblurred.ome.tif"]
    outcome = run("deblur", plate / "*" / "*" / "*", "-o", tmp_path / "wells", *QUICK)
    assert outcome.code == 0 and "plate.ome.zarr/B/1/0: verdict" in outcome.err
    assert sorted(path.name for path in (tmp_path / "wells").iterdir()) == names
    # Plates of OME-Zarr 0.5 have metadata beside the fields of each well.
    (plate / "A" / "1" / "zarr.json").write_text("{}")
    assert [path.name for path in listed_files([plate / "*" / "*" / "*"])] == ["0", "0"]
    (plate / "A" / "1" / "zarr.json").unlink()
    (tmp_path / "scenes").mkdir()
    for scene in ("A/1/0", "B/1/0"):
        assert run("deblur", plate, "-o", tmp_path / "scenes", "--scene", scene, *QUICK).code == 0
    assert sorted(path.name for path in (tmp_path / "scenes").iterdir()) == names


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--theta", "nan", *["0"] * 7), "should be a finite number, found nan"),
        (("--theta", "0", "0"), "theta has shape (2,), expected (8,)"),
        (("--modes", "4,4"), "expected different Noll indices"),
        (("--settings", "none.json"), "none.json cannot be read"),
        (("--family", "none.tif"), "There is no file none.tif"),
        (("--alpha", "1"), "--alpha and --beta belong together"),
        (("--volume", "--luminance"), "Leave out --volume"),
    ],
)
def test_what_is_wrong_with_all_images_alike_is_said_once(
    run: Callable[..., Any], cells: Path, tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    shutil.copy(cells, tmp_path / "other.tif")
    outcome = run("deblur", cells, tmp_path / "other.tif", "-o", tmp_path / "out", *options)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1) and words in outcome.err
    # What is right goes on as ever: optics that make no sense without those of the image.
    if options[0] == "--alpha":
        optics = ("--n-immersion", 1.33, "--na", 1.2)
        assert run("deblur", cells, tmp_path / "other.tif", "-o", tmp_path / "out", *optics, *QUICK).code == 0


def test_a_result_that_is_deblurred_again_is_said_to_be_one(
    run: Callable[..., Any], cells: Path, tmp_path: Path
) -> None:
    assert "itself a result" not in run("deblur", cells, "-o", tmp_path / "a.ome.tif", *QUICK).err
    again = run("deblur", tmp_path / "a.ome.tif", "-o", tmp_path / "b.ome.tif", *QUICK)
    assert again.code == 0 and "napari-deepblur: a.ome.tif is itself a result of this program" in again.err


def test_a_pattern_that_no_file_matches_is_called_so(run: Callable[..., Any], tmp_path: Path) -> None:
    outcome = run("deblur", tmp_path / "no*.tif", "-o", tmp_path / "out", *QUICK)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1) and "No file matches" in outcome.err


def test_a_report_outlives_its_folder_and_a_run_that_was_interrupted_at_once(tmp_path: Path) -> None:
    report = tmp_path / "reports" / "r.csv"
    report.parent.mkdir()
    report.write_text("earlier")
    with pytest.raises(KeyboardInterrupt), reporting(report):
        raise KeyboardInterrupt
    assert report.read_text() == "earlier"
    with pytest.raises(OutputError, match=r"The result was kept: it is (.*)[.]$") as found, reporting(report) as keep:
        keep(Outcome(Path("a"), Path("b"), 0.0, "dark"))
        shutil.rmtree(report.parent)
    assert ",failed,dark," in Path(str(found.value).split("it is ")[1][:-1]).read_text()


def test_the_folder_of_results_is_no_image_on_the_second_run(
    run: Callable[..., Any], cells: Path, tmp_path: Path
) -> None:
    for name in ("a.tif", "b.tif"):
        shutil.copy(cells, tmp_path / name)
    for _ in range(2):
        assert run("deblur", tmp_path / "*", "-o", tmp_path / "out", *QUICK).code == 0
        # As a shell says it.
        assert run("deblur", *sorted(tmp_path.iterdir()), "-o", tmp_path / "out", *QUICK).code == 0
    assert len(list((tmp_path / "out").iterdir())) == 2
    # Nor is what the run itself has, or had the time before, beside the images.
    (tmp_path / "settings.json").write_text('{"method": "wiener", "device": "cpu"}')
    own = ("--report", tmp_path / "report.csv", "--settings", tmp_path / "settings.json")
    theta = ("--theta", *([0.05] * 8))
    for count in (1, 2):
        outcome = run("deblur", tmp_path / "*", "-o", tmp_path / "out", *own, *theta)
        assert outcome.code == 0 and outcome.err.count("belongs to this run") == count
    # Where there is nothing else, folders are named as what they are.
    assert "is a folder" in run("deblur", tmp_path / "o*", "-o", tmp_path / "other.tif", *QUICK).err


def test_a_store_is_never_taken_for_a_folder_of_results(run: Callable[..., Any], cells: Path, tmp_path: Path) -> None:
    """Shells complete the name of one that is there with a slash."""
    pytest.importorskip("zarr")
    store = f"{tmp_path / 'a.ome.zarr'}{os.sep}"
    for options in ((), ("--strength", 2)):
        assert run("deblur", cells, "-o", store, *options, *QUICK).code == 0
        assert sorted(path.name for path in Path(store).iterdir()) == ["0", "zarr.json"]
    with pytest.raises(OutputError, match="with a slash, sharp/"):
        destinations([cells], "sharp")
