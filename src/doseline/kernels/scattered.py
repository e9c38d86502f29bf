r"""Doses at times of each subject's own, on an even grid.

A dose between two grid points is replaced by what is left of it at the later one: ``amount * exp(A t) e`` with the time
``t`` to that point and the unit vector ``e`` of the state it enters. From there on every segment is a whole number of
grid steps, so a subject needs the powers of one matrix, however irregular the doses are. ``exp(A t) e`` is a polynomial
in ``t`` whose coefficients are worked out once a subject; shifted by the fastest loss, as in `propagator`, none of them
is negative. Doses that are far from their grid point, in time or for the model, take the propagator itself.

The end of an infusion takes back what would have flowed in until its grid point. Where that is far more than what is
left by then, its digits would be lost: such an infusion ends at the grid point before, and the rest of it, from there
to its true end, enters as what is left of it.
"""

import math
from typing import NamedTuple

import numpy as np

from doseline.kernels.drive import read_table
from doseline.kernels.kernel import kernel
from doseline.kernels.program import COLUMNS, SAME, rounding
from doseline.kernels.propagator import multiply, propagator

FAR = 16.0
"""Losses times time from which the polynomial would need too many terms."""
TERMS = 64
"""Most terms: at `FAR` what is left out is below 1e-18 of the sum."""
SMALL = 1e-18
FADED, BRIEF = 6.0, 64.0
"""The rest of an infusion enters by itself from so many losses, and so many of its lengths, behind its end."""


class Arrivals(NamedTuple):
    """What each subject of a block takes. Arrays with one column hold for all doses."""

    time: np.ndarray  # (dose,) nominal, ascending [h]
    delay: np.ndarray  # (subject, dose) from there to the arrival: late, and lag [h]
    amount: np.ndarray  # (subject, dose) that arrives [mg]; 0: nothing
    duration: np.ndarray  # (subject, dose) of a zero-order input [h]; 0: a bolus
    target: np.ndarray  # (subject, dose) state that a bolus enters
    inflow: np.ndarray  # (state,) state that holds the rate of infusions into each
    inflows: int  # states from this one on hold rates of infusions
    begins: bool  # is there anything in the body at time zero?


class Entered(NamedTuple):
    """Inputs of one subject in order of grid points, and memory for them."""

    cell: np.ndarray  # (input,) the grid point that it is moved to
    ahead: np.ndarray  # (input,) time to that point [h]
    place: np.ndarray  # (input,) state; -1: what is there at time zero
    factor: np.ndarray  # (input,) what enters: mg, or mg/h
    change: np.ndarray  # (input,) 0: a bolus; 1, -1: an infusion begins, ends
    length: np.ndarray  # (input,) of an infusion that is over, and enters as what is left of it [h]; else 0
    share: np.ndarray  # (input,)
    vector: np.ndarray  # (state, input) what is left of it at the grid point
    term: np.ndarray  # (TERMS, state)
    inner: np.ndarray  # (2, input)


def blank_entered(doses, states):
    """Memory for one thread; plain Python, for compiling it takes a second."""
    most = 3 * doses + 1
    return Entered(
        np.empty(most, np.int64), np.empty(most), np.empty(most, np.int64), np.empty(most),
        np.empty(most, np.int64), np.empty(most), np.empty(most), np.empty((states, most)),
        np.empty((TERMS, states)), np.empty((2, most)),
    )  # fmt: skip


@kernel
def put_in(count, entry, entered):
    """Insert one input behind those of the same or an earlier grid point; returns the new count."""
    cell, ahead, place, factor, change, length = entry
    at = count
    while at > 0 and entered.cell[at - 1] > cell:
        entered.cell[at] = entered.cell[at - 1]
        entered.ahead[at] = entered.ahead[at - 1]
        entered.place[at] = entered.place[at - 1]
        entered.factor[at] = entered.factor[at - 1]
        entered.change[at] = entered.change[at - 1]
        entered.length[at] = entered.length[at - 1]
        at -= 1
    entered.cell[at] = cell
    entered.ahead[at] = ahead
    entered.place[at] = place
    entered.factor[at] = factor
    entered.change[at] = change
    entered.length[at] = length
    return count + 1


