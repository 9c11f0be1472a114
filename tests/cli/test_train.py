"""`train` on the command line: both networks, resuming, exporting, packing, and what can be wrong."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from napari_deepblur.errors import OutputError
from napari_deepblur.io.adapted_weights import open_adapted
from napari_deepblur.io.families import family_hash, load_family, save_family
from napari_deepblur.io.weights import load_deblurring, load_identification, read_weights
from napari_deepblur.operators import ProductConvolutionFamily
from napari_deepblur.optics import Microscope
from napari_deepblur.training import recipes
from napari_deepblur.training.adapt_family import adapt_steps
from napari_deepblur.training.packed_bank import read_packed
from napari_deepblur.training.pool import is_validation
from napari_deepblur.training.recipes import DeblurringRecipe, IdentificationRecipe, Schedule


@pytest.fixture(scope="session")
def sharp_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder of six small images, two of them in the validation split."""
    folder = tmp_path_factory.mktemp("sharp")
    names = [f"{i}.png" for i in range(200)]
    chosen = [n for n in names if is_validation(n)][:2] + [n for n in names if not is_validation(n)][:4]
    for index, name in enumerate(chosen):
        plane = gaussian_filter(np.random.default_rng(index).uniform(size=(96, 96)), 2)
        Image.fromarray((255 * (plane - plane.min()) / np.ptp(plane)).astype(np.uint8)).save(folder / name)
    return folder


@pytest.fixture
def small_family(tmp_path: Path) -> Path:
    """Write a family of three eigen-PSFs and two maps for a field of 160 pixels."""
    rng = np.random.default_rng(3)
    rows, columns = np.mgrid[-7:8, -7:8]
    psfs = np.stack([np.exp(-(rows**2 + columns**2) / (2 * width**2)) for width in (1.2, 2.0, 3.0)])
    psfs /= psfs.sum((1, 2), keepdims=True)
    maps = np.stack([np.ones((9, 9)), np.linspace(-0.3, 0.3, 9)[:, None] * np.ones((1, 9))])
    thetas = np.zeros((12, 3, 2))
    thetas[:, :, 0] = rng.dirichlet(np.ones(3), 12)
    thetas[:, 0, 1], thetas[:, 1, 1] = 0.2, -0.2
    path = tmp_path / "small.safetensors"
    microscope = Microscope(pixel_size_um=0.09)
    save_family(ProductConvolutionFamily(psfs, maps, thetas, microscope, field_shape=(160, 160)), path)
    return path


