"""For each field of the settings, settings in which it is not the default; found by trying, also for new fields."""

from __future__ import annotations

from typing import Any

from napari_deepblur.errors import DeepblurError
from napari_deepblur.identification.field import check_in_field
from napari_deepblur.optics import Microscope
from napari_deepblur.pipeline import DeblurSettings
from napari_deepblur.pipeline.options import Option, as_options, options

OPTICS = Microscope(na=1.2, wavelength_um=0.55, pixel_size_um=0.09, n_immersion=1.33)
SHAPE = (160, 170)
"""Rows and columns of the image that the settings are for."""

_CANDIDATES: tuple[Any, ...] = (
    *("cpu", "scalar", "light", "wiener", "field-zernike", "volume"),
    *(2, 3, 256, 1.25, 0.07, (4, 7), (640, 641), (0.01,) * 8),
)


def changed(option: Option) -> DeblurSettings:
    """Return settings of which only this option, and what it needs to be there, is not the default."""
    needed: dict[str, Any] = {}
    if option.variants:
        needed = {
            "blur": {"family": option.variants[0]},
            "restore": {"method": option.variants[0]},
            "noise": {"alpha": 0.5, "beta": 2.0},
        }[option.part]
    if option.name == "depth_um":
        needed = {"n_sample": 1.4}
    for candidate in _CANDIDATES:
        values = needed | {option.name: candidate}
        optics = {name: values.pop(name) for name in list(values) if hasattr(OPTICS, name)}
        try:
            settings = DeblurSettings(microscope={**vars(OPTICS), **optics}, **values)
            check_in_field(settings.operator_family(SHAPE), SHAPE, settings.origin)
        except DeepblurError:
            continue
        found = vars(settings.optics) | as_options(settings)
        if found.get(option.name) == candidate != option.default:
            return settings
    raise AssertionError(f"No candidate suits {option.name}, of the type {option.annotation}: add one.")


EVERY = {option.name: option for option in options()}
