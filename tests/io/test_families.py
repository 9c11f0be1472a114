"""Families: what is saved comes back equal, and every way in which a file can be wrong is named."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file
from scipy import fft

from napari_deepblur.calibration.centring import _best_shifts, margin_for
from napari_deepblur.calibration.demonstration import Demonstration, true_psfs
from napari_deepblur.errors import DeepblurError, FamilyError, FamilyFileError, OutputError
from napari_deepblur.io.families import (
    SCHEMA,
    family_hash,
    find_family,
    is_family_file,
    load_family,
    save_family,
    shipped_families,
)
from napari_deepblur.io.weights import save_weights
from napari_deepblur.networks.deblurring import DeblurringConfig, DeblurringNetwork
from napari_deepblur.operators import (
    EigenPsfFamily,
    FieldZernikeFamily,
    OperatorFamily,
    ProductConvolutionFamily,
    ZernikeFamily,
)
from napari_deepblur.optics import Microscope

MICROSCOPE = Microscope(0.8, 0.5, 0.12, 1.0)


def _random(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def _product_convolution(microscope: Microscope | None = MICROSCOPE, **changes: Any) -> ProductConvolutionFamily:
    parts = {"thetas": _random(7, 3, 2), "field_shape": (50, 60), **changes}
    return ProductConvolutionFamily(_random(3, 5, 5), _random(2, 4, 6), microscope=microscope, **parts)


FAMILIES: dict[str, Callable[[], OperatorFamily]] = {
    "Zernike": lambda: ZernikeFamily(MICROSCOPE, (4, 7, 12), 0.2, 15),
    "field-Zernike": lambda: FieldZernikeFamily(MICROSCOPE, (4, 7), 2, (50, 60), 0.2, 9, rank=4),
    "field-Zernike, degree 0": lambda: FieldZernikeFamily(MICROSCOPE, (4,), 0, (50, 60), psf_size=9),
    "eigen-PSF": lambda: EigenPsfFamily(_random(3, 5, 5), _random(4, 3), MICROSCOPE),
    "eigen-PSF, nothing known": lambda: EigenPsfFamily(_random(1, 7, 7)),
    "eigen-PSF, pixel size": lambda: EigenPsfFamily(_random(2, 3, 3), pixel_size_um=0.1),
    "product-convolution": _product_convolution,
    "product-convolution, whole field": lambda: _product_convolution(field_shape=None),
    "product-convolution, nothing known": lambda: _product_convolution(None, thetas=None),
    "product-convolution, pixel size": lambda: _product_convolution(None, pixel_size_um=0.065),
}
SHAPE, ORIGIN = (4, 6), (0, 0)


def _same(one: OperatorFamily, other: OperatorFamily) -> None:
    assert type(one) is type(other)
    assert (one.parameter_names, one.psf_size, one.field_shape) == (
        other.parameter_names,
        other.psf_size,
        other.field_shape,
    )
    for name in ("microscope", "modes", "max_amplitude", "pixel_size_um", "degree", "rank"):
        assert getattr(one, name, None) == getattr(other, name, None)
    assert (getattr(one, "thetas", None) is None) == (getattr(other, "thetas", None) is None)
    theta = np.linspace(-0.1, 0.1, one.n_parameters)
    points = [(0, 0), (1.5, 2.25), (3, 5)]
    np.testing.assert_array_equal(one.psf(theta, points), other.psf(theta, points))
    scene = _random(SHAPE[0] + one.psf_size - 1, SHAPE[1] + one.psf_size - 1)
    before, after = (family.operator(theta, SHAPE, ORIGIN).forward(scene) for family in (one, other))
    np.testing.assert_array_equal(before, after)
    if getattr(one, "thetas", True) is not None:
        np.testing.assert_array_equal(one.sample(5, 0), other.sample(5, 0))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "microscope.safetensors"
    save_family(_product_convolution(), file)
    return file


def _rewrite(path: Path, header: dict[str, str | None] | None = None, **tensors: NDArray[Any] | None) -> None:
    """Change entries of the header and tensors of a file; None removes one."""
    with safe_open(path, "numpy") as file:
        facts = dict(file.metadata())
        values = {name: file.get_tensor(name) for name in file.keys()}
    for table, changes in ((facts, header or {}), (values, tensors)):
        for key, value in changes.items():
            if value is None:
                del table[key]
            else:
                table[key] = value
    save_file(values, path, facts)


@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_saved_comes_back(name: str, tmp_path: Path) -> None:
    family = FAMILIES[name]()
    save_family(family, tmp_path / "family.safetensors")
    loaded = load_family(str(tmp_path / "family.safetensors"))
    _same(family, loaded)
    assert family_hash(family) == family_hash(loaded)


@given(
    counts=st.tuples(st.integers(1, 4), st.integers(1, 3)),
    half=st.integers(1, 4),
    grid=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    field=st.tuples(st.integers(6, 2000), st.integers(6, 2000)),
    observed=st.integers(0, 3),
    seed=st.integers(0, 99),
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_product_convolution_comes_back(
    tmp_path: Path,
    counts: tuple[int, int],
    half: int,
    grid: tuple[int, int],
    field: tuple[int, int],
    observed: int,
    seed: int,
) -> None:
    thetas = _random(observed, *counts, seed=seed) if observed else None
    side = 2 * half + 1
    psfs, maps = _random(counts[0], side, side, seed=seed), _random(counts[1], *grid, seed=seed)
    family = ProductConvolutionFamily(psfs, maps, thetas, field_shape=field)
    save_family(family, tmp_path / "family.safetensors")
    _same(family, load_family(tmp_path / "family.safetensors"))


def test_different_families_have_different_hashes() -> None:
    families = [make() for make in FAMILIES.values()]
    families += [
        _product_convolution(field_shape=(50, 61)),
        _product_convolution(thetas=_random(7, 3, 2, seed=1)),
        _product_convolution(Microscope(0.8, 0.5, 0.11, 1.0)),
        ZernikeFamily(MICROSCOPE, (4, 7, 12), 0.2, 17),
    ]
    assert len({family_hash(family) for family in families}) == len(families)


def test_the_header_says_what_the_numbers_mean(path: Path) -> None:
    with safe_open(path, "numpy") as file:
        header = file.metadata()
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}
    assert header["schema"] == str(SCHEMA) and header["kind"] == "product-convolution"
    assert header["order"] == "multiply-then-convolve"
    assert json.loads(header["field_shape"]) == [50, 60] and json.loads(header["pixel_size_um"]) == 0.12
    assert json.loads(header["microscope"])["na"] == 0.8 and len(header["sha256"]) == 64
    assert shapes == {"eigen_psfs": (3, 5, 5), "maps": (2, 4, 6), "thetas": (7, 3, 2)}


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.7, 0.999])
def test_a_truncated_file_is_refused(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(FamilyFileError, match="truncated or not a safetensors file"):
        load_family(path)


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_flipped_bit_is_refused_or_harmless(tmp_path: Path, place: float, bit: int) -> None:
    file = tmp_path / "flipped.safetensors"
    save_family(_product_convolution(), file)
    content = bytearray(file.read_bytes())
    where = int(place * len(content))
    content[where] ^= 1 << bit
    file.write_bytes(bytes(content))
    try:
        family = load_family(file)
    except DeepblurError as error:
        assert isinstance(error, FamilyFileError)
        return
    # A digit of the header may change without a trace; a number of a tensor may not.
    assert where < 8 + struct.unpack("<Q", content[:8])[0]
    assert isinstance(family, ProductConvolutionFamily)


@pytest.mark.parametrize(
    "content", [b"", b"II*\x00", b"\x80\x04pickle", b"\xff" * 100, b"{}", b"\x02" + bytes(7) + b"{}"]
)
def test_foreign_bytes_are_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(FamilyFileError, match=r"not a safetensors file|no format name"):
        load_family(path)


def test_weights_are_not_a_family(path: Path) -> None:
    save_weights(path, DeblurringNetwork(DeblurringConfig(channels=(4, 4, 4, 4), blocks=1, iterations=1)), {})
    with pytest.raises(
        FamilyFileError, match="napari-deepblur weights 1 in its header, expected 'napari-deepblur family'"
    ):
        load_family(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    for missing in (tmp_path / "nothing.safetensors", tmp_path):
        with pytest.raises(FamilyFileError, match="There is no file"):
            load_family(missing)


def test_families_are_told_from_other_files(path: Path, tmp_path: Path) -> None:
    assert is_family_file(path) and is_family_file(str(path))
    _rewrite(path, {"schema": str(SCHEMA + 1), "kind": "neural"})
    assert is_family_file(path), "loading it says what is wrong"
    _rewrite(path, {"format": None})
    assert not is_family_file(path)
    path.write_bytes(b"II*\x00")
    assert not is_family_file(path)
    assert not is_family_file(tmp_path) and not is_family_file(tmp_path / "nothing.safetensors")


def test_a_file_is_found_before_a_shipped_name(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_family(path) == find_family(str(path)) == path
    monkeypatch.chdir(tmp_path)
    shipped = find_family("demonstration")
    assert shipped.is_file() and shipped.is_absolute()
    Path("demonstration").write_bytes(path.read_bytes())
    assert find_family("demonstration") == Path("demonstration")


@pytest.mark.parametrize("name", ["demonstratio", "nothing.safetensors", "", "../families/demonstration", "."])
def test_what_is_neither_file_nor_name_is_refused_with_the_names(name: str) -> None:
    with pytest.raises(FamilyFileError, match=r"There is no file .*or one of: .*demonstration"):
        find_family(name)


def test_every_shipped_family_loads_and_has_a_card() -> None:
    assert "demonstration" in shipped_families()
    for name in shipped_families():
        file = find_family(name)
        family = load_family(file)
        assert file.stat().st_size < 4e6 and file.with_suffix(".md").is_file()
        assert family.sample(2, 0).shape == (2, family.n_parameters)


def test_the_demonstration_family_has_the_psfs_of_its_microscope() -> None:
    family = load_family(find_family("demonstration"))
    assert isinstance(family, ProductConvolutionFamily) and family.thetas is not None
    assert (family.field_shape, family.psf_size, family.microscope) == (
        (512, 512),
        63,
        Microscope(1.49, 0.525, 0.065, 1.515, light="scalar"),
    )
    demo, points, side = Demonstration(), np.array([(256.0, 256.0), (120.0, 400.0)]), 63 + 2 * margin_for(63)
    thetas = family.thetas.reshape(demo.n_stacks, demo.n_planes, -1)[17]
    model = np.stack([family.psf(theta, points) for theta in thetas], axis=1)
    # A common shift of all planes of a stack is free.
    wide = zip(true_psfs(demo, 17, points, side), model, strict=True)
    shifts = np.concatenate([_best_shifts(fft.rfft2(h[None]), m, side) for h, m in wide])
    true = true_psfs(demo, 17, points, 63, shifts=-shifts)
    true /= true.sum(axis=(-2, -1), keepdims=True)
    errors = np.square(true - model).sum(axis=(-2, -1)) / np.square(true).sum(axis=(-2, -1))
    assert -10 * np.log10(errors.mean()) > 19


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"format": "other"}, "has other in its header"),
        ({"format": None}, "no format name"),
        ({"schema": str(SCHEMA + 1)}, f"schema version {SCHEMA + 1}.* newer .* Update napari-deepblur"),
        ({"schema": "one"}, "schema version 'one', expected a number"),
        ({"schema": None}, "expected a number"),
        ({"kind": "neural"}, "kind 'neural', expected one of zernike, field-zernike, eigen-psf, product-convolution"),
        ({"kind": "eigen-psf"}, "holds the tensors eigen_psfs, maps, thetas, expected eigen_psfs"),
        ({"kind": "zernike"}, "expected none"),
        (
            {"order": "convolve-then-multiply"},
            "of the order 'convolve-then-multiply', expected 'multiply-then-convolve'",
        ),
        ({"sha256": "0" * 64}, "its numbers are not those that were written"),
        ({"sha256": None}, "its numbers are not those that were written"),
        ({"field_shape": None}, "make no family"),
        ({"field_shape": "[50"}, "make no family"),
        ({"field_shape": "[50]"}, "make no family"),
        ({"field_shape": "50"}, "make no family"),
        ({"field_shape": '["a", 3]'}, "make no family"),
        ({"field_shape": "[-5, 60]"}, "make no family.*field_shape"),
        ({"microscope": "7"}, "make no family"),
        ({"microscope": '{"na": 3}'}, "make no family"),
        ({"microscope": '{"na": 2.0, "wavelength_um": 0.5, "pixel_size_um": 0.12, "n_immersion": 1.0}'}, "NA 2"),
        ({"microscope": '{"power": 1}'}, "make no family.*power"),
        ({"pixel_size_um": "-1"}, "make no family"),
        ({"pixel_size_um": '"small"'}, "make no family"),
        ({"pixel_size_um": "0.5"}, "make no family.*the microscope's"),
    ],
)
def test_a_wrong_header_is_diagnosed(path: Path, header: dict[str, str | None], message: str) -> None:
    _rewrite(path, header)
    with pytest.raises(FamilyFileError, match=message) as caught:
        load_family(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"maps": None}, "holds the tensors eigen_psfs, thetas, expected eigen_psfs, maps"),
        ({"surprise": np.zeros(3, np.float32)}, "surprise"),
        ({"maps": np.zeros((2, 4, 6))}, "maps of type F64, expected F32"),
        ({"maps": np.zeros((2, 4, 6), np.int32)}, "maps of type I32"),
        ({"maps": np.zeros((1, 1, 20000), np.float32)}, r"maps of shape \(1, 1, 20000\), which no family has"),
        ({"maps": np.zeros((2, 0, 6), np.float32)}, r"maps of shape \(2, 0, 6\), which no family has"),
        ({"eigen_psfs": np.zeros((3, 257, 257), np.float32)}, "eigen_psfs of shape"),
        ({"thetas": np.zeros((1, 3, 2, 1), np.float32)}, "thetas of shape"),
    ],
)
def test_wrong_tensors_are_refused_unread(path: Path, tensors: dict[str, Any], message: str) -> None:
    # The hash is wrong too: shapes come first, because the hash needs the tensors.
    _rewrite(path, **tensors)
    with pytest.raises(FamilyFileError, match=message):
        load_family(path)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"microscope": "null"}, "needs its microscope"),
        ({"modes": "[4, 4]"}, "different Noll indices"),
        ({"modes": "4"}, "make no family"),
        ({"degree": "3"}, "degree is 3"),
        ({"degree": None}, "make no family.*degree"),
        ({"rank": "0"}, "rank is 0"),
        ({"field_shape": "[50, 60, 70]"}, "field_shape"),
        ({"psf_size": "1000001"}, "psf_size is 1000001"),
        ({"max_amplitude": "null"}, "max_amplitude is None"),
    ],
)
def test_wrong_numbers_of_a_field_zernike_family_are_diagnosed(
    path: Path, header: dict[str, str | None], message: str
) -> None:
    save_family(FAMILIES["field-Zernike"](), path)
    _rewrite(path, header)
    with pytest.raises(FamilyFileError, match=message):
        load_family(path)


def test_tensors_that_make_no_family_are_diagnosed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_deepblur.io.families._digest", lambda tensors: "right")
    for name, value in (
        ("eigen_psfs", np.zeros((3, 5, 5), np.float32)),
        ("eigen_psfs", np.ones((3, 4, 4), np.float32)),
        ("maps", np.full((2, 4, 6), np.nan, np.float32)),
        ("thetas", _random(7, 2, 2)),
    ):
        save_family(_product_convolution(), path)
        _rewrite(path, {}, **{name: value})
        with pytest.raises(FamilyFileError, match=f"make no family .*{name}"):
            load_family(path)


def test_a_failed_save_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("No space left on device")

    before = path.read_bytes()
    monkeypatch.setattr("napari_deepblur.io.families.save_file", full)
    with pytest.raises(OutputError, match="No space left"):
        save_family(_product_convolution(), path)
    assert path.read_bytes() == before and list(path.parent.iterdir()) == [path]
    with pytest.raises(OutputError, match="does not exist"):
        save_family(_product_convolution(), path.parent / "nowhere" / "family.safetensors")


def test_a_family_of_one_s_own_has_no_file_format(tmp_path: Path) -> None:
    stranger: Any = type("Stranger", (), {})()
    with pytest.raises(FamilyError, match="Stranger has no file format; those that have are zernike"):
        save_family(stranger, tmp_path / "family.safetensors")
    assert not list(tmp_path.iterdir())
