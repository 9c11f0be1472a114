"""Bad input: one line on standard error, exit code 2, nothing written and nothing lost."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_deepblur import cli
from napari_deepblur.errors import DeviceError
from napari_deepblur.io.weights import FOLDER_VARIABLE
from napari_deepblur.progress import Progress


def _plane(shape: tuple[int, ...] = (64, 64)) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 100, shape).astype(np.float32)


def _with(value: float) -> np.ndarray:
    plane = _plane()
    plane[3, 5] = value
    return plane


BAD_IMAGES = {
    "empty": (np.zeros((0, 0), np.float32), "image"),
    "row": (_plane((1, 64)), "1 x 64"),
    "five_pixels": (_plane((5, 5)), "5 x 5"),
    "nan": (_with(np.nan), "1 of 4096 pixels are NaN"),
    "inf": (_with(np.inf), "infinite"),
    "constant": (np.full((64, 64), 7, np.uint16), "same value, 7"),
    "complex": (_plane().astype(np.complex64), "complex64"),
    "smaller_than_the_psf": (_plane((30, 64)), "30 x 64"),
}

BAD_ARGUMENTS = {
    "na_above_index": (["--na", "1.6"], "NA 1.6 is larger than the immersion index"),
    "zero_pixel": (["--pixel-size-um", "0"], "pixel_size_um"),
    "negative_pixel": (["--pixel-size-um=-0.1"], "pixel_size_um"),
    "pixel_in_nanometres": (["--pixel-size-um", "90"], "micrometres"),
    "negative_alpha": (["--alpha=-1", "--beta", "0"], "alpha"),
    "nan_beta": (["--alpha", "0", "--beta", "nan"], "beta"),
    "alpha_alone": (["--alpha", "1"], "--alpha and --beta"),
    "unknown_device": (["--device", "abacus"], "'abacus'"),
    "absent_device": (["--device", "cuda:99"], "'cuda:99'"),
    "unknown_mode": (["--modes", "0-3"], "0"),
    "words_for_modes": (["--modes", "coma"], "coma"),
    "even_psf": (["--psf-size", "30"], "30"),
    "short_theta": (["--theta", "0.1", "-0.1"], "8"),
    "unknown_method": (["--method", "magic"], "magic"),
    "iterations_of_the_network": (["--iterations", "5"], "classical"),
    "no_iterations": (["--method", "wiener", "--iterations", "0"], "iterations"),
    "unknown_size": (["--size", "giant"], "giant"),
    "small_tile": (["--tile", "3"], "tile"),
    "words_for_tile": (["--tile", "some"], "some"),
    "words_for_number": (["--na", "big"], "big"),
    "unknown_option": (["--sharper"], "--sharper"),
    "absent_settings": (["--settings", "absent.json"], "absent.json"),
    "absent_weights": (["--size", "paper"], "paper"),
}


def check(outcome: tuple[int, str, str], fragment: str, output: Path) -> None:
    code, out, err = outcome
    assert code == 2
    assert out == ""
    assert err.startswith("napari-deepblur")
    assert err.count("\n") == 1
    assert fragment in err
    assert list(output.parent.iterdir()) == []


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Name a file in a folder of its own, which stays empty when all is well."""
    folder = tmp_path / "results"
    folder.mkdir()
    return folder / "out.tif"


@pytest.mark.parametrize("name", BAD_IMAGES)
def test_bad_images_are_one_line(run: Callable[..., tuple[int, str, str]], tmp_path: Path, output: Path, name: str):
    plane, fragment = BAD_IMAGES[name]
    source = tmp_path / "bad.tif"
    # A TIFF file without pixels is no TIFF file.
    if plane.size:
        tifffile.imwrite(source, plane, photometric="rgb" if plane.shape[-1] == 3 else "minisblack")
    else:
        source.touch()
    check(run("deblur", source, "-o", output, "--quiet", "--pixel-size-um", "0.09"), fragment, output)
    code, out, err = run("identify", source, "--quiet", "--pixel-size-um", "0.09")
    assert (code, out, err.count("\n")) == (2, "", 1)


@pytest.mark.parametrize("name", BAD_ARGUMENTS)
def test_bad_arguments_are_one_line(run: Callable[..., tuple[int, str, str]], cells: Path, output: Path, name: str):
    arguments, fragment = BAD_ARGUMENTS[name]
    check(run("deblur", cells, "-o", output, "--quiet", *arguments), fragment, output)


