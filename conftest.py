"""The snippets of README.md and docs/ are tests: each page runs from top to bottom in a folder of its own."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from sybil import Sybil
from sybil.parsers.myst import PythonCodeBlockParser

# doctest collection would import these: settings of sphinx, and scripts for packages that may not be there
collect_ignore_glob = ["benchmarks/rivals/*", "docs/conf.py", "docs/_ext/*", "docs/_build/*"]

_HOME = "_doseline_home"
_FOLDER = "_doseline_folder"


def _enter(namespace: dict[str, Any]) -> None:
    folder = tempfile.TemporaryDirectory(prefix="doseline-page-", ignore_cleanup_errors=True)
    namespace[_HOME], namespace[_FOLDER] = Path.cwd(), folder
    os.chdir(folder.name)


def _leave(namespace: dict[str, Any]) -> None:
    os.chdir(namespace[_HOME])
    namespace[_FOLDER].cleanup()


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser()],
    patterns=["README.md", "docs/**/*.md", "docs/*.md"],
    setup=_enter,
    teardown=_leave,
).pytest()
