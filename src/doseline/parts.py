"""A simulation in parts: some subjects of one replicate, under everything that is asked for.

Whatever is drawn is keyed by the subject and the replicate, and rows are solved one by one: a part gives the very
numbers that its rows have in the whole.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from doseline.origin import AskedRegimens


class Part(NamedTuple):
    """Which rows."""

    number: int
    replicate: int | None  # its label; None: there is only one
    span: slice  # of the subjects

    @property
    def rows(self) -> int:
        """Subjects, once for each arm."""
        return self.span.stop - self.span.start

    def __str__(self) -> str:
        """What messages call it."""
        of = "" if self.replicate is None else f" of replicate {self.replicate}"
        return f"part {self.number} (subjects {self.span.start + 1:,} to {self.span.stop:,}{of})"


class Parts(tuple[Part, ...]):
    """Several parts that are worked on as one."""

    def __str__(self) -> str:
        """What messages call them."""
        return f"{self[0]}" + (f" to {self[-1]}" if len(self) > 1 else "")


def parts_of(asked: AskedRegimens, subjects: int) -> list[Part]:
    """All parts, each of at most so many subjects; replicate by replicate."""
    labels = asked.draws.labels if asked.draws.replicates is not None else (None,)
    count = len(asked.people)
    spans = [slice(begin, min(begin + subjects, count)) for begin in range(0, count, subjects)]
    pairs: Iterator[tuple[int | None, slice]] = ((label, span) for label in labels for span in spans)
    return [Part(number, label, span) for number, (label, span) in enumerate(pairs)]


def row_of(asked: AskedRegimens, part: Part) -> int:
    """Where the replicate of a part stands among all that are asked for."""
    return 0 if part.replicate is None else part.replicate - asked.draws.first


def rows_each(subjects: int, most: int, threads: int) -> int:
    """Subjects of a part, at most so many: the threads get as many parts each, and the last ones end together.

    >>> rows_each(10_000, 4096, 2), rows_each(3, 4096, 2), rows_each(1_000_000, 4096, 2)
    (2500, 2, 4066)
    """
    turns = -(-subjects // (most * threads))
    return -(-subjects // (threads * turns))


def cut(asked: AskedRegimens, part: Part) -> AskedRegimens:
    """What is asked for of a part. Rows that cannot be solved are marked: the whole has to say so."""
    draws = asked.draws
    if part.replicate is not None:
        draws = replace(draws, first=part.replicate, replicates=1)
    return replace(asked, people=asked.people[part.span], draws=draws, on_failure="mark")


def alone(asked: AskedRegimens, parts: Sequence[Part]) -> tuple[AskedRegimens, list[Part], slice]:
    """What some parts need, the same parts counted from there, and which of the subjects it has."""
    begin, end = min(part.span.start for part in parts), max(part.span.stop for part in parts)
    counted = [part._replace(span=slice(part.span.start - begin, part.span.stop - begin)) for part in parts]
    span = slice(begin, end)
    return replace(asked, people=asked.people[span]), counted, span
