"""All arms of a simulation: every replicate of every regimen with every formulation and meal."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import NamedTuple

import numpy as np

from doseline.compile import Compiled, Values
from doseline.dataset import Axis, combinations
from doseline.dosing.regimen import Regimen
from doseline.ended import Ended, blank_ended
from doseline.intakes import Calendar, Plan
from doseline.model.spec import Model
from doseline.ode import solve_courses
from doseline.population.cohort import Cohort
from doseline.population.draws import Draws
from doseline.population.variability import ETA, Drawn, course_name, draw
from doseline.request import covariates_of
from doseline.schedule import Schedule, schedule, schedules_of, sizes_of
from doseline.solve import solve
from doseline.solve_intakes import Arm, Log, People, solve_intakes
from doseline.solver import Solver
from doseline.streams import numbers_of

LogOf = Callable[[int, int], Log]
"""Where to write what happens in a replicate of a regimen, by their positions."""


class Solved(NamedTuple):
    """What an array of arms gave; all are (replicate, regimen, formulation, meal, ...)."""

    levels: np.ndarray  # (..., output, subject, time)
    status: np.ndarray  # (..., subject)
    ended: Ended | None


@dataclass(frozen=True)
class Arms:
    """The arms of a simulation."""

    model: Model
    people: Cohort
    regimens: Mapping[str, Regimen]
    axes: Mapping[str, Axis]
    draws: Draws
    times: np.ndarray
    solver: Solver

    @cached_property
    def covariates(self) -> Values:
        """The model's covariates, in coherent units."""
        return covariates_of(self.people, self.model)

    @cached_property
    def subjects(self) -> People:
        """The subjects as arrays."""
        return People(numbers_of(self.people.subject), self.covariates, sizes_of(self.people))

    @property
    def shape(self) -> tuple[int, ...]:
        """How many replicates, regimens, formulations and meals."""
        swept = (max(1, len(self.axes[name].labels)) for name in ("regimen", "formulation", "meal"))
        return (len(self.draws.labels), *swept)

    @property
    def random(self) -> bool:
        """Whether anything differs from the typical prediction for a subject."""
        habits = any(course.adherence is not None for course in self.regimens.values())
        return habits or bool(self.draws.effects) or self.draws.replicates is not None

    @cached_property
    def calendar(self) -> Calendar:
        """Days and visits."""
        return Calendar(np.array(self.draws.visits))

    def compiled(self, replicate: int) -> Compiled:
        """The model, with the estimates of a replicate."""
        return Compiled(self.model, self.draws.estimates(self.model, replicate))

    def place(self, regimen: str) -> str:
        """What messages call a regimen."""
        return f"regimen '{regimen}'" if self.axes["regimen"].shown else "regimen"

    @cached_property
    def entered(self) -> list[set[int]]:
        """States that boluses enter, for each regimen, formulation and meal."""
        return [self.plan(self.compiled(self.draws.labels[0]), *key).may_jump() for key in self.keys]

    @property
    def keys(self) -> list[tuple[str, str | None, str | None]]:
        """Regimen, formulation and meal of each arm, in order."""
        return [(name, *pair) for name, pair in product(self.regimens, combinations(self.axes))]

    def plan(self, compiled: Compiled, regimen: str, formulation: str | None, meal: str | None) -> Plan:
        """A regimen with its open choices filled in."""
        filled = self.regimens[regimen].with_(formulation=formulation, meal=meal)
        return Plan(compiled, filled, self.place(regimen), self.calendar)

    def typical(self) -> "Arms":
        """The same for subjects who have their covariates, and are typical in everything else."""
        plain = {name: replace(course, adherence=None) for name, course in self.regimens.items()}
        return replace(self, regimens=plain, draws=Draws())

    def solve(self, log_of: LogOf | None, *, threads: int) -> Solved:
        """Levels of all arms; what was drawn and taken goes to the log."""
        subjects = len(self.people)
        levels = np.empty((*self.shape, len(self.model.outputs), subjects, len(self.times)))
        status = np.empty((*self.shape, subjects), dtype=np.int8)
        exact = self.solver.exact(self.model)
        arms = levels.reshape(-1, *levels.shape[4:])
        rows = status.reshape(-1, subjects)
        ended = (
            None
            if exact
            else blank_ended(len(arms), subjects, len(self.model.compartments), self.solver.first)
        )
        if not self.random:
            compiled = Compiled(self.model)
            planned = schedules_of(compiled, self.regimens, self.people, self.covariates, self.axes)
            plans = [plan for _, plan in planned.values()]
            if exact:
                rows[:] = solve(compiled, self.covariates, plans, self.times, arms, threads=threads)
            else:
                ended = solve_courses(
                    compiled, self.covariates, plans, self.times, arms, self.solver, threads=threads
                )
                rows[:] = ended.status
            return Solved(levels, status, None if ended is None else ended.shaped(self.shape))
        for position, (replicate, key) in enumerate(product(self.draws.labels, self.keys)):
            part = self._solve_arm(replicate, key, arms[position], log_of, position, threads)
            if isinstance(part, Ended):
                for whole, own in zip(ended or (), part, strict=True):
                    whole[position] = own
                rows[position] = part.status
            else:
                rows[position] = part
        return Solved(levels, status, None if ended is None else ended.shaped(self.shape))

    def _solve_arm(
        self,
        replicate: int,
        key: tuple[str, str | None, str | None],
        levels: np.ndarray,
        log_of: LogOf | None,
        position: int,
        threads: int,
    ) -> np.ndarray | Ended:
        """One arm in one replicate: its status (subject,), or how it ended."""
        arm = self.arm(replicate, key)
        at = np.unravel_index(position, self.shape)
        own = Log.unread(len(self.people)) if log_of is None else log_of(int(at[0]), int(at[1]))
        if arm.personal:
            status, ended = solve_intakes(arm, levels, own, threads=threads)
            return status if ended is None else ended
        planned, effects = self.schedule(arm), arm.drawn.effects()
        own.write_prescribed(arm.plan, arm.plan.regimen.total(**arm.people.sizes), planned.taken)
        if self.solver.exact(self.model):
            return solve(
                arm.compiled, self.covariates, [planned], self.times, levels[np.newaxis],
                threads=threads, effects=effects,
            )[0]  # fmt: skip
        found = solve_courses(
            arm.compiled, self.covariates, [planned], self.times, levels[np.newaxis], self.solver,
            threads=threads, effects=effects,
        )  # fmt: skip
        return Ended(*(each[0] for each in found))

    def arm(self, replicate: int, key: tuple[str, str | None, str | None]) -> Arm:
        """One arm in one replicate."""
        plan, people = self.plan(self.compiled(replicate), *key), self.subjects
        taken = np.broadcast_to(plan.regimen.doses_taken(**people.sizes), (len(self.people),))
        return Arm(
            plan, people, self.draws.streams(replicate), self.draws.effects, course_name(*key),
            taken.astype(np.int64), self.times, self.solver,
        )  # fmt: skip

    def schedule(self, arm: Arm) -> Schedule:
        """The doses of an arm in which they are taken as prescribed."""
        plan, effects = arm.plan, arm.drawn.effects()
        return schedule(
            plan.compiled, plan.regimen, self.people, self.covariates, place=plan.place, effects=effects
        )

    def values(self, replicate: int) -> Values:
        """Every name's value for each subject, in the replicate at this position."""
        label = self.draws.labels[replicate]
        effects = self.between_subjects(label).effects()
        with np.errstate(all="ignore"):
            return self.compiled(label).parameters(self.covariates, effects=effects)

    def between_subjects(self, replicate: int) -> Drawn:
        """Effects between subjects alone."""
        streams, number = self.draws.streams(replicate), self.subjects.number
        wanted = [name for name in self.draws.effects if name.startswith(f"{ETA}_")]
        return draw(self.model, streams, number, wanted=wanted, numbers={})
