"""Doses at steady state in a lane: the train of a record is followed, period by period, until nothing changes any more.

A period is a way that has no stops but its own: it is stepped along as any other, and `fixed_point` makes of what it
led to the state that the next one begins with.
"""

import math

from doseline.kernels.agenda import overlap, since_last
from doseline.kernels.fixed_point import BEST, GUESS, balanced, correction, next_guess, residual_of
from doseline.kernels.kernel import kernel
from doseline.kernels.lane_state import (
    CLOSER,
    ENDING,
    MOVING,
    SEEKING,
    UNSETTLED,
    set_rate,
    set_tolerance,
    stand,
    switch,
)
from doseline.kernels.lanes import (
    AHEAD,
    BASE,
    DOSE,
    FIRST,
    GIVEN,
    GONE,
    INFLOW,
    JUMPED,
    LANES,
    NEXT,
    ON,
    START,
)

HELD_FOR = 24.0
"""A constant infusion is at steady state where nothing changes in this time [h]."""
MOST_PERIODS = 300
"""After so many periods there is no steady state."""


@kernel(counted=False)
def spans(table, row):
    """How long a period of a train is, and how long ago its last dose arrived [h]; a constant infusion has neither."""
    if table[row].interval == 0.0:
        return HELD_FOR, 0.0
    return table[row].interval, since_last(table, row)


@kernel(counted=False)
def start_part(lane, l, problem, memory):
    """Go on to the next part of a train's way that has any length; False where there is none.

    An infusion runs with one more of its kind at the beginning of an interval: two parts. ``lane.part`` counts them.
    """
    one = problem.table[lane.row]
    whole, first = 0.0, 0.0
    period, since = spans(problem.table, lane.row)
    reach = since if lane.steady == ENDING else period
    if one.rate > 0.0 and one.interval > 0.0:
        whole, rest = overlap(one.duration, one.interval)
        first = min(rest, reach)
    memory.w[AHEAD + l] = 0.0
    while lane.part < 2 and memory.w[AHEAD + l] <= 0.0:
        if one.rate > 0.0:
            many = 1.0 if one.interval == 0.0 else whole + 1.0 - lane.part
            set_rate(l, one.target, many * one.rate, memory)
        memory.w[AHEAD + l] = first if lane.part == 0 else reach - first
        lane.part += 1
    memory.w[JUMPED + l] = 1.0
    return memory.w[AHEAD + l] > 0.0


@kernel(counted=False)
def start_way(lane, l, base, problem, memory):
    """A dose of the train arrives at ``base``, and its way begins."""
    one = problem.table[lane.row]
    w = memory.w
    w[BASE + l], w[GONE + l], lane.part = base, 0.0, 0
    w[GIVEN + l] = base
    w[DOSE + l] = one.rate * one.duration if one.rate > 0.0 else one.amount
    if one.rate <= 0.0:
        w[START + one.target * LANES + l] += one.amount


@kernel(counted=False)
def start_steady(lane, l, problem, memory):
    """Lay aside what is in the body, and begin to seek the steady state of the train of the lane's record."""
    w, one = memory.w, problem.table[lane.row]
    switch(l, one.target, True, memory)
    stand(lane, l, one.own, problem, memory)
    own = memory.history[l]
    for i in range(problem.initial.shape[1]):
        q = i * LANES + l
        memory.saved[l, 0, i] = w[START + q]
        memory.saved[l, 1, i] = w[INFLOW + q]
        w[INFLOW + q] = 0.0
        own[GUESS, i] = problem.initial[one.own, i] * w[ON + q]
        w[START + q] = own[GUESS, i]
    lane.steady, lane.periods, lane.known, lane.least = SEEKING, 0, -1, math.inf
    set_tolerance(lane, l, problem, memory)
    w[FIRST + l], w[NEXT + l] = 0.0, 0.0
    period, since = spans(problem.table, lane.row)
    start_way(lane, l, (lane.now + lane.past) - since - period, problem, memory)
    start_part(lane, l, problem, memory)


@kernel(counted=False)
def end_steady(lane, l, problem, memory):
    """The train replaces, or joins, what is in the body."""
    w, one = memory.w, problem.table[lane.row]
    for i in range(problem.initial.shape[1]):
        q = i * LANES + l
        if one.steady == 1:
            memory.running[l, i] = 0
            w[INFLOW + q] = 0.0
        else:
            w[START + q] += memory.saved[l, 0, i]
            w[INFLOW + q] = memory.saved[l, 1, i]
    if lane.running > 0:
        memory.running[l, one.target] += lane.running
        w[INFLOW + one.target * LANES + l] += lane.running * one.rate
    lane.steady = MOVING
    set_tolerance(lane, l, problem, memory)
    w[FIRST + l], w[NEXT + l] = 0.0, 0.0
    w[BASE + l], w[GONE + l], w[JUMPED + l] = lane.now + lane.past, 0.0, 1.0


@kernel(counted=False)
def end_way(lane, l, base, problem, memory):
    """The train is at steady state, a dose of it just due: on from ``base`` until now. False where now is then."""
    lane.steady = ENDING
    if problem.table[lane.row].interval == 0.0:
        set_rate(l, problem.table[lane.row].target, 0.0, memory)
    else:
        start_way(lane, l, base, problem, memory)
        if start_part(lane, l, problem, memory):
            return True
    end_steady(lane, l, problem, memory)
    return False


@kernel(counted=False)
def go_on_steadily(lane, l, problem, memory):
    """A part of a train's way is done: what comes next? False where the steady state is there, or does not exist."""
    if start_part(lane, l, problem, memory):
        return True
    if lane.steady == ENDING:
        end_steady(lane, l, problem, memory)
        return False
    w, own, mapped = memory.w, memory.history[l], memory.vector
    n = problem.initial.shape[1]
    for i in range(n):
        mapped[i] = w[START + i * LANES + l]
    miss, plain = residual_of(own, mapped, lane.periods == 0, problem.rtol, problem.atol)
    lane.periods += 1
    one = problem.table[lane.row]
    given = one.rate * HELD_FOR if one.interval == 0.0 else w[DOSE + l]
    period, since = spans(problem.table, lane.row)
    now = lane.now + lane.past
    # a guess that is not made from others is just one period further
    plainly = lane.known <= 0
    still = miss <= CLOSER and balanced(own, mapped, problem.guard, problem.rtol, given)
    if lane.periods >= MOST_PERIODS or (plainly and not math.isfinite(plain)):
        lane.ended = UNSETTLED
        return False
    if still or plainly or plain <= lane.least:
        lane.least = plain
        for i in range(n):
            own[BEST, i] = mapped[i]
        lane.known = next_guess(own, lane.known, mapped, problem.guard)
        if still and correction(own, mapped) <= 1.0:
            return end_way(lane, l, now - since, problem, memory)
    else:
        # the guess went astray: on from the best one, by a plain period
        lane.known = -1
        for i in range(n):
            own[GUESS, i] = own[BEST, i]
    for i in range(n):
        w[START + i * LANES + l] = own[GUESS, i]
    start_way(lane, l, now - since - period, problem, memory)
    return start_part(lane, l, problem, memory)
