"""Times at the border: what is read as which hours, and what is refused in which words.

Truth: hours counted by hand; messages name place, value found, what was expected, and what to give instead.
"""

import numpy as np
import pandas as pd
import pytest

from doseline.errors import InputError, UnitError
from doseline.times import even_step, read_times
from doseline.units import registry

WAYS = "give a step such as '2 h', a step and an end such as '0.5 h for 72 h', or an array of hours"


def quantity(value, unit):
    return registry().Quantity(value, unit)


@pytest.mark.parametrize(
    ("given", "hours"),
    [
        ("6 h", [0, 6, 12, 18, 24]),
        ("360 min", [0, 6, 12, 18, 24]),
        ("1 day", [0, 24]),
        ("100 h", [0]),
        ("10 h", [0, 10, 20]),
        ("0.5 h for 1.5 h", [0, 0.5, 1, 1.5]),
        ("30 min until 1 h", [0, 0.5, 1]),
        ("1 h for 0 h", [0]),
        ([3], [3]),
        ([-1, 0, 2.5], [-1, 0, 2.5]),
        (range(3), [0, 1, 2]),
        (["0 h", "90 min", 2], [0, 1.5, 2]),
        (np.array([1, 2], dtype=np.int32), [1, 2]),
        (pd.Series([0.0, 1.0], index=[7, 8]), [0, 1]),
    ],
)
def test_what_is_read(given, hours):
    times = read_times(given, end=24.0)
    assert times.dtype == np.float64
    np.testing.assert_array_equal(times, hours)


@pytest.mark.parametrize(
    ("value", "unit", "hours"),
    [(12, "h", [0, 12, 24]), (0.5, "day", [0, 12, 24]), ([0, 1], "day", [0, 24]), ([0, 90], "min", [0, 1.5])],
)
def test_quantities_of_pint(value, unit, hours):
    np.testing.assert_array_equal(read_times(quantity(value, unit), end=24.0), hours)


@pytest.mark.parametrize("step", ["0.1 h", "6 min"])
def test_a_step_that_is_no_binary_fraction_reaches_the_end(step):
    """Truth: 7 h hold 70 steps of 0.1 h, and the k-th time is the product, not a sum."""
    times = read_times(step, end=7.0)
    assert len(times) == 71
    np.testing.assert_array_equal(times, np.arange(71) * 0.1)


def test_an_array_is_copied_only_if_it_must_be_and_never_changed():
    given = np.array([0.0, 1.0, 5.0])
    np.testing.assert_array_equal(read_times(given[::1], end=0.0), [0.0, 1.0, 5.0])
    np.testing.assert_array_equal(given, [0.0, 1.0, 5.0])


REFUSED = [
    ("2", UnitError, "found '2' without a unit\n  expected time: add the unit, such as '... h'"),
    (2, UnitError, f"found 2 without a unit\n  {WAYS}"),
    (np.array(2.0), UnitError, f"found array(2.) without a unit\n  {WAYS}"),
    ("2 L", UnitError, "'2 L' is volume\n  expected time, in a unit such as h"),
    ("1 h for 2 L", UnitError, "'2 L' is volume\n  expected time, in a unit such as h"),
    ("1 h for 72", UnitError, "found '72' without a unit\n  expected time: add the unit, such as '... h'"),
    ("every 2 h", InputError, f"found 'every 2 h'\n  {WAYS}"),
    ("1 h for", InputError, f"found '1 h for'\n  {WAYS}"),
    ("1 h 30 min", InputError, f"found '1 h 30 min'\n  {WAYS}"),
    ("nan h", InputError, f"found 'nan h'\n  {WAYS}"),
    ("", InputError, f"found ''\n  {WAYS}"),
    ("0 h", InputError, f"the step is 0 h\n  expected a step above 0: {WAYS}"),
    ("-1 h", InputError, f"the step is -1 h\n  expected a step above 0: {WAYS}"),
    ("1e400 h", InputError, "found inf\n  expected finite numbers in h"),
    ("1 h for -3 h", InputError, "the end is -3 h\n  expected an end of 0 h or later"),
    ("1 ms", InputError, "a step of 2.77778e-07 h up to 24 h makes 8.64e+07 times\n"
     "  expected at most 50,000,000: is the unit right?"),
    ("1 h for 1e300 h", InputError, "a step of 1 h up to 1e+300 h makes 1e+300 times\n"
     "  expected at most 50,000,000: is the unit right?"),
    ([], InputError, f"there are no times\n  {WAYS}"),
    ([[0, 1]], InputError, f"found an array of shape (1, 2)\n  {WAYS}"),
    ([0, 1, 1], InputError, "1 h is there twice (positions 1 and 2)\n"
     "  give every time once, in ascending order: np.unique(times) does it"),
    ([0, 5, 2.5], InputError, "5 h is followed by 2.5 h (positions 1 and 2)\n"
     "  give every time once, in ascending order: np.unique(times) does it"),
    (["1 day", "2 h"], InputError, "24 h is followed by 2 h (positions 0 and 1)\n"
     "  give every time once, in ascending order: np.unique(times) does it"),
    ([0, float("nan")], InputError, "found nan at position 1\n  expected finite numbers in h"),
    ([0, float("inf")], InputError, "found inf at position 1\n  expected finite numbers in h"),
    (None, InputError, "found None (NoneType)\n  expected numbers in h, or a text such as '1 h'"),
    (True, InputError, "found True (bool)\n  expected numbers in h, or a text such as '1 h'"),
    ({0: 1}, InputError, "found {0: 1} (dict)\n  expected numbers in h, or a text such as '1 h'"),
    (np.array([0, 1], "timedelta64[h]"), InputError,
     "found array([0, 1], dtype='timedelta64[h]') (ndarray)\n  expected numbers in h, or a text such as '1 h'"),
    (np.ma.masked_array([0.0, 1.0], [False, True]), InputError,
     "some times are masked\n  give the others: times.compressed()"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "kind", "message"), REFUSED, ids=[repr(row[0])[:40] for row in REFUSED])
def test_what_is_refused(given, kind, message):
    with pytest.raises(kind) as caught:
        read_times(given, end=24.0)
    assert str(caught.value) == f"times: {message}"


@pytest.mark.parametrize(
    ("value", "unit", "words"), [(2, "L", "'liter' is volume"), ([0, 1], "kg", "'kilogram' is mass")]
)
def test_quantities_of_another_kind(value, unit, words):
    with pytest.raises(UnitError) as caught:
        read_times(quantity(value, unit), end=24.0)
    assert str(caught.value) == f"times: {words}\n  expected time, in a unit such as h"


@pytest.mark.parametrize(
    ("times", "step"),
    [
        ([], 0.0),
        ([5.0], 0.0),
        ([0.0, 2.0], 2.0),
        ([1.0, 1.5, 2.0], 0.5),
        ([0.0, 1.0, 3.0], 0.0),
        (np.arange(3361) * 0.1, 0.1),
        (np.arange(3361) * 0.1 + 1e-9 * (np.arange(3361) == 1000), 0.0),
    ],
)
def test_even_steps(times, step):
    assert even_step(np.array(times, dtype=float)) == step
