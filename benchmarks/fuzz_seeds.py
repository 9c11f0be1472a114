"""Small good files of everything that is read, to be mutated by `benchmarks.fuzz`."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile
from PIL import Image

from napari_deepblur.errors import DeepblurError


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


def seeds(folder: Path | None = None) -> list[Seed]:
    """Make a small good file of each kind; and take the files of a folder, if one is given."""
    found = [*_tiffs(), *_pictures(), *_package_files(), *_training_files(), *_zarr_files()]
    if folder is not None:
        found += [Seed(p.name, p.read_bytes(), _image) for p in sorted(folder.rglob("*")) if p.is_file()]
    return found


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
    from napari_deepblur.io.weights_folders import shipped_weights
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
        shipped = shipped_weights() / "expectation.safetensors"
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


def _training_files() -> list[Seed]:
    """Make a checkpoint, a packed bank, and statistics of scenes."""
    import torch

    from napari_deepblur.io.scene_spectra import load_scene_spectra, save_scene_spectra
    from napari_deepblur.networks.deblurring import DeblurringConfig, DeblurringNetwork
    from napari_deepblur.networks.scene_spectra import SceneSpectra
    from napari_deepblur.networks.statistics import WINDOW
    from napari_deepblur.training.checkpoints import Run
    from napari_deepblur.training.loop import start_run
    from napari_deepblur.training.pool import pack_bank, read_packed
    from napari_deepblur.training.recipes import DeblurringRecipe, Schedule

    config = DeblurringConfig(channels=(2, 2, 2, 2), blocks=1, iterations=1, shared=True)
    recipe = DeblurringRecipe(config, Schedule(samples=8, batch_size=2))

    def started() -> Run:
        return start_run(lambda: DeblurringNetwork(config), recipe, recipe.schedule, 0, torch.device("cpu"))

    run = started()
    for value in run.network.parameters():
        value.grad = torch.ones_like(value)
    run.optimizer.step()
    kept = (WINDOW, WINDOW // 2 + 1)
    spectra = SceneSpectra(torch.zeros(kept), torch.zeros(1, *kept), torch.ones(1), torch.ones(kept), 4)
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        run.save(at / "run.safetensors")
        save_scene_spectra(spectra, at / "scenes.safetensors")
        pack_bank(np.random.default_rng(2).integers(0, 255, (3, 16, 16), np.uint8), at / "bank.zip")
        readers: dict[str, Callable[[Path], Any]] = {
            "run.safetensors": lambda path: started().load(path),
            "scenes.safetensors": load_scene_spectra,
            "bank.zip": read_packed,
        }
        return [Seed(name, (at / name).read_bytes(), read) for name, read in readers.items()]


def _zarr_files() -> list[Seed]:
    """Make a small OME-Zarr; each of its files is mutated by itself, among the good ones."""
    import zarr

    stack = np.random.default_rng(3).integers(0, 4000, (3, 16, 18)).astype(np.uint16)
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    scale = [{"type": "scale", "scale": [0.3, 0.1, 0.1]}]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "a.ome.zarr"
        group = zarr.open_group(root, mode="w", zarr_format=3)
        group.create_array("0", shape=stack.shape, chunks=(1, 16, 18), dtype=stack.dtype)[:] = stack
        datasets = [{"path": "0", "coordinateTransformations": scale}]
        facts: dict[str, Any] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}
        group.attrs["ome"] = facts
        good = {path.relative_to(root): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}

    def reader(inner: Path) -> Callable[[Path], None]:
        def read(path: Path) -> None:
            store = path.parent / "a.ome.zarr"
            shutil.rmtree(store, ignore_errors=True)
            for name, data in good.items():
                (store / name).parent.mkdir(parents=True, exist_ok=True)
                (store / name).write_bytes(path.read_bytes() if name == inner else data)
            _image(store)

        return read

    return [Seed(f"zarr-{'-'.join(inner.parts)}", data, reader(inner)) for inner, data in good.items()]
