"""Noncompartmental analysis of sampled profiles: peak, areas and moments, terminal slope."""

import math

import numpy as np

from doseline.kernels.kernel import kernel

ZERO, DROP, HALF = 0, 1, 2
"""What becomes of a level below the limit of quantification."""
LINEAR, LINEAR_LOG, LOG = 0, 1, 2
"""How levels go from one point to the next: straight; exponential while they fall; exponential wherever they can."""
EXTRAVASCULAR, INFUSION, BOLUS = 0, 1, 2
"""How the drug comes in."""

# columns of `out` and `why`, in the order of PRIMARY in analysis/nca_metrics.py
CMAX, TMAX, TLAG, CLST, TLST, C0, AUCLST, AUCALL, AUMCLST = 0, 1, 2, 3, 4, 5, 6, 7, 8
LAMZ, CLSTP, LAMZLL, LAMZUL, LAMZNPT, R2, R2ADJ, CORRXY = 9, 10, 11, 12, 13, 14, 15, 16
AUCTAU, CMIN, TMIN, CTROUGH = 17, 18, 19, 20
COLUMNS = 21

# why a value is missing; the sentences are REASONS in analysis/nca_metrics.py
KNOWN, NOT_MEASURED, TOO_FEW, NOT_FALLING, TOO_SHORT, NOT_SAMPLED = 0, 1, 2, 3, 4, 5

NEARLY = 1e-4
"""Slopes whose adjusted R² is so near to the best are as good; as in WinNonlin, the one with most points is taken."""
SAME = 1e-11
"""Times that differ by less than this part of them are one time."""
EQUAL = 1e-9
"""Levels that differ by less than this part of them: their logarithmic mean is their mean."""


@kernel
def exponential(y0, y1, rule):
    """Whether levels go exponentially from one to the other."""
    if rule == LINEAR or y0 <= 0.0 or y1 <= 0.0 or abs(y0 - y1) <= EQUAL * y1:
        return False
    return rule == LOG or y1 < y0


@kernel
def late_part(x):
    r"""Mean place of an exponential that falls from 1 at 0 to :math:`e^{-x}` at 1, times its area.

    .. math:: g(x) = \int_0^1 s\,e^{-x s}\,ds = (1 - e^{-x} (1 + x)) / x^2 = \sum_n (-x)^n / (n!\,(n + 2))

    Near 0 the closed form loses all digits, and the series needs a few terms only.
    """
    if abs(x) > 0.05:
        return (1.0 - math.exp(-x) * (1.0 + x)) / (x * x)
    total, term = 0.0, 1.0
    for n in range(9):
        total += term / (n + 2)
        term *= -x / (n + 1)
    return total


@kernel
def piece(t0, y0, t1, y1, bent):
    r"""Area and first moment under one piece, which is exponential where it is ``bent``.

    .. math:: \int y = w (y_0 - y_1) / x, \qquad \int t\,y = t_0 \int y + w^2 y_0\,g(x)

    with :math:`w = t_1 - t_0` and :math:`x = \ln(y_0 / y_1)`; trapezoids of ``y`` and of ``t y`` where it is straight.
    """
    width = t1 - t0
    if not bent:
        return 0.5 * width * (y0 + y1), 0.5 * width * (t0 * y0 + t1 * y1)
    # of levels that are nearly equal the difference is exact, and their ratio is not
    x = math.log1p((y0 - y1) / y1) if 2.0 * y0 > y1 else math.log(y0 / y1)
    area = width * (y0 - y1) / x
    return area, t0 * area + width * width * y0 * late_part(x)


@kernel
def level_between(t0, y0, t1, y1, bent, t):
    """Level at ``t`` on such a piece."""
    share = (t - t0) / (t1 - t0)
    return y0 * math.exp(share * math.log(y1 / y0)) if bent else y0 + share * (y1 - y0)


@kernel
def area_within(times, levels, count, span, rule, rate):
    """Area from ``span[0]`` to ``span[1]``; behind the last point it goes on falling at ``rate``, if that is known.

    NaN before the first point, and behind the last one where no rate is known. How a piece goes is decided for the
    whole of it, wherever it is cut.
    """
    begin, end = span[0], span[1]
    last = times[count - 1]
    if begin < times[0] or (end > last and not rate > 0.0):
        return np.nan
    total = 0.0
    for k in range(1, count):
        a, b, ya, yb = times[k - 1], times[k], levels[k - 1], levels[k]
        t0, t1 = max(a, begin), min(b, end)
        if t1 > t0:
            bent = exponential(ya, yb, rule)
            y0 = ya if t0 == a else level_between(a, ya, b, yb, bent, t0)
            y1 = yb if t1 == b else level_between(a, ya, b, yb, bent, t1)
            # cut so short that both ends are the same
            total += piece(t0, y0, t1, y1, bent and y0 != y1)[0]
    if end > last:
        early = levels[count - 1] * math.exp(-rate * (max(begin, last) - last))
        total += (early - levels[count - 1] * math.exp(-rate * (end - last))) / rate
    return total


