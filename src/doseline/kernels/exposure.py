"""Exposure within windows of time, from sampled levels: highest, lowest and last level, and area."""

import math

import numpy as np

from doseline.kernels.kernel import kernel
from doseline.kernels.program import SAME


@kernel
def area(t0, y0, t1, y1):
    """Area under one piece: straight while the level rises, exponential while it falls (linear up, log down)."""
    width = t1 - t0
    if 0.0 < y1 < y0:
        ratio = (y0 - y1) / y1
        # y0 = y1 to the last digits: the logarithmic mean is the plain mean
        if ratio > 1e-6:
            return width * (y0 - y1) / math.log(y0 / y1)
    return 0.5 * width * (y0 + y1)


@kernel
def between(t0, y0, t1, y1, t):
    """Level at ``t`` on the line through two points, drawn like the pieces of ``area``; also beyond the second."""
    if t == t1:
        return y1
    share = (t - t0) / (t1 - t0)
    if 0.0 < y1 < y0:
        return y0 * math.exp(share * math.log(y1 / y0))
    if share > 1.0:
        return y1
    return y0 + share * (y1 - y0)


@kernel
def level_at(time, levels, first, t):
    """Level at ``t``, read between the points ``first - 1`` and ``first``."""
    if time[first] == t:
        return levels[first]
    return between(time[first - 1], levels[first - 1], time[first], levels[first], t)


@kernel
def at_or_after(time, t):
    """Index of the first time that is not before ``t``, by halving."""
    low, high = 0, time.shape[0]
    while low < high:
        middle = (low + high) // 2
        if time[middle] < t:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def on_grid(time, t):
    """``t``, or the time of the grid that is the same but for rounding."""
    k = at_or_after(time, t)
    for near in range(max(k - 1, 0), min(k + 1, time.shape[0])):
        if abs(time[near] - t) <= SAME * abs(t):
            return time[near]
    return t


@kernel
def window(time, levels, span, jumps, out):
    """Exposure within ``span`` = (begin, end): ``out`` gets Cmax, Tmax after begin, Cmin, Cavg, AUC.

    Where ``jumps`` is true a bolus moves the level at once: the level just before the end is drawn on from the last two
    points inside, and where there are none, or the begin is no time of the grid, nothing is known. Otherwise levels are
    read at both ends.
    """
    begin, end = on_grid(time, span[0]), on_grid(time, span[1])
    points = time.shape[0]
    first, last = at_or_after(time, begin), at_or_after(time, end)
    out[:] = np.nan
    if first >= points or last >= points or end <= begin or (first == 0 and time[0] > begin):
        return
    if jumps and (time[first] != begin or last - first < 2):
        return
    t0, y0 = begin, level_at(time, levels, first, begin)
    top, when, low, total = y0, begin, y0, 0.0
    k = first + 1 if time[first] == begin else first
    before_t, before_y = t0, y0
    while k < last:
        t1, y1 = time[k], levels[k]
        total += area(t0, y0, t1, y1)
        if y1 > top:
            top, when = y1, t1
        low = min(low, y1)
        before_t, before_y = t0, y0
        t0, y0 = t1, y1
        k += 1
    ending = between(before_t, before_y, t0, y0, end) if jumps else level_at(time, levels, last, end)
    total += area(t0, y0, end, ending)
    if ending > top:
        top, when = ending, end
    low = min(low, ending)
    if math.isfinite(total):
        out[0], out[1], out[2], out[3], out[4] = top, when - begin, low, total / (end - begin), total


@kernel
def windows(time, levels, edges, jumps, out):
    """Exposure of every row of ``levels`` (row, time) within every window of ``edges`` (window, 2).

    ``jumps`` (row,) says in which rows boluses move the level at once.
    """
    for row in range(levels.shape[0]):
        for w in range(edges.shape[0]):
            window(time, levels[row], (edges[w, 0], edges[w, 1]), jumps[row], out[row, w])
