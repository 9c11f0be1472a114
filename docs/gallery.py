"""Deblur real images of others, and write what was believed: docs/gallery.md and its pictures.

    python docs/gallery.py FOLDER

FOLDER has the files that the entries below name, fetched from where they say; what is in the package needs no file. The
networks are those that the command line would use. The page is written whole: with other weights, its verdicts change.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_deepblur import __version__, deblur, open_image
from napari_deepblur.samples import sample_path

DOCS = Path(__file__).parent
NEUBIAS = "https://github.com/NEUBIAS/training-resources/blob/8bbaa51d4df0edb61b36bf6a437c695bae1fe3ef/image_data/"
CREDIT = "NEUBIAS training resources, CC BY 4.0"
TILE, GAP, DETAIL = 220, 4, 2.5
"""Pixels of a picture and between pictures, and how much larger a detail is."""

MEANING = {
    "green": "Believed",
    "yellow": "Not believed in its details",
    "red": "Not believed",
    "none": "Not judged",
}


class Entry(NamedTuple):
    """One image.

    Attributes
    ----------
    name
        Of its picture.
    title
        What it shows.
    file, url, licence
        What it is called, where it is from and on which terms; empty file for the sample of the package.
    plane
        Which plane of it, for files of several.
    optics
        NA, immersion index, wavelength and pixel size, the lengths in micrometres.
    stated
        Which of these the file states; all others are assumed.
    why
        What speaks for or against it, whatever the verdict is.
    """

    name: str
    title: str
    file: str
    url: str
    licence: str
    plane: int | None
    optics: tuple[float, float, float, float]
    stated: str
    why: str


ENTRIES = (
    Entry(
        "nuclei",
        "Nuclei of human cells",
        "",
        "The sample of the package (*File > Open Sample*)",
        "public domain (CC0)",
        None,
        (0.5, 1.0, 0.461, 0.2),
        "nothing",
        "A thin, fluorescent specimen in wide field, sampled finely: what the program is made for.",
    ),
    Entry(
        "microtubules",
        "Microtubules",
        "xy_16bit__microtubules.tif",
        NEUBIAS + "xy_16bit__microtubules.tif",
        CREDIT,
        None,
        (1.4, 1.515, 0.52, 0.1),
        "nothing",
        "It looks better than any other here, which says nothing: a network draws clean lines whatever the blur was. "
        "They are few, on a field of 164 x 164 pixels, and tell little of a blur.",
    ),
    Entry(
        "exit-sites",
        "Exit sites of the endoplasmic reticulum, noisy",
        "xy_calibrated_16bit__cells_eres_noisy.tif",
        NEUBIAS + "xy_calibrated_16bit__cells_eres_noisy.tif",
        CREDIT,
        None,
        (0.75, 1.0, 0.52, 0.2297),
        "the pixel size",
        "Hardly more than noise: large smooth areas and single bright seams are what the network makes of it.",
    ),
    Entry(
        "chromosomes",
        "Chromosomes, confocal",
        "xyz_8bit__chromosomes.tif",
        NEUBIAS + "xyz_8bit__chromosomes.tif",
        CREDIT,
        20,
        (1.3, 1.4, 0.52, 0.034),
        "the pixel size",
        "A confocal microscope has another blur than the one that is modelled, and pixels are far finer than needed.",
    ),
    Entry(
        "phase",
        "A cell in saline, phase of a hologram",
        "cell.png",
        "https://github.com/scikit-image/scikit-image/blob/v0.25.2/skimage/data/cell.png",
        "CC0 (`skimage.data.cell`)",
        None,
        (0.5, 1.0, 0.63, 0.107),
        "nothing",
        "This is no fluorescence, and was computed from a hologram: no PSF of these optics has made it, and the grains "
        "inside the cell are not to be believed.",
    ),
)


def main() -> None:
    """Deblur all, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of the files")
    parser.add_argument("--out", type=Path, default=DOCS, help="folder of the page")
    arguments = parser.parse_args()
    (arguments.out / "images").mkdir(parents=True, exist_ok=True)
    parts = [made(entry, arguments.folder, arguments.out) for entry in ENTRIES]
    (arguments.out / "gallery.md").write_text(page(parts), encoding="utf-8")


