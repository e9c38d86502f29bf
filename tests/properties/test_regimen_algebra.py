"""Identities every course must pass, whatever is in it."""

import json
import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doseline.dosing.regimen import Block, Dose, Regimen, regimen

quick = settings(max_examples=50, deadline=None)
"""The first example builds the parser, so no example has a deadline."""

amounts = st.sampled_from(["40 mg", "0.5 mg/kg", "7.5 mg", "1 g", "250 ug", "0.1 mg/kg", "30 mg/m2"])
rhythms = st.sampled_from(
    [
        "once daily",
        "twice daily",
        "three times daily",
        "7 times a day",
        "every 5 h",
        "every other day",
        "weekly",
    ]
)
clocks = st.sampled_from(["at 08:00", "at 20:30", "at 08:00 and 20:00", "at 00:00, 08:00 and 16:00"])
choices = st.sampled_from(["", " fed", " fasted", " with light_meal", " as lidose", " over 30 min by iv"])
spans = st.sampled_from(["for 1 day", "for 3 days", "for 2 weeks", "for 77 h", "for 100 min"])
counts = st.integers(1, 20).map("x {}".format)
items = st.builds("{} {}{}".format, amounts, rhythms, choices)
clocked = st.builds("{} {}{}".format, amounts, clocks, choices)
stages = st.one_of(
    st.builds("{} {}".format, items, st.one_of(spans, counts)),
    st.builds("{} x {}".format, clocked, st.integers(1, 9)),
    st.builds("{} and {} for {} days".format, st.one_of(items, clocked), items, st.integers(1, 9)),
    st.builds("{} once{}".format, amounts, choices),
)
pauses = st.integers(1, 50).map("nothing for {} h".format)
texts = st.lists(stages, min_size=1, max_size=3).map(", then ".join) | st.builds(
    "{}, then {}".format, pauses, stages
)
courses = texts.map(regimen)


def written_out(course):
    """Every dose with its time, in order."""
    times, kind, kinds = course.doses()
    return [(float(time), kinds[i]) for time, i in zip(times, kind, strict=True)]


def same_doses(one, other):
    """Equal doses at times equal to 1e-12: sums in another order differ in the last digit."""
    one, other = written_out(one), written_out(other)
    assert len(one) == len(other)
    np.testing.assert_allclose([t for t, _ in one], [t for t, _ in other], rtol=1e-12, atol=1e-9)
    # doses at one time have no order between them
    assert by_time(one) == by_time(other)


def by_time(doses):
    """Doses sorted by rounded time, then by what they are."""
    return sorted((round(time, 6), str(dose)) for time, dose in doses)


@quick
@given(courses)
def test_times_ascend_and_lie_inside_the_course(course):
    times, kind, kinds = course.doses()
    assert (np.diff(times) >= 0).all()
    assert times[0] >= 0
    assert times[-1] <= course.length
    assert len(times) == course.count
    assert kind.dtype == np.int64
    assert sorted(set(kind.tolist())) == list(range(len(kinds)))


@quick
@given(courses, courses)
def test_then_is_one_after_the_other(one, other):
    together = one.then(other)
    expected = written_out(one) + [(one.length + time, dose) for time, dose in written_out(other)]
    assert by_time(written_out(together)) == by_time(expected)
    assert together.length == one.length + other.length


@quick
@given(courses, courses, courses)
def test_then_is_associative(one, other, third):
    same_doses(one.then(other).then(third), one.then(other.then(third)))


@quick
@given(courses, courses)
def test_plus_is_both_in_any_order(one, other):
    assert one + other == other + one
    assert hash(one + other) == hash(other + one)
    assert by_time(written_out(one + other)) == by_time(written_out(one) + written_out(other))
    assert (one + other).length == max(one.length, other.length)


@quick
@given(courses, courses, courses)
def test_plus_is_associative(one, other, third):
    assert (one + other) + third == one + (other + third)


@quick
@given(courses, st.integers(1, 5))
def test_repeat_is_written_out(course, n):
    chain = course
    for _ in range(n - 1):
        chain = chain.then(course)
    same_doses(course.repeat(n), chain)
    assert course.repeat(n).length == pytest.approx(chain.length, rel=1e-12)


@quick
@given(courses, st.integers(0, 100), st.integers(0, 100))
def test_delays_add_up(course, first, second):
    same_doses(course.delayed(first).delayed(second), course.delayed(first + second))
    times, _, _ = course.doses()
    np.testing.assert_allclose(course.delayed(first).doses()[0], times + first, rtol=1e-12)


