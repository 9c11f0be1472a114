"""Families of blur operators: a short parameter vector in, an operator out.

A family is the hinge of the package: identification predicts its parameters, deblurring uses its operators, and
training samples it. A new family is one subclass of `OperatorFamily`; nothing else changes.
"""

from napari_deepblur.operators.families.base import OperatorFamily
from napari_deepblur.operators.families.eigen_psf import EigenPsfFamily
from napari_deepblur.operators.families.field_zernike import FieldExpansion, FieldZernikeFamily
from napari_deepblur.operators.families.product_convolution import ProductConvolutionFamily
from napari_deepblur.operators.families.zernike import DEFAULT_MODES, ZernikeFamily

__all__ = [
    "DEFAULT_MODES",
    "EigenPsfFamily",
    "FieldExpansion",
    "FieldZernikeFamily",
    "OperatorFamily",
    "ProductConvolutionFamily",
    "ZernikeFamily",
]
