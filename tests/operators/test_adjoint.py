"""Laws that every blur operator obeys. A new operator is covered by one more line in `OPERATORS`."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from napari_deepblur.errors import ImageError
from napari_deepblur.operators import (
    ArrayOperator,
    ConvolutionOperator,
    FieldZernikeFamily,
    LinearOperator,
    MaskedOperator,
    ProductConvolutionFamily,
    ProductConvolutionOperator,
    VolumeOperator,
    ZernikeFamily,
)
from napari_deepblur.optics import Microscope

B = 3
Shape = tuple[int, ...]


def psf(*shape: int) -> Tensor:
    return torch.softmax(torch.randn(shape).flatten(-2), -1).view(shape)


def zernike(shape: Shape) -> LinearOperator:
    family = ZernikeFamily(Microscope(0.8, 0.5, 0.1, 1.0), psf_size=9)
    return family.linear_operator(torch.from_numpy(family.sample(B, 0)), shape)


def product_convolution(eigen_psfs: int, maps: int, *batch: int) -> Callable[[Shape], LinearOperator]:
    """Blurs whose PSF changes by about a half over the field."""

    def make(shape: Shape) -> LinearOperator:
        rows, columns = (torch.linspace(-1, 1, side + 4) for side in shape)
        polynomials = (torch.ones(()), rows[:, None], columns, rows[:, None] * columns)
        on_scene = torch.stack([value.expand(shape[0] + 4, shape[1] + 4) for value in polynomials[:maps]])
        theta = torch.softmax(torch.randn(*batch, eigen_psfs, maps), -2)  # the PSF has the sum one in the middle
        theta[..., 1:] *= 0.3
        return ProductConvolutionOperator(psf(eigen_psfs, 5, 5), on_scene, theta)

    return make


def calibrated(shape: Shape) -> LinearOperator:
    maps = torch.stack([torch.ones(4, 4), torch.linspace(-0.2, 0.2, 4).expand(4, 4)])
    family = ProductConvolutionFamily(psf(3, 5, 5), maps, torch.rand(4, 6) / 3, field_shape=(50, 45))
    return family.linear_operator(torch.from_numpy(family.sample(B, 0)), shape, (2, 1))


def field_zernike(shape: Shape) -> LinearOperator:
    family = FieldZernikeFamily(Microscope(0.8, 0.5, 0.1, 1.0), (4, 7), 1, (50, 45), psf_size=9, rank=3)
    return family.linear_operator(torch.from_numpy(family.sample(B, 0)), shape, (2, 1))


def volume(planes: int, *psf: int, margin: Shape | None = None) -> Callable[[Shape], LinearOperator]:
    """Blurs of stacks of a few planes."""

    def make(shape: Shape) -> LinearOperator:
        return VolumeOperator(torch.softmax(torch.randn(psf).flatten(-3), -1).view(psf), (planes, *shape), margin)

    return make


def one_hidden(shape: Shape) -> Tensor:
    weights = torch.ones(shape)
    weights[0, -1] = 0
    return weights


# For scenes (B, 1, H + k - 1, W + k - 1).
OPERATORS: dict[str, Callable[[Shape], LinearOperator]] = {
    "convolution": lambda shape: ConvolutionOperator(psf(7, 7), shape),
    "convolution, any sign": lambda shape: ConvolutionOperator(torch.randn(5, 5), shape),
    "convolution, one pixel": lambda shape: ConvolutionOperator(torch.full((1, 1), 2.0), shape),
    "convolution, batch": lambda shape: ConvolutionOperator(psf(B, 1, 5, 5), shape),
    "Zernike family": zernike,
    "product-convolution family": calibrated,
    "field-Zernike family": field_zernike,
    "product-convolution, by map": product_convolution(4, 3),
    "product-convolution, by eigen-PSF": product_convolution(2, 4),
    "product-convolution, batch": product_convolution(3, 3, B, 1),
    "product-convolution, batch by eigen-PSF": product_convolution(2, 3, B, 1),
    "volume": volume(3, 3, 5, 5),
    "volume, all planes see each other": volume(3, 7, 3, 3, margin=(1, 1, 1)),
    "volume, one plane": volume(1, 5, 3, 5),
    "volume, a margin beyond the PSF": volume(2, 3, 3, 3, margin=(2, 1, 2)),
    "volume, nothing around it": volume(2, 3, 3, 3, margin=(0, 0, 0)),
    "volume, batch": volume(2, B, 1, 3, 3, 3),
    "masked columns": lambda shape: MaskedOperator(
        ConvolutionOperator(psf(5, 5), shape), torch.arange(shape[1]) % 7 != 3
    ),
    "masked pixel": lambda shape: MaskedOperator(ConvolutionOperator(psf(5, 5), shape), one_hidden(shape)),
}
every_operator = pytest.mark.parametrize("name", OPERATORS)
any_shape = given(shape=st.tuples(st.integers(1, 37), st.integers(1, 37)))
some = settings(max_examples=15, deadline=None)


def dot(a: Tensor, b: Tensor) -> Tensor:
    return (a.double() * b.double()).flatten(2).sum(dim=-1)


def norm(a: Tensor) -> Tensor:
    return dot(a, a).sqrt()


def matrices(apply: Callable[[Tensor], Tensor], shape: Shape) -> Tensor:
    """Dense matrices (B or 1, rows, columns) of a map of the scenes or images of that shape."""
    n = math.prod(shape)
    columns = apply(torch.eye(n).view(n, 1, 1, *shape))
    return columns.flatten(2).permute(1, 2, 0).double()


@every_operator
@any_shape
@some
def test_adjoint(name: str, shape: Shape) -> None:
    operator = OPERATORS[name](shape)
    x, y = torch.randn(B, 1, *operator.scene_shape), torch.randn(B, 1, *operator.image_shape)
    blurred, spread = operator.forward(x), operator.adjoint(y)
    assert blurred.shape == y.shape and spread.shape == x.shape
    error = (dot(blurred, y) - dot(x, spread)).abs()
    assert (error <= 1e-5 * (norm(blurred) * norm(y) + norm(x) * norm(spread))).all()


@every_operator
@pytest.mark.parametrize("shape", [(4, 5), (5, 4), (7, 7), (1, 3)])
def test_the_adjoint_is_the_transposed_matrix(name: str, shape: Shape) -> None:
    operator = OPERATORS[name](shape)
    forward = matrices(operator.forward, operator.scene_shape)
    adjoint = matrices(operator.adjoint, operator.image_shape)
    torch.testing.assert_close(adjoint, forward.mT, rtol=0, atol=1e-6)


@every_operator
@pytest.mark.parametrize("background", [0.0, 1e4])
def test_single_precision_is_enough(name: str, background: float) -> None:
    """What float32 gives is the dense matrix times the scene in float64, up to a few roundings of the largest value."""
    operator = OPERATORS[name]((9, 10))
    maps = {"forward": operator.scene_shape, "adjoint": operator.image_shape}
    for method, shape in maps.items():
        apply, x = getattr(operator, method), background + torch.randn(B, 1, *shape)
        exact = (matrices(apply, shape) @ x.double().flatten(2).mT).squeeze(-1)
        found = apply(x).double().flatten(1)
        largest = matrices(apply, shape).abs().sum(-1).max() * x.abs().max()
        torch.testing.assert_close(found, exact, rtol=0, atol=2e-6 * float(largest))


@every_operator
def test_linear(name: str) -> None:
    operator = OPERATORS[name]((12, 9))
    a, b = torch.randn(2, B, 1, *operator.scene_shape)
    expected = 3 * operator.forward(a) - 0.5 * operator.forward(b)
    torch.testing.assert_close(operator.forward(3 * a - 0.5 * b), expected, rtol=1e-4, atol=1e-5)


@every_operator
@pytest.mark.parametrize("regularization", [1e-3, 0.03, 1.0])
def test_the_preconditioner_is_symmetric_and_positive(name: str, regularization: float) -> None:
    operator = OPERATORS[name]((5, 6))
    for matrix in matrices(lambda x: operator.precondition(x, regularization), operator.scene_shape):
        torch.testing.assert_close(matrix, matrix.T, rtol=0, atol=1e-5 * float(matrix.abs().max()))
        assert torch.linalg.eigvalsh(matrix).min() > 0


@every_operator
def test_the_preconditioner_makes_the_normal_equations_better_conditioned(name: str) -> None:
    operator = OPERATORS[name]((8, 7))
    forward = matrices(operator.forward, operator.scene_shape)
    inverse = matrices(lambda x: operator.precondition(x, 0.03), operator.scene_shape)
    for a, p in zip(forward, inverse, strict=True):
        normal = a.T @ a + 0.03 * torch.eye(a.shape[1])
        root = torch.linalg.cholesky(p)
        after = torch.linalg.cond(root.T @ normal @ root)
        # One pixel gives a multiple of the identity, which nothing can improve.
        assert after <= torch.linalg.cond(normal) * 1.0001


@every_operator
def test_forward_does_not_change_the_operator_or_its_argument(name: str) -> None:
    operator = OPERATORS[name]((6, 6))
    x = torch.randn(B, 1, *operator.scene_shape)
    kept, first = x.clone(), operator.forward(x)
    operator.adjoint(first)
    operator.precondition(x, 0.1)
    assert torch.equal(operator.forward(x), first) and torch.equal(x, kept)


@every_operator
def test_float16_and_float64_scenes_are_blurred_in_float32(name: str) -> None:
    operator = OPERATORS[name]((6, 5))
    x = torch.rand(B, 1, *operator.scene_shape).half()
    assert operator.forward(x).dtype == torch.float32
    torch.testing.assert_close(operator.forward(x.double()), operator.forward(x))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(operator.forward(x), operator.forward(x.float()))


@pytest.mark.parametrize("method", ["forward", "adjoint"])
def test_the_numpy_facade_agrees_and_diagnoses_a_wrong_shape(method: str) -> None:
    tensor_operator = ConvolutionOperator(psf(5, 5), (8, 9))
    operator = ArrayOperator(tensor_operator)
    assert operator.image_shape == (8, 9) and operator.scene_shape == (12, 13)
    shape = operator.scene_shape if method == "forward" else operator.image_shape
    array = torch.rand(shape).double().numpy()
    result = getattr(operator, method)(array.tolist())
    assert result.dtype == "float32"
    expected = getattr(tensor_operator, method)(torch.from_numpy(array).float())
    torch.testing.assert_close(torch.from_numpy(result), expected)
    # Any layout and byte order.
    strange = array.astype(">f8")[::-1][::-1]
    assert (getattr(operator, method)(strange) == result).all()
    name, other = ("scene", "image") if method == "forward" else ("image", "scene")
    wrong = getattr(operator, f"{other}_shape")
    with pytest.raises(ImageError, match=rf"The {name} has shape \({wrong[0]}, {wrong[1]}\), expected .*{shape[0]}"):
        getattr(operator, method)(torch.zeros(wrong).numpy())
    with pytest.raises(ImageError):
        getattr(operator, method)(array[None])
