"""Fourier optics: the microscope, its pupil, the Zernike polynomials and the point spread function."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
