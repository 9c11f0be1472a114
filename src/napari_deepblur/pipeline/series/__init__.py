"""Series, stacks, channels and colours: what axes mean, and runs that go through them frame by frame."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
