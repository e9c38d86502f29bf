"""What must leave a draw as it is: other people, their order, doses that come later, other habits, threads.

All comparisons are of bits.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doseline.dosing.adherence import adherence
from doseline.dosing.regimen import regimen
from doseline.streams import Streams

SPELLS = {"good": 0.95, "bad": 0.3, "good_lasts": "14 days", "bad_lasts": "3 days"}
HABITS = {
    "probability": {"taken": 0.8},
    "mornings": {"taken": {"morning": 0.95, "evening": 0.8}},
    "own probability": {"taken": "uniform(0.6, 1)"},
    "spells": {"spells": SPELLS},
    "holidays": {"holidays": {"per_year": 30, "days": 3}},
    "late": {"late": "normal(0 h, 1 h) within -2..4"},
    "meals": {"meals": {"fed": 0.7, "fasted": 0.3}},
    "own meals": {"meals": {"fed": "uniform(0.4, 1)", "fasted": "rest"}},
    "meals of days": {"meals": {"fed": "uniform(0.4, 1)", "fasted": "rest"}, "meals_by": "day"},
    "everything": {
        "spells": SPELLS,
        "holidays": {"per_year": 30, "days": 3},
        "late": "exponential(1 h) within 0..6 h",
        "meals": {"fed": 0.7, "fasted": 0.3},
    },
}
every_habit = pytest.mark.parametrize("habits", HABITS.values(), ids=HABITS)
PEOPLE = np.arange(1, 301, dtype=np.uint64)
TIME = regimen("40 mg at 08:00 and 20:00 for 4 weeks").doses()[0]


def draw(habits, people=PEOPLE, time=TIME, streams=None):
    return adherence(**habits).draw(streams or Streams(7), people, time)


def equal(one, other):
    return all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in zip(one, other, strict=True))


@every_habit
def test_shapes_and_types(habits):
    taken, shift, meal = draw(habits)
    assert taken.shape == shift.shape == meal.shape == (300, 56)
    assert (taken.dtype, shift.dtype, meal.dtype) == (np.bool_, np.float64, np.int8)
    assert (meal == -1).all() or ((meal >= 0) & (meal < 2)).all()


@every_habit
def test_the_same_again(habits):
    assert equal(draw(habits), draw(habits))


@every_habit
def test_a_longer_course_begins_with_the_same_doses(habits):
    longer = regimen("40 mg at 08:00 and 20:00 for 20 weeks").doses()[0]
    assert equal(draw(habits), [each[:, :56] for each in draw(habits, time=longer)])


@every_habit
def test_fewer_people_are_the_same_people(habits):
    assert equal(draw(habits, people=PEOPLE[:10]), [each[:10] for each in draw(habits)])


@every_habit
def test_the_order_of_people_does_not_matter(habits):
    order = np.random.default_rng(1).permutation(len(PEOPLE))
    assert equal(draw(habits, people=PEOPLE[order]), [each[order] for each in draw(habits)])


@every_habit
def test_seeds_and_replicates_differ(habits):
    draws = [draw(habits, streams=Streams(*key)) for key in ((7, 0), (8, 0), (7, 1))]
    for one in range(3):
        for other in range(one):
            assert not equal(draws[one], draws[other])


@every_habit
def test_sobol_sequences_are_for_people_not_for_doses(habits):
    assert equal(draw(habits), draw(habits, streams=Streams(7, sobol=True)))


@every_habit
def test_threads_change_nothing(habits):
    with ThreadPoolExecutor(4) as pool:
        draws = list(pool.map(lambda _: draw(habits), range(8)))
    assert all(equal(each, draws[0]) for each in draws)


def test_other_habits_change_nothing():
    """Each part of "everything" is what it is alone; holidays only take away."""
    everything, spells = draw(HABITS["everything"]), draw(HABITS["spells"])
    holidays, late = draw(HABITS["holidays"]), draw({"late": HABITS["everything"]["late"]})
    assert equal(everything, (spells.taken & holidays.taken, late.shift, draw(HABITS["meals"]).meal))


def test_the_order_of_meals_leaves_no_trace():
    turned = {"meals": {"fasted": 0.3, "fed": 0.7}}
    assert adherence(**turned) == adherence(**HABITS["meals"])
    assert equal(draw(turned), draw(HABITS["meals"]))


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 1), st.floats(0, 1))
def test_who_is_more_likely_to_take_a_dose_takes_at_least_the_same(one, other):
    """So that two probabilities with one seed differ by what they do, not by chance."""
    fewer, more = sorted((one, other))
    assert not (draw({"taken": fewer}).taken & ~draw({"taken": more}).taken).any()


@pytest.mark.parametrize("habits", [HABITS["holidays"], HABITS["meals of days"]], ids=["holidays", "meals"])
def test_days_are_those_of_the_person(habits):
    """Whoever takes a dose at noon and one who takes two have the same holidays, and the same meals by day."""
    noon = draw(habits, time=np.arange(28) * 24.0 + 12.0)
    twice = draw(habits)
    assert equal(noon, [each[:, 0::2] for each in twice])
    assert equal(noon, [each[:, 1::2] for each in twice])


def test_doses_at_one_time_lie_in_one_spell():
    time = np.repeat(np.arange(20) * 12.0, 2)
    taken = draw({"spells": {**SPELLS, "good": 1, "bad": 0}}, time=time).taken
    assert (taken[:, 0::2] == taken[:, 1::2]).all()
    assert not taken.all()
