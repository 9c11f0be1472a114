"""Families are taken apart into text and numbers, and put together again."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from napari_deepblur.errors import FamilyError
from napari_deepblur.io.family_contents import MAKERS, ORDER, TENSORS, contents
from napari_deepblur.operators import (
    EigenPsfFamily,
    FieldZernikeFamily,
    ProductConvolutionFamily,
    ZernikeFamily,
)
from napari_deepblur.optics import Microscope

OPTICS = Microscope(na=1.2, wavelength_um=0.55, pixel_size_um=0.09, n_immersion=1.33)
PSFS = np.stack([ZernikeFamily(OPTICS, psf_size=15).psf(theta) for theta in ([0.0] * 8, [0.1] * 8)])
MAPS = np.stack([np.ones((3, 4)), np.linspace(0, 1, 12).reshape(3, 4)])
THETAS = np.stack([np.eye(2), np.ones((2, 2)) / 2])
FAMILIES = {
    "zernike": ZernikeFamily(OPTICS, (4, 7), 0.1, 15),
    "field-zernike": FieldZernikeFamily(OPTICS, (4, 7), 1, (60, 80), psf_size=15),
    "eigen-psf": EigenPsfFamily(PSFS, np.eye(2), OPTICS),
    "product-convolution": ProductConvolutionFamily(PSFS, MAPS, THETAS, OPTICS, field_shape=(60, 80)),
}


@pytest.mark.parametrize("kind", FAMILIES)
def test_each_kind_comes_back_the_same(kind: str) -> None:
    header, tensors = contents(FAMILIES[kind])
    assert header["kind"] == kind and json.loads(header["microscope"])["na"] == 1.2
    needed, optional = TENSORS[kind]
    assert needed <= set(tensors) <= needed | optional
    assert all(value.dtype == np.dtype("<f4") for value in tensors.values())
    assert header.get("order", ORDER) == ORDER and ("order" in header) == ("maps" in tensors)
    again = MAKERS[kind](header, tensors)
    theta, points = FAMILIES[kind].sample(1, 0)[0], np.array([[30.0, 40.0]])
    np.testing.assert_allclose(again.psf(theta, points), FAMILIES[kind].psf(theta, points), atol=1e-7)


def test_every_kind_says_which_tensors_it_has() -> None:
    assert set(MAKERS) == set(TENSORS) == set(FAMILIES)


def test_a_zernike_family_without_a_microscope_is_none() -> None:
    header, tensors = contents(FAMILIES["zernike"])
    with pytest.raises(FamilyError, match="needs its microscope"):
        MAKERS["zernike"]({**header, "microscope": "null"}, tensors)


def test_other_families_have_no_format() -> None:
    foreign: Any = "a family of another package"
    with pytest.raises(FamilyError, match="str has no file format; those that have are zernike, field-zernike"):
        contents(foreign)
