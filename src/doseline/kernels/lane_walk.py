"""What happens to one lane between its steps: records, doses, ends of infusions, points of a grid, in order of time.

The rules are those of `walk`, whose agenda is used as it is (docs/reference/event_tables.md). A lane that has come to a
stop is asked to go on: it does what is due, as much as there is at that moment, until it has a way ahead to step along
(`GO`), its levels are wanted (`SHOW`), or nothing is left (`DONE`).
"""

import math

from doseline.kernels.agenda import (
    ARRIVE,
    OBSERVE,
    REPLACE,
    RESET,
    RESET_DOSE,
    is_due,
    overlap,
    plan_row,
    quiet_until,
    since_last,
    take_off,
)
from doseline.kernels.fixed_point import BEST, GUESS, balanced, correction, next_guess, residual_of
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
    OVER,
    RELATIVE,
    START,
    STEPS,
    STRIDES,
)
from doseline.kernels.program import SAME, rounding

GO, SHOW, DONE = 0, 1, 2
"""What a lane asks for."""
SOLVED, UNSETTLED, TOO_MANY, TOO_SMALL, NO_NUMBER, NEGATIVE, STIFF, UNFIT = 0, 1, 2, 3, 4, 5, 6, 7
"""How a subject ended: well; no steady state; more steps than allowed; steps too small; rates that are no numbers; an
amount below zero; stiff, to be solved by another method; not begun."""
NOTHING, ENTRY, ROW, POINT = 0, 1, 2, 3
"""What a lane is on its way to."""
MOVING, SEEKING, ENDING = 0, 1, 2
"""Phases of a dose at steady state: none; periods until it settles; from the last dose of the train until now."""

HELD_FOR = 24.0
"""A constant infusion is at steady state where nothing changes in this time [h]."""
MOST_PERIODS = 300
"""After so many periods there is no steady state."""
CLOSER = 0.01
"""A steady state is sought with this part of the tolerance, and is found where a period changes no more than it."""
DENSE_FROM = 4.0
"""Points of the grid are read off a step's polynomial where the step would go over so many of them."""


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


@kernel(counted=False)
def arrive_or_end(lane, l, problem, memory):
    """The soonest entry of the agenda happens."""
    w, table = memory.w, problem.table
    what, row = take_off(memory.agenda[l], memory.held[l], table)
    target, rate = table[row].target, table[row].rate
    q = target * LANES + l
    if what == ARRIVE:
        switch(l, target, True, memory)
        if rate > 0.0:
            memory.running[l, target] += 1
            w[INFLOW + q] += rate
        else:
            w[START + q] += table[row].amount
        w[DOSE + l] = rate * table[row].duration if rate > 0.0 else table[row].amount
        w[GIVEN + l] = w[BASE + l]
    else:
        memory.running[l, target] -= 1
        w[INFLOW + q] -= rate
        if memory.running[l, target] == 0:
            # what flowed in has been taken back up to rounding: from here on exactly nothing does
            w[INFLOW + q] = 0.0
    w[JUMPED + l] = 1.0


@kernel(counted=False)
def enter_row(lane, l, problem, memory):
    """A record happens, but for its levels; how many infusions of a train run at it is the answer."""
    row = lane.row
    one = problem.table[row]
    running = 0
    if one.evid != OBSERVE or one.turn != 0:
        running = plan_row(memory.agenda[l], memory.held[l], problem.table, row)
        q = one.target * LANES + l
        if one.evid == REPLACE:
            switch(l, one.target, True, memory)
            memory.w[START + q] = one.amount
            memory.w[JUMPED + l] = 1.0
        if one.turn == 1:
            switch(l, one.target, True, memory)
            memory.w[JUMPED + l] = 1.0
        if one.turn == -1:
            switch(l, one.target, False, memory)
            set_rate(l, one.target, 0.0, memory)
            memory.running[l, one.target] = 0
            memory.w[START + q] = 0.0
            memory.w[JUMPED + l] = 1.0
    return running


@kernel(counted=False)
def last_calm(time, first, until):
    """Last point of a grid before ``until``, from ``first`` on."""
    low, high = first, time.shape[0]
    while high - low > 1:
        middle = (low + high) // 2
        if time[middle] < until:
            low = middle
        else:
            high = middle
    return low


@kernel(counted=False)
def look_ahead(lane, l, problem, grid, memory):
    """Until when nothing but points of the grid comes, with room for rounding, and the last of these points."""
    until = quiet_until(memory.agenda[l], memory.held[l], problem.table, lane.row, lane.last)
    lane.quiet = until - rounding(grid.time)
    lane.calm = lane.point
    if lane.point < grid.time.shape[0]:
        lane.calm = last_calm(grid.time, lane.point, lane.quiet)


