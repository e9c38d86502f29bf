"""Exposure of sixteen lanes while they are stepped: highest, lowest level, area and times above thresholds.

After each step the polynomials of the states give the level anywhere within it. It is looked at in the places of
`lane_curve`; where a polynomial through them does not follow it closely enough, as across a corner of its formula, the
step is halved, lane by lane. No level is kept. Steps end at the edges of windows, which are records of their own.
"""

import math
from typing import NamedTuple

import numpy as np

from doseline.kernels.kernel import kernel
from doseline.kernels.lane_curve import (
    AT,
    BUSY,
    COVERED,
    CURVE,
    DEGREE,
    PLACE,
    PLACES,
    POINTS,
    ROOM,
    SIZE,
    SPLITS,
    VALUE,
    WIDTH,
    above,
    area_between,
    corners,
    curves,
    plain,
    put_point,
    take_curve,
    turns,
)
from doseline.kernels.lane_state import MOVING
from doseline.kernels.lanes import (
    ALIVE,
    DENSE,
    END,
    LANES,
    MISS,
    OVER,
    SHOWN,
    SINCE,
    START,
    STATE,
    STEP,
    TIME,
)
from doseline.kernels.program import SAME
from doseline.kernels.runge_kutta import between

TOP, WHEN, LOW, AREA, ABOVE = 0, 1, 2, 3, 4
"""Columns of a row: highest level and its time, lowest level, area, hours above each threshold. Behind these when it
was first above each, and two that are worked with: the level at the time of the highest, and whether it still rises."""
LEAST_WIDTH, MOST_SPLITS = 2.0**-12, 40
"""The shortest piece of a step, and how often one step is halved: a corner needs as many as lead to the shortest."""
FADED, NOISE = 1e-6, 1e-15
"""Parts of the level so far below which its digits do not count: they are what is left of differences."""


class Watch(NamedTuple):
    """What is looked for, and what was found."""

    edges: np.ndarray  # (window, 2) [h]
    span: np.ndarray  # (2,) begin and end of the course [h]
    thresholds: np.ndarray  # (threshold,)
    shown: int  # row of the output among what is shown
    rtol: float  # of the steps
    inside: np.ndarray  # (subject, window, column)
    course: np.ndarray  # (subject, column)
    lost: np.ndarray  # (subject,) when a level was first no number [h]; NaN: never
    room: np.ndarray  # (ROOM,)
    curve: np.ndarray  # (4, coefficient)
    points: np.ndarray  # (2, point)


def blank_watch(edges, span, thresholds, output, *, rtol, subjects):
    """Room for what is looked for in so many subjects; plain Python."""
    columns = 4 + 2 * len(thresholds) + 2
    watch = Watch(
        np.ascontiguousarray(edges, dtype=np.float64).reshape(-1, 2), np.array(span, dtype=np.float64),
        np.ascontiguousarray(thresholds, dtype=np.float64), SHOWN + LANES * output, float(rtol),
        np.empty((subjects, len(edges), columns)), np.empty((subjects, columns)), np.empty(subjects),
        np.zeros(ROOM), np.zeros((4, PLACES)), np.zeros((2, POINTS)),
    )  # fmt: skip
    forget(watch, np.ones(subjects, dtype=bool))
    return watch


def forget(watch, rows):
    """Let some subjects (subject,) begin anew; plain Python."""
    for found in (watch.inside, watch.course):
        own = np.zeros(found.shape[1:])
        own[..., TOP], own[..., WHEN], own[..., LOW] = -np.inf, np.nan, np.inf
        own[..., ABOVE + len(watch.thresholds) : -2] = np.nan
        own[..., -2] = -np.inf
        found[rows] = own
    watch.lost[rows] = np.nan


@kernel(counted=False)
def within(span, begin):
    """Does a step belong to a span that begins at a time, but for rounding?"""
    later = begin + SAME * abs(begin)
    return span[0] <= later < span[1]


@kernel(counted=False)
def window_of(edges, begin):
    """The window that a step belongs to which begins at a time, but for rounding; -1: none."""
    slack = SAME * abs(begin)
    low, high = 0, edges.shape[0]
    while low < high:
        middle = (low + high) // 2
        if edges[middle, 0] <= begin + slack:
            low = middle + 1
        else:
            high = middle
    found = low - 1
    if found >= 0 and begin + slack >= edges[found, 1]:
        found = -1
    return found


@kernel(counted=False)
def enter_levels(row, points, count, begin, hours, rtol):
    """Extremes of a piece into a row.

    Levels that differ by no more than the tolerance are the same, and the earliest of them has the time: but while the
    level rises, the latest.
    """
    held, rising = row.shape[0] - 2, row.shape[0] - 1
    rose = False
    for i in range(count):
        level = points[1, i]
        if level > row[TOP]:
            row[TOP] = level
            if rose or row[rising] > 0.0 or level > row[held] + rtol * abs(level):
                row[held], row[WHEN] = level, begin + 0.5 * (points[0, i] + 1.0) * hours
                rose = True
        row[LOW] = min(row[LOW], level)
    row[rising] = 1.0 if rose else 0.0


@kernel(counted=False)
def enter_above(row, k, many, part, first, begin, hours):
    """Time above threshold ``k`` of ``many`` into a row."""
    row[ABOVE + k] += part * hours
    if first >= 0.0 and not row[ABOVE + many + k] >= 0.0:
        row[ABOVE + many + k] = begin + first * hours


