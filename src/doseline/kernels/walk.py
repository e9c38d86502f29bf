"""The walk through a subject's records: from one thing that happens to the next, whatever it is.

Between two of them the state moves by `ladder`, under the system of the stretch that ends at the next record. Rates of
infusions are states behind the compartments, as in `drive`; while a compartment is off, its row and column of the
matrix are zero. Subjects share nothing, so the bits of one do not depend on its neighbours. Rules:
docs/reference/event_tables.md; how it is computed: docs/theory/event_tables.md.
"""

import math
from typing import NamedTuple

import numpy as np

from doseline.kernels.agenda import (
    ARRIVE,
    ENTRY,
    OBSERVE,
    REPLACE,
    RESET,
    RESET_DOSE,
    is_due,
    plan_row,
    quiet_until,
    since_last,
    take_off,
)
from doseline.kernels.kernel import kernel
from doseline.kernels.ladder import (
    LOSS,
    MATRIX,
    SCRATCH,
    SPARE,
    STATE,
    STRIDE,
    TOTAL,
    TRAIN,
    blank_rows,
    move,
    stand,
)
from doseline.kernels.program import SAME, rounding
from doseline.kernels.propagator import propagator
from doseline.kernels.steady import Train, hold_rate, settle

SOLVED, UNSETTLED, UNBOUNDED, UNFIT = 0, 1, 2, 3
"""How the walk of a subject ended: well, at a steady state that does not exist, beyond all numbers, or not begun."""
COASTED = 64
"""Longest run of grid points reached by equal steps; then the state moves there at once, and rounding starts again."""


class Systems(NamedTuple):
    """Every set of values that any record has, in hours and mg; the states behind the compartments are rates."""

    rates: np.ndarray  # (system, n * n) [1/h]
    losses: np.ndarray  # (system, n) what leaves the body [1/h]; -1: the state is the rate of an infusion
    weights: np.ndarray  # (output, system, n) an output is weights . state
    initial: np.ndarray  # (system, n) [mg]
    compartments: int  # how many of the states are compartments


class Work(NamedTuple):
    """Memory of one thread."""

    w: np.ndarray  # numbers in named rows, see `ladder`
    on: np.ndarray  # (n,) is the compartment switched on? Also handed on as the ``size`` of other kernels
    running: np.ndarray  # (n,) how many infusions are behind each rate
    agenda: np.ndarray  # of `agenda.ENTRY`
    held: np.ndarray  # (1,) how many entries there are
    stands: np.ndarray  # (2,) system that the ladder stands on, -1: none; does the stride belong to it?


def blank_work(n, entries):
    """Memory for ``n`` states and so many entries of the agenda; plain Python, for compiling it takes a second."""
    return Work(
        blank_rows(n), np.ones(n, np.bool_), np.zeros(n, np.int64), np.zeros(entries, ENTRY),
        np.zeros(1, np.int64), np.zeros(2, np.int64),
    )  # fmt: skip


@kernel
def face(system, systems, work):
    """Let the ladder stand on a system, without the compartments that are off."""
    n, w = len(work.on), work.w
    for j in range(n):
        w[LOSS, j] = systems.losses[system, j] if work.on[j] else 0.0
        for i in range(n):
            rate = systems.rates[system, i * n + j] if work.on[j] else 0.0
            w[MATRIX, i * n + j] = rate if work.on[i] else 0.0
            # what would go to a compartment that is off is lost
            if not work.on[i] and j < systems.compartments:
                w[LOSS, j] += rate
    stand(w, work.on)
    work.stands[0], work.stands[1] = system, 0


@kernel
def switch(work, target, on):
    """Switch a compartment on or off."""
    if work.on[target] != on:
        work.on[target] = on
        work.stands[0] = -1


@kernel
def begin(system, systems, work):
    """Initial conditions: all compartments on, no infusion."""
    for i in range(len(work.on)):
        work.w[STATE, i] = systems.initial[system, i]
        work.running[i] = 0
        switch(work, i, True)


@kernel
def write_levels(w, row, systems, system, out, line, column):
    """Outputs of the state in a row."""
    for o in range(out.shape[0]):
        total = 0.0
        for i in range(systems.weights.shape[2]):
            total += systems.weights[o, system, i] * w[row, i]
        out[o, line, column] = total


@kernel(inline="always")
def arrive_or_end(work, table):
    """The soonest entry of the agenda happens."""
    w = work.w
    what, row = take_off(work.agenda, work.held, table)
    target, inflow, rate = table[row].target, table[row].inflow, table[row].rate
    if what == ARRIVE:
        switch(work, target, True)
        if rate > 0.0:
            work.running[inflow] += 1
            w[STATE, inflow] += rate
        else:
            w[STATE, target] += table[row].amount
    else:
        work.running[inflow] -= 1
        w[STATE, inflow] -= rate
        if work.running[inflow] == 0:
            # what flowed in has been taken back up to rounding: from here on exactly nothing does
            w[STATE, inflow] = 0.0


