"""How long the steps of all lanes are: what they begin with, and what becomes of those that were tried."""

import math

from doseline.kernels.kernel import kernel
from doseline.kernels.lane_state import NO_NUMBER, STIFF, TOO_SMALL
from doseline.kernels.lanes import (
    ABSOLUTE,
    AHEAD,
    ALIVE,
    BASE,
    FIRST,
    GONE,
    GROWTH,
    JUMPED,
    LANES,
    LENGTH,
    MISS,
    NEXT,
    RATE,
    RELATIVE,
    SINCE,
    STAGES,
    START,
    STATE,
    STEP,
    STEPS,
    STRIDES,
    SUM,
    TIME,
    WANTED,
)
from doseline.kernels.methods import DOP853_STABLE, TSIT5_STABLE
from doseline.kernels.runge_kutta import LEAST_GROWTH, MOST_GROWTH

DOP853, TSIT5, RODAS5P = 0, 1, 2
"""Methods."""
STIFF_STEPS, CALM_STEPS = 15, 6
"""Steps that look stiff before it is believed; steps that do not, in a row, before they are forgotten (Hairer)."""
SHRUNK = 0.9
"""A rejected step shrinks at least to this part."""
LEAST_STEP = 1e-15
"""No step is shorter than this part of the time."""


@kernel(counted=False)
def first_length(ahead, l, n, w):
    """Length of a first step, from the state and its rates of change (Hairer's first guess) [h]."""
    size, speed = 0.0, 0.0
    for i in range(n):
        q = i * LANES + l
        scale = w[ABSOLUTE + q] + w[RELATIVE + q] * abs(w[START + q])
        size += (w[START + q] / scale) ** 2
        speed += (w[RATE + q] / scale) ** 2
    size, speed = math.sqrt(size / n), math.sqrt(speed / n)
    h = 0.01 * size / speed if size > 1e-5 and speed > 1e-5 else 1e-6
    return min(h, ahead) if math.isfinite(h) and h > 0.0 else 1e-6


@kernel(inline="always", counted=False)
def set_steps(rhs, n, wide, w):
    """Settle the length of every lane's next step."""
    asked = 0
    for l in range(wide):
        w[SINCE + l] = w[BASE + l] + w[GONE + l]
        h = w[FIRST + l] if w[JUMPED + l] > 0.0 else w[NEXT + l]
        w[NEXT + l] = h
        asked += 1 if h < w[ALIVE + l] * 1e-300 else 0
    if asked > 0:
        for q in range(n * LANES):
            w[STATE + q] = w[START + q]
        for l in range(LANES):
            w[TIME + l] = w[SINCE + l]
        rhs(w)
        for l in range(LANES):
            if w[ALIVE + l] > 0.0 and w[NEXT + l] <= 0.0:
                w[NEXT + l] = first_length(w[AHEAD + l], l, n, w)
    for l in range(wide):
        h, ahead = w[NEXT + l], w[AHEAD + l]
        # no sliver is left before a stop
        near = 0.5 * ahead if h > 0.5 * ahead else h
        w[WANTED + l] = ahead if h >= ahead * (1.0 - 1e-10) else near
    for l in range(LANES):
        h = w[WANTED + l]
        if w[STEP + l] != h:
            w[STEP + l] = h
            for i in range(n):
                w[LENGTH + i * LANES + l] = h


@kernel(inline="always", counted=False)
def look_for_stiffness(lane, l, method, w):
    """Count steps whose length is held down by what would become unstable, not by accuracy."""
    limit = 0.95 * (DOP853_STABLE if method == DOP853 else TSIT5_STABLE)
    if w[SUM + l] > limit:
        lane.calmly = 0
        lane.stiff += 1
        if lane.stiff == STIFF_STEPS:
            lane.ended = STIFF
            lane.stiff_at = w[BASE + l] + w[GONE + l]
    elif lane.stiff > 0:
        lane.calmly += 1
        if lane.calmly == CALM_STEPS:
            lane.stiff, lane.calmly = 0, 0


@kernel(inline="always", counted=False)
def take_steps(wide, w):
    """Where a step is accepted, time goes on and the next step has its length; how many lanes were refused."""
    refused = 0
    for l in range(wide):
        h, ahead, planned = w[STEP + l], w[AHEAD + l], w[NEXT + l]
        good = w[MISS + l] <= 1.0
        grown = h * min(max(w[GROWTH + l], LEAST_GROWTH), MOST_GROWTH)
        # a stop has cut it short, which says nothing against the length it would have had
        kept = planned if grown < planned else grown
        kept = grown if grown < h else kept
        grown = kept if h < planned else grown
        first = grown if w[JUMPED + l] > 0.0 else w[FIRST + l]
        left = 0.0 if h >= ahead else ahead - h
        strides = 0.0 if h >= ahead else w[STRIDES + l] + 1.0
        w[FIRST + l] = first if good else w[FIRST + l]
        w[NEXT + l] = grown if good else planned
        w[AHEAD + l] = left if good else ahead
        w[STRIDES + l] = strides if good else w[STRIDES + l]
        w[GONE + l] += h if good else 0.0
        w[JUMPED + l] = 0.0 if good else w[JUMPED + l]
        w[STEPS + l] += w[ALIVE + l]
        refused += 0 if good else 1
    return refused


@kernel(counted=False)
def reject(lane, l, n, w):
    """A step failed: a shorter one, as long as there is any."""
    growth = w[GROWTH + l]
    # false for NaN
    if growth > LEAST_GROWTH:
        w[NEXT + l] = w[STEP + l] * min(growth, SHRUNK)
    else:
        w[NEXT + l] = w[STEP + l] * LEAST_GROWTH
    if w[JUMPED + l] > 0.0:
        w[FIRST + l] = w[NEXT + l]
    if w[NEXT + l] < LEAST_STEP * (abs(w[SINCE + l]) + 1e-6):
        lane.ended = TOO_SMALL
        for i in range(n):
            if not math.isfinite(w[STAGES[0] + i * LANES + l]):
                lane.ended = NO_NUMBER
