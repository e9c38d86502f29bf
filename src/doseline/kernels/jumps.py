r"""Over many pieces at once: a train of the same doses at the same intervals, of which only the ends need to be walked.

From one interval to the next the state before the dose goes through the same map, ``y -> P y + c``, and its area is
``v . y + a``. Twice the map is a map of the same kind, so a train of any length takes one doubling for each of its
binary digits. ``P`` has no negative entry: if the second state is no smaller than the first one, in any compartment,
no state is smaller than the one before, and the last interval reaches the highest levels of all; if it is no larger,
the first one does. What lies between then needs no look.
"""

from doseline.kernels.kernel import kernel
from doseline.kernels.ladder import TOTAL
from doseline.kernels.pieces import ALIKE, BODY, CLOSING, FIRST, INSIDE, RUN, WINDOW
from doseline.kernels.program import SAME
from doseline.kernels.rungs import JUMP, KEPT_AREA, KEPT_STEP, LEVELS, NEXT, ROW, carry, dot, times_matrix

LONG = 8
"""A train of fewer intervals is walked."""


@kernel(inline="always", counted=False)
def in_train(p, tags, inputs):
    """Is a piece, that follows on another one, like it in all?"""
    one, other = tags[p - 1, FIRST], tags[p, FIRST]
    same = tags[p, ALIKE] >= 0 and tags[p, ALIKE] == tags[p - 1, ALIKE]
    same = same and tags[p, WINDOW] < 0 and tags[p - 1, WINDOW] < 0 and tags[p, INSIDE] == tags[p - 1, INSIDE]
    same = same and tags[p, BODY] == tags[p - 1, BODY] and not tags[p, CLOSING] and not tags[p - 1, CLOSING]
    if same and other - one == 1 and tags[p + 1, FIRST] - other == 1:
        same = inputs.kind[one] == inputs.kind[other] and inputs.factor[one] == inputs.factor[other]
        return same and inputs.place[one] == inputs.place[other] and inputs.change[other] == 0
    return False


@kernel(counted=False)
def find_trains(pieces, tags, inputs):
    """Write down for each piece how many behind it are like it."""
    if pieces > 0:
        tags[pieces - 1, RUN] = 0
    for p in range(pieces - 1, 0, -1):
        tags[p - 1, RUN] = tags[p, RUN] + 1 if in_train(p, tags, inputs) else 0


@kernel(counted=False)
def write_map(w, alike, place, given, size):
    """The map over one interval, where ``given`` enters a state at its begin."""
    n = len(size)
    for i in range(n * n):
        w[JUMP, i] = w[KEPT_STEP + alike, i]
    for i in range(n):
        w[JUMP + 1, i] = w[KEPT_STEP + alike, i * n + place] * given
        w[JUMP + 2, i] = w[KEPT_AREA + alike, i]
    w[JUMP + 2, n] = w[KEPT_AREA + alike, place] * given


@kernel(counted=False)
def double_map(w, level, size):
    """The map over twice as many intervals, from that of a level to the next one."""
    n, row = len(size), JUMP + 3 * level
    for i in range(n):
        for j in range(n):
            total = 0.0
            for k in range(n):
                total += w[row, i * n + k] * w[row, k * n + j]
            w[row + 3, i * n + j] = total
    carry(w, row, row + 1, row + 4, size)
    times_matrix(w, row + 2, row, row + 5, 1.0, size)
    w[row + 5, n] = 2.0 * w[row + 2, n] + dot(w, row + 2, row + 1, size)
    for i in range(n):
        w[row + 4, i] += w[row + 1, i]
        w[row + 5, i] += w[row + 2, i]


@kernel(inline="always", counted=False)
def apply_map(w, level, source, target, size):
    """``target = P source + c``, rows; target is not the source."""
    row = JUMP + 3 * level
    carry(w, row, source, target, size)
    for i in range(len(size)):
        w[target, i] += w[row + 1, i]


@kernel(counted=False)
def jump(w, state, steps, size):
    """Move the state in a row over so many intervals of the map; returns the area under them."""
    n, level, area = len(size), 0, 0.0
    while steps > 0:
        if steps & 1:
            row = JUMP + 3 * level
            area += dot(w, row + 2, state, size) + w[row + 2, n]
            apply_map(w, level, state, TOTAL, size)
            for i in range(n):
                w[state, i] = w[TOTAL, i]
        steps >>= 1
        if steps > 0:
            if level + 1 == LEVELS:
                # more doses than anybody takes: the same map once more
                steps <<= 1
            else:
                double_map(w, level, size)
                level += 1
    return area


@kernel(inline="always", counted=False)
def reaches(w, state, place, given, goal, size):
    """Does a state, after its dose, come to a level by the row ``ROW``, but for rounding?"""
    return dot(w, ROW, state, size) + w[ROW, place] * given >= (1.0 - SAME) * goal


@kernel(counted=False)
def first_to_reach(w, state, steps, place, given, goal, size):
    """After how many intervals of the map a state of a train that rises comes to the level ``goal``, but for rounding.

    ``steps`` is the most that is looked for; the answer is one more where none of them will do. The row of the state is
    used up.
    """
    if reaches(w, state, place, given, goal, size):
        return 0
    level, passed = 0, 0
    while (2 << level) <= steps and level + 1 < LEVELS:
        double_map(w, level, size)
        level += 1
    for each in range(level, -1, -1):
        if passed + (1 << each) <= steps:
            apply_map(w, each, state, NEXT, size)
            if not reaches(w, NEXT, place, given, goal, size):
                passed += 1 << each
                for i in range(len(size)):
                    w[state, i] = w[NEXT, i]
    return passed + 1
