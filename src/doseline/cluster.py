"""Work in parts on a cluster of Dask: the same parts as on threads, and the same bits.

Every task is sent with all that it needs, and nothing is kept on the workers: whichever of them dies, another does its
tasks again. A model and its regimens take 54 kB and a subject 16 bytes for each covariate, which is less than a
thousandth of the time that a task takes.
"""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

from doseline.cluster_faults import Watch, explained, need_dask, refuse_other, vanished
from doseline.cluster_task import packed, solve_parts
from doseline.errors import InputError
from doseline.request import thread_count
from doseline.spread import TURNS, Spread, Work, on_threads
from doseline.version import __version__

AHEAD = 3
"""Batches for each thread of the workers that are handed out and not yet taken: a worker should never wait."""
LEAST = 8
"""And for all of them together: workers may come while others work."""
ANSWER = 10.0
"""Seconds in which a scheduler should answer."""
FRESH = 2.0
"""Seconds for which it is not asked again how many threads there are."""


def spread_of(client: Any, threads: int | None) -> Spread:
    """How a call shares its parts out: on the workers of a client, or on threads of this process.

    Raises
    ------
    InputError : no client, or both. ClusterError : it is closed.
    """
    return on_threads(thread_count(threads)) if client is None else on_client(client, threads)


def on_client(client: Any, threads: int | None = None) -> Spread:
    """Share parts out among the workers of a `dask.distributed.Client`.

    Raises
    ------
    InputError : it is no client, or threads are given. ClusterError : it is closed.
    """
    refuse_other(client, threads)
    return OnCluster(client)


@contextmanager
def connected(address: str | None) -> Iterator[Any]:
    """A client of the scheduler at an address, or none where none is given.

    Raises
    ------
    InputError : nobody answers there.
    """
    if address is None:
        yield None
        return
    need_dask()
    from distributed import Client

    try:
        client = Client(address, timeout=ANSWER, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(
            f"no scheduler answers at {address}",
            place="scheduler",
            advice="give the address that `dask scheduler` has printed, such as tcp://host:8786",
        ) from error
    with client:
        yield client


@dataclass
class OnCluster:
    """Parts for the workers of a client."""

    client: Any
    _threads: int = 1
    _asked: float = field(default=-FRESH)

    @property
    def threads(self) -> int:
        """Threads of all workers; 1 while there are none."""
        now = time.monotonic()
        if now - self._asked > FRESH:
            try:
                self._threads = max(1, sum(self.client.nthreads().values()))
            except Exception:
                if self.client.status == "running":
                    raise
                raise vanished(self.client) from None
            self._asked = now
        return self._threads

    def __call__(self, work: Work, tasks: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
        """Pairs of a task and its result as they come."""
        landed: SimpleQueue[Any] = SimpleQueue()
        under_way: dict[Any, Sequence[Any]] = {}
        size = max(1, min(work.most, len(tasks) // (TURNS * self.threads)))
        begins = iter(range(0, len(tasks), size))
        watch = Watch(self.client)
        try:
            while True:
                while len(under_way) < max(LEAST, AHEAD * self.threads):
                    begin = next(begins, None)
                    if begin is None:
                        break
                    batch = tasks[begin : begin + size]
                    under_way[self._submit(work, batch, landed)] = batch
                if not under_way:
                    return
                future = _next(landed, watch)
                batch = under_way.pop(future)
                yield from zip(batch, self._result(future, batch), strict=True)
        finally:
            self._cancel(list(under_way))

    def _submit(self, work: Work, batch: Sequence[Any], landed: "SimpleQueue[Any]") -> Any:
        """Hand some tasks out."""
        sent = packed(work, batch)
        try:
            future = self.client.submit(solve_parts, __version__, sent, pure=False)
            future.add_done_callback(landed.put)
        except Exception:
            if self.client.status == "running":
                raise
            raise vanished(self.client) from None
        return future

    def _result(self, future: Any, batch: Sequence[Any]) -> list[Any]:
        """What came of some tasks."""
        try:
            found = future.result()
        except Exception as error:
            told = explained(error, self.client, batch)
            raise told from (None if told is error else error)
        future.release()
        return list(found)

    def _cancel(self, futures: list[Any]) -> None:
        """Let the workers drop what nobody wants any more."""
        if futures and self.client.status == "running":
            try:
                self.client.cancel(futures)
            except (OSError, CancelledError):
                return  # whom they were asked of is gone


def _next(landed: "SimpleQueue[Any]", watch: Watch) -> Any:
    """The next batch that has come to its end, however."""
    while True:
        try:
            return landed.get(timeout=1.0)
        except Empty:
            watch.look()
