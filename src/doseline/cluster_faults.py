"""What can be wrong with a cluster, each as one sentence that says what to do."""

import sys
import time
from collections.abc import Sequence
from concurrent.futures import CancelledError
from typing import Any

from doseline.errors import ClusterError, DoselineError, InputError

PATIENCE = 5.0
"""Seconds until it is said that there are no workers."""
PAUSED = 30.0
"""Seconds for which all workers may have stopped for want of memory before they are given up."""
AGAIN = "start it again, and make the same call with a new client"
MEMORY = "give workers more memory, or fewer threads each"


def need_dask() -> None:
    """Refuse where the package is not installed."""
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise InputError(
            "a cluster needs dask[distributed], which is not installed",
            place="client",
            advice="python -m pip install 'doseline[scale]'",
        ) from None


def refuse_other(client: Any, threads: int | None) -> None:
    """Refuse what is no client, or not one that can be waited for.

    Raises
    ------
    InputError : see there. ClusterError : it is closed.
    """
    need_dask()
    from distributed import Client

    if not isinstance(client, Client):
        raise InputError(
            f"found {client!r:.60}",
            place="client",
            advice="expected a dask.distributed.Client, such as Client('tcp://host:8786')",
        )
    if client.asynchronous:
        raise InputError(
            "found an asynchronous client", place="client", advice="give one without asynchronous=True"
        )
    if threads is not None:
        raise InputError(
            "the workers of a client have threads of their own",
            place="threads",
            advice="leave it out: a worker with four threads works on four parts",
        )
    if client.status != "running":
        raise ClusterError(
            f"this client is {client.status}",
            place="client",
            advice="make a new one: Client('tcp://host:8786')",
        )


def vanished(client: Any) -> ClusterError:
    """The scheduler is gone, or the client."""
    if client.status in ("closed", "closing"):
        problem = "the client was closed, or its scheduler has ended, while parts were under way"
    else:
        problem = "the parts under way were dropped: the scheduler was restarted, or the connection was lost"
    return ClusterError(problem, place="client", advice=AGAIN)


def explained(error: Exception, client: Any, batch: Sequence[Any]) -> Exception:
    """What is said of tasks that did not come to their end; of faults that nobody knows, the fault itself."""
    from distributed import KilledWorker

    if isinstance(error, DoselineError):
        return error
    if isinstance(error, KilledWorker):
        many = f"{batch[0]}" + (f" and {len(batch) - 1} more" if len(batch) > 1 else "")
        times = error.allowed_failures + 1
        died = (
            "the worker died that had it"
            if times == 1
            else f"{times} workers died one after the other that had it"
        )
        return ClusterError(
            f"{many}: {died}, most likely for want of memory",
            place="client",
            advice=f"{MEMORY}; their logs say more",
        )
    if isinstance(error, (CancelledError, TimeoutError, OSError)):
        return vanished(client)
    if isinstance(error, ModuleNotFoundError) and (error.name or "").split(".")[0] == "doseline":
        return ClusterError(
            f"a worker has no {error.name}",
            place="client",
            advice="install the same version of doseline there as here, and start the workers again",
        )
    return error


class Watch:
    """Somebody who looks why nothing comes."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._begun = time.monotonic()
        self._told = False
        self._paused: float | None = None

    def look(self) -> None:
        """Say that there are no workers, or give up.

        Raises
        ------
        ClusterError : client or scheduler are gone, or no worker has memory to go on.
        """
        now, client = time.monotonic(), self._client
        if client.status != "running":
            raise vanished(client)
        try:
            # asked of the scheduler: what `scheduler_info` gives may be replaced meanwhile by one without workers
            workers = client.sync(client.scheduler.identity)["workers"].values()
        except (OSError, CancelledError):
            return  # a connection that is lost is told by the parts that were under way
        if not workers and now - self._begun > PATIENCE and not self._told:
            self._told = True
            print("the cluster has no workers: waiting for one", file=sys.stderr)
        if not workers or any(worker.get("status") != "paused" for worker in workers):
            self._paused = None
            return
        self._paused = now if self._paused is None else self._paused
        if now - self._paused > PAUSED:
            raise ClusterError(
                f"all {len(workers)} workers have been paused for {PAUSED:g} s for want of memory",
                place="client",
                advice=MEMORY,
            )
