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
    plan_row,
    quiet_until,
    take_off,
)
from doseline.kernels.kernel import kernel
from doseline.kernels.lane_state import (
    ENTRY,
    MOVING,
    NEGATIVE,
    NOTHING,
    POINT,
    ROW,
    SOLVED,
    begin,
    set_rate,
    stand,
    switch,
)
from doseline.kernels.lane_steady import go_on_steadily, start_steady
from doseline.kernels.lanes import AHEAD, BASE, DOSE, GIVEN, GONE, INFLOW, JUMPED, LANES, NEXT, OVER, START
from doseline.kernels.program import SAME, rounding

GO, SHOW, DONE = 0, 1, 2
"""What a lane asks for."""
DENSE_FROM = 4.0
"""Points of the grid are read off a step's polynomial where the step would go over so many of them."""


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
