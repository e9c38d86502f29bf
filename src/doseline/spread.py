"""Work in parts: on the threads of this process, with what each part gives handed over as it comes."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Any, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")
Spread = Callable[[Callable[[Any], Any], Sequence[Any]], Iterator[tuple[Any, Any]]]
"""From work and tasks to pairs of a task and its result, in any order: how parts are shared out."""

AHEAD = 2
"""Parts for each thread that may be under way or done and not yet taken: more would only fill memory."""


def on_threads(threads: int) -> Spread:
    """Share parts out among so many threads of this process."""
    return partial(_on_threads, threads)


def _on_threads(
    threads: int, work: Callable[[Task], Result], tasks: Sequence[Task]
) -> Iterator[tuple[Task, Result]]:
    """Pairs of a task and its result as they come; whoever stops listening, or Ctrl-C, stops the work."""
    if threads == 1 or len(tasks) < 2:
        for task in tasks:
            yield task, work(task)
        return
    pool = ThreadPoolExecutor(threads)
    under_way: dict[Future[Result], Task] = {}
    waiting = iter(tasks)
    try:
        for task in waiting:
            under_way[pool.submit(work, task)] = task
            if len(under_way) < AHEAD * threads:
                continue
            yield from _done(under_way)
        while under_way:
            yield from _done(under_way)
    finally:
        # what runs is let come to its end: a kernel cannot be stopped, and a file should not be left half written
        pool.shutdown(wait=True, cancel_futures=True)


def _done(under_way: "dict[Future[Result], Task]") -> Iterator[tuple[Task, Result]]:
    """Wait for one part at least, and take all that are done."""
    done, _ = wait(under_way, return_when=FIRST_COMPLETED)
    for future in done:
        yield under_way.pop(future), future.result()
