"""Noise of a camera: the Poisson-Gaussian model, and its estimate from one image."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
