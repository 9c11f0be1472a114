"""How Sphinx builds these pages: the Markdown beside this file, and the public names from their docstrings.

script/docs, or: python -m sphinx -W -b html docs docs/_build/html
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

# A page is built without a window, and without a word about the processor's GPUs.
os.environ.setdefault("MPLBACKEND", "agg")

import napari_deepblur

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "napari-deepblur"
author = "napari-deepblur developers"
copyright = "napari-deepblur developers, BSD-3-Clause"  # noqa: A001  the name that Sphinx reads
version = release = str(napari_deepblur.__version__)

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]

html_theme = "alabaster"
html_title = "napari-deepblur"
html_show_sourcelink = False
html_theme_options = {
    "description": "Blind identification of a microscope's blur from one image, and its removal",
    "fixed_sidebar": True,
    "page_width": "72rem",
    "sidebar_width": "15rem",
}
html_sidebars = {"**": ["about.html", "navigation.html", "searchbox.html"]}

# The same Markdown is read on the project's page: only what both understand.
myst_enable_extensions: list[str] = []
myst_heading_anchors = 3

# The docstrings say types, shapes and units in words; spelled out, NumPy's types are longer than the text.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_attr_annotations = False
napoleon_use_rtype = False


def plain_text(_app: object, _what: str, _name: str, _obj: object, _options: object, lines: list[str]) -> None:
    """Read a docstring as it was written: bars are norms, and indented lines under a paragraph are equations."""
    written: list[str] = []
    in_equation = in_sections = False
    for number, line in enumerate(lines):
        in_sections = in_sections or set(lines[number + 1 : number + 2]) == {"-" * len(line)} != {""}
        indented = line.startswith("    ") and not in_sections
        if indented and not in_equation:
            written += ["::", ""]
        in_equation = indented or (in_equation and not line)
        written.append(line if in_equation else line.replace("|", r"\|"))
    lines[:] = written


def setup(app: Sphinx) -> None:
    """Register what is above."""
    # Before napoleon, which makes a list of the arguments.
    app.connect("autodoc-process-docstring", plain_text, priority=400)
