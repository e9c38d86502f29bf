"""What the system refuses to write, as sentences."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from doseline.errors import DoselineError, ResultError

OTHER = "give another path"

_CAUSES = {
    errno.ENOSPC: ("the disk is full", "free some space, and run it again"),
    errno.EDQUOT: ("your disk quota is used up", "free some space, and run it again"),
    errno.EACCES: ("it cannot be written", f"look at its permissions, or {OTHER}"),
    errno.EPERM: ("it cannot be written", f"look at its permissions, or {OTHER}"),
    errno.EROFS: ("the disk is read-only", OTHER),
    errno.ENOENT: ("it was deleted while it was written", "run it again"),
    errno.ENOTDIR: ("a part of the path is a file", OTHER),
    errno.EEXIST: ("a part of the path is a file", OTHER),
    errno.ENAMETOOLONG: ("the name is too long", "give a shorter one"),
    errno.EFBIG: ("a file is larger than the system allows", OTHER),
    errno.EMFILE: ("too many files are open", "close some, and run it again"),
}


@contextmanager
def told(path: Path, *, kept: str = "") -> Iterator[None]:
    """What the system refuses, as one sentence with the path; ``kept`` says what is safe."""
    try:
        yield
    except DoselineError:
        raise
    except OSError as error:
        unknown = (f"it cannot be written: {error}", OTHER)
        problem, advice = _CAUSES.get(error.errno or 0, unknown)
        raise ResultError(problem, place=str(path), advice="; ".join(filter(None, (advice, kept)))) from error
