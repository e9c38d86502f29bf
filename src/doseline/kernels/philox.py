r"""Random bits by position: Philox4x32 with ten rounds (Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers:
as easy as 1, 2, 3", SC '11).

A key and a counter of four words go in, four words come out, all of 32 bits. There is no state: any draw can be asked
for by itself, in any order. Here a counter is (number, low and high word; occasion; plane), where plane 0 holds random
draws, planes 1 and 2 Sobol points of one effect by itself, and plane 3 those of effects that share a sequence.

Words are kept in uint64, so that a product of two is exact, and the loops over subjects become vector code.
"""

import numpy as np

from doseline.kernels.kernel import kernel

MULTIPLIER_0, MULTIPLIER_1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
WEYL_0, WEYL_1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
WORD, HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
"""A word of 32 bits, and the way to the upper one."""
DROPPED = np.uint64(12)
"""Of 64 random bits the upper 52 make a uniform number."""
STEP = 2.0**-52
BLOCK = 512
"""Draws that are made in one go: what they need stays in the fastest memory."""
PLANE = np.uint64(0)


@kernel(inline="always", counted=False)
def philox(c0, c1, c2, c3, k0, k1):
    """Four words from a counter of four and a key of two."""
    for _ in range(10):
        p0, p1 = MULTIPLIER_0 * c0, MULTIPLIER_1 * c2
        c0, c1, c2, c3 = (p1 >> HALF) ^ c1 ^ k0, p1 & WORD, (p0 >> HALF) ^ c3 ^ k1, p0 & WORD
        k0, k1 = (k0 + WEYL_0) & WORD, (k1 + WEYL_1) & WORD
    return c0, c1, c2, c3


@kernel(counted=False)
def fill_uniform(key, number, occasion, out, counter):
    """Uniform numbers in (0, 1) for every number (subject,) and occasion (occasion,), into out (subject * occasion,).

    Each is an odd multiple of 2**-53: 52 random bits and a half, which a float holds exactly, and so does one minus
    it. ``counter`` is room for (2, BLOCK) numbers.
    """
    k0, k1 = key & WORD, key >> HALF
    subject, at = 0, 0
    for begin in range(0, out.shape[0], BLOCK):
        size = min(BLOCK, out.shape[0] - begin)
        for i in range(size):
            counter[0, i], counter[1, i] = number[subject], occasion[at]
            at += 1
            if at == occasion.shape[0]:
                subject, at = subject + 1, 0
        for i in range(size):
            whose = counter[0, i]
            low, high, _, _ = philox(whose & WORD, whose >> HALF, counter[1, i] & WORD, PLANE, k0, k1)
            bits = (high << HALF) | low
            out[begin + i] = (np.float64(np.int64(bits >> DROPPED)) + 0.5) * STEP
