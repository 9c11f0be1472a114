"""Restoration holds back where an estimate of the blur is not to be trusted, whatever its own posterior says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_deepblur.identification.expectation import Expectation
from napari_deepblur.operators import ZernikeFamily
from napari_deepblur.optics import Microscope
from napari_deepblur.pipeline import DeblurSettings, deblur_steps, identify
from napari_deepblur.progress import finished

OPTICS = Microscope(pixel_size_um=0.09)


def test_the_error_to_reckon_with_grows_as_the_expectation_falls() -> None:
    errors = [Expectation(decibels, 0.5).squared_error for decibels in (20.0, 10.0, 0.0)]
    np.testing.assert_allclose(errors, [0.02, 0.2, 2.0])


@pytest.mark.usefixtures("weights_folder")
def test_restoration_is_told_the_larger_of_both_errors(image: np.ndarray) -> None:
    family = ZernikeFamily(OPTICS)
    found = identify(image, family, device="cpu")
    settings = DeblurSettings(microscope=OPTICS, device="cpu")

    def told(expectation: Expectation | None, spread: float) -> float:
        known = replace(found, expectation=expectation, psf_spread=np.array([spread], np.float32))
        blur = finished(deblur_steps(image, settings, family, known)).blur
        assert blur is not None
        return blur.spread

    assert told(Expectation(10.0, 0.1), 0.05) == pytest.approx(0.2)
    assert told(Expectation(30.0, 0.0), 0.05) == pytest.approx(0.05)
    assert told(None, 0.05) == pytest.approx(0.05)