@kernel(inline="always")
def enter_row(row, table, systems, work, out, line):
    """A record happens; its levels go to its column. How many infusions of a train run at it is the answer."""
    w, evid, target = work.w, table[row].evid, table[row].target
    running = 0
    if evid in (RESET, RESET_DOSE):
        begin(table[row].own, systems, work)
    if evid == OBSERVE and table[row].slot >= 0:
        write_levels(w, STATE, systems, table[row].own, out, line, table[row].slot)
    if evid != OBSERVE or table[row].turn != 0:
        running = plan_row(work.agenda, work.held, table, row)
        if evid == REPLACE:
            switch(work, target, True)
            w[STATE, target] = table[row].amount
        if table[row].turn == 1:
            switch(work, target, True)
        if table[row].turn == -1:
            switch(work, target, False)
            w[STATE, target] = 0.0
            if table[row].inflow >= 0:
                w[STATE, table[row].inflow] = 0.0
                work.running[table[row].inflow] = 0
    return running


@kernel(inline="always")
def steady_dose(row, running, table, systems, work):
    """The train of a dose at steady state replaces, or joins, what is in the body. False where it never settles."""
    w, compartments = work.w, systems.compartments
    one = table[row]
    switch(work, one.target, True)
    face(one.own, systems, work)
    if one.interval == 0.0:
        settled = hold_rate(w, one.target, one.rate, compartments, work.on)
    else:
        since = since_last(table, row)
        train = Train(one.target, one.inflow, one.amount, one.rate, one.duration, one.interval, since)
        settled = settle(w, train, compartments, work.on)
    for i in range(len(work.on)):
        if one.steady == 1:
            w[STATE, i] = 0.0
            work.running[i] = 0
        w[STATE, i] += w[TRAIN, i]
    if running > 0:
        work.running[one.inflow] += running
        w[STATE, one.inflow] += running * one.rate
    return settled


@kernel(inline="always")
def coast(k, until, system, systems, grid, work, out, line):
    """Write the even grid points from ``k`` on that come before ``until``, ahead of the state; the next ``k``."""
    n, w = len(work.on), work.w
    points, first = grid.time.shape[0], k
    if grid.step > 0.0 and k + 1 < points and grid.time[k + 1] < until:
        if work.stands[1] == 0:
            propagator(w[MATRIX], w[LOSS], grid.step, w[STRIDE], w[SCRATCH : SCRATCH + 4], work.on)
            work.stands[1] = 1
        for i in range(n):
            w[SPARE, i] = w[STATE, i]
        while k < points and k < first + COASTED and grid.time[k] < until:
            for i in range(n):
                total = 0.0
                for j in range(n):
                    total += w[STRIDE, i * n + j] * w[SPARE, j]
                w[TOTAL, i] = total
            for i in range(n):
                w[SPARE, i] = w[TOTAL, i]
            write_levels(w, SPARE, systems, system, out, line, k)
            k += 1
    return k


@kernel(inline="always")
def walk_subject(subject, first, table, systems, grid, work, out):
    """Levels of one subject into ``out``: at its observations, or where there is one, on a grid."""
    w, agenda, held = work.w, work.agenda, work.held
    row, last = first[subject], first[subject + 1]
    k, points = 0, grid.time.shape[0]
    line = subject if points > 0 else 0
    rounded = rounding(grid.time)
    # now is a pair, as entries of the agenda are
    now, past = table[row].time, 0.0
    while k < points and grid.time[k] < now - SAME * abs(now) - rounded:
        for o in range(out.shape[0]):
            out[o, line, k] = 0.0
        k += 1
    held[0] = 0
    work.stands[0] = -1
    begin(table[row].own, systems, work)
    settled = True
    while row < last or k < points:
        until, delay, by_row = math.inf, 0.0, False
        if k < points:
            until = grid.time[k] + rounded
        if row < last and table[row].time <= until + SAME * abs(until):
            until, by_row = table[row].time, True
        due = is_due(agenda, held, until)
        if due:
            until, delay = agenda[held[0] - 1].nominal, agenda[held[0] - 1].delay
        elif not by_row:
            until = grid.time[k]
        # behind the last record its own values hold
        stretch = table[row].stretch if row < last else table[last - 1].own
        if work.stands[0] != stretch:
            face(stretch, systems, work)
        ahead = (until - now) + (delay - past)
        if ahead > 0.0:
            move(w, STATE, ahead, systems.compartments, work.on)
            now, past = until, delay
        if due:
            arrive_or_end(work, table)
        elif by_row:
            running = enter_row(row, table, systems, work, out, line)
            if table[row].steady > 0:
                settled = steady_dose(row, running, table, systems, work) and settled
            row += 1
        else:
            latest = table[row - 1].time
            at_record = until - latest <= SAME * abs(latest) + rounded
            system = table[row - 1].own if at_record else stretch
            write_levels(w, STATE, systems, system, out, line, k)
            quiet = quiet_until(agenda, held, table, row, last) - rounded
            k = coast(k + 1, quiet, stretch, systems, grid, work, out, line)
    ended = SOLVED if settled else UNSETTLED
    for i in range(len(work.on)):
        if settled and not math.isfinite(w[STATE, i]):
            ended = UNBOUNDED
    return ended


@kernel
def walk_records(span, first, table, systems, grid, work, out, ended):
    """Walk the subjects ``span[0] .. span[1] - 1`` but for those that ``ended`` (subject,) says are not `SOLVED`.

    How it went is written there. ``table`` is of `agenda.TABLE`, and the records of a subject begin at
    ``first[subject]``. ``out`` is (output, 1, observation), or (output, subject, time) where the grid has times.
    ``work`` comes from `blank_work`, and no two threads may share it.
    """
    for subject in range(span[0], span[1]):
        if ended[subject] == SOLVED:
            ended[subject] = walk_subject(subject, first, table, systems, grid, work, out)
