"""Numbers that no microscope has, and what may be meant by them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from napari_deepblur.optics.microscope import WAVELENGTHS_UM

if TYPE_CHECKING:
    from napari_deepblur.optics import Microscope
    from napari_deepblur.widgets.notice import Level

SAMPLING = (0.3, 2.0)
"""Pixel sizes that people work with, in parts of the one that Nyquist asks for."""

PLANE_SPACINGS_UM = (0.01, 20.0)
"""Between the planes of a stack, whichever way it was taken."""

BEADS_UM = (0.01, 5.0)
"""Diameters of beads that PSFs are measured with; calibration takes no larger ones."""

_NANOMETRE = 1e-3
_CAMERA_PIXEL_UM = 2.0
"""A pixel as large as this is one of a camera, not of the sample."""


class Question(NamedTuple):
    """A number to be asked about.

    Attributes
    ----------
    words
        What is odd about it.
    name
        Of the number.
    suggestion_um
        What may be meant; None where nothing suggests itself.
    """

    words: str
    name: str
    suggestion_um: float | None = None


def question_of(na: float, wavelength_um: float, pixel_size_um: float) -> Question | None:
    """Ask about a wavelength that light does not have, or pixels of no usual size.

    Parameters
    ----------
    na, wavelength_um, pixel_size_um
        As they stand in the form; they may be impossible.

    Returns
    -------
    Question or None
        None where nothing is odd.
    """
    low, high = WAVELENGTHS_UM
    if wavelength_um > 0 and not low <= wavelength_um <= high:
        meant = wavelength_um * _NANOMETRE
        if low <= meant <= high:
            return Question(
                f"A wavelength of {wavelength_um:g} µm? Light has {low:g} to {high:g} µm.", "wavelength_um", meant
            )
        return Question(
            f"A wavelength of {wavelength_um:g} µm? Light has {low:g} to {high:g} µm: please check.", "wavelength_um"
        )
    if na <= 0 or wavelength_um <= 0 or pixel_size_um <= 0:
        return None
    nyquist = wavelength_um / (4 * na)
    ratio = pixel_size_um / nyquist
    if SAMPLING[0] <= ratio <= SAMPLING[1]:
        return None
    asked = f"Pixels of {pixel_size_um:g} µm in the sample? That is {ratio:.2g} of the Nyquist pixel ({nyquist:.3f} µm)"
    meant = pixel_size_um * _NANOMETRE
    if SAMPLING[0] <= meant / nyquist <= SAMPLING[1]:
        return Question(f"{asked}.", "pixel_size_um", meant)
    if ratio > 1 and pixel_size_um >= _CAMERA_PIXEL_UM:
        return Question(f"{asked}: divide the camera's pixel by the magnification.", "pixel_size_um")
    return Question(f"{asked}: please check binning, magnification and NA.", "pixel_size_um")


def question_of_spacing(spacing_um: float) -> Question | None:
    """Ask about planes that are farther apart, or closer, than those of a stack; 0 stands for not known."""
    return _question_of_length("Planes {} µm apart?", "Those of stacks are", spacing_um, PLANE_SPACINGS_UM)


def question_of_bead(diameter_um: float) -> Question | None:
    """Ask about beads that are none to measure a PSF with; 0 stands for points."""
    return _question_of_length("Beads of {} µm?", "To measure a PSF they have", diameter_um, BEADS_UM)


def _question_of_length(asked: str, usual: str, length_um: float, limits: tuple[float, float]) -> Question | None:
    low, high = limits
    if length_um == 0 or low <= abs(length_um) < high:
        return None
    meant = length_um * _NANOMETRE
    known = low <= abs(meant) < high
    words = f"{asked.format(f'{length_um:g}')} {usual} {low:g} to {high:g} µm{'.' if known else ': please check.'}"
    return Question(words, "", meant if known else None)


def said_of_sampling(microscope: Microscope) -> tuple[str, Level]:
    """Say what follows from the numbers for the sampling, and whether it is to be minded."""
    cutoff, nyquist = microscope.cutoff, microscope.nyquist_pixel_size_um
    if cutoff > 0.25:
        return (
            f"Under-sampled: fc = {cutoff:.3f} cycles/pixel is above 0.25. "
            f"Nyquist needs pixels of at most {nyquist:.3f} µm.",
            "warning",
        )
    return f"fc = {cutoff:.3f} cycles/pixel; Nyquist pixel {nyquist:.3f} µm.", "note"


def in_nanometres(length_um: float) -> str:
    """Write a length that was meant in nanometres."""
    return f"{length_um / _NANOMETRE:g} nm"