def made(entry: Entry, folder: Path, out: Path) -> str:
    """Deblur one image, write its picture, and return its part of the page."""
    image = pixels(entry, folder)
    na, index, wavelength, pixel = entry.optics
    with warnings.catch_warnings():
        # That a picture is sampled finely, or coarsely, the page says.
        warnings.simplefilter("ignore")
        optics = {"na": na, "n_immersion": index, "wavelength_um": wavelength, "pixel_size_um": pixel}
        result = deblur(image, microscope=optics)
    Image.fromarray(picture(image, result.image)).save(out / "images" / f"gallery-{entry.name}.jpg", quality=85)
    verdict = result.verdict
    light = "none" if verdict is None else verdict.light
    words = "Too small to tell." if verdict is None else verdict.words
    print(f"{entry.name}: {light}. {words}")
    where = f"[`{entry.file}`]({entry.url})" if entry.file else entry.url
    plane = "" if entry.plane is None else f", plane {entry.plane}"
    return f"""## {entry.title}

![Raw and restored, the whole and a detail](images/gallery-{entry.name}.jpg)

**{MEANING[light]}** ({light}). {words}

{entry.why}

{where}{plane}; {entry.licence}. NA {na:g}, index {index:g}, {wavelength:g} µm, pixels of {pixel:g} µm: of these the
file states {entry.stated}.
"""


def pixels(entry: Entry, folder: Path) -> NDArray[Any]:
    """Read one plane."""
    with open_image(folder / entry.file if entry.file else sample_path()) as array:
        values: NDArray[Any] = array[...] if entry.plane is None else array[entry.plane]
    return values


def picture(image: NDArray[Any], restored: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return raw and restored beside each other, then the same place of both, with one contrast for all."""
    low, high = np.percentile(image, (0.5, 99.8))
    place = detail(image)
    shown = [image, restored, image[place], restored[place]]
    tiles = [np.clip((np.asarray(one, np.float64) - low) / (high - low), 0, 1) for one in shown]
    gap = np.full((TILE, GAP), 255, np.uint8)
    return np.hstack([part for tile in tiles for part in (gap, fitted(tile))][1:])


def detail(image: NDArray[Any]) -> tuple[slice, slice]:
    """Return the place with the most structure."""
    side = round(min(min(image.shape), 320) / DETAIL)
    values = image.astype(np.float64)
    squares = np.square(np.diff(values, axis=0)[:, :-1] + np.diff(values, axis=1)[:-1])
    sums = np.pad(squares.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    boxes = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    row, column = np.unravel_index(int(boxes.argmax()), boxes.shape)
    return slice(int(row), int(row) + side), slice(int(column), int(column) + side)


def fitted(tile: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return a square picture of the middle of a tile."""
    rows, columns = tile.shape
    side = min(rows, columns)
    middle = tile[(rows - side) // 2 :, (columns - side) // 2 :][:side, :side]
    small = Image.fromarray((255 * middle).astype(np.uint8)).resize((TILE, TILE), Image.Resampling.LANCZOS)
    return np.asarray(small)


def page(parts: list[str]) -> str:
    """Return the whole page."""
    return f"""# Five real images

Images of others, deblurred as they come, with the shipped networks and nothing tuned: version {__version__},
`python docs/gallery.py FOLDER`. None of them was seen in training. From left to right: raw, restored, and the place
with the most structure, raw and restored, all with the contrast of the raw image.

Nobody knows the truth here. What can be known is whether the program believes its own result; [whether you
should](real.md) takes a second look. Not one in five is the rate to expect: four of these were chosen because
something speaks against them.

{chr(10).join(parts)}"""


if __name__ == "__main__":
    main()
