"""What there is to know of a family is a fact of it: nobody asks for its class."""

from __future__ import annotations

import inspect
from typing import Any, NamedTuple, get_args

import numpy as np
import pytest

from napari_deepblur.io.family_contents import MAKERS
from napari_deepblur.operators.families import (
    AberrationFamily,
    ConvolutionFamily,
    EigenPsfFamily,
    FamilyKind,
    FieldZernikeFamily,
    MeasuredFamily,
    OperatorFamily,
    ProductConvolutionFamily,
    ZernikeFamily,
)
from napari_deepblur.optics import Microscope

OPTICS = Microscope(na=1.2, wavelength_um=0.55, pixel_size_um=0.09, n_immersion=1.33)
ZERNIKE = ZernikeFamily(OPTICS, (4, 7), 0.1, 15)
FIELD = FieldZernikeFamily(OPTICS, (4, 7), 1, (60, 80), 0.1, 15)
PSFS = np.stack([ZERNIKE.psf(theta) for theta in ([0.0, 0.0], [0.1, 0.1])])
MAPS = np.stack([np.ones((3, 4)), np.linspace(0, 1, 12).reshape(3, 4)])
EIGEN = EigenPsfFamily(PSFS, np.eye(2), None, 0.2)
PRODUCT = ProductConvolutionFamily(PSFS, MAPS, np.ones((1, 2, 2)), OPTICS, field_shape=(60, 80))


class Facts(NamedTuple):
    """What a family of the table says of itself."""

    kind: str
    field_shape: tuple[int, int] | None
    pixel_size_um: float | None
    units: str
    even_modes: list[bool]
    local: OperatorFamily | None
    measured: OperatorFamily | None
    numbers: dict[str, Any]
    tensors: set[str]
    n_maps: int


MODES = {"modes": (4, 7), "max_amplitude": 0.1, "psf_size": 15}
FIELD_NUMBERS = {**MODES, "degree": 1, "field_shape": (60, 80), "rank": None}
PRODUCT_NUMBERS = {"pixel_size_um": 0.09, "field_shape": (60, 80)}
EVEN_OF_FIELD = [True] * 3 + [False] * 3
MEASURED = {"eigen_psfs", "thetas"}
TABLE: list[tuple[OperatorFamily, Facts]] = [
    (ZERNIKE, Facts("zernike", None, 0.09, "waves RMS", [True, False], ZERNIKE, None, MODES, set(), 1)),
    (
        FIELD,
        Facts(
            "field-zernike", (60, 80), 0.09, "waves RMS", EVEN_OF_FIELD, FIELD.local, None, FIELD_NUMBERS, set(), 3
        ),
    ),
    (EIGEN, Facts("eigen-psf", None, 0.2, "", [False] * 2, None, EIGEN, {"pixel_size_um": 0.2}, MEASURED, 1)),
    (
        PRODUCT,
        Facts(
            "product-convolution", (60, 80), 0.09, "", [False] * 4, None, PRODUCT, PRODUCT_NUMBERS,
            MEASURED | {"maps"}, 2,
        ),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("family", "facts"), TABLE, ids=[facts.kind for _, facts in TABLE])
def test_every_family_says_what_it_is(family: OperatorFamily, facts: Facts) -> None:
    assert family.kind == facts.kind
    assert family.field_shape == facts.field_shape
    assert family.pixel_size_um == facts.pixel_size_um
    assert family.units == facts.units
    assert family.even_modes.dtype == bool and family.even_modes.tolist() == facts.even_modes
    assert family.local is facts.local
    assert family.measured is facts.measured
    assert family.numbers == facts.numbers
    assert set(family.tensors) == facts.tensors
    assert family.maps_at([[0.0, 0.0], [30.0, 7.5]]).shape == (2, facts.n_maps)
    assert family.n_parameters == len(family.parameter_names) == len(family.even_modes)


def test_the_table_and_the_files_have_all_kinds() -> None:
    assert [facts.kind for _, facts in TABLE] == list(get_args(FamilyKind)) == list(MAKERS)


@pytest.mark.parametrize("family", [family for family, _ in TABLE], ids=[facts.kind for _, facts in TABLE])
def test_theta_weighed_by_the_maps_is_what_a_place_sees(family: OperatorFamily) -> None:
    """sum_j theta_mj w_j(z): the coefficients at z, or the coordinates of its PSF."""
    theta, points = family.sample(1, 3)[0], np.array([[5.0, 70.0], [59.0, 0.0]])
    maps = family.maps_at(points)
    local = np.einsum("mj,pj->pm", theta.reshape(-1, maps.shape[1]), maps)
    for place, seen in zip(points, local, strict=True):
        if family.local is not None:
            expected = family.local.psf(seen)
        else:
            expected = np.einsum("i,iyx->yx", seen, family.tensors["eigen_psfs"])
        np.testing.assert_allclose(family.psf(theta, place[None])[0], expected, atol=1e-6)


@pytest.mark.parametrize("family", [ZernikeFamily, FieldZernikeFamily, EigenPsfFamily, ProductConvolutionFamily])
def test_nothing_that_is_implemented_is_overridden(family: type[OperatorFamily]) -> None:
    assert not inspect.isabstract(family)
    for shared in (OperatorFamily, ConvolutionFamily, AberrationFamily, MeasuredFamily):
        assert inspect.isabstract(shared)
        if not issubclass(family, shared):
            continue
        concrete = {
            name
            for name, value in vars(shared).items()
            if (inspect.isfunction(value) or isinstance(value, property))
            and not getattr(value, "__isabstractmethod__", False)
        }
        # Each makes itself from arguments of its own.
        assert not (concrete - {"__init__"}) & set(vars(family))
