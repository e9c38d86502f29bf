r"""What a subject's pieces hold: which of them have to be looked at, and what windows and the course have in the end.

All pieces of windows are looked at, and for the course those that could hold an extreme. The rest are left out by a
bound: with d the difference of the states at the begins of a piece and of one whose extremes are known,

.. math:: \max y \le \max y_{known} + \sup_i w_i \sum_j d_j^+ ,

for no amount is ever seen with more than the largest weight of any compartment. The rate of an infusion adds as much
for each hour. Once levels have settled, or where they go on rising, d is nothing, and one piece speaks for all.
"""

import math

import numpy as np

from doseline.kernels.extremes import search
from doseline.kernels.jumps import first_to_reach, write_map
from doseline.kernels.kernel import kernel
from doseline.kernels.ladder import LOSS, STATE
from doseline.kernels.pieces import (
    AFTER,
    ALIKE,
    BEFORE,
    BEGIN,
    BODY,
    FIRST,
    HELD,
    HIGHEST,
    INSIDE,
    LENGTH,
    LOWEST,
    ORDER,
    REACHED,
    WINDOW,
)
from doseline.kernels.program import SAME
from doseline.kernels.rungs import (
    FOUND,
    HOURS,
    KNOWN,
    LEAST,
    LIMITS,
    ROW,
    SPREAD,
    START,
    TOP,
    WHEN,
    row_after,
)

SPEAKERS = 6
"""How many pieces speak for others."""
TIE = 1e-13
"""A piece that exceeds what is known by less than this fraction is not looked at."""
CMAX, TMAX, CMIN, AUC, ABOVE = 0, 1, 2, 3, 4


@kernel(inline="always", counted=False)
def add_above(out, row, column, hours, first, many):
    """Hours above a threshold, and when it is first exceeded, join what is known."""
    out[row, column] += hours
    out[row, column + many] = min(out[row, column + many], first)


@kernel(counted=False)
def examine(p, w, table, tags, out, many, size):
    """Look for the extremes of a piece; thresholds join its window and the course."""
    for i in range(len(size)):
        w[START, i] = table[p, HELD + i]
    search(w, table[p, LENGTH], table[p, AFTER], many, size)
    table[p, HIGHEST], table[p, REACHED] = w[FOUND, TOP], w[FOUND, WHEN]
    table[p, LOWEST] = w[FOUND, LEAST]
    for c in range(many):
        first = table[p, BEGIN] + w[FOUND, HOURS + many + c]
        for part in range(2):
            row = tags[p, WINDOW] if part == 0 else out.shape[0] - 1
            if row >= 0 and (part == 0 or tags[p, INSIDE]):
                add_above(out, row, ABOVE + c, w[FOUND, HOURS + c], first, many)


@kernel(inline="always", counted=False)
def speak(p, held, w, table):
    """What was found of a piece counts for the course, and it speaks for others from now on."""
    w[KNOWN, 0], w[KNOWN, 1] = max(w[KNOWN, 0], table[p, HIGHEST]), min(w[KNOWN, 1], table[p, LOWEST])
    # the first half stay, the others give way to newer ones
    half = SPEAKERS // 2
    w[KNOWN, 2 + (held if held < SPEAKERS else half + held % half)] = float(p)
    return held + 1


@kernel(inline="always", counted=False)
def is_open(p, held, w, table, many, size):
    """Could a piece change what is known of extremes, or does a threshold lie among its levels?

    What is certain of thresholds is written to the row ``FOUND``: hours above each.
    """
    length, up, down = table[p, LENGTH], w[SPREAD, 0], w[SPREAD, 1]
    high, low = math.inf, -math.inf if down > 0.0 else 0.0
    above, below = w[KNOWN, 0] + TIE * abs(w[KNOWN, 0]), w[KNOWN, 1] - TIE * abs(w[KNOWN, 1])
    opened, k = True, 0
    while opened and k <= held:
        # the last one is an empty body
        other = int(w[KNOWN, 2 + k]) if k < held else -1
        if other < 0 or length <= table[other, LENGTH]:
            more, less, top, least = 0.0, 0.0, 0.0, 0.0
            for i in range(len(size)):
                gap = table[p, HELD + i] - (table[other, HELD + i] if other >= 0 else 0.0)
                gap *= 1.0 if w[LOSS, i] >= 0.0 else length
                more, less = more + max(gap, 0.0), less + max(-gap, 0.0)
            if other >= 0:
                top, least = table[other, HIGHEST], table[other, LOWEST]
            high = min(high, top + (up * more + down * less))
            low = max(low, least - (up * less + down * more))
            opened = high > above or low < below
            for c in range(many):
                opened = opened or (high > w[LIMITS, c] and low <= w[LIMITS, c])
        k += 1
    for c in range(many):
        w[FOUND, HOURS + c] = length if low > w[LIMITS, c] else 0.0
    return opened


@kernel(counted=False)
def promising(which, span, w, table, tags, size):
    """A piece of the course that may hold an extreme and is not looked at yet; -1: none.

    ``which``: 0 the last; 1, 2 the highest, lowest at an end; 3 the highest where another one is highest, by ``ROW``.
    """
    chosen, score = -1, 0.0
    for k in range(span[0], span[1]):
        p = int(table[k, ORDER])
        if tags[p, INSIDE]:
            value = float(p)
            if which == 1:
                value = max(table[p, BEFORE], table[p, AFTER])
            elif which == 2:
                value = -min(table[p, BEFORE], table[p, AFTER])
            elif which == 3:
                value = 0.0
                for i in range(len(size)):
                    value += w[ROW, i] * table[p, HELD + i]
            if chosen < 0 or value > score:
                chosen, score = p, value
    return chosen if chosen >= 0 and math.isnan(table[chosen, HIGHEST]) else -1


