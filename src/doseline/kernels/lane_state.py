"""What a lane is doing, and the few ways in which that changes: also how a subject begins, and how it may end."""

import math

from doseline.kernels.kernel import kernel
from doseline.kernels.lanes import (
    ABSOLUTE,
    AHEAD,
    BASE,
    CONSTANT,
    DOSE,
    FIRST,
    GIVEN,
    GONE,
    INFLOW,
    JUMPED,
    LANES,
    NEXT,
    ON,
    RELATIVE,
    START,
    STEPS,
    STRIDES,
)

SOLVED, UNSETTLED, TOO_MANY, TOO_SMALL, NO_NUMBER, NEGATIVE, STIFF, UNFIT = 0, 1, 2, 3, 4, 5, 6, 7
"""How a subject ended: well; no steady state; more steps than allowed; steps too small; rates that are no numbers; an
amount below zero; stiff, to be solved by another method; not begun."""
NOTHING, ENTRY, ROW, POINT = 0, 1, 2, 3
"""What a lane is on its way to."""
MOVING, SEEKING, ENDING = 0, 1, 2
"""Phases of a dose at steady state: none; periods until it settles; from the last dose of the train until now."""
CLOSER = 0.01
"""A steady state is sought with this part of the tolerance, and is found where a period changes no more than it."""


@kernel(counted=False)
def set_tolerance(lane, l, problem, memory):
    """Write the tolerances of a lane."""
    part = CLOSER if lane.steady != MOVING else 1.0
    for i in range(problem.atol.shape[0]):
        memory.w[ABSOLUTE + i * LANES + l] = part * problem.atol[i]
        memory.w[RELATIVE + i * LANES + l] = part * problem.rtol


@kernel(counted=False)
def stand(lane, l, system, problem, memory):
    """Let a lane have the values of a system."""
    if lane.system != system:
        lane.system = system
        for c in range(problem.constants.shape[1]):
            memory.w[CONSTANT + c * LANES + l] = problem.constants[system, c]


@kernel(counted=False)
def switch(l, target, on, memory):
    """Switch a compartment on or off."""
    memory.w[ON + target * LANES + l] = 1.0 if on else 0.0


@kernel(counted=False)
def set_rate(l, target, rate, memory):
    """What flows into a compartment from now on [mg/h]."""
    memory.w[INFLOW + target * LANES + l] = rate


@kernel(counted=False)
def begin(lane, l, system, problem, memory):
    """Initial conditions: all compartments on, no infusion."""
    for i in range(problem.initial.shape[1]):
        memory.w[START + i * LANES + l] = problem.initial[system, i]
        memory.running[l, i] = 0
        set_rate(l, i, 0.0, memory)
        switch(l, i, True, memory)
    memory.w[DOSE + l] = 0.0
    memory.w[GIVEN + l] = memory.w[BASE + l]
    memory.w[JUMPED + l] = 1.0


@kernel(counted=False)
def enter_subject(lane, l, subject, points, problem, memory):
    """Let a lane begin with a subject, at the first of the records."""
    table = problem.table
    lane.subject = subject
    # results of observations stand in one line
    lane.line = problem.line + subject if points > 0 else 0
    lane.row, lane.last = problem.first[subject], problem.first[subject + 1]
    lane.point, lane.quiet = 0, -math.inf
    lane.now, lane.past = table[lane.row].time, 0.0
    memory.w[BASE + l], memory.w[GONE + l], memory.w[AHEAD + l] = lane.now, 0.0, 0.0
    memory.w[NEXT + l], memory.w[FIRST + l] = 0.0, 0.0
    lane.pending, lane.shown = NOTHING, 0
    lane.system, lane.flowing = -1, -1
    memory.w[STEPS + l], memory.w[STRIDES + l], lane.stiff, lane.calmly = 0.0, 0.0, 0, 0
    lane.stiff_at, lane.steady, lane.ended = math.nan, MOVING, SOLVED
    memory.held[l, 0] = 0
    for i in range(problem.initial.shape[1]):
        memory.peak[l, i] = 0.0
    set_tolerance(lane, l, problem, memory)
    begin(lane, l, table[lane.row].own, problem, memory)
