"""Families of blur operators: a short parameter vector in, an operator out.

A family is the hinge of the package: identification predicts its parameters, deblurring uses its operators, and
training samples it. A new family is one subclass of `OperatorFamily`: by way of `ConvolutionFamily` where the PSF is
the same everywhere, and of `AberrationFamily` or `MeasuredFamily` for what those share. These three are abstract, and
nothing that they implement is overridden.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