@kernel(counted=False)
def judge(span, w, table, tags, out, many, size):
    """Look for what windows and the course need, among the pieces of one body: those walked from ``span[0]`` on."""
    held, highest, course = np.int64(0), np.int64(-1), out.shape[0] - 1
    # one loop, for each call of `examine` would be compiled in full: windows; four that promise much; the rest
    pieces = span[1] - span[0]
    for turn in range(2 * pieces + 4):
        p = -1
        if turn < pieces:
            p = int(table[span[1] - 1 - turn, ORDER])
            if tags[p, WINDOW] < 0:
                p = -1
        elif turn < pieces + 4:
            which = turn - pieces
            if which == 3 and highest >= 0:
                row_after(w, table[highest, REACHED], size)
            # nothing is below zero where no weight is
            settled = w[KNOWN, 1] == 0.0 and w[SPREAD, 1] == 0.0
            needless = (which == 0 and highest >= 0) or (which == 2 and settled)
            p = -1 if needless else promising(which, span, w, table, tags, size)
        else:
            p = int(table[span[1] - 1 - (turn - pieces - 4), ORDER])
            if not tags[p, INSIDE] or not math.isnan(table[p, HIGHEST]):
                p = -1
            elif not is_open(p, min(held, SPEAKERS), w, table, many, size):
                for c in range(many):
                    if w[FOUND, HOURS + c] > 0.0:
                        add_above(out, course, ABOVE + c, w[FOUND, HOURS + c], table[p, BEGIN], many)
                p = -1
        if p >= 0:
            examine(p, w, table, tags, out, many, size)
            if tags[p, INSIDE]:
                held = speak(p, held, w, table)
                if highest < 0 or table[p, HIGHEST] > table[highest, HIGHEST]:
                    highest = p


@kernel(inline="always", counted=False)
def begin_rows(out, many):
    """Nothing is known yet."""
    for row in range(out.shape[0]):
        out[row, CMAX], out[row, TMAX], out[row, CMIN], out[row, AUC] = -math.inf, np.nan, math.inf, 0.0
        for c in range(many):
            out[row, ABOVE + c], out[row, ABOVE + many + c] = 0.0, math.inf


@kernel(inline="always", counted=False)
def as_good_as(p, other, w, table, size):
    """Does a piece surely come to the level of another one of the same body, but for rounding? By the row ``ROW``."""
    level = 0.0
    for i in range(len(size)):
        level += w[ROW, i] * table[p, HELD + i]
    return table[p, LENGTH] >= table[other, REACHED] and level >= (1.0 - SAME) * table[other, HIGHEST]


@kernel(counted=False)
def finish(walked, row, inputs, amount, w, table, tags, out, many, size):
    """Highest and lowest levels of windows and course, and when they are first as high as that, but for rounding."""
    best, course = np.int64(-1), out.shape[0] - 1
    for k in range(walked):
        p = int(table[k, ORDER])
        window, top, least = tags[p, WINDOW], table[p, HIGHEST], table[p, LOWEST]
        if window >= 0:
            out[window, CMAX], out[window, CMIN] = max(out[window, CMAX], top), min(out[window, CMIN], least)
        if tags[p, INSIDE] and not math.isnan(top):
            if top > out[course, CMAX]:
                out[course, CMAX], best = top, p
            out[course, CMIN] = min(out[course, CMIN], least)
    # what is known of the body is that of the last one
    known = best >= 0 and tags[best, BODY] == tags[int(table[walked - 1, ORDER]), BODY]
    if known:
        row_after(w, table[best, REACHED], size)
    for k in range(walked):
        p = int(table[k, ORDER])
        window, top = tags[p, WINDOW], table[p, HIGHEST]
        enough = not math.isnan(top)
        open_window = window >= 0 and enough and math.isnan(out[window, TMAX])
        if open_window and top >= out[window, CMAX] - SAME * abs(out[window, CMAX]):
            out[window, TMAX] = table[p, BEGIN] + table[p, REACHED]
        if tags[p, INSIDE] and best >= 0 and math.isnan(out[course, TMAX]):
            alike = known and tags[p, BODY] == tags[best, BODY] and w[SPREAD, 1] == 0.0
            if enough and top >= out[course, CMAX] - SAME * abs(out[course, CMAX]):
                out[course, TMAX] = table[p, BEGIN] + table[p, REACHED]
            elif not enough and alike and as_good_as(p, best, w, table, size):
                out[course, TMAX] = table[p, BEGIN] + table[best, REACHED]
            elif alike and k + 1 < walked and int(table[k + 1, ORDER]) > p + 1:
                early = within_train(
                    p, int(table[k + 1, ORDER]), best, row, inputs, amount, w, table, tags, size
                )
                if early > 0:
                    out[course, TMAX] = table[early, BEGIN] + table[best, REACHED]
    for line in range(out.shape[0]):
        for c in range(many):
            if out[line, ABOVE + many + c] == math.inf:
                out[line, ABOVE + many + c] = np.nan


@kernel(counted=False)
def within_train(p, until, best, row, inputs, amount, w, table, tags, size):
    """The first piece between two of a train that comes to the level of another one, but for rounding; -1: none."""
    if table[p, LENGTH] < table[best, REACHED]:
        return -1
    one = tags[p, FIRST]
    place, given = inputs.place[one], amount[row, inputs.kind[one]] * inputs.factor[one]
    for i in range(len(size)):
        w[STATE, i] = table[p + 1, HELD + i]
    write_map(w, tags[p, ALIKE], place, given, size)
    steps = first_to_reach(w, STATE, until - p - 2, place, given, table[best, HIGHEST], size)
    return p + 1 + steps if steps <= until - p - 2 else -1
