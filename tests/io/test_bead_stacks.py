"""Bead stacks of files: of one pixel size, square pixels and one colour, or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_deepblur.errors import CalibrationError
from napari_deepblur.io.bead_stacks import read_bead_stacks

BEADS = np.random.default_rng(0).poisson(50, (3, 20, 24)).astype(np.uint16)


def stack(path: Path, width: float, height: float, axes: str = "ZYX") -> Path:
    facts = {"axes": axes, "PhysicalSizeX": width, "PhysicalSizeY": height}
    tifffile.imwrite(path, BEADS, ome=True, photometric="minisblack", metadata=facts)
    return path


def test_stacks_come_with_the_pixel_size_that_they_state(tmp_path: Path) -> None:
    paths = [stack(tmp_path / f"{k}.ome.tif", 0.065, 0.065) for k in range(2)]
    stacks, size = read_bead_stacks(paths)
    assert size == 0.065
    for found in stacks:
        np.testing.assert_array_equal(found, BEADS)


def test_what_is_not_of_one_microscope_is_refused(tmp_path: Path) -> None:
    fine, coarse = stack(tmp_path / "a.ome.tif", 0.065, 0.065), stack(tmp_path / "b.ome.tif", 0.1, 0.1)
    with pytest.raises(CalibrationError, match=r"different pixel sizes .* a\.ome\.tif 0\.065, b\.ome\.tif 0\.1"):
        read_bead_stacks([fine, coarse])
    oblong = stack(tmp_path / "c.ome.tif", 0.065, 0.1)
    with pytest.raises(CalibrationError, match="not square"):
        read_bead_stacks([oblong])
    # Whoever knows better says so.
    assert len(read_bead_stacks([fine, coarse, oblong], pixel_size_um=0.065)[0]) == 3
    with pytest.raises(CalibrationError, match="3 channels or colours"):
        read_bead_stacks([stack(tmp_path / "d.ome.tif", 0.065, 0.065, "CYX")], pixel_size_um=0.065)
