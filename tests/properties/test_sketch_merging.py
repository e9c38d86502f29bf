"""A sketch depends on what has been counted, and on nothing else.

Truth: the sketch of all subjects at once. Every array has to be the same, bit by bit.
"""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from doseline.sketches import Sketches

GROUPS, OUTPUTS, TIMES = 2, 2, 3
NUMBERS = st.one_of(
    st.floats(width=64),
    st.floats(-100, 100),
    st.sampled_from([0.0, -0.0, 1.0, 1.0000000001, -5e-324, np.nan, np.inf, -np.inf, 1e-300, -1e300]),
)


@st.composite
def cohorts(draw):
    """Values, the group of each subject, and how many buckets there may be."""
    subjects = draw(st.integers(0, 12))
    values = draw(arrays(np.float64, (OUTPUTS, subjects, TIMES), elements=NUMBERS))
    group = draw(arrays(np.int64, subjects, elements=st.integers(0, GROUPS - 1)))
    return values, group, draw(st.sampled_from([64, 100, 4096, 200_000]))


def sketch_of(values, group, buckets):
    found = Sketches(groups=GROUPS, outputs=OUTPUTS, times=TIMES, buckets=buckets)
    found.add(values, group)
    return found


def assert_same(found, truth):
    held, expected = found.arrays(), truth.arrays()
    assert held.keys() == expected.keys()
    for name, array in held.items():
        assert array.dtype == expected[name].dtype, name
        assert array.tobytes() == expected[name].tobytes(), name
    parts = [0, 0.1, 0.5, 0.77, 1]
    np.testing.assert_array_equal(found.quantiles(parts), truth.quantiles(parts))


@settings(deadline=None, max_examples=60)
@given(cohorts(), st.data())
def test_order_and_cuts_do_not_matter(cohort, data):
    values, group, buckets = cohort
    subjects = len(group)
    truth = sketch_of(*cohort)
    order = np.array(data.draw(st.permutations(range(subjects))), dtype=np.int64)
    cuts = sorted(data.draw(st.lists(st.integers(0, subjects), max_size=3)))
    pieces = np.split(order, cuts)
    onto = Sketches(groups=GROUPS, outputs=OUTPUTS, times=TIMES, buckets=buckets)
    for piece in pieces:
        onto.add(values[:, piece], group[piece])
    assert_same(onto, truth)
    sketches = [sketch_of(values[:, piece], group[piece], buckets) for piece in pieces]
    while len(sketches) > 1:
        left, right = data.draw(st.permutations(range(len(sketches))))[:2]
        sketches[left].merge(sketches[right])
        del sketches[right]
    assert_same(sketches[0], truth)


@settings(deadline=None, max_examples=40)
@given(cohorts())
def test_pickled_and_read_back(cohort):
    truth = sketch_of(*cohort)
    again = pickle.loads(pickle.dumps(truth))
    assert_same(again, truth)
    values, group, _ = cohort
    again.add(values, group)
    truth.add(values, group)
    assert_same(again, truth)


@settings(deadline=None, max_examples=40)
@given(cohorts())
def test_an_empty_sketch_adds_nothing(cohort):
    truth = sketch_of(*cohort)
    empty = Sketches(groups=GROUPS, outputs=OUTPUTS, times=TIMES, buckets=cohort[2])
    assert_same(sketch_of(*cohort).merge(empty), truth)
    assert_same(empty.merge(truth), truth)


@settings(deadline=None, max_examples=40)
@given(cohorts())
def test_signs_are_mirrored(cohort):
    values, group, buckets = cohort
    found = sketch_of(-values, group, buckets).quantiles([0, 0.25, 0.5, 1])
    truth = sketch_of(values, group, buckets).quantiles([0, 0.5, 0.75, 1])
    # what lies between numbers of both signs is a small difference of larger ones
    largest = np.abs(values[np.isfinite(values)]).max(initial=0.0)
    np.testing.assert_allclose(found, -truth[::-1], rtol=1e-12, atol=1e-12 * largest + 2.0**-1022)


@settings(deadline=None, max_examples=40)
@given(cohorts(), st.integers(-300, 300))
def test_powers_of_two_pass_through(cohort, power):
    """Buckets of all octaves are cut alike; numbers that keep their digits when multiplied keep their places."""
    values, group, _ = cohort
    values = np.where(np.abs(np.log2(np.abs(values) + (values == 0))) < 700, values, 1.0)
    found = sketch_of(np.ldexp(values, power), group, 200_000).quantiles([0, 0.3, 0.5, 1])
    np.testing.assert_array_equal(
        found, np.ldexp(sketch_of(values, group, 200_000).quantiles([0, 0.3, 0.5, 1]), power)
    )


def test_single_precision_is_counted_as_it_is():
    values = np.random.default_rng(2).normal(size=(OUTPUTS, 300, TIMES)).astype(np.float32)
    group = np.zeros(300, np.int64)
    assert_same(sketch_of(values, group, 4096), sketch_of(values.astype(np.float64), group, 4096))


def test_layout_in_memory_does_not_matter():
    values = np.random.default_rng(3).normal(size=(TIMES, 300, OUTPUTS))
    group = np.arange(300) % 2
    assert_same(sketch_of(values.T, group, 4096), sketch_of(np.ascontiguousarray(values.T), group, 4096))
    once = sketch_of(values.T[:, group == 0], 0, 4096)
    once.add(values.T[:, group == 1], 1)
    assert_same(once, sketch_of(values.T, group, 4096))


def test_threads_with_a_sketch_each():
    values, group = np.random.default_rng(4).lognormal(0, 2, (OUTPUTS, 4000, TIMES)), np.arange(4000) % GROUPS
    truth = sketch_of(values, group, 4096)
    spans = [slice(k, k + 250) for k in range(0, 4000, 250)]
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda span: sketch_of(values[:, span], group[span], 4096), spans))
    total = parts[7]
    for part in parts[8:] + parts[:7]:
        total.merge(part)
    assert_same(total, truth)
