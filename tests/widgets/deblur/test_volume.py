"""A stack deblurred as one volume by the buttons of the dock."""

from __future__ import annotations

import shlex

import numpy as np
import pytest
from driving import PATIENCE_MS, child, choose, press, run_to_the_end, status
from napari.viewer import Viewer
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtGui import QAction, QGuiApplication
from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QPushButton, QToolButton

from napari_deepblur import deblur_stack
from napari_deepblur.widgets.deblur.coefficients_plot import CoefficientsPlot
from napari_deepblur.widgets.deblur.dock import DeblurDock
from napari_deepblur.widgets.deblur.method_comparison import MethodComparison
from napari_deepblur.widgets.deblur.psf_sections import PsfSections
from napari_deepblur.widgets.deblur.recorded_findings import found_in_record
from napari_deepblur.widgets.deblur.volume_appearance import volume_appearance
from napari_deepblur.widgets.deblur.volume_estimate_form import VolumeEstimateForm
from napari_deepblur.widgets.layers import METADATA_KEY, Source
from napari_deepblur.widgets.notice import Notice

SCALE = {"scale": (0.3, 0.1, 0.1), "units": ("um",) * 3, "axis_labels": ("z", "y", "x")}


@pytest.fixture
def stack(cells: NDArray[np.uint16]) -> NDArray[np.uint16]:
    return np.stack([cells[i : i + 40, 2 * i : 2 * i + 44] for i in range(4)])


def _as_volume(dock: DeblurDock) -> None:
    known = {"theta": (0.05,) * 8, "noise": (1.0, 2.0), "method": "richardson-lucy", "iterations": 2, "device": "cpu"}
    dock.setValue(dock.value().replace(**known))
    choose(dock, "planes", "volume")


@pytest.mark.parametrize("blending", ["translucent", "translucent_no_depth"])
def test_a_volume_hides_its_stack_in_three_dimensions(viewer: Viewer, stack: NDArray[np.uint16], blending: str) -> None:
    image = viewer.add_image(stack, name="stack", blending=blending, **SCALE)
    volume = np.where(stack > np.percentile(stack, 95), stack, 0).astype(np.float32)
    source = Source.of(image)
    result = viewer.add_image(volume, **source.placement, **volume_appearance(source, volume))
    viewer.dims.ndisplay = 3
    viewer.scene.camera.angles = (0, 30, 60)
    both = viewer.screenshot(canvas_only=True, flash=False).astype(int)
    image.visible = False
    alone = viewer.screenshot(canvas_only=True, flash=False).astype(int)
    assert alone[..., :3].max() > 100
    np.testing.assert_allclose(both, alone, atol=1)
    # Away again before the window closes, as the drawing of volumes takes time.
    result.visible = False


