"""A level along a piece of a step, as a polynomial: from its values at nine places to its extremes and crossings.

The places are those of Chebyshev, so the polynomial's coefficients say how well it follows the level: where they fade,
so does the error. Everything is worked out for sixteen lanes at once as far as it is the same for all of them; what
depends on the shape of one level is done lane by lane.
"""

import math

import numpy as np

from doseline.kernels.kernel import kernel, written_kernel
from doseline.kernels.lanes import LANES

DEGREE = 8
PLACES = DEGREE + 1
PLACE = tuple(float(-np.cos(np.pi * j / DEGREE)) if 2 * j != DEGREE else 0.0 for j in range(PLACES))
"""Where a piece is looked at, from -1, its begin, to 1, its end."""
VALUE, CURVE, SLOPE, BEND = (LANES * PLACES * k for k in range(4))
"""Blocks of the room: values, coefficients, first and second derivative at the places."""
AT, WIDTH, BUSY, SPLITS, SIZE, COVERED, LOWEST, HIGHEST, LEFTMOST, RIGHTMOST = (
    LANES * PLACES * 4 + LANES * k for k in range(10)
)
"""Rows: where in its step a lane's piece begins, how much of the step it is, whether there is one, halvings so far;
largest level without its sign, area under the polynomial; least and largest slope, and of the second derivative."""
ROOM = LANES * PLACES * 4 + LANES * 10
POINTS = 3 * PLACES
"""At most so many extremes, and both ends."""
FLAT = 1e-13
"""A slope that is less than this part of the level is rounding."""
CLOSE = 1e-14
"""A root is known to this part of the piece."""
MOST_TRIES = 80


def _to_curve() -> np.ndarray:
    """Coefficients from values."""
    j = np.arange(PLACES)
    halved = np.where((j == 0) | (j == DEGREE), 0.5, 1.0)
    cosines = np.cos(np.pi * np.outer(j, DEGREE - j) / DEGREE)
    return 2.0 / DEGREE * halved[:, None] * cosines * halved


def _derivative() -> np.ndarray:
    """Slopes at the places from values there; each row adds up to zero, as the slope of a constant is zero."""
    x = np.array(PLACE)
    j = np.arange(PLACES)
    weight = np.where((j == 0) | (j == DEGREE), 0.5, 1.0) * (-1.0) ** j
    apart = x[:, None] - x + np.eye(PLACES)
    found = weight / weight[:, None] / apart
    np.fill_diagonal(found, 0.0)
    np.fill_diagonal(found, -found.sum(axis=1))
    return found


def _sum(row: np.ndarray) -> str:
    return " + ".join(f"{float(value)!r} * y{j}" for j, value in enumerate(row))


def _curves() -> str:
    slope = _derivative()
    body = "def curves(room, wide):\n    for l in range(wide):"
    body += "".join(f"\n        y{j} = room[{VALUE + LANES * j} + l]" for j in range(PLACES))
    for block, matrix in ((CURVE, _to_curve()), (SLOPE, slope), (BEND, slope @ slope)):
        for j, row in enumerate(matrix):
            body += f"\n        z{j} = {_sum(row)}\n        room[{block + LANES * j} + l] = z{j}"
        if block == CURVE:
            area = " + ".join(f"{1.0 / (1.0 - k * k)!r} * z{k}" for k in range(0, PLACES, 2))
            body += f"\n        room[{COVERED} + l] = {area}"
        else:
            row = LOWEST if block == SLOPE else LEFTMOST
            body += _folded("z{}", "<", row) + _folded("z{}", ">", row + LANES)
    return body + _folded("abs(y{})", ">", SIZE) + "\n"


def _folded(term: str, sign: str, row: int) -> str:
    """The least or largest of nine terms into a row, as code."""
    body = f"\n        found = {term.format(0)}"
    for j in range(1, PLACES):
        body += f"\n        here = {term.format(j)}\n        found = here if here {sign} found else found"
    return body + f"\n        room[{row} + l] = found"


curves = written_kernel(_curves(), "curves", {"__name__": __name__}, file=__file__)


@kernel(counted=False)
def take_curve(room, l, curve):
    """The polynomial of a lane and its derivatives: ``curve`` (4, coefficient)."""
    for k in range(PLACES):
        curve[0, k] = room[CURVE + k * LANES + l]
    for order in range(1, 4):
        above, last = 0.0, 0.0
        for k in range(DEGREE, 0, -1):
            here = above + 2.0 * k * curve[order - 1, k]
            curve[order, k] = last
            above, last = last, here
        curve[order, 0] = 0.5 * last


