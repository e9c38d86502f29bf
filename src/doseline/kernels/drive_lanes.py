"""The drive: sixteen subjects are stepped together, each with its own time and step, and refilled as they end.

Compiled once, for all models and methods: a model brings three functions along, which the drive calls by their address.
"""

import numpy as np
from numba import typeof, types

from doseline.kernels.agenda import ENTRY as AGENDA_ENTRY
from doseline.kernels.agenda import TABLE
from doseline.kernels.fixed_point import blank_history
from doseline.kernels.kernel import kernel, one_at_a_time
from doseline.kernels.lane_exposure import blank_watch, open_eyes, watch_steps
from doseline.kernels.lane_state import (
    MOVING,
    NO_NUMBER,
    POINT,
    SOLVED,
    STIFF,
    TOO_MANY,
    TOO_SMALL,
    enter_subject,
)
from doseline.kernels.lane_steps import DOP853, TSIT5, look_for_stiffness, reject, set_steps, take_steps
from doseline.kernels.lane_walk import DENSE_FROM, DONE, GO, SHOW, check_amounts, proceed
from doseline.kernels.lanes import (
    ABSOLUTE,
    AHEAD,
    ALIVE,
    BASE,
    END,
    FUNCTION,
    GONE,
    JACOBIAN,
    JUMPED,
    LANE,
    LANES,
    LENGTH,
    MISS,
    NEXT,
    ON,
    OVER,
    RATE,
    RELATIVE,
    SHOWN,
    START,
    STATE,
    STEP,
    STEPS,
    STRIDES,
    TIME,
    WAY,
    Memory,
    Problem,
    Told,
)
from doseline.kernels.program import SAME, Grid, rounding
from doseline.kernels.rosenbrock import rodas5p, rodas5p_dense
from doseline.kernels.runge_kutta import (
    between,
    dop853,
    dop853_dense,
    dop853_stretch,
    refuse_dense,
    tsit5,
    tsit5_dense,
    tsit5_stretch,
)

CACHE_LINE = 8
"""Numbers in a line of the cache."""
WATCHED_FROM = 8.0
"""From so many steps without a stop on, one looks for stiffness: until then, stops keep steps short."""


