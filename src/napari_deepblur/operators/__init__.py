"""Blur operators on the valid part of a scene, the families that make them, and linear solves with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_deepblur.on_demand import on_demand

if TYPE_CHECKING:
    from napari_deepblur.operators.convolution import ConvolutionOperator
    from napari_deepblur.operators.families import (
        EigenPsfFamily,
        FieldZernikeFamily,
        OperatorFamily,
        ProductConvolutionFamily,
        ZernikeFamily,
    )
    from napari_deepblur.operators.linear import ArrayOperator, LinearOperator
    from napari_deepblur.operators.masked import MaskedOperator
    from napari_deepblur.operators.product_convolution import ProductConvolutionOperator
    from napari_deepblur.operators.solve import SolveResult, conjugate_gradient, resolvent
    from napari_deepblur.operators.volume import VolumeOperator
else:
    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "napari_deepblur.operators.convolution": ("ConvolutionOperator",),
            "napari_deepblur.operators.families": (
                "EigenPsfFamily",
                "FieldZernikeFamily",
                "OperatorFamily",
                "ProductConvolutionFamily",
                "ZernikeFamily",
            ),
            "napari_deepblur.operators.linear": ("ArrayOperator", "LinearOperator"),
            "napari_deepblur.operators.masked": ("MaskedOperator",),
            "napari_deepblur.operators.product_convolution": ("ProductConvolutionOperator",),
            "napari_deepblur.operators.solve": ("SolveResult", "conjugate_gradient", "resolvent"),
            "napari_deepblur.operators.volume": ("VolumeOperator",),
        },
    )


__all__ = [
    "ArrayOperator",
    "ConvolutionOperator",
    "EigenPsfFamily",
    "FieldZernikeFamily",
    "LinearOperator",
    "MaskedOperator",
    "OperatorFamily",
    "ProductConvolutionFamily",
    "ProductConvolutionOperator",
    "SolveResult",
    "VolumeOperator",
    "ZernikeFamily",
    "conjugate_gradient",
    "resolvent",
]
