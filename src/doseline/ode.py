"""Nonlinear models through the kernels: rows in lanes, with a status, a method and a number of steps for each.

A block of subjects is solved by the explicit method first; those that turn out to be stiff are solved again, from their
beginning, by the implicit one. Which of the two is decided by the subject alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from doseline.compile import Compiled, Values
from doseline.compile_lanes import LaneModel, lane_model
from doseline.ended import Ended, blank_ended
from doseline.errors import Status
from doseline.events import Events
from doseline.kernels import lane_state
from doseline.kernels.agenda import DOSE, OTHER, TABLE
from doseline.kernels.drive_lanes import blank_lanes, compile_drive
from doseline.kernels.lane_exposure import Watch, forget
from doseline.kernels.lanes import LANES, Problem, Told
from doseline.kernels.program import Grid
from doseline.method import METHODS
from doseline.population.variability import Effects
from doseline.record_sets import Sets
from doseline.schedule import Schedule
from doseline.solve import dose_status, in_threads
from doseline.solver import STIFF, Solver
from doseline.times import even_step
from doseline.walk_events import blank_levels, clear_failed, entries_of, given_status, observed_of, table_of

BLOCKS_A_THREAD = 4
"""Blocks are whole lanes; a block that ends leaves lanes empty, so there should be few."""
MOST_OF_A_BLOCK = 256 * LANES
"""Their doses are written out one by one while the block is solved."""

ENDED = {
    lane_state.SOLVED: Status.OK,
    lane_state.UNSETTLED: Status.NO_STEADY_STATE,
    lane_state.TOO_MANY: Status.TOO_MANY_STEPS,
    lane_state.TOO_SMALL: Status.STEPS_TOO_SMALL,
    lane_state.NO_NUMBER: Status.RATE_NOT_FINITE,
    lane_state.NEGATIVE: Status.NEGATIVE_AMOUNT,
    lane_state.STIFF: Status.STEPS_TOO_SMALL,
}
AGAIN = (lane_state.STIFF, lane_state.TOO_SMALL, lane_state.TOO_MANY)
"""What an implicit method may do better."""


def solve_courses(
    compiled: Compiled,
    covariates: Values,
    schedules: Sequence[Schedule],
    times: np.ndarray,
    levels: np.ndarray,
    solver: Solver,
    *,
    threads: int,
    effects: Effects | None = None,
) -> Ended:
    """Fill ``levels`` (schedule, output, subject, time) in the outputs' units; how each row ended."""
    subjects = len(schedules[0].taken)
    infused = tuple(sorted({int(state) for plan in schedules for state in plan.infused}))
    lanes = lane_model(compiled.model, infused, False)
    values, initial, sound = values_of(compiled, lanes, covariates, count=subjects, effects=effects)
    ended = blank_ended(len(schedules), subjects, len(compiled.states), solver.first)
    for position, plan in enumerate(schedules):
        ended.status[position] = np.where(sound, dose_status(plan), Status.BAD_PARAMETER)
    grid = Grid(times, even_step(times))
    width = _width(subjects * len(schedules), threads)
    job = Job(lanes, solver, values, initial, grid)

    def work(task: tuple[int, int]) -> None:
        position, begin = task
        span = slice(begin, min(begin + width, subjects))
        part = Ended(*(each[position, span] for each in ended))
        job.solve_and_tell(_rows_of(schedules[position], span), levels[position], part)

    in_threads(work, [(p, b) for p in range(len(schedules)) for b in range(0, subjects, width)], threads)
    for position in range(len(schedules)):
        levels[position][:, ended.status[position] != Status.OK] = np.nan
    return ended


