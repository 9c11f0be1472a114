"""Calibration of a microscope's space-varying blurs from images of beads, and a simulated microscope to try it on."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
