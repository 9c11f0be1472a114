"""`napari-deepblur demo`: deblur the sample image and show what happened."""

from __future__ import annotations

import argparse
import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_deepblur.cli.progress import run_with_bar
from napari_deepblur.errors import OutputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_deepblur.cli.arguments import Verbs
    from napari_deepblur.optics import Microscope
    from napari_deepblur.pipeline import Deblurring

OUTPUTS = ("result.tif", "psfs.tif", "settings.json", "run.json", "figure.png")
"""What the folder receives: restored image, PSFs, settings for ``--settings``, record of the run, figure."""


def add_to(verbs: Verbs) -> None:
    """Add the verb and its arguments."""
    parser = verbs.add_parser(
        "demo",
        help="deblur the sample image that comes with the package",
        description="Deblur the sample image, write the result and a figure, and open napari if there is a display.",
    )
    parser.add_argument("--output", type=Path, default=Path("demo_output"), metavar="FOLDER", help="(demo_output)")
    parser.add_argument("--no-viewer", action="store_true", help="do not open napari")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (auto)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar and no remarks")
    parser.set_defaults(work=work)


def work(arguments: argparse.Namespace) -> None:
    """Deblur the sample, write all files, and show it if there is a display."""
    from napari_deepblur.io.images import check_writable, read_image, write_tiff
    from napari_deepblur.io.output import make_folder
    from napari_deepblur.pipeline import DeblurSettings, deblur_steps, save_settings
    from napari_deepblur.samples import sample_microscope, sample_path

    folder: Path = arguments.output
    make_folder(folder)
    outputs = {name: check_writable(folder / name) for name in OUTPUTS}
    there = [name for name, path in outputs.items() if path.exists()]
    if 0 < len(there) < len(OUTPUTS):
        # Nobody named these files, which may be somebody's own; a demo leaves all of them.
        raise OutputError(
            f"{folder} has {' and '.join(there)} already, which no demo left there alone: nothing is replaced. Choose "
            "another folder (--output)."
        )
    microscope = sample_microscope()
    settings = DeblurSettings(microscope=microscope, device=arguments.device)
    image = read_image(sample_path())
    result = run_with_bar(deblur_steps(image, settings), arguments.quiet)
    assert result.identification is not None

    from napari_deepblur.cli.demo_figure import save_figure

    pixel = microscope.pixel_size_um
    write_tiff(outputs["result.tif"], result.image, pixel_size_um=pixel)
    write_tiff(outputs["psfs.tif"], result.identification.psfs, pixel_size_um=pixel, axes="TYX")
    save_settings(settings, outputs["settings.json"])
    outputs["run.json"].write_text(json.dumps(result.settings, indent=2) + "\n", encoding="utf-8")
    save_figure(outputs["figure.png"], image, result.image, result.identification, microscope)
    if not arguments.quiet:
        for path in outputs.values():
            print(path)
    if not arguments.no_viewer:
        show(image, result, microscope)


def show(image: NDArray[np.generic], result: Deblurring, microscope: Microscope) -> None:
    """Open napari with the sample, the result and the PSF, and return when its window is closed.

    Without a display or without napari, say so instead.
    """
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or sys.platform in ("darwin", "win32")):
        print("There is no display: napari stays closed.", file=sys.stderr)
        return
    if find_spec("napari") is None:
        print("napari is not installed, so nothing is shown: pip install 'napari-deepblur[all]'", file=sys.stderr)
        return
    import napari

    from napari_deepblur.cli.demo_figure import shared_limits

    found = result.identification
    assert found is not None
    pixel = microscope.pixel_size_um
    shared: dict[str, Any] = {"scale": (pixel, pixel), "units": ("um", "um")}
    viewer = napari.Viewer(title="napari-deepblur demo")
    limits = shared_limits(image, result.image)
    viewer.add_image(image, name="sample", contrast_limits=limits, **shared)
    viewer.add_image(result.image, name="deblurred", contrast_limits=limits, **shared)
    # To the right of the field, with its top edge: an overlay would hide the cells.
    beside = (0.0, 1.03 * image.shape[1] * pixel)
    viewer.add_image(found.psf, name="estimated PSF", colormap="magma", gamma=0.5, translate=beside, **shared)
    viewer.reset_view()
    viewer.scale_bar.visible = True
    napari.run()
