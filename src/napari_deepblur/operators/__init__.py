"""Blur operators on the valid part of a scene, the families that make them, and linear solves with them."""

from napari_deepblur.operators.convolution import ConvolutionOperator
from napari_deepblur.operators.families import (
    EigenPsfFamily,
    FieldZernikeFamily,
    OperatorFamily,
    ProductConvolutionFamily,
    ZernikeFamily,
)
from napari_deepblur.operators.linear import ArrayOperator, LinearOperator
from napari_deepblur.operators.product_convolution import ProductConvolutionOperator
from napari_deepblur.operators.solve import SolveResult, conjugate_gradient, resolvent
from napari_deepblur.operators.weighted import WeightedOperator

__all__ = [
    "ArrayOperator",
    "ConvolutionOperator",
    "EigenPsfFamily",
    "FieldZernikeFamily",
    "LinearOperator",
    "OperatorFamily",
    "ProductConvolutionFamily",
    "ProductConvolutionOperator",
    "SolveResult",
    "WeightedOperator",
    "ZernikeFamily",
    "conjugate_gradient",
    "resolvent",
]