@kernel
def point_after(time, late, grid, rounded):
    """Index of the first grid point that is not before ``time + late``.

    A point at the very time of an input belongs to what follows it, as in `points_before`; here the grid is even, so
    that a guess is off by a point at most.
    """
    points = grid.time.shape[0]
    before = -SAME * (time + late) - rounded
    k = np.int64(min(max((time + late - grid.time[0]) * (1.0 / grid.step), 0.0), float(points)))
    while k > 0 and (grid.time[k - 1] - time) - late >= before:
        k -= 1
    while k < points and (grid.time[k] - time) - late < before:
        k += 1
    return k


@kernel
def list_boluses(row, arrivals, grid, entered):
    """The same as `list_entered` where there is nothing but boluses into one state: in half the time."""
    count, points = np.int64(0), grid.time.shape[0]
    delays, amounts = arrivals.delay.shape[1] > 1, arrivals.amount.shape[1] > 1
    rounded, target = rounding(grid.time), np.int64(arrivals.target[row, 0])
    for dose in range(len(arrivals.time)):
        amount, time = arrivals.amount[row, dose if amounts else 0], arrivals.time[dose]
        late = arrivals.delay[row, dose if delays else 0]
        k = point_after(time, late, grid, rounded) if amount != 0.0 else points
        if k < points:
            ahead = max((grid.time[k] - time) - late, 0.0)
            at = count
            while at > 0 and entered.cell[at - 1] > k:
                entered.cell[at] = entered.cell[at - 1]
                entered.ahead[at] = entered.ahead[at - 1]
                entered.factor[at] = entered.factor[at - 1]
                at -= 1
            entered.cell[at] = k
            entered.ahead[at] = ahead
            entered.factor[at] = amount
            count += 1
    for d in range(count):
        entered.place[d] = target
        entered.change[d] = 0
        entered.length[d] = 0.0
    return count


@kernel
def list_entered(row, fastest, arrivals, grid, entered):
    """Write one subject's inputs in order; returns how many come before the end of the grid."""
    count, points = np.int64(0), grid.time.shape[0]
    delays, amounts = arrivals.delay.shape[1] > 1, arrivals.amount.shape[1] > 1
    durations, targets = arrivals.duration.shape[1] > 1, arrivals.target.shape[1] > 1
    rounded = rounding(grid.time)
    # dose -1 is what is there at time zero
    for dose in range(-1 if arrivals.begins else 0, len(arrivals.time)):
        amount, time, delay, duration, target = 1.0, 0.0, 0.0, 0.0, np.int64(-1)
        if dose >= 0:
            amount = arrivals.amount[row, dose if amounts else 0]
            time = arrivals.time[dose]
            delay = arrivals.delay[row, dose if delays else 0]
            duration = arrivals.duration[row, dose if durations else 0]
            target = np.int64(arrivals.target[row, dose if targets else 0])
        infused = duration > 0.0
        place = arrivals.inflow[target] if infused else target
        factor = amount / duration if infused else amount
        begun, parted = points, False
        # one call in a loop, for numba compiles a function anew for each literal it is called with
        for part in range(0 if amount == 0.0 else 3 if infused else 1):
            late = delay + min(part, 1) * duration
            # the rest, part 2, is at the point of the end
            k = point_after(time, late, grid, rounded)
            ahead = max((grid.time[k] - time) - late, 0.0) if k < points else 0.0
            length, change = 0.0, np.int64(0)
            if part == 0:
                begun, change = k, np.int64(infused)
                if infused:
                    over = point_after(time, delay + duration, grid, rounded)
                    if over < points:
                        left = (grid.time[over] - time) - (delay + duration)
                        parted = fastest * left > FADED or left > BRIEF * duration
                    if parted and over == k:
                        k = points
            elif part == 1:
                change = np.int64(-1)
                if parted:
                    k, ahead = k - 1 if begun < k else points, 0.0
            elif parted:
                length = duration if begun == k else late - (grid.time[k - 1] - time)
            else:
                k = points
            if k < points:
                entry = (k, ahead, place, -factor if part == 1 else factor, change, length)
                count = put_in(count, entry, entered)
    return count


