"""The pupil of a microscope, from the planes of a bead stack."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
