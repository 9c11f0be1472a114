"""A walk through the docks as a new user takes it, by their buttons: what became of each step, and the longest silence.

    xvfb-run -a -s "-screen 0 1600x1200x24" python -m benchmarks.walk --shots FOLDER [--only rgb] [--files 20]

Each step begins with an empty window of 1366 x 768 pixels and a file, and ends with a result. While a step waits,
whatever the window says is looked at ten times a second: the longest time in which nothing of it changed is the silence
that a user had to bear. Its last column is what the window said in the end; its pictures are in the folder.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from PIL import Image
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QApplication, QComboBox, QFileDialog, QLabel, QProgressBar, QPushButton, QWidget

from benchmarks.responsiveness import simulated
from napari_deepblur.samples import sample_path
from napari_deepblur.samples.beads import BEAD_DIAMETER_UM, BEAD_PATCH_SIZE
from napari_deepblur.widgets.opening import dock_in

if TYPE_CHECKING:
    from napari.viewer import Viewer

SIDE = 128
SIZE = (1366, 768)
LOOK_S = 0.1


class Walk:
    """One window, the folder of its files, and the pictures of its steps."""

    def __init__(self, folder: Path, shots: Path) -> None:
        from napari.viewer import Viewer

        self.folder, self._shots = folder, shots
        self.viewer: Viewer = Viewer(show_welcome_screen=False)
        self.window: Any = self.viewer.window._qt_window
        self.window.resize(*SIZE)
        self.step, self._count, self.silence = "", 0, 0.0

    def begin(self, step: str) -> None:
        """Go back to an empty window, without the choices of the step before."""
        self.viewer.layers.clear()
        self.viewer.window.remove_dock_widget("all")
        self.step, self._count, self.silence = step, 0, 0.0

    def shot(self) -> None:
        """Save a picture of the window, and of a dialog before it."""
        self.wait(0.5)
        self._count += 1
        shown = QApplication.activeWindow() or self.window
        for name, widget in (("", self.window), ("-dialog", shown if shown is not self.window else None)):
            if widget is not None:
                widget.grab().save(str(self._shots / f"{self.step}-{self._count}{name}.png"))

    def dock(self, name: str) -> Any:
        """Open a dock as the menu does."""
        _, opened = self.viewer.window.add_plugin_dock_widget("napari-deepblur", name)
        self.until(lambda: not hasattr(opened, "is_loaded") or opened.is_loaded(), opened)
        return dock_in(opened)

    def press(self, widget: QWidget, name: str = "run") -> None:
        """Click a button, which has to be enabled."""
        button = widget.findChild(QPushButton, name)
        assert button is not None
        if not button.isEnabled():
            raise RuntimeError(f"{self.step}: {name} is greyed: {button.toolTip()}")
        button.click()

    def run(self, widget: Any, name: str = "run") -> None:
        """Press a button and wait until the dock is ready again."""
        self.press(widget, name)
        self.until(lambda: not widget.isRunning(), widget)

    def until(self, done: Callable[[], bool], widget: QWidget, limit_s: float = 300) -> None:
        """Wait, and measure how long nothing that is said changes."""
        end, said, since = time.monotonic() + limit_s, signs(widget), time.monotonic()
        while not done():
            self.wait(LOOK_S)
            now, seen = time.monotonic(), signs(widget)
            self.silence = max(self.silence, now - since)
            if seen != said:
                said, since = seen, now
            if now > end:
                raise TimeoutError(f"{self.step}: nothing came within {limit_s:g} s")

    def wait(self, seconds: float) -> None:
        """Let the window live."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            QApplication.processEvents()
            time.sleep(0.005)


def signs(widget: QWidget) -> list[object]:
    """Return all that a dock or dialog says now."""
    labels: list[object] = [label.text() for label in widget.findChildren(QLabel) if label.isVisible()]
    return labels + [(bar.value(), bar.format()) for bar in widget.findChildren(QProgressBar) if bar.isVisible()]


def choose(widget: QWidget, name: str, data: str) -> None:
    """Choose the entry of a list that stands for a value."""
    box = widget.findChild(QComboBox, name)
    assert box is not None and box.findData(data) >= 0
    box.setCurrentIndex(box.findData(data))


def end(widget: QWidget) -> str:
    """Return what a dock says of its run."""
    status = widget.findChild(QLabel, "status")
    return "" if status is None else status.text()


def deblurred(walk: Walk, path: Path, as_volume: bool = False) -> str:
    """Open a file, deblur it in the dock, and return what the dock says."""
    walk.viewer.open(path, plugin="napari")
    dock = walk.dock("Deblur")
    if as_volume:
        choose(dock, "planes", "volume")
    walk.shot()
    walk.run(dock)
    walk.shot()
    return end(dock)


def plain(walk: Walk, files: int) -> str:
    """Deblur an own TIFF without metadata."""
    path = walk.folder / "mine.tif"
    tifffile.imwrite(path, tifffile.imread(sample_path())[:SIDE, :SIDE])
    return deblurred(walk, path)


def channels(walk: Walk, files: int) -> str:
    """Deblur an OME time series of two channels, which states its optics."""
    path = walk.folder / "series.ome.tif"
    film = np.stack([[simulated(SIDE, seed) for seed in (t, t + 9)] for t in range(2)]).astype(np.uint16)
    metadata = {
        "axes": "TCYX",
        "PhysicalSizeX": 0.1,
        "PhysicalSizeY": 0.1,
        "Channel": {"Name": ["DAPI", "GFP"], "EmissionWavelength": [461, 520], "EmissionWavelengthUnit": ["nm"] * 2},
    }
    tifffile.imwrite(path, film, metadata=metadata)
    return deblurred(walk, path)


