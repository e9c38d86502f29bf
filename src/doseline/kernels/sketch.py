"""Numbers counted into buckets of equal relative width, and quantiles read from the counts.

A number is put into a bucket by its binary digits alone: the exponent says the octave, the leading digits behind it,
through a table, which part of the octave. Nothing is rounded and no logarithm is taken, so every machine finds the same
bucket, and of two numbers the larger is never put below the smaller. docs/theory/sketches.md has the bound.

A sheet holds the cells of one group and one output, one for each time. Positive and negative numbers of a cell lie in a
*store* each, by magnitude: store ``time`` has the positive ones, store ``times + time`` the negative ones.
"""

import math
from typing import NamedTuple

import numpy as np

from doseline.kernels.kernel import kernel

DIGITS = np.int64(52)
MAGNITUDE = np.int64(0x7FFFFFFFFFFFFFFF)
INFINITE = np.int64(0x7FF0000000000000)
"""The digits of infinity: whatever is above is no number."""
BIAS = 1023
ONE = np.int32(1)
NEVER = np.int64(1) << np.int64(62)
"""Above every bucket."""

MISSING, BELOW, ZERO, ABOVE = 0, 1, 2, 3
"""What has no bucket is tallied: no number, minus infinity, zero, infinity."""
TALLIES = 4
LOWEST, HIGHEST, OFFSET = 0, 1, 2
"""What is looked at for each number, side by side in memory."""
SPAN = 3
ALIGNED = 64
"""Windows begin and end at multiples of so many buckets, so that they seldom have to grow."""


class Scale(NamedTuple):
    """How an octave is cut into buckets."""

    place: np.ndarray  # (2 ** leading,) bucket within the octave, by the leading digits behind the first one
    middle: np.ndarray  # (bucket,) what stands for a bucket, from 1 up to 2
    shift: np.int64  # binary places behind the leading digits
    most: np.int64  # buckets of a window; those below are counted in its first one


class Sheet(NamedTuple):
    """Counts of all times."""

    counts: np.ndarray  # (bucket of all stores) how many numbers
    first: np.ndarray  # (store,) lowest bucket of the window, counted from the smallest number there is
    size: np.ndarray  # (store,) number of buckets in the window; 0: none yet
    span: (
        np.ndarray
    )  # (store, 3) lowest and highest bucket that is not empty; OFFSET + bucket is its place in `counts`
    tally: np.ndarray  # (TALLIES, time)
    extreme: np.ndarray  # (2, time) least and greatest finite number


class Waiting(NamedTuple):
    """Numbers at or beyond the ends of what their cells hold."""

    value: np.ndarray  # (number,)
    time: np.ndarray  # (number,)


@kernel(inline="always", counted=False)
def bucket_of(magnitude, scale):
    """Bucket of a number, from its digits without the sign."""
    leading = (magnitude >> scale.shift) & np.int64(scale.place.shape[0] - 1)
    return (magnitude >> DIGITS) * np.int64(scale.middle.shape[0]) + np.int64(scale.place[np.uint64(leading)])


@kernel(counted=False)
def middle_of(bucket, scale):
    """The number that stands for a bucket."""
    octave, inside = divmod(bucket, scale.middle.shape[0])
    return math.ldexp(scale.middle[inside], octave - BIAS)


@kernel(counted=False)
def put(x, time, sheet, scale):
    """Count one number at the edge of what its cell holds; false where it is outside of the window."""
    digits = np.float64(x).view(np.int64)
    magnitude = digits & MAGNITUDE
    if magnitude >= INFINITE:
        what = MISSING if magnitude > INFINITE else BELOW if digits < 0 else ABOVE
        sheet.tally[what, time] += 1
        return True
    if magnitude >> DIGITS == 0:
        sheet.tally[ZERO, time] += 1
    else:
        store = time + (sheet.tally.shape[1] if digits < 0 else 0)
        bucket = bucket_of(magnitude, scale)
        if sheet.size[store] >= scale.most:
            bucket = max(bucket, sheet.first[store])
        if bucket < sheet.first[store] or bucket >= sheet.first[store] + sheet.size[store]:
            return False
        sheet.counts[sheet.span[store, OFFSET] + bucket] += 1
        sheet.span[store, LOWEST] = min(sheet.span[store, LOWEST], bucket)
        sheet.span[store, HIGHEST] = max(sheet.span[store, HIGHEST], bucket)
    # minus zero becomes zero: which of the two comes first must not matter
    sheet.extreme[0, time] = min(sheet.extreme[0, time], x + 0.0)
    sheet.extreme[1, time] = max(sheet.extreme[1, time], x + 0.0)
    return True


