"""Random bits and the uniform numbers made of them.

Truth: the known answers of Random123 (D. E. Shaw Research), and a second implementation with Python's own integers,
written from the description of Philox in Salmon et al. (2011) and held against the same known answers.
"""

import hashlib

import numba
import numpy as np
import pytest

from doseline.kernels import philox as module
from doseline.streams import Streams

# github.com/DEShawResearch/random123, file tests/kat_vectors, the three lines "philox4x32 10": counter, key, expected
KNOWN_ANSWERS = """
00000000 00000000 00000000 00000000 00000000 00000000   6627e8d5 e169c58d bc57ac4c 9b00dbd8
ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff   408f276d 41c83b0e a20bc7c6 6d5451fd
243f6a88 85a308d3 13198a2e 03707344 a4093822 299f31d0   d16cfe09 94fdcceb 5001e420 24126ea1
"""
ANSWERS = [[int(word, 16) for word in line.split()] for line in KNOWN_ANSWERS.split("\n") if line]


@numba.njit
def compiled(c0, c1, c2, c3, k0, k1):
    return module.philox(c0, c1, c2, c3, k0, k1)


def plain(counter, key):
    """Ten rounds over four words of 32 bits."""
    a, b, c, d = counter
    for turn in range(10):
        left, right = 0xD2511F53 * a, 0xCD9E8D57 * c
        bump = [(key[0] + turn * 0x9E3779B9) % 2**32, (key[1] + turn * 0xBB67AE85) % 2**32]
        a, b, c, d = right // 2**32 ^ b ^ bump[0], right % 2**32, left // 2**32 ^ d ^ bump[1], left % 2**32
    return [a, b, c, d]


def by_name(seed, effect, number, occasion=0, *, replicate=0, attempt=0):
    """A uniform number as docs/theory/random_draws.md describes it."""
    text = f"doseline draws 1\n{seed:x}\n{replicate:x}\n{attempt:x}\n{effect}"
    key = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
    words = plain([number % 2**32, number // 2**32, occasion, 0], [key % 2**32, key // 2**32])
    return ((words[1] * 2**32 + words[0]) // 2**12 + 0.5) * 2.0**-52


@pytest.mark.parametrize("line", ANSWERS)
def test_known_answers(line):
    assert plain(line[:4], line[4:6]) == line[6:]
    assert list(compiled(*map(np.uint64, line[:6]))) == line[6:]


def test_draws_as_described():
    """Truth: the second implementation; every bit, for numbers and occasions on both sides of 32 bits."""
    number = np.array([0, 1, 2, 2**32 - 1, 2**32, 2**63 + 5, 2**64 - 1], dtype=np.uint64)
    occasion = np.array([0, 1, 279, 2**32 - 1])
    for seed, replicate, attempt in [(0, 0, 0), (7, 0, 3), (2**200 + 1, 12, 0)]:
        found = Streams(seed, replicate=replicate).uniform("CL é", number, occasion=occasion, attempt=attempt)
        truth = [
            [by_name(seed, "CL é", n, o, replicate=replicate, attempt=attempt) for o in occasion.tolist()]
            for n in number.tolist()
        ]
        assert found.tolist() == truth


def test_open_interval():
    """Truth: all bits 0 and all bits 1 are the ends: 2**-53 and 1 - 2**-53, so neither 0 nor 1 is ever drawn.

    53 random bits and a half would not do: the upper end rounds to 1.
    """
    for words, truth in [(0, 2.0**-53), (2**64 - 1, 1.0 - 2.0**-53)]:
        bits = np.uint64(words) >> module.DROPPED
        assert (np.float64(np.int64(bits)) + 0.5) * module.STEP == truth
    assert ((2**53 - 1) + 0.5) * 2.0**-53 == 1.0


def test_odd_multiples():
    """Truth: u * 2**53 is an odd whole number, so 1 - u is exact and has the same form."""
    u = Streams(3).uniform("CL", np.arange(10_000, dtype=np.uint64))
    for scaled in (u * 2.0**53, (1.0 - u) * 2.0**53):
        assert (scaled % 2.0 == 1.0).all()
