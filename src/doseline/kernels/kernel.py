"""How every compiled function of doseline is compiled, and where its machine code is kept between processes."""

import contextlib
import functools
import hashlib
import math
import os
import tempfile
import threading
from collections.abc import Iterator
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


def kernel(function: Any = None, *, inline: str = "never", counted: bool = True) -> Any:
    """Compile ``function`` without the interpreter lock, with IEEE arithmetic, and keep the machine code on disk.

    ``error_model="numpy"``: a division by zero gives inf, as in numpy, and the row's status says so. No fastmath:
    results must not depend on how the rows were cut into blocks. ``inline="always"`` where a benchmark shows that the
    call itself costs, or where a function of the walk through tables is called in one place only: on their own these
    would be compiled by themselves and once more with each caller, a third of the time in all. Where no folder can be
    written, the code is compiled anew in each process.
    """
    if function is None:
        return functools.partial(kernel, inline=inline, counted=counted)
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "inline": inline, "_nrt": counted}
    if not _KEPT:
        return numba.njit(**options)(function)
    with _kept_in(_FOLDER):
        return numba.njit(**options, cache=True)(function)


def one_at_a_time() -> Any:
    """A lock for what compiles. A fork waits for it: in the child, no thread would ever free it again."""
    lock = threading.RLock()
    _let_forks_wait(lock)
    return lock


def _let_forks_wait(lock: Any) -> None:
    if hasattr(os, "register_at_fork"):

        def leave() -> None:
            lock.__exit__(None, None, None)

        os.register_at_fork(before=lock.__enter__, after_in_parent=leave, after_in_child=leave)


def llvm_lock() -> Any:
    """The lock under which numba's compiler is entered, also for the address of a function that is handed on."""
    from llvmlite.binding import ffi

    return ffi.lib._lock


# a fork waits for locks in reverse order: for this one last, since whoever compiles takes it while holding another
_let_forks_wait(llvm_lock())


@contextlib.contextmanager
def _kept_in(folder: Path) -> Iterator[None]:
    """What is compiled in here is kept in ``folder``."""
    config: Any = numba.config
    before = config.CACHE_DIR
    config.CACHE_DIR = str(folder)
    try:
        yield
    finally:
        config.CACHE_DIR = before


def written_kernel(source: str, name: str, known: dict[str, Any], *, file: str) -> Any:
    """Compile the function ``name`` of a source text that ``file`` has written; ``known`` are the globals it may use.

    The machine code is kept as if the text stood in ``file``: so it must follow from what is in this folder, and no
    other function of ``file`` may have its name.
    """
    exec(compile(source, file, "exec"), known)
    return kernel(known[name], counted=False)


@kernel
def power(base, exponent):
    """``base ** exponent``; 0 where a negative base has no such power: what is gone may be off by rounding."""
    if base < 0.0 and exponent != math.floor(exponent):
        return 0.0
    return base**exponent


@functools.lru_cache(maxsize=512)
def model_kernel(source: str, name: str) -> Any:
    """Compile the function ``name`` (float64[::1]) -> None of a source text, which may use `math` and `power`.

    It has one signature, so that it can be handed to kernels that know nothing of it. The machine code is kept beside
    that of the kernels, under a file of the source text.
    """
    known: dict[str, Any] = {"math": math, "power": power, "__name__": __name__}
    digest = hashlib.sha256(source.encode()).hexdigest()[:32]
    # numba calls code by a name that is unique in the process that compiled it, and loads code of other processes: two
    # models of one name would be taken for one another
    own = f"{name}_{digest}"
    source = source.replace(f"def {name}(", f"def {own}(", 1)
    file = _FOLDER / "models" / f"{digest}.py"
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "_nrt": False}
    kept = _KEPT and _write_once(file, source)
    exec(compile(source, str(file), "exec"), known)
    with _kept_in(_FOLDER):
        return numba.njit("void(float64[::1])", **options, cache=kept)(known[own])


def _write_once(file: Path, text: str) -> bool:
    """Write a file that is not there yet, whole or not at all: another process may do the same at this moment."""
    if file.exists():
        return True
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=file.parent, suffix=".tmp", delete=False) as new:
            new.write(text)
        os.replace(new.name, file)
    except OSError:
        return False
    return True
