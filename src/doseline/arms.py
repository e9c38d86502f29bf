"""All arms of a simulation: every replicate of every regimen with every formulation and meal."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import product
from typing import NamedTuple

import numpy as np

from doseline.compile import Compiled, Values
from doseline.dataset import VARIABLES, Axis, More, combinations
from doseline.dosing.regimen import Regimen
from doseline.ended import Ended, blank_ended
from doseline.intakes import Calendar, Plan, meals_of
from doseline.model.spec import Model
from doseline.ode import solve_courses
from doseline.population.cohort import Cohort
from doseline.population.draws import Draws
from doseline.population.variability import ETA, KAPPA, Drawn, course_name, draw, effect_attrs, occasional
from doseline.request import covariates_of
from doseline.schedule import Schedule, schedule, schedules_of, sizes_of
from doseline.solve import solve
from doseline.solve_intakes import Arm, Log, People, solve_intakes
from doseline.solver import Solver
from doseline.streams import numbers_of


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

    def solve(self, log: "Logs | None", *, threads: int) -> Solved:
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
            part = self._solve_arm(replicate, key, arms[position], log, position, threads)
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
        log: "Logs | None",
        position: int,
        threads: int,
    ) -> np.ndarray | Ended:
        """One arm in one replicate: its status (subject,), or how it ended."""
        arm = self.arm(replicate, key)
        at = np.unravel_index(position, self.shape)
        own = log.of(int(at[0]), int(at[1])) if log is not None else Log.unread(len(self.people))
        if arm.personal:
            status, ended = solve_intakes(arm, levels, own, threads=threads)
            return status if ended is None else ended
        planned, effects = self.schedule(arm), self.drawn(arm).effects()
        own.total[:], own.count[:] = arm.plan.regimen.total(**arm.people.sizes), planned.taken
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
        plan, effects = arm.plan, self.drawn(arm).effects()
        return schedule(
            plan.compiled, plan.regimen, self.people, self.covariates, place=plan.place, effects=effects
        )

    def values(self, replicate: int) -> Values:
        """Every name's value for each subject, in the replicate at this position."""
        label = self.draws.labels[replicate]
        effects = self.between_subjects(label).effects()
        with np.errstate(all="ignore"):
            return self.compiled(label).parameters(self.covariates, effects=effects)

    def drawn(self, arm: Arm) -> Drawn:
        """Effects between subjects, and between courses."""
        return draw(
            self.model, arm.streams, arm.people.number, wanted=arm.wanted, counts={}, course=arm.course
        )

    def between_subjects(self, replicate: int) -> Drawn:
        """Effects between subjects alone."""
        streams, number = self.draws.streams(replicate), self.subjects.number
        wanted = [name for name in self.draws.effects if name.startswith(f"{ETA}_")]
        return draw(self.model, streams, number, wanted=wanted, counts={})