def blank_lanes(n, entries):
    """Memory for ``n`` states and so many entries of each agenda; plain Python, for compiling it takes a second."""
    size = JACOBIAN + LANES * n * n
    w = np.empty(size + CACHE_LINE)
    # rows begin where lines of the cache do: vectors that lie across two lines take twice as long to load
    begin = -(w.ctypes.data // w.itemsize) % CACHE_LINE
    w = w[begin : begin + size]
    # what idle lanes are stepped with
    w[: STATE + LANES * n] = 1.0
    for block in (RATE, START, END, LENGTH, RELATIVE, ABSOLUTE, ON):
        w[block : block + LANES * n] = 1.0
    w[WAY[0] : WAY[1]] = 0.0
    lanes = np.zeros(LANES, LANE)
    lanes["subject"] = -1
    return Memory(
        w, lanes, np.zeros((LANES, entries), AGENDA_ENTRY), np.zeros((LANES, 1), np.int64),
        np.zeros((LANES, n), np.int64), np.zeros((LANES, n)), np.zeros((LANES, 2, n)),
        blank_history(LANES, n), np.zeros(n), np.zeros((LANES, n, n)), np.zeros((LANES, n), np.int64),
    )  # fmt: skip


@kernel(counted=False)
def tell(lane, l, told, memory):
    """Write down how a lane's subject ended."""
    subject, w = lane.subject, memory.w
    told.ended[subject] = lane.ended
    told.steps[subject] = w[STEPS + l]
    told.time[subject] = lane.stiff_at if lane.ended in (SOLVED, STIFF) else w[BASE + l] + w[GONE + l]
    for i in range(told.state.shape[1]):
        told.state[subject, i] = w[START + i * LANES + l]


@kernel(counted=False)
def enter_next(lane, l, waiting, end, problem, grid, out, told, memory):
    """Give an idle lane the next subject that can be solved; which one waits then is the answer."""
    lane.subject = -1
    # a step of no length does nothing
    memory.w[ALIVE + l], memory.w[AHEAD + l], memory.w[NEXT + l], memory.w[JUMPED + l] = 0.0, 0.0, 0.0, 0.0
    memory.w[OVER + l] = 0.0
    while waiting < end and told.ended[waiting] != SOLVED:
        waiting += 1
    if waiting < end:
        memory.w[ALIVE + l] = 1.0
        enter_subject(lane, l, waiting, grid.time.shape[0], problem, memory)
        # before its first record a subject has no levels
        rounded = rounding(grid.time)
        k, points = 0, grid.time.shape[0]
        while k < points and grid.time[k] < lane.now - SAME * abs(lane.now) - rounded:
            for o in range(out.shape[0]):
                out[o, problem.line + waiting, k] = 0.0
            k += 1
        lane.point = k
        waiting += 1
    return waiting


@kernel(inline="always", counted=False)
def write_shown(lane, l, out, w):
    """Levels of a lane to where they belong."""
    line, column = lane.line, lane.column
    for o in range(out.shape[0]):
        out[o, line, column] = w[SHOWN + o * LANES + l]


@kernel(inline="always", counted=False)
def glide(lane, l, grid, w):
    """From one point of the grid to the next, where nothing else comes between: what `proceed` does most, in short.

    Calling `proceed` costs as much as a step of the lane. False where there is more to do: also at a point at the very
    time of a record, for other values may hold from there on.
    """
    k, gliding = lane.point, False
    if lane.pending == POINT and lane.ended == SOLVED and lane.within == 1:
        if lane.shown == 1:
            k = lane.goal + 1
            if k <= lane.calm and grid.time[k] < lane.quiet:
                lane.shown = 0
                lane.point, lane.goal = k, k
                if w[NEXT + l] * (lane.calm - k) > DENSE_FROM * (grid.time[lane.calm] - grid.time[k]):
                    lane.goal = lane.calm
                w[OVER + l] = 1.0 if lane.goal > k else 0.0
                lane.until, lane.delay = grid.time[lane.goal], 0.0
                w[AHEAD + l] = (lane.until - lane.now) - lane.past
                gliding = True
        else:
            lane.now, lane.past = lane.until, 0.0
            w[BASE + l], w[GONE + l] = lane.now, 0.0
            lane.shown, lane.column = 1, lane.goal
            gliding = True
    return gliding


@kernel(inline="always", counted=False)
def serve_stops(waiting, end, show, problem, grid, out, told, memory):
    """Let every lane that stands at a stop go on, until all have a way ahead or are idle; who waits then."""
    w, lanes = memory.w, memory.lanes
    m = problem.initial.shape[1] * LANES
    again = True
    while again:
        again = False
        for l in range(LANES):
            lane = lanes[l]
            if lane.subject >= 0 and w[AHEAD + l] <= 0.0:
                asks = GO
                if glide(lane, l, grid, w):
                    if lane.shown == 1:
                        asks = SHOW
                else:
                    asks = proceed(lane, l, problem, grid, memory)
                while asks == DONE and lane.subject >= 0:
                    tell(lane, l, told, memory)
                    waiting = enter_next(lane, l, waiting, end, problem, grid, out, told, memory)
                    if lane.subject >= 0:
                        asks = proceed(lane, l, problem, grid, memory)
                if asks == SHOW:
                    again = True
                    w[TIME + l] = w[BASE + l]
        if again:
            for q in range(m):
                w[STATE + q] = w[START + q]
            show(w)
            for l in range(LANES):
                lane = lanes[l]
                if lane.subject >= 0 and w[AHEAD + l] <= 0.0 and lane.shown == 1:
                    write_shown(lane, l, out, w)
    return waiting


@kernel(inline="always", counted=False)
def read_off(show, n, grid, out, w, lanes):
    """Levels at points of the grid within the steps just accepted."""
    again = True
    while again:
        again = False
        for l in range(LANES):
            lane = lanes[l]
            lane.shown = 0
            if lane.subject >= 0 and lane.steady == MOVING and lane.point < lane.goal and w[MISS + l] <= 1.0:
                at = (grid.time[lane.point] - lane.now) - lane.past - w[GONE + l]
                if at <= w[STEP + l]:
                    between(w, n, l, at / w[STEP + l])
                    w[TIME + l] = grid.time[lane.point]
                    lane.shown, lane.column = 1, lane.point
                    lane.point += 1
                    again = True
        if again:
            show(w)
            for l in range(LANES):
                if lanes[l].shown == 1:
                    write_shown(lanes[l], l, out, w)
                    lanes[l].shown = 0


@kernel(counted=False)
def drive(span, method, watchful, rhs, show, jacobian, problem, grid, out, told, memory, watch):
    """Solve the subjects ``span[0] .. span[1] - 1`` but for those that ``told.ended`` says are not `SOLVED`.

    ``rhs``, ``show`` and ``jacobian`` are what a model brings along. ``out`` is (output, 1, observation), or (output,
    subject, time) where the grid has times. ``watchful``: a subject that turns out to be stiff ends as `STIFF`.
    ``memory`` comes from `blank_lanes`, and no two threads may share it. ``watch`` is None, or of `blank_watch`: then
    the grid has no times, and exposure is gathered. It is compiled once for each, and costs nothing where it is None.
    """
    w, lanes = memory.w, memory.lanes
    n = problem.initial.shape[1]
    wide = lanes.shape[0]
    timed = wide if problem.timed else 0
    most = problem.most * 1.0
    waiting, end = span
    for l in range(LANES):
        waiting = enter_next(lanes[l], l, waiting, end, problem, grid, out, told, memory)
    active = True
    while active:
        waiting = serve_stops(waiting, end, show, problem, grid, out, told, memory)
        alive = 0
        for l in range(wide):
            alive += 1 if w[ALIVE + l] > 0.0 else 0
        active = alive > 0
        if active:
            set_steps(rhs, n, wide, w)
            if method == DOP853:
                dop853(rhs, w, n, wide, timed)
            elif method == TSIT5:
                tsit5(rhs, w, n, wide, timed)
            else:
                rodas5p(rhs, jacobian, w, n, timed, memory)
            watched, over, worn = 0, 0, 0
            for l in range(wide):
                watched += 1 if w[STRIDES + l] >= WATCHED_FROM else 0
                over += 1 if w[OVER + l] > 0.0 else 0
                worn += 1 if w[STEPS + l] >= most else 0
            # first of all: the clock still stands at the end of the step, where dense output would turn it back
            if watched > 0 and watchful:
                if method == DOP853:
                    dop853_stretch(rhs, w, n)
                elif method == TSIT5:
                    tsit5_stretch(rhs, w, n)
                for l in range(LANES):
                    if w[ALIVE + l] > 0.0 and w[MISS + l] <= 1.0 and w[STRIDES + l] >= WATCHED_FROM:
                        look_for_stiffness(lanes[l], l, method, w)
            if watch is not None:
                open_eyes(w, lanes)
                over = wide
            if over > 0:
                if method == DOP853:
                    dop853_dense(rhs, w, n, timed)
                    refuse_dense(w, n, wide)
                elif method == TSIT5:
                    tsit5_dense(rhs, w, n)
                else:
                    rodas5p_dense(w, n)
                if watch is None:
                    read_off(show, n, grid, out, w, lanes)
                else:
                    watch_steps(show, n, watch, w, lanes)
            refused = take_steps(wide, w)
            if refused == 0:
                for q in range(n * LANES):
                    w[START + q] = w[END + q]
            else:
                for l in range(LANES):
                    if w[MISS + l] <= 1.0:
                        for i in range(n):
                            w[START + i * LANES + l] = w[END + i * LANES + l]
                    elif w[ALIVE + l] > 0.0:
                        reject(lanes[l], l, n, w)
            if refused + watched + worn > 0:
                for l in range(LANES):
                    lane = lanes[l]
                    if lane.subject >= 0:
                        if w[STEPS + l] > most and lane.ended == SOLVED:
                            lane.ended = TOO_MANY
                        if lane.ended in (TOO_SMALL, NO_NUMBER) and not watchful:
                            # what no step can pass may come of an amount that is not there
                            check_amounts(lane, l, problem, memory)
                        if lane.ended != SOLVED:
                            tell(lane, l, told, memory)
                            waiting = enter_next(lane, l, waiting, end, problem, grid, out, told, memory)


_ONE_AT_A_TIME = one_at_a_time()
_COMPILED = {False: False, True: False}


def compile_drive(watched=False):
    """Compile the drive, or load it: once, for any functions, and once more for those that watch. No other way."""
    with _ONE_AT_A_TIME:
        if not _COMPILED[watched]:
            reals, counts = np.zeros((1, 1)), np.zeros(2, np.int64)
            problem = Problem(
                counts, np.zeros(1, TABLE), reals, reals, reals[0], reals[0] > 0, 1.0, 1, True, 0
            )
            told = Told(counts, counts, reals[0], reals)
            out = np.zeros((1, 1, 1))
            watch = blank_watch(reals[:0], (0.0, 1.0), reals[0], 0, rtol=1.0, subjects=1) if watched else None
            arguments = ((0, 1), 0, True, problem, Grid(reals[0], 0.0), out, told, blank_lanes(1, 1), watch)
            span, method, watchful, *others = map(typeof, arguments)
            drive.disable_compile(False)
            drive.compile(types.void(span, method, watchful, FUNCTION, FUNCTION, FUNCTION, *others))
            drive.disable_compile()
            _COMPILED[watched] = True
    return drive
