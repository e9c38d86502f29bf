"""How every compiled function of doseline is compiled, and where its machine code is kept between processes."""

import functools
import hashlib
import os
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


_FOLDER = str(cache_folder())


def kernel(function: Any = None, *, inline: str = "never") -> Any:
    """Compile ``function`` without the interpreter lock, with IEEE arithmetic, and keep the machine code on disk.

    ``error_model="numpy"``: a division by zero gives inf, as in numpy, and the row's status says so. No fastmath:
    results must not depend on how the rows were cut into blocks. ``inline="always"`` where a benchmark shows that the
    call itself costs. Where no folder can be written, the code is compiled anew in each process.
    """
    if function is None:
        return functools.partial(kernel, inline=inline)
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "inline": inline}
    config: Any = numba.config
    before = config.CACHE_DIR
    config.CACHE_DIR = _FOLDER
    try:
        return numba.njit(**options, cache=True)(function)
    except (RuntimeError, OSError):
        return numba.njit(**options)(function)
    finally:
        config.CACHE_DIR = before