@kernel(counted=False)
def count(values, rows, start, during, sheet, scale, waiting, seen):
    """Count rows of ``values`` (subject, time), from ``rows[start]`` on, until all are or no more could wait.

    Only the times from ``during[0]`` up to ``during[1]`` are looked at. Numbers inside of what has been seen in their
    cell change nothing else, and are counted here; others wait. ``seen`` (row,) becomes true where there is a number.
    Returns how far it came, and how many wait.
    """
    begin, end = during
    times, filled, k = values.shape[1], 0, start
    while k < rows.shape[0] and filled + end - begin <= waiting.time.shape[0]:
        row, before = values[rows[k]], filled
        for time in range(begin, end):
            x = np.float64(row[np.uint64(time)])
            digits = x.view(np.int64)
            store = np.uint64(time + times if digits < 0 else time)
            bucket = bucket_of(digits & MAGNITUDE, scale)
            # zero lies below all spans, what is infinite or no number above
            if (bucket > sheet.span[store, LOWEST]) & (bucket < sheet.span[store, HIGHEST]):
                sheet.counts[np.uint64(sheet.span[store, OFFSET] + bucket)] += ONE
            else:
                # unsigned places are used as they are; others would be looked at for being counted from the end
                at = np.uint64(filled)
                waiting.value[at], waiting.time[at] = x, time
                filled += 1
        seen[k] |= filled - before < end - begin or any_number(row[begin:end])
        k += 1
    return k, filled


@kernel(counted=False)
def any_number(row):
    """Is there a number in a row?"""
    missing = 0
    for x in row:
        missing += math.isnan(x)
    return missing < row.shape[0]


@kernel(counted=False)
def settle(waiting, filled, sheet, scale):
    """Count what waits; returns how many have to wait on, for wider windows."""
    left = 0
    for k in range(filled):
        x, time = waiting.value[k], waiting.time[k]
        if not put(x, time, sheet, scale):
            waiting.value[left], waiting.time[left] = x, time
            left += 1
    return left


@kernel(counted=False)
def widen(waiting, filled, scale, first, size):
    """Widen the windows ``first`` and ``size`` (store,) for what waits."""
    times = first.shape[0] // 2
    for k in range(filled):
        digits = np.float64(waiting.value[k]).view(np.int64)
        store = waiting.time[k] + (times if digits < 0 else 0)
        begin = bucket_of(digits & MAGNITUDE, scale) // ALIGNED * ALIGNED
        join(store, begin, np.int64(ALIGNED), first, size, scale.most)


@kernel(counted=False)
def join(store, begin, length, first, size, most):
    """Widen one window to hold another, but to no more than ``most`` buckets before its end.

    So a window follows from the lowest and the highest bucket of what has been counted, whatever came first.
    """
    end = begin + length
    if size[store] > 0:
        begin, end = min(begin, first[store]), max(end, first[store] + size[store])
    begin = max(begin, end - most)
    first[store], size[store] = begin, end - begin


@kernel(counted=False)
def join_all(sheet, first, size, most):
    """Widen windows (store,) to hold those of a sheet."""
    for store in range(first.shape[0]):
        if sheet.size[store] > 0:
            join(store, sheet.first[store], sheet.size[store], first, size, most)


