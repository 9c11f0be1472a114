"""The exceptions that users of the package may catch.

Every one derives from `DeepblurError` and from the built-in exception that a Python programmer would expect, and
its message says what was found, what was expected and what to do about it.
"""

from __future__ import annotations


class DeepblurError(Exception):
    """Base class of every error that napari-deepblur raises on purpose."""


class ImageError(DeepblurError, ValueError):
    """An image that cannot be processed: wrong number of axes, too small, not finite, constant, or not numeric."""


class MicroscopeError(DeepblurError, ValueError):
    """Microscope parameters that no microscope can have, such as NA > n or a negative pixel size."""


class FamilyError(DeepblurError, ValueError):
    """An operator family, or parameters for one, that cannot be used: unknown modes, even PSF size, wrong length."""


class FamilyFileError(DeepblurError, ValueError):
    """A family file that is missing, truncated, damaged, foreign, or newer than this program."""


class NoiseError(DeepblurError, ValueError):
    """Noise parameters out of range, or an image from which the noise cannot be estimated."""


class SettingsError(DeepblurError, ValueError):
    """A setting that is unknown or out of range."""


class DeviceError(DeepblurError, RuntimeError):
    """A device that does not exist here, or that ran out of memory with no smaller way left to try."""


class WeightsError(DeepblurError, RuntimeError):
    """Weights that are missing, truncated, foreign, or meant for another family."""


class OutputError(DeepblurError, OSError):
    """A file that cannot be written; found before any computation starts."""


class TrainingDataError(DeepblurError, ValueError):
    """A training folder without usable images."""


class CalibrationError(DeepblurError, ValueError):
    """Bead images that cannot be calibrated from: of different fields, or with too few usable beads."""


class UndersamplingWarning(UserWarning):
    """The pixel is too large for the objective: the band of the image, 2 fc, passes half a cycle per pixel."""


class ModalityWarning(UserWarning):
    """The image was taken by another microscope than wide field, such as a confocal, as its file says."""


class AssumptionWarning(UserWarning):
    """Something about an image was set right, or overruled: a background that was subtracted, numbers that differ."""
