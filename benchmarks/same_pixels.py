"""Do two commits compute the same pixels? The largest differences on fixed inputs, as a Markdown table.

    python -m benchmarks.same_pixels 72dab98             # that commit against the files of this clone
    python -m benchmarks.same_pixels 72dab98 v0.2.0 --only "command line"

Each commit's `src` is unpacked, and computes the same cases in a process of its own: each method, each family, tiles,
series, colours, channels, calibration and identification; in Python, as copied Python, and on the command line. The
cases use only what both commits have: public functions, the text of a run, and the commands. A difference is a
share of the range of the older values. Where one commit has no answer, its error is the row.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Answer = dict[str, NDArray[Any]]

ROOT = Path(__file__).parents[1]
THETA = (0.08, -0.05, 0.03, 0.06, -0.04, 0.02, 0.05, -0.03)
METHODS = ("network", "richardson-lucy-tv", "total-variation", "wiener")
OPTICS = ("--na", "1.3", "--wavelength-um", "0.55", "--pixel-size-um", "0.09", "--n-immersion", "1.515")
QUICK = ("--device", "cpu", "--quiet")


def _image(*shape: int) -> NDArray[np.uint16]:
    """Points and edges under noise: the same numbers for ever."""
    rng = np.random.default_rng(7)
    scene = rng.gamma(0.4, 120, shape)
    scene[..., shape[-2] // 3 :, : shape[-1] // 2] += 150
    return rng.poisson(scene + 20).astype(np.uint16)


def _optics() -> Any:
    from napari_deepblur import Microscope

    return Microscope(na=1.3, wavelength_um=0.55, pixel_size_um=0.09, n_immersion=1.515)


def _families() -> dict[str, tuple[Any, Any]]:
    """One of each kind, with known parameters."""
    from napari_deepblur import EigenPsfFamily, FieldZernikeFamily, ProductConvolutionFamily, ZernikeFamily

    y, x = np.mgrid[-7:8, -7:8]
    psfs = np.stack([np.exp(-(y**2 + x**2) / 6), np.exp(-(y**2 + 2 * x**2) / 9), np.exp(-((y - 1) ** 2 + x**2) / 8)])
    ramp = np.linspace(-1, 1, 90)[None, :] * np.ones((80, 1))
    maps = np.stack([np.ones((80, 90)), ramp])
    field = FieldZernikeFamily(_optics(), (4, 5, 7), 1, (80, 90), 0.15, 31)
    return {
        "Zernike": (ZernikeFamily(_optics()), THETA),
        "field-Zernike": (field, field.sample(1, 3)[0]),
        "eigen-PSF": (EigenPsfFamily(psfs, np.eye(3), _optics()), (0.6, 0.3, 0.1)),
        "product-convolution": (ProductConvolutionFamily(psfs, maps, np.eye(6), _optics()), (0.6, 0.1, 0.3, 0, 0.1, 0)),
    }


def _deblurred(*shape: int, family: Any = None, **more: Any) -> Answer:
    from napari_deepblur import deblur

    result = deblur(_image(*shape), family, device="cpu", **more)
    return {"pixels": result.image, "parameters": np.asarray(result.settings["resolved"]["theta"])}


def _of_family(name: str, method: str) -> Answer:
    family, theta = _families()[name]
    return _deblurred(80, 90, family=family, theta=theta, method=method)


def _identified(name: str) -> Answer:
    from napari_deepblur import identify

    found = identify(_image(80, 90), _families()[name][0], device="cpu")
    return {"parameters": found.theta, "errors": found.theta_std, "PSFs": found.psfs}


def _identified_stack() -> Answer:
    from napari_deepblur import identify_stack

    found = identify_stack(_image(3, 80, 90), _families()["Zernike"][0], 0.3, device="cpu")
    return {"parameters": found.theta, "sign": np.asarray(found.sign_probability)}


def _written(image: NDArray[Any], axes: str) -> Path:
    from napari_deepblur.io.acquisition import Acquisition
    from napari_deepblur.io.ome_tiff import write_ome_tiff

    file = Path("image.ome.tif")
    write_ome_tiff(file, image, Acquisition(axes=axes))
    return file


def _command(image: NDArray[Any], axes: str, *options: str) -> Answer:
    """Deblur a file on the command line."""
    from napari_deepblur.cli import main
    from napari_deepblur.io.images import read_image

    code = main(["deblur", str(_written(image, axes)), "-o", "out.ome.tif", *OPTICS, *QUICK, *options])
    if code != 0:
        raise RuntimeError(f"exit status {code}")
    return {"pixels": read_image("out.ome.tif")}


def _copied(image: NDArray[Any], axes: str, **more: Any) -> Answer:
    """Run the Python that the dock copies."""
    from napari_deepblur.pipeline import DeblurSettings
    from napari_deepblur.pipeline.reproduce import Input, as_python

    asked = {name: more.pop(name) for name in ("once", "luminance") if name in more}
    settings = DeblurSettings(microscope=_optics(), device="cpu", **more)
    _written(image, axes)
    names: dict[str, Any] = {}
    shown = axes.removesuffix("S") if asked.get("luminance") else axes
    exec(compile(as_python(settings, Input("image.ome.tif", shown, **asked)), "copied", "exec"), names)
    return {"pixels": np.asarray(names["restored"])}


def _calibrated() -> Answer:
    from napari_deepblur import load_family
    from napari_deepblur.cli import main
    from napari_deepblur.samples.beads import bead_sample_path

    few = ("--patch-size", "31", "--n-psfs", "3", "--n-maps", "2", "--quiet")
    if main(["calibrate", str(bead_sample_path()), "-o", "family.safetensors", *few]) != 0:
        raise RuntimeError("no calibration")
    family: Any = load_family("family.safetensors")
    return {"PSFs": family.eigen_psfs, "maps": family.maps, "parameters": family.thetas}


def cases() -> dict[str, Callable[[], Answer]]:
    """List what is computed, by its name."""
    theta, known = {"theta": THETA}, ("--theta", *map(str, THETA))
    colours, series = np.moveaxis(_image(3, 64, 70), 0, -1).astype(np.uint8), _image(2, 2, 64, 70)
    made: dict[str, Callable[[], Answer]] = {}
    for method in METHODS:
        made[f"deblur, Zernike, {method}"] = partial(_of_family, "Zernike", method)
    for name in ("field-Zernike", "eigen-PSF", "product-convolution"):
        for method in ("network", "wiener"):
            made[f"deblur, {name}, {method}"] = partial(_of_family, name, method)
    made |= {
        "deblur, Zernike, blind": lambda: _deblurred(96, 90),
        "deblur, tiles, network": lambda: _deblurred(190, 260, theta=THETA, tile=128),
        "deblur, tiles, wiener": lambda: _deblurred(190, 260, theta=THETA, tile=128, method="wiener"),
        "deblur, demonstration, blind": lambda: _deblurred(96, 90, family="demonstration", method="wiener"),
        "identify, Zernike": lambda: _identified("Zernike"),
        "identify, field-Zernike": lambda: _identified("field-Zernike"),
        "identify, eigen-PSF": lambda: _identified("eigen-PSF"),
        "identify, stack": _identified_stack,
        "calibrate, command line": _calibrated,
        "series, copied": lambda: _copied(series, "TCYX", method="wiener", **theta),
        "series, channels, once, copied": lambda: _copied(
            series, "TCYX", method="wiener", once=True, channel_wavelengths_um=(0.5, 0.6)
        ),
        "colours, copied": lambda: _copied(colours, "YXS", method="wiener", **theta),
        "luminance, copied": lambda: _copied(colours, "YXS", method="wiener", luminance=True, **theta),
        "plane, command line": lambda: _command(series[0, 0], "YX", *known),
        "series, command line": lambda: _command(series, "TCYX", *known),
        "series, once, command line": lambda: _command(series[:, 0], "TYX", "--one-operator", "--method", "wiener"),
        "stack, command line": lambda: _command(
            _image(2, 64, 70), "ZYX", "--plane-spacing-um", "0.3", "--method", "wiener"
        ),
        "colours, command line": lambda: _command(colours, "YXS", *known),
        "luminance, command line": lambda: _command(colours, "YXS", "--luminance", *known),
    }
    return made


def compute(only: str, output: Path) -> None:
    """Compute the cases whose names contain a word, with the package that is on the path, and write the answers."""
    import warnings

    import torch

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    answers: Answer = {}
    for name, case in cases().items():
        if only not in name:
            continue
        print(name, file=sys.stderr, flush=True)
        try:
            answers |= {f"{name}|{part}": np.asarray(value) for part, value in case().items()}
        except Exception as error:
            answers[f"{name}|{type(error).__name__}: {error}"] = np.zeros(0)
    np.savez(output, **answers)  # type: ignore[arg-type]


def unpack(commit: str, folder: Path) -> Path:
    """Unpack the package of a commit, and return the folder that holds it."""
    packed = subprocess.run(["git", "archive", commit, "src"], cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder / "src"


def answers_of(source: Path, only: str, folder: Path) -> Answer:
    """Compute the cases with the package in `source`, in a process of its own."""
    folder.mkdir()
    output = folder / "answers.npz"
    environment = os.environ | {"PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, str(Path(__file__).resolve()), "--compute", str(output), "--only", only]
    subprocess.run(words, cwd=folder, env=environment, check=True)
    with np.load(output) as file:
        return {name: file[name] for name in file.files}


def difference(old: NDArray[Any], new: NDArray[Any]) -> float:
    """Return the largest difference as a share of the range of the older values; infinity where shapes differ."""
    if old.shape != new.shape or old.dtype != new.dtype:
        return np.inf
    both = np.isnan(old.astype(float)) & np.isnan(new.astype(float))
    change = np.where(both, 0.0, np.abs(new.astype(float) - old.astype(float)))
    return float(change.max(initial=0.0) / (np.ptp(old.astype(float)) or 1.0))


def table(old: Answer, new: Answer) -> tuple[str, float]:
    """Return the differences as Markdown, and the largest."""
    lines, worst = ["| case | values | largest difference |", "|---|---|---|"], 0.0
    for name in dict.fromkeys([*old, *new]):
        case, part = name.split("|", 1)
        if name not in old or name not in new:
            lines.append(f"| {case} | {part} | only {'after' if name in new else 'before'} |")
            worst = np.inf
            continue
        if old[name].size == 0:
            # Nothing was compared: a case that fails for both commits proves nothing.
            lines.append(f"| {case} | {part} | an error for both |")
            worst = np.inf
            continue
        change = difference(old[name], new[name])
        worst = max(worst, change)
        lines.append(f"| {case} | {part} | {change:.3g} |")
    return "\n".join(lines), worst


def main() -> int:
    """Compare two commits; 1 where anything differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("old", nargs="?", help="a commit")
    parser.add_argument("new", nargs="?", help="another; by default the files of this clone as they are")
    parser.add_argument("--only", default="", metavar="WORDS", help="cases whose names contain these words")
    parser.add_argument("--compute", type=Path, metavar="FILE.npz", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.compute is not None:
        compute(arguments.only, arguments.compute)
        return 0
    if arguments.old is None:
        parser.error("name a commit to compare with")
    with tempfile.TemporaryDirectory(prefix="same-pixels-") as name:
        folder = Path(name)
        first = unpack(arguments.old, folder / "old")
        second = ROOT / "src" if arguments.new is None else unpack(arguments.new, folder / "new")
        before = answers_of(first, arguments.only, folder / "before")
        after = answers_of(second, arguments.only, folder / "after")
    text, worst = table(before, after)
    print(text)
    print(f"\nLargest of all: {worst:.3g}")
    return int(worst > 0)


if __name__ == "__main__":
    sys.exit(main())
