"""Sphinx configuration: `make docs` builds the pages into docs/_build, warnings being errors. No network is used."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "_extensions"), str(HERE.parent)]

import bayes_mirglmm  # noqa: E402  (found through the line above)

project = "bayes_mirglmm"
author = "The bayes_mirglmm developers"
copyright = author
version = release = bayes_mirglmm.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "generated_reference",
]
exclude_patterns = ["_build"]
highlight_language = "text"  # of blocks that name none
suppress_warnings = ["config.cache"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
# The notebooks are committed with their outputs, which a test renews; the build shows them as they are.
nb_execution_mode = "off"

napoleon_google_docstring = False
napoleon_use_rtype = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # types stand in the docstrings
autodoc_default_options = {"members": True}
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"bayes_mirglmm {release}"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_copy_source = False
copybutton_exclude = ".linenos, .gp, .go"

# Notebooks live beside the package, where Jupyter users look; Sphinx takes pages below its own folder only.
NOTEBOOKS = HERE / "notebooks"


def _bring_notebooks() -> None:
    """Copy what changed; two builds at once do not disturb each other."""
    NOTEBOOKS.mkdir(exist_ok=True)
    sources = {path.name: path for path in (HERE.parent / "notebooks").glob("*.ipynb")}
    for copy in NOTEBOOKS.iterdir():
        if copy.name not in sources and not copy.name.startswith("."):
            copy.unlink(missing_ok=True)
    for name, path in sources.items():
        copy, text = NOTEBOOKS / name, path.read_bytes()
        if not copy.exists() or copy.read_bytes() != text:
            part = NOTEBOOKS / f".{name}.{os.getpid()}"
            part.write_bytes(text)
            part.replace(copy)


_bring_notebooks()