@kernel
def level_at(times, levels, count, rule, rate, t):
    """Level at ``t``, with the same rules."""
    last = times[count - 1]
    if t < times[0]:
        return np.nan
    if t > last:
        return levels[count - 1] * math.exp(-rate * (t - last)) if rate > 0.0 else np.nan
    for k in range(1, count):
        if t < times[k]:
            bent = exponential(levels[k - 1], levels[k], rule)
            return level_between(times[k - 1], levels[k - 1], times[k], levels[k], bent, t)
        if t == times[k]:
            return levels[k]
    return levels[0]


@kernel
def terminal(times, levels, count, least, out, why, logs):
    """Slope of the logarithm over the last points: the best adjusted R².

    Points are ``least`` or more. Means and co-moments grow point by point from the last one backward, so that
    nothing is subtracted that is nearly equal.
    """
    if count < least:
        why[LAMZ] = TOO_FEW
        return
    for k in range(count):
        logs[k] = math.log(levels[k])
    best, start = -math.inf, -1
    # two rounds: the best, then the longest that is nearly as good
    for turn in range(2):
        x, y, xx, yy, xy = 0.0, 0.0, 0.0, 0.0, 0.0
        for n in range(1, count + 1):
            k = count - n
            dx, dy = times[k] - x, logs[k] - y
            x += dx / n
            y += dy / n
            xx += dx * (times[k] - x)
            yy += dy * (logs[k] - y)
            xy += dx * (logs[k] - y)
            if n < least or not xy < 0.0:
                continue
            fit = min(xy * xy / (xx * yy), 1.0)
            value = 1.0 - (1.0 - fit) * (n - 1) / (n - 2) if n > 2 else fit
            if turn == 0:
                best = max(best, value)
            elif value > best - NEARLY:
                start = k
                rate = -xy / xx
                out[LAMZ] = rate
                out[CLSTP] = math.exp(y - rate * (times[count - 1] - x))
                out[LAMZLL], out[LAMZUL], out[LAMZNPT] = times[k], times[count - 1], n
                out[R2], out[R2ADJ], out[CORRXY] = fit, value, -math.sqrt(fit)
    if start < 0:
        why[LAMZ] = NOT_FALLING


@kernel
def start_level(times, levels, measured, count, route, tau):
    """Level at the dose, where no sample was taken then."""
    if route == BOLUS:
        one, other = -1, -1
        for k in range(count):
            if measured[k]:
                if one < 0:
                    one = k
                elif other < 0:
                    other = k
        if other >= 0 and levels[one] > levels[other]:
            rate = math.log(levels[one] / levels[other]) / (times[other] - times[one])
            return levels[one] * math.exp(times[one] * rate)
        return levels[one]
    lowest = 0.0
    if tau > 0.0:
        lowest = np.inf
        for k in range(count):
            if times[k] <= tau:
                lowest = min(lowest, levels[k])
    return lowest if math.isfinite(lowest) else 0.0


@kernel
def clean(time, level, span, tau, limit, below, times, levels, measured):
    """Points of a profile after its dose, with what lies below the limit replaced or dropped.

    ``span`` is when the dose was given and until when its profile goes; moments that rounding has moved count as the
    same, also the end of the dosing interval ``tau``. Gives how many points are left, the first and
    the last that were measured, and the time of the sample before the first of these.
    """
    begin, end = span[0] - SAME * abs(span[0]), span[1] + SAME * abs(span[1])
    first, last, before = -1, -1, 0.0
    for k in range(time.shape[0]):
        if math.isnan(level[k]) or not begin <= time[k] <= end:
            continue
        if level[k] >= limit and level[k] > 0.0:
            first = k if first < 0 else first
            last = k
        elif first < 0:
            before = max(time[k] - span[0], 0.0)
    count, one, other = 0, -1, -1
    for k in range(time.shape[0]):
        if math.isnan(level[k]) or not begin <= time[k] <= end:
            continue
        known = level[k] >= limit and level[k] > 0.0
        action = below[0] if k < first else below[2] if k > last else below[1]
        if not known and action == DROP:
            continue
        times[count] = max(time[k] - span[0], 0.0)
        if abs(times[count] - tau) <= SAME * max(time[k], tau):
            times[count] = tau
        levels[count] = level[k] if known else 0.5 * limit if action == HALF else 0.0
        measured[count] = known
        if k == first:
            one = count
        if k == last:
            other = count
        count += 1
    return count, one, other, before


