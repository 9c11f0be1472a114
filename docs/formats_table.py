"""What is read of real files, beside what the packages of their makers' formats read: as a Markdown table.

    python docs/formats_table.py FOLDER

Every CZI, LIF, ND2, TIFF and NDTiff of a folder, each of its scenes. `pixels` compares all of them with those of
`czifile`, `liffile`, `nd2` or `tifffile` asked directly, in their own order of axes.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_deepblur.errors import ImageError
from napari_deepblur.io.open_image import open_image

HEADER = "| file, scene | axes, shape | pixels | pixel, um | planes, um | NA | index | emission, um | said to be |"


def czi(path: Path, scene: int) -> tuple[str, NDArray[Any]]:
    """Read by czifile alone."""
    import czifile

    with czifile.CziFile(path) as file:
        axes, pixels = file.axes, np.asarray(file.asarray())
    return axes.replace("S", ""), pixels.take(scene, axes.index("S")) if "S" in axes else pixels


def lif(path: Path, scene: int) -> tuple[str, NDArray[Any]]:
    """Read by liffile alone."""
    import liffile

    with liffile.LifFile(path) as file:
        image = file.images[scene]
        return "".join(dim[0] for dim in image.dims), np.asarray(image.asarray())


def of_nikon(path: Path, scene: int) -> tuple[str, NDArray[Any]]:
    """Read by nd2 alone."""
    import nd2

    with nd2.ND2File(path) as file:
        return "".join(file.sizes), np.asarray(file.asarray())


def tiff(path: Path, scene: int) -> tuple[str, NDArray[Any]]:
    """Read by tifffile alone."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        return file.series[scene].axes, file.series[scene].asarray()


READERS: dict[str, Callable[[Path, int], tuple[str, NDArray[Any]]]] = {
    ".czi": czi, ".lif": lif, ".nd2": of_nikon, ".tif": tiff,
}  # fmt: skip


def agreement(path: Path, scene: int, axes: str, pixels: NDArray[Any]) -> str:
    """Compare the pixels with those of the package of the format, whatever the order of its axes."""
    their_axes, theirs = READERS[path.suffix](path, scene)
    kept = [place for place, letter in enumerate(their_axes) if letter in axes]
    singles = [place for place, length in enumerate(theirs.shape) if length == 1 and place not in kept]
    theirs = theirs.squeeze(tuple(singles))
    letters = "".join(letter for place, letter in enumerate(their_axes) if place not in singles)
    if sorted(letters) != sorted(axes):
        return f"other axes: {their_axes} {theirs.shape}"
    theirs = theirs.transpose([letters.index(letter) for letter in axes])
    return "equal" if theirs.dtype == pixels.dtype and np.array_equal(theirs, pixels) else "differ"


def rows(path: Path) -> Sequence[str]:
    """Describe every scene of a file."""
    try:
        with open_image(path, 0) as image:
            count = len(image.scenes)
    except ImageError as error:
        return [f"| {path.name} | {error} |" + " |" * 7]
    made = []
    for scene in range(count):
        try:
            made.append(_row(path, scene, count))
        except ImageError as error:
            made.append(f"| {path.name}, {scene} | {error} |" + " |" * 7)
    return made


def _row(path: Path, scene: int, count: int) -> str:
    with open_image(path, scene) as image:
        said, pixels = image.acquisition, np.asarray(image)
        where = path.name if count == 1 else f"{path.name}, {image.scenes[scene]}"
        side = "" if said.pixel_size_um is None else " x ".join(f"{value:.4g}" for value in said.pixel_size_um)
        waves = ", ".join("?" if value is None else f"{value:.4g}" for value in said.wavelengths_um)
        cells = [
            where,
            f"{image.axes} {' x '.join(map(str, image.shape))}, {image.dtype}",
            agreement(path, scene, image.axes, pixels),
            side,
            _number(said.plane_spacing_um),
            _number(said.na),
            _number(said.n_immersion),
            waves,
            said.modality or "wide field",
        ]
        return f"| {' | '.join(cells)} |"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    print(HEADER, "|" + "---|" * 9, sep="\n")
    warnings.simplefilter("ignore")
    for path in sorted(parser.parse_args().folder.rglob("*")):
        if path.suffix in READERS:
            print("\n".join(rows(path)), flush=True)


if __name__ == "__main__":
    main()
