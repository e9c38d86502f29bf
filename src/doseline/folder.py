"""A results folder that is either whole or not there."""

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from doseline.errors import DoselineError, ResultError

MARK = ".doseline"
"""A file that says: this folder was written by doseline, so ``--force`` may replace it. It names every other file."""
_SAYS = "# This folder was written by doseline; `doseline run --force` replaces these files:"
_LITTER = (".DS_Store", "Thumbs.db", "desktop.ini")
"""What desktops leave in any folder."""

_CAUSES = {
    errno.ENOSPC: ("the disk is full", "free some space, or choose another folder with --out"),
    errno.EDQUOT: ("your disk quota is used up", "free some space, or choose another folder with --out"),
    errno.EACCES: (
        "the folder cannot be written",
        "look at its permissions, or choose another one with --out",
    ),
    errno.EPERM: (
        "the folder cannot be written",
        "look at its permissions, or choose another one with --out",
    ),
    errno.EROFS: ("the disk is read-only", "choose another folder with --out"),
    errno.ENOTDIR: ("a part of the path is a file", "choose another folder with --out"),
    errno.EEXIST: ("a part of the path is a file", "choose another folder with --out"),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter one with --out"),
    errno.EFBIG: ("a file is larger than the disk allows", "choose another folder with --out"),
}


@contextmanager
def new_folder(path: Path | str, *, force: bool = False) -> Iterator[Path]:
    """A folder to write into, which gets the name ``path`` only when everything in it has been written.

    An existing folder is not touched, unless ``force`` is given and everything in it was written by doseline; it is
    then replaced at the end, so that a run that fails leaves the old results. Whatever fails, no half-written folder
    stays.

    Raises
    ------
    ResultError : the folder exists, cannot be written, or the disk is full.
    """
    path = Path(path)
    draft: Path | None = None
    try:
        _refuse_existing(path, force=force)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
        draft.chmod(0o777 & ~_umask())
        yield draft
        (draft / MARK).write_text("\n".join([_SAYS, *sorted(os.listdir(draft))]) + "\n", encoding="utf-8")
        _put(draft, path, force=force)
    except (OSError, RuntimeError) as error:
        number = _errno(error)
        if isinstance(error, DoselineError) or (number is None and not isinstance(error, OSError)):
            raise
        unknown = (f"it cannot be written: {error}", "choose another folder with --out")
        problem, advice = _CAUSES.get(number or 0, unknown)
        left = (
            "the results that were there are untouched"
            if os.path.lexists(path)
            else "nothing was written there"
        )
        raise ResultError(problem, place=str(path), advice=f"{advice}; {left}") from error
    finally:
        if draft is not None:
            shutil.rmtree(draft, ignore_errors=True)


def _refuse_existing(path: Path, *, force: bool) -> None:
    if not os.path.lexists(path):
        return
    mark = path / MARK
    if path.is_symlink() or not path.is_dir() or not mark.is_file():
        raise ResultError(
            "it exists and was not written by doseline",
            place=str(path),
            advice="--force replaces results of doseline only: choose another folder with --out",
        )
    ours = {MARK, *mark.read_text(encoding="utf-8").splitlines()}
    others = sorted(name for name in os.listdir(path) if name not in ours and name not in _LITTER)
    if others:
        raise ResultError(
            f"it holds what doseline did not write: {', '.join(others[:3])}{', ...' if len(others) > 3 else ''}",
            place=str(path),
            advice="move that to another place, or choose another folder with --out",
        )
    if not force:
        raise ResultError(
            "it holds results already",
            place=str(path),
            advice="give --force to replace them, or choose another folder with --out",
        )


def _put(draft: Path, path: Path, *, force: bool) -> None:
    """Give the draft its name; the old folder goes only when the new one stands in its place."""
    if not os.path.lexists(path):
        draft.rename(path)
        return
    _refuse_existing(path, force=force)
    old = Path(tempfile.mkdtemp(prefix=f".{path.name}-old-", dir=path.parent)) / path.name
    path.rename(old)
    try:
        draft.rename(path)
    finally:
        if not os.path.lexists(path):  # whatever stopped it, Ctrl-C included
            old.rename(path)
        shutil.rmtree(old.parent, ignore_errors=True)


def reserve(path: Path, *, size: int) -> None:
    """Raise OSError if a file of ``size`` bytes has no room at ``path``; leaves nothing there.

    A netCDF file that ran out of space crashes the whole process when Python lets go of it, so it is better not begun.
    """
    if shutil.disk_usage(path.parent).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    allocate = getattr(os, "posix_fallocate", None)  # asks for a quota too; not on every system
    if allocate is not None:
        with tempfile.TemporaryFile(dir=path.parent) as file:
            try:
                allocate(file.fileno(), 0, size)
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                    raise  # others say that this kind of disk cannot reserve


def _errno(error: BaseException | None) -> int | None:
    """The system's number of what went wrong; HDF5 hides it in a text, behind an error of its own."""
    while error is not None:
        told = re.search(r"errno = (\d+)", str(error))
        if isinstance(error, OSError) and error.errno:
            return error.errno
        if told:
            return int(told[1])
        error = error.__cause__ or error.__context__
    return None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
