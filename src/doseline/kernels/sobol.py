r"""Points of Sobol sequences, one dimension for each key: a name decides which, and no position in a list. Effects that
share one sequence are for `owen.py`.

Each dimension is a (0, 1)-sequence in base 2, as each one of Sobol's is: of every 2**m points from a multiple of 2**m
on, one falls into each interval of m binary digits. Digit j of point i is bit j of i, flipped or not by a random
function of all higher bits. Then come a random lower-triangular matrix (Matousek 1998, J. Complexity 14:527) and a
shift of all 52 digits, which leave that property as it is.

Sobol's own digits are linear functions of the bits. Drawn by name, two of them agree, or nearly, too often, and then
two effects go in step. Functions of any kind keep two effects nearly as independent as random draws.
"""

import numpy as np

from doseline.kernels.kernel import kernel
from doseline.kernels.philox import BLOCK, HALF, STEP, WORD, philox

MADE, FLIPS = np.uint64(1), np.uint64(2)
"""Fourth words of the counter: for matrix and shift, and for the random functions."""
DIGITS, LEVELS, WIDE = 52, 6, 6
"""Digits of a point; levels of so many bits each that an index has."""
SIZE = 1 << WIDE
ONE = np.uint64(1)
ALL, INNER = np.uint64(2**64 - 1), np.uint64(2**64 - 1 - sum(2**2**t for t in range(WIDE)))
"""Nodes whose flips are used: where no higher bit is set there is none, so leading zeros need not be looked at."""


@kernel(inline="always", counted=False)
def drawn(c0, c1, occasion, plane, key):
    """64 random bits."""
    low, high, _, _ = philox(c0, c1, occasion, plane, key & WORD, key >> HALF)
    return (high << HALF) | low


@kernel(counted=False)
def fill_matrix(key, occasion, table):
    """What six digits become in a point: ``table`` (LEVELS, SIZE). The shift is the answer.

    Digit j, from 0 on, is bit 51 - j of a point, and bit 5 - j % 6 of its place in the table.
    """
    for level in range(LEVELS):
        table[level, 0] = np.uint64(0)
        for t in range(WIDE):
            last = np.uint64(DIGITS - 1 - (WIDE * level + t))
            below = drawn(np.uint64(WIDE * level + t), np.uint64(0), occasion, MADE, key)
            column = (ONE << last) | (below & ((ONE << last) - ONE))
            for digits in range(0, SIZE, SIZE >> t):
                table[level, digits + (SIZE >> (t + 1))] = table[level, digits] ^ column
    return drawn(np.uint64(WIDE * LEVELS), np.uint64(0), occasion, MADE, key) >> np.uint64(64 - DIGITS)


@kernel(counted=False)
def fill_sobol(key, number, occasion, out, table, room):
    """Points for every number (subject,), from 1 on, and occasion (occasion,), into out (subject, occasion).

    Each occasion is a dimension of its own, and each point an odd multiple of 2**-53. ``table`` is as in `fill_matrix`,
    ``room`` is for (2, BLOCK) numbers.
    """
    point, flips = room[0], room[1]
    highest, levels = np.uint64(0), 0
    for subject in range(number.shape[0]):
        highest = max(highest, number[subject] - ONE)
    while highest >> np.uint64(WIDE * levels) > 0:
        levels += 1
    for at in range(occasion.shape[0]):
        when = occasion[at] & WORD
        shift = fill_matrix(key, when, table)
        for begin in range(0, number.shape[0], BLOCK):
            size = min(BLOCK, number.shape[0] - begin)
            for i in range(size):
                point[i] = shift
            for level in range(levels):
                # three loops, for the first two become vector code and the last does not
                for i in range(size):
                    above = (number[begin + i] - ONE) >> np.uint64(WIDE * (level + 1))
                    flips[i] = drawn(above, np.uint64(level), when, FLIPS, key) & (
                        ALL if above > 0 else INNER
                    )
                for i in range(size):
                    bits = ((number[begin + i] - ONE) >> np.uint64(WIDE * level)) & np.uint64(SIZE - 1)
                    digits = np.uint64(0)
                    for t in range(WIDE):
                        # patterns of the bits above are the nodes of a tree, numbered from its root, 1
                        node = np.uint64(SIZE >> (t + 1)) + (bits >> np.uint64(t + 1))
                        digits = (digits << ONE) | (((bits >> np.uint64(t)) ^ (flips[i] >> node)) & ONE)
                    flips[i] = digits
                for i in range(size):
                    point[i] ^= table[level, flips[i]]
            for i in range(size):
                out[begin + i, at] = (np.float64(np.int64(point[i])) + 0.5) * STEP
