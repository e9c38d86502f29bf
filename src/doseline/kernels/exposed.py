r"""Exposure while solving, for linear models: the walk over one subject's pieces.

First the state is moved from piece to piece, and the area under each is added up. Then extremes are looked for, in all
pieces of windows and, for the course, in those that could hold one. The rest are left out by a bound: with d the
difference of the states at the begins of a piece and of one whose extremes are known,

.. math:: \max y \le \max y_{known} + \sup_i w_i \sum_j d_j^+ ,

for no amount is ever seen with more than the largest weight of any compartment. The rate of an infusion adds as much
for each hour. Once levels have settled, or where they go on rising, d is nothing, and one piece speaks for all.

``size`` is a tuple of the length n, as in `propagator`, and ``loose`` an array of it: what every piece needs is compiled
for each number of states, and the rest, which takes longer to compile than to run, for all of them.

Exposure is ``out`` (window + 1, column), the course last. Columns are Cmax, Tmax, Cmin, AUC, hours above each
threshold, and when each is first exceeded.
"""

import math
from typing import NamedTuple

import numpy as np

from doseline.kernels.drive import same_plan
from doseline.kernels.extremes import search
from doseline.kernels.kernel import kernel
from doseline.kernels.ladder import LOSS, MATRIX, SCRATCH, SPARE, STATE, TOTAL
from doseline.kernels.pieces import (
    AFTER,
    ALIKE,
    BEFORE,
    BEGIN,
    BODY,
    CLOSING,
    CUT,
    FIRST,
    HELD,
    HIGHEST,
    INSIDE,
    LENGTH,
    LOWEST,
    REACHED,
    WINDOW,
    blank_pieces,
    lengths_alike,
    list_arrivals,
    plan_pieces,
)
from doseline.kernels.program import SAME, list_inputs
from doseline.kernels.propagator import propagator
from doseline.kernels.rungs import (
    FOUND,
    HOURS,
    KEPT_AREA,
    KEPT_STEP,
    KNOWN,
    LEAST,
    LIMITS,
    PLAN,
    ROW,
    SPREAD,
    START,
    TOP,
    WEIGHT,
    WHEN,
    advance,
    blank_numbers,
    carry,
    dot,
    row_after,
    stand_with,
)

SPEAKERS = 6
"""How many pieces speak for others."""
TIE = 1e-13
"""A piece that exceeds what is known by less than this fraction is not looked at."""
CMAX, TMAX, CMIN, AUC, ABOVE = 0, 1, 2, 3, 4


class Asked(NamedTuple):
    """What is wanted of every subject."""

    output: int
    thresholds: int
    fine: int  # into how many cells an octave of time is cut, as a power of two
    bodies: int  # how many each subject has


def blank_room(n, doses, cuts, thresholds):
    """Memory of one thread; plain Python, for compiling it takes a second."""
    return (*blank_pieces(n, doses, cuts), blank_numbers(n, thresholds))


@kernel(inline="always", counted=False)
def take_up(w, system, line, asked, size):
    """Write the numbers of one body down."""
    n = len(size)
    for i in range(n * n):
        w[MATRIX, i] = system.rates[line, i]
    for i in range(n):
        w[LOSS, i] = system.losses[line, i]
        w[WEIGHT, i] = system.weights[asked.output, line, i]


