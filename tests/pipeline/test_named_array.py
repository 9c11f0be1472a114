"""Arrays of xarray: their axes and coordinates count, and what contradicts what is asked is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from napari_deepblur import Microscope, ZernikeFamily, deblur, deblur_stack, identify, identify_stack
from napari_deepblur.errors import AssumptionWarning, ImageError
from napari_deepblur.io.open_image import open_image
from napari_deepblur.pipeline import DeblurSettings
from napari_deepblur.pipeline.identify_steps import identify_stack_steps
from napari_deepblur.pipeline.named_array import with_its_axes
from napari_deepblur.pipeline.plan import plan
from napari_deepblur.pipeline.run import run
from napari_deepblur.pipeline.volume import run_volume
from napari_deepblur.pipeline.volume_plan import plan_volume
from napari_deepblur.progress import finished

IMAGE = np.random.default_rng(0).poisson(200, (2, 3, 48, 64)).astype(np.uint16)
KNOWN: dict[str, Any] = {"theta": [0.0] * 8, "method": "wiener", "device": "cpu"}


class Named:
    """What an array of xarray has that is read here: nothing of its package is needed for it."""

    def __init__(self, data: Any, dims: tuple[str, ...], coords: dict[str, Any] | None = None) -> None:
        self.data, self.dims, self.name = data, dims, None
        self.shape, self.dtype, self.ndim = data.shape, data.dtype, data.ndim
        self.coords = {
            name: value if hasattr(value, "attrs") else _Coordinate(value) for name, value in (coords or {}).items()
        }

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.asarray(self.data, dtype)

    def __getitem__(self, key: Any) -> Any:
        return Named(self.data[key], self.dims)


class _Coordinate:
    def __init__(self, values: Any, unit: str = "") -> None:
        self.values, self.attrs = np.asarray(values), {"units": unit} if unit else {}

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.asarray(self.values, dtype)


def along(length: int, step: float, start: float = 0.0, unit: str = "um") -> _Coordinate:
    return _Coordinate(start + step * np.arange(length), unit)


def grid(step: float = 0.1, unit: str = "um", start: float = 0.0) -> dict[str, Any]:
    return {"y": along(48, step, start, unit), "x": along(64, step, start, unit)}


@pytest.mark.parametrize("dims", [("c", "z", "y", "x"), ("C", "Z", "Y", "X"), ("channel", "depth", "row", "column")])
def test_axes_are_those_that_the_array_names(dims: tuple[str, ...]) -> None:
    result = deblur_stack(Named(IMAGE, dims), **KNOWN)
    assert result.record["axes"] == "CZYX" and result.image.shape == IMAGE.shape
    expected = deblur_stack(IMAGE, axes="CZYX", **KNOWN).image
    np.testing.assert_array_equal(result.image, expected)


def test_coordinates_are_pixel_size_spacing_time_and_place(tmp_path: Path) -> None:
    coords = {"y": along(48, 90.0, 900.0, "nm"), "x": along(64, 90.0, 0.0, "nm"), "z": along(3, -0.3, 5.0)}
    coords["t"] = _Coordinate(np.array(["2026-01-01T00:00:00", "2026-01-01T00:00:02"], "datetime64[ns]"))
    array = Named(IMAGE, ("t", "z", "y", "x"), coords)
    result = deblur_stack(array, out=tmp_path / "a.ome.tif", **KNOWN)
    assert result.settings.microscope is not None
    assert result.settings.microscope.pixel_size_um == pytest.approx(0.09)
    assert "pixel_size_um" not in result.settings.assumed and "na" in result.settings.assumed
    with open_image(tmp_path / "a.ome.tif") as image:
        said = image.acquisition
    assert said.pixel_size_um == pytest.approx((0.09, 0.09)) and said.plane_spacing_um == pytest.approx(0.3)
    assert said.time_increment_s == pytest.approx(2.0) and said.planes is not None
    # A crop keeps the coordinates of what it is a part of.
    assert [one[:3] for one in said.planes.planes] == [pytest.approx((5.0 - 0.3 * z, 0.9, 0.0)) for z in range(3)]


def test_channels_have_names_and_a_volume_its_spacing() -> None:
    array = Named(IMAGE, ("c", "z", "y", "x"), grid() | {"z": along(3, 0.5), "c": _Coordinate(["a", "b"])})
    said = with_its_axes(array).acquisition
    assert (said.channels, said.plane_spacing_um) == (("a", "b"), pytest.approx(0.5))


@pytest.mark.parametrize(("coords", "words"), [
    (grid(unit=""), "no unit .* taken for micrometres"),
    ({"y": _Coordinate(np.arange(48.0) ** 2, "um")}, "along y are not equally spaced"),
    ({"x": _Coordinate(["a"] * 64)}, "along x are not equally spaced numbers"),
])  # fmt: skip
def test_what_coordinates_leave_open_is_said(coords: dict[str, Any], words: str) -> None:
    with pytest.warns(AssumptionWarning, match=words):
        with_its_axes(Named(IMAGE[0, 0], ("y", "x"), coords))


@pytest.mark.parametrize("coords", [{"y": np.arange(48), "x": np.arange(64)}, grid(unit="pixel"), {}])
def test_numbers_of_pixels_are_no_lengths(coords: dict[str, Any]) -> None:
    assert with_its_axes(Named(IMAGE[0, 0], ("y", "x"), coords)).acquisition.pixel_size_um is None


def test_what_a_microscope_says_otherwise_is_said() -> None:
    array = Named(IMAGE[0, 0], ("y", "x"), grid(0.1))
    with pytest.warns(AssumptionWarning, match=r"Pixel size 0.08 um counts, .* DataArray says 0.1\."):
        deblur(array, microscope=Microscope(pixel_size_um=0.08), **KNOWN)


@pytest.mark.parametrize(
    ("dims", "words"),
    [
        (("z", "y", "x"), "axes depth, rows, columns, but rows, columns are asked for"),
        (("x", "y"), "rows, columns and then colours come last"),
        (("z", "x"), "section along the depth"),
        (("y", "Y"), "several mean the same"),
    ],
)
def test_one_plane_is_rows_and_columns(dims: tuple[str, ...], words: str) -> None:
    array = Named(IMAGE[0] if len(dims) == 3 else IMAGE[0, 0], dims)
    with pytest.raises(ImageError, match=words):
        deblur(array, **KNOWN)
    with pytest.raises(ImageError, match=words):
        identify(array, ZernikeFamily(Microscope(pixel_size_um=0.09)))  # type: ignore[arg-type]


def test_axes_that_contradict_those_of_the_array_are_refused() -> None:
    array = Named(IMAGE[0], ("z", "y", "x"))
    with pytest.raises(ImageError, match="axes depth, rows, columns, but time, rows, columns are asked for"):
        deblur_stack(array, axes="TYX", **KNOWN)
    with pytest.raises(ImageError, match="time, rows, columns, but depth"):
        identify_stack(Named(IMAGE[0], ("t", "y", "x")), ZernikeFamily(Microscope(pixel_size_um=0.09)), 0.3)  # type: ignore[call-overload]


def test_names_that_say_nothing_leave_an_array_what_it_is() -> None:
    array = Named(IMAGE[0, 0], ("dim_0", "dim_1"))
    assert with_its_axes(array) is array.data
    assert with_its_axes(IMAGE) is IMAGE
    assert isinstance(with_its_axes(SimpleNamespace(dims=3)), SimpleNamespace)


def test_the_package_itself() -> None:
    xarray = pytest.importorskip("xarray")
    array = xarray.DataArray(
        IMAGE, dims=("T", "Z", "Y", "X"), coords={"Y": 0.1 * np.arange(48), "X": 0.1 * np.arange(64)}
    )
    array.Y.attrs["units"] = array.X.attrs["units"] = "micrometer"
    image = with_its_axes(array)
    assert (image.axes, image.acquisition.pixel_size_um) == ("TZYX", pytest.approx((0.1, 0.1)))
    np.testing.assert_array_equal(image[1, 2, 3:5], IMAGE[1, 2, 3:5])


def test_a_plan_that_was_made_before_reads_the_names_too() -> None:
    settings = DeblurSettings(theta=[0.0] * 8, method="wiener", device="cpu")
    planned, of_volume = plan(settings, (48, 64)), plan_volume(settings, (3, 48, 64), 0.3)
    named = finished(run(planned, Named(IMAGE[0, 0], ("y", "x")))).image
    np.testing.assert_array_equal(named, finished(run(planned, IMAGE[0, 0])).image)
    with pytest.raises(ImageError, match="axes x, y; rows, columns and then colours come last"):
        finished(run(planned, Named(IMAGE[0, 0], ("x", "y"))))
    with pytest.raises(ImageError, match="time, rows, columns, but depth"):
        finished(run_volume(of_volume, Named(IMAGE[0], ("t", "y", "x"))))
    family = ZernikeFamily(Microscope(pixel_size_um=0.09))
    with pytest.raises(ImageError, match="time, rows, columns, but depth"):
        identify_stack_steps(Named(IMAGE[0], ("t", "y", "x")), family, 0.3, None, torch.device("cpu"), None)  # type: ignore[arg-type]
