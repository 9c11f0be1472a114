"""A pupil from a stack of beads, and a volume that is deblurred with it, by the buttons of the docks."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from driving import PATIENCE_MS, child, choose, press, run_to_the_end, status, write
from napari.viewer import Viewer
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QFileDialog, QLabel, QPushButton, QSpinBox

from napari_deepblur import deblur_stack
from napari_deepblur.calibration import PupilChoice
from napari_deepblur.calibration.pupil.choice import patch_side
from napari_deepblur.io.psf_stacks import load_psf_stack
from napari_deepblur.io.pupil_files import load_pupil
from napari_deepblur.io.weights import FOLDER_VARIABLE
from napari_deepblur.optics import KnownPupil, Microscope
from napari_deepblur.widgets.calibration.bead_preview import BeadPreview
from napari_deepblur.widgets.calibration.dock import CalibrationDock
from napari_deepblur.widgets.deblur import family_form
from napari_deepblur.widgets.deblur.dock import DeblurDock
from napari_deepblur.widgets.notice import Notice

OPTICS = Microscope(0.9, 0.5, 0.12, 1.0)
MODES, THETA = (5, 6, 11), (0.08, -0.06, 0.1)
SPACING_UM = 0.5
SCALE = {"scale": (SPACING_UM, 0.12, 0.12), "units": ("um",) * 3, "axis_labels": ("z", "y", "x")}


@pytest.fixture(scope="module")
def beads() -> NDArray[np.uint16]:
    """Two beads through focus, with photon noise."""
    clean = np.full((9, 72, 112), 5.0)
    psf = KnownPupil(OPTICS, MODES, THETA).planes(61, SPACING_UM, 4).numpy()
    for row, column in ((36, 34), (35, 76)):
        clean[:, row - 30 : row + 31, column - 30 : column + 31] += 8000 * psf
    rng = np.random.default_rng(0)
    return np.clip(rng.poisson(clean) + rng.normal(100, 1.5, clean.shape), 0, 65535).round().astype(np.uint16)


@pytest.fixture
def calibration_dock(
    viewer: Viewer, untrained_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> Generator[CalibrationDock]:
    """Open the dock as the menu does; pupils have few modes, which spares their search."""

    def few(*arguments: Any, **options: Any) -> PupilChoice:
        return PupilChoice(*arguments, modes=MODES, **options)

    monkeypatch.setattr("napari_deepblur.calibration.pupil.PupilChoice", few)
    monkeypatch.setenv(FOLDER_VARIABLE, str(untrained_weights))
    monkeypatch.setattr(family_form, "_chosen_files", [])
    _, dock = viewer.window.add_plugin_dock_widget("napari-deepblur", "Bead calibration")
    assert isinstance(dock, CalibrationDock)
    yield dock


def _state_the_optics(qtbot: QtBot, dock: CalibrationDock) -> None:
    for name, text in (("na", "0.9"), ("n_immersion", "1"), ("wavelength_um", "0.5")):
        write(qtbot, child(dock, QDoubleSpinBox, name), text)


def test_from_a_stack_of_beads_to_a_volume_that_is_deblurred_with_its_pupil(
    qtbot: QtBot,
    viewer: Viewer,
    calibration_dock: CalibrationDock,
    beads: NDArray[np.uint16],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dock = calibration_dock
    viewer.add_image(beads, name="beads", **SCALE)
    _state_the_optics(qtbot, dock)
    choose(dock, "aim", "pupil")
    assert child(dock, QDoubleSpinBox, "bead_plane_spacing").value() == SPACING_UM
    # What the light fills, until the user says otherwise.
    patch = child(dock, QSpinBox, "patch_size")
    assert patch.value() == patch_side(OPTICS, 9, SPACING_UM)
    patch.setValue(25)
    preview = child(dock, BeadPreview)
    qtbot.waitUntil(lambda: not preview.is_busy(), timeout=PATIENCE_MS)
    press(qtbot, dock)
    qtbot.waitUntil(lambda: not dock.isRunning(), timeout=PATIENCE_MS)
    found = dock.pupil()
    assert found is not None and "waves RMS from 2 beads" in status(dock).text()
    np.testing.assert_allclose(found.theta, THETA, atol=0.02)
    # The verdict with the residual, the widths of both along all axes, and their sections.
    lines = [child(dock, Notice, f"pupil_finding_{place}").text() for place in range(4)]
    assert [line.split(":")[0].lstrip("✔⚠✖ ") for line in lines] == ["Beads", "Residual", "Misfit", "Width"]
    assert f"{found.psf_snr:.1f} dB" in lines[1] and lines[1].startswith("✔")
    widths = child(dock, Notice, "pupil_widths").text()
    assert all(f"{axis} 0." in widths or f"{axis} 1." in widths for axis in "xyz")
    sections = child(dock, QLabel, "pupil_sections")
    qtbot.waitUntil(lambda: sections.pixmap() is not None and sections.pixmap().width() > 100, timeout=PATIENCE_MS)

    names = {"save_psf": "psf.tif", "pupil_report": "pupil.html", "use_pupil": "mine.safetensors"}
    for button, name in names.items():
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, name=name: (str(tmp_path / name), ""))
        press(qtbot, dock, button)
    assert load_pupil(tmp_path / "mine.safetensors") == found.pupil
    read = load_psf_stack(tmp_path / "psf.tif")
    assert (read.plane_spacing_um, read.pixel_size_um) == pytest.approx((SPACING_UM, 0.12))
    assert f"{found.psf_snr:.1f} dB" in (tmp_path / "pupil.html").read_text(encoding="utf-8")

    _, opened = viewer.window.add_plugin_dock_widget("napari-deepblur", "Deblur")
    assert isinstance(opened, DeblurDock)
    assert child(opened, QComboBox, "family").currentText() == "mine"
    assert child(opened, QComboBox, "planes").currentData() == "volume"
    assert opened.value().assumed == ()
    opened.setValue(opened.value().replace(method="richardson-lucy", iterations=2, noise=(1.0, 1.5), device="cpu"))
    run_to_the_end(qtbot, opened)
    expected = deblur_stack(
        beads, volume=True, axes="ZYX", plane_spacing_um=SPACING_UM, psf=found.pupil, microscope=OPTICS,
        method="richardson-lucy", iterations=2, noise=opened.value().known_noise(), device="cpu",
    )  # fmt: skip
    np.testing.assert_allclose(viewer.layers["beads deblurred"].data, expected.volume, rtol=1e-4, atol=1e-2)
    # The measured PSF is said to be one, and does for volumes as well.
    family_form._chosen_files.append(str(tmp_path / "psf.tif"))
    opened.setValue(opened.value().replace(family=str(tmp_path / "psf.tif")))
    facts = child(opened, Notice, "family_facts")
    assert facts.text().startswith("A measured PSF of 9 planes") and facts.level() == "note"


def test_a_pupil_is_looked_for_in_one_stack_whose_planes_have_a_distance(
    qtbot: QtBot, viewer: Viewer, calibration_dock: CalibrationDock, beads: NDArray[np.uint16]
) -> None:
    dock = calibration_dock
    button, aim = child(dock, QPushButton, "run"), child(dock, QComboBox, "aim")
    viewer.add_image(beads[4], name="plane", scale=(0.12, 0.12), units=("um", "um"))
    entry = aim.model().item(aim.findData("pupil"))
    assert not entry.isEnabled() and "takes a stack" in entry.toolTip()
    viewer.layers.clear()
    viewer.add_image(beads, name="beads")
    assert entry.isEnabled()
    choose(dock, "aim", "pupil")
    assert not button.isEnabled() and "enter the plane spacing" in button.toolTip()
    write(qtbot, child(dock, QDoubleSpinBox, "bead_plane_spacing"), "-0.5")
    assert button.isEnabled()
    # A family needs no distance of planes.
    child(dock, QDoubleSpinBox, "bead_plane_spacing").setValue(0)
    choose(dock, "aim", "family")
    assert button.isEnabled() and child(dock, QSpinBox, "patch_size").value() == 41
