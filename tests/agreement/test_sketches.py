"""Sketches against sorted arrays: every order statistic within the stated error, on distributions that are hard to bin.

Truth: numpy.sort. The tolerance is the error that was asked for; `ROUNDING` is for what numpy and we multiply.
"""

from fractions import Fraction

import numpy as np
import pytest

from doseline import sketch_sheet
from doseline.sketch_scale import scale_of
from doseline.sketches import Sketches, bytes_for

ROUNDING = 1 + 1e-12
SUBJECTS = 1500


def hard():
    """Numbers (case, subject), by what is hard in them."""
    rng = np.random.default_rng(11)
    n = SUBJECTS
    few = np.array([3.0, 3.0 + 1e-9, 7.0])
    return {
        "12 decades": np.exp(rng.normal(0, 4.0, n)),
        "constant": np.full(n, 0.1),
        "two values": rng.choice([1e-9, 1e9], n),
        "ties": rng.choice(few, n),
        "mixed signs": rng.normal(0, 1, n) * 10.0 ** rng.integers(-6, 6, n),
        "negative": -np.exp(rng.normal(0, 2.0, n)),
        "zeros": np.where(rng.random(n) < 0.4, 0.0, rng.lognormal(size=n)),
        "only zeros": np.zeros(n),
        "minus zeros": rng.choice([0.0, -0.0], n),
        "tiny": 1e-300 * rng.lognormal(0, 1, n),
        "vast": 1e300 * rng.lognormal(0, 1, n),
        "powers of two": 2.0 ** rng.integers(-20, 20, n),
        "one below powers of two": np.nextafter(2.0 ** rng.integers(-20, 20, n), 0.0),
        "one far away": np.concatenate([rng.normal(100, 1, n - 1), [1e-12]]),
    }


HARD = hard()


def sketch_of(values, **asked):
    """One group, one output: values (subject, time)."""
    found = Sketches(groups=1, outputs=1, times=values.shape[1], **asked)
    found.add(values[None])
    return found


@pytest.mark.parametrize("error", [0.005, 0.05, 3e-4])
def test_every_order_statistic_is_within_the_error(error):
    values = np.column_stack(list(HARD.values()))
    found = sketch_of(values, error=error, buckets=200_000).quantiles(np.linspace(0, 1, SUBJECTS))[:, 0, 0]
    truth = np.sort(values, axis=0)
    # in front of the k-th of n numbers lies k / (n - 1), which may round to a spot just before it
    beside = np.maximum(np.abs(truth), np.abs(np.roll(truth, 1, axis=0))) * 1e-12
    assert (np.abs(found - truth) <= error * np.abs(truth) * ROUNDING + beside).all()
    np.testing.assert_array_equal(found[[0, -1]], truth[[0, -1]])


def test_between_order_statistics_the_line_is_theirs():
    """Truth: numpy.quantile, type 7; the error is a part of the larger of the two numbers beside it."""
    values = np.column_stack(list(HARD.values()))
    parts = np.array([0, 0.001, 0.025, 0.05, 0.3333, 0.5, 0.5, 0.75, 0.95, 0.9999, 1])
    truth, sorted_ = np.quantile(values, parts, axis=0), np.sort(values, axis=0)
    below = np.floor(parts * (SUBJECTS - 1)).astype(int)
    larger = np.maximum(np.abs(sorted_[below]), np.abs(sorted_[np.minimum(below + 1, SUBJECTS - 1)]))
    found = sketch_of(values, buckets=200_000).quantiles(parts)[:, 0, 0]
    assert (np.abs(found - truth) <= 0.005 * larger * ROUNDING).all()
    positive = sorted_[below] > 0
    assert (np.abs(found - truth)[positive] <= 0.005 * truth[positive] * ROUNDING).all()


