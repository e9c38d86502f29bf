"""A results folder that is either whole or not there."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from doseline.errors import ResultError

MARK = ".doseline"
"""A file that says: this folder was written by doseline, so ``--force`` may replace it."""

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
}


@contextmanager
def new_folder(path: Path, *, force: bool = False) -> Iterator[Path]:
    """A folder to write into, which gets the name ``path`` only when everything in it has been written.

    An existing folder is not touched, unless ``force`` is given and doseline wrote it; it is then replaced at the end,
    so that a run that fails leaves the old results. Whatever fails, no half-written folder stays.

    Raises
    ------
    ResultError : the folder exists, cannot be written, or the disk is full.
    """
    _refuse_existing(path, force=force)
    draft: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
        draft.chmod(0o777 & ~_umask())
        yield draft
        (draft / MARK).write_text(
            "This folder was written by doseline; `doseline run --force` replaces it.\n"
        )
        _put(draft, path, force=force)
    except OSError as error:
        if isinstance(error, ResultError):
            raise
        problem, advice = _cause(error)
        raise ResultError(problem, place=str(path), advice=f"{advice}; nothing was written there") from error
    finally:
        if draft is not None:
            shutil.rmtree(draft, ignore_errors=True)


def _refuse_existing(path: Path, *, force: bool) -> None:
    if not os.path.lexists(path):
        return
    if not force:
        raise ResultError(
            "it exists already", place=str(path), advice="give --force to replace it, or --out for another"
        )
    if path.is_symlink() or not path.is_dir() or not (path / MARK).is_file():
        raise ResultError(
            "it exists and was not written by doseline",
            place=str(path),
            advice="--force replaces results of doseline only: choose another folder with --out",
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
    except OSError:
        old.rename(path)
        raise
    finally:
        shutil.rmtree(old.parent, ignore_errors=True)


def _cause(error: OSError) -> tuple[str, str]:
    known = _CAUSES.get(error.errno or 0)
    return known or (f"it cannot be written: {error.strerror or error}", "choose another folder with --out")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
