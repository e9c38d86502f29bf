"""Sixteen subjects side by side: where each number of them stands, and the functions that models bring along.

All numbers of a thread are in one flat array ``w``, in rows of `LANES`: row i of a block is state i of sixteen
subjects. Blocks begin at places known when the code is compiled, and loops over a block are flat, ``for q in range(n *
LANES)``: only then does the compiler see that nothing overlaps, and turn them into vector instructions. A lane never
reads another one, so the numbers of a subject do not depend on which subjects are beside it. How it works:
docs/theory/ode_engine.md.
"""

from typing import NamedTuple

import numpy as np
from numba import types

LANES = 16
MOST_STATES = 300
MOST_OUTPUTS = 300
MOST_CONSTANTS = 4096
"""How many there can be of each; what is not used is never touched, and takes no memory."""

# not a multiple of a page, or the same state of all blocks would fight for the same lines of the cache
BLOCK = LANES * MOST_STATES + 176

# what a right-hand side reads and writes: the state [coherent units], its rate of change [per h]
STATE, RATE = 0, BLOCK
# start and end of the step, length of the step [h], relative and absolute tolerance
START, END, LENGTH, RELATIVE, ABSOLUTE = (BLOCK * k for k in range(2, 7))
# rates of infusions [mg/h]; 1 where the compartment is on, else 0
INFLOW, ON = BLOCK * 7, BLOCK * 8
# squares of scaled errors; the last stage of an explicit method
ERROR, ERROR_TOO, LAST_STAGE = BLOCK * 9, BLOCK * 10, BLOCK * 11
# stages; polynomial of the step
STAGES = tuple(BLOCK * k for k in range(12, 28))
DENSE = tuple(BLOCK * k for k in range(28, 35))
# df/dt, and 1 / length of the step
DRIFT, INVERSE = BLOCK * 35, BLOCK * 36
# what is shown
SHOWN = BLOCK * 37
# single rows: time of the right-hand side, time at the start of the step, time of the last dose, its amount, length of
# the step [h], error of the step, by what the step may grow, two more
TIME, SINCE, GIVEN, DOSE, STEP, MISS, GROWTH, SUM, SUM_TOO = (BLOCK * 38 + 16 * k for k in range(9))
# and of the way of each lane: 1 where it has a subject; time of the last stop, gone since then, still to go [h]; length
# of the next step, and of the first one after a jump [h]; 1 where the state, or what moves it, has just jumped; 1 where
# points of the grid lie on the way; steps tried, and taken since the last stop; the step that is about to be set
ALIVE, BASE, GONE, AHEAD, NEXT, FIRST, JUMPED, OVER, STEPS, STRIDES, WANTED = (
    BLOCK * 38 + 16 * k for k in range(9, 20)
)
WAY = (BLOCK * 38, BLOCK * 38 + 16 * 20)
# values that do not move, of the system that each lane stands on; then the Jacobian, row after row
CONSTANT = BLOCK * 39
JACOBIAN = CONSTANT + LANES * MOST_CONSTANTS + 48

FUNCTION = types.FunctionType(types.void(types.float64[::1]))
"""A right-hand side, outputs or Jacobian: reads and writes ``w``. Drivers are compiled once, for all of them."""

LANE = np.dtype(
    [
        ("subject", "i8"),  # -1: idle
        ("row", "i8"),  # next record
        ("last", "i8"),  # behind the last one
        ("point", "i8"),  # next point of the grid
        ("goal", "i8"),  # the one that the lane steps to
        ("calm", "i8"),  # the last one before anything else
        # does the goal lie behind the last record's own time, where the values of the stretch hold?
        ("within", "i4"),
        ("quiet", "f8"),  # until when nothing but points of the grid comes [h]; minus infinity: not known
        ("now", "f8"),  # where the state stands, a pair as in `program` [h]
        ("past", "f8"),
        ("until", "f8"),  # where it goes, a pair too
        ("delay", "f8"),
        ("pending", "i4"),  # what happens at the stop
        ("shown", "i4"),  # are its levels written?
        ("column", "i8"),  # where to
        ("line", "i8"),
        ("system", "i8"),  # whose constants the lane has
        ("flowing", "i8"),  # whose constants the last step had
        ("stiff", "i4"),  # steps that looked stiff, and not, one after another
        ("calmly", "i4"),
        ("stiff_at", "f8"),  # when stiffness was noticed [h]
        ("steady", "i4"),  # phase of a dose at steady state
        ("part", "i4"),  # of a period: which one comes next
        ("periods", "i4"),  # so far
        ("known", "i4"),  # differences between guesses; -1: no guess was mapped yet
        ("running", "i8"),  # infusions of its train that still run
        ("least", "f8"),  # smallest residual so far
        ("ended", "i4"),  # see `lane_state`
    ]
)


class Problem(NamedTuple):
    """What is to be solved: subjects with their records, and every set of values that any record has."""

    first: np.ndarray  # (subject + 1,) where the records of each subject begin
    table: (
        np.ndarray
    )  # of `agenda.TABLE`; an infusion flows into its ``target``, so ``inflow`` is not asked for
    constants: np.ndarray  # (system, constant)
    initial: np.ndarray  # (system, n)
    atol: np.ndarray  # (n,) absolute tolerance
    guard: np.ndarray  # (n,) True: an amount, which is never below zero
    rtol: float
    most: int  # steps of a subject
    timed: bool  # does the right-hand side look at the clock?
    line: int  # of the results, where those of the first subject go


class Memory(NamedTuple):
    """Memory of one thread."""

    w: np.ndarray  # numbers in named blocks, see above
    lanes: np.ndarray  # (LANES,) of `LANE`
    agenda: np.ndarray  # (LANES, entries) of `agenda.ENTRY`
    held: np.ndarray  # (LANES, 1)
    running: np.ndarray  # (LANES, n) how many infusions run into each state
    peak: np.ndarray  # (LANES, n) most that was ever there
    saved: np.ndarray  # (LANES, 2, n) state and infusions while a steady state is sought
    history: np.ndarray  # (LANES, rows, n) of `fixed_point`
    vector: np.ndarray  # (n,)
    factors: np.ndarray  # (LANES, n, n) of `rosenbrock`
    pivots: np.ndarray  # (LANES, n)


class Told(NamedTuple):
    """How it went, for each subject."""

    ended: np.ndarray  # (subject,) see `lane_state`
    steps: np.ndarray  # (subject,) steps tried
    time: np.ndarray  # (subject,) when it failed, or when stiffness was noticed [h]; NaN
    state: np.ndarray  # (subject, n) where it failed
