"""What a family is made of: lines of a header and tensors, and the way back."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.errors import FamilyError
from napari_deepblur.operators import (
    EigenPsfFamily,
    FieldZernikeFamily,
    OperatorFamily,
    ProductConvolutionFamily,
    ZernikeFamily,
)
from napari_deepblur.optics import Microscope

ORDER = "multiply-then-convolve"
"""Of the operators: multiply with the maps first."""

_ZERNIKE = ("modes", "max_amplitude", "psf_size")
_FIELD_ZERNIKE = (*_ZERNIKE, "degree", "field_shape", "rank")

Tensors = dict[str, NDArray[np.float32]]
Header = dict[str, str]


def contents(family: OperatorFamily) -> tuple[Header, Tensors]:
    """Return what a family is made of: lines of the header, and tensors.

    Raises
    ------
    FamilyError
        If the family is of a kind that has no file format.
    """
    if not isinstance(family, OperatorFamily) or family.kind not in MAKERS:
        raise FamilyError(f"{type(family).__name__} has no file format; those that have are {', '.join(MAKERS)}.")
    tensors = family.tensors
    optics = family.microscope
    numbers = {**family.numbers, "microscope": None if optics is None else optics.as_record()}
    header = {"kind": family.kind} | ({"order": ORDER} if "maps" in tensors else {})
    header |= {name: json.dumps(value) for name, value in numbers.items()}
    return header, {name: np.ascontiguousarray(value, dtype="<f4") for name, value in tensors.items()}


def _microscope(header: Header) -> Microscope | None:
    values = json.loads(header["microscope"])
    return None if values is None else Microscope.from_record(values)


def _optics(header: Header) -> Microscope:
    microscope = _microscope(header)
    if microscope is None:
        raise FamilyError("a Zernike family needs its microscope")
    return microscope


def _zernike(header: Header, tensors: Tensors) -> ZernikeFamily:
    return ZernikeFamily(_optics(header), **{name: json.loads(header[name]) for name in _ZERNIKE})


def _field_zernike(header: Header, tensors: Tensors) -> FieldZernikeFamily:
    return FieldZernikeFamily(_optics(header), **{name: json.loads(header[name]) for name in _FIELD_ZERNIKE})


def _eigen_psf(header: Header, tensors: Tensors) -> EigenPsfFamily:
    pixel = json.loads(header["pixel_size_um"])
    return EigenPsfFamily(tensors["eigen_psfs"], tensors.get("thetas"), _microscope(header), pixel)


def _product_convolution(header: Header, tensors: Tensors) -> ProductConvolutionFamily:
    rows, columns = json.loads(header["field_shape"])
    return ProductConvolutionFamily(
        tensors["eigen_psfs"],
        tensors["maps"],
        tensors.get("thetas"),
        _microscope(header),
        json.loads(header["pixel_size_um"]),
        (rows, columns),
    )


MAKERS: dict[str, Callable[[Header, Tensors], OperatorFamily]] = {
    "zernike": _zernike,
    "field-zernike": _field_zernike,
    "eigen-psf": _eigen_psf,
    "product-convolution": _product_convolution,
}
"""What makes a family of each kind again."""

TENSORS: dict[str, tuple[set[str], set[str]]] = {
    "zernike": (set(), set()),
    "field-zernike": (set(), set()),
    "eigen-psf": ({"eigen_psfs"}, {"thetas"}),
    "product-convolution": ({"eigen_psfs", "maps"}, {"thetas"}),
}
"""Tensors that a kind has to have, and may have."""