@kernel(counted=False)
def face(w, fine, size):
    """Stand on the body that was taken up; the lengths that come often get propagators of their own."""
    n = len(size)
    sound = stand_with(w, w[PLAN, 0], fine, size)
    for k in range(int(w[PLAN, 1]) if sound else 0):
        length = w[PLAN, 2 + k]
        propagator(w[MATRIX], w[LOSS], length, w[KEPT_STEP + k], w[SCRATCH : SCRATCH + 4], size)
        for j in range(n):
            for i in range(n):
                w[SPARE, i] = 1.0 if i == j else 0.0
            w[KEPT_AREA + k, j] = advance(w, SPARE, length, size)
    return sound


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
    high, low, length = math.inf, -math.inf, table[p, LENGTH]
    up, down = w[SPREAD, 0], w[SPREAD, 1]
    above, below = w[KNOWN, 0] + TIE * abs(w[KNOWN, 0]), w[KNOWN, 1] - TIE * abs(w[KNOWN, 1])
    opened, k = True, -1
    while opened and k < held:
        # the first one is an empty body
        other = int(w[KNOWN, 2 + k]) if k >= 0 else -1
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
    for p in range(span[0], span[1]):
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
def judge(span, w, table, tags, out, many, size, loose):
    """Look for what windows and the course need, among the pieces ``span[0] .. span[1] - 1`` of one body."""
    held, highest, course = np.int64(0), np.int64(-1), out.shape[0] - 1
    # one loop, for each call of `examine` would be compiled in full: pieces of windows; four that promise much; the rest
    pieces = span[1] - span[0]
    for turn in range(2 * pieces + 4):
        p = span[1] - 1 - turn
        if turn < pieces:
            if tags[p, WINDOW] < 0:
                p = -1
        elif turn < pieces + 4:
            which = turn - pieces
            if which == 3 and highest >= 0:
                row_after(w, table[highest, REACHED], loose)
            p = promising(which, span, w, table, tags, size) if which > 0 or highest < 0 else -1
        else:
            p = span[1] - 1 - (turn - pieces - 4)
            if not tags[p, INSIDE] or not math.isnan(table[p, HIGHEST]):
                p = -1
            elif not is_open(p, min(held, SPEAKERS), w, table, many, size):
                for c in range(many):
                    if w[FOUND, HOURS + c] > 0.0:
                        add_above(out, course, ABOVE + c, w[FOUND, HOURS + c], table[p, BEGIN], many)
                p = -1
        if p >= 0:
            examine(p, w, table, tags, out, many, loose)
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
def as_good_as(p, other, table, size):
    """Does a piece surely come to the level of another one of the same body, but for rounding?"""
    good = table[p, LENGTH] >= table[other, REACHED]
    for i in range(len(size)):
        good = good and table[p, HELD + i] >= (1.0 - SAME) * table[other, HELD + i]
    return good


@kernel(counted=False)
def finish(pieces, w, table, tags, out, many, size):
    """Highest and lowest levels of windows and course, and when they are first as high as that, but for rounding."""
    best, course = np.int64(-1), out.shape[0] - 1
    for p in range(pieces):
        window, top, least = tags[p, WINDOW], table[p, HIGHEST], table[p, LOWEST]
        if window >= 0:
            out[window, CMAX], out[window, CMIN] = max(out[window, CMAX], top), min(out[window, CMIN], least)
        if tags[p, INSIDE] and not math.isnan(top):
            if top > out[course, CMAX]:
                out[course, CMAX], best = top, p
            out[course, CMIN] = min(out[course, CMIN], least)
    for p in range(pieces):
        window, top = tags[p, WINDOW], table[p, HIGHEST]
        if window >= 0 and math.isnan(out[window, TMAX]):
            if top >= out[window, CMAX] - SAME * abs(out[window, CMAX]):
                out[window, TMAX] = table[p, BEGIN] + table[p, REACHED]
        if tags[p, INSIDE] and best >= 0 and math.isnan(out[course, TMAX]):
            if top >= out[course, CMAX] - SAME * abs(out[course, CMAX]):
                out[course, TMAX] = table[p, BEGIN] + table[p, REACHED]
            elif math.isnan(top) and tags[p, BODY] == tags[best, BODY] and w[SPREAD, 1] == 0.0:
                if as_good_as(p, best, table, size):
                    out[course, TMAX] = table[p, BEGIN] + table[best, REACHED]
    for row in range(out.shape[0]):
        for c in range(many):
            if out[row, ABOVE + many + c] == math.inf:
                out[row, ABOVE + many + c] = np.nan


@kernel(inline="always", counted=False)
def pass_piece(p, w, table, tags, out, size, loose):
    """Move the state over a piece, and add the area under its level up."""
    n, alike = len(size), tags[p, ALIKE]
    if tags[p, CLOSING]:
        # what flowed in has been taken back up to rounding: from here on exactly nothing does
        for i in range(n):
            if w[LOSS, i] < 0.0:
                w[STATE, i] = 0.0
    for i in range(n):
        table[p, HELD + i] = w[STATE, i]
    table[p, BEFORE] = dot(w, WEIGHT, STATE, size)
    if alike >= 0:
        area = dot(w, KEPT_AREA + alike, STATE, size)
        carry(w, KEPT_STEP + alike, STATE, TOTAL, size)
        for i in range(n):
            w[STATE, i] = w[TOTAL, i]
    else:
        area = advance(w, STATE, table[p, LENGTH], loose)
    table[p, AFTER] = dot(w, WEIGHT, STATE, size)
    if tags[p, WINDOW] >= 0:
        out[tags[p, WINDOW], AUC] += area
    if tags[p, INSIDE]:
        out[out.shape[0] - 1, AUC] += area


