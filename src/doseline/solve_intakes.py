"""Doses that differ from subject to subject through the kernels, block by block: drawn, written down, solved.

Three ways lead to levels, and the model and the call decide which, never the subjects: the walk over scattered doses,
for linear models whose body stays as it is, on an even grid; the walk through records for other linear ones; and lanes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from doseline.compile import Compiled, Values
from doseline.compile_lanes import lane_model
from doseline.dosing.adherence import Taking
from doseline.ended import Ended, blank_ended
from doseline.errors import Status
from doseline.intakes import Intakes, Plan
from doseline.kernels.agenda import DOSE, OTHER, TABLE
from doseline.kernels.drive import System
from doseline.kernels.program import Grid
from doseline.kernels.scattered import Arrivals, blank_entered, walk_scattered
from doseline.kernels.walk import SOLVED, UNFIT, Systems, blank_work, walk_records
from doseline.ode import Block, Job, values_of
from doseline.population.variability import COUNTED, Drawn, Effects, draw, occasional
from doseline.solve import in_threads, system_of
from doseline.solver import Solver
from doseline.streams import Streams
from doseline.times import even_step
from doseline.walk_events import ENDED

ROWS = 512
"""Subjects of a block: what is drawn for them stays near the processor."""


@dataclass(frozen=True)
class People:
    """Subjects as arrays (subject,)."""

    number: np.ndarray  # by which their draws are found
    covariates: Values  # in coherent units
    sizes: Mapping[str, np.ndarray]

    def __getitem__(self, span: slice) -> "People":
        return People(
            self.number[span],
            {name: np.ascontiguousarray(np.asarray(each)[span]) for name, each in self.covariates.items()},
            {name: each[span] for name, each in self.sizes.items()},
        )


@dataclass
class Log:
    """What was drawn and taken, for every subject; what nobody asked for is None."""

    total: np.ndarray  # (subject,) [mg]
    count: np.ndarray  # (subject,)
    taken: np.ndarray | None = None  # (subject, dose)
    at: np.ndarray | None = None  # (subject, dose) [h]
    meal: np.ndarray | None = None  # (subject, dose) position among the meals of the model; -1: none
    kappas: dict[str, np.ndarray] = field(default_factory=dict)  # (subject, occasion)

    @classmethod
    def unread(cls, subjects: int) -> "Log":
        """One that nobody reads."""
        return cls(np.empty(subjects), np.empty(subjects))

    def write(self, span: slice, plan: Plan, intakes: Intakes, drawn: Drawn) -> None:
        """Write down what some of the subjects took."""
        self.total[span], self.count[span] = intakes.total, intakes.count
        self._write_doses(span, plan, intakes.taken, intakes.shift, intakes.meal)
        drawn.write_kappas(self.kappas, span)

    def write_prescribed(self, plan: Plan, total: np.ndarray, count: np.ndarray) -> None:
        """The same of people who take all that is prescribed, beside others who do not."""
        self.total[:], self.count[:] = total, count
        taken = np.arange(len(plan.doses[0])) < count[:, np.newaxis]
        self._write_doses(slice(None), plan, taken, np.zeros(1), None)

    def _write_doses(
        self, span: slice, plan: Plan, taken: np.ndarray, shift: np.ndarray, meal: np.ndarray | None
    ) -> None:
        doses = taken.shape[1]
        if self.taken is not None:
            self.taken[span, :doses] = taken
        if self.at is not None:
            self.at[span, :doses] = np.where(taken, plan.doses[0] + shift, np.nan)
        if self.meal is not None:
            self.meal[span, :doses] = np.where(taken, plan.meal_codes(meal), -1)


@dataclass(frozen=True)
class Arm:
    """One regimen, with one formulation and meal, in one replicate."""

    plan: Plan
    people: People
    streams: Streams
    wanted: tuple[str, ...]  # effects
    course: str  # what tells this course from the others of a subject
    doses_taken: np.ndarray  # (subject,) how many are prescribed
    times: np.ndarray
    solver: Solver

    @property
    def compiled(self) -> Compiled:
        """The model."""
        return self.plan.compiled

    @property
    def counted(self) -> tuple[str, ...]:
        """Parameters that differ between counted occasions."""
        found = occasional(self.compiled.model, self.wanted)
        return tuple(name for name, every in found.items() if every in COUNTED)

    @property
    def personal(self) -> bool:
        """Whether doses differ from one to the next, so that a schedule does not hold them."""
        return self.plan.regimen.adherence is not None or bool(self.counted)

    @cached_property
    def infused(self) -> list[int]:
        """States that infusions may enter."""
        return sorted(self.plan.may_infuse())

    @cached_property
    def drawn(self) -> Drawn:
        """Effects between subjects, and between courses."""
        return draw(
            self.compiled.model, self.streams, self.people.number,
            wanted=self.wanted, numbers={}, course=self.course,
        )  # fmt: skip

    @cached_property
    def grid(self) -> Grid:
        """When levels are wanted."""
        return Grid(self.times, even_step(self.times))

    @cached_property
    def system(self) -> System:
        """The body of each subject, where it stays as it is."""
        return system_of(
            self.compiled, self.people.covariates, self.infused,
            count=len(self.people.number), effects=self.drawn.effects(),
        )  # fmt: skip

    @cached_property
    def breaks(self) -> np.ndarray:
        """When the body changes, because an occasion ends that changes it. [h]"""
        compiled, calendar = self.compiled, self.plan.calendar
        kinds = {compiled.model.occasions[name].every for name in self.counted if name in compiled.acting}
        last = float(self.times[-1])
        found: list[Any] = [np.empty(0)]
        if "day" in kinds:
            found.append(24.0 * np.arange(1, calendar.counts(0, last)["day"]))
        if "visit" in kinds:
            found.append(calendar.visits[1:])
        if "dose" in kinds:
            found.append(self.plan.doses[0][1:])
        every = np.unique(np.concatenate(found))
        return every[(every > 0.0) & (every <= last)]

    def taking(self, span: slice) -> tuple[Taking | None, Drawn]:
        """What some subjects make of their doses, and the random effects of them and of their occasions."""
        number, habit = self.people.number[span], self.plan.regimen.adherence
        time = self.plan.doses[0]
        taking = habit.draw(self.streams, number, time) if habit is not None else None
        late = 0.0 if taking is None else float(taking.shift.max(initial=0.0))
        counts = self.plan.calendar.counts(len(time), max(float(self.times[-1]), float(time[-1]) + late))
        numbers = {kind: np.arange(count) for kind, count in counts.items()}
        model, wanted = self.compiled.model, self.wanted
        return taking, draw(model, self.streams, number, wanted=wanted, numbers=numbers, course=self.course)


def solve_intakes(arm: Arm, levels: np.ndarray, log: Log, *, threads: int) -> tuple[np.ndarray, Ended | None]:
    """Levels (output, subject, time) in the outputs' units, what was taken, and how each row ended (subject,)."""
    subjects = len(arm.people.number)
    exact = arm.solver.exact(arm.compiled.model)
    ended = blank_ended(1, subjects, len(arm.compiled.states), "dop853" if exact else arm.solver.first)
    part = Ended(*(each[0] for each in ended))
    # a lone occasion, as on a grid within one day, has no break and may act in the body all the same
    still = arm.compiled.acting.isdisjoint(arm.counted)
    scattered = exact and still and arm.grid.step > 0.0
    solve = _scattered if scattered else _recorded if exact else _stepped
    if scattered:
        _ = arm.system  # once, and not by several threads
    width = min(ROWS, max(1, -(-subjects // threads)))

    def work(task: tuple[int, int]) -> None:
        span = slice(task[1], min(task[1] + width, subjects))
        group = group_of(arm, span)
        log.write(span, arm.plan, group.intakes, group.drawn)
        solve(group, levels, Ended(*(each[span] for each in part)))

    in_threads(work, [(0, begin) for begin in range(0, subjects, width)], threads)
    levels[:, part.status != Status.OK] = np.nan
    return part.status, None if exact else part


@dataclass(frozen=True)
class Group:
    """Some subjects of an arm."""

    arm: Arm
    span: slice
    people: People
    drawn: Drawn
    intakes: Intakes

    def status(self, sound: np.ndarray) -> np.ndarray:
        """Status of what is given; ``sound`` (subject,) are bodies that can be solved."""
        doses = np.where(self.intakes.sound, Status.OK, Status.BAD_DOSE)
        return np.where(sound, doses, Status.BAD_PARAMETER).astype(np.int8)

    def stretches(self) -> tuple[Values, Effects, int]:
        """Covariates and effects of each body (subject * stretch,), and how many stretches there are."""
        arm, breaks = self.arm, self.arm.breaks
        count = len(breaks) + 1
        middle = np.concatenate([[0.0], breaks])
        calendar, time = arm.plan.calendar, arm.plan.doses[0]

        def of_stretches(every: str, drawn: np.ndarray) -> np.ndarray:
            if every == "dose":
                number = np.maximum(np.searchsorted(time, middle, side="right") - 1, 0)
            else:
                number = calendar.occasion(every, middle)
            return np.ascontiguousarray(drawn[:, number]).ravel()

        effects = self.drawn.effects(lambda each: np.repeat(each, count), of_stretches)
        return {name: np.repeat(each, count) for name, each in self.people.covariates.items()}, effects, count

    def table(self, stretches: int, stops: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Doses and ends of stretches as records, and where those of each subject begin.

        Each subject begins at time zero, with a record at which nothing happens; nor does anything at ``stops``.
        """
        intakes, breaks = self.intakes, self.arm.breaks
        others = breaks if stops is None else np.union1d(breaks, stops[stops > 0.0])
        people, doses = intakes.taken.shape
        time = np.concatenate(
            [
                np.zeros((people, 1)),
                np.broadcast_to(others, (people, len(others))),
                np.broadcast_to(intakes.time + intakes.shift, (people, doses)),
            ],
            axis=1,
        )
        table = np.zeros(time.shape, TABLE)
        before = 1 + len(others)
        table["time"] = time
        table["slot"], table["target"], table["inflow"], table["evid"] = -1, -1, -1, OTHER
        given = table[:, before:]
        given["evid"], given["target"] = DOSE, intakes.target
        for position, state in enumerate(self.arm.infused):
            given["inflow"][given["target"] == state] = len(self.arm.compiled.states) + position
        duration, amount = intakes.duration, intakes.amount
        infused = (duration > 0.0) & (amount > 0.0)
        with np.errstate(all="ignore"):
            given["rate"] = np.where(infused, amount / duration, 0.0)
        given["amount"] = np.where(infused, 0.0, amount)
        given["duration"] = np.where(infused, duration, 0.0)
        given["lag"] = intakes.lag
        number = np.searchsorted(breaks, time, side="right")
        table["own"] = np.arange(people)[:, np.newaxis] * stretches + number
        kept = np.ones(time.shape, dtype=bool)
        kept[:, before:] = intakes.taken & (amount != 0.0)
        order = np.argsort(time, axis=1, kind="stable")
        table, kept = np.take_along_axis(table, order, axis=1), np.take_along_axis(kept, order, axis=1)
        table["stretch"][:, 1:] = table["own"][:, :-1]
        table["stretch"][:, 0] = table["own"][:, 0]
        return table[kept], np.concatenate([[0], np.cumsum(kept.sum(axis=1))])


def group_of(arm: Arm, span: slice) -> Group:
    """Some subjects of an arm and what they take."""
    people = arm.people[span]
    taking, drawn = arm.taking(span)
    intakes = arm.plan.read(people.sizes, people.covariates, drawn, taking, arm.doses_taken[span])
    return Group(arm, span, people, drawn, intakes)


def _scattered(part: Group, levels: np.ndarray, ended: Ended) -> None:
    """Linear, the body stays as it is, the grid is even."""
    arm, intakes, system, span = part.arm, part.intakes, part.arm.system, part.span
    states, count = len(arm.compiled.states), len(part.people.number)
    ended.status[:] = part.status(system.solvable[span])
    inflow = np.full(system.initial.shape[1], -1)
    inflow[arm.infused] = states + np.arange(len(arm.infused))
    arrivals = Arrivals(
        intakes.time, intakes.delay, np.ascontiguousarray(intakes.amount),
        intakes.duration, intakes.target, inflow, states, bool(system.initial.any()),
    )  # fmt: skip
    able, solved = ended.status == Status.OK, np.empty(count, dtype=bool)
    size = (0,) * system.initial.shape[1]
    room = blank_entered(len(intakes.time), len(size))
    walk_scattered(span.start, able, system, arrivals, arm.grid, room, levels, solved, size)
    with np.errstate(all="ignore"):
        held = intakes.amount.sum(axis=1) + system.initial[span].sum(axis=1)
        limit = np.abs(system.weights[:, span]).sum(axis=2).max(axis=0) * held
    for row in np.flatnonzero(solved & ~np.isfinite(limit)):
        solved[row] = np.isfinite(levels[:, span.start + row]).all()
    ended.status[able & ~solved] = Status.NOT_FINITE


def _recorded(part: Group, levels: np.ndarray, ended: Ended) -> None:
    """Linear, as records: the body changes from occasion to occasion, or the times follow no step."""
    arm, count = part.arm, len(part.people.number)
    covariates, effects, stretches = part.stretches()
    system = system_of(arm.compiled, covariates, arm.infused, count=count * stretches, effects=effects)
    ended.status[:] = part.status(np.all(system.solvable.reshape(count, stretches), axis=1))
    table, first = part.table(stretches)
    systems = Systems(*system[:4], len(arm.compiled.states))
    walked = np.where(ended.status == Status.OK, SOLVED, UNFIT)
    found = np.empty((len(levels), count, levels.shape[2]))
    room = blank_work(system.initial.shape[1], 2 * int(np.diff(first).max()))
    walk_records((0, count), first, table, systems, arm.grid, room, found, walked)
    for code, told in ENDED.items():
        ended.status[(ended.status == Status.OK) & (walked == code)] = told
    lost = ~np.isfinite(found).all(axis=(0, 2))
    ended.status[(ended.status == Status.OK) & lost] = Status.NOT_FINITE
    levels[:, part.span] = found


def _stepped(part: Group, levels: np.ndarray, ended: Ended) -> None:
    """Not linear, or by a method that was asked for."""
    arm, count = part.arm, len(part.people.number)
    covariates, effects, stretches = part.stretches()
    lanes = lane_model(arm.compiled.model, tuple(arm.infused), False)
    values, initial, sound = values_of(
        arm.compiled, lanes, covariates, count=count * stretches, effects=effects
    )
    ended.status[:] = part.status(np.all(sound.reshape(count, stretches), axis=1))
    table, first = part.table(stretches)
    job = Job(lanes, arm.solver, values, initial, arm.grid)
    job.solve_and_tell(Block(table, first, 2 * int(np.diff(first).max()), part.span.start), levels, ended)