@pytest.mark.parametrize("error", [0.005, 0.1, 0.01, 0.0123, 1e-3, 1e-4])
def test_no_number_of_a_bucket_is_farther_from_its_middle(error):
    """Truth: fractions, of both edges of every bucket; logarithmic buckets, of which there cannot be fewer."""
    scale = scale_of(error, 4096)
    starts = np.flatnonzero(np.diff(scale.place, prepend=np.uint16(1)))
    edges = [1 + Fraction(int(at), len(scale.place)) for at in starts] + [Fraction(2)]
    allowed = Fraction(error)
    for low, high, middle in zip(edges[:-1], edges[1:], scale.middle.tolist(), strict=True):
        assert abs(Fraction(middle) - low) <= allowed * low
        assert abs(Fraction(middle) - high) <= allowed * high
    fewest = np.log(2) / np.log((1 + error) / (1 - error))
    assert fewest <= len(scale.middle) < 1.02 * fewest + 1


def test_numbers_of_every_size():
    """Truth: the number itself, which stands between a smaller and a larger one."""
    rng = np.random.default_rng(5)
    x = np.ldexp(rng.uniform(1, 2, 20_000), rng.integers(-1020, 1020, 20_000))
    for sign in (1, -1):
        found = sketch_of(sign * np.stack([x / 2, x, 2 * x]), buckets=4096).quantiles([0.5])[0, 0, 0]
        assert (np.abs(found - sign * x) <= 0.005 * x).all()


def test_what_is_below_the_window():
    """Truth: numpy.sort. Above `holds_from` nothing changes; below, a number is anywhere down to the least."""
    rng = np.random.default_rng(6)
    values = np.column_stack(
        [np.exp(rng.normal(0, 9.0, 999)), -np.exp(rng.normal(0, 9.0, 999)), rng.lognormal(0, 0.5, 999)]
    )
    sketch = sketch_of(values, buckets=640)
    found, truth = sketch.quantiles(np.linspace(0, 1, 999))[:, 0, 0], np.sort(values, axis=0)
    edge = sketch.holds_from[0, 0]
    top = np.abs(truth).max(axis=0)
    assert (edge[:2] > 0).all()
    assert (edge[:2] < top[:2] * 2.0 ** -(575 / 70)).all()
    assert edge[2] == 2.0**-1022
    within = np.abs(truth) >= edge
    assert not within[:, :2].all()
    assert (np.abs(found - truth)[within] <= 0.005 * np.abs(truth)[within] * ROUNDING).all()
    assert (np.abs(found)[~within] <= np.broadcast_to(edge, truth.shape)[~within]).all()
    np.testing.assert_array_equal(found[[0, -1]], truth[[0, -1]])


def test_by_default_seventeen_decades_are_kept():
    values = 10.0 ** np.linspace(-17, 0, 1700)[:, None]
    assert sketch_of(values).holds_from[0, 0, 0] < 1e-17


def test_no_number_is_left_out_and_infinities_stand_at_the_ends():
    """Truth: by hand. Of -inf, 1, 2, 3, inf, inf the median lies between 2 and 3."""
    values = np.array(
        [[np.inf, np.nan], [2, np.nan], [np.nan, np.nan], [-np.inf, 5], [1, np.nan], [3, 1], [np.inf, 3]]
    )
    sketch = sketch_of(values)
    found = sketch.quantiles([0, 0.2, 0.5, 0.6, 0.75, 1])[:, 0, 0]
    np.testing.assert_allclose(found[:, 0], [-np.inf, 1, 2.5, 3, np.inf, np.inf], rtol=0.005)
    np.testing.assert_allclose(found[:, 1], [1, 1.8, 3, 3.4, 4, 5], rtol=0.005)
    assert found[1, 0] == 1
    assert sketch.numbers.tolist() == [[[6, 3]]]
    assert sketch.missing.tolist() == [[[1, 4]]]
    assert sketch.subjects.tolist() == [[6]]


def test_without_a_number_there_is_none():
    assert np.isnan(Sketches(groups=2, outputs=1, times=3).quantiles([0, 0.5, 1])).all()
    assert np.isnan(sketch_of(np.full((4, 2), np.nan)).quantiles([0, 0.5, 1])).all()


