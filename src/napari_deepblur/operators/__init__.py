"""Blur operators on the valid part of a scene, the families that make them, and linear solves with them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
