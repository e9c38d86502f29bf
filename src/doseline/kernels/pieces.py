"""A course as pieces: stretches of time, from stop to stop, in which nothing enters and nothing changes the body.

Stops are inputs, both ends of infusions, and cuts: edges of windows, changes of the body, begin and end of the course.
Time is kept as a pair as in `program`, so equal pieces are recognised as equal. An input as good as at a cut is at the
cut: a window begins with the level after it.
"""

from typing import NamedTuple

import numpy as np

from doseline.kernels.kernel import kernel
from doseline.kernels.ladder import TERM
from doseline.kernels.program import SAME, Inputs, enter
from doseline.kernels.rungs import KEPT, NEXT, PLAN

SEARCHED = 12
"""How many distinct lengths are looked for among all pieces."""
OFTEN = 12
"""A length that comes so many times gets a propagator of its own."""

BEGIN, LENGTH, BEFORE, AFTER, HIGHEST, REACHED, LOWEST, ORDER, HELD = 0, 1, 2, 3, 4, 5, 6, 7, 8
"""Columns of a table of pieces: when it begins [h], its length [h], levels at both ends; highest level (NaN: not looked
for), how long after the begin [h], lowest level; not of this piece, but in this place: the number of the piece that was
walked as such; and from here on the state at the begin."""
ALIKE, CUT, WINDOW, INSIDE, BODY, FIRST, CLOSING, RUN = 0, 1, 2, 3, 4, 5, 6, 7
"""Columns of tags: which of the lengths that come often, -1: none; behind which cut, -1: before all; in which window,
-1: none; whether it belongs to the course; which body; which inputs, from here to the next piece's, are added where it
begins; whether no infusion runs any more; how many pieces behind it are like it. There is one more row than pieces."""


class Cuts(NamedTuple):
    """Times at which something begins that holds until the next one; the last is the end of everything."""

    time: np.ndarray  # (cut,) ascending [h]
    window: np.ndarray  # (cut,) which window; -1: none
    inside: np.ndarray  # (cut,) 1: the course goes on; 0: it does not
    body: np.ndarray  # (cut,) which body
    zero: int  # cut at which what is there at time zero is added


class Arrivals(NamedTuple):
    """What each subject of a block takes; arrays with one column hold for all doses."""

    time: np.ndarray  # (dose,) nominal [h]
    delay: np.ndarray  # (subject, dose) from there to the arrival [h]
    amount: np.ndarray  # (subject, dose) that arrives [mg]; 0: nothing
    duration: np.ndarray  # (subject, dose) of a zero-order input [h]; 0: a bolus
    target: np.ndarray  # (subject, dose) state that a bolus enters
    inflow: np.ndarray  # (state,) state that holds the rate of infusions into each


def blank_pieces(n, doses, cuts):
    """Room for so many doses and cuts; plain Python, for compiling it takes a second."""
    most = 2 * doses + 1
    inputs = Inputs(
        np.empty(most), np.empty(most), np.empty(most, np.int64),
        np.empty(most), np.empty(most, np.int64), np.empty(most, np.int64),
    )  # fmt: skip
    room = most + cuts + 2
    return inputs, np.empty((room, HELD + n)), np.empty((room, RUN + 1), np.int64)


@kernel
def list_arrivals(row, arrivals, inputs):
    """Write one subject's inputs in order of time; returns how many there are."""
    count = np.int64(0)
    delays, amounts = arrivals.delay.shape[1] > 1, arrivals.amount.shape[1] > 1
    durations, targets = arrivals.duration.shape[1] > 1, arrivals.target.shape[1] > 1
    for dose in range(len(arrivals.time)):
        column = np.int64(dose if amounts else 0)
        if arrivals.amount[row, column] != 0.0:
            time, late = arrivals.time[dose], arrivals.delay[row, dose if delays else 0]
            duration = arrivals.duration[row, dose if durations else 0]
            target = arrivals.target[row, dose if targets else 0]
            infused = duration > 0.0
            # one call in a loop, for numba compiles a function anew for each literal it is called with
            for end in range(2 if infused else 1):
                factor = (1 - 2 * end) / duration if infused else 1.0
                place = arrivals.inflow[target] if infused else target
                entry = (time, late + end * duration, column, factor, place, (1 - 2 * end) * infused)
                count = enter(count, entry, inputs)
    return count


@kernel(counted=False)
def lengths_alike(w, table, tags, pieces, bodies):
    """Give each piece the number of its length, where that comes often and there is one body."""
    known, kept, keys, uses = 0, 0, NEXT, TERM
    for p in range(pieces):
        at, length = 0, table[p, LENGTH]
        while at < known and w[keys, at] != length:
            at += 1
        if at == known and known < SEARCHED:
            w[keys, at], w[uses, at] = length, 0.0
            known += 1
        if at < known:
            w[uses, at] += 1.0
        tags[p, ALIKE] = at
    for at in range(known):
        often = w[uses, at] >= OFTEN and kept < KEPT and bodies == 1
        w[uses, at] = -1.0
        if often:
            w[PLAN, 2 + kept], w[uses, at] = w[keys, at], float(kept)
            kept += 1
    for p in range(pieces):
        at = tags[p, ALIKE]
        tags[p, ALIKE] = int(w[uses, at]) if at < known else -1
    w[PLAN, 1] = kept


@kernel
def plan_pieces(count, running, inputs, cuts, w, table, tags):
    """Turn ``count`` inputs and the cuts into pieces; ``running`` infusions run when all begins.

    Returns how many pieces there are.
    """
    last = len(cuts.time)
    i, c, piece = np.int64(0), np.int64(0), np.int64(0)
    nominal, delay = cuts.time[0], 0.0
    if count > 0 and inputs.nominal[0] + inputs.delay[0] < nominal:
        nominal, delay = inputs.nominal[0], inputs.delay[0]
    longest, begun, closing = 0.0, np.int64(0), False
    while c < last:
        # what is next, an input or a cut; they are the same time where they differ by rounding
        ahead = cuts.time[c] - nominal - delay
        slack = SAME * abs(cuts.time[c])
        at_cut, at_input = True, False
        if i < count:
            until = (inputs.nominal[i] - nominal) + (inputs.delay[i] - delay)
            at_input = until <= ahead + slack
            at_cut = until >= ahead - slack
            if at_input:
                ahead = until
        if ahead > (0.0 if at_input else slack):
            table[piece, BEGIN], table[piece, LENGTH] = nominal + delay, ahead
            table[piece, HIGHEST] = np.nan
            tags[piece, CUT] = c - 1
            tags[piece, WINDOW] = cuts.window[c - 1] if c > 0 else -1
            tags[piece, INSIDE] = cuts.inside[c - 1] if c > 0 else 0
            tags[piece, BODY] = cuts.body[max(c - 1, 0)]
            tags[piece, FIRST] = begun
            tags[piece, CLOSING] = closing and running == 0
            longest = max(longest, ahead)
            piece, begun, closing = piece + 1, i, False
            if not at_input:
                nominal, delay = cuts.time[c], 0.0
        if at_input:
            running += inputs.change[i]
            closing = closing or inputs.change[i] == -1
            nominal, delay = inputs.nominal[i], inputs.delay[i]
            i += 1
        if at_cut:
            c += 1
    tags[piece, FIRST], tags[piece, BODY], tags[piece, CUT] = begun, -1, last
    w[PLAN, 0] = longest
    return piece
