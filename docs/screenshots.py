"""Make the pictures of the window that the documentation shows, from the running program.

With a display, or on a virtual one:

    xvfb-run -a -s "-screen 0 1920x1080x24" python docs/screenshots.py

The sample image is opened from the menu's command, the Deblur button is pressed, and the window is saved once for each
size and theme. It uses the weights that the command line would use.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

# Neither the preferences of whoever runs this, nor changes to them.
os.environ["NAPARI_CONFIG"] = ""

import napari  # noqa: TID253  a script that is nothing without it
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QPushButton

from napari_deepblur.widgets.deblur.dock import DeblurDock

SIZES = {"small": (1366, 768), "large": (1920, 1080)}
THEMES = ("dark", "light")
COLOURS = 200
"""Colours of the saved files: enough for a window, and a third of the bytes."""


def main() -> None:
    """Open the window, run the dock, and save the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "images", help="folder of the pictures")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)

    viewer = napari.Viewer(show_welcome_screen=False)
    viewer.open_sample("napari-deepblur", "sample")
    viewer.canvas.overlays.scale_bar.visible = True
    _, dock = viewer.window.add_plugin_dock_widget("napari-deepblur", "Deblur")
    assert isinstance(dock, DeblurDock)
    deblur(dock)
    for theme in THEMES:
        viewer.theme = theme
        for name, (width, height) in SIZES.items():
            dock.window().resize(width, height)
            # Side by side where there is room; over one another, as a user first sees them, where there is not.
            viewer.canvas.grid.enabled = name == "large"
            QTest.qWait(500)
            viewer.reset_view()
            save(viewer, out / f"deblur-{theme}-{name}.png")
    viewer.close()


def deblur(dock: DeblurDock) -> None:
    """Press the button, and wait for the result."""
    button = dock.findChild(QPushButton, "run")
    assert button is not None
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    while dock.isRunning():
        QTest.qWait(100)


def save(viewer: napari.Viewer, path: Path) -> None:
    """Save the whole window as a small PNG file."""
    QTest.qWait(500)
    window = Image.fromarray(viewer.window.screenshot(canvas_only=False, flash=False)).convert("RGB")
    window.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path}: {window.width} x {window.height}, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
