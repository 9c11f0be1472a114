"""What the installed package says of itself: its version, its addresses, and where its pages are."""

from __future__ import annotations

import sysconfig
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import napari_deepblur

_NAME = "napari-deepblur"


def project_version() -> str:
    """Return the version."""
    return str(napari_deepblur.__version__)


def project_address(label: str) -> str:
    """Return an address of the project by its label in the metadata, as "Documentation"; empty where there is none."""
    try:
        named = metadata(_NAME).get_all("Project-URL") or []
    except PackageNotFoundError:
        return ""
    pairs = [entry.split(",", 1) for entry in named]
    return next((pair[-1].strip() for pair in pairs if pair[0].strip().lower() == label.lower()), "")


def page_address(page: str) -> str:
    """Return the address of a page of the documentation; empty where the package names no site."""
    site = project_address("Documentation")
    return f"{site.rstrip('/')}/{page}.html" if site else ""


def page_file(page: str) -> Path | None:
    """Return a page as the wheel brought it, or as it lies in the clone; None where there is neither."""
    brought = Path(sysconfig.get_path("data"), "share", "doc", _NAME)
    clone = Path(napari_deepblur.__file__).parents[2] / "docs"
    # A clone first: its pages are of the program that runs.
    return next((folder / f"{page}.md" for folder in (clone, brought) if (folder / f"{page}.md").is_file()), None)
