"""Seeds and identifiers of subjects: what is taken, what is refused, and in which words."""

import decimal
import math
import pickle
from fractions import Fraction

import numpy as np
import pytest

from doseline.errors import InputError
from doseline.streams import Streams, correlated, numbers_of, seed_of

ADVICE = "\n  give a whole number from 0 on, such as 7: the same one gives the same draws"


@pytest.mark.parametrize("seed", [0, 7, 2**64, 1 << 20_000, np.int8(3), np.uint64(2**64 - 1)], ids=hex)
def test_seeds(seed):
    assert seed_of(seed) == int(seed)
    assert type(seed_of(seed)) is int
    assert Streams(seed).uniform("CL", np.array([1], dtype=np.uint64)).shape == (1,)


@pytest.mark.parametrize(
    ("seed", "found"),
    [
        (True, "True (bool)"),
        (np.bool_(True), "np.True_ (bool)"),
        (7.0, "7.0 (float)"),
        ("7", "'7' (str)"),
        (-1, "-1 (int)"),
        (None, "None (NoneType)"),
        (math.nan, "nan (float)"),
        (np.array(7), "array(7) (ndarray)"),
        (-(1 << 20_000), "a number of thousands of digits (int)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_seed(seed, found):
    with pytest.raises(InputError) as caught:
        seed_of(seed)
    assert str(caught.value) == f"seed: found {found}{ADVICE}"
    with pytest.raises(InputError, match=r"^cohort\(seed=\.\.\.\): found"):
        seed_of(seed, place="cohort(seed=...)")
    with pytest.raises(InputError, match=r"^seed: found"):
        Streams(seed)
    with pytest.raises(InputError, match=r"^replicate: found"):
        Streams(7, replicate=seed)


def test_streams_are_values():
    assert Streams(np.int64(7)) == Streams(7) != Streams(7, sobol=True)
    assert pickle.loads(pickle.dumps(Streams(7))) == Streams(7)
    assert hash(Streams(7)) == hash(Streams(7))


def test_whole_numbers_are_themselves():
    """Truth: two's complement for what is negative."""
    wide = [0, 1, 2**63, 2**64 - 1]
    assert numbers_of(np.array(wide, dtype=np.uint64)).tolist() == wide
    assert numbers_of(np.array([-1, 5], dtype=np.int16)).tolist() == [2**64 - 1, 5]


IDENTIFIERS = [
    [1, 1.0, np.float32(1.0), np.uint8(1), True, decimal.Decimal("1.0"), Fraction(1)],
    [-3, -3.0, np.int64(-3), decimal.Decimal(-3)],
    [0, -0.0, False],
    [2**63, float(2**63), np.uint64(2**63)],
    [10**20, 1e20, decimal.Decimal(10**20)],
    [0.5, np.float32(0.5), Fraction(1, 2), decimal.Decimal("0.5")],
    [math.nan, -math.nan, np.float32("nan")],
    ["P-01", b"P-01", np.str_("P-01"), np.bytes_(b"P-01")],
    ["1"],
    ["0.5"],
    ["Łódź", "Łódź".encode()],
    [""],
    [math.inf, np.float64(math.inf)],
    [1e300],
    [5e-324],
]


@pytest.mark.parametrize("same", IDENTIFIERS)
def test_equal_identifiers_have_equal_numbers(same):
    """Truth: equality. In an array of objects, and in one of the identifier's own type."""
    mixed = np.empty(len(same), dtype=object)
    mixed[:] = same
    assert len(set(numbers_of(mixed).tolist())) == 1
    for one in same:
        assert numbers_of(np.array([one])).tolist() == numbers_of(mixed)[:1].tolist()


def test_different_identifiers_have_different_numbers():
    found = [numbers_of(np.array(same[:1], dtype=object))[0] for same in IDENTIFIERS]
    assert len(set(found)) == len(IDENTIFIERS)
    assert len(set(numbers_of(np.array([f"P-{i}" for i in range(10_000)])).tolist())) == 10_000


def test_numbers_of_texts_stay():
    """Truth: blake2b of "doseline text P-01", 8 bytes, little-endian, as `b2sum -l 64` says."""
    assert numbers_of(np.array(["P-01"])).tolist() == [0x50BF2FE250A068C0]


@pytest.mark.parametrize("bad", [None, 1j, [1], np.datetime64("2024-01-01")])
def test_what_is_no_identifier(bad):
    given = np.empty(1, dtype=object)
    given[0] = bad
    with pytest.raises(InputError) as caught:
        numbers_of(given)
    assert str(caught.value) == (
        f"subject: found {bad!r} ({type(bad).__name__}) as the identifier of a subject\n"
        "  identifiers are numbers or texts"
    )


@pytest.mark.parametrize("number", [0, 2**32 + 1, 2**64 - 1])
def test_points_are_counted_from_one(number):
    given = np.array([1, number], dtype=np.uint64)
    with pytest.raises(InputError) as caught:
        Streams(7, sobol=True).normal("CL", given)
    assert str(caught.value) == (
        f"draws: subject {number} has no point in a Sobol sequence\n"
        '  number the subjects 1, 2, 3, ..., up to 2**32, or leave out draws="sobol"'
    )
    last = np.array([2**32], dtype=np.uint64)
    assert 0.0 < Streams(7, sobol=True).uniform("CL", last)[0] < 1.0


@pytest.mark.parametrize(
    ("occasion", "problem"),
    [
        ([0.0, 1.0], "found float64 (2,)\n  give whole numbers (occasion,)"),
        ([[0, 1]], "found int64 (1, 2)\n  give whole numbers (occasion,)"),
        ([-1, 3], "found -1 .. 3\n  expected 0 .. 2**32 - 1"),
        ([0, 2**32], "found 0 .. 4294967296\n  expected 0 .. 2**32 - 1"),
    ],
)
def test_occasions(occasion, problem):
    with pytest.raises(InputError) as caught:
        Streams(7).uniform("CL", np.array([1], dtype=np.uint64), occasion=np.array(occasion))
    assert str(caught.value) == f"occasion: {problem}"


def test_factor_of_another_size():
    with pytest.raises(ValueError, match="cannot reshape"):
        correlated(Streams(7), ["CL", "V1"], np.eye(3), np.array([1], dtype=np.uint64))
