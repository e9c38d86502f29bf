"""Running a program for one subject after another.

Between two inputs the state only decays and spreads, ``x(t) = exp(A (t - t0)) x(t0)``, so a level at the k-th grid
point of a segment is a fixed row of numbers, ``weights . exp(A (offset + k step))``, times the state where the segment
begins. The rows are tabulated once a subject for each distinct offset (a regular regimen has one or two), and what
remains for each level is one multiplication a state.
"""

import math
from typing import NamedTuple

import numpy as np

from doseline.kernels.kernel import kernel
from doseline.kernels.program import list_inputs, write_program
from doseline.kernels.propagator import propagator


class System(NamedTuple):
    """A linear model for a block of subjects, in hours and mg."""

    rates: np.ndarray  # (subject, n * n) the state matrix A, row after row [1/h]
    losses: np.ndarray  # (subject, n) what leaves the body [1/h]; -1: the state is the rate of an infusion
    weights: np.ndarray  # (output, subject, n) an output is weights . state
    initial: np.ndarray  # (subject, n) at time zero [mg]
    solvable: np.ndarray  # (subject,) False: levels become NaN


@kernel
def fill_steps(rates, losses, grid, program, steps, scratch, size):
    """``exp(A t)`` for each distinct interval of the program, then each offset, then the step of the grid."""
    intervals, tables = program.size[1], program.size[2]
    # one call in one loop: each call of it would be compiled in full
    for s in range(intervals + tables + 1):
        t = grid.step
        if s < intervals:
            t = program.interval[s]
        elif s < intervals + tables:
            t = program.offset[s - intervals]
        propagator(rates, losses, t, steps[s], scratch, size)


@kernel
def fill_tables(row, system, program, steps, tables, size):
    """``weights . exp(A (offset + k step))`` for each distinct offset, as many columns as are read."""
    n = len(size)
    weights = system.weights
    offsets, count = program.size[1], program.size[2]
    step = steps[offsets + count]
    for t in range(count):
        first = steps[offsets + t]
        for o in range(weights.shape[0]):
            table = tables[t, o]
            for i in range(n):
                total = 0.0
                for j in range(n):
                    total += weights[o, row, j] * first[j * n + i]
                table[i, 0] = total
            for k in range(1, program.width[t]):
                for i in range(n):
                    total = 0.0
                    for j in range(n):
                        total += table[j, k - 1] * step[j * n + i]
                    table[i, k] = total


@kernel(inline="always")
def read_table(levels, state, table, size):
    """``levels = state @ table``, two states at a time so that the loop over grid points vectorises."""
    n = len(size)
    if n == 1:
        for c in range(levels.shape[0]):
            levels[c] = state[0] * table[0, c]
    else:
        one, two = state[0], state[1]
        for c in range(levels.shape[0]):
            levels[c] = one * table[0, c] + two * table[1, c]
    for i in range(2, n - 1, 2):
        one, two = state[i], state[i + 1]
        for c in range(levels.shape[0]):
            levels[c] += one * table[i, c] + two * table[i + 1, c]
    if n > 1 and n % 2 == 1:
        one = state[n - 1]
        for c in range(levels.shape[0]):
            levels[c] += one * table[n - 1, c]


@kernel
def run_program(row, course, program, steps, tables, state, out, size):
    """Run the segments for one subject: levels into ``out``; ``state`` (2, n) ends at the last segment's start."""
    n = len(size)
    now, then = state[0], state[1]
    k = program.size[3]
    for o in range(out.shape[0]):
        for c in range(k):
            out[o, row, c] = 0.0
    for s in range(program.size[0]):
        step = program.step[s]
        if step >= 0:
            for i in range(n):
                then[i] = now[i]
            for i in range(n):
                total = 0.0
                for j in range(n):
                    total += steps[step, i * n + j] * then[j]
                now[i] = total
        kind = program.kind[s]
        if kind >= 0:
            now[program.place[s]] += course.amount[row, kind] * program.factor[s]
        if program.closing[s]:
            # what flowed in has been taken back up to rounding: from here on exactly nothing does
            for i in range(course.inflows, n):
                now[i] = 0.0
        columns = program.columns[s]
        table = program.table[s]
        for o in range(out.shape[0]):
            read_table(out[o, row, k : k + columns], now, tables[table, o], size)
        k += columns


@kernel
def same_plan(row, other, course):
    """Do two subjects take their doses at the same times?"""
    same = course.taken[row] == course.taken[other]
    for kind in range(course.lag.shape[1]):
        same = same and course.lag[row, kind] == course.lag[other, kind]
        same = same and course.duration[row, kind] == course.duration[other, kind]
    return same


@kernel
def walk_block(span, system, course, grid, room, out, solved, size):
    """Levels of subjects ``span[0] .. span[1] - 1`` into ``out`` (output, subject, time); success into ``solved``.

    ``room`` comes from `blank`, and no two threads may share it.
    """
    n = len(size)
    inputs, program = room
    state, scratch = np.empty((2, n)), np.empty((4, n * n))
    steps, tables = np.empty((0, n * n)), np.empty((0, 0, 0, 0))
    planned = span[0]
    first = True
    for row in range(span[0], span[1]):
        solved[row] = system.solvable[row]
        if solved[row]:
            if first or not same_plan(row, planned, course):
                write_program(list_inputs(row, course, inputs), inputs, grid, program)
                steps = np.empty((program.size[1] + program.size[2] + 1, n * n))
                widest = 0
                for t in range(program.size[2]):
                    widest = max(widest, program.width[t])
                tables = np.empty((program.size[2], out.shape[0], n, widest))
                planned, first = row, False
            fill_steps(system.rates[row], system.losses[row], grid, program, steps, scratch, size)
            fill_tables(row, system, program, steps, tables, size)
            for i in range(n):
                state[0, i] = system.initial[row, i]
            run_program(row, course, program, steps, tables, state, out, size)
            for i in range(n):
                solved[row] = solved[row] and math.isfinite(state[0, i])
        if not solved[row]:
            out[:, row, :] = np.nan