@kernel(counted=False)
def pour(sheet, into):
    """Add the counts of a sheet to those of another, whose windows hold them, or begin later and are full."""
    for store in range(sheet.size.shape[0]):
        for k in range(sheet.size[store]):
            held = sheet.counts[sheet.span[store, OFFSET] + sheet.first[store] + k]
            if held > 0:
                bucket = max(sheet.first[store] + k, into.first[store])
                into.counts[into.span[store, OFFSET] + bucket] += held
                into.span[store, LOWEST] = min(into.span[store, LOWEST], bucket)
                into.span[store, HIGHEST] = max(into.span[store, HIGHEST], bucket)


@kernel(counted=False)
def find_ends(sheet):
    """Find the lowest and the highest bucket of each store that are not empty."""
    for store in range(sheet.size.shape[0]):
        for bucket in range(sheet.first[store], sheet.first[store] + sheet.size[store]):
            if sheet.counts[sheet.span[store, OFFSET] + bucket] > 0:
                sheet.span[store, LOWEST] = min(sheet.span[store, LOWEST], bucket)
                sheet.span[store, HIGHEST] = bucket


@kernel(counted=False)
def step(slot, time, sheet, scale):
    """How many numbers lie in a slot of a cell, and what stands for them.

    Slots ascend: minus infinity, the negative buckets by falling magnitude, zero, the positive buckets, infinity.
    """
    times = sheet.tally.shape[1]
    negative = times + time
    k = slot - 1
    if k < 0:
        return sheet.tally[BELOW, time], -math.inf
    if k < sheet.size[negative]:
        bucket = sheet.first[negative] + sheet.size[negative] - 1 - k
        return np.int64(sheet.counts[sheet.span[negative, OFFSET] + bucket]), -middle_of(bucket, scale)
    k -= sheet.size[negative]
    if k == 0:
        return sheet.tally[ZERO, time], 0.0
    k -= 1
    if k < sheet.size[time]:
        bucket = sheet.first[time] + k
        return np.int64(sheet.counts[sheet.span[time, OFFSET] + bucket]), middle_of(bucket, scale)
    return sheet.tally[ABOVE, time], math.inf


@kernel(counted=False)
def walk(rank, slot, passed, value, time, sheet, scale):
    """Go on to the slot that holds the number of a rank, from 0 on; ``passed`` are those up to the end of a slot."""
    slots = sheet.size[time] + sheet.size[sheet.tally.shape[1] + time] + 3
    while passed <= rank and slot < slots:
        held, value = step(slot, time, sheet, scale)
        passed += held
        slot += 1
    return slot, passed, value


@kernel(counted=False)
def within(value, rank, total, time, sheet):
    """What stands for the number of a rank: the least and the greatest are exact, and none lies beyond them."""
    if math.isinf(value):
        return value
    if rank == sheet.tally[BELOW, time]:
        return sheet.extreme[0, time]
    if rank == total - sheet.tally[ABOVE, time] - 1:
        return sheet.extreme[1, time]
    return min(max(value, sheet.extreme[0, time]), sheet.extreme[1, time])


@kernel(counted=False)
def read(sheet, numbers, scale, parts, out):
    """Quantiles into ``out`` (part, time): ascending ``parts`` from 0 to 1, by definition 7 of Hyndman and Fan.

    Of the two numbers between which one lies, each is replaced by what stands for its bucket. NaN where none is.
    """
    for time in range(out.shape[1]):
        total = numbers[time]
        slot, passed, value = 0, np.int64(0), 0.0
        for q in range(parts.shape[0]):
            out[q, time] = math.nan
            if total > 0:
                place = parts[q] * (total - 1)
                below = np.int64(math.floor(place))
                above = min(below + 1, total - 1)
                slot, passed, value = walk(below, slot, passed, value, time, sheet, scale)
                low = within(value, below, total, time, sheet)
                _, _, high = walk(above, slot, passed, value, time, sheet, scale)
                out[q, time] = between(low, within(high, above, total, time, sheet), place - below)


@kernel(counted=False)
def between(low, high, share):
    """The number at a share of the way, from the nearer end, so that rounding never leads past either."""
    if share == 0.0 or low == high:
        return low
    step = high - low
    if math.isinf(step):
        return low * (1.0 - share) + high * share
    return low + step * share if share < 0.5 else high - step * (1.0 - share)
