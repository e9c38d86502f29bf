"""Exposure of a linear model in plain Python: states by mpmath at 30 digits, extremes by a dense grid and bracketing.

It shares nothing with doseline: a body is a matrix, an input a time, a place and an amount or a rate.
"""

import math
from dataclasses import dataclass, field
from itertools import pairwise

import mpmath as mp
import numpy as np
from scipy.linalg import expm
from scipy.optimize import brentq, minimize_scalar

DIGITS = 30
POINTS = 50


@dataclass
class Body:
    """A matrix [1/h], the weights of the output, and what is there at time zero."""

    matrix: np.ndarray
    weights: np.ndarray
    initial: np.ndarray
    boluses: list = field(default_factory=list)  # (time, state, amount)
    infusions: list = field(default_factory=list)  # (begin, end, state, rate)


def wide(body, rates, weights):
    """The matrix with a state that stands for 1, which infusions flow from, and one that gathers the level."""
    n = len(body.weights)
    whole = np.zeros((n + 2, n + 2))
    whole[:n, :n] = body.matrix
    whole[:n, n] = rates
    whole[n + 1, :n] = weights
    return whole


def stretches(body, stops, changes=()):
    """Pieces (begin, end, wide matrix, weights, state as mpmath column, state at the end), with levels after inputs.

    ``changes`` are (time, Body): from there on its matrix and weights hold.
    """
    n = len(body.weights)
    times = {time for time, _, _ in body.boluses} | {t for inf in body.infusions for t in inf[:2]}
    times = sorted({t for t in times if t < max(stops)} | set(stops) | {time for time, _ in changes})
    state = mp.matrix([mp.mpf(float(a)) for a in body.initial] + [1, 0])
    found = []
    for begin, end in pairwise(times):
        now = body
        for time, other in changes:
            if time <= begin:
                now = other
        for time, place, amount in body.boluses:
            if time == begin:
                state[place] += mp.mpf(amount)
        rates = np.zeros(n)
        for first, last, place, rate in body.infusions:
            if first <= begin < last:
                rates[place] += rate
        whole = wide(now, rates, now.weights)
        state[n + 1] = 0
        after = mp.expm(mp.matrix(whole.tolist()) * (mp.mpf(end) - mp.mpf(begin))) * state
        found.append((begin, end, whole, now.weights, state.copy(), after.copy()))
        state = after.copy()
    return found


def exact_level(piece, t):
    """The level ``t`` after the begin of a piece, at 30 digits."""
    _, _, whole, weights, state, _ = piece
    moved = mp.expm(mp.matrix(whole.tolist()) * mp.mpf(t)) * state
    return float(sum(mp.mpf(w) * moved[i] for i, w in enumerate(weights)))


def curve(piece):
    """The level as a function of the time since the piece began; points between which it is monotone, and levels."""
    begin, end, whole, weights, state, _ = piece
    start = np.array([float(s) for s in state])
    row = np.append(weights, [0.0, 0.0])
    length = end - begin

    def level(t):
        return float(row @ (expm(whole * t) @ start))

    late = np.geomspace(length * 1e-6, length, POINTS)
    points = np.unique(np.minimum([*late, *np.linspace(0.0, length, POINTS)], length))
    values = expm(whole * points[:, np.newaxis, np.newaxis]) @ start @ row
    extremes = []
    for k in range(1, len(points) - 1):
        for sign in (1.0, -1.0):
            if sign * values[k] > sign * values[k - 1] and sign * values[k] >= sign * values[k + 1]:
                bracket = (points[k - 1], points[k + 1])
                tight = {"xatol": 1e-8 * (bracket[1] - bracket[0])}
                best = minimize_scalar(
                    lambda t, s=sign: -s * level(t), bounds=bracket, method="bounded", options=tight
                )
                extremes.append(float(best.x))
    times = np.append(points, extremes)
    values = np.append(values, [level(t) for t in extremes])
    order = np.argsort(times)
    return level, times[order], values[order]


def exposure(body, spans, shares, changes=()):
    """Rows of `exposure_within` for the spans, and thresholds: shares of the highest level in the first of them."""
    with mp.workdps(DIGITS):
        stops = sorted({0.0, *(t for span in spans for t in span)})
        pieces = [(piece, *curve(piece)) for piece in stretches(body, stops, changes)]
        top = exposure_within(pieces, spans[0], [])[0]
        thresholds = top * np.asarray(shares)
        return [exposure_within(pieces, span, thresholds) for span in spans], thresholds


def exposure_within(pieces, span, thresholds):
    """Cmax, Tmax, Cmin, AUC, hours above each threshold and when it is first exceeded, within ``span``."""
    pieces = [each for each in pieces if each[0][0] >= span[0] and each[0][1] <= span[1]]
    highest = max(values.max() for *_, values in pieces)
    lowest = min(values.min() for *_, values in pieces)
    top, when, low = -math.inf, math.nan, math.inf
    area, hours, first = mp.mpf(0), [0.0] * len(thresholds), [math.nan] * len(thresholds)
    for piece, level, points, values in pieces:
        begin = piece[0]
        # a double knows nothing of a level that is far below the others
        low = min(low, *(float(sum(w * state[i] for i, w in enumerate(piece[3]))) for state in piece[4:6]))
        for at in (values.argmax(), values.argmin()):
            if values[at] >= highest * (1 - 1e-9) or lowest * (1 + 1e-9) >= values[at] > 1e-9 * highest:
                exact = exact_level(piece, points[at])
                if exact > top * (1 + 1e-13):
                    top, when = exact, begin + points[at]
                low = min(low, exact)
        area += piece[5][len(piece[3]) + 1]
        for c, limit in enumerate(thresholds):
            for t0, t1, y0, y1 in zip(points[:-1], points[1:], values[:-1], values[1:], strict=True):
                if y0 > limit and math.isnan(first[c]):
                    first[c] = begin + t0
                if (y0 > limit) != (y1 > limit):
                    cross = t1 if y1 == limit else t0
                    if (level(t0) > limit) != (level(t1) > limit):
                        cross = brentq(
                            lambda t, limit=limit, level=level: level(t) - limit, t0, t1, xtol=1e-13 * t1
                        )
                    hours[c] += t1 - cross if y1 > limit else cross - t0
                    if y1 > limit and math.isnan(first[c]):
                        first[c] = begin + cross
                elif y0 > limit:
                    hours[c] += t1 - t0
    return np.array([top, when, low, float(area), *hours, *first])
