"""Fuzzing of everything that reads: mutated files must be read, or be refused by the package's own errors.

    python -m benchmarks.fuzz --count 100000 [--files FOLDER]

An input fails that raises anything but a `DeepblurError`, takes longer than `SECONDS`, or makes the process grow by
more than `MEGABYTES`. Inputs follow from their number alone: ``--start N --count 1`` makes one again. With ``--files``,
the files of a folder are mutated as well, such as those of microscope makers. Inputs are read in processes of their
own, so that one that ends its process is found, too.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import resource
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile
from PIL import Image

from napari_deepblur.errors import DeepblurError

SECONDS = 20
MEGABYTES = 1500
_BATCH = 2000
_EXTREMES = (0, 1, 2, 127, 128, 255, 256, 65535, 2**31 - 1, 2**31, 2**32 - 1)
_NUMBERS = (b"0", b"-1", b"1e999", b"nan", b"999999999999", b"2147483647", b"1000000", b'"x"', b"[]", b"null")


class Seed(NamedTuple):
    """A good file, and what reads it.

    Attributes
    ----------
    name
        Of the file, with its suffix.
    data
        Its bytes.
    read
        Reads such a file.
    """

    name: str
    data: bytes
    read: Callable[[Path], Any]


class Failure(NamedTuple):
    """An input that was neither read nor refused as it should be."""

    number: int
    name: str
    reason: str


def mutated(data: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    """Change a file in one to four places: bits, numbers, lengths, order, or parts of other files."""
    found = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        # Most of what can go wrong is said in the first bytes.
        length = max(len(found), 1)
        at = int(rng.integers(min(length, 600))) if rng.random() < 0.6 else int(rng.integers(length))
        kind = int(rng.integers(7))
        if kind == 0:
            found[at : at + 1] = bytes([found[at] ^ (1 << int(rng.integers(8)))]) if found else b""
        elif kind == 1:
            width = int(rng.choice([1, 2, 4, 8]))
            value = int(rng.choice(_EXTREMES)) % 256**width
            found[at : at + width] = value.to_bytes(width, str(rng.choice(["little", "big"])))
        elif kind == 2:
            del found[at:]
        elif kind == 3:
            del found[at : at + int(rng.integers(1, 64))]
        elif kind == 4:
            end = at + int(rng.integers(1, 256))
            found[at:at] = bytes(found[at:end]) * int(rng.integers(1, 4))
        elif kind == 5:
            other = others[int(rng.integers(len(others)))]
            start = int(rng.integers(max(len(other), 1)))
            found[at : at + 64] = other[start : start + 64]
        else:
            _change_number(found, rng)
    return bytes(found)


def seeds(folder: Path | None = None) -> list[Seed]:
    """Make a small good file of each kind; and take the files of a folder, if one is given."""
    found = [*_tiffs(), *_pictures(), *_package_files()]
    if folder is not None:
        found += [Seed(p.name, p.read_bytes(), _image) for p in sorted(folder.rglob("*")) if p.is_file()]
    return found


def fuzz(made: list[Seed], start: int, count: int) -> Iterator[Failure]:
    """Read mutated inputs, and yield those that fail."""
    logging.getLogger("tifffile").disabled = True
    others = [seed.data for seed in made]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(start, start + count):
            rng = np.random.default_rng(number)
            seed = made[number % len(made)]
            path = Path(folder) / seed.name
            path.write_bytes(mutated(seed.data, others, rng))
            before, began = _peak_mb(), time.monotonic()
            reason = _reason(seed, path)
            if not reason and time.monotonic() - began > SECONDS:
                reason = f"took {time.monotonic() - began:.0f} s"
            if not reason and _peak_mb() - before > MEGABYTES:
                reason = f"took {_peak_mb() - before:.0f} MB"
            if reason:
                yield Failure(number, seed.name, reason)


def main(words: list[str] | None = None) -> int:
    """Fuzz in processes of their own, and print what failed and how many inputs there were."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--files", type=Path)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(words)
    if given.child:
        for failure in fuzz(seeds(given.files), given.start, given.count):
            print(json.dumps(failure._asdict()), flush=True)
        return 0
    failures, done = 0, 0
    more = [] if given.files is None else ["--files", str(given.files)]
    while done < given.count:
        size = min(_BATCH, given.count - done)
        command = [sys.executable, "-m", "benchmarks.fuzz", "--child", "--start", str(given.start + done)]
        ran = subprocess.run([*command, "--count", str(size), *more], capture_output=True, text=True, check=False)
        lines = ran.stdout.splitlines()
        if ran.returncode:
            lines.append(f"the process ended with {ran.returncode}: {ran.stderr[-300:]}")
        for line in lines:
            print(line, flush=True)
        failures += len(lines)
        done += size
        print(f"{done} inputs, {failures} failures", file=sys.stderr, flush=True)
    print(f"{done} inputs from number {given.start}, {failures} failures")
    return 1 if failures else 0