@kernel(inline="always", counted=False)
def enter_piece(watch, l, subject, start, begin, hours, smooth):
    """All that is to be known of a piece of a step into the rows of its subject: its window's, and that of the course.

    The step began at ``start``, the piece at ``begin``.
    """
    counted, window = within(watch.span, start), window_of(watch.edges, start)
    curve, points, room, thresholds = watch.curve, watch.points, watch.room, watch.thresholds
    if smooth:
        if plain(room, l):
            count = put_point(points, 0, -1.0, room[VALUE + l])
            count = put_point(points, count, 1.0, room[VALUE + DEGREE * LANES + l])
        else:
            take_curve(room, l, curve)
            count = turns(room, l, curve, points)
        covered = room[COVERED + l] * hours
    else:
        count = corners(room, l, points)
        covered = area_between(points, count) * hours
    course = watch.course[subject]
    if counted:
        course[AREA] += covered
        enter_levels(course, points, count, begin, hours, watch.rtol)
    if window >= 0:
        inside = watch.inside[subject, window]
        inside[AREA] += covered
        enter_levels(inside, points, count, begin, hours, watch.rtol)
    many = thresholds.shape[0]
    for k in range(many):
        part, first = above(room, l, curve, points, count, thresholds[k], smooth)
        if counted:
            enter_above(course, k, many, part, first, begin, hours)
        if window >= 0:
            enter_above(watch.inside[subject, window], k, many, part, first, begin, hours)


@kernel(inline="always", counted=False)
def take_piece(watch, l, subject, w):
    """A piece has been looked at: enter it and go on behind it, or halve it where the polynomial does not follow."""
    room, course = watch.room, watch.course[subject]
    size, start = room[SIZE + l], w[SINCE + l]
    at, width = room[AT + l], room[WIDTH + l]
    begin, hours = start + at * w[STEP + l], width * w[STEP + l]
    # the area is no number where one of the levels is none
    if not abs(room[COVERED + l]) < math.inf:
        if not watch.lost[subject] >= 0.0:
            watch.lost[subject] = begin
        room[BUSY + l] = 0.0
    else:
        before = max(abs(course[TOP]), abs(course[LOW])) if course[TOP] >= course[LOW] else 0.0
        allowed = max(watch.rtol * max(size, FADED * before), NOISE * before)
        last = CURVE + DEGREE * LANES + l
        smooth = abs(room[last]) + 0.1 * abs(room[last - LANES]) <= allowed
        if not smooth and width > LEAST_WIDTH and room[SPLITS + l] < MOST_SPLITS:
            room[WIDTH + l] = 0.5 * width
            room[SPLITS + l] += 1.0
        else:
            enter_piece(watch, l, subject, start, begin, hours, smooth)
            at += width
            # as wide again as where it lies allows: a corner is left behind as it was come upon
            while at < 1.0 and math.floor(at / (2.0 * width)) * (2.0 * width) == at:
                width *= 2.0
            room[AT + l], room[WIDTH + l] = at, width
            room[BUSY + l] = 1.0 if at < 1.0 else 0.0


@kernel(counted=False)
def look_along(show, n, wide, watch, w):
    """Levels of all lanes at the places of their whole steps."""
    room, shown, m = watch.room, watch.shown, n * LANES
    for j in range(PLACES):
        theta = 0.5 * (PLACE[j] + 1.0)
        rest = 1.0 - theta
        if j < DEGREE:
            for q in range(m):
                value = w[DENSE[6] + q] * theta
                value = (value + w[DENSE[5] + q]) * rest
                value = (value + w[DENSE[4] + q]) * theta
                value = (value + w[DENSE[3] + q]) * rest
                value = (value + w[DENSE[2] + q]) * theta
                value = (value + w[DENSE[1] + q]) * rest
                value = (value + w[DENSE[0] + q]) * theta
                w[STATE + q] = w[START + q] + value
        else:
            for q in range(m):
                w[STATE + q] = w[END + q]
        for l in range(wide):
            w[TIME + l] = w[SINCE + l] + theta * w[STEP + l]
        show(w)
        for l in range(LANES):
            room[VALUE + j * LANES + l] = w[shown + l]


@kernel(counted=False)
def look_closer(show, n, watch, w):
    """Levels of the lanes that are not done at the places of a piece of their steps."""
    room = watch.room
    for j in range(PLACES):
        for l in range(LANES):
            if room[BUSY + l] > 0.0:
                theta = room[AT + l] + 0.5 * (PLACE[j] + 1.0) * room[WIDTH + l]
                between(w, n, l, theta)
                w[TIME + l] = w[SINCE + l] + theta * w[STEP + l]
        show(w)
        for l in range(LANES):
            if room[BUSY + l] > 0.0:
                room[VALUE + j * LANES + l] = w[watch.shown + l]


@kernel(counted=False)
def open_eyes(w, lanes):
    """Whose steps are looked at: not those along which a steady state is sought. They have to be good between ends."""
    for l in range(LANES):
        w[OVER + l] = 1.0 if lanes[l].subject >= 0 and lanes[l].steady == MOVING else 0.0


@kernel(counted=False)
def watch_steps(show, n, watch, w, lanes):
    """Enter the steps that were just accepted; their polynomials are there."""
    room, wide = watch.room, lanes.shape[0]
    look_along(show, n, wide, watch, w)
    curves(room, wide)
    for l in range(LANES):
        begin = w[SINCE + l]
        seen = w[OVER + l] > 0.0 and w[ALIVE + l] > 0.0 and w[MISS + l] <= 1.0
        wanted = within(watch.span, begin) or window_of(watch.edges, begin) >= 0
        room[AT + l], room[WIDTH + l], room[SPLITS + l] = 0.0, 1.0, 0.0
        room[BUSY + l] = 1.0 if seen and wanted else 0.0
    more = True
    while more:
        more = False
        for l in range(LANES):
            if room[BUSY + l] > 0.0:
                take_piece(watch, l, lanes[l].subject, w)
                more = more or room[BUSY + l] > 0.0
        if more:
            look_closer(show, n, watch, w)
            curves(room, wide)
