"""Exposure of models that are solved in steps, while they are: no level is kept.

The edges of windows become records at which nothing happens, so that every step lies within one window; what is in it
is read off its polynomial (`kernels.lane_exposure`).
"""

from collections.abc import Callable

import numpy as np

from doseline.compile_lanes import lane_model
from doseline.ended import Ended, blank_ended
from doseline.errors import Status
from doseline.kernels.lane_exposure import Watch, blank_watch
from doseline.kernels.lanes import LANES
from doseline.kernels.program import Grid
from doseline.ode import Block, Job, values_of
from doseline.solve import in_threads
from doseline.solve_intakes import ROWS, Arm, Group, Log, group_of
from doseline.windows import Exposed, Windows

Records = tuple[np.ndarray, np.ndarray]
"""A table of records, and where those of each subject begin."""
Prepare = Callable[[slice, Group], Records]
"""From a block of subjects to their records."""

NO_GRID = Grid(np.empty(0), 0.0)
NO_LEVELS = np.empty((0, 1, 0))


def expose_lanes(arm: Arm, windows: Windows, log: Log, *, threads: int) -> Exposed:
    """Exposure of all subjects of an arm within windows and over the course; what was taken goes to the log.

    Levels are those of the output in its declared unit, times are absolute. A window contains the level after a dose at
    its begin, and at its end the one before. Errors are those of the steps' tolerance.
    """
    if not arm.personal:
        log.write_prescribed(arm.plan, arm.plan.regimen.total(**arm.people.sizes), arm.doses_taken)
    stops = stops_of(windows)

    def prepare(span: slice, group: Group) -> Records:
        if arm.personal:
            log.write(span, arm.plan, group.intakes, group.drawn)
        return group.table(len(arm.breaks) + 1, stops)

    return without_failed(follow_all(arm, windows, prepare, threads))


def stops_of(windows: Windows) -> np.ndarray:
    """Times at which a step must not go on into another window. [h]"""
    return np.unique([*windows.edges.ravel(), *windows.span])


def follow_all(
    arm: Arm, windows: Windows, prepare: Prepare, threads: int, only: np.ndarray | None = None
) -> Exposed:
    """Follow all subjects of an arm, or some of them (subject,), through the records that are prepared for them."""
    subjects = len(arm.people.number)
    found = blank_exposed(arm, windows, subjects)
    width = width_of(subjects, threads)

    def work(task: tuple[int, int]) -> None:
        span = slice(task[1], min(task[1] + width, subjects))
        group = group_of(arm, span)
        if only is None or only[span].any():
            skipped = None if only is None else ~only[span]
            follow(group, *prepare(span, group), windows, part_of(found, span), skipped)

    in_threads(work, [(0, begin) for begin in range(0, subjects, width)], threads)
    return found


def follow(
    group: Group,
    table: np.ndarray,
    first: np.ndarray,
    windows: Windows,
    found: Exposed,
    skipped: np.ndarray | None = None,
) -> None:
    """Follow some subjects through their records; those ``skipped`` (subject,) are told to be no parameters."""
    arm, count, ended = group.arm, len(group.people.number), found.ended
    assert ended is not None  # they are solved in steps
    covariates, effects, stretches = group.stretches()
    lanes = lane_model(arm.compiled.model, tuple(arm.infused), False)
    values, initial, sound = values_of(
        arm.compiled, lanes, covariates, count=count * stretches, effects=effects
    )
    ended.status[:] = group.status(np.all(sound.reshape(count, stretches), axis=1))
    if skipped is not None:
        ended.status[skipped] = Status.BAD_PARAMETER
    ended.start[:] = table["time"][first[:-1]]
    watch: Watch = blank_watch(
        windows.edges, windows.span, windows.thresholds, windows.output, rtol=arm.solver.rtol, subjects=count
    )
    job = Job(lanes, arm.solver, values, initial, NO_GRID)
    job.solve(Block(table, first, 2 * int(np.diff(first).max()), 0), NO_LEVELS, ended, watch)
    lost = (ended.status == Status.OK) & np.isfinite(watch.lost)
    ended.status[lost] = Status.NOT_FINITE
    ended.time[lost], ended.output[lost] = watch.lost[lost], windows.output
    found.inside[:], found.course[:] = watch.inside[..., :-2], watch.course[..., :-2]


def blank_exposed(arm: Arm, windows: Windows, subjects: int) -> Exposed:
    """Room for what is found."""
    ended = blank_ended(1, subjects, len(arm.compiled.states), arm.solver.first)
    part = Ended(*(each[0] for each in ended))
    return Exposed(
        np.empty((subjects, len(windows.edges), windows.columns)),
        np.empty((subjects, windows.columns)),
        part.status,
        part,
    )


def part_of(found: Exposed, span: slice) -> Exposed:
    """The rows of some subjects."""
    assert found.ended is not None
    ended = Ended(*(each[span] for each in found.ended))
    return Exposed(found.inside[span], found.course[span], ended.status, ended)


def without_failed(found: Exposed) -> Exposed:
    """The same with NaN for whoever could not be solved."""
    failed = found.status != Status.OK
    found.inside[failed], found.course[failed] = np.nan, np.nan
    return found


def width_of(subjects: int, threads: int) -> int:
    """Subjects of a block: whole lanes."""
    return min(ROWS, max(1, -(-subjects // (threads * LANES))) * LANES)
