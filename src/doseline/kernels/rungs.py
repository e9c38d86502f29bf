r"""A ladder that also knows levels, areas and slopes: what `ladder` is for states, for one output of them.

An output is ``y = w . x``. Over the lowest rung's step ``h`` it is a short polynomial,

.. math:: y(s h) = \sum_m \left(\frac{w A^m h^m}{m!} x\right) s^m ,

whose rows stand once for all states. Its integral is the area under ``h``, and doubling needs no new integral: the area
under twice the time is ``v (I + P)``, where v is the row of the area and P the propagator of the rung. So levels, their
slopes and the area under them are sums of products at any time, and no area is a difference of others.

The rows of ``w`` up to ``ladder.ROWS`` are those of `ladder`, and the ones named here stand behind them.
"""

import math

import numpy as np

from doseline.kernels.kernel import kernel
from doseline.kernels.ladder import (
    FOLLOWING,
    LEFT_OUT,
    LOSS,
    MATRIX,
    MOST_TERMS,
    PACE,
    ROWS,
    RUNG,
    RUNGS,
    SHIFTED,
    TERM,
    TOTAL,
    climb,
    rows,
    stand,
)

WEIGHT, SLOPE, CURVE = rows(ROWS, 3)  # y = w . x, y' = w A . x, y'' = w A A . x
START, HERE, THERE, LOW = rows(ROWS + 3, 4)  # states of a piece
(NEXT,) = rows(ROWS + 7, 1)  # the state where the next cell begins, or a row that is used up
(ROW,) = rows(ROWS + 8, 1)  # weights . exp(A t) for one time
POLY = ROWS + 9  # coefficients of the level within the lowest rung
ROOT, PEAK = ROWS + 10, ROWS + 11  # extremes of a cell: when [h], and the level there
SPREAD = ROWS + 12  # how far an output follows an amount, up and down; cells in an octave, as a power of two
DEGREE = 11
"""Highest power: a step of the lowest rung moves no more than an eighth, and the next term is below 1e-18."""
(TAYLOR,) = rows(ROWS + 13, 1)
(PILE,) = rows(ROWS + 14 + DEGREE, 1)  # states whose cells are still to be looked at
(AREA,) = rows(ROWS + 14 + DEGREE + RUNGS, 1)
PLAN = ROWS + 14 + DEGREE + 2 * RUNGS  # longest piece [h]; how many lengths come often, and those [h]
FOUND = PLAN + 1  # what is found of a piece, see below
LIMITS = PLAN + 2  # thresholds
KNOWN = PLAN + 3  # highest and lowest level of the course so far, and pieces that speak for others
KEPT = 4
"""Lengths that come often and may have a propagator of their own."""
(KEPT_STEP,) = rows(PLAN + 4, 1)
KEPT_AREA = KEPT_STEP + KEPT
JUMP = KEPT_AREA + KEPT
LEVELS = 20
"""Maps over a train of intervals: matrix, constant and row of the area; each level has twice the intervals."""
ALL = JUMP + 3 * LEVELS
TOP, WHEN, LEAST, HOURS = 0, 1, 2, 3
"""What is found of a piece: highest level, how long after its start, lowest; hours above each threshold, and after them
how long after its start the level is first above each, inf: never."""
WIDTH = 24
"""Least width of a row."""
FURTHEST = 2.0**60
"""So many steps of the lowest rung are counted."""


def blank_numbers(n, thresholds):
    """The numbers of one thread; plain Python, for compiling it takes a second."""
    w = np.zeros((ALL, max(n * n, n + 2, WIDTH, HOURS + 2 * len(thresholds))))
    w[LIMITS, : len(thresholds)] = thresholds
    return w


@kernel(inline="always", counted=False)
def dot(w, row, other, size):
    """Product of two rows."""
    total = 0.0
    for i in range(len(size)):
        total += w[row, i] * w[other, i]
    return total


@kernel(inline="always", counted=False)
def carry(w, matrix, source, target, size):
    """``target = matrix @ source``, all of them rows; target is not the source."""
    n = len(size)
    for i in range(n):
        total = 0.0
        for j in range(n):
            total += w[matrix, i * n + j] * w[source, j]
        w[target, i] = total


@kernel(counted=False)
def times_matrix(w, row, matrix, target, share, size):
    """``target = row @ matrix * share``; target is not the row."""
    n = len(size)
    for j in range(n):
        total = 0.0
        for i in range(n):
            total += w[row, i] * w[matrix, i * n + j]
        w[target, j] = total * share


