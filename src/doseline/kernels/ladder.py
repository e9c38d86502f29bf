r"""Moving a state by any stretch of time, for systems that are asked for many different ones.

A stretch is whole steps of the ladder and a rest, ``t = m h + r``. The whole steps are taken by rungs, the propagators
over ``h, 2 h, 4 h, ...``, each the square of the one below and made when first needed: one for each binary digit of
``m``. The rest is the power series itself, applied to the state,

.. math:: e^{A r} x = e^{-q r} \sum_k \frac{((A + q I)\, r)^k}{k!}\, x ,

in which nothing is negative. So an interval that never comes again costs some ``n^2`` operations for each digit and
term, where a propagator of its own would cost ``n^3``.

All numbers of a thread stand in the rows of one array ``w`` (`ROWS`, n * n), whose names are below: each array that is
handed from function to function is counted in and out, which costs more than the arithmetic. ``size`` is any array
of length n here and not a tuple: the same code serves all numbers of states, and is as fast.
"""

import math

import numpy as np

from doseline.kernels.kernel import kernel
from doseline.kernels.propagator import propagator, square


def rows(first, count):
    """Numbers of rows. They have a type, for numba compiles a function anew for each literal it is called with."""
    return tuple(np.int64(first + k) for k in range(count))


# amounts [mg] and rates of infusions [mg/h]: of the body, of grid points, of doses at steady state
STATE, SPARE, TRAIN = rows(0, 3)
# the system that the ladder stands on [1/h], and the same plus the fastest loss on the diagonal
MATRIX, SHIFTED = rows(3, 2)
TERM, TOTAL, FOLLOWING = rows(5, 3)  # of the series
LOSS, GONE = rows(
    8, 2
)  # what leaves the body per hour (-1: the rate of an infusion), and over the highest rung
PACE = 10  # fastest loss [1/h]; step of the lowest rung [h]; how many rungs are made
(STRIDE,) = rows(11, 1)  # propagator over a step of the grid
HELD, LEAVES, ENTERS = rows(12, 3)  # of the elimination in `steady`
(SCRATCH,) = rows(15, 1)  # four rows for `propagator`
(RUNG,) = rows(19, 1)  # from here on the rungs
RUNGS = 80
ROWS = 19 + RUNGS

REACH = 0.0625
"""In the lowest rung's step at most this many of the fastest losses happen: the series has some eight terms."""
LEFT_OUT = 1e-17
"""The series ends where a term is this fraction of what it adds up to, in every state."""
MOST_TERMS = 60


def blank_rows(n):
    """The numbers of one thread; plain Python, for compiling it takes a second."""
    return np.zeros((ROWS, max(n * n, 3)))


@kernel
def stand(w, size):
    """Begin anew for what is in the rows ``MATRIX`` and ``LOSS`` now."""
    n = len(size)
    fastest = 0.0
    for j in range(n):
        fastest = max(fastest, -w[MATRIX, j * n + j])
    for i in range(n * n):
        w[SHIFTED, i] = w[MATRIX, i]
    for j in range(n):
        w[SHIFTED, j * n + j] += fastest
    # a power of two, so that whole steps are exact
    step = 1.0
    while fastest * step > REACH:
        step *= 0.5
    while fastest * step <= 0.5 * REACH and step < 2.0**40:
        step *= 2.0
    w[PACE, 0], w[PACE, 1], w[PACE, 2] = fastest, step, 0.0


@kernel(inline="always")
def climb(w, rung, size):
    """Make the rungs up to ``rung``."""
    n = len(size)
    for k in range(np.int64(w[PACE, 2]), rung + 1):
        if k == 0:
            propagator(w[MATRIX], w[LOSS], w[PACE, 1], w[RUNG], w[SCRATCH : SCRATCH + 4], size)
            for j in range(n):
                w[GONE, j] = w[SCRATCH + 2, j]
        else:
            for i in range(n * n):
                w[RUNG + k, i] = w[RUNG + k - 1, i]
            square(w[RUNG + k], w[GONE], w[SCRATCH], w[SCRATCH + 1], w[LOSS], size)
        w[PACE, 2] = k + 1.0


@kernel
def move(w, row, t, compartments, size):
    """``x = exp(matrix t) x`` for the state in a row, ``t`` >= 0 [h]; rates, behind the compartments, stay."""
    n = len(size)
    whole = min(math.floor(t / w[PACE, 1]), 2.0**62)
    rest = t - whole * w[PACE, 1]
    steps = np.int64(whole)
    rung = np.int64(0)
    while steps > 0:
        if steps & 1:
            if rung >= w[PACE, 2]:
                climb(w, rung, size)
            for i in range(compartments):
                moved = 0.0
                for j in range(n):
                    moved += w[RUNG + rung, i * n + j] * w[row, j]
                w[TOTAL, i] = moved
            for i in range(compartments):
                w[row, i] = w[TOTAL, i]
        steps >>= 1
        rung += 1
    if rest > 0.0:
        for i in range(n):
            w[TERM, i] = w[row, i]
            w[TOTAL, i] = w[row, i]
        k = 1
        going = True
        while going:
            share = rest / k
            # what flows through all compartments needs as many terms to come to the last of them
            going = k < n
            for i in range(n):
                moved = 0.0
                for j in range(n):
                    moved += w[SHIFTED, i * n + j] * w[TERM, j]
                w[FOLLOWING, i] = moved * share
            for i in range(n):
                w[TERM, i] = w[FOLLOWING, i]
                w[TOTAL, i] += w[TERM, i]
                # each by itself, for traces have digits too; false for NaN
                going = going or w[TERM, i] > LEFT_OUT * w[TOTAL, i]
            k += 1
            going = going and k < MOST_TERMS
        decay = math.exp(-w[PACE, 0] * rest)
        for i in range(compartments):
            w[row, i] = w[TOTAL, i] * decay
