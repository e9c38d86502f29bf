"""Exposure while solving: no level is stored, and nothing is read off a grid.

For models that are solved exactly, extremes, areas and crossings of thresholds are exact up to rounding. Doses as
prescribed, doses that differ and bodies that change come down to the same walk (kernels/exposed.py).
"""

from dataclasses import replace

import numpy as np

from doseline.compile import Compiled
from doseline.dosing.regimen import Regimen
from doseline.errors import Status
from doseline.kernels.exposed import Asked, blank_room, expose_arrivals, expose_course
from doseline.kernels.periodic import ENDLESS, LOST, expose_period
from doseline.kernels.pieces import Arrivals, Cuts
from doseline.lane_exposure import expose_lanes
from doseline.lane_steady import steady_lanes
from doseline.schedule import Schedule, planned, stage_of
from doseline.solve import BLOCKS_A_THREAD, course_of, dose_status, in_threads, system_of
from doseline.solve_intakes import ROWS, Arm, Log, group_of
from doseline.windows import Exposed, Steady, Windows

FINE, FINER = 1, 4
"""Octaves of time are looked at in 2 cells, or in 16 where a cycle of transfers lets levels swing."""


def expose(arm: Arm, windows: Windows, log: Log, *, threads: int) -> Exposed:
    """Exposure of every subject of an arm within windows and over the course; what was taken goes to the log."""
    if not arm.solver.exact(arm.compiled.model):
        return expose_lanes(arm, windows, log, threads=threads)
    subjects = len(arm.people.number)
    out = np.empty((subjects, len(windows.edges) + 1, windows.columns))
    solve = _personal if arm.personal else _prescribed
    status = solve(arm, windows, log, out, threads=threads)
    out[status != Status.OK] = np.nan
    return Exposed(out[:, :-1], out[:, -1], status, None)


def _prescribed(arm: Arm, windows: Windows, log: Log, out: np.ndarray, *, threads: int) -> np.ndarray:
    """Doses as prescribed."""
    plan = prescribed(arm)
    log.write_prescribed(arm.plan, arm.plan.regimen.total(**arm.people.sizes), plan.taken)
    system = system_of(
        arm.compiled,
        arm.people.covariates,
        list(plan.infused),
        count=len(plan.taken),
        effects=arm.drawn.effects(),
    )
    status = np.where(system.solvable, dose_status(plan), Status.BAD_PARAMETER).astype(np.int8)
    course = course_of(plan, list(plan.infused), arm.compiled, begins=False)
    cuts, asked = _cuts(windows, np.empty(0)), _asked(arm.compiled, windows, bodies=1)
    able, solved = status == Status.OK, np.empty(len(plan.taken), dtype=np.bool_)
    size = np.empty(system.initial.shape[1], dtype=np.bool_)

    def work(span: tuple[int, int]) -> None:
        room = blank_room(len(size), len(plan.time), len(cuts.time), windows.thresholds)
        expose_course(span, able, system, course, cuts, asked, room, out, solved, size)

    in_threads(work, _spans(len(able), threads), threads)
    status[able & ~solved] = Status.NOT_FINITE
    return status


