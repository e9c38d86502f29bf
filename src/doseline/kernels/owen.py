r"""Points of one dimension of a Sobol sequence, scrambled as Owen does.

The digits of point i are :math:`C i`, with the bits of i and a generator matrix C of bits (Sobol 1967); i counts as it
comes, in no Gray code. Then each digit is flipped or not by a random function of all digits before it (Owen 1995,
"Randomly permuted (t,m,s)-nets and (t,s)-sequences"). So two points agree in as many leading digits as before, points
are spread over boxes of binary sides as evenly as before, and each single point is uniform.

The flips that seven digits can meet are the 127 nodes of a tree: one block of 128 random bits holds them all, found
from the digits above. Digits below the 32nd are random; points whose first 28 digits are the same share them, and of
the first 2**28 points no two are.
"""

import numpy as np

from doseline.kernels.kernel import kernel
from doseline.kernels.philox import BLOCK, HALF, STEP, WORD, philox

NESTED = np.uint64(3)
"""Fourth word of the counter."""
BYTES, SIZE = 4, 256
"""An index is looked up byte by byte."""
ROWS = 2
"""Rows of scratch: points before and after scrambling."""
LEVELS, WIDE, LAST = 4, 7, 4
"""The 32 digits of a point: four levels of seven and one of four."""
DIGITS, BELOW = 32, 20
ONE = np.uint64(1)


@kernel(counted=False)
def fill_table(column, table):
    """What each byte of an index does to the point: ``table`` (BYTES, SIZE), of columns (32,)."""
    for at in range(BYTES):
        table[at, 0] = np.uint64(0)
        for bit in range(8):
            for byte in range(1 << bit):
                table[at, (1 << bit) + byte] = table[at, byte] ^ column[8 * at + bit]


@kernel(inline="always", counted=False)
def flip_seven(digits, low, high):
    """Seven digits, scrambled. Those above one are the node of a tree, numbered from its root, 1."""
    flips = np.uint64(0)
    for t in range(WIDE - 1):
        node = np.uint64(1 << t) + (digits >> np.uint64(WIDE - t))
        flips = (flips << ONE) | ((low >> node) & ONE)
    return digits ^ ((flips << ONE) | ((high >> (digits >> ONE)) & ONE))


@kernel(inline="always", counted=False)
def flip_last(digits, low):
    """The last four digits, scrambled."""
    flips = np.uint64(0)
    for t in range(LAST):
        node = np.uint64(1 << t) + (digits >> np.uint64(LAST - t))
        flips = (flips << ONE) | ((low >> node) & ONE)
    return digits ^ flips


@kernel(counted=False)
def fill_owen(key, column, number, out, table, room):
    """Points for every number (subject,), from 1 on, into out (subject,): odd multiples of 2**-53.

    ``column`` (32,) is the generator matrix, the first digit of a point its bit 31. ``table`` is as in `fill_table`,
    ``room`` is for (ROWS, BLOCK) numbers.
    """
    k0, k1, none = key & WORD, key >> HALF, np.uint64(0)
    fill_table(column, table)
    point, scrambled = room[0], room[1]
    w0, w1, w2, w3 = philox(none, none, none, NESTED, k0, k1)
    first_low, first_high = (w1 << HALF) | w0, (w3 << HALF) | w2
    digits = np.uint64((1 << WIDE) - 1)
    for begin in range(0, number.shape[0], BLOCK):
        size = min(BLOCK, number.shape[0] - begin)
        # loops of their own, for the first does not become vector code and the others do
        for i in range(size):
            index = number[begin + i] - ONE
            point[i] = (
                table[0, index & np.uint64(255)]
                ^ table[1, (index >> np.uint64(8)) & np.uint64(255)]
                ^ table[2, (index >> np.uint64(16)) & np.uint64(255)]
                ^ table[3, (index >> np.uint64(24)) & np.uint64(255)]
            )
        for i in range(size):
            scrambled[i] = flip_seven(point[i] >> np.uint64(DIGITS - WIDE), first_low, first_high)
        for level in range(1, LEVELS):
            above, rest = np.uint64(DIGITS - WIDE * level), np.uint64(DIGITS - WIDE * (level + 1))
            for i in range(size):
                w0, w1, w2, w3 = philox(point[i] >> above, none, np.uint64(level), NESTED, k0, k1)
                seven = flip_seven((point[i] >> rest) & digits, (w1 << HALF) | w0, (w3 << HALF) | w2)
                scrambled[i] = (scrambled[i] << np.uint64(WIDE)) | seven
        for i in range(size):
            w0, w1, w2, w3 = philox(point[i] >> np.uint64(LAST), none, np.uint64(LEVELS), NESTED, k0, k1)
            last = flip_last(point[i] & np.uint64((1 << LAST) - 1), (w1 << HALF) | w0)
            below = w2 >> np.uint64(32 - BELOW)
            bits = (((scrambled[i] << np.uint64(LAST)) | last) << np.uint64(BELOW)) | below
            out[begin + i] = (np.float64(np.int64(bits)) + 0.5) * STEP
