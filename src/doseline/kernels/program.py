"""From one subject's doses and a time grid to a program: a list of segments that can be run for any subject.

A segment moves the state to the time of an input, adds the input, and writes the grid points up to the next one. Only
lag times and durations decide the program, not amounts or rate constants, so subjects who share them share it.

Time is kept as a pair, a nominal time and a delay (lag, end of an infusion): differences of nominal times are exact
where the pair's sum would not be, so equal intervals are recognised as equal, bit for bit, at any time in the course.
"""

from typing import NamedTuple

import numpy as np

from doseline.kernels.kernel import kernel

COLUMNS = 64
"""Longest run of grid points read from one table; a longer run moves the state forward and starts again."""
SEARCHED = 64
"""How many distinct intervals are compared before a new one is taken for new: bounds the work on irregular times."""

SAME = 1e-12
"""Times closer than this fraction of them are the same time: 90 * 0.7 h is 63 h, and 8 h + 0.6 h is 8.6 h."""
ROUNDED = 1e-15
"""Points of a grid may be off by this fraction of its largest time, also near zero: -1 h + 10 * 0.1 h is -2e-16 h."""


class Course(NamedTuple):
    """One regimen as each subject takes it."""

    time: np.ndarray  # (dose,) nominal times, ascending [h]
    kind: np.ndarray  # (dose,) which column of the arrays below
    target: np.ndarray  # (kind,) state that a bolus enters
    inflow: np.ndarray  # (kind,) state that holds the rate of an infusion
    amount: np.ndarray  # (subject, kind) after bioavailability [mg]
    lag: np.ndarray  # (subject, kind) [h]
    duration: np.ndarray  # (subject, kind) of a zero-order input [h]; 0: a bolus
    taken: np.ndarray  # (subject,) how many of the doses the subject takes
    inflows: int  # states from this one on hold rates of infusions
    begins: bool  # is there anything in the body at time zero?


class Grid(NamedTuple):
    """When levels are wanted."""

    time: np.ndarray  # (time,) ascending [h]
    step: float  # [h]; 0: the times follow no single step


class Inputs(NamedTuple):
    """A subject's inputs in order of time: boluses, and both ends of infusions."""

    nominal: np.ndarray  # (input,) [h]
    delay: np.ndarray  # (input,) what is added to the nominal time: lag, or lag and duration [h]
    kind: np.ndarray  # (input,)
    factor: np.ndarray  # (input,) the amount times this is added to the state: 1, or -+ 1 / duration
    place: np.ndarray  # (input,) to which state
    change: np.ndarray  # (input,) 0: a bolus; 1, -1: an infusion begins, ends


class Program(NamedTuple):
    """Segments, and the distinct intervals and offsets that they refer to."""

    step: np.ndarray  # (segment,) which interval the state is moved by first; -1: none
    kind: np.ndarray  # (segment,) whose amount is added then; -1: none
    factor: np.ndarray  # (segment,)
    place: np.ndarray  # (segment,)
    closing: np.ndarray  # (segment,) True: the last running infusion ends here
    columns: np.ndarray  # (segment,) how many grid points are written
    table: np.ndarray  # (segment,) by which table
    interval: np.ndarray  # (interval,) distinct [h]
    offset: np.ndarray  # (table,) from the state to the first point, distinct [h]
    width: np.ndarray  # (table,) most columns that any segment reads
    size: np.ndarray  # (4,) how many segments, intervals, tables there are; first grid point of segment 0


@kernel
def rounding(time):
    """What the points of a grid may be off by [h]; there may be none."""
    last = time.shape[0] - 1
    return ROUNDED * max(abs(time[0]), abs(time[last])) if last >= 0 else 0.0


def blank(doses, grid):
    """Room for the inputs and the program of at most ``doses`` doses; plain Python, for compiling it takes a second."""
    points = grid.time.shape[0]
    most = 2 * doses + 1
    inputs = Inputs(
        np.empty(most), np.empty(most), np.empty(most, np.int64),
        np.empty(most), np.empty(most, np.int64), np.empty(most, np.int64),
    )  # fmt: skip
    room = most + 2 + (points // COLUMNS if grid.step > 0.0 else points)
    program = Program(
        np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room), np.empty(room, np.int64),
        np.empty(room, np.bool_), np.empty(room, np.int64), np.empty(room, np.int64),
        np.empty(room + 1), np.empty(room), np.empty(room, np.int64), np.zeros(4, np.int64),
    )  # fmt: skip
    return inputs, program


