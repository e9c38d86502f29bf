"""What a worker of a cluster does: some tasks, one after the other, on one thread."""

import pickle
import socket
from collections.abc import Sequence
from typing import Any

from doseline.errors import ClusterError
from doseline.spread import Work
from doseline.version import __version__


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
    try:
        work, tasks = pickle.loads(sent)
        return [work(task) for task in tasks]
    except MemoryError:
        raise ClusterError(
            f"the worker on {host} has not enough memory",
            place="client",
            advice="give workers more memory, or fewer threads each",
        ) from None
