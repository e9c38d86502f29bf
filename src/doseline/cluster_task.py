"""What a worker of a cluster does: some tasks, one after the other, on one thread."""

import ctypes
import os
import pickle
import socket
from collections.abc import Sequence
from functools import cache
from typing import Any

from doseline.errors import ClusterError
from doseline.spread import Work
from doseline.version import __version__

TRIM, SINGLE = -1, -3
"""Settings of glibc's allocator: how much free memory it keeps, and from which size on arrays are asked for alone."""
KEPT, LARGEST = 256 << 20, 32 << 20
"""Bytes for them: the second is the most that it takes, and the arrays of a part are not larger."""


def packed(work: Work, tasks: Sequence[Any]) -> bytes:
    """Work and tasks as they are sent: a worker with another version can still say so, as it need not read them."""
    return pickle.dumps(work.sent(tasks), protocol=5)


def solve_parts(version: str, sent: bytes) -> list[Any]:
    """What the tasks give.

    Raises
    ------
    ClusterError : this worker cannot do it. ResultError : the store cannot be written.
    """
    host = socket.gethostname()
    if version != __version__:
        raise ClusterError(
            f"the worker on {host} has doseline {__version__}, and this process has {version}",
            place="client",
            advice="install the same version in both places, and start the workers again",
        )
    keep_memory()
    try:
        work, tasks = pickle.loads(sent)
        return [work(task) for task in tasks]
    except MemoryError:
        raise ClusterError(
            f"the worker on {host} has not enough memory",
            place="client",
            advice="give workers more memory, or fewer threads each",
        ) from None


@cache
def keep_memory() -> None:
    """Let what one part has freed serve the next.

    Dask starts workers with an allocator that gives everything back at once. To get the arrays of the next part again,
    page by page, was a quarter of the time of bands.
    """
    if "MALLOC_TRIM_THRESHOLD_" not in os.environ:
        return
    try:
        settle = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another system, another allocator
        return
    settle(SINGLE, LARGEST)
    settle(TRIM, KEPT)
