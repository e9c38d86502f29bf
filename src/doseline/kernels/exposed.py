"""Exposure while solving, for linear models: the walk over one subject's pieces.

First the state is moved from piece to piece, and the area under each is added up; over a train of the same doses it
jumps. Then extremes are looked for (`judging`).

``size`` is an array of the length n: one code serves all numbers of states, as for event tables.

Exposure is ``out`` (window + 1, column), the course last. Columns are Cmax, Tmax, Cmin, AUC, hours above each
threshold, and when each is first exceeded.
"""

import math
from typing import NamedTuple

import numpy as np

from doseline.kernels.drive import same_plan
from doseline.kernels.judging import AUC, CMAX, begin_rows, finish, judge
from doseline.kernels.jumps import LONG, find_trains, jump, write_map
from doseline.kernels.kernel import kernel
from doseline.kernels.ladder import LOSS, MATRIX, SCRATCH, SPARE, STATE
from doseline.kernels.pieces import (
    AFTER,
    ALIKE,
    BEFORE,
    BODY,
    CLOSING,
    CUT,
    FIRST,
    HELD,
    HIGHEST,
    INSIDE,
    LENGTH,
    ORDER,
    RUN,
    WINDOW,
    blank_pieces,
    lengths_alike,
    list_arrivals,
    plan_pieces,
)
from doseline.kernels.program import list_inputs
from doseline.kernels.propagator import propagator
from doseline.kernels.rungs import (
    KEPT_AREA,
    KEPT_STEP,
    KNOWN,
    PLAN,
    SPREAD,
    WEIGHT,
    advance,
    blank_numbers,
    stand_with,
)


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


@kernel(counted=False)
def over_train(p, row, inputs, amount, w, table, tags, size):
    """Jump from a piece that was walked to the last one of its train, if all between need no look.

    Returns the number of that piece and the area under those between; 0 where they have to be walked.
    """
    one, last = tags[p, FIRST], p + tags[p, RUN]
    place, given = inputs.place[one], amount[row, inputs.kind[one]] * inputs.factor[one]
    rising, falling = True, True
    for i in range(len(size)):
        now, then = table[p, HELD + i], table[p + 1, HELD + i] + (given if i == place else 0.0)
        rising, falling = rising and then >= now, falling and then <= now
        w[STATE, i] = table[p + 1, HELD + i]
    if not (rising or falling):
        return 0, 0.0
    write_map(w, tags[p, ALIKE], place, given, size)
    area = jump(w, STATE, last - p - 1, size)
    for i in range(len(size)):
        table[last, HELD + i] = w[STATE, i]
    return last, area


@kernel(inline="always", counted=False)
def pass_piece(p, w, table, tags, size):
    """Move the state where a piece begins to where the next one does; returns the area under the level.

    States stand in the table and nowhere else: each is computed once, and what waits for it is next to it.
    """
    n, alike = len(size), tags[p, ALIKE]
    if tags[p, CLOSING]:
        # what flowed in has been taken back up to rounding: from here on exactly nothing does
        for i in range(n):
            if w[LOSS, i] < 0.0:
                table[p, HELD + i] = 0.0
    area, before, after = 0.0, 0.0, 0.0
    for i in range(n):
        before += w[WEIGHT, i] * table[p, HELD + i]
    if alike >= 0:
        for i in range(n):
            area += w[KEPT_AREA + alike, i] * table[p, HELD + i]
        for i in range(n):
            total = 0.0
            for j in range(n):
                total += w[KEPT_STEP + alike, i * n + j] * table[p, HELD + j]
            table[p + 1, HELD + i] = total
            after += w[WEIGHT, i] * total
    else:
        for i in range(n):
            w[STATE, i] = table[p, HELD + i]
        area = advance(w, STATE, table[p, LENGTH], size)
        for i in range(n):
            table[p + 1, HELD + i] = w[STATE, i]
            after += w[WEIGHT, i] * w[STATE, i]
    table[p, BEFORE], table[p, AFTER], table[p, HIGHEST] = before, after, np.nan
    return area