@dataclass
class Logs:
    """What was drawn and taken in all arms, and what a Dataset says of it."""

    arms: Arms
    total: np.ndarray  # (replicate, regimen, subject)
    count: np.ndarray
    taken: np.ndarray | None  # (replicate, regimen, subject, dose)
    at: np.ndarray | None
    meal: np.ndarray | None
    kappas: dict[str, np.ndarray]  # (replicate, subject, occasion)

    @classmethod
    def blank(cls, arms: Arms) -> "Logs":
        """Room for everything that there is to say."""
        people, regimens = len(arms.people), list(arms.regimens.values())
        shape = (len(arms.draws.labels), len(regimens), people)
        most = max(course.count for course in regimens)
        habits = [course.adherence for course in regimens if course.adherence is not None]
        counts = arms.calendar.counts(most, float(arms.times[-1]))
        # arms of one length write all of it
        blank = (
            np.empty
            if len({course.count for course in regimens}) == 1
            else partial(np.full, fill_value=np.nan)
        )
        kappas = {
            name: blank((shape[0], people, counts[every]))
            for name, every in occasional(arms.model, arms.draws.effects).items()
            if every != "course"
        }
        return cls(
            arms,
            np.empty(shape),
            np.empty(shape, dtype=np.int64),
            np.zeros((*shape, most), dtype=bool) if habits else None,
            np.full((*shape, most), np.nan) if any(habit.late is not None for habit in habits) else None,
            np.full((*shape, most), -1, dtype=np.int8) if any(habit.meals for habit in habits) else None,
            kappas,
        )

    def of(self, replicate: int, regimen: int) -> Log:
        """The part of one arm; arms that differ in formulation or meal only write the same."""
        at = (replicate, regimen)
        return Log(
            self.total[at],
            self.count[at],
            None if self.taken is None else self.taken[at],
            None if self.at is None else self.at[at],
            None if self.meal is None else self.meal[at],
            {name: room[replicate] for name, room in self.kappas.items()},
        )

    def told(self) -> dict[str, np.ndarray]:
        """What `dataset.VARIABLES` has rows for."""
        told = {"total_dose": self.total, "doses_taken": self.count}
        planned = None
        if self.taken is not None:
            regimens, sizes = self.arms.regimens.values(), self.arms.subjects.sizes
            people = (len(self.arms.people),)
            own = [np.broadcast_to(course.doses_taken(**sizes), people) for course in regimens]
            planned = np.broadcast_to(np.stack(own), self.count.shape)
        optional = {
            "doses_planned": planned,
            "dose_taken": self.taken,
            "dose_taken_at": self.at,
        }
        return told | {name: each for name, each in optional.items() if each is not None}

    def variables(self) -> dict[str, More]:
        """Etas, kappas, estimates and individual parameters."""
        arms, found = self.arms, dict[str, More]()
        parameters = arms.model.parameters
        seen: dict[str, list[np.ndarray]] = {}
        own: dict[str, list[np.ndarray]] = {}
        for replicate in arms.draws.labels:
            etas = dict[str, np.ndarray]()
            compiled = arms.compiled(replicate)
            drawn = arms.between_subjects(replicate)
            with np.errstate(all="ignore"):
                values = compiled.parameters(arms.covariates, effects=drawn.effects(seen=etas))
            for label, eta in etas.items():
                seen.setdefault(label, []).append(eta)
            for name in parameters:
                varies = name in arms.model.individual or name in drawn.subjects or name in compiled.estimates
                if varies:
                    value = np.broadcast_to(values[name], (len(arms.people),)) / parameters[name].to_coherent
                    own.setdefault(name, []).append(value)
        for label, etas_of in seen.items():
            found[label] = More(("replicate", "subject"), np.stack(etas_of), effect_attrs(arms.model, label))
        for name, kappa in self.kappas.items():
            dims, label = ("replicate", "subject", arms.model.occasions[name].every), f"{KAPPA}_{name}"
            found[label] = More(dims, kappa, effect_attrs(arms.model, label))
        found |= self._courses()
        if self.meal is not None:
            row, known = VARIABLES["dose_meal"], meals_of(arms.model)
            flags = {"flag_values": list(range(len(known))), "flag_meanings": " ".join(known)}
            found["dose_meal"] = More(
                row.dims, self.meal, {"units": row.units, "long_name": row.label, **flags}
            )
        for name, values_of in own.items():
            found[name] = More(("replicate", "subject"), np.stack(values_of), effect_attrs(arms.model, name))
        return found

    def _courses(self) -> dict[str, More]:
        """Effects of whole courses (replicate, regimen, formulation, meal, subject)."""
        arms, found = self.arms, dict[str, list[np.ndarray]]()
        if not any(effect.every == "course" for effect in arms.model.occasions.values()):
            return {}
        for replicate, key in product(arms.draws.labels, arms.keys):
            drawn = arms.drawn(arms.arm(replicate, key))
            for name, each in drawn.occasions.items():
                sd = arms.model.spread_of(name, between="occasions")
                found.setdefault(name, []).append(sd * each)
        dims = ("replicate", "regimen", "formulation", "meal", "subject")
        return {
            f"{KAPPA}_{name}": More(
                dims, np.stack(each).reshape(*arms.shape, -1), effect_attrs(arms.model, f"{KAPPA}_{name}")
            )
            for name, each in found.items()
        }