@kernel
def profile(time, level, span, limit, below, how, fixed, windows, out, why, areas, work, measured):
    """Everything that is known of one profile.

    ``how`` is (route, rule, least points, tau); ``fixed`` a span for the terminal slope, NaN to look for it.
    ``work`` (5, time + 1) and ``measured`` (time + 1) are scratch; ``areas`` gets the area within each of ``windows``.
    """
    out[:], why[:], areas[:] = np.nan, KNOWN, np.nan
    route, rule, least, tau = int(how[0]), int(how[1]), int(how[2]), how[3]
    times, levels, points, kept = work[0], work[1], work[2], work[3]
    count, first, last, before = clean(time, level, span, tau, limit, below, times[1:], levels[1:], measured)
    if first < 0:
        why[:] = NOT_MEASURED
        return
    begin = 1
    if times[1] > 0.0:
        begin = 0
        times[0] = 0.0
        levels[0] = start_level(times[1:], levels[1:], measured, count, route, tau)
    out[C0] = levels[0] if begin == 0 else levels[1]
    count, first, last = count + 1, first + 1, last + 1
    top = first
    for k in range(first, last + 1):
        # at steady state the peak is that of the dosing interval
        if levels[k] > levels[top] and not times[k] > tau > 0.0:
            top = k
    out[CMAX], out[TMAX], out[TLAG] = levels[top], times[top], before
    if times[top] > tau > 0.0:
        out[CMAX], out[TMAX] = np.nan, np.nan
        why[CMAX], why[TMAX] = NOT_SAMPLED, NOT_SAMPLED
    out[CLST], out[TLST] = levels[last], times[last]
    total, moment = 0.0, 0.0
    for k in range(begin + 1, count):
        bent = exponential(levels[k - 1], levels[k], rule)
        one, other = piece(times[k - 1], levels[k - 1], times[k], levels[k], bent)
        total += one
        moment += other
        if k == last:
            out[AUCLST], out[AUMCLST] = total, moment
    if last == begin:
        out[AUCLST], out[AUMCLST] = 0.0, 0.0
    out[AUCALL] = total
    # the slope: what was measured after the peak, the peak itself after a bolus
    searched = math.isnan(fixed[0])
    number = 0
    for k in range(first, last + 1):
        late = k > top or (k == top and route == BOLUS) if searched else fixed[0] <= times[k] <= fixed[1]
        if late and measured[k - 1]:
            points[number], kept[number] = times[k], levels[k]
            number += 1
    # of a span that was asked for, all points
    terminal(points, kept, number, least if searched else max(number, 3), out, why, work[4])
    rate = out[LAMZ]
    if why[LAMZ] != KNOWN:
        for column in range(CLSTP, CORRXY + 1):
            why[column] = why[LAMZ]
    for w in range(windows.shape[0]):
        areas[w] = area_within(times[begin:], levels[begin:], count - begin, windows[w], rule, rate)
    if not tau > 0.0:
        return
    out[AUCTAU] = area_within(times[begin:], levels[begin:], count - begin, (0.0, tau), rule, rate)
    out[CTROUGH] = level_at(times[begin:], levels[begin:], count - begin, rule, rate, tau)
    if math.isnan(out[AUCTAU]):
        why[AUCTAU] = TOO_SHORT
    if math.isnan(out[CTROUGH]):
        why[CTROUGH] = TOO_SHORT
    for k in range(1, count):
        if times[k] <= tau and not levels[k] >= out[CMIN]:
            out[CMIN], out[TMIN] = levels[k], times[k]
    if math.isnan(out[CMIN]):
        why[CMIN], why[TMIN] = NOT_SAMPLED, NOT_SAMPLED


@kernel
def profiles(time, level, span, limit, below, how, fixed, windows, out, why, areas):
    """Everything that is known of every row of ``level`` (row, time); ``time`` has a row for each, or one for all."""
    size = level.shape[1] + 1
    work, measured = np.empty((5, size)), np.empty(size, dtype=np.bool_)
    for row in range(level.shape[0]):
        own = time[row] if time.shape[0] > 1 else time[0]
        bounds = span[row] if span.shape[0] > 1 else span[0]
        profile(
            own, level[row], (bounds[0], bounds[1]), limit, below, how, fixed, windows,
            out[row], why[row], areas[row], work, measured,
        )  # fmt: skip