def solve_tables(
    compiled: Compiled,
    sets: Sets,
    plans: Sequence[Events],
    times: np.ndarray | None,
    solver: Solver,
    *,
    threads: int,
) -> tuple[np.ndarray, Ended]:
    """Levels in the outputs' units, (plan, output, observation) or (plan, output, subject, time), and how it ended."""
    infused = tuple(sorted({int(state) for plan in plans for state in plan.fed}))
    lanes = lane_model(compiled.model, infused, any((plan.turn != 0).any() for plan in plans))
    values, initial, sound = values_of(compiled, lanes, sets.values, count=sets.count, effects=sets.effects())
    subjects = len(plans[0].first) - 1
    grid, levels = blank_levels(plans, len(compiled.model.outputs), times)
    ended = blank_ended(len(plans), subjects, len(compiled.states), solver.first)
    first = np.ascontiguousarray(plans[0].first, dtype=np.int64)
    tables = [table_of(plan, sets, observed=times is None) for plan in plans]
    entries = [entries_of(plan) for plan in plans]
    for position, plan in enumerate(plans):
        ended.status[position] = given_status(plan, sets, sound)
        ended.start[position] = plan.time[first[:-1]]
    width = _width(subjects * len(plans), threads)
    job = Job(lanes, solver, values, initial, grid)

    def work(task: tuple[int, int]) -> None:
        position, begin = task
        end = min(begin + width, subjects)
        own = slice(begin, end)
        most = int(entries[position][own].max(initial=0))
        table = tables[position][first[begin] : first[end]]
        part = Ended(*(each[position, own] for each in ended))
        job.solve(Block(table, first[begin : end + 1] - first[begin], most, begin), levels[position], part)

    in_threads(work, [(p, b) for p in range(len(plans)) for b in range(0, subjects, width)], threads)
    for position, plan in enumerate(plans):
        part = Ended(*(each[position] for each in ended))
        line, column, output = _not_finite(levels[position])
        if times is None:
            _tell_lost(part, observed_of(plan)[column], plan.time[plan.evid == 0][column], output)
        else:
            _tell_lost(part, line, times[column], output)
    clear_failed(levels, ended.status, plans[0], gridded=times is not None)
    return levels if times is not None else levels[:, :, 0], ended


class Block(NamedTuple):
    """Some subjects, one after another."""

    table: np.ndarray  # their records
    first: np.ndarray  # (subject + 1,) where those of each subject begin
    entries: int  # most entries of an agenda
    line: int  # of the levels, where those of the first subject go


@dataclass(frozen=True)
class Job:
    """What all blocks share."""

    lanes: LaneModel
    solver: Solver
    values: Values
    initial: np.ndarray
    grid: Grid

    @cached_property
    def _constants(self) -> np.ndarray:
        return self.lanes.constants_of(self.values, count=len(self.initial))

    @cached_property
    def _more_constants(self) -> np.ndarray:
        """With those of the Jacobian, which has to be written before they are known."""
        return self.lanes.constants_of(self.values, count=len(self.initial))

    def solve(self, block: Block, out: np.ndarray, ended: Ended, watch: Watch | None = None) -> None:
        """Solve one block; its results go to ``ended`` and ``out`` (output, line, column), exposure to ``watch``."""
        begin = np.where(ended.status == Status.OK, lane_state.SOLVED, lane_state.UNFIT)
        told = self._drive(self.solver.first, begin, block, out, watch)
        again = np.isin(told.ended, AGAIN)
        if self.solver.method is None and again.any():
            ended.stiff_since[again] = told.time[again]
            ended.method[again] = METHODS[STIFF].number
            begin = np.where(again, lane_state.SOLVED, lane_state.UNFIT)
            if watch is not None:
                forget(watch, again)
            second = self._drive(STIFF, begin, block, out, watch)
            told = Told(*(np.where(_like(again, b), b, a) for a, b in zip(told, second, strict=True)))
        for code, status in ENDED.items():
            ended.status[(ended.status == Status.OK) & (told.ended == code)] = status
        ended.steps[:], ended.time[:], ended.state[:] = told.steps, told.time, told.state

    def solve_and_tell(self, block: Block, out: np.ndarray, ended: Ended) -> None:
        """The same on a grid, and where levels are no numbers."""
        self.solve(block, out, ended)
        found = out[:, block.line : block.line + len(ended.status)]
        if not np.isfinite(found).all():
            whose, column, output = _not_finite(found)
            _tell_lost(ended, whose, self.grid.time[column], output)

    def _drive(
        self, method: str, begin: np.ndarray, block: Block, out: np.ndarray, watch: Watch | None
    ) -> Told:
        """One drive over a block, with one method."""
        lanes, subjects, n = self.lanes, len(begin), self.initial.shape[1]
        implicit = method == STIFF
        functions = (lanes.rhs, lanes.show, lanes.jacobian if implicit else lanes.rhs)
        problem = Problem(
            block.first, block.table, self._more_constants if implicit else self._constants, self.initial,
            self.solver.absolute(lanes.model), lanes.guarded, self.solver.rtol, self.solver.max_steps,
            lanes.timed, block.line,
        )  # fmt: skip
        told = Told(
            np.asarray(begin, dtype=np.int64), np.zeros(subjects, np.int64),
            np.full(subjects, np.nan), np.zeros((subjects, n)),
        )  # fmt: skip
        memory = blank_lanes(n, max(block.entries, 1))
        watchful = self.solver.method is None and not implicit
        number = METHODS[method].number
        drive = compile_drive(watch is not None)
        drive((0, subjects), number, watchful, *functions, problem, self.grid, out, told, memory, watch)
        return told


