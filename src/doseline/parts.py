"""A simulation in parts: some subjects of one replicate, under everything that is asked for.

Whatever is drawn is keyed by the subject and the replicate, and rows are solved one by one: a part gives the very
numbers that its rows have in the whole.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from doseline.origin import AskedRegimens


class Part(NamedTuple):
    """Which rows."""

    number: int
    replicate: int | None  # its label; None: there is only one
    span: slice  # of the subjects


def parts_of(asked: AskedRegimens, subjects: int) -> list[Part]:
    """All parts, each of at most so many subjects; replicate by replicate."""
    labels = asked.draws.labels if asked.draws.replicates is not None else (None,)
    count = len(asked.people)
    spans = [slice(begin, min(begin + subjects, count)) for begin in range(0, count, subjects)]
    pairs: Iterator[tuple[int | None, slice]] = ((label, span) for label in labels for span in spans)
    return [Part(number, label, span) for number, (label, span) in enumerate(pairs)]


def cut(asked: AskedRegimens, part: Part) -> AskedRegimens:
    """What is asked for of a part. Rows that cannot be solved are marked: the whole has to say so."""
    draws = asked.draws
    if part.replicate is not None:
        draws = replace(draws, first=part.replicate, replicates=1)
    return replace(asked, people=asked.people[part.span], draws=draws, on_failure="mark")