@kernel(counted=False)
def stand_with(w, longest, fine, size):
    """Begin anew for the rows ``MATRIX``, ``LOSS`` and ``WEIGHT``, for stretches of time up to ``longest`` [h].

    ``fine`` says into how many cells an octave of time is cut, as a power of two. False where the stretch is too long
    for the fastest loss to be followed.
    """
    n = len(size)
    stand(w, size)
    step = w[PACE, 1]
    times_matrix(w, WEIGHT, MATRIX, SLOPE, 1.0, size)
    times_matrix(w, SLOPE, MATRIX, CURVE, 1.0, size)
    for i in range(n):
        w[TAYLOR, i] = w[WEIGHT, i]
        w[AREA, i] = w[WEIGHT, i] * step
    for m in range(1, DEGREE + 1):
        times_matrix(w, TAYLOR + m - 1, MATRIX, TAYLOR + m, step / m, size)
        for i in range(n):
            w[AREA, i] += w[TAYLOR + m, i] * step / (m + 1.0)
    up, down = 0.0, 0.0
    for i in range(n):
        up, down = max(up, w[WEIGHT, i]), max(down, -w[WEIGHT, i])
    w[SPREAD, 0], w[SPREAD, 1], w[SPREAD, 2] = up, down, fine
    if not longest / step < FURTHEST:
        return False
    top, reach = 0, step
    while 2.0 * reach <= longest:
        reach *= 2.0
        top += 1
    climb(w, top, size)
    for k in range(top):
        times_matrix(w, AREA + k, RUNG + k, AREA + k + 1, 1.0, size)
        for i in range(n):
            w[AREA + k + 1, i] += w[AREA + k, i]
    return True


@kernel(counted=False)
def expand(w, row, size):
    """Coefficients of the level within the lowest rung's step, for the state in a row."""
    for m in range(DEGREE + 1):
        w[POLY, m] = dot(w, TAYLOR + m, row, size)


@kernel(inline="always", counted=False)
def level_in(w, s):
    """Level at the fraction ``s`` of the lowest rung's step, from its coefficients."""
    level = w[POLY, DEGREE]
    for m in range(DEGREE - 1, -1, -1):
        level = level * s + w[POLY, m]
    return level


@kernel(counted=False)
def drift(w, row, t, size):
    """``x = exp(matrix t) x`` for ``t`` below the lowest step: the series of `ladder.move`."""
    n = len(size)
    for i in range(n):
        w[TERM, i] = w[row, i]
        w[TOTAL, i] = w[row, i]
    k, going = 1, True
    while going:
        share = t / k
        carry(w, SHIFTED, TERM, FOLLOWING, size)
        # what flows through all compartments needs as many terms to come to the last of them
        going = k < n
        for i in range(n):
            w[TERM, i] = w[FOLLOWING, i] * share
            w[TOTAL, i] += w[TERM, i]
            going = going or w[TERM, i] > LEFT_OUT * w[TOTAL, i]
        k += 1
        going = going and k < MOST_TERMS
    decay = math.exp(-w[PACE, 0] * t)
    for i in range(n):
        # a rate stays as it is
        if w[LOSS, i] >= 0.0:
            w[row, i] = w[TOTAL, i] * decay


@kernel(counted=False)
def advance(w, row, t, size):
    """Move the state in a row by ``t`` >= 0 [h], and return the area under its level until then."""
    n = len(size)
    steps = np.int64(math.floor(t / w[PACE, 1]))
    rest, area, rung = t - steps * w[PACE, 1], 0.0, 0
    while steps > 0:
        if steps & 1:
            area += dot(w, AREA + rung, row, size)
            carry(w, RUNG + rung, row, TOTAL, size)
            for i in range(n):
                w[row, i] = w[TOTAL, i]
        steps >>= 1
        rung += 1
    if rest > 0.0:
        s = rest / w[PACE, 1]
        expand(w, row, size)
        inner = 0.0
        for m in range(DEGREE, -1, -1):
            inner = inner * s + w[POLY, m] / (m + 1.0)
        area += inner * rest
        drift(w, row, rest, size)
    return area


@kernel(counted=False)
def row_after(w, t, size):
    """``weights . exp(A t)`` into the row ``ROW``: the level at ``t`` [h] behind any state."""
    n = len(size)
    steps = np.int64(math.floor(t / w[PACE, 1]))
    s, rung = (t - steps * w[PACE, 1]) / w[PACE, 1], 0
    for i in range(n):
        total = w[TAYLOR + DEGREE, i]
        for m in range(DEGREE - 1, -1, -1):
            total = total * s + w[TAYLOR + m, i]
        w[ROW, i] = total
    while steps > 0:
        if steps & 1:
            times_matrix(w, ROW, RUNG + rung, NEXT, 1.0, size)
            for i in range(n):
                w[ROW, i] = w[NEXT, i]
        steps >>= 1
        rung += 1
