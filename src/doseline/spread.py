"""Work in parts: on the threads of this process, with what each part gives handed over as it comes."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

AHEAD = 2
"""Parts for each thread that may be under way or done and not yet taken: more would only fill memory."""

TURNS = 8
"""Batches for each thread, where there are parts enough: the last ones should not let the others wait for long."""


class Spread(Protocol):
    """From work and tasks to pairs of a task and its result, in any order: how parts are shared out."""

    @property
    def threads(self) -> int:
        """How many parts are worked on at the same time."""

    def __call__(self, work: Any, tasks: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
        """Share tasks out. Whoever stops listening, or Ctrl-C, stops the work."""


class Work(Protocol):
    """What is done with each task, when it has to be sent to another process."""

    @property
    def most(self) -> int:
        """Tasks that are sent, and results that are sent back, at once."""

    def __call__(self, task: Any) -> Any:
        """What a task gives."""

    def sent(self, tasks: Sequence[Any]) -> "tuple[Work, list[Any]]":
        """Work and tasks with nothing but what these tasks need, to be pickled; the results are the same."""


@dataclass(frozen=True)
class OnThreads:
    """Parts for so many threads of this process."""

    threads: int

    def __call__(
        self, work: Callable[[Task], Result], tasks: Sequence[Task]
    ) -> Iterator[tuple[Task, Result]]:
        """Pairs of a task and its result as they come."""
        if self.threads == 1 or len(tasks) < 2:
            for task in tasks:
                yield task, work(task)
            return
        pool = ThreadPoolExecutor(self.threads)
        under_way: dict[Future[Result], Task] = {}
        try:
            for task in tasks:
                under_way[pool.submit(work, task)] = task
                if len(under_way) >= AHEAD * self.threads:
                    yield from _done(under_way)
            while under_way:
                yield from _done(under_way)
        finally:
            # what runs is let come to its end: a kernel cannot be stopped, and a file should not be left half written
            pool.shutdown(wait=True, cancel_futures=True)


def on_threads(threads: int) -> Spread:
    """Share parts out among so many threads of this process."""
    return OnThreads(threads)


def _done(under_way: "dict[Future[Result], Task]") -> Iterator[tuple[Task, Result]]:
    """Wait for one part at least, and take all that are done."""
    done, _ = wait(under_way, return_when=FIRST_COMPLETED)
    for future in done:
        yield under_way.pop(future), future.result()