def test_groups_and_outputs_lie_apart():
    """Truth: numpy.quantile of the subjects of each group."""
    rng = np.random.default_rng(8)
    values, group = rng.lognormal(size=(2, 700, 5)), rng.integers(0, 3, 700)
    sketch = Sketches(groups=4, outputs=2, times=5)
    sketch.add(values, group)
    found = sketch.quantiles([0.1, 0.5])
    assert found.shape == (2, 4, 2, 5)
    for number in range(3):
        truth = np.quantile(values[:, group == number], [0.1, 0.5], axis=1)
        np.testing.assert_allclose(found[:, number], truth, rtol=0.005)
    assert np.isnan(found[:, 3]).all()
    assert sketch.subjects[:, 0].tolist() == np.bincount(group, minlength=4).tolist()


def test_counts_beyond_four_bytes():
    """Truth: by hand. A sketch merged with itself 31 times holds each number 2**31 times."""
    sketch = sketch_of(np.array([[1.0], [2.0], [-3.0], [np.nan]]))
    for _ in range(31):
        sketch.merge(sketch)
    assert sketch.numbers.tolist() == [[[3 * 2**31]]]
    assert sketch.missing.tolist() == [[[2**31]]]
    found = sketch.quantiles([0, 0.2, 0.5, 0.8, 1])[:, 0, 0, 0]
    np.testing.assert_allclose(found, [-3, -3, 1, 2, 2], rtol=0.005)
    sketch.add(np.array([[[4.0]]]))
    assert sketch.numbers.tolist() == [[[3 * 2**31 + 1]]]
    assert sketch.quantiles([1])[0, 0, 0, 0] == 4
    again = Sketches.from_arrays(sketch.arrays())
    np.testing.assert_array_equal(again.merge(sketch).numbers, [[[3 * 2**32 + 2]]])


def test_memory_is_what_was_told():
    """Truth: the arrays themselves, of two decades, and of more than a window can hold."""
    rng = np.random.default_rng(9)
    narrow = sketch_of(10.0 ** rng.uniform(-1, 1, (3000, 50)))
    assert narrow.nbytes <= bytes_for(50, decades=2) < 1.3 * narrow.nbytes
    wide = sketch_of(10.0 ** rng.uniform(-50, 1, (300, 50)))
    assert wide.nbytes == bytes_for(50)
    both = sketch_of(rng.choice([-1, 1], (300, 50)) * 10.0 ** rng.uniform(-50, 1, (300, 50)))
    assert both.nbytes == bytes_for(50, signs=2)


@pytest.mark.parametrize("waiting", [1, 50, 10**6])
def test_how_many_numbers_wait_changes_nothing(monkeypatch, waiting):
    """Truth: the sketch as it is usually made."""
    values = np.random.default_rng(10).lognormal(0, 3, (400, 7))
    expected = sketch_of(values).arrays()
    monkeypatch.setattr(sketch_sheet, "WAITING", waiting)
    for name, array in sketch_of(values).arrays().items():
        np.testing.assert_array_equal(array, expected[name])


def test_more_times_than_are_counted_together():
    """Truth: numpy.nanquantile; subjects with a number at the first or at the last time only are counted, too."""
    times = 2 * sketch_sheet.TOGETHER + 3
    values = np.random.default_rng(12).lognormal(size=(40, times))
    values[3, 1:] = np.nan
    values[4, :-1] = np.nan
    values[5] = np.nan
    sketch = sketch_of(values)
    assert sketch.subjects.tolist() == [[39]]
    assert sketch.numbers[0, 0, [0, 1, -1]].tolist() == [38, 37, 38]
    truth = np.nanquantile(values, [0, 0.3, 1], axis=0)
    np.testing.assert_allclose(sketch.quantiles([0, 0.3, 1])[:, 0, 0], truth, rtol=0.005)
