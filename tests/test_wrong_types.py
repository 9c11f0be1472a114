"""Public calls with things of the wrong type: a clear error of the package, or Python's own TypeError, and no other."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_deepblur
from napari_deepblur.errors import DeepblurError, FamilyError, MicroscopeError, NoiseError, SettingsError

OPTICS = napari_deepblur.Microscope(pixel_size_um=0.08)
IMAGE = np.random.default_rng(0).poisson(100, (64, 64)).astype(np.uint16)
KNOWN: dict[str, Any] = {
    "theta": (0.05,) * 8,
    "noise": napari_deepblur.PoissonGaussianNoise(1.0, 1.0),
    "method": "wiener",
    "microscope": OPTICS,
    "device": "cpu",
}
CALLS: dict[str, dict[str, Any]] = {
    "deblur": {"image": IMAGE, **KNOWN},
    "deblur_stack": {"array": np.stack([IMAGE] * 2), "axes": "TYX", **KNOWN},
    "image_resolution": {"image": IMAGE, "pixel_size_um": 0.08},
    "estimate_noise": {"image": IMAGE},
    "Microscope": {},
    "ZernikeFamily": {"microscope": OPTICS},
    "FieldZernikeFamily": {"microscope": OPTICS},
    "EigenPsfFamily": {"eigen_psfs": np.eye(5)[None]},
    "ProductConvolutionFamily": {"eigen_psfs": np.eye(5)[None], "maps": np.ones((1, 20, 20))},
    "PoissonGaussianNoise": {"alpha": 1.0, "beta": 1.0},
    "load_family": {},
    "load_pupil": {},
    "open_image": {},
}
WRONG = (
    "abc",
    "\0",
    "../x",
    b"x",
    -1,
    2.5,
    float("nan"),
    10**30,
    1 + 2j,
    (),
    (1,),
    (1e-4, 1e-3),
    {"a": 1},
    object(),
    np.zeros(0),
    np.zeros((2, 2)),
    np.array("x"),
    np.ma.masked_array([1, 2], [1, 0]),
    napari_deepblur.Microscope,
    OPTICS,
)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.filterwarnings("ignore")
def test_what_is_of_the_wrong_type_is_refused_or_used(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Words are names of files, too, which some calls write.
    monkeypatch.chdir(tmp_path)
    call = getattr(napari_deepblur, name)
    given = [p.name for p in inspect.signature(call).parameters.values() if p.kind is not p.VAR_KEYWORD]
    foreign = []
    for argument in given:
        for value in WRONG:
            try:
                call(**CALLS[name] | {argument: value})
            except (DeepblurError, TypeError):
                continue
            except Exception as error:
                foreign.append((argument, repr(value)[:40], repr(error)))
    assert foreign == []


def test_they_say_what_was_expected() -> None:
    with pytest.raises(NoiseError, match=r"a tuple, expected PoissonGaussianNoise\(alpha, beta\)"):
        napari_deepblur.deblur(IMAGE, **KNOWN | {"noise": (1.0, 1.0)})
    with pytest.raises(FamilyError, match="theta is 'abc', expected numbers"):
        napari_deepblur.deblur(IMAGE, **KNOWN | {"theta": "abc"})
    with pytest.raises(MicroscopeError, match=r"The microscope is a float, expected a Microscope, such as"):
        napari_deepblur.ZernikeFamily(1.2)  # type: ignore[arg-type]
    stack: Any = {"axes": "TYX", **KNOWN}
    for name, value in (("reuse", "last"), ("colours", "all"), ("specimen", "fat"), ("volume", "yes")):
        with pytest.raises(SettingsError, match=f"{name} is '{value}', expected"):
            napari_deepblur.deblur_stack(np.stack([IMAGE] * 2), **stack | {name: value})