def test_a_stack_becomes_a_volume_with_its_psf(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, stack: NDArray[np.uint16]
) -> None:
    image = viewer.add_image(stack, name="stack", **SCALE)
    _as_volume(dock)
    assert child(dock, QComboBox, "reuse").isHidden() and not child(dock, QComboBox, "specimen").isHidden()
    form: VolumeEstimateForm = child(dock, VolumeEstimateForm)
    qtbot.waitUntil(lambda: form.value() is not None, timeout=PATIENCE_MS)
    said = child(dock, Notice, "volume_estimate").text()
    assert said.startswith("As a volume: up to about ") and "GiB of memory" in said and said.endswith("on cpu.")
    run_to_the_end(qtbot, dock)
    assert [layer.name for layer in viewer.layers] == ["stack", "stack deblurred", "stack PSF"]
    result, psf = viewer.layers["stack deblurred"], viewer.layers["stack PSF"]
    values = dock.value()
    expected = deblur_stack(
        stack, volume=True, axes="ZYX", plane_spacing_um=0.3, microscope=values.microscope, theta=(0.05,) * 8,
        method="richardson-lucy", iterations=2, noise=values.known_noise(), device="cpu",
    )  # fmt: skip
    np.testing.assert_array_equal(result.data, expected.volume)
    # What is bright in it is seen, however little of the stack's light its plane sends.
    bright = np.percentile(expected.volume, 99.9)
    assert 0.9 * bright < result.contrast_limits[1] < 1.1 * bright
    np.testing.assert_allclose(result.extent.world, image.extent.world)
    np.testing.assert_allclose(psf.scale, (0.3, 0.1, 0.1))
    assert psf.data.max() == 1 and all(np.array(psf.data.shape) <= stack.shape)
    np.testing.assert_allclose(psf.extent.world.mean(0), image.extent.world.mean(0), atol=1e-6)
    # No layer makes the sliders longer.
    assert viewer.dims.range[0] == (0.0, pytest.approx(0.9), pytest.approx(0.3))
    metrics = expected.metrics
    assert metrics is not None
    assert f"{metrics.fwhm_um[0]:.3f} µm axial" in child(dock, Notice, "psf_metrics").text()
    child(dock, QToolButton, "profiles").setChecked(True)
    assert child(dock, PsfSections).isVisibleTo(dock) and child(dock, PsfSections).value() is not None
    found = found_in_record(result)
    assert found is not None and found.numbers is not None and found.numbers.fwhm_um == metrics.fwhm_um
    # Its record brings the choice back.
    choose(dock, "planes", "each")
    child(dock, QPushButton, "more").findChild(QAction, "load").trigger()
    assert child(dock, QComboBox, "planes").currentData() == "volume"
    assert Source.of(image).identity != Source.of(result).identity


def test_a_part_of_a_volume_is_previewed_with_all_its_planes(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, stack: NDArray[np.uint16]
) -> None:
    viewer.add_image(stack, name="stack", **SCALE)
    _as_volume(dock)
    notice = child(dock, Notice, "preview_notice")
    child(dock, QCheckBox, "preview").setChecked(True)
    qtbot.waitUntil(lambda: "stack preview" in viewer.layers, timeout=PATIENCE_MS)
    shown = viewer.layers["stack preview"]
    qtbot.waitUntil(lambda: notice.text().startswith("4 planes of 40 x "), timeout=PATIENCE_MS)
    before = np.array(shown.data)
    assert before.shape[:2] == (4, 40) and np.isfinite(before).all()
    assert child(dock, MethodComparison, "compare_methods").isHidden()
    assert "Pupil of all planes: known" in child(dock, Notice, "volume_remark").text()
    # The slider of the planes moves within the preview.
    viewer.dims.set_point(0, 0.6)
    qtbot.wait(400)
    assert "Computing" not in notice.text()
    dock.setValue(dock.value().replace(iterations=3))
    qtbot.waitUntil(lambda: not np.array_equal(shown.data, before), timeout=PATIENCE_MS)
    child(dock, QCheckBox, "preview").setChecked(False)
    assert [layer.name for layer in viewer.layers] == ["stack"]


def test_the_copied_command_is_of_the_volume(viewer: Viewer, dock: DeblurDock, stack: NDArray[np.uint16]) -> None:
    viewer.add_image(stack, name="stack", **SCALE)
    _as_volume(dock)
    choose(dock, "specimen", "thin")
    board = QGuiApplication.clipboard()
    assert board is not None
    child(dock, QPushButton, "more").findChild(QAction, "command").trigger()
    words = shlex.split(board.text())
    assert "--volume" in words and words[words.index("--plane-spacing-um") + 1] == "0.3"
    assert words[words.index("--specimen") + 1] == "thin"
    child(dock, QPushButton, "more").findChild(QAction, "python").trigger()
    assert "volume=True, plane_spacing_um=0.3, specimen='thin'" in board.text()
    assert "restored = result.volume" in board.text()


