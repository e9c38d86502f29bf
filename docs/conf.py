"""Settings of the documentation: `python -m sphinx -W -b html docs docs/_build/html`."""

import re
import sys
import tomllib
from pathlib import Path

_docs = Path(__file__).resolve().parent
sys.path[:0] = [str(_docs / "_ext"), str(_docs.parent / "src")]

with (_docs.parent / "pyproject.toml").open("rb") as _file:
    _project = tomllib.load(_file)["project"]

project = _project["name"]
author = "The doseline developers"
copyright = "The doseline developers"
_version_file = (_docs.parent / "src" / "doseline" / "version.py").read_text(encoding="utf-8")
version = release = re.search(r'^__version__ = "(.+)"$', _version_file, re.MULTILINE)[1]

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "model_pages",
]
exclude_patterns = ["_build", "_ext"]

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autodoc_typehints = "none"  # the docstring gives type, shape and unit together
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_numpy_docstring = True
napoleon_use_rtype = False
napoleon_custom_sections = ["Source"]

model_folder = str(_docs.parent / "models")

html_theme = "furo"
html_title = f"{project} {version}"
html_copy_source = False
