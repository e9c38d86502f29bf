"""How far a long run is: rows done, rows a second and the time that is left, in a terminal or a notebook."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from doseline.errors import InputError

Report = Callable[[int, int], None]
"""Called with how many rows are done, and of how many."""

PATIENCE = 1.0
"""Seconds before anything is shown: what is over by then needs no line."""
PAUSE = 0.1
"""Seconds between two lines."""


def line(done: int, total: int, seconds: float, before: int = 0) -> str:
    """One line of progress; ``before`` rows were there already when the clock began.

    >>> line(250_000, 1_000_000, 5.0)
    '25 %, 250,000 of 1,000,000 rows, 50,000 rows/s, 15 s left'
    """
    told = [f"{100 * done // max(total, 1)} %", f"{done:,} of {total:,} rows"]
    rate = (done - before) / seconds if seconds > 0.0 else 0.0
    if rate > 0.0:
        told.append(f"{rate:,.0f} rows/s" if rate >= 10.0 else f"{rate:.2g} rows/s")
        told.append(
            f"{duration((total - done) / rate)} left" if done < total else f"{duration(seconds)} in all"
        )
    return ", ".join(told)


def duration(seconds: float) -> str:
    """A time as people say it.

    >>> duration(0.0123), duration(0.4), duration(75), duration(8000), duration(300_000)
    ('12 ms', '0.4 s', '1 min 15 s', '2 h 13 min', '3 days 11 h')
    """
    if seconds < 0.0995:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.2g} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    if seconds >= 172_800:
        hours = round(seconds / 3600)
        return f"{hours // 24} days {hours % 24} h" if hours % 24 else f"{hours // 24} days"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"


@contextmanager
def reporting(progress: Any, what: str, total: int, done: int = 0) -> Iterator[Callable[[int], None]]:
    """Something to be called with the number of rows of each part that is done; ``done`` are there already.

    ``progress`` is True, False, a function of (done, total), or None: shown where somebody looks, which is in a
    terminal and in a notebook.
    """
    if callable(progress):
        show: _Shown | None = None
        report: Report = progress
    elif progress is None or isinstance(progress, bool):
        show = None if progress is False else _place(forced=bool(progress))
        report = _Line(what, show, done) if show is not None else _nothing
    else:
        raise InputError(
            f"found {progress!r:.60}",
            place="progress",
            advice="expected True, False, or a function of two numbers: rows done, rows in all",
        )
    count = done

    def step(rows: int) -> None:
        nonlocal count
        count += rows
        report(count, total)

    try:
        yield step
    finally:
        if show is not None:
            show.close()


def _nothing(done: int, total: int) -> None:
    """Nobody looks."""


class _Shown:
    """A line in a terminal that is written over, or one after the other where the text goes to a file."""

    def __init__(self) -> None:
        self._length = 0
        self._over = sys.stderr.isatty()

    def __call__(self, text: str, *, last: bool) -> None:
        if self._over:
            sys.stderr.write("\r" + text.ljust(self._length))
        elif last:
            sys.stderr.write(text)
        self._length = len(text)
        sys.stderr.flush()

    def close(self) -> None:
        """End the line."""
        if self._length:
            sys.stderr.write("\n")
            sys.stderr.flush()
            self._length = 0


class _InNotebook(_Shown):
    """A line below the cell, which is replaced."""

    def __init__(self, display: Any) -> None:
        super().__init__()
        self._display = display
        self._handle: Any = None

    def __call__(self, text: str, *, last: bool) -> None:
        shown = {"text/plain": text}
        if self._handle is None:
            self._handle = self._display(shown, raw=True, display_id=True)
        else:
            self._handle.update(shown, raw=True)

    def close(self) -> None:
        """Nothing to end."""


class _Line:
    """Lines of progress, not too many."""

    def __init__(self, what: str, show: _Shown, before: int) -> None:
        self._what, self._show, self._before = what, show, before
        self._begun = self._shown = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        last = done >= total
        if now - self._begun < PATIENCE or (now - self._shown < PAUSE and not last):
            return
        self._shown = now
        self._show(f"{self._what}: {line(done, total, now - self._begun, self._before)}", last=last)


def _place(*, forced: bool) -> _Shown | None:
    """Where to show it; nowhere, if nobody looks and nobody forces it."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is not None and type(shell).__name__ == "ZMQInteractiveShell":
        from IPython.display import display

        return _InNotebook(display)
    return _Shown() if forced or sys.stderr.isatty() else None
