"""Exposure of many people while solving: no levels are kept, only what is made of them.

A part of the people gives arrays; they are put together here, and become a Dataset with the names that
`analysis.exposure` has.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from doseline.arm_log import Logs
from doseline.errors import InputError, did_you_mean
from doseline.model.spec import Model
from doseline.origin import AskedRegimens
from doseline.parts import Part, alone, cut
from doseline.results import arms_of, swept
from doseline.schedule import sizes_of, stage_of
from doseline.solve_exposure import expose, expose_steady
from doseline.solve_intakes import Arm, Log
from doseline.times import SAME, dosing_intervals
from doseline.units import read_quantity
from doseline.windows import Windows

CMAX, TMAX, CMIN, AUC, ABOVE = 0, 1, 2, 3, 4
"""Columns of what is found for a window; from the last on, hours above each threshold, and first times above each."""
LAST = "last"
WIDTH = 4096
"""Subjects of a part: what is made for them stays small, and what it costs to begin with them too."""
AT_ONCE = 64 << 20
"""Bytes of results that another process hands over at once."""


@dataclass(frozen=True)
class Wanted:
    """What is wanted of each subject."""

    output: str
    intervals: str | tuple[int, ...]
    thresholds: Mapping[Any, float]  # by label, in the output's unit
    steady: bool = True

    @property
    def columns(self) -> int:
        """Of each window."""
        return ABOVE + 2 * len(self.thresholds)


class Found(NamedTuple):
    """What some subjects have; arrays are (replicate, regimen, formulation, meal, subject, ...)."""

    inside: np.ndarray  # (..., interval, column)
    course: np.ndarray  # (..., column)
    steady: np.ndarray  # (..., column + 1): the last is the area of the period alone
    settled: np.ndarray  # (...) how the search for a steady state ended
    status: np.ndarray  # (...)
    total: np.ndarray  # (replicate, regimen, subject) [mg]
    doses: np.ndarray  # (replicate, regimen, subject) taken


class Chosen(NamedTuple):
    """Dosing intervals of one regimen, and which of them are wanted."""

    edges: np.ndarray  # (interval, 2) [h]
    which: (
        np.ndarray
    )  # (subject, wanted) positions there, -1: none; (1, wanted) where all subjects have the same


def read_wanted(model: Model, output: str | None, intervals: Any, thresholds: Any, steady: bool) -> Wanted:
    """What a call asks for.

    Raises
    ------
    InputError, UnitError : an unknown output, intervals that are no numbers, thresholds that are no levels.
    """
    name = model.default_output if output is None else output
    if name not in model.outputs:
        raise InputError(
            f"unknown output '{name}'",
            place="output",
            advice=did_you_mean(str(name), model.outputs, f"{model.name} has"),
        )
    if not isinstance(steady, (bool, np.bool_)):
        raise InputError(f"found {steady!r:.60}", place="steady", advice="expected True or False")
    unit = model.outputs[name].unit
    return Wanted(name, _read_intervals(intervals), read_thresholds(thresholds, unit), bool(steady))


def _read_intervals(given: Any) -> str | tuple[int, ...]:
    """Which dosing intervals."""
    if isinstance(given, str) and given in ("all", LAST):
        return given
    several = isinstance(given, (list, tuple, range, np.ndarray))
    listed = list(given) if several else [given]
    whole = all(isinstance(each, (int, np.integer)) and not isinstance(each, bool) for each in listed)
    if not whole or any(each < 1 for each in listed) or any(np.diff(listed) <= 0):
        raise InputError(
            f"found {given!r:.60}",
            place="intervals",
            advice="expected 'all', 'last', or numbers from 1 on, ascending, such as [1, 280]",
        )
    return tuple(int(each) for each in listed)


def read_thresholds(given: Any, unit: str) -> dict[Any, float]:
    """Thresholds in the unit of a level, by their names, or else by their values."""
    place = "thresholds"
    if given is None:
        return {}
    named = given if isinstance(given, Mapping) else None
    if named is None:
        texts = isinstance(given, (list, tuple))
        values = [read_quantity(each, unit, place=place) for each in given] if texts else given
        read = np.atleast_1d(np.asarray(values if texts else read_quantity(given, unit, place=place)))
        found: dict[Any, float] = {float(value): float(value) for value in read.ravel()}
        if len(found) < read.size:
            raise InputError(f"found {given!r:.60}", place=place, advice="give every threshold once")
    else:
        found = {
            str(name): float(read_quantity(value, unit, place=f"{place} {name}"))
            for name, value in named.items()
        }
    wrong = [value for value in found.values() if not np.isfinite(value)]
    if wrong:
        raise InputError(f"found {wrong[0]:g}", place=place, advice=f"expected levels in {unit}")
    return found


def chosen(asked: AskedRegimens, name: str, wanted: Wanted, until: float) -> Chosen:
    """The dosing intervals of a regimen that are wanted, of each subject those until the last dose prescribed."""
    course, doses = asked.regimens[name], asked.regimens[name].doses()[0]
    starts, ends = dosing_intervals(doses, asked.ends[name])
    taken = np.atleast_1d(course.doses_taken(**sizes_of(asked.people)))
    behind = np.searchsorted(starts, doses[np.maximum(taken - 1, 0)] * (1.0 + SAME), side="right")
    # nothing is known of an interval that is not followed to its end
    behind = np.minimum(behind, np.searchsorted(ends, until * (1.0 + SAME), side="right"))[:, np.newaxis]
    if wanted.intervals == LAST:
        which = behind - 1
    elif wanted.intervals == "all":
        which = np.arange(_most(asked))[np.newaxis]
    else:
        which = np.array([[int(number) - 1 for number in wanted.intervals]])
    if (behind == behind[0]).all():
        which, behind = which[:1], behind[:1]
    return Chosen(np.stack([starts, ends], axis=1), np.where(which < behind, which, -1))


def _most(asked: AskedRegimens) -> int:
    """Dosing intervals of the regimen that has most of them."""
    return max(
        len(dosing_intervals(course.doses()[0], asked.ends[name])[0])
        for name, course in asked.regimens.items()
    )


def count_intervals(asked: AskedRegimens, wanted: Wanted) -> int:
    """How many intervals each row has."""
    if wanted.intervals == LAST:
        return 1
    return _most(asked) if wanted.intervals == "all" else len(wanted.intervals)


def blank(asked: AskedRegimens, wanted: Wanted) -> Found:
    """Room for everybody."""
    rows = (*swept(asked), len(asked.people))
    taken = (rows[0], rows[1], rows[4])
    return Found(
        np.full((*rows, count_intervals(asked, wanted), wanted.columns), np.nan),
        np.full((*rows, wanted.columns), np.nan),
        np.full((*rows, wanted.columns + 1) if wanted.steady else (*rows, 0), np.nan),
        np.zeros(rows, dtype=np.int8),
        np.zeros(rows, dtype=np.int8),
        np.empty(taken),
        np.empty(taken, dtype=np.int64),
    )


Needed = Mapping[str, np.ndarray]
"""For each regimen the positions of the intervals that anybody wants: every part is cut at the same times."""


def picked_of(asked: AskedRegimens, until: float, wanted: Wanted) -> dict[str, Chosen]:
    """The intervals that are wanted of each regimen."""
    return {name: chosen(asked, name, wanted, until) for name in asked.regimens}


def needed_of(picked: Mapping[str, Chosen]) -> Needed:
    """Which intervals anybody wants."""
    return {name: np.unique(own.which[own.which >= 0]) for name, own in picked.items()}


def expose_part(asked: AskedRegimens, until: float, wanted: Wanted, needed: Needed) -> Found:
    """Exposure of the people of one part, on one thread, from the beginning ``until`` a time [h]."""
    times = np.array([0.0, until])
    arms = arms_of(asked, times)
    found = blank(asked, wanted)
    log = Logs(arms, found.total, found.doses, None, None, None, {})
    picked = picked_of(asked, until, wanted)
    rows = product(arms.draws.labels, arms.keys)
    for at, (replicate, key) in zip(np.ndindex(*arms.shape), rows, strict=True):
        own = Found(*(each[at] for each in found[:5]), *(each[at[:2]] for each in found[5:]))
        name = key[0]
        _fill(arms.arm(replicate, key), picked[name], needed[name], wanted, own, log.of(at[0], at[1]))
    return found


@dataclass(frozen=True)
class Exposing:
    """Exposure of parts, from the beginning ``until`` a time [h]."""

    asked: AskedRegimens
    until: float
    wanted: Wanted
    needed: Needed

    @property
    def most(self) -> int:
        """Parts that are handed over at once."""
        numbers = (count_intervals(self.asked, self.wanted) + 2) * self.wanted.columns
        rows = int(np.prod(swept(self.asked)[1:])) * WIDTH
        return max(1, min(16, AT_ONCE // (8 * numbers * rows)))

    def __call__(self, part: Part) -> Found:
        """Exposure of one part."""
        return expose_part(cut(self.asked, part), self.until, self.wanted, self.needed)

    def sent(self, tasks: Sequence[Part]) -> "tuple[Exposing, list[Part]]":
        """The same for some parts."""
        asked, parts, _ = alone(self.asked, tasks)
        return replace(self, asked=asked), parts


def _fill(arm: Arm, picked: Chosen, needed: np.ndarray, wanted: Wanted, found: Found, log: Log) -> None:
    """Write down what the subjects of one arm have."""
    output = list(arm.compiled.model.outputs).index(wanted.output)
    thresholds = np.array(list(wanted.thresholds.values()))
    windows = Windows(picked.edges[needed], (0.0, float(arm.times[-1])), thresholds, output)
    exposed = expose(arm, windows, log, threads=1)
    found.course[:], found.status[:] = exposed.course, exposed.status
    place = np.searchsorted(needed, np.maximum(picked.which, 0))
    if len(picked.which) == 1:
        there = picked.which[0] >= 0
        found.inside[:, there] = exposed.inside[:, place[0, there]]
    else:
        row, column = np.nonzero(picked.which >= 0)
        found.inside[row, column] = exposed.inside[row, place[row, column]]
    if wanted.steady:
        _fill_steady(arm, windows, found)


def _fill_steady(arm: Arm, windows: Windows, found: Found) -> None:
    """Write down what the last stage comes to; of a single dose there is nothing to say."""
    blocks = arm.plan.regimen.blocks
    stage = stage_of(blocks[-1], blocks)
    if stage.repeats * len(stage.pattern) < 2:
        return
    steady = expose_steady(arm, windows, threads=1)
    found.steady[:, :-1], found.steady[:, -1] = steady.inside, steady.once
    found.settled[:] = steady.status
