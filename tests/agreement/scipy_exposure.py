"""Exposure of a course by scipy: pieces between jumps, each with its own dense solution, area and crossings."""

import math
from itertools import pairwise

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq, minimize_scalar

LOOKS = 600
"""Places of a piece at which its extremes and crossings are looked for."""


def exposure(rates, start, pieces, output, *, thresholds=(), method="DOP853", rtol=1e-12, atol=1e-14):
    """Cmax, Tmax, Cmin, AUC, hours above each threshold and when the level was first above it, over some pieces.

    ``pieces`` are (begin, end, jump, inflow): what is added to the state at the begin, and to its rates until the end.
    ``rates(t, y)`` and ``output(t, y)`` are plain functions. Also gives the state at the end.
    """
    state, area = np.array(start, dtype=float), 0.0
    top, when, low = -math.inf, math.nan, math.inf
    hours, first = [0.0] * len(thresholds), [math.nan] * len(thresholds)
    for begin, end, jump, inflow in pieces:
        state = state + jump

        def grown(t, y, inflow=inflow):
            return [*(np.asarray(rates(t, y[:-1])) + inflow), output(t, y[:-1])]

        solved = solve_ivp(
            grown, (begin, end), [*state, 0.0], method=method, rtol=rtol, atol=atol, dense_output=True
        )
        assert solved.success

        def level(t, solved=solved):
            return output(t, solved.sol(t)[:-1])

        # close together behind the begin, where things move fast
        times = np.unique(np.concatenate([
            np.linspace(begin, end, LOOKS), begin + (end - begin) * np.geomspace(1e-6, 1.0, LOOKS // 2)
        ]))  # fmt: skip
        times[-1] = end
        levels = np.array([level(t) for t in times])
        for sign in (1.0, -1.0):
            at = int(np.argmax(sign * levels))
            best, place = sign * levels[at], times[at]
            if 0 < at < len(times) - 1:
                fine = minimize_scalar(
                    lambda t, sign=sign: -sign * level(t),
                    bounds=(times[at - 1], times[at + 1]),
                    method="bounded",
                    options={"xatol": 1e-10},
                )
                if -fine.fun > best:
                    best, place = -fine.fun, fine.x
            if sign > 0 and best > top + 1e-11 * abs(best):
                top, when = best, place
            if sign < 0:
                low = min(low, -best)
        for k, threshold in enumerate(thresholds):
            over = levels > threshold
            edges = [begin]
            for i in np.flatnonzero(over[1:] != over[:-1]):
                edges.append(
                    brentq(
                        lambda t, threshold=threshold: level(t) - threshold,
                        times[i],
                        times[i + 1],
                        xtol=1e-12,
                    )
                )
            edges.append(end)
            inside = over[0]
            for left, right in pairwise(edges):
                if inside:
                    hours[k] += right - left
                    if math.isnan(first[k]):
                        first[k] = left
                inside = not inside
        area += solved.y[-1, -1]
        state = solved.y[:-1, -1]
    return np.array([top, when, low, area, *hours, *first]), state
