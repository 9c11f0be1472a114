"""Images: what can be processed, and reading and writing files without ever losing one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import ArrayLike, NDArray
from PIL import Image, UnidentifiedImageError

from napari_deepblur.errors import ImageError, OutputError

SMALLEST_SIDE = 16
"""Images with a shorter side hold too little to process."""


def check_image(image: ArrayLike, smallest: int = SMALLEST_SIDE) -> NDArray[np.float32]:
    """Turn an image into a contiguous float32 array, or say what is wrong with it.

    Parameters
    ----------
    image
        Any real numeric type and byte order, shape (H, W).
    smallest
        Length that each side must have at least, usually that of the PSF.

    Returns
    -------
    ndarray
        float32 copy or view in native byte order, shape (H, W).

    Raises
    ------
    ImageError
        If the image has not two axes, is too small, is not numeric, holds NaN or infinity, or is constant.
    """
    array = np.asarray(image)
    if array.dtype.kind not in "buif":
        raise ImageError(f"The image has the type {array.dtype}, expected integers or real numbers.")
    if array.ndim != 2:
        hint = " Convert colours to one channel first." if array.ndim == 3 and array.shape[-1] in (3, 4) else ""
        raise ImageError(
            f"The image has {array.ndim} axes, shape {array.shape}; expected one plane of shape (rows, columns).{hint}"
        )
    if min(array.shape) < max(smallest, SMALLEST_SIDE):
        raise ImageError(
            f"The image has {array.shape[0]} x {array.shape[1]} pixels, expected at least "
            f"{max(smallest, SMALLEST_SIDE)} a side: it must be larger than the PSF. Crop less, or choose a smaller PSF."
        )
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(array, dtype=np.float32)
    finite = np.isfinite(values)
    if not finite.all():
        bad = int(finite.size - finite.sum())
        raise ImageError(
            f"{bad} of {finite.size} pixels are NaN, infinite or beyond 3e38. Replace or crop them before deblurring."
        )
    low, high = float(values.min()), float(values.max())
    if not high > low:
        raise ImageError(
            f"All pixels have the same value, {low:g}: there is nothing to deblur. Is the camera's lid on?"
        )
    return values


def read_image(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read a TIFF, PNG or JPEG file as it is.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    ndarray
        In the file's own type, with axes of length one removed.

    Raises
    ------
    ImageError
        If the file is missing, unreadable, or in another format.
    """
    source = Path(path)
    if not source.is_file():
        raise ImageError(f"There is no image file {source}. Check the path.")
    try:
        if source.suffix.lower() in (".tif", ".tiff"):
            return np.squeeze(tifffile.imread(source))
        with Image.open(source) as file:
            return np.squeeze(np.asarray(file))
    except (OSError, ValueError, KeyError, TypeError, tifffile.TiffFileError, UnidentifiedImageError) as error:
        raise ImageError(
            f"{source} cannot be read as an image ({error}). Expected TIFF, PNG or JPEG; is the file complete?"
        ) from error


def read_pixel_size_um(path: str | os.PathLike[str]) -> float | None:
    """Pixel size in micrometres that a TIFF file states, as OME or ImageJ metadata; None where it does not."""
    source = Path(path)
    if source.suffix.lower() not in (".tif", ".tiff") or not source.is_file():
        return None
    try:
        with tifffile.TiffFile(source) as file:
            if file.ome_metadata:
                return _ome_pixel_size_um(file.ome_metadata)
            unit = str((file.imagej_metadata or {}).get("unit", "")).lower()
            tag = file.pages.first.tags.get("XResolution")
    except (OSError, ValueError, tifffile.TiffFileError):
        return None
    factor = {"um": 1.0, "\u00b5m": 1.0, "micron": 1.0, "microns": 1.0, "nm": 1e-3, "mm": 1e3}.get(unit)
    if factor is None or tag is None or not tag.value[0]:
        return None
    pixels, length = tag.value
    return factor * float(length) / float(pixels)


def _ome_pixel_size_um(ome_xml: str) -> float | None:
    description = tifffile.xml2dict(ome_xml)
    image = description.get("OME", {}).get("Image", {})
    pixels = (image[0] if isinstance(image, list) else image).get("Pixels", {})
    factor = {"\u00b5m": 1.0, "um": 1.0, "nm": 1e-3, "mm": 1e3}.get(str(pixels.get("PhysicalSizeXUnit", "\u00b5m")))
    size = pixels.get("PhysicalSizeX")
    return None if size is None or factor is None else factor * float(size)


def check_writable(path: str | os.PathLike[str]) -> Path:
    """Make sure, before any computation, that a file can be written later.

    Parameters
    ----------
    path
        The file to be; one that exists stays as it is.

    Returns
    -------
    Path
        The same path.

    Raises
    ------
    OutputError
        If the folder is missing or not writable, or the path is a folder.
    """
    target = Path(path)
    if target.is_dir():
        raise OutputError(f"{target} is a folder, expected the name of a file to write.")
    if not target.parent.is_dir():
        raise OutputError(f"The folder {target.parent} does not exist. Make it first, or choose another one.")
    try:
        descriptor, trial = tempfile.mkstemp(dir=target.parent, prefix=".napari-deepblur-")
    except OSError as error:
        raise OutputError(
            f"Nothing can be written to {target.parent} ({error.strerror}). Choose another one."
        ) from error
    os.close(descriptor)
    os.unlink(trial)
    if target.exists() and not os.access(target, os.W_OK):
        raise OutputError(f"{target} exists and is write-protected. Choose another name.")
    return target


def write_tiff(
    path: str | os.PathLike[str], image: NDArray[Any], *, pixel_size_um: float | None = None, axes: str = "YX"
) -> None:
    """Write a TIFF file with its pixel size, whole or not at all.

    Parameters
    ----------
    path
        The file; an existing one is replaced in one step once the new one is complete.
    image
        Pixels, float32 or another type that TIFF knows.
    pixel_size_um
        Pixel size in micrometres, written as ImageJ metadata.
    axes
        Names of the axes.

    Raises
    ------
    OutputError
        If the file cannot be written; an existing one is unharmed.
    """
    target = check_writable(path)
    resolution = None if pixel_size_um is None else (1 / pixel_size_um, 1 / pixel_size_um)
    descriptor, partial = tempfile.mkstemp(dir=target.parent, prefix=".napari-deepblur-", suffix=".tif")
    os.close(descriptor)
    try:
        tifffile.imwrite(
            partial,
            image,
            imagej=True,
            resolution=resolution,
            metadata={"axes": axes} | ({} if pixel_size_um is None else {"unit": "um"}),
        )
        # A temporary file is private; the result should be as readable as any new file.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(partial, 0o666 & ~mask)
        os.replace(partial, target)
    except OSError as error:
        raise OutputError(f"{target} could not be written ({error}). Is the disk full?") from error
    finally:
        Path(partial).unlink(missing_ok=True)
