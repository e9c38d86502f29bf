"""Event tables solved: with random effects for each subject and occasion, once for each replicate."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import numpy as np

from doseline.compile import Compiled, Values
from doseline.dataset import More, combinations
from doseline.dosing.records import per_record
from doseline.ended import Ended
from doseline.events import Events, events
from doseline.origin import AskedRecords
from doseline.population import residual
from doseline.population.draws import Draws
from doseline.population.residual import seconds
from doseline.population.variability import COUNTED, ETA, course_name, draw, effect_attrs, occasional
from doseline.record_dataset import LEADING
from doseline.record_sets import Sets, occasions_of, refuse_given, sets_of
from doseline.streams import Streams, numbers_of
from doseline.walk_events import solve_events

SPREAD = np.uint64(0x9E3779B97F4A7C15)
"""An odd number: times it, numbers of subjects lie far apart, and leave room for times between them."""


@dataclass(frozen=True)
class SolvedTable:
    """One replicate of a table; levels and status are (arm, ...), where arms are formulations and meals."""

    levels: np.ndarray
    status: np.ndarray
    ended: Ended | None
    sets: list[Sets]  # of all arms together, or of each where a course is an occasion
    plans: list[Events]


@dataclass(frozen=True)
class Tables:
    """An event table as it was asked for."""

    asked: AskedRecords
    times: np.ndarray | None

    @property
    def count(self) -> int:
        """How many arms there are in all."""
        return len(self.asked.draws.labels) * len(combinations(self.asked.axes))

    def compiled(self, replicate: int) -> Compiled:
        """The model, with the estimates of a replicate."""
        return Compiled(self.asked.model, self.asked.draws.estimates(self.asked.model, replicate))

    def typical(self) -> "Tables":
        """The same for typical subjects."""
        return replace(self, asked=replace(self.asked, draws=Draws()))

    @property
    def by_course(self) -> bool:
        """Whether subjects differ from arm to arm, because a course is an occasion."""
        return "course" in occasional(self.asked.model, self.asked.draws.effects).values()

    @cached_property
    def numbers(self) -> np.ndarray:
        """By which draws of the subjects are found."""
        return numbers_of(self.asked.records.subject)

    @cached_property
    def occasions(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Numbers of the occasions that matter, and which of them each record has.

        Numbers of visits may be dates: only those that occur are drawn.
        """
        kinds = occasional(self.asked.model, self.asked.draws.effects).values()
        found = occasions_of(self.asked.records, [kind for kind in COUNTED if kind in kinds])
        return {kind: np.unique(number, return_inverse=True) for kind, number in found.items()}

    def sets(self, replicate: int, arm: tuple[str | None, str | None]) -> Sets:
        """The systems of one arm, with what was drawn for them."""
        compiled, draws = self.compiled(replicate), self.asked.draws
        places = {kind: place for kind, (_, place) in self.occasions.items()}
        sets = sets_of(compiled, self.asked.records, places)
        refuse_given(sets, compiled, draws.effects, self.asked.records.name)
        if not draws.effects:
            return sets
        drawn = draw(
            self.asked.model,
            draws.streams(replicate),
            self.numbers,
            wanted=draws.effects,
            numbers={kind: number for kind, (number, _) in self.occasions.items()},
            course=course_name("", *arm),
        )
        return replace(sets, drawn=drawn)

    def plan(self, replicate: int, arm: tuple[str | None, str | None], sets: Sets, *, strict: bool) -> Events:
        """The table as the model takes it in one arm."""
        formulation, meal = arm
        return events(
            self.compiled(replicate),
            self.asked.records,
            sets,
            formulation=formulation,
            meal=meal,
            strict=strict,
        )

    def solve(self, replicate: int, *, threads: int) -> SolvedTable:
        """One replicate. Arms share their systems unless a course is an occasion."""
        arms, compiled = combinations(self.asked.axes), self.compiled(replicate)
        strict = self.asked.on_failure == "raise"
        levels, status, ended, plans = [], [], [], []
        every: list[Sets] = []
        for some in [[arm] for arm in arms] if self.by_course else [arms]:
            sets = self.sets(replicate, some[0])
            every.append(sets)
            own = [self.plan(replicate, arm, sets, strict=strict) for arm in some]
            plans += own
            if self.asked.solver.exact(self.asked.model):
                found, how = solve_events(compiled, sets, own, self.times, threads=threads)
            else:
                from doseline.ode import solve_tables

                found, end = solve_tables(compiled, sets, own, self.times, self.asked.solver, threads=threads)
                how = end.status
                ended.append(end)
            levels.append(found)
            status.append(how)
        whole = Ended(*(joined(each) for each in zip(*ended, strict=True))) if ended else None
        return SolvedTable(joined(levels), joined(status), whole, every, plans)

    def values(self, replicate: int, sets: Sets) -> Values:
        """Every name's value for each system."""
        with np.errstate(all="ignore"):
            return self.compiled(replicate).parameters(sets.values, effects=sets.effects())

    def variables(self, solved: list[SolvedTable]) -> dict[str, More]:
        """Etas, kappas, individual parameters: of each observation, or of each subject where times are a grid.

        What a course changes differs from arm to arm, and has the dims of formulations and meals too.
        """
        if not self.asked.draws.effects and self.asked.draws.replicates is None:
            return {}
        last, shape = "record" if self.times is None else "subject", [len(solved)]
        shape += [max(1, len(self.asked.axes[name].labels)) for name in LEADING[1:]]
        found: dict[str, list[np.ndarray]] = {}
        for replicate, each in zip(self.asked.draws.labels, solved, strict=True):
            for sets in each.sets:
                for name, value in self._differing(replicate, sets).items():
                    found.setdefault(name, []).append(value)
        more = {}
        for name, values in found.items():
            whole, attrs = np.stack(values), effect_attrs(self.asked.model, name)
            if self.by_course and not name.startswith(f"{ETA}_"):
                more[name] = More((*LEADING, last), whole.reshape(*shape, -1), attrs)
            else:  # the same in all arms
                more[name] = More((LEADING[0], last), whole[:: len(whole) // len(solved)], attrs)
        return more

    def _differing(self, replicate: int, sets: Sets) -> dict[str, np.ndarray]:
        """Etas, kappas, individual parameters, (subject,) or (record,), of one arm."""
        model, records, gridded = self.asked.model, self.asked.records, self.times is not None
        at = records.first[:-1] if gridded else np.flatnonzero(records.evid == 0)
        compiled, system, seen = self.compiled(replicate), sets.own[at], dict[str, np.ndarray]()
        effects = sets.effects(system, seen, moving=not gridded)
        with np.errstate(all="ignore"):
            own = {name: np.asarray(value)[system] for name, value in sets.values.items()}
            values = compiled.parameters(own, effects=effects)
        varying = {*effects.upon, *effects.instead, *model.individual, *compiled.estimates}
        varying -= model.set_by_meals
        return seen | {
            name: np.broadcast_to(values[name], at.shape) / parameter.to_coherent
            for name, parameter in model.parameters.items()
            if name in varying
        }

    @property
    def _last(self) -> tuple[str, ...]:
        return ("record",) if self.times is None else ("subject", "time")

    def typical_levels(self, levels: np.ndarray) -> dict[str, More]:
        """Levels (formulation, meal, output, ...) of typical subjects."""
        return residual.typical_levels(self.asked.model, levels, axis=2, dims=(*LEADING[1:], *self._last))

    def observations(self, levels: np.ndarray) -> dict[str, More]:
        """Observations of the outputs that have a residual error; NaN below the limit of quantification."""
        rows = list(product(self.asked.draws.labels, combinations(self.asked.axes)))

        def errors(what: str, row: int) -> np.ndarray:
            replicate, arm = rows[row]
            streams = replace(self.asked.draws.streams(replicate), sobol=False)
            return self._errors(streams, f"{what} of {course_name('', *arm)}")

        dims = (*LEADING, *self._last)
        return residual.observations(self.asked.model, levels, errors, axis=len(LEADING), dims=dims)

    def _errors(self, streams: Streams, what: str) -> np.ndarray:
        """Standard normal numbers (subject, time), or (record,) of the observations."""
        records = self.asked.records
        if self.times is not None:
            return streams.normal(what, self.numbers, occasion=seconds(self.times))
        # subject and time of each observation as one number
        whose = per_record(self.numbers, records.first)[records.evid == 0]
        when = seconds(records.time[records.evid == 0]).astype(np.uint64)
        seen_at = whose * SPREAD + when
        error = streams.normal(what, seen_at)
        again = _again(per_record(records.first[:-1], records.first)[records.evid == 0], when)
        for number in range(1, int(again.max()) + 1):
            at = again == number
            error[at] = streams.normal(f"{what} again {number}", seen_at[at])
        return error


def joined(parts: Iterable[np.ndarray]) -> np.ndarray:
    """Arrays one after another; not copied where there is only one."""
    every = list(parts)
    return every[0] if len(every) == 1 else np.concatenate(every)


def _again(whose: np.ndarray, when: np.ndarray) -> np.ndarray:
    """How many observations of the same subject and time stand before each; those of a subject are in order of time."""
    new = np.ones(len(when), dtype=bool)
    new[1:] = (whose[1:] != whose[:-1]) | (when[1:] != when[:-1])
    position = np.arange(len(when))
    return position - np.maximum.accumulate(np.where(new, position, 0))