@kernel
def walk_pieces(pieces, row, line, system, inputs, amount, zero, asked, w, table, tags, out, size):
    """Exposure of one subject into ``out``; False where numbers end.

    Its doses are row ``row`` of ``amount``, ``line`` is its first body, and ``zero`` the cut at time zero.
    """
    n, many, begun, body, empty, sound = len(size), asked.thresholds, np.int64(0), -1, True, True
    begin_rows(out, many)
    w[KNOWN, 0], w[KNOWN, 1] = -math.inf, math.inf
    for i in range(n):
        table[0, HELD + i] = 0.0
    total, p, walked = 0.0, np.int64(0), np.int64(0)
    # one more round, so that there is one call of `judge`
    while p <= pieces:
        if sound and tags[p, BODY] != body:
            if body >= 0:
                judge((begun, walked), w, table, tags, out, many, size)
            begun, body = walked, tags[p, BODY]
            if body >= 0:
                take_up(w, system, line + body, asked, size)
                sound = face(w, asked.fine, size)
        ahead = np.int64(0)
        if sound and p < pieces:
            if empty and tags[p, CUT] >= zero:
                empty = False
                for i in range(n):
                    table[p, HELD + i] += system.initial[line, i]
            for k in range(tags[p, FIRST], tags[p + 1, FIRST]):
                table[p, HELD + inputs.place[k]] += amount[row, inputs.kind[k]] * inputs.factor[k]
            area = pass_piece(p, w, table, tags, size)
            table[walked, ORDER] = float(p)
            walked += 1
            if tags[p, WINDOW] >= 0:
                out[tags[p, WINDOW], AUC] += area
            if tags[p, RUN] >= LONG and many == 0 and not empty and w[SPREAD, 1] == 0.0:
                ahead, between = over_train(p, row, inputs, amount, w, table, tags, size)
                area += between
            total += area if tags[p, INSIDE] else 0.0
        p = ahead if ahead > 0 else p + 1
    finish(walked, row, inputs, amount, w, table, tags, out, many, size)
    course = out.shape[0] - 1
    out[course, AUC] = total
    sound = sound and math.isfinite(out[course, CMAX]) and math.isfinite(out[course, AUC])
    for i in range(n):
        sound = sound and math.isfinite(table[pieces, HELD + i])
    return sound


@kernel
def expose_course(span, able, system, course, cuts, asked, room, out, solved, size):
    """Exposure of subjects ``span[0] .. span[1] - 1`` who take their doses as prescribed.

    ``out`` is (subject, window + 1, column), ``able`` and ``solved`` (subject,). ``room`` comes from `blank_room`, and
    no two threads may share it.
    """
    inputs, table, tags, w = room
    planned, pieces = np.int64(-1), np.int64(0)
    for row in range(span[0], span[1]):
        solved[row] = able[row]
        if able[row]:
            if planned < 0 or not same_plan(row, planned, course):
                count = list_inputs(row, course, inputs)
                pieces = plan_pieces(count, np.int64(0), inputs, cuts, w, table, tags)
                lengths_alike(w, table, tags, pieces, asked.bodies)
                find_trains(pieces, tags, inputs)
                planned = row
            solved[row] = walk_pieces(
                pieces, row, row, system, inputs, course.amount, cuts.zero, asked, w, table, tags,
                out[row], size,
            )  # fmt: skip


@kernel
def expose_arrivals(first, able, system, arrivals, cuts, asked, room, out, solved, size):
    """Exposure of a block of subjects whose doses differ; ``able``, ``arrivals`` and ``solved`` are the block's.

    ``first`` is where its first one is in ``out`` and in ``system``, which has body after body of each subject.
    """
    inputs, table, tags, w = room
    for row in range(able.shape[0]):
        solved[row] = able[row]
        if able[row]:
            count = list_arrivals(row, arrivals, inputs)
            pieces = plan_pieces(count, np.int64(0), inputs, cuts, w, table, tags)
            lengths_alike(w, table, tags, pieces, asked.bodies)
            # doses that differ make no trains
            for p in range(pieces):
                tags[p, RUN] = 0
            line = first[1] + row * asked.bodies
            solved[row] = walk_pieces(
                pieces, row, line, system, inputs, arrivals.amount, cuts.zero, asked, w, table, tags,
                out[first[0] + row], size,
            )  # fmt: skip
