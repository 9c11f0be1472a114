"""OME-TIFF files as sinks, and the choice of a sink."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_deepblur.errors import OutputError
from napari_deepblur.io.acquisition import Acquisition
from napari_deepblur.io.ome_tiff import read_ome_tiff
from napari_deepblur.io.sinks import ArraySink, Form, OmeTiffSink, file_sink, sink_of

FORM = Form((2, 4, 5), "CYX", np.dtype(np.float32), 0.08)


def test_a_file_is_there_when_it_is_complete_with_what_is_known_of_it(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    sink = file_sink(path, Acquisition(na=1.3, channels=("a", "b"), pixel_size_um=(1.0, 1.0), axes="ZCYX"))
    assert sink.refusal(FORM) == ""
    sink.open(FORM)
    pixels = np.arange(40, dtype=np.float32).reshape(2, 4, 5)
    for c in range(2):
        for rows in (slice(0, 3), slice(3, 4)):
            sink.write((c,), (rows, slice(0, 5)), pixels[c, rows])
    assert not path.exists()
    np.testing.assert_array_equal(sink.finish({"made": "so"}), pixels)
    written = read_ome_tiff(path)
    np.testing.assert_array_equal(written.data, pixels)
    assert written.record == {"metadata": {"made": "so"}}
    said = written.acquisition
    assert (said.axes, said.na, said.channels, said.pixel_size_um) == ("CYX", 1.3, ("a", "b"), (0.08, 0.08))


def test_what_is_given_up_leaves_no_file(tmp_path: Path) -> None:
    sink = OmeTiffSink(tmp_path / "a.tif")
    sink.open(FORM)
    sink.write((0,), (slice(0, 4), slice(0, 5)), np.ones((4, 5), np.float32))
    sink.abandon()
    assert list(tmp_path.iterdir()) == []


def test_what_a_file_cannot_hold_is_refused(tmp_path: Path) -> None:
    sink = OmeTiffSink(tmp_path / "a.tif")
    assert "Transpose" in sink.refusal(FORM._replace(axes="YXC"))
    assert sink.refusal(FORM._replace(axes="YXS")) == ""
    assert "does not exist" in OmeTiffSink(tmp_path / "nowhere" / "a.tif").refusal(FORM)


def test_the_sink_that_is_meant(tmp_path: Path) -> None:
    given = np.zeros((2, 2))
    sink = ArraySink(given)
    assert sink_of(sink) is sink
    other = sink_of(given)
    assert isinstance(other, ArraySink) and other.array is given
    assert isinstance(sink_of(None), ArraySink)
    assert isinstance(sink_of(str(tmp_path / "a.TIF")), OmeTiffSink)
    with pytest.raises(OutputError, match=r"'.png' names none of the formats"):
        sink_of(tmp_path / "a.png")
    with pytest.raises(OutputError, match="give an array"):
        sink_of([[1, 2]])