def rgb(walk: Walk, files: int) -> str:
    """Deblur a slide in colours."""
    from skimage import data

    path = walk.folder / "slide.png"
    Image.fromarray(data.immunohistochemistry()[:SIDE, :SIDE]).save(path)
    return deblurred(walk, path)


def stack(walk: Walk, files: int) -> str:
    """Deblur a stack as a volume, with the pupil that is found in it."""
    path = walk.folder / "stack.ome.tif"
    planes = np.stack([simulated(SIDE, 3)] * 7).astype(np.uint16)
    sizes = {"PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1, "PhysicalSizeZ": 0.3}
    tifffile.imwrite(path, planes, metadata={"axes": "ZYX", **sizes})
    return deblurred(walk, path, as_volume=True)


def beads(walk: Walk, files: int) -> str:
    """Go from beads to cells that are deblurred with their blurs."""
    from napari_deepblur.widgets.calibration.bead_form import BeadChoice, BeadForm
    from napari_deepblur.widgets.calibration.bead_preview import BeadPreview

    walk.viewer.open_sample("napari-deepblur", "beads")
    dock = walk.dock("Bead calibration")
    form, preview = dock.findChild(BeadForm), dock.findChild(BeadPreview)
    form.setValue(BeadChoice(diameter_um=BEAD_DIAMETER_UM, patch_size=BEAD_PATCH_SIZE))
    walk.until(lambda: not preview.is_busy(), dock)
    walk.shot()
    walk.run(dock)
    walk.shot()
    said = end(dock)
    answers(save=walk.folder / "mine.safetensors")
    walk.press(dock, "use")
    layer = next(layer for layer in walk.viewer.layers if layer.ndim == 3)
    cells = np.asarray(layer.data[1])
    walk.viewer.add_image(cells, name="cells", scale=layer.scale[1:], units=layer.units[1:])
    deblur = walk.dock("Deblur")
    walk.shot()
    walk.run(deblur)
    walk.shot()
    return f"{said} {end(deblur)}"


def screen(walk: Walk, files: int) -> str:
    """Deblur the files of a screen, of which one is damaged."""
    paths = [walk.folder / f"well-{number:02}.tif" for number in range(files)]
    image = tifffile.imread(sample_path())
    for number, path in enumerate(paths):
        tifffile.imwrite(path, image[number : number + 64, 3 * number : 3 * number + 64])
    paths[files // 2].write_bytes(b"II*")
    from napari_deepblur.widgets.deblur.batch_dialog import BatchDialog

    dock = walk.dock("Deblur")
    answers(files=paths)
    action = dock.findChild(QAction, "files")
    assert action is not None
    walk.shot()
    action.trigger()
    dialog = dock.findChild(BatchDialog)
    walk.shot()
    walk.run(dialog)
    walk.shot()
    said = end(dialog)
    dialog.close()
    return said


def live(walk: Walk, files: int) -> str:
    """Follow a layer that changes."""
    from napari_deepblur.widgets.deblur.live_dialog import LiveDialog

    image = tifffile.imread(sample_path())
    layer = walk.viewer.add_image(image[:SIDE, :SIDE], name="camera", scale=(0.07, 0.07), units=("um", "um"))
    dock = walk.dock("Deblur")
    walk.press(dock, "live")
    dialog = dock.findChild(LiveDialog)
    walk.shot()
    walk.press(dialog, "live_run")
    for number in range(3):
        words = f"Frame {number}, done"
        walk.until(partial(_says, dialog, words), dialog)
        layer.data = np.ascontiguousarray(image[number + 1 : number + 1 + SIDE, :SIDE])
    walk.shot()
    said = _all_said(dialog)
    walk.press(dialog, "live_run")
    dialog.close()
    return said


STEPS: dict[str, Callable[[Walk, int], str]] = {
    "plain": plain, "channels": channels, "rgb": rgb, "stack": stack, "beads": beads, "screen": screen, "live": live,
}  # fmt: skip


def answers(save: Path | None = None, files: list[Path] | None = None) -> None:
    """Answer dialogs of files, which no script can press."""
    dialogs: Any = QFileDialog
    dialogs.getSaveFileName = lambda *_: (str(save), "")
    dialogs.getOpenFileNames = lambda *_: ([str(file) for file in files or ()], "")


def _says(widget: QWidget, words: str) -> bool:
    return words in _all_said(widget)


def _all_said(widget: QWidget) -> str:
    return " ".join(label.text() for label in widget.findChildren(QLabel) if label.isVisible())


def main() -> None:
    """Walk, and print a row for each step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shots", type=Path, required=True, help="folder of the pictures")
    parser.add_argument("--only", choices=tuple(STEPS), action="append", help="these steps alone")
    parser.add_argument("--files", type=int, default=20, help="of the screen")
    options = parser.parse_args()
    options.shots.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        walk = Walk(Path(folder), options.shots)
        print("| step | seconds | longest silence (s) | what was said |\n|---|---|---|---|")
        for name in options.only or STEPS:
            walk.begin(name)
            start = time.monotonic()
            try:
                said = STEPS[name](walk, options.files)
            except (RuntimeError, TimeoutError) as error:
                walk.shot()
                said = f"**failed**: {error}"
            row = f"| {name} | {time.monotonic() - start:.1f} | {walk.silence:.1f} | {' '.join(said.split())} |"
            print(row, flush=True)
        walk.viewer.close()


if __name__ == "__main__":
    main()
