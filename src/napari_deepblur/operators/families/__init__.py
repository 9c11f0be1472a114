"""Families of blur operators: a short parameter vector in, an operator out.

A family is the hinge of the package: identification predicts its parameters, deblurring uses its operators, and
training samples it. A new family is one subclass of `OperatorFamily`: by way of `ConvolutionFamily` where the PSF is
the same everywhere, and of `AberrationFamily` or `MeasuredFamily` for what those share. These three are abstract, and
nothing that they implement is overridden.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_deepblur.on_demand import on_demand

if TYPE_CHECKING:
    from napari_deepblur.operators.families.aberrations import AberrationFamily
    from napari_deepblur.operators.families.base import OperatorFamily
    from napari_deepblur.operators.families.convolution import ConvolutionFamily
    from napari_deepblur.operators.families.eigen_psf import EigenPsfFamily
    from napari_deepblur.operators.families.facts import DEFAULT_MODES, HIGHEST_AMPLITUDE, Amplitude, FamilyKind
    from napari_deepblur.operators.families.field_expansion import FieldExpansion
    from napari_deepblur.operators.families.field_zernike import FieldZernikeFamily
    from napari_deepblur.operators.families.measured import MeasuredFamily
    from napari_deepblur.operators.families.product_convolution import ProductConvolutionFamily
    from napari_deepblur.operators.families.zernike import ZernikeFamily
else:
    __getattr__, __dir__ = on_demand(
        __name__,
        {
            "napari_deepblur.operators.families.aberrations": ("AberrationFamily",),
            "napari_deepblur.operators.families.base": ("OperatorFamily",),
            "napari_deepblur.operators.families.convolution": ("ConvolutionFamily",),
            "napari_deepblur.operators.families.eigen_psf": ("EigenPsfFamily",),
            "napari_deepblur.operators.families.facts": (
                "DEFAULT_MODES",
                "HIGHEST_AMPLITUDE",
                "Amplitude",
                "FamilyKind",
            ),
            "napari_deepblur.operators.families.field_expansion": ("FieldExpansion",),
            "napari_deepblur.operators.families.field_zernike": ("FieldZernikeFamily",),
            "napari_deepblur.operators.families.measured": ("MeasuredFamily",),
            "napari_deepblur.operators.families.product_convolution": ("ProductConvolutionFamily",),
            "napari_deepblur.operators.families.zernike": ("ZernikeFamily",),
        },
    )


__all__ = [
    "DEFAULT_MODES",
    "HIGHEST_AMPLITUDE",
    "AberrationFamily",
    "Amplitude",
    "ConvolutionFamily",
    "EigenPsfFamily",
    "FamilyKind",
    "FieldExpansion",
    "FieldZernikeFamily",
    "MeasuredFamily",
    "OperatorFamily",
    "ProductConvolutionFamily",
    "ZernikeFamily",
]
