"""Rows through the kernels: arrays of a model and of its schedules in, levels and a status for each row out."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np

from doseline.compile import Compiled, Values
from doseline.errors import Status
from doseline.kernels.drive import System, walk_block
from doseline.kernels.program import Course, Grid, blank
from doseline.population.variability import Effects
from doseline.schedule import Schedule
from doseline.times import even_step

BLOCKS_A_THREAD = 8
"""Work is cut finer than threads, so that no thread waits long for the last one."""


def solve(
    compiled: Compiled,
    covariates: Values,
    schedules: Sequence[Schedule],
    times: np.ndarray,
    levels: np.ndarray,
    *,
    threads: int,
    effects: Effects | None = None,
) -> np.ndarray:
    """Fill ``levels`` (schedule, output, subject, time) in the outputs' units; the status (schedule, subject)."""
    infused = sorted({int(state) for plan in schedules for state in plan.infused})
    subjects = len(schedules[0].taken)
    system = system_of(compiled, covariates, infused, count=subjects, effects=effects)
    begins = bool(system.initial.any())
    courses = [course_of(plan, infused, compiled, begins=begins) for plan in schedules]
    usable = [np.where(system.solvable, dose_status(plan), Status.BAD_PARAMETER) for plan in schedules]
    solved = _run_blocks(system, usable, courses, Grid(times, even_step(times)), levels, threads)
    status = np.empty(solved.shape, dtype=np.int8)
    for position, able in enumerate(usable):
        for row in _doubtful(system, courses[position]):
            if solved[position, row] and not np.isfinite(levels[position, :, row]).all():
                solved[position, row] = False
                levels[position, :, row] = np.nan
        status[position] = np.where((able == Status.OK) & ~solved[position], Status.NOT_FINITE, able)
    return status


def _doubtful(system: System, course: Course) -> np.ndarray:
    """Subjects whose levels could leave the range of numbers.

    No compartment ever holds more than there was at time zero, and all doses.
    """
    with np.errstate(all="ignore"):
        doses = course.amount.max(axis=1) * len(course.time)
        held = doses + system.initial.sum(axis=1)
        limit = np.abs(system.weights).sum(axis=2).max(axis=0) * held
    return np.flatnonzero(~np.isfinite(limit))


def _run_blocks(
    system: System,
    usable: Sequence[np.ndarray],
    courses: Sequence[Course],
    grid: Grid,
    levels: np.ndarray,
    threads: int,
) -> np.ndarray:
    """Fill the levels; which rows ended with finite numbers. By threads that share no memory they write.

    Threads of Python run kernels that hold no lock: unlike a pool of numba's own, this works from several threads at
    once and in forked children.
    """
    _, subjects, n = system.weights.shape
    solved = np.empty((len(courses), subjects), dtype=np.bool_)
    block = max(1, -(-len(courses) * subjects // (threads * BLOCKS_A_THREAD)))
    size = (0,) * n

    def work(task: tuple[int, int]) -> None:
        position, first = task
        span = (first, min(first + block, subjects))
        able = system._replace(solvable=usable[position] == Status.OK)
        course = courses[position]
        room = blank(len(course.time), grid)
        walk_block(span, able, course, grid, room, levels[position], solved[position], size)

    in_threads(work, list(product(range(len(courses)), range(0, subjects, block))), threads)
    return solved


def in_threads(
    work: Callable[[tuple[int, int]], None], tasks: Sequence[tuple[int, int]], threads: int
) -> None:
    if threads == 1 or len(tasks) == 1:
        for task in tasks:
            work(task)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, tasks))


def system_of(
    compiled: Compiled,
    covariates: Values,
    infused: Sequence[int],
    *,
    count: int,
    effects: Effects | None = None,
) -> System:
    """The model for each of ``count`` sets of covariates, with a state for the rate of each infused compartment."""
    with np.errstate(all="ignore"):  # what overflows is told by its status
        values = compiled.parameters(covariates, effects=effects)
        rates, losses, weights = compiled.system(values, subjects=count)
        initial = compiled.initial(values, subjects=count)
        between = np.where(np.eye(rates.shape[1]) > 0, 0.0, rates)
        sound = (
            np.isfinite(rates).all(axis=(1, 2))
            & (between >= 0).all(axis=(1, 2))
            & np.isfinite(weights).all(axis=(0, 2))
            & (losses >= 0).all(axis=1)
            & (np.isfinite(initial) & (initial >= 0)).all(axis=1)
        )
    n, more = rates.shape[1], len(infused)
    wide = np.zeros((count, n + more, n + more))
    wide[:, :n, :n] = rates
    for k, state in enumerate(infused):
        wide[:, state, n + k] = 1.0
    return System(
        wide.reshape(count, -1),
        np.concatenate([losses, np.full((count, more), -1.0)], axis=1),
        np.concatenate([weights, np.zeros((*weights.shape[:2], more))], axis=2),
        np.concatenate([initial, np.zeros((count, more))], axis=1),
        sound,
    )


def course_of(plan: Schedule, infused: Sequence[int], compiled: Compiled, *, begins: bool) -> Course:
    """A schedule for the kernels: the k-th infused state gets its rate from the k-th state behind the compartments."""
    n = len(compiled.states)
    inflow = {state: n + k for k, state in enumerate(infused)}
    towards = np.array([inflow.get(int(state), 0) for state in plan.target], dtype=np.int64)
    return Course(
        plan.time,
        plan.kind,
        plan.target,
        towards,
        plan.amount,
        plan.lag,
        plan.duration,
        plan.taken,
        n,
        begins,
    )


def dose_status(plan: Schedule) -> np.ndarray:
    """Status (subject,) of the doses: numbers, and none below zero."""
    fit = [
        (np.isfinite(values) & (values >= 0)).all(axis=1) for values in (plan.amount, plan.lag, plan.duration)
    ]
    return np.where(np.logical_and.reduce(fit), Status.OK, Status.BAD_DOSE)
