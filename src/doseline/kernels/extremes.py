r"""Where the level of one piece turns, and where it crosses a threshold: nothing enters, and nothing changes the body.

After an input the state only gets smoother on the logarithm of time, so a piece is looked at in cells that grow with
it: ``h``, then ``h`` again, ``2 h``, ``4 h`` and so on, each in parts where a circle of transfers lets levels swing. A
change of sign of the slope brackets an extreme. Where the slope heads towards zero from both ends of a cell, it may
have crossed twice: such a cell is halved. A bracket is halved by the rungs of the ladder, whose states are moved
without cancellation, until it lies within the lowest rung's step; there the level is a polynomial, and Newton's method
ends it. Between two extremes the level is monotone and crosses each threshold once at most.
"""

import math

import numpy as np

from doseline.kernels.kernel import kernel
from doseline.kernels.ladder import PACE, RUNG, rows
from doseline.kernels.program import SAME
from doseline.kernels.rungs import (
    CURVE,
    DEGREE,
    FOUND,
    HERE,
    HOURS,
    LEAST,
    LIMITS,
    LOW,
    NEXT,
    PEAK,
    PILE,
    POLY,
    ROOT,
    SLOPE,
    SPREAD,
    START,
    THERE,
    TOP,
    WEIGHT,
    WHEN,
    WIDTH,
    carry,
    dot,
    expand,
    level_in,
)

LEVEL, TURN, BEND = rows(0, 3)
"""What is looked for: where the level, its slope, its curvature is something."""
NEAR, MOST_STEPS = 1e-8, 100
"""Newton's method ends behind a step this short; it, and halving where it leaves the bracket, needs no more steps."""


@kernel(inline="always", counted=False)
def opposite(one, other):
    """Are two numbers on different sides of zero?"""
    return (one < 0.0 < other) or (other < 0.0 < one)


@kernel(inline="always", counted=False)
def may_hide(slope, curve, later_slope, later_curve):
    """Can the slope have crossed zero and come back?"""
    same = (slope > 0.0 and later_slope > 0.0) or (slope < 0.0 and later_slope < 0.0)
    return same and opposite(slope, curve) and not opposite(later_slope, later_curve) and later_curve != 0.0


@kernel(counted=False)
def solve_within(w, order, level, low, high, rising):
    """Where the level (``order`` 0), its slope (1) or curvature (2) passes ``level``; a fraction of the lowest step."""
    s = 0.5 * (low + high)
    going, near, k = True, False, 0
    while going:
        value, slope = 0.0, 0.0
        for m in range(DEGREE, order - 1, -1):
            factor = w[POLY, m]
            for part in range(order):
                factor *= m - part
            slope = slope * s + value
            value = value * s + factor
        value -= level
        if (value < 0.0) == rising:
            low = s
        else:
            high = s
        follow = s - value / slope if slope != 0.0 else low
        newton = low <= follow <= high
        if not newton:
            follow = 0.5 * (low + high)
        k += 1
        # the step behind a short one has all digits; more of them would follow rounding
        going = not near and high - low > 2e-16 * high and k < MOST_STEPS
        near = newton and abs(follow - s) <= NEAR * s
        s = follow
    return s


@kernel(counted=False)
def close_in(w, row, rung, bracket, order, level, rising, size):
    """When, after the state in a row, the level (``order`` 0) or its slope (1) passes ``level``, within a cell [h].

    ``bracket`` are two times [h] within ``2 ** rung`` steps between which it does. The coefficients at the end of the
    search are left in ``POLY``; the answer is the time until there, and the fraction of a step behind it.
    """
    n, (low, high) = len(size), bracket
    looked, passed, half = WEIGHT + order, 0.0, w[PACE, 1]
    for i in range(n):
        w[LOW, i] = w[row, i]
    for _ in range(rung):
        half *= 2.0
    for k in range(rung - 1, -1, -1):
        half *= 0.5
        if half < high:
            later = half <= low
            carry(w, RUNG + k, LOW, THERE, size)
            if not later:
                value = dot(w, looked, THERE, size) - level
                later = (value < 0.0) == rising
                if not later:
                    high = half
                else:
                    low = half
            if later:
                for i in range(n):
                    w[LOW, i] = w[THERE, i]
                passed += half
                low, high = low - half, high - half
    expand(w, LOW, size)
    step = w[PACE, 1]
    scale = step if order == 1 else 1.0
    return passed, solve_within(w, order, level * scale, low / step, high / step, rising)


@kernel(inline="always", counted=False)
def note(w, roots, time, level):
    """Write one extreme down; returns how many there are."""
    w[ROOT, roots], w[PEAK, roots] = time, level
    return roots + 1