@kernel(counted=False)
def plan(lane, l, problem, grid, memory):
    """Settle what the lane goes to next, and how far it is."""
    k, table = lane.point, problem.table
    points = grid.time.shape[0]
    if k < points and grid.time[k] < lane.quiet:
        lane.pending, lane.goal = POINT, k
        if memory.w[NEXT + l] * (lane.calm - k) > DENSE_FROM * (grid.time[lane.calm] - grid.time[k]):
            lane.goal = lane.calm
        lane.until, lane.delay = grid.time[lane.goal], 0.0
    else:
        rounded = rounding(grid.time)
        until, delay, by_row = math.inf, 0.0, False
        if k < points:
            until = grid.time[k] + rounded
        if lane.row < lane.last and table[lane.row].time <= until + SAME * abs(until):
            until, by_row = table[lane.row].time, True
        due = is_due(memory.agenda[l], memory.held[l], until)
        if due:
            at = memory.held[l, 0] - 1
            until, delay = memory.agenda[l, at].nominal, memory.agenda[l, at].delay
        elif not by_row:
            until = grid.time[k]
        lane.pending = ENTRY if due else ROW if by_row else POINT
        lane.goal = k
        lane.until, lane.delay = until, delay
        lane.quiet = -math.inf
        if lane.pending == POINT:
            look_ahead(lane, l, problem, grid, memory)
    lane.within = 0
    if lane.pending == POINT:
        latest = table[lane.row - 1].time
        lane.within = 1 if lane.until - latest > SAME * abs(latest) + rounding(grid.time) else 0
    # behind the last record its own values hold
    stretch = table[lane.row].stretch if lane.row < lane.last else table[lane.last - 1].own
    stand(lane, l, stretch, problem, memory)
    memory.w[OVER + l] = 1.0 if lane.goal > k else 0.0
    memory.w[AHEAD + l] = (lane.until - lane.now) + (lane.delay - lane.past)
    if memory.w[AHEAD + l] > 0.0:
        if lane.flowing != stretch:
            lane.flowing, memory.w[JUMPED + l] = stretch, 1.0
    else:
        # a hair before where the state stands: there is no way back
        memory.w[AHEAD + l], lane.until, lane.delay = 0.0, lane.now, lane.past


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


@kernel(counted=False)
def check_amounts(lane, l, problem, memory):
    """No amount may fall below zero by more than rounding."""
    for i in range(problem.initial.shape[1]):
        if problem.guard[i]:
            value = memory.w[START + i * LANES + l]
            memory.peak[l, i] = max(memory.peak[l, i], value)
            if value < -1e-6 * memory.peak[l, i] - 1e4 * problem.atol[i]:
                lane.ended = NEGATIVE


@kernel(counted=False)
def proceed(lane, l, problem, grid, memory):
    """Let a lane that stands at a stop do what is due: `GO`, `SHOW` or `DONE`."""
    table, points = problem.table, grid.time.shape[0]
    check_amounts(lane, l, problem, memory)
    while lane.ended == SOLVED:
        if lane.steady != MOVING:
            if go_on_steadily(lane, l, problem, memory):
                return GO
            lane.row += 1
            lane.pending = NOTHING
            continue
        if lane.pending == NOTHING:
            if lane.row >= lane.last and lane.point >= points:
                return DONE
            plan(lane, l, problem, grid, memory)
            if memory.w[AHEAD + l] > 0.0:
                return GO
        lane.now, lane.past = lane.until, lane.delay
        memory.w[BASE + l], memory.w[GONE + l] = lane.now + lane.past, 0.0
        if lane.pending == ENTRY:
            arrive_or_end(lane, l, problem, memory)
            lane.pending = NOTHING
        elif lane.pending == ROW:
            one = table[lane.row]
            if lane.shown == 0:
                if one.evid in (RESET, RESET_DOSE):
                    begin(lane, l, one.own, problem, memory)
                if one.evid == OBSERVE and one.slot >= 0:
                    stand(lane, l, one.own, problem, memory)
                    lane.shown, lane.column = 1, one.slot
                    return SHOW
            lane.shown = 0
            lane.running = enter_row(lane, l, problem, memory)
            if one.steady > 0:
                start_steady(lane, l, problem, memory)
                if memory.w[AHEAD + l] > 0.0:
                    return GO
            else:
                lane.row += 1
                lane.pending = NOTHING
        else:
            if lane.shown == 0:
                if lane.within == 0:
                    stand(lane, l, table[lane.row - 1].own, problem, memory)
                lane.shown, lane.column = 1, lane.goal
                return SHOW
            lane.shown = 0
            lane.point = lane.goal + 1
            lane.pending = NOTHING
    return DONE