def _reason(seed: Seed, path: Path) -> str:
    def too_long(*_: object) -> None:
        raise TimeoutError(f"took more than {2 * SECONDS} s")

    kept = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(2 * SECONDS)
    try:
        seed.read(path)
    except DeepblurError:
        pass
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:200]}"
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, kept)
    return ""


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _change_number(found: bytearray, rng: np.random.Generator) -> None:
    """Put another number in the place of one that is written in text, as in XML and JSON."""
    digits = [i for i, value in enumerate(found) if 48 <= value <= 57 and (i == 0 or not 48 <= found[i - 1] <= 57)]
    if digits:
        at = digits[int(rng.integers(len(digits)))]
        end = at
        while end < len(found) and 48 <= found[end] <= 57:
            end += 1
        found[at:end] = _NUMBERS[int(rng.integers(len(_NUMBERS)))]


def _image(path: Path) -> None:
    from napari_deepblur.io.acquisition_files import read_acquisition
    from napari_deepblur.io.open_image import open_image, scene_names
    from napari_deepblur.io.stacks import read_stack

    read_acquisition(path)
    try:
        read_stack(path)
    except DeepblurError:
        for index in range(min(len(scene_names(path)), 2)):
            with open_image(path, index) as image:
                np.asarray(image[(0,) * max(image.ndim - 2, 0)])


def _tiffs() -> list[Seed]:
    rng = np.random.default_rng(0)
    stack = rng.integers(0, 4000, (3, 16, 18)).astype(np.uint16)
    colours = rng.integers(0, 255, (16, 18, 3)).astype(np.uint8)
    facts = {"axes": "ZYX", "PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1}
    kinds: dict[str, tuple[Any, dict[str, Any]]] = {
        "plain": (stack, {"photometric": "minisblack"}),
        "imagej": (stack, {"imagej": True, "metadata": {"axes": "ZYX", "unit": "um", "spacing": 0.3}}),
        "ome": (stack, {"ome": True, "metadata": facts, "photometric": "minisblack"}),
        "packed": (stack, {"compression": "zlib", "predictor": True, "photometric": "minisblack"}),
        "big": (stack, {"bigtiff": True, "photometric": "minisblack"}),
        "planar": (np.moveaxis(colours, -1, 0), {"photometric": "rgb", "planarconfig": "separate"}),
        "tiled": (stack, {"tile": (16, 16), "photometric": "minisblack"}),
        "bilevel": (stack[0] > 2000, {}),
        "white": (stack, {"photometric": "miniswhite"}),
    }
    found = []
    for name, (array, options) in kinds.items():
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, array, **options)
        found.append(Seed(f"{name}.tif", buffer.getvalue(), _image))
    for compression in ("tiff_lzw", "packbits"):
        found.append(_picture(Image.fromarray(stack[0]), f"{compression}.tif", format="TIFF", compression=compression))
    found.append(_picture(Image.fromarray(colours).quantize(16), "palette.tif", format="TIFF"))
    return found