def test_foreign_files_are_one_line(run: Callable[..., tuple[int, str, str]], tmp_path: Path, output: Path):
    for name in ("words.tif", "words.png", "absent.tif"):
        if name != "absent.tif":
            (tmp_path / name).write_text("not an image")
        check(run("deblur", tmp_path / name, "-o", output), name, output)
    (tmp_path / "settings.json").write_text('{"microscope": {"na": 1.2}, "speed": 11}')
    source = tmp_path / "plane.tif"
    tifffile.imwrite(source, _plane())
    check(run("deblur", source, "-o", output, "--settings", tmp_path / "settings.json"), "speed", output)


def test_truncated_weights_are_one_line(
    run: Callable[..., tuple[int, str, str]],
    cells: Path,
    output: Path,
    tmp_path: Path,
    untrained_weights: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    for kind in ("identification", "deblurring"):
        whole = (untrained_weights / f"{kind}-light.safetensors").read_bytes()
        (tmp_path / f"{kind}-light.safetensors").write_bytes(whole[: len(whole) // 2])
    check(run("deblur", cells, "-o", output, "--quiet"), "truncated", output)
    code, out, err = run("identify", cells, "--quiet")
    assert (code, out, err.count("\n")) == (2, "", 1)


@pytest.mark.parametrize("option", ["-o", "--psfs", "--save-settings"])
def test_unwritable_outputs_are_found_before_the_computation(
    run: Callable[..., tuple[int, str, str]],
    cells: Path,
    output: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    option: str,
):
    steps = "napari_deepblur.pipeline.series.deblur_stack_steps"
    monkeypatch.setattr(steps, lambda *_, **__: pytest.fail("computed already"))
    places = {"-o": output, "--psfs": output.with_name("psfs.tif"), "--save-settings": output.with_name("s.json")}
    for bad, fragment in ((tmp_path / "absent" / "x.tif", "does not exist"), (tmp_path, "is a folder")):
        if option == "-o" and bad.is_dir():
            continue  # The result may go into a folder.
        places[option] = bad
        options = [part for pair in places.items() for part in pair]
        check(run("deblur", cells, *options, "--quiet"), fragment, output)


def test_the_input_is_never_the_output(run: Callable[..., tuple[int, str, str]], cells: Path, tmp_path: Path):
    mine = tmp_path / "mine.tif"
    shutil.copy(cells, mine)
    code, _, err = run("deblur", mine, "-o", tmp_path / "." / "mine.tif")
    assert (code, err.count("\n")) == (2, 1)
    assert "never overwritten" in err
    assert mine.read_bytes() == cells.read_bytes()
    code, _, err = run("deblur", mine, "-o", tmp_path / "out.tif", "--psfs", tmp_path / "out.tif")
    assert code == 2
    assert "twice" in err


@pytest.mark.parametrize(
    "error, code", [(DeviceError("Out of memory.\nChoose smaller tiles."), 2), (KeyboardInterrupt(), 130)]
)
def test_a_failing_run_harms_no_existing_file(
    run: Callable[..., tuple[int, str, str]],
    cells: Path,
    output: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    code: int,
):
    def steps(*_: object) -> Generator[Progress, None, None]:
        yield Progress("noise", 0, 2)
        raise error

    monkeypatch.setattr("napari_deepblur.pipeline.series.frames.run_parts", steps)
    output.write_bytes(b"yesterday's result")
    outcome = run("deblur", cells, "-o", output, "--quiet")
    assert outcome.code == code
    assert outcome.err.count("\n") == 1
    assert [path.name for path in output.parent.iterdir()] == ["out.tif"]
    assert output.read_bytes() == b"yesterday's result"


def test_help_is_fast_because_nothing_heavy_is_imported():
    asked = ("--help", "deblur --help", "train deblurring --help", "benchmark speed --help", "--version", "")
    script = (
        "import sys; from napari_deepblur.cli import main\n"
        f"codes = [main(a.split()) for a in {asked}]\n"
        "heavy = {'torch', 'numpy', 'scipy', 'pydantic', 'matplotlib', 'napari', 'tqdm'} & set(sys.modules)\n"
        "print(codes, sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[0, 0, 0, 0, 0, 2] []"
    assert done.stderr.count("\n") == 1


def test_python_runs_the_command_where_no_path_has_it() -> None:
    words = [sys.executable, "-m", "napari_deepblur", "deblur", "nowhere.tif", "-o", "out.tif"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("napari-deepblur: ") and done.stderr.count("\n") == 1


@pytest.mark.filterwarnings("default")
def test_undersampling_is_one_line_of_warning(run: Callable[..., tuple[int, str, str]], cells: Path, tmp_path: Path):
    arguments = ("--quiet", "--pixel-size-um", "0.1", "--theta", *["0"] * 8)
    outcome = run("deblur", cells, "-o", tmp_path / "out.tif", *arguments)
    assert outcome.code == 0
    sampling, overruled = outcome.err.splitlines()
    assert sampling.startswith("napari-deepblur: warning: Under-sampled")
    assert overruled.startswith("napari-deepblur: warning: Pixel size 0.1 um counts")


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_what_libraries_log_of_a_damaged_file_is_no_line_of_ours(tmp_path: Path, jobs: str) -> None:
    # In a process of its own: here the log is caught.
    for name in ("one.tif", "two.tif"):
        (tmp_path / name).write_bytes(b"II*\0garbage")
    words = [sys.executable, "-m", "napari_deepblur", "deblur", "one.tif", "two.tif", "-o", "out/", "--quiet"]
    done = subprocess.run([*words, "--jobs", jobs], cwd=tmp_path, capture_output=True, text=True)
    *each, last = done.stderr.splitlines()
    assert sorted(line.split()[1] for line in each) == ["one.tif", "two.tif"]
    assert all(line.startswith("napari-deepblur: ") and "is damaged" in line for line in each)
    assert last.startswith("napari-deepblur: 2 of 2 images were not deblurred")


@pytest.mark.filterwarnings("default")
def test_a_warning_of_the_same_words_is_said_once(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    # A microscope is made for the image, and one for each of its channels.
    image = tmp_path / "two.tif"
    pixels = np.random.default_rng(0).poisson(100, (2, 64, 64)).astype(np.uint16)
    tifffile.imwrite(image, pixels, metadata={"axes": "CYX"}, ome=True)
    optics = ("--pixel-size-um", "0.1", "--wavelength-um", "0.5,0.55", "--theta", *["0"] * 8)
    outcome = run("deblur", image, "-o", tmp_path / "out.tif", "--quiet", "--method", "wiener", *optics)
    assert outcome.code == 0
    said = [line for line in outcome.err.splitlines() if "Under-sampled" in line]
    assert len(said) == 2 and "0.282" in said[0] and "0.256" in said[1]


def test_outputs_replace_nothing_that_is_read_and_keep_the_promise_of_their_names(
    run: Callable[..., Any], cells: Path, tmp_path: Path
) -> None:
    settings = tmp_path / "settings.tif"
    settings.write_text("{}")
    (tmp_path / "link.tif").hardlink_to(settings)
    for output, words in (
        (settings, "is read by this run"),
        (tmp_path / "link.tif", "is read by this run"),
        (tmp_path / "x.png", "suffix '.png' names none"),
        (Path("/dev/null"), "never replaced"),
    ):
        found = run("deblur", cells, "-o", output, "--settings", settings)
        assert found.code == 2 and words in found.err
    assert settings.read_text() == "{}"


def test_of_several_images_one_is_chosen(run: Callable[..., Any], tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "two.ome.tif", ome=True) as file:
        for name in ("a", "b"):
            file.write(_plane(), metadata={"axes": "YX", "Name": name}, photometric="minisblack")
    found = run("identify", tmp_path / "two.ome.tif")
    assert found.code == 2 and "holds 2 images: 0 'a', 1 'b'" in found.err
    found = run("identify", tmp_path / "two.ome.tif", "--scene", "c")
    assert found.code == 2 and "no image 'c'" in found.err


@pytest.mark.parametrize(
    ("error", "words"),
    [(OSError(28, "No space left on device"), "No space left"), (MemoryError(), "out of memory")],
)
def test_what_the_system_refuses_is_one_line(
    error: BaseException, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(_: object) -> None:
        raise error

    parser = argparse.ArgumentParser()
    parser.set_defaults(work=refused)
    monkeypatch.setattr(cli, "_parser", lambda: parser)
    assert cli.main([]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


@pytest.mark.parametrize(
    "words",
    [
        ("identify", "a.tif", "--psfs", "p.png"),
        ("deblur", "a.tif", "-o", "o.tif", "--psfs", "p.png"),
        ("calibrate", "a.tif", "-o", "f.png"),
        ("calibrate", "a.tif", "--pupil", "-o", "f.png"),
    ],
)
def test_no_output_has_the_name_of_another_format(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("a.tif", _plane((64, 64)))
    assert cli.main(list(words)) == 2
    assert "by the name of another format (.png)" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]
