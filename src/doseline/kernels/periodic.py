"""Exposure at steady state: one period of doses that have gone on for ever, and one of the same doses in an empty body.

What a period's doses leave behind in an empty body is run once; the amounts at which a period begins follow by the
elimination of `steady`, without waiting and without a difference. Then the period is walked as any course is. Doses
that arrive after the end of their period, for their lag, arrive in a later one, and so at the same time of each; of
infusions that last longer, so many run all the time.
"""

import math

import numpy as np

from doseline.kernels.agenda import overlap
from doseline.kernels.exposed import pass_piece, take_up
from doseline.kernels.judging import AUC, begin_rows, finish, judge
from doseline.kernels.kernel import kernel
from doseline.kernels.ladder import LOSS, MATRIX, SCRATCH, STATE, TRAIN
from doseline.kernels.pieces import ALIKE, FIRST, HELD, INSIDE, ORDER, plan_pieces
from doseline.kernels.program import SAME, enter
from doseline.kernels.propagator import propagator
from doseline.kernels.rungs import KEPT_STEP, KNOWN, START, advance, stand_with
from doseline.kernels.steady import balance

SETTLED, ENDLESS, LOST = 0, 1, 2
"""How the steady state of a subject was found: it is there, nothing ends it, or it leaves the range of numbers."""


@kernel
def list_period(row, course, period, wrapped, inputs, w):
    """Write the inputs of one period in order; returns how many there are, and how many infusions run at its begin.

    Where they are ``wrapped``, doses of all earlier periods count. What the rates are at the begin goes to ``START``.
    """
    count, running = np.int64(0), np.int64(0)
    for i in range(w.shape[1]):
        w[START, i] = 0.0
    for dose in range(len(course.time)):
        kind = course.kind[dose]
        time, late, duration = course.time[dose], course.lag[row, kind], course.duration[row, kind]
        infused, lasting, place = duration > 0.0, duration, course.target[kind]
        factor, end, share = 1.0, math.inf, 0.0
        if wrapped:
            late -= np.floor((time + late) / period * (1.0 + SAME)) * period
        if infused:
            place, factor = course.inflow[kind], 1.0 / duration
            if wrapped:
                share, lasting = overlap(duration, period)
            end = time + late + lasting
            late_end = late + lasting
            if wrapped and end >= period * (1.0 - SAME):
                late_end -= period
                # one that ends with the period ends when nothing follows any more
                if end <= period * (1.0 + SAME):
                    late_end = math.inf
                elif lasting > 0.0:
                    share += 1.0
            w[START, place] += share * factor * course.amount[row, kind]
            running += np.int64(share)
            if lasting > 0.0 and late_end < math.inf:
                count = enter(count, (time, late_end, kind, -factor, place, np.int64(-1)), inputs)
        if lasting > 0.0 or not infused:
            count = enter(count, (time, late, kind, factor, place, np.int64(infused)), inputs)
    return count, running


@kernel
def run_period(row, count, amount, period, inputs, w, size):
    """Move ``STATE`` through a period with its inputs; returns the area under the level."""
    now, area, k = 0.0, 0.0, np.int64(0)
    while k <= count:
        until = period
        if k < count:
            until = min(inputs.nominal[k] + inputs.delay[k], period)
        area += advance(w, STATE, max(until - now, 0.0), size)
        now = max(now, until)
        if k < count and until < period:
            w[STATE, inputs.place[k]] += amount[row, inputs.kind[k]] * inputs.factor[k]
        k += 1
    return area


@kernel
def expose_period(span, able, system, course, period, cuts, asked, room, out, once, ended, size):
    """Exposure over one period at steady state, into ``out`` (subject, 1, column), of subjects from ``span``.

    ``once`` (subject,) is the area over a period after its doses, in an empty body. ``able`` (subject,); how it ended
    goes to ``ended``. ``cuts`` are those of the period; ``room`` comes from `exposed.blank_room`.
    """
    inputs, table, tags, w = room
    n, many = len(size), asked.thresholds
    for row in range(span[0], span[1]):
        ended[row] = LOST
        if able[row]:
            take_up(w, system, row, asked, size)
            sound = stand_with(w, period, asked.fine, size)
            count, running, settled = np.int64(0), np.int64(0), True
            # first the doses of one period alone, then of all of them
            for wrapped in range(2 if sound else 0):
                count, running = list_period(row, course, period, wrapped == 1, inputs, w)
                for i in range(n):
                    w[STATE, i] = w[START, i]
                area = run_period(row, count, course.amount, period, inputs, w, size)
                if wrapped == 0:
                    once[row] = area
            if sound:
                for i in range(n):
                    w[TRAIN, i] = w[STATE, i]
                propagator(w[MATRIX], w[LOSS], period, w[KEPT_STEP], w[SCRATCH : SCRATCH + 4], size)
                settled = balance(w, KEPT_STEP, SCRATCH + 2, course.inflows, size)
                for i in range(n):
                    w[STATE, i] = w[TRAIN, i] + (w[START, i] if w[LOSS, i] < 0.0 else 0.0)
                    sound = sound and math.isfinite(w[STATE, i])
            if sound and settled:
                pieces = plan_pieces(count, running, inputs, cuts, w, table, tags)
                begin_rows(out[row], many)
                w[KNOWN, 0], w[KNOWN, 1] = -math.inf, math.inf
                for i in range(n):
                    table[0, HELD + i] = w[STATE, i]
                for p in range(pieces):
                    tags[p, ALIKE] = -1
                    for k in range(tags[p, FIRST], tags[p + 1, FIRST]):
                        table[p, HELD + inputs.place[k]] += (
                            course.amount[row, inputs.kind[k]] * inputs.factor[k]
                        )
                    area = pass_piece(p, w, table, tags, size)
                    table[p, ORDER] = float(p)
                    out[row, 0, AUC] += area if tags[p, INSIDE] else 0.0
                judge((np.int64(0), pieces), w, table, tags, out[row], many, size)
                finish(pieces, row, inputs, course.amount, w, table, tags, out[row], many, size)
                if math.isfinite(out[row, 0, 0]) and math.isfinite(out[row, 0, 3]):
                    ended[row] = SETTLED
            elif sound:
                ended[row] = ENDLESS