@pytest.fixture
def tiny(tiny_networks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Add recipes of two steps and of one, for the smallest networks."""
    steps = Schedule(samples=4, batch_size=2)
    identification = IdentificationRecipe(tiny_networks.identification, steps, image_size=160)
    deblurring = DeblurringRecipe(
        tiny_networks.deblurring,
        replace(steps, samples=2),
        fields=1,
        patch_size=32,
        identification=identification,
        cutoffs=(0.261,),
    )
    monkeypatch.setitem(recipes.IDENTIFICATION, "tiny", identification)
    monkeypatch.setitem(recipes.DEBLURRING, "tiny", deblurring)


def samples_in(log: Path) -> list[int]:
    with log.open(newline="") as file:
        return sorted({int(row["samples"]) for row in csv.DictReader(file)})


@pytest.mark.usefixtures("tiny")
def test_identification_is_trained_resumed_exported_and_used(
    run: Callable[..., Any], sharp_images: Path, tmp_path: Path, tiny_networks: Any
):
    folder, export = tmp_path / "run", tmp_path / "own.safetensors"
    common = ("--data", sharp_images, "--out", folder, "--recipe", "tiny", "--device", "cpu", "--validation-images", 1)
    outcome = run("train", "identification", *common)
    assert outcome.code == 0, outcome.err
    assert samples_in(folder / "log.csv") == [4]
    assert "8 crops for training, 4 for validation, on cpu." in outcome.err
    outcome = run("train", "identification", *common, "--samples", 6, "--export", export)
    assert outcome.code == 0, outcome.err
    assert samples_in(folder / "log.csv") == [4, 6]
    facts = read_weights(export).about.facts
    assert (facts["recipe"], facts["samples"], facts["seed"]) == ("tiny", 6, 0)
    worlds = [row["noise"] for row in facts["validation"]]
    assert worlds[::3] == ["none, scalar", "none, vectorial", "medium, thick"] and len(worlds) == 7
    assert load_identification(export).config == tiny_networks.identification

    # A run without any time exports what it started from.
    again = tmp_path / "again.safetensors"
    start = ("--start", export, "--minutes", 1e-9, "--export", again, "--validation-images", 1, "--device", "cpu")
    options = ("--data", sharp_images, "--out", tmp_path / "other", "--recipe", "tiny", "--quiet")
    outcome = run("train", "identification", *options, *start)
    assert outcome.code == 0, outcome.err
    one, same = (load_identification(path).state_dict() for path in (export, again))
    assert all(torch.equal(one[name], same[name]) for name in one)

    # Another recipe must not continue this run.
    recipes.IDENTIFICATION["tiny"] = replace(recipes.IDENTIFICATION["tiny"], seed=5)
    code, _, err = run("train", "identification", *common, "--quiet")
    assert (code, err.count("\n")) == (2, 1)
    assert "another recipe" in err


@pytest.mark.usefixtures("tiny")
def test_deblurring_is_trained_from_packed_banks(
    run: Callable[..., Any], sharp_images: Path, tmp_path: Path, untrained_weights: Path, tiny_networks: Any
):
    banks = [tmp_path / f"{split}.zip" for split in ("train", "validation")]
    for bank in banks:
        outcome = run("train", "pack", "--data", sharp_images, "--out", bank, "--split", bank.stem, "--max-mb", 1)
        assert outcome.code == 0, outcome.err
    assert [read_packed(bank).shape for bank in banks] == [(8, 448, 448), (4, 448, 448)]
    export = tmp_path / "own.safetensors"
    common = ("train", "deblurring", "--data", banks[0], "--out", tmp_path / "run", "--recipe", "tiny", "--quiet")
    code, _, err = run(*common)
    assert (code, err.count("\n")) == (2, 1)
    assert "--validation-data" in err
    options = ("--validation-data", banks[1], "--validation-images", 1, "--device", "cpu", "--export", export)
    identification = untrained_weights / "identification-light.safetensors"
    outcome = run(*common, *options, "--identification", identification)
    assert outcome.code == 0, outcome.err
    assert load_deblurring(export).config == tiny_networks.deblurring
    assert {"blurred", "estimated", "true", "mean_psf"} <= read_weights(export).about.facts["validation"][0].keys()


@pytest.mark.parametrize(
    "arguments, fragment",
    [
        (["--recipe", "secret"], "light, paper"),
        (["--minutes", "0"], "--minutes"),
        (["--samples", "-1"], "--samples"),
        (["--threads", "0"], "--threads"),
        (["--device", "cuda:99"], "cuda:99"),
        (["--data", "absent"], "absent"),
        (["--export", "absent/weights.safetensors"], "absent"),
        (["--export", "weights.pt"], "weights.pt would be a safetensors file by the name of another format (.pt)"),
        (["--validation-data", "absent"], "absent"),
    ],
)
def test_what_can_be_wrong_is_one_line(
    run: Callable[..., Any], sharp_images: Path, tmp_path: Path, arguments: list[str], fragment: str
):
    code, out, err = run("train", "identification", "--data", sharp_images, "--out", tmp_path, "--quiet", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert fragment in err
    assert list(tmp_path.iterdir()) == []


def test_pack_needs_a_place_and_room(run: Callable[..., Any], sharp_images: Path, tmp_path: Path):
    for out, size in ((tmp_path / "absent" / "bank.zip", "30"), (tmp_path / "bank.zip", "0.0001")):
        code, _, err = run("train", "pack", "--data", sharp_images, "--out", out, "--max-mb", size, "--quiet")
        assert (code, err.count("\n")) == (2, 1)
    assert list(tmp_path.iterdir()) == []


def test_no_output_of_training_replaces_what_is_read(
    run: Callable[..., Any], sharp_images: Path, small_family: Path, untrained_weights: Path, tmp_path: Path
):
    weights = tmp_path / "own.safetensors"
    weights.write_bytes((untrained_weights / "identification-light.safetensors").read_bytes())
    images = sorted(sharp_images.iterdir())
    kept = {path: path.read_bytes() for path in (weights, small_family, *images)}
    data = ("--data", sharp_images, "--quiet")
    train = (*data, "--out", tmp_path / "run")
    for words, arguments in (
        ("is read by this run", ("identification", *train, "--start", weights, "--export", weights)),
        ("is read by this run", ("deblurring", *train, "--identification", weights, "--export", weights)),
        ("is read by this run", ("identification", "--family", small_family, "--export", small_family)),
        ("another format (.png)", ("identification", *train, "--export", images[0])),
        ("another format (.png)", ("pack", *data, "--out", images[0])),
        ("another format (.tif)", ("spectra", *data, "--out", tmp_path / "s.tif")),
        ("megabytes", ("pack", *data, "--out", tmp_path / "bank.zip", "--max-mb", "nan")),
    ):
        code, _, err = run("train", *arguments)
        assert (code, err.count("\n")) == (2, 1), err
        assert words in err
    assert all(path.read_bytes() == before for path, before in kept.items())
    assert not (tmp_path / "run").exists()


def test_the_family_itself_and_what_is_shipped_are_never_replaced(small_family: Path, tmp_path: Path):
    before = small_family.read_bytes()
    with pytest.raises(OutputError, match="the family itself"):
        next(adapt_steps(small_family, export=small_family))
    assert small_family.read_bytes() == before
    for places in ({}, {"export": tmp_path / "w.safetensors"}, {"out": tmp_path / "run"}):
        with pytest.raises(OutputError, match="comes with the package"):
            next(adapt_steps("demonstration", **places))


@pytest.mark.usefixtures("tiny")
def test_a_run_that_is_continued_says_that_it_does_not_start_afresh(
    run: Callable[..., Any], sharp_images: Path, tmp_path: Path, untrained_weights: Path
):
    weights = untrained_weights / "identification-light.safetensors"
    options = ("--out", tmp_path, "--recipe", "tiny", "--minutes", 1e-9, "--validation-images", 1, "--device", "cpu")
    for words in ("", f"{tmp_path} holds a run, which is continued: --start counts for new ones only."):
        export = tmp_path / "w.safetensors"
        outcome = run(
            "train", "identification", "--data", sharp_images, *options, "--start", weights, "--export", export
        )
        assert outcome.code == 0, outcome.err
        assert words in outcome.err and bool(words) == ("is continued" in outcome.err)


def test_a_network_is_adapted_to_a_family_and_found_again(
    run: Callable[..., Any], untrained_weights: Path, tmp_path: Path, small_family: Path
):
    common = ("train", "identification", "--family", small_family, "--device", "cpu", "--validation-images", 2)
    outcome = run(*common, "--samples", 32)
    assert outcome.code == 0, outcome.err
    assert "| none |" in outcome.err
    weights = small_family.with_name("small.identification.safetensors")
    family = load_family(small_family)
    assert read_weights(weights).about.facts["family"] == family_hash(family)
    found = open_adapted(family_hash(family), "identification", small_family)
    assert found is not None and found.about.path == weights
    assert samples_in(small_family.with_name("small.adaptation") / "identification" / "log.csv") == [32]
    outcome = run(*(word if word != "identification" else "deblurring" for word in common), "--samples", 8)
    assert outcome.code == 0, outcome.err
    adapted = small_family.with_name("small.deblurring.safetensors")
    found = open_adapted(family_hash(family), "deblurring", small_family)
    assert found is not None and found.about.path == adapted
    image = tmp_path / "image.tif"
    tifffile.imwrite(image, np.random.default_rng(0).uniform(size=(160, 160)).astype(np.float32))
    outcome = run("identify", image, "--family", small_family, "--quiet")
    assert outcome.code == 0, outcome.err
    assert len(json.loads(outcome.out)["theta"]) == family.n_parameters
    output = tmp_path / "sharp.tif"
    outcome = run("deblur", image, "-o", output, "--family", small_family, "--quiet")
    assert outcome.code == 0, outcome.err
    assert tifffile.imread(output).shape == (160, 160)


def test_what_cannot_be_adapted_is_said(run: Callable[..., Any], small_family: Path, tmp_path: Path):
    code, _, err = run("train", "identification", "--family", tmp_path / "absent.safetensors")
    assert (code, err.count("\n")) == (2, 1)
    assert "demonstration" in err
    code, _, err = run("train", "identification", "--family", small_family, "--recipe", "paper")
    assert code == 2
    assert "--recipe and --family" in err
    code, _, err = run("train", "deblurring", "--family", small_family, "--start", "light", "--identification", "light")
    assert code == 2
    assert "--start and --identification and --family do not go together" in err
    code, _, err = run("train", "identification")
    assert code == 2
    assert "--data and --out are needed" in err
