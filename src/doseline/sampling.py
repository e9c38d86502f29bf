"""A run in little: some of its subjects, through the same code, with the sizes and the time that they take."""

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from doseline.dosing.records import Records
from doseline.origin import AskedRecords, AskedRegimens
from doseline.run import run

if TYPE_CHECKING:
    import xarray as xr

Run = Callable[[AskedRegimens | AskedRecords, np.ndarray | None, int], "xr.Dataset"]
"""From what is asked for, times and threads to a result."""
FIRST = 16
"""Subjects of the first sample: nonlinear models solve so many at a time."""
GROWTH = 8
ENOUGH = 0.2
"""A sample that takes longer tells enough. [s]"""
ALWAYS = 0.1
"""What a run may take whatever its size, on a busy machine. [s]"""
BUDGET = 1.5
"""Samples take no longer, as far as the ones before tell. [s]"""
OFFSETS = 4
"""Samples of one size, each with other subjects."""
REPEATS = 2
"""How often the last sample is repeated."""
MOST_BYTES = 2**27
"""What a sample takes at most."""
NOISE = 0.15
"""Times of two runs of the same differ by so much, whatever the samples say."""


@dataclass(frozen=True)
class Whole:
    """What is run, and which of it a sample takes."""

    asked: AskedRegimens | AskedRecords
    times: np.ndarray | None
    how: Run
    threads: int
    of_a_subject: int  # memory that a run of one takes, in one replicate [byte]
    free: int  # memory that there is [byte]

    @property
    def subjects(self) -> int:
        """How many there are."""
        asked = self.asked
        return len(asked.people) if isinstance(asked, AskedRegimens) else len(asked.records.subject)

    @property
    def most(self) -> int:
        """Subjects of a sample that takes a modest part of the memory."""
        return max(1, min(MOST_BYTES, self.free // 4) // self.of_a_subject)

    @property
    def replicates(self) -> int:
        """How many there are; 1 where nothing is repeated."""
        return len(self.asked.draws.labels)

    @property
    def sizes(self) -> dict[str, int]:
        """Lengths of the dimensions along which a sample is shorter."""
        told = {"subject": self.subjects, "replicate": self.replicates}
        if isinstance(self.asked, AskedRecords):
            seen = int((self.asked.records.evid == 0).sum())
            # on a grid observations are events like any other
            told |= {"record": seen, "event": len(self.asked.records) - (seen if self.times is None else 0)}
        return told

    @cached_property
    def _pool(self) -> np.ndarray:
        """Positions of those who may be in a sample: without a grid they need an observation."""
        every = np.arange(self.subjects)
        if self.times is not None or isinstance(self.asked, AskedRegimens):
            return every
        seen = np.add.reduceat(self.asked.records.evid == 0, self.asked.records.first[:-1])
        return every[seen > 0] if seen.any() else every

    def part(self, count: int, *, offset: int = 0, replicates: int = 1) -> AskedRegimens | AskedRecords:
        """Some subjects, spread over all of them; rows that cannot be solved are marked."""
        which = self._pool[spread(len(self._pool), min(count, len(self._pool)), offset)]
        draws = self.asked.draws
        if draws.replicates is not None:
            draws = replace(draws, replicates=min(replicates, self.replicates))
        if isinstance(self.asked, AskedRegimens):
            return replace(self.asked, people=self.asked.people[which], draws=draws, on_failure="mark")
        few = records_of_some(self.asked.records, which)
        return replace(self.asked, records=few, draws=draws, on_failure="mark")

    def sample(self, count: int, *, offset: int = 0, replicates: int = 1) -> "tuple[float, xr.Dataset]":
        """Run a part; how long it takes [s], and what it gives."""
        some = self.part(count, offset=offset, replicates=replicates)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the run itself will say them of everybody
            begin = time.perf_counter()
            result = self.how(some, self.times, self.threads)
            return time.perf_counter() - begin, result


class Measured(NamedTuple):
    """What samples tell of the whole."""

    seconds: float
    least: float
    most: float
    compiling: float  # [s], which this process has behind it
    rows: int  # subjects of all samples
    sample: "xr.Dataset"  # one of them
    subjects: int  # that it has


def levels_of_all(
    asked: AskedRegimens | AskedRecords, times: np.ndarray | None, threads: int
) -> "xr.Dataset":
    """The levels, as `simulate` gives them."""
    if isinstance(asked, AskedRegimens):
        assert times is not None  # regimens have a grid
        return run(asked, times, threads=threads)
    from doseline.event_levels import levels_of

    return levels_of(asked, times, threads=threads)


def spread(subjects: int, count: int, offset: int) -> np.ndarray:
    """Positions of so many subjects, evenly over all of them; another offset gives others where there are enough.

    >>> spread(100, 4, 0), spread(100, 4, 1), spread(3, 3, 1)
    (array([ 0, 25, 50, 75]), array([ 6, 31, 56, 81]), array([0, 1, 2]))
    """
    step = subjects / count
    return (np.arange(count) * step + offset * step / OFFSETS).astype(np.int64)


def measure(whole: Whole) -> Measured:
    """Run samples of growing size, and tell from them what the whole takes.

    What a run takes whatever its size is told apart by two sizes, what each replicate takes beside its subjects by two
    numbers of replicates. No sample has more subjects than the run.
    """
    people = whole.subjects
    first = min(FIRST, max(1, people // 4), whole.most)
    warming, result = whole.sample(first)
    taken = {first: min(whole.sample(first, offset=each)[0] for each in range(1, _again(warming)))}
    compiling = max(0.0, warming - taken[first])
    rows, size = first * _again(warming), first
    while (larger := _larger(whole, taken)) is not None:
        taken[larger], result = whole.sample(larger)
        size, rows = larger, rows + larger
    last = [taken[size]]
    for offset in range(1, REPEATS + 1):
        if sum(last) + taken[size] <= BUDGET and rows + size <= people:
            last.append(whole.sample(size, offset=offset)[0])
            rows += size
    ahead = _apart(whole, min(taken), taken)
    noise = NOISE if len(last) > 1 else 2 * NOISE
    told = sorted(_told(whole, taken, size, each, ahead) for each in last)
    middle = told[len(told) // 2]
    least, most = min(told[0], (1 - noise) * middle), max(told[-1], (1 + noise) * middle)
    return Measured(middle, least, most, compiling, rows, result, size)


def _larger(whole: Whole, taken: Mapping[int, float]) -> int | None:
    """How many subjects the next sample has; None where it would tell no more, or take too long or too much memory.

    After one sample nobody knows what of its time grows with subjects.
    """
    small, size = min(taken), max(taken)
    growing = taken[size] - taken[small] if size > small else max(0.0, taken[size] - ALWAYS)
    if size > small and growing > ENOUGH:
        return None
    left = BUDGET - (taken[size] - growing)
    beside = size - small if size > small else size
    affordable = int(beside * left / growing) if growing > 0.0 else GROWTH * size
    larger = min(GROWTH * size, whole.subjects // 2, affordable, whole.most)
    return larger if larger >= 2 * size else None


def _again(warming: float) -> int:
    """How often the smallest sample is run: more than once where it is quick, for the first times are uneven."""
    return OFFSETS if warming < ENOUGH else 2


def _apart(whole: Whole, size: int, taken: Mapping[int, float]) -> float:
    """What a run takes once, however many replicates it has. [s]"""
    several = min(whole.replicates, GROWTH, whole.most // size)
    if several < 2 or taken[size] > ENOUGH:
        return 0.0
    together = whole.sample(size, replicates=several)[0]
    return min(taken[size], max(0.0, (several * taken[size] - together) / (several - 1)))


def _told(whole: Whole, taken: Mapping[int, float], size: int, last: float, ahead: float) -> float:
    """The time of the whole, from that of the smallest sample and of the last one. [s]"""
    small = min(taken)
    each = last / size
    if size > small and last > taken[small]:
        each = (last - taken[small]) / (size - small)
    once = max(0.0, last - each * size)
    return ahead + whole.replicates * (max(0.0, once - ahead) + each * whole.subjects)


def sizes_of_all(sample: "xr.Dataset", sizes: Mapping[str, int]) -> dict[str, int]:
    """Bytes of every variable of a result, from those of a sample: ``sizes`` are of dimensions that it has less of."""
    return {
        str(name): value.dtype.itemsize
        * int(np.prod([sizes.get(str(dim), size) for dim, size in value.sizes.items()], dtype=object))
        for name, value in sample.variables.items()
    }


def records_of_some(records: Records, which: np.ndarray) -> Records:
    """The records of some subjects."""
    lengths = np.diff(records.first)[which]
    rows = np.concatenate([np.arange(records.first[at], records.first[at + 1]) for at in which])
    cut = {
        name: value[rows]
        for name, value in vars(records).items()
        if isinstance(value, np.ndarray) and name not in ("subject", "first")
    }
    return replace(
        records,
        **cut,
        subject=records.subject[which],
        first=np.concatenate([[0], np.cumsum(lengths)]),
        choices={name: value[rows] for name, value in records.choices.items()},
        covariates={name: value[rows] for name, value in records.covariates.items()},
    )