@kernel
def fill_terms(matrix, fastest, step, place, terms, size):
    """Coefficients of ``exp((A + q) step s) e`` in powers of s; returns how many matter for s up to 1."""
    n = len(size)
    for i in range(n):
        terms[0, i] = 0.0
    terms[0, place] = 1.0
    total, used = 1.0, 1
    for m in range(1, TERMS):
        added, share = 0.0, step / m
        for i in range(n):
            value = fastest * terms[m - 1, i]
            for j in range(n):
                value += matrix[i * n + j] * terms[m - 1, j]
            terms[m, i] = value * share
            added += terms[m, i]
        total += added
        used = m + 1
        if added < SMALL * total and m > fastest * step:
            break
    return used


@kernel
def sum_up(terms, column, used, part, total, count):
    """``total = terms[0] + terms[1] part + terms[2] part ** 2 + ...`` for every dose.

    A loop over doses inside one over terms vectorises; four terms at a time, so that memory is not what it waits for.
    """
    for d in range(count):
        total[d] = 0.0
    last = -(-used // 4) * 4
    for m in range(used, last):
        terms[m, column] = 0.0
    for m in range(last - 4, -1, -4):
        t0, t1, t2, t3 = terms[m, column], terms[m + 1, column], terms[m + 2, column], terms[m + 3, column]
        for d in range(count):
            total[d] = (((total[d] * part[d] + t3) * part[d] + t2) * part[d] + t1) * part[d] + t0


@kernel
def fill_vectors(row, count, fastest, system, grid, entered, size):
    """What is left of each near input at its grid point; returns how many are far, their `share` is -1."""
    n, far = len(size), 0
    matrix = system.rates[row]
    places = 0
    for d in range(count):
        ahead = entered.ahead[d]
        entered.share[d] = 0.0
        away = ahead > grid.step * (1.0 + 1e-9) or fastest * ahead > FAR
        if away or entered.place[d] < 0 or entered.length[d] > 0.0:
            entered.share[d] = -1.0
            far += 1
        else:
            places |= 1 << entered.place[d]
        for i in range(n):
            entered.vector[i, d] = 0.0
    reach = min(grid.step, FAR / fastest) if fastest > 0.0 else grid.step
    per_reach = 1.0 / reach
    inner, part = entered.inner[0], entered.inner[1]
    for d in range(count):
        part[d] = entered.ahead[d] * per_reach
    # exp(-q t) as the inverse of a sum of numbers above 0: that vectorises, a call does not
    used, total, term = 0, 0.0, 1.0
    while used < TERMS and (term > SMALL * total or used < fastest * reach):
        entered.term[used, 0] = term
        total += term
        used += 1
        term *= fastest * reach / used
    sum_up(entered.term, 0, used, part, inner, count)
    for d in range(count):
        if entered.share[d] >= 0.0:
            entered.share[d] = 1.0 / inner[d]
    for place in range(n):
        if places >> place & 1:
            used = fill_terms(matrix, fastest, reach, place, entered.term, size)
            for i in range(n):
                vector = entered.vector[i]
                sum_up(entered.term, i, used, part, inner, count)
                for d in range(count):
                    taken = entered.place[d] == place and entered.share[d] >= 0.0
                    vector[d] += inner[d] * entered.share[d] * entered.factor[d] if taken else 0.0
                if i == place:
                    for d in range(count):
                        # the rate of an infusion stays what it is, in every digit
                        if entered.change[d] != 0 and entered.place[d] == place and entered.share[d] >= 0.0:
                            vector[d] = entered.factor[d]
    return far


@kernel
def fill_far(row, far, system, inflows, grid, entered, step, moved, scratch, size):
    """``exp(A step)``, and what is left of each far input."""
    n, d = len(size), -1
    rates, losses = system.rates[row], system.losses[row]
    # one call in one loop: each call of it would be compiled in full
    for s in range(far + 1):
        if s > 0:
            d += 1
            while entered.share[d] >= 0.0:
                d += 1
            for i in range(n):
                entered.vector[i, d] = system.initial[row, i] if entered.place[d] < 0 else 0.0
            if entered.place[d] >= 0:
                entered.vector[entered.place[d], d] = entered.factor[d]
        # first what has flowed in until the end of an infusion, then what is left of it
        flowing = s > 0 and entered.length[d] > 0.0
        for last in range(0 if flowing else 1, 2):
            t = grid.step if s == 0 else entered.ahead[d] if last == 1 else entered.length[d]
            propagator(rates, losses, t, moved, scratch, size)
            for i in range(n):
                total = 0.0
                for j in range(n):
                    if s == 0:
                        step[i * n + j] = moved[i * n + j]
                    else:
                        total += moved[i * n + j] * entered.vector[j, d]
                scratch[0, i] = total
            if s > 0:
                for i in range(n):
                    stops = flowing and i >= inflows
                    entered.vector[i, d] = 0.0 if stops else scratch[0, i]


@kernel
def fill_powers(row, widest, system, step, powers, tables, size):
    """Powers of the step (widest + 1, n * n), and ``weights . step ** c`` for each column c of the tables."""
    n = len(size)
    for i in range(n):
        for j in range(n):
            powers[0, i * n + j] = 1.0 if i == j else 0.0
    for c in range(1, widest + 1):
        multiply(step, powers[c - 1], powers[c], size)
    for o in range(system.weights.shape[0]):
        for c in range(widest):
            for i in range(n):
                total = 0.0
                for j in range(n):
                    total += system.weights[o, row, j] * powers[c, j * n + i]
                tables[o, i, c] = total


@kernel
def run_cells(line, count, entered, arrivals, powers, tables, state, out, size):
    """Levels of one subject into ``out``; ``state`` (2, n) ends at the end of the grid."""
    n = len(size)
    now, then = state[0], state[1]
    points = out.shape[2]
    widest = powers.shape[0] - 1
    for i in range(n):
        now[i] = 0.0
    d, running = 0, 0
    k = entered.cell[0] if count > 0 else points
    for o in range(out.shape[0]):
        for c in range(k):
            out[o, line, c] = 0.0
    while k < points:
        while d < count and entered.cell[d] == k:
            for i in range(n):
                now[i] += entered.vector[i, d]
            running += entered.change[d]
            d += 1
        if running == 0:
            # what flowed in has been taken back up to rounding: from here on exactly nothing does
            for i in range(arrivals.inflows, n):
                now[i] = 0.0
        last = entered.cell[d] if d < count else points
        while k < last:
            columns = min(last - k, widest)
            for o in range(out.shape[0]):
                read_table(out[o, line, k : k + columns], now, tables[o], size)
            for i in range(n):
                then[i] = now[i]
            for i in range(n):
                total = 0.0
                for j in range(n):
                    total += powers[columns, i * n + j] * then[j]
                now[i] = total
            k += columns


@kernel
def walk_scattered(begin, able, system, arrivals, grid, entered, out, solved, size):
    """Levels of a block of subjects into ``out`` (output, subject, time), where the first of them is ``begin``.

    ``system`` is of all subjects; ``able``, ``arrivals`` and ``solved`` are the block's. ``entered`` comes from
    `blank_entered`, and no two threads may share it.
    """
    n = len(size)
    state, scratch = np.empty((2, n)), np.empty((4, n * n))
    step, moved = np.empty(n * n), np.empty(n * n)
    room_powers = np.empty((COLUMNS + 1, n * n))
    points = grid.time.shape[0]
    alike = arrivals.duration.shape[1] == 1 and arrivals.target.shape[1] == 1 and not arrivals.begins
    for row in range(able.shape[0]):
        solved[row] = able[row]
        if able[row]:
            subject, fastest = begin + row, 0.0
            for j in range(n):
                fastest = max(fastest, -system.rates[subject, j * n + j])
            if alike and arrivals.duration[row, 0] == 0.0:
                count = list_boluses(row, arrivals, grid, entered)
            else:
                count = list_entered(row, fastest, arrivals, grid, entered)
            widest = 1
            for d in range(count):
                after = entered.cell[d + 1] if d + 1 < count else points
                widest = max(widest, after - entered.cell[d])
            widest = min(widest, COLUMNS)
            far = fill_vectors(subject, count, fastest, system, grid, entered, size)
            fill_far(subject, far, system, arrivals.inflows, grid, entered, step, moved, scratch, size)
            powers = room_powers[: widest + 1]
            tables = np.empty((out.shape[0], n, widest))
            fill_powers(subject, widest, system, step, powers, tables, size)
            run_cells(subject, count, entered, arrivals, powers, tables, state, out, size)
            for i in range(n):
                solved[row] = solved[row] and math.isfinite(state[0, i])
        if not solved[row]:
            out[:, begin + row, :] = np.nan