def _pictures() -> list[Seed]:
    rng = np.random.default_rng(1)
    gray = rng.integers(0, 255, (16, 18)).astype(np.uint8)
    deep = Image.fromarray(gray.astype(np.uint16) * 200)
    return [
        _picture(Image.fromarray(gray), "gray.png", format="PNG"),
        _picture(deep, "deep.png", format="PNG"),
        _picture(Image.fromarray(gray).quantize(16), "palette.png", format="PNG"),
        _picture(Image.fromarray(gray), "gray.jpg", format="JPEG"),
    ]


def _picture(image: Image.Image, name: str, **options: Any) -> Seed:
    buffer = io.BytesIO()
    image.save(buffer, **options)
    return Seed(name, buffer.getvalue(), _image)


def _package_files() -> list[Seed]:
    """Make small files of the package's own kinds: weights, families, pupils, settings, microscopes, PSFs, results."""
    from napari_deepblur.io.families import load_family, save_family
    from napari_deepblur.io.images import write_tiff
    from napari_deepblur.io.psf_files import load_psf
    from napari_deepblur.io.psf_stacks import load_psf_stack
    from napari_deepblur.io.pupil_files import load_pupil, save_pupil
    from napari_deepblur.io.records import record_in
    from napari_deepblur.io.weights import load_expectation, read_weights, save_weights
    from napari_deepblur.networks.deblurring import DeblurringConfig, DeblurringNetwork
    from napari_deepblur.operators import EigenPsfFamily
    from napari_deepblur.optics import KnownPupil, Microscope
    from napari_deepblur.pipeline import DeblurSettings, load_settings, save_settings
    from napari_deepblur.pipeline.named_microscopes import NamedMicroscope, load_microscope, save_microscope

    def weights(path: Path) -> None:
        read_weights(path).deblurring()

    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        network = DeblurringNetwork(DeblurringConfig(channels=(2, 2, 2, 2), blocks=1, iterations=1, shared=True))
        save_weights(at / "w.safetensors", network, {"samples": 1})
        grid = np.mgrid[-5:6, -5:6]
        psf = np.exp(-(grid**2).sum(0) / 8)
        save_family(EigenPsfFamily(psf[None] / psf.sum(), pixel_size_um=0.1), at / "family.safetensors")
        save_settings(DeblurSettings(method="wiener"), at / "settings.json")
        tifffile.imwrite(at / "psf.tif", (1000 * psf).astype(np.uint16))
        through = np.stack([psf / 4, psf / 2, psf, psf / 2, psf / 4])
        tifffile.imwrite(at / "psfs.tif", (1000 * through).astype(np.uint16), photometric="minisblack")
        optics = Microscope(na=0.8, wavelength_um=0.5, pixel_size_um=0.1, n_immersion=1.0)
        save_pupil(KnownPupil(optics, (5, 7), (0.05, 0.1)), at / "pupil.safetensors")
        save_microscope(NamedMicroscope(name="mine", microscope=optics), at / "mine.json")
        write_tiff(at / "result.tif", psf.astype(np.float32), pixel_size_um=0.1, record={"settings": {"a": [1, 2]}})
        shipped = Path(str(files("napari_deepblur") / "weights" / "expectation.safetensors"))
        readers: dict[str, Callable[[Path], Any]] = {
            "w.safetensors": weights,
            "family.safetensors": load_family,
            "settings.json": load_settings,
            "psf.tif": load_psf,
            "psfs.tif": load_psf_stack,
            "pupil.safetensors": load_pupil,
            "mine.json": load_microscope,
            "result.tif": record_in,
        }
        return [
            *(Seed(name, (at / name).read_bytes(), read) for name, read in readers.items()),
            Seed("e.safetensors", shipped.read_bytes(), load_expectation),
        ]


if __name__ == "__main__":
    sys.exit(main())
