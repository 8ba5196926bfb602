"""How the documentation is built: `python -m sphinx -W docs build/docs`."""

from __future__ import annotations

import importlib.util
import os
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

import matplotlib as mpl

HERE = Path(__file__).parent
GALLERY = HERE.parent / "examples" / "gallery"

project = "sparsecross"
author = "The sparsecross developers"
copyright = author  # noqa: A001 - Sphinx's name
version = release = version_of("sparsecross")

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]

# Markdown as it reads in the repository, where formulas are plain text.
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

templates_path = ["templates"]
autosummary_generate = True
autodoc_typehints = "none"  # numpydoc's sections say types, with shapes
autodoc_mock_imports = [] if importlib.util.find_spec("torch") else ["torch"]
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

mpl.use("Agg")
sphinx_gallery_conf = {
    "examples_dirs": str(GALLERY),
    "gallery_dirs": "gallery",
    # The stories read public data sets; where these are not at hand, their pages show code alone.
    "filename_pattern": "/plot_"
    if os.environ.get("SPARSECROSS_DATA")
    else "/(?!stories)[^/]*/plot_",
    "ignore_pattern": r"^(?!plot_)",  # modules beside the scripts are no pages
    "subsection_order": [
        f"../examples/gallery/{part}" for part in ("exercise", "seeing", "stories")
    ],
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "min_reported_time": 1e9,
}

html_theme = "furo"
html_title = f"sparsecross {version}"


def link_within(app: Any, docname: str, source: list[str]) -> None:
    """Links to README.md, which the front page includes, lead there."""
    source[0] = source[0].replace("](../README.md", "](index.md")


def skip_inherited(app: Any, what: str, name: str, member: Any, skip: bool, options: Any) -> bool:
    """Leave out what scikit-learn and the standard library bring along, and document."""
    function = getattr(member, "fget", member)
    module = getattr(function, "__module__", "") or ""
    return skip or not module.startswith("sparsecross")


def setup(app: Any) -> None:
    """Sphinx's entry."""
    app.connect("source-read", link_within)
    app.connect("autodoc-skip-member", skip_inherited)
