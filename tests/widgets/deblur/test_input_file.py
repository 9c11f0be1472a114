"""What results keep of the file of their image: its name while it holds the pixels, and when its planes were taken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from driving import choose, know_the_blur, run_to_the_end
from napari.viewer import Viewer
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot

from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.acquisition_files import read_acquisition
from napari_deepblur.io.ome_tiff import write_ome_tiff
from napari_deepblur.io.taken_planes import PlaneTaken, TakenPlanes
from napari_deepblur.widgets.deblur.dock import DeblurDock
from napari_deepblur.widgets.layers import METADATA_KEY

PLUGIN = "napari-deepblur"
PLANES = TakenPlanes("Z", (3,), tuple(PlaneTaken(z=0.3 * n, time_s=2.0 * n) for n in range(3)))


def _record(qtbot: QtBot, dock: DeblurDock, viewer: Viewer) -> dict[str, Any]:
    know_the_blur(dock)
    run_to_the_end(qtbot, dock)
    result = viewer.layers.selection.active
    assert result is not None and " deblurred" in result.name
    record: dict[str, Any] = result.metadata[METADATA_KEY]
    assert json.loads(json.dumps(record)) == record
    return record


def test_a_record_names_no_file_whose_pixels_are_others(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16], tmp_path: Path
) -> None:
    path = str(tmp_path / "cells.tif")
    tifffile.imwrite(path, cells[:48, :48])
    (layer,) = viewer.open(path, plugin="napari")
    assert _record(qtbot, dock, viewer)["input"] == {"layer": "cells", "file": path}
    viewer.layers.selection.active = layer
    layer.data = layer.data[::-1].copy()
    assert _record(qtbot, dock, viewer)["input"] == {"layer": "cells", "file": "", "opened_from": path}
    # A file that has gone can be asked nothing: the layer is still from there.
    Path(path).unlink()
    viewer.layers.selection.active = layer
    assert _record(qtbot, dock, viewer)["input"] == {"layer": "cells", "file": path}


def test_a_channel_that_became_a_layer_is_of_its_file(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, cells: NDArray[np.uint16], tmp_path: Path
) -> None:
    path = str(tmp_path / "two.ome.tif")
    two = np.stack([cells[:48, :48], cells[40:88, 60:108]])
    write_ome_tiff(path, two, Acquisition(axes="CYX", channels=("a", "b")))
    viewer.open(path, plugin="napari")
    assert [layer.data.shape for layer in viewer.layers] in ([two.shape], [two.shape[1:]] * 2)
    assert _record(qtbot, dock, viewer)["input"]["file"] == path
    viewer.layers.clear()
    viewer.open(path, plugin=PLUGIN)
    whole = viewer.layers[0]
    whole.data = two[1]
    assert _record(qtbot, dock, viewer)["input"]["file"] == path


@pytest.mark.parametrize("planes", ["each", "volume"])
@pytest.mark.parametrize("reader", [PLUGIN, "napari"])
def test_results_keep_where_and_when_planes_were_taken(
    qtbot: QtBot,
    viewer: Viewer,
    dock: DeblurDock,
    cells: NDArray[np.uint16],
    tmp_path: Path,
    planes: str,
    reader: str,
) -> None:
    stack = np.stack([cells[i : i + 40, 2 * i : 2 * i + 44] for i in range(3)])
    said = Acquisition(axes="ZYX", pixel_size_um=(0.1, 0.1), plane_spacing_um=0.3, channels=("GFP",), planes=PLANES)
    source, saved = tmp_path / "stack.ome.tif", tmp_path / "result.ome.tif"
    write_ome_tiff(source, stack, said)
    (layer,) = viewer.open(source, plugin=reader)
    layer.scale, layer.units, layer.axis_labels = (0.3, 0.1, 0.1), ("um",) * 3, ("z", "y", "x")
    known = {"theta": (0.05,) * 8, "noise": (1.0, 2.0), "method": "richardson-lucy", "iterations": 2, "device": "cpu"}
    dock.setValue(dock.value().replace(**known))
    choose(dock, "planes", planes)
    run_to_the_end(qtbot, dock)
    result = viewer.layers[f"{layer.name} deblurred"]
    assert result.metadata[METADATA_KEY]["acquisition"]["planes"] is not None
    result.save(str(saved), plugin=PLUGIN)
    kept = read_acquisition(saved)
    assert kept.planes == PLANES and kept.channels == ("GFP",)
    # The optics are those of the run.
    assert kept.na == dock.value().optics.na or "na" in dock.value().assumed
    # And again, of the result.
    viewer.layers.clear()
    (back,) = viewer.open(saved, plugin=PLUGIN)
    assert back.metadata[METADATA_KEY]["acquisition"]["planes"]["axes"] == "Z"