def _not_finite(levels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lines and columns of levels (output, line, column) that are no numbers, in order, and the first output there."""
    wrong = ~np.isfinite(levels)
    line, column = np.nonzero(wrong.any(axis=0))
    return line, column, wrong[:, line, column].argmax(axis=0)


def _tell_lost(ended: Ended, whose: np.ndarray, time: np.ndarray, output: np.ndarray) -> None:
    """Tell of subjects that were solved and have levels that are no numbers where the first of them is."""
    subject, first = np.unique(whose, return_index=True)
    solved = ended.status[subject] == Status.OK
    subject, first = subject[solved], first[solved]
    ended.status[subject] = Status.NOT_FINITE
    ended.time[subject], ended.output[subject] = time[first], output[first]


def _like(rows: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Rows, with as many dimensions as another array."""
    return rows.reshape(-1, *(1,) * (other.ndim - 1))


def values_of(
    compiled: Compiled,
    lanes: LaneModel,
    covariates: Values,
    *,
    count: int,
    effects: Effects | None = None,
) -> tuple[Values, np.ndarray, np.ndarray]:
    """Values of all names, initial states (system, state), and which systems can be solved."""
    with np.errstate(all="ignore"):  # what overflows is told by its status
        values = compiled.parameters(covariates, effects=effects)
        initial = compiled.initial(values, subjects=count)
        return values, initial, lanes.sound(values, initial)


def _width(rows: int, threads: int) -> int:
    """Subjects of a block: whole lanes, and never so many that their doses fill the memory."""
    return min(max(1, -(-rows // (threads * BLOCKS_A_THREAD * LANES))) * LANES, MOST_OF_A_BLOCK)


def _rows_of(plan: Schedule, span: slice) -> Block:
    """The doses of some subjects as records.

    Each subject begins at time zero, with a record at which nothing happens.
    """
    taken, kind = plan.taken[span], plan.kind
    table = np.zeros((len(taken), 1 + len(kind)), TABLE)
    table["own"] = table["stretch"] = np.arange(span.start, span.stop)[:, np.newaxis]
    table["slot"] = -1
    table["target"][:, 0], table["target"][:, 1:] = -1, plan.target[kind]
    table["evid"][:, 0], table["evid"][:, 1:] = OTHER, DOSE
    duration, amount = plan.duration[span], plan.amount[span]
    with np.errstate(all="ignore"):
        rate = np.where(duration > 0, amount / duration, 0.0)
    table["time"][:, 1:] = plan.time
    for name, values in (
        ("amount", np.where(duration > 0, 0.0, amount)),
        ("rate", rate),
        ("duration", duration),
        ("lag", plan.lag[span]),
    ):
        table[name][:, 1:] = values[:, kind]
    given = np.arange(1 + len(kind)) <= taken[:, np.newaxis]
    first = np.concatenate([[0], np.cumsum(taken + 1)])
    rows = table.ravel() if given.all() else table[given]
    return Block(rows, first, int(taken.max(initial=0)) + 2, span.start)
