"""Nonlinear models through the kernels: rows in lanes, with a status, a method and a number of steps for each.

A block of subjects is solved by the explicit method first; those that turn out to be stiff are solved again, from their
beginning, by the implicit one. Which of the two is decided by the subject alone.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from doseline.compile import Compiled, Values
from doseline.compile_lanes import LaneModel, lane_model
from doseline.dosing.records import per_record
from doseline.ended import Ended, blank_ended
from doseline.errors import Status
from doseline.events import Events, Sets
from doseline.kernels import lane_walk
from doseline.kernels.agenda import DOSE, OTHER, TABLE
from doseline.kernels.drive_lanes import blank_lanes, compile_drive
from doseline.kernels.lanes import LANES, Problem, Told
from doseline.kernels.program import Grid
from doseline.method import METHODS
from doseline.schedule import Schedule
from doseline.solve import in_threads
from doseline.solver import STIFF, Solver
from doseline.times import even_step
from doseline.walk_events import columns_of, entries_of, mark, sound_doses

BLOCKS_A_THREAD = 4
"""Blocks are whole lanes; a block that ends leaves lanes empty, so there should be few."""

ENDED = {
    lane_walk.SOLVED: Status.OK,
    lane_walk.UNSETTLED: Status.NO_STEADY_STATE,
    lane_walk.TOO_MANY: Status.TOO_MANY_STEPS,
    lane_walk.TOO_SMALL: Status.STEPS_TOO_SMALL,
    lane_walk.NO_NUMBER: Status.RATE_NOT_FINITE,
    lane_walk.NEGATIVE: Status.NEGATIVE_AMOUNT,
    lane_walk.STIFF: Status.STEPS_TOO_SMALL,
}
AGAIN = (lane_walk.STIFF, lane_walk.TOO_SMALL, lane_walk.TOO_MANY)
"""What an implicit method may do better."""


def solve_courses(
    compiled: Compiled,
    covariates: Values,
    schedules: Sequence[Schedule],
    times: np.ndarray,
    solver: Solver,
    *,
    threads: int,
) -> tuple[np.ndarray, Ended]:
    """Levels (schedule, output, subject, time) in the outputs' units, and how each row ended."""
    subjects = len(schedules[0].taken)
    infused = tuple(sorted({int(state) for plan in schedules for state in plan.infused}))
    lanes = lane_model(compiled.model, infused, False)
    values, initial, sound = _values(compiled, lanes, covariates, count=subjects)
    levels = np.empty((len(schedules), len(compiled.model.outputs), subjects, len(times)))
    ended = blank_ended(len(schedules), subjects, len(compiled.states), solver.first)
    for position, plan in enumerate(schedules):
        doses = [
            (np.isfinite(each) & (each >= 0)).all(axis=1) for each in (plan.amount, plan.lag, plan.duration)
        ]
        able = np.where(np.logical_and.reduce(doses), Status.OK, Status.BAD_DOSE)
        ended.status[position] = np.where(sound, able, Status.BAD_PARAMETER)
    grid = Grid(times, even_step(times))
    width = _width(subjects * len(schedules), threads)
    job = _Job(lanes, solver, values, initial, grid)

    def work(task: tuple[int, int]) -> None:
        position, begin = task
        span = slice(begin, min(begin + width, subjects))
        table, first, entries = _rows_of(schedules[position], span)
        part = Ended(*(each[position, span] for each in ended))
        job.solve(table, first, entries, levels[position], begin, part)
        found = levels[position][:, span]
        if not np.isfinite(found).all():
            whose, column, output = _not_finite(found)
            _tell_lost(part, whose, times[column], output)
            found[:, part.status != Status.OK] = np.nan

    in_threads(work, [(p, b) for p in range(len(schedules)) for b in range(0, subjects, width)], threads)
    for position in range(len(schedules)):
        # those that were not begun have nothing yet
        levels[position][:, ended.status[position] != Status.OK] = np.nan
    return levels, ended


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
    values, initial, sound = _values(compiled, lanes, sets.values, count=sets.count)
    subjects = len(plans[0].first) - 1
    grid = Grid(np.empty(0), 0.0) if times is None else Grid(times, even_step(times))
    shape = (1, int((plans[0].evid == 0).sum())) if times is None else (subjects, len(times))
    levels = np.empty((len(plans), len(compiled.model.outputs), *shape))
    ended = blank_ended(len(plans), subjects, len(compiled.states), solver.first)
    first = np.ascontiguousarray(plans[0].first, dtype=np.int64)
    tables = [_table_of(plan, sets, observed=times is None) for plan in plans]
    entries = [entries_of(plan) for plan in plans]
    starts = first[:-1]
    systems = np.logical_and.reduceat(sound[sets.own] & sound[sets.stretch], starts)
    for position, plan in enumerate(plans):
        able = np.where(np.logical_and.reduceat(sound_doses(plan), starts), Status.OK, Status.BAD_DOSE)
        ended.status[position] = np.where(systems, able, Status.BAD_PARAMETER)
        ended.start[position] = plan.time[starts]
    width = _width(subjects * len(plans), threads)
    job = _Job(lanes, solver, values, initial, grid)

    def work(task: tuple[int, int]) -> None:
        position, begin = task
        end = min(begin + width, subjects)
        own = slice(begin, end)
        most = int(entries[position][own].max(initial=0))
        rows = first[begin : end + 1] - first[begin]
        table = tables[position][first[begin] : first[end]]
        part = Ended(*(each[position, own] for each in ended))
        job.solve(table, rows, most, levels[position], begin, part)

    in_threads(work, [(p, b) for p in range(len(plans)) for b in range(0, subjects, width)], threads)
    seen = plans[0].evid == 0
    owner = per_record(np.arange(subjects), plans[0].first)[seen]
    for position in range(len(plans)):
        part = Ended(*(each[position] for each in ended))
        line, column, output = _not_finite(levels[position])
        if times is None:
            _tell_lost(part, owner[column], plans[position].time[seen][column], output)
        else:
            _tell_lost(part, line, times[column], output)
    mark(levels, ended.status, plans[0], gridded=times is not None)
    return levels if times is not None else levels[:, :, 0], ended


