"""The optics of one of many images: its own, under what was said for all."""

from __future__ import annotations

import pytest

from napari_deepblur.batch.file_optics import with_own_optics
from napari_deepblur.optics import Microscope
from napari_deepblur.pipeline import DeblurSettings

SETTINGS = DeblurSettings(
    microscope=Microscope(na=1.2, wavelength_um=0.6, pixel_size_um=0.08, n_immersion=1.33), assumed=("wavelength_um",)
)


def test_what_was_said_for_all_counts_and_the_rest_is_the_images_own() -> None:
    own = with_own_optics(SETTINGS, {"na": 1.0, "pixel_size_um": 0.1}, {"na"}, 0)
    assert own.microscope == Microscope(na=1.2, wavelength_um=0.6, pixel_size_um=0.1, n_immersion=1.33)
    # What neither says is taken over, and nobody has stated it of this image.
    assert set(own.assumed) == {"wavelength_um", "n_immersion"}


def test_wavelengths_of_channels_go_with_as_many_channels() -> None:
    two = SETTINGS.replace(channel_wavelengths_um=(0.45, 0.6))
    assert with_own_optics(two, {}, (), 2).channel_wavelengths_um == (0.45, 0.6)
    assert with_own_optics(two, {}, (), 3).channel_wavelengths_um is None
    own = with_own_optics(two, {"channel_wavelengths_um": (0.5, 0.55)}, (), 2)
    assert own.channel_wavelengths_um == pytest.approx((0.5, 0.55))
    assert "wavelength_um" not in own.assumed


def test_a_calibrated_blur_brings_its_own() -> None:
    measured = DeblurSettings(family="demonstration")
    assert with_own_optics(measured, {"na": 1.0}, (), 0) is measured