def _personal(arm: Arm, windows: Windows, log: Log, out: np.ndarray, *, threads: int) -> np.ndarray:
    """Doses that differ from one to the next, perhaps in a body that changes."""
    subjects = len(arm.people.number)
    status = np.empty(subjects, dtype=np.int8)
    still = arm.compiled.acting.isdisjoint(arm.counted)
    breaks = np.empty(0) if still else arm.breaks
    if still:
        _ = arm.system  # once, and not by several threads
    cuts, asked = _cuts(windows, breaks), _asked(arm.compiled, windows, bodies=len(breaks) + 1)
    width = min(ROWS, max(1, -(-subjects // threads)))
    inflow = np.full(len(arm.compiled.states) + len(arm.infused), -1)
    inflow[arm.infused] = len(arm.compiled.states) + np.arange(len(arm.infused))
    size = np.empty(len(inflow), dtype=np.bool_)

    def work(task: tuple[int, int]) -> None:
        span = slice(task[1], min(task[1] + width, subjects))
        group = group_of(arm, span)
        intakes = group.intakes
        log.write(span, arm.plan, intakes, group.drawn)
        if still:
            system, sound = arm.system, arm.system.solvable[span]
        else:
            covariates, effects, bodies = group.stretches()
            count = len(group.people.number)
            system = system_of(arm.compiled, covariates, arm.infused, count=count * bodies, effects=effects)
            sound = np.all(system.solvable.reshape(count, bodies), axis=1)
        status[span] = group.status(sound)
        arrivals = Arrivals(
            intakes.time, intakes.delay, np.ascontiguousarray(intakes.amount),
            intakes.duration, intakes.target, inflow,
        )  # fmt: skip
        able, solved = status[span] == Status.OK, np.empty(len(sound), dtype=np.bool_)
        room = blank_room(len(size), len(intakes.time), len(cuts.time), windows.thresholds)
        first = (span.start, span.start if still else 0)
        expose_arrivals(first, able, system, arrivals, cuts, asked, room, out, solved, size)
        status[span][able & ~solved] = Status.NOT_FINITE

    in_threads(work, [(0, begin) for begin in range(0, subjects, width)], threads)
    return status


def expose_steady(arm: Arm, windows: Windows, *, threads: int) -> Steady:
    """What the last stage of a regimen comes to if it goes on for ever, taken as prescribed; edges do not count.

    Effects between subjects are in. Those of counted occasions and what people make of the regimen are left out.
    """
    subjects = len(arm.people.number)
    blocks = arm.plan.regimen.blocks
    stage = stage_of(blocks[-1], blocks)
    if not arm.solver.exact(arm.compiled.model):
        within = replace(windows, edges=np.empty((0, 2)), span=(0.0, stage.period))
        return steady_lanes(arm, stage, within, threads=threads)
    alone = Regimen((replace(stage, start=0.0, repeats=1, until=None),), stage.period)
    plan = prescribed(arm, alone)
    system = system_of(
        arm.compiled, arm.people.covariates, list(plan.infused), count=subjects, effects=arm.drawn.effects()
    )
    course = course_of(plan, list(plan.infused), arm.compiled, begins=False)
    cuts = _cuts(replace(windows, edges=np.empty((0, 2)), span=(0.0, stage.period)), np.empty(0))
    asked = _asked(arm.compiled, windows, bodies=1)
    status = np.where(system.solvable, dose_status(plan), Status.BAD_PARAMETER).astype(np.int8)
    able, ended = status == Status.OK, np.empty(subjects, dtype=np.int64)
    out, once = np.empty((subjects, 1, windows.columns)), np.empty(subjects)
    size = np.empty(system.initial.shape[1], dtype=np.bool_)

    def work(span: tuple[int, int]) -> None:
        room = blank_room(len(size), len(plan.time), len(cuts.time), windows.thresholds)
        expose_period(span, able, system, course, stage.period, cuts, asked, room, out, once, ended, size)

    in_threads(work, _spans(subjects, threads), threads)
    status[able & (ended == ENDLESS)] = Status.NO_STEADY_STATE
    status[able & (ended == LOST)] = Status.NOT_FINITE
    out[status != Status.OK], once[status != Status.OK] = np.nan, np.nan
    return Steady(out[:, 0], once, stage.period, status)


def _spans(subjects: int, threads: int) -> list[tuple[int, int]]:
    """Blocks of subjects."""
    width = max(1, -(-subjects // (threads * BLOCKS_A_THREAD)))
    return [(begin, min(begin + width, subjects)) for begin in range(0, subjects, width)]


def prescribed(arm: Arm, regimen: Regimen | None = None) -> Schedule:
    """The doses of an arm, taken as prescribed; or those of another regimen."""
    plan = arm.plan
    return planned(
        plan.compiled, regimen or plan.regimen, arm.people.sizes, arm.people.covariates,
        count=len(arm.people.number), place=plan.place, effects=arm.drawn.effects(),
    )  # fmt: skip


def _asked(compiled: Compiled, windows: Windows, *, bodies: int) -> Asked:
    return Asked(windows.output, len(windows.thresholds), FINER if swings(compiled) else FINE, bodies)


def swings(compiled: Compiled) -> bool:
    """Do transfers lead around in a circle of three compartments or more, so that rates may be complex?"""
    ways = {(flow.source, flow.target) for flow in compiled.model.flows if flow.target is not None}
    both = {way for way in ways if way[::-1] in ways}
    names = set(compiled.states)
    # what is left when compartments that nothing enters, or that nothing leaves, are taken away
    joined = {frozenset(way) for way in both}
    going = True
    while going:
        ends = {
            name
            for name in names
            if not any(target == name for _, target in ways) or not any(source == name for source, _ in ways)
        }
        # a compartment that exchanges with one other and has no other way does not lie on a circle
        for name in names - ends:
            around = {frozenset(way) for way in ways if name in way}
            if len(around) == 1 and around <= joined:
                ends.add(name)
        going = bool(ends & names)
        names -= ends
        ways = {way for way in ways if not ends & set(way)}
    return bool(names)


def _cuts(windows: Windows, breaks: np.ndarray) -> Cuts:
    """Edges, breaks of the body, and both ends of the course, in order."""
    edges = np.asarray(windows.edges, dtype=np.float64).reshape(-1, 2)
    end = max(windows.span[1], float(edges.max(initial=0.0)))
    time = np.unique(np.concatenate([[0.0, end], windows.span, edges.ravel(), breaks[breaks < end]]))
    window = np.searchsorted(edges[:, 0], time, side="right") - 1
    # behind the end of the last window that has begun there is none
    window[time >= np.append(edges[:, 1], -np.inf)[window]] = -1
    return Cuts(
        time,
        window.astype(np.int64),
        ((time >= windows.span[0]) & (time < windows.span[1])).astype(np.int64),
        np.searchsorted(breaks, time, side="right"),
        int(np.searchsorted(time, 0.0)),
    )
