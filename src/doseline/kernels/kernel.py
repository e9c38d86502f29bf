"""How every compiled function of doseline is compiled, and where its machine code is kept between processes."""

import functools
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

import numba
import platformdirs

_HERE = Path(__file__).parent


def cache_folder() -> Path:
    """Folder for compiled kernels: one for each state of this folder's source.

    numba's own check does not see an edit in a callee that lives in another file, so the key is a digest of all of
    them: an edited or upgraded doseline never runs yesterday's code. ``DOSELINE_CACHE_DIR`` moves it.
    """
    digest = hashlib.sha256()
    for file in sorted(_HERE.glob("*.py")):
        digest.update(file.name.encode())
        digest.update(file.read_bytes())
    root = os.environ.get("DOSELINE_CACHE_DIR") or platformdirs.user_cache_dir("doseline", appauthor=False)
    return Path(root) / f"kernels-{digest.hexdigest()[:16]}"


def writable(folder: Path) -> bool:
    """Whether files can be written into ``folder``, which is made where it does not exist."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


_FOLDER = cache_folder()
# numba itself would turn to a folder beside the source instead, where nothing tells today's code from yesterday's
_KEPT = writable(_FOLDER)


def kernel(function: Any = None, *, inline: str = "never") -> Any:
    """Compile ``function`` without the interpreter lock, with IEEE arithmetic, and keep the machine code on disk.

    ``error_model="numpy"``: a division by zero gives inf, as in numpy, and the row's status says so. No fastmath:
    results must not depend on how the rows were cut into blocks. ``inline="always"`` where a benchmark shows that the
    call itself costs, or where a function of the walk through tables is called in one place only: on their own these
    would be compiled by themselves and once more with each caller, a third of the time in all. Where no folder can be
    written, the code is compiled anew in each process.
    """
    if function is None:
        return functools.partial(kernel, inline=inline)
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "inline": inline}
    if not _KEPT:
        return numba.njit(**options)(function)
    config: Any = numba.config
    before = config.CACHE_DIR
    config.CACHE_DIR = str(_FOLDER)
    try:
        return numba.njit(**options, cache=True)(function)
    finally:
        config.CACHE_DIR = before