def test_a_volume_can_be_cancelled_and_a_bad_one_is_explained(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, stack: NDArray[np.uint16], monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer.add_image(stack, name="stack", **SCALE)
    _as_volume(dock)
    press(qtbot, dock)
    press(qtbot, dock)
    assert status(dock).text() == "Cancelled. Nothing was added."
    assert [layer.name for layer in viewer.layers] == ["stack"]
    monkeypatch.setenv("NAPARI_DEEPBLUR_TILE_MEMORY", "0.001")
    dock.setValue(dock.value().replace(iterations=3))
    button = child(dock, QPushButton, "run")
    qtbot.waitUntil(lambda: not button.isEnabled(), timeout=PATIENCE_MS)
    assert "GiB" in button.toolTip() and "GiB" in child(dock, Notice, "volume_estimate").text()


def test_a_volume_is_offered_only_where_there_is_a_spacing_and_no_colour(
    viewer: Viewer, dock: DeblurDock, stack: NDArray[np.uint16]
) -> None:
    viewer.add_image(stack, name="stack", axis_labels=("z", "y", "x"))
    planes = child(dock, QComboBox, "planes")
    entry = planes.model().item(planes.findData("volume"))
    assert not entry.isEnabled() and "plane spacing" in entry.toolTip()
    child(dock, QDoubleSpinBox, "plane_spacing").setValue(0.25)
    assert entry.isEnabled()
    viewer.add_image(np.stack([stack] * 3, -1), name="slide", rgb=True, axis_labels=("z", "y", "x"))
    layer = child(dock, QComboBox, "layer")
    layer.setCurrentIndex(layer.findText("slide"))
    assert not entry.isEnabled() and "colours are no channels" in entry.toolTip()
    assert dock._axes.value().planes == "each"


def test_a_film_of_stacks_becomes_volumes_one_after_another(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, stack: NDArray[np.uint16]
) -> None:
    film = np.stack([stack, stack[:, ::-1]], axis=1)
    image = viewer.add_image(film, name="film", axis_labels=("z", "t", "y", "x"), scale=(0.3, 1.0, 0.1, 0.1))
    child(dock, QDoubleSpinBox, "plane_spacing").setValue(0.3)
    _as_volume(dock)
    assert not child(dock, QComboBox, "reuse").isHidden()
    form: VolumeEstimateForm = child(dock, VolumeEstimateForm)
    qtbot.waitUntil(lambda: form.value() is not None, timeout=PATIENCE_MS)
    assert child(dock, Notice, "volume_estimate").text().startswith("As 2 volumes: up to about ")
    run_to_the_end(qtbot, dock)
    result, psf = viewer.layers["film deblurred"], viewer.layers["film PSF"]
    values = dock.value()
    expected = deblur_stack(
        stack[:, ::-1], volume=True, axes="ZYX", plane_spacing_um=0.3, microscope=values.microscope,
        theta=(0.05,) * 8, method="richardson-lucy", iterations=2, noise=values.known_noise(), device="cpu",
    )  # fmt: skip
    assert result.data.shape == film.shape and psf.data.shape[1] == 2
    np.testing.assert_allclose(result.extent.world, image.extent.world)
    np.testing.assert_allclose(psf.extent.world.mean(0), image.extent.world.mean(0), atol=1e-6)
    np.testing.assert_array_equal(result.data[:, 1], expected.volume)


def test_signed_coefficients_are_shown_without_a_joint_sign(
    qtbot: QtBot, viewer: Viewer, dock: DeblurDock, stack: NDArray[np.uint16]
) -> None:
    """Of a record as the command line writes it: nothing is computed here."""
    record = {
        "settings": {**dock.value().model_dump(mode="json"), "assumed": ["na"]},
        "resolved": {"volume": True, "pupil": "identified", "noise": {"alpha": 1.0, "beta": 2.0, "offset": 0.0}},
        "pupil": {
            "specimen": "thick", "theta": [0.1] * 8, "theta_std": [0.01] * 8, "sign_probability": 0.97,
            "parameter_names": ["astigmatism oblique"] * 8, "notes": [],
        },
    }  # fmt: skip
    result = viewer.add_image(stack, name="opened", metadata={METADATA_KEY: record}, **SCALE)
    viewer.layers.selection.active = result
    plot: CoefficientsPlot = child(dock, CoefficientsPlot, "coefficients_plot")
    assert plot.rows() == ["astigmatism oblique"] * 8
    assert "probability of 0.97" in child(dock, Notice, "volume_remark").text()
    assert child(dock, Notice, "rests_on").text().startswith("⚠ Rests on assumed numbers: NA")