@kernel
def walk_pieces(pieces, row, line, system, inputs, amount, zero, asked, w, table, tags, out, size, loose):
    """Exposure of one subject into ``out``; False where numbers end.

    Its doses are row ``row`` of ``amount``, ``line`` is its first body, and ``zero`` the cut at time zero.
    """
    n, many, begun, body, empty, sound = len(size), asked.thresholds, np.int64(0), -1, True, True
    begin_rows(out, many)
    w[KNOWN, 0], w[KNOWN, 1] = -math.inf, math.inf
    for i in range(n):
        w[STATE, i] = 0.0
    # one more round, so that there is one call of `judge`
    for p in range(pieces + 1):
        if sound and tags[p, BODY] != body:
            if body >= 0:
                judge((begun, p), w, table, tags, out, many, size, loose)
            begun, body = p, tags[p, BODY]
            if body >= 0:
                take_up(w, system, line + body, asked, loose)
                sound = face(w, asked.fine, loose)
        if sound and p < pieces:
            if empty and tags[p, CUT] >= zero:
                empty = False
                for i in range(n):
                    w[STATE, i] += system.initial[line, i]
            for k in range(tags[p, FIRST], tags[p + 1, FIRST]):
                w[STATE, inputs.place[k]] += amount[row, inputs.kind[k]] * inputs.factor[k]
            pass_piece(p, w, table, tags, out, size, loose)
    finish(pieces, w, table, tags, out, many, loose)
    course = out.shape[0] - 1
    sound = sound and math.isfinite(out[course, CMAX]) and math.isfinite(out[course, AUC])
    for i in range(n):
        sound = sound and math.isfinite(w[STATE, i])
    return sound


@kernel(inline="always", counted=False)
def forget(table, pieces):
    """Nothing is known of the pieces of the next subject."""
    for p in range(pieces):
        table[p, HIGHEST] = np.nan


@kernel
def expose_course(span, able, system, course, cuts, asked, room, out, solved, size, loose):
    """Exposure of subjects ``span[0] .. span[1] - 1`` who take their doses as prescribed.

    ``out`` is (subject, window + 1, column), ``able`` and ``solved`` (subject,). ``room`` comes from `blank_room`, and no
    two threads may share it.
    """
    inputs, table, tags, w = room
    planned, pieces = np.int64(-1), np.int64(0)
    for row in range(span[0], span[1]):
        solved[row] = able[row]
        if able[row]:
            if planned < 0 or not same_plan(row, planned, course):
                pieces = plan_pieces(list_inputs(row, course, inputs), np.int64(0), inputs, cuts, w, table, tags)
                lengths_alike(w, table, tags, pieces, asked.bodies)
                planned = row
            forget(table, pieces)
            solved[row] = walk_pieces(
                pieces, row, row, system, inputs, course.amount, cuts.zero, asked, w, table, tags, out[row], size, loose
            )


@kernel
def expose_arrivals(first, able, system, arrivals, cuts, asked, room, out, solved, size, loose):
    """Exposure of a block of subjects whose doses differ; ``able``, ``arrivals`` and ``solved`` are the block's.

    ``first`` is where its first one is in ``out`` and in ``system``, which has body after body of each subject.
    """
    inputs, table, tags, w = room
    for row in range(able.shape[0]):
        solved[row] = able[row]
        if able[row]:
            pieces = plan_pieces(list_arrivals(row, arrivals, inputs), np.int64(0), inputs, cuts, w, table, tags)
            lengths_alike(w, table, tags, pieces, asked.bodies)
            line = first[1] + row * asked.bodies
            solved[row] = walk_pieces(
                pieces, row, line, system, inputs, arrivals.amount, cuts.zero, asked, w, table, tags,
                out[first[0] + row], size, loose,
            )  # fmt: skip
