"""Foreign decoders: whatever they raise on damaged, hostile or unusual files becomes one diagnosis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_deepblur.errors import DeepblurError, ImageError

FORMATS = 'pip install "napari-deepblur[formats]"'
"""What installs the packages that read the formats of microscope makers, and the codecs of TIFF."""


@contextmanager
def diagnosed(source: Path) -> Iterator[None]:
    """Turn whatever a decoder raises in the block into an `ImageError` that names the file, and says what to do.

    Parameters
    ----------
    source
        The file that is read.

    Raises
    ------
    ImageError
        In place of everything but the package's own errors.
    """
    try:
        yield
    except DeepblurError:
        raise
    except Exception as error:
        # A decoder that meets a damaged file may raise anything at all: of 900 mutated TIFF files 56 brought forth
        # ZeroDivisionError, zlib.error, AssertionError, RuntimeError and others.
        raise ImageError(_words(source, error)) from error


def missing(source: Path, kind: str, package: str) -> ImageError:
    """Make the error for a file of a format whose reader is not installed."""
    return ImageError(
        f"{source.name} is a {kind} file, which the package {package} reads, and that is not installed. Install it "
        f"with {FORMATS}."
    )


def _words(source: Path, error: Exception) -> str:
    said = " ".join(str(error).split()) or type(error).__name__
    if "imagecodecs" in said or isinstance(error, ImportError):
        return (
            f"{source} is packed in a way ({said[:160]}) that needs the package imagecodecs. Install it with "
            f"{FORMATS}, or save the image without compression."
        )
    if isinstance(error, MemoryError):
        return f"{source} does not fit into memory ({said[:160]}). Is it complete? Else read it in parts."
    if isinstance(error, PermissionError):
        return f"{source} cannot be read ({said[:160]}). Check the permissions of the file."
    return (
        f"{source} cannot be read as an image ({said[:160]}). Expected TIFF, PNG, JPEG or the format of a microscope "
        "maker; is the file complete?"
    )