@kernel
def enter(count, entry, inputs):
    """Insert one input behind the last one that is not later; returns the new count."""
    nominal, delay, kind, factor, place, change = entry
    at = count
    # almost in order already: only lags and the ends of infusions overtake
    while at > 0 and inputs.nominal[at - 1] + inputs.delay[at - 1] > nominal + delay:
        inputs.nominal[at] = inputs.nominal[at - 1]
        inputs.delay[at] = inputs.delay[at - 1]
        inputs.kind[at] = inputs.kind[at - 1]
        inputs.factor[at] = inputs.factor[at - 1]
        inputs.place[at] = inputs.place[at - 1]
        inputs.change[at] = inputs.change[at - 1]
        at -= 1
    inputs.nominal[at] = nominal
    inputs.delay[at] = delay
    inputs.kind[at] = kind
    inputs.factor[at] = factor
    inputs.place[at] = place
    inputs.change[at] = change
    return count + 1


@kernel
def list_inputs(row, course, inputs):
    """Write one subject's inputs in order of time; returns how many there are."""
    count = np.int64(0)
    if course.begins:
        # an input that adds nothing: from time zero on, what is there shows
        count = enter(count, (0.0, 0.0, np.int64(-1), 1.0, np.int64(0), np.int64(0)), inputs)
    for dose in range(course.taken[row]):
        kind = course.kind[dose]
        time, lag, duration = course.time[dose], course.lag[row, kind], course.duration[row, kind]
        infused = duration > 0.0
        # one call in a loop, for numba compiles a function anew for each literal it is called with
        for end in range(2 if infused else 1):
            delay = lag + end * duration
            factor = (1 - 2 * end) / duration if infused else 1.0
            place = course.inflow[kind] if infused else course.target[kind]
            count = enter(count, (time, delay, kind, factor, place, (1 - 2 * end) * infused), inputs)
    return count


@kernel
def points_before(grid, first, nominal, delay):
    """Index of the first grid point, from ``first`` on, that is not before ``nominal + delay``.

    A point at the very time of an input belongs to what follows it: grids show the level after the dose.
    """
    time, last = grid.time, grid.time.shape[0]
    before = -SAME * (nominal + delay) - rounding(time)
    k = first
    if grid.step > 0.0:
        k = max(first, int(min(max((nominal + delay - time[0]) / grid.step, 0.0), float(last))))
        while k > first and (time[k - 1] - nominal) - delay >= before:
            k -= 1
    while k < last and (time[k] - nominal) - delay < before:
        k += 1
    return k


@kernel
def number(keys, known, key):
    """Position of ``key`` among the ``known`` first of ``keys``, or ``known`` when it is new (it is then written)."""
    for position in range(max(0, known - SEARCHED), known):
        if keys[position] == key:
            return position
    keys[known] = key
    return known


@kernel
def write_program(count, inputs, grid, program):
    """Turn ``count`` inputs into segments; a subject without inputs has a program without segments."""
    points = grid.time.shape[0]
    # not plain zeros: numba would compile what they are handed to twice, for the literal and for the number
    zero = np.int64(0)
    segment, intervals, tables, running, k = zero, zero, zero, zero, zero
    nominal, delay = 0.0, 0.0
    program.size[3] = points
    for i in range(count):
        if i == 0:
            nominal, delay = inputs.nominal[0], inputs.delay[0]
            k = points_before(grid, k, nominal, delay)
            program.size[3] = k
        if k == points:
            break
        interval = (inputs.nominal[i] - nominal) + (inputs.delay[i] - delay)
        nominal, delay = inputs.nominal[i], inputs.delay[i]
        running += inputs.change[i]
        program.kind[segment] = inputs.kind[i]
        program.factor[segment] = inputs.factor[i]
        program.place[segment] = inputs.place[i]
        program.closing[segment] = inputs.change[i] == -1 and running == 0
        last = points
        if i + 1 < count:
            last = points_before(grid, k, inputs.nominal[i + 1], inputs.delay[i + 1])
        more = True
        while more:
            program.step[segment] = -1
            if interval > 0.0:
                program.step[segment] = number(program.interval, intervals, interval)
                intervals = max(intervals, program.step[segment] + 1)
            columns = min(last - k, COLUMNS if grid.step > 0.0 else 1)
            program.columns[segment] = columns
            program.table[segment] = 0
            if columns > 0:
                table = number(program.offset, tables, max((grid.time[k] - nominal) - delay, 0.0))
                if table == tables:
                    program.width[table] = 0
                    tables += 1
                program.width[table] = max(program.width[table], columns)
                program.table[segment] = table
            segment += 1
            k += columns
            more = k < last
            if more:
                # the run goes on: move to its next point without an input
                interval = (grid.time[k] - nominal) - delay
                nominal, delay = grid.time[k], 0.0
                program.kind[segment] = -1
                program.closing[segment] = False
    program.size[0] = segment
    program.size[1] = intervals
    program.size[2] = tables
