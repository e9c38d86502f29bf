r"""Points of a Sobol sequence, one dimension for each key: a name decides which, and no position in a list.

Each dimension is a (0, 1)-sequence in base 2: of every 2**m points, one falls into each m-digit interval. Digit j of
point i is bit j of i, changed by a random function of the higher bits. Among the ten low bits that is any function
(nested scrambling, Owen 1995); the bits above enter by Sobol's direction numbers, all of them free. Then come a random
lower-triangular matrix (Matousek 1998, J. Complexity 14:527) and a shift of all 52 digits.

Two keys can give linear functions that agree on the few bits of a small sample, and two effects that go in step; with
any functions that cannot happen. Where there are many points, linear ones cancel what is left.
"""

import numpy as np

from doseline.kernels.kernel import kernel
from doseline.kernels.philox import HALF, STEP, WORD, philox

PLANE = np.uint64(1)
"""Fourth word of the counter: other bits than those of random draws."""
BITS, LOW, DIGITS = 32, 10, 52
"""Bits of an index, those of them in the table, digits of a point."""
SIZE = 1 << LOW
ONE = np.uint64(1)
NODES, SHIFT, UPPER, LOWER = 0, 16, 64, 128
"""Where in the plane the bits stand for the low bits of the index, the shift, and the columns of the two matrices."""


@kernel(inline="always", counted=False)
def drawn(place, occasion, key, digits):
    """The first ``digits`` of 64 random bits."""
    low, high, _, _ = philox(np.uint64(place), np.uint64(0), occasion, PLANE, key & WORD, key >> HALF)
    return ((high << HALF) | low) >> np.uint64(64 - digits) if digits > 0 else np.uint64(0)


@kernel(counted=False)
def fill_directions(key, occasion, table, direction, lower):
    """What point i is put together from: of its low bits ``table`` (SIZE,), of each higher bit ``direction`` (BITS,).

    ``lower`` is room for the columns of the lower-triangular matrix (BITS,). Digit j, from 0 on, is bit 51 - j of a
    number.
    """
    for j in range(BITS):
        lower[j] = (ONE << np.uint64(DIGITS - 1 - j)) | drawn(LOWER + j, occasion, key, DIGITS - 1 - j)
    shift = drawn(SHIFT, occasion, key, DIGITS)
    for i in range(SIZE):
        table[i] = shift
    for j in range(LOW):
        # the function of the bits above j has a random value for each of their patterns: the nodes of a tree
        for above in range(SIZE >> (j + 1)):
            node = (SIZE >> (j + 1)) + above
            flip = (drawn(NODES + node // 64, occasion, key, 64) >> np.uint64(node % 64)) & ONE
            for below in range(1 << (j + 1)):
                if (np.uint64(below >> j) ^ flip) & ONE:
                    table[(above << (j + 1)) + below] ^= lower[j]
    for k in range(LOW, BITS):
        column = drawn(UPPER + k, occasion, key, k)
        direction[k] = lower[k]
        for j in range(k):
            if (column >> np.uint64(j)) & ONE:
                direction[k] ^= lower[j]


@kernel(counted=False)
def fill_sobol(key, number, occasion, out, table, direction):
    """Points for every number (subject,), from 1 on, and occasion (occasion,), into out (subject, occasion).

    Each occasion is a dimension of its own, and each point an odd multiple of 2**-53. ``table`` (SIZE,) and
    ``direction`` (2, BITS) are room for what the points are put together from.
    """
    highest = np.uint64(0)
    for subject in range(number.shape[0]):
        highest = max(highest, number[subject] - ONE)
    top = LOW
    while top < BITS and highest >> np.uint64(top) > 0:
        top += 1
    for at in range(occasion.shape[0]):
        fill_directions(key, occasion[at] & WORD, table, direction[0], direction[1])
        for subject in range(number.shape[0]):
            index = number[subject] - ONE
            bits = table[index & np.uint64(SIZE - 1)]
            for k in range(LOW, top):
                bits ^= direction[0, k] & (np.uint64(0) - ((index >> np.uint64(k)) & ONE))
            out[subject, at] = (np.float64(np.int64(bits)) + 0.5) * STEP