class _Job(NamedTuple):
    """What all blocks share."""

    lanes: LaneModel
    solver: Solver
    values: Values
    initial: np.ndarray
    grid: Grid

    def solve(
        self, table: np.ndarray, first: np.ndarray, entries: int, out: np.ndarray, line: int, ended: Ended
    ) -> None:
        """Solve one block; its results go to ``ended`` and, from subject ``line`` on, to ``out``."""
        begin = np.where(ended.status == Status.OK, lane_walk.SOLVED, lane_walk.UNFIT)
        told = self._drive(self.solver.first, begin, table, first, entries, out, line)
        method = np.full(len(begin), METHODS[self.solver.first].number)
        stiff_since = np.full(len(begin), np.nan)
        again = np.isin(told.ended, AGAIN)
        if self.solver.method is None and again.any():
            stiff_since[again] = told.time[again]
            begin = np.where(again, lane_walk.SOLVED, lane_walk.UNFIT)
            second = self._drive(STIFF, begin, table, first, entries, out, line)
            told = Told(*(np.where(_like(again, b), b, a) for a, b in zip(told, second, strict=True)))
            method[again] = METHODS[STIFF].number
        for code, status in ENDED.items():
            ended.status[(ended.status == Status.OK) & (told.ended == code)] = status
        ended.method[:], ended.stiff_since[:], ended.steps[:] = method, stiff_since, told.steps
        ended.time[:], ended.state[:] = told.time, told.state

    def _drive(
        self,
        method: str,
        begin: np.ndarray,
        table: np.ndarray,
        first: np.ndarray,
        entries: int,
        out: np.ndarray,
        line: int,
    ) -> Told:
        """One drive over a block, with one method."""
        lanes, subjects, n = self.lanes, len(begin), self.initial.shape[1]
        implicit = method == STIFF
        functions = (lanes.rhs, lanes.show, lanes.jacobian if implicit else lanes.rhs)
        # the Jacobian has constants of its own, known only now
        constants = lanes.constants_of(self.values, count=len(self.initial))
        problem = Problem(
            first, table, constants, self.initial, self.solver.absolute(lanes.model), lanes.guarded,
            self.solver.rtol, self.solver.max_steps, lanes.timed, line,
        )  # fmt: skip
        told = Told(
            np.asarray(begin, dtype=np.int64), np.zeros(subjects, np.int64),
            np.full(subjects, np.nan), np.zeros((subjects, n)),
        )  # fmt: skip
        memory = blank_lanes(n, max(entries, 1))
        watchful = self.solver.method is None and not implicit
        number = METHODS[method].number
        compile_drive()((0, subjects), number, watchful, *functions, problem, self.grid, out, told, memory)
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


def _values(
    compiled: Compiled, lanes: LaneModel, covariates: Values, *, count: int
) -> tuple[Values, np.ndarray, np.ndarray]:
    """Values of all names, initial states (system, state), and which systems can be solved."""
    with np.errstate(all="ignore"):  # what overflows is told by its status
        values = compiled.parameters(covariates)
        initial = compiled.initial(values, subjects=count)
        return values, initial, lanes.sound(values, initial)


def _width(rows: int, threads: int) -> int:
    """Subjects of a block: whole lanes."""
    return max(1, -(-rows // (threads * BLOCKS_A_THREAD * LANES))) * LANES


def _rows_of(plan: Schedule, span: slice) -> tuple[np.ndarray, np.ndarray, int]:
    """The doses of some subjects as records, where each subject's begin, and most entries of an agenda.

    Each subject begins at time zero, with a record at which nothing happens.
    """
    taken, kind = plan.taken[span], plan.kind
    table = np.zeros((len(taken), 1 + len(kind)), TABLE)
    table["own"] = table["stretch"] = np.arange(span.start, span.stop)[:, np.newaxis]
    table["slot"] = -1
    for name in ("target", "inflow"):
        table[name][:, 0], table[name][:, 1:] = -1, plan.target[kind]
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
    return table.ravel() if given.all() else table[given], first, int(taken.max(initial=0)) + 2


def _table_of(plan: Events, sets: Sets, *, observed: bool) -> np.ndarray:
    """Events for the kernels; the rates of infusions stand in rows of their own, numbered as the states."""
    table = columns_of(plan)
    table["inflow"] = table["target"]
    table["stretch"], table["own"] = sets.stretch, sets.own
    seen = plan.evid == 0
    table["slot"] = np.where(seen, np.cumsum(seen) - 1, -1) if observed else -1
    return table