@quick
@given(courses)
def test_nothing_done_changes_nothing(course):
    assert course.delayed(0) == course
    assert course.repeat(1) == course
    assert course.with_() == course


@quick
@given(courses)
def test_with_is_done_once(course):
    filled = course.with_(meal="fed", route="iv")
    assert filled.with_(meal="fasted", route="oral") == filled


@quick
@given(st.permutations(["40 mg at 08:00 fed", "20 mg at 20:00", "10 mg every 5 h", "5 mg/kg every 5 h"]))
def test_order_of_entry_is_irrelevant(parts):
    written = regimen(
        "40 mg at 08:00 fed and 20 mg at 20:00 and 10 mg every 5 h and 5 mg/kg every 5 h for 9 days"
    )
    assert regimen(" and ".join(parts) + " for 9 days") == written


@quick
@given(courses)
def test_plain_form_round_trip_is_exact(course):
    again = Regimen.from_dict(json.loads(json.dumps(course.to_dict())))
    assert again == course
    assert again.text == course.text
    assert pickle.loads(pickle.dumps(course)) == course


@quick
@given(texts)
def test_text_parses_again_to_the_same(text):
    course = regimen(text)
    assert regimen(course.text) == course


@quick
@given(courses, courses, st.integers(1, 4), st.sampled_from([5.0, 12.0, 0.1]))
def test_text_of_the_algebra_parses_to_the_same(one, other, n, hours):
    built = (one.then(other).repeat(n) + other).delayed(hours).with_(meal="fed", formulation="lidose")
    assert regimen(built.text) == built


@quick
@given(courses)
def test_text_made_from_blocks_parses_to_the_same_doses(course):
    same_doses(regimen(Regimen(course.blocks, course.length).text), course)


@quick
@given(
    st.lists(st.integers(1, 400), min_size=1, max_size=3),
    st.integers(0, 30),
    st.integers(1, 2000),
)
def test_target_of_the_same_kind_against_counting(tenths, days, target):
    """Truth: adding exact fractions one dose at a time."""
    pattern = " and ".join(f"{amount / 10} mg/kg at {8 + i:02}:00" for i, amount in enumerate(tenths))
    before = Fraction(days * 3, 10)
    if before >= target:
        target += days
    given_so_far, count = before, 0
    while given_so_far < target:
        given_so_far += Fraction(tenths[count % len(tenths)], 10)
        count += 1
    start = f"0.3 mg/kg once daily for {days} days, then " if days else ""
    assert regimen(f"{start}{pattern} until {target} mg/kg").count == days + count


@quick
@given(
    st.lists(st.sampled_from([Dose(20), Dose(7.5), Dose(0.3, per="WT")]), min_size=1, max_size=3),
    st.integers(1, 60),
    # 60 mg/kg at 240 kg are 1,920 doses of 7.5 mg; more than 2,000 days are refused
    st.lists(st.floats(2, 240), min_size=1, max_size=4),
)
def test_target_of_another_kind_against_counting(pattern, target, weights):
    """Truth: one dose at a time for each subject; the slack of 1e-9 is the documented one."""
    written = " and ".join(f"{dose} at {8 + i:02}:00" for i, dose in enumerate(pattern))
    course = regimen(f"10 mg once daily x 5, then {written} until {target} mg/kg")
    times, kind, kinds = course.doses()
    amount = [[kinds[i].amount * (weight if kinds[i].per else 1.0) for i in kind] for weight in weights]
    counted, totals = [], []
    for weight, doses in zip(weights, amount, strict=True):
        count = 5
        while count < len(times) and math.fsum(doses[:count]) < target * weight * (1 - 1e-9):
            count += 1
        counted.append(count)
        totals.append(math.fsum(doses[:count]))
    assert course.doses_taken(WT=weights).tolist() == counted
    np.testing.assert_allclose(course.total(WT=weights), totals, rtol=1e-12)


@quick
@given(courses, st.floats(1, 300), st.floats(0.2, 3))
def test_total_is_the_last_of_the_cumulative_column(course, weight, surface):
    total = course.total(WT=[weight], BSA=surface)
    assert total.shape == (1,)
    last = course.preview(WT=weight, BSA=surface)["cumulative (mg)"].iloc[-1]
    assert total[0] == pytest.approx(last, rel=1e-12)


def test_a_million_doses():
    """Truth: the one-line formula; a loop over the doses would take seconds."""
    times, kind, kinds = Regimen((Block(3.0, ((0.0, Dose(1)),), 0.7, 1_000_000),), 1e6).doses()
    np.testing.assert_array_equal(times, 3.0 + np.arange(1_000_000) * 0.7)
    assert kinds == (Dose(1),)
    assert not kind.any()
