from __future__ import annotations

import dataclasses
import math
import sys
import warnings
from typing import Any

import numpy as np
import pytest

from napari_deepblur.errors import DeepblurError, MicroscopeError, UndersamplingWarning
from napari_deepblur.optics import Microscope


def test_the_paper_s_setting_has_its_cut_off_and_is_slightly_under_sampled() -> None:
    with pytest.warns(UndersamplingWarning, match=r"0\.261.*0\.25"):
        microscope = Microscope()
    assert microscope.cutoff == pytest.approx(1.41 * 0.1 / 0.54)
    assert microscope.wavenumber == pytest.approx(1.51 * 0.1 / 0.54)


def test_nyquist_pixels_have_a_cut_off_of_a_quarter_and_no_warning() -> None:
    microscope = Microscope(0.95, 0.6, 0.6 / (4 * 0.95), 1.0)
    assert microscope.cutoff == pytest.approx(0.25)
    finer = Microscope(1.4, 0.52, 0.065, 1.515)
    assert finer.cutoff < 0.25
    assert finer.nyquist_pixel_size_um == pytest.approx(0.52 / (4 * 1.4))
    # The optics scale with the wavelength: twice as long on pixels twice as large is the same problem.
    assert Microscope(1.4, 1.04, 0.13, 1.515).cutoff == pytest.approx(finer.cutoff)


def test_the_warning_points_at_the_line_that_made_the_microscope() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        line = sys._getframe().f_lineno + 1
        Microscope(1.41, 0.540, 0.100, 1.51)
    assert [(w.filename, w.lineno, w.category) for w in caught] == [(__file__, line, UndersamplingWarning)]


@pytest.mark.parametrize("name", ["na", "wavelength_um", "pixel_size_um", "n_immersion"])
@pytest.mark.parametrize("value", [0.0, -0.1, math.nan, math.inf, "1.4", None, True, 1j])
def test_a_number_that_is_not_positive_and_finite_is_named(name: str, value: Any) -> None:
    values: dict[str, Any] = {"na": 0.8, "wavelength_um": 0.5, "pixel_size_um": 0.1, "n_immersion": 1.0, name: value}
    with pytest.raises(MicroscopeError, match=rf"{name} is .*expected a"):
        Microscope(**values)


@pytest.mark.parametrize("number", [np.float64, np.float32, int])
def test_any_real_number_will_do(number: Any) -> None:
    assert Microscope(number(1), 0.5, 0.1, 1.5).cutoff == pytest.approx(0.2)


def test_an_aperture_beyond_the_immersion_index_is_diagnosed() -> None:
    with pytest.raises(MicroscopeError, match=r"NA 1\.4 is larger than the immersion index 1\.33.*oil"):
        Microscope(1.4, 0.5, 0.06, 1.33)
    assert Microscope(1.0, 0.5, 0.1, 1.0).cutoff == pytest.approx(0.2)


@pytest.mark.parametrize("pixel_size_um", [0.065, 65.0])
def test_a_wavelength_given_in_nanometres_is_diagnosed(pixel_size_um: float) -> None:
    with pytest.raises(MicroscopeError, match=r"wavelength_um is 525, expected micrometres.*nanometres"):
        Microscope(1.2, 525.0, pixel_size_um, 1.33)


def test_pixels_given_in_nanometres_are_diagnosed() -> None:
    with pytest.raises(MicroscopeError, match=r"cycles per pixel.*100.* um.*micrometres.*0\.0957 um"):
        Microscope(1.41, 0.54, 100.0, 1.51)


def test_the_error_is_one_of_ours_and_a_value_error() -> None:
    assert issubclass(MicroscopeError, DeepblurError) and issubclass(MicroscopeError, ValueError)


def test_a_microscope_is_a_value() -> None:
    one, other = Microscope(0.8, 0.5, 0.1, 1.0), Microscope(0.8, 0.5, 0.1, 1.0)
    assert one == other and hash(one) == hash(other)
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.na = 0.9  # type: ignore[misc]
    with pytest.raises(MicroscopeError):
        dataclasses.replace(one, na=2.0)