@kernel(counted=False)
def value_at(curve, order, x):
    """A polynomial, or a derivative of it, at ``x`` (Clenshaw)."""
    one, two = 0.0, 0.0
    for k in range(DEGREE, 0, -1):
        one, two = 2.0 * x * one - two + curve[order, k], one
    return x * one - two + curve[order, 0]


@kernel(counted=False)
def reached(curve, order, target, low, high):
    """Where in a bracket a polynomial comes to a value: Newton's steps, and halves where these lead out of it."""
    under = value_at(curve, order, low) < target
    x = 0.5 * (low + high)
    for _ in range(MOST_TRIES):
        miss = value_at(curve, order, x) - target
        slope = value_at(curve, order + 1, x)
        if (miss < 0.0) == under:
            low = x
        else:
            high = x
        after = x - miss / slope
        # false for NaN
        if not low <= after <= high:
            after = 0.5 * (low + high)
        if abs(after - x) <= CLOSE:
            return after
        x = after
    return x


@kernel(counted=False)
def put_point(points, count, x, y):
    """Write a point down behind ``count`` others."""
    points[0, count] = x
    points[1, count] = y
    return count + 1


@kernel(counted=False)
def turns(room, l, curve, points):
    """The ends of a piece and the extremes between, in order of time: between any two of them the level is monotone.

    ``points`` gets places and levels; how many is the answer. Between neighbouring places a slope may also lose its
    sign and get it back: then it turns towards zero at both of them, and the second derivative has a root between.
    """
    count = put_point(points, 0, -1.0, room[VALUE + l])
    flat = FLAT * room[SIZE + l]
    for j in range(DEGREE):
        q = j * LANES + l
        left, right = room[SLOPE + q], room[SLOPE + LANES + q]
        low, high = PLACE[j], PLACE[j + 1]
        if abs(left) > flat and abs(right) > flat:
            if (left < 0.0) != (right < 0.0):
                x = reached(curve, 1, 0.0, low, high)
                count = put_point(points, count, x, value_at(curve, 0, x))
            elif left * room[BEND + q] < 0.0 and left * room[BEND + LANES + q] > 0.0:
                middle = reached(curve, 2, 0.0, low, high)
                if left * value_at(curve, 1, middle) < 0.0:
                    x = reached(curve, 1, 0.0, low, middle)
                    count = put_point(points, count, x, value_at(curve, 0, x))
                    x = reached(curve, 1, 0.0, middle, high)
                    count = put_point(points, count, x, value_at(curve, 0, x))
        elif j + 1 < DEGREE:
            count = put_point(points, count, high, room[VALUE + LANES + q])
    return put_point(points, count, 1.0, room[VALUE + DEGREE * LANES + l])


@kernel(counted=False)
def corners(room, l, points):
    """The places themselves as points: what is left of a level that no polynomial follows."""
    for j in range(PLACES):
        put_point(points, j, PLACE[j], room[VALUE + j * LANES + l])
    return PLACES


@kernel(counted=False)
def plain(room, l):
    """Is a level monotone along its piece, as far as its slope tells at a glance?

    Where the second derivative keeps its sign too, the slope cannot have come and gone between two places.
    """
    flat = FLAT * room[SIZE + l]
    one_way = room[LOWEST + l] > flat or room[HIGHEST + l] < -flat
    return one_way and (room[LEFTMOST + l] >= 0.0 or room[RIGHTMOST + l] <= 0.0)


@kernel(counted=False)
def area_between(points, count):
    """Area under straight lines between the points of a piece of length 1."""
    total = 0.0
    for i in range(count - 1):
        total += 0.25 * (points[0, i + 1] - points[0, i]) * (points[1, i] + points[1, i + 1])
    return total


@kernel(counted=False)
def crossed(curve, points, i, threshold, smooth):
    """Where between point ``i`` and the next one a level comes to a threshold."""
    low, high = points[0, i], points[0, i + 1]
    if smooth:
        return reached(curve, 0, threshold, low, high)
    share = (threshold - points[1, i]) / (points[1, i + 1] - points[1, i])
    return low + share * (high - low)


@kernel(counted=False)
def above(room, l, curve, points, count, threshold, smooth):
    """For which part of a piece a level is above a threshold, and from which part of it on; NaN: never."""
    part, first = 0.0, math.nan
    if count == 2 and (points[1, 0] > threshold) != (points[1, 1] > threshold):
        # along plain pieces the polynomial was not needed so far
        take_curve(room, l, curve)
    for i in range(count - 1):
        low, high = points[0, i], points[0, i + 1]
        before, after = points[1, i] > threshold, points[1, i + 1] > threshold
        if before or after:
            if not (before and after):
                x = crossed(curve, points, i, threshold, smooth)
                low = low if before else x
                high = high if after else x
            part += 0.5 * (high - low)
            if not first >= 0.0:
                first = 0.5 * (low + 1.0)
    return part, first