@kernel(counted=False)
def turns(w, rung, size):
    """Extremes of the cell of ``2 ** rung`` steps behind the state ``HERE``, in order; returns how many there are."""
    n, step = len(size), w[PACE, 1]
    roots, held = np.int64(0), 1
    for i in range(n):
        w[PILE, i] = w[HERE, i]
    w[PILE, n], w[PILE, n + 1] = float(rung), 0.0
    while held > 0 and roots < WIDTH - 2:
        held -= 1
        row = PILE + held
        k, begun = int(w[row, n]), w[row, n + 1]
        carry(w, RUNG + k, row, THERE, size)
        slope, later = dot(w, SLOPE, row, size), dot(w, SLOPE, THERE, size)
        curve, bent = dot(w, CURVE, row, size), dot(w, CURVE, THERE, size)
        width = step
        for _ in range(k):
            width *= 2.0
        if opposite(slope, later):
            passed, s = close_in(w, row, k, (0.0, width), TURN, 0.0, slope < 0.0, size)
            roots = note(w, roots, begun + passed + s * step, level_in(w, s))
        elif may_hide(slope, curve, later, bent):
            if k > 0:
                # the half that comes first is on top of the pile
                carry(w, RUNG + k - 1, row, row + 1, size)
                for i in range(n):
                    w[THERE, i] = w[row + 1, i]
                    w[row + 1, i] = w[row, i]
                    w[row, i] = w[THERE, i]
                w[row, n], w[row, n + 1] = k - 1.0, begun + 0.5 * width
                w[row + 1, n], w[row + 1, n + 1] = k - 1.0, begun
                held += 2
            else:
                expand(w, row, size)
                bottom = solve_within(w, BEND, 0.0, 0.0, 1.0, curve < 0.0)
                value = 0.0
                for m in range(DEGREE, 0, -1):
                    value = value * bottom + m * w[POLY, m]
                if opposite(value, slope):
                    for half in range(2):
                        s = solve_within(
                            w,
                            TURN,
                            0.0,
                            half * bottom,
                            half * 1.0 + (1 - half) * bottom,
                            (slope < 0.0) == (half == 0),
                        )
                        roots = note(w, roots, begun + s * step, level_in(w, s))
    return roots


@kernel(counted=False)
def search(w, length, ending, many, size):
    """What there is to find in a piece of ``length`` [h] behind the state ``START``, into the row ``FOUND``.

    ``ending`` is the level at its end, and the row ``LIMITS`` holds ``many`` thresholds.
    """
    n, step = len(size), w[PACE, 1]
    for i in range(n):
        w[HERE, i] = w[START, i]
    before = dot(w, WEIGHT, HERE, size)
    slope, curve = dot(w, SLOPE, HERE, size), dot(w, CURVE, HERE, size)
    top, when, least, mark = before, 0.0, before, before
    for c in range(many):
        w[FOUND, HOURS + c] = 0.0
        w[FOUND, HOURS + many + c] = 0.0 if before > w[LIMITS, c] else math.inf
    fine, octave, passed, more = int(w[SPREAD, 2]), 0, 0, length > 0.0
    while more:
        while passed >= 2 << octave:
            octave += 1
        rung = max(octave - fine, 0)
        width, t = step * (1 << rung), passed * step
        more = width < length - t
        reach = min(width, length - t)
        carry(w, RUNG + rung, HERE, NEXT, size)
        last = dot(w, WEIGHT, NEXT, size) if more else ending
        later, bent = dot(w, SLOPE, NEXT, size), dot(w, CURVE, NEXT, size)
        roots = np.int64(0)
        if opposite(slope, later) or may_hide(slope, curve, later, bent):
            roots = turns(w, rung, size)
            while roots > 0 and w[ROOT, roots - 1] >= reach:
                roots -= 1
        note(w, roots, reach, last)
        begin = 0.0
        for r in range(roots + 1):
            stop, after = w[ROOT, r], w[PEAK, r]
            top = max(top, after)
            # what is higher by rounding alone is not reached later
            if after > mark + SAME * abs(mark):
                mark, when = after, t + stop
            least = min(least, after)
            for c in range(many):
                above, still = before > w[LIMITS, c], after > w[LIMITS, c]
                if above != still:
                    gone, s = close_in(w, HERE, rung, (begin, stop), LEVEL, w[LIMITS, c], still, size)
                    crossed = gone + s * step
                    w[FOUND, HOURS + c] += stop - crossed if still else crossed - begin
                    if still:
                        w[FOUND, HOURS + many + c] = min(w[FOUND, HOURS + many + c], t + crossed)
                elif above:
                    w[FOUND, HOURS + c] += stop - begin
            begin, before = stop, after
        for i in range(n):
            w[HERE, i] = w[NEXT, i]
        slope, curve, passed = later, bent, passed + (1 << rung)
    w[FOUND, TOP], w[FOUND, WHEN], w[FOUND, LEAST] = top, when, least
