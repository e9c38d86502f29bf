"""What people make of their doses, against closed forms.

Truth: binomial and two-state Markov distributions, their mixtures integrated by scipy, and walks in plain Python. Seeds
are fixed. Each statistical comparison would fail once in a million seeds if the code were right (`RARE`).
"""

import numpy as np
import pytest
from scipy import integrate, linalg, stats

from doseline.dosing.adherence import adherence
from doseline.dosing.habits import days_of
from doseline.streams import Streams

RARE = 1e-6
MANY = np.arange(1, 20_001, dtype=np.uint64)
TWICE_DAILY = np.arange(50) * 12.0
SPELLS = {"good": 1, "bad": 0, "good_lasts": "14 days", "bad_lasts": "3 days"}


def draw(time=TWICE_DAILY, people=MANY, seed=1, **habits):
    return adherence(**habits).draw(Streams(seed), people, np.asarray(time, dtype=float))


def agrees_with(probability, seen):
    """Independent true and false values, one probability for all: the exact binomial test."""
    return stats.binomtest(int(np.sum(seen)), np.size(seen), probability).pvalue > RARE


def counted_as(probabilities, values):
    """Whole numbers 0, 1, 2, ... with these probabilities: chi-square, cells below 5 expected joined with the next."""
    expected = np.asarray(probabilities) * len(values)
    found = np.bincount(values, minlength=len(expected))
    cell = np.minimum(np.cumsum(expected) // 5.0, np.sum(expected) // 5.0 - 1)
    _, which = np.unique(cell, return_inverse=True)
    joined = np.bincount(which, expected)
    return stats.chisquare(np.bincount(which, found), joined * (len(values) / joined.sum())).pvalue > RARE


# -- taken


def test_counts_of_doses_are_binomial():
    taken = draw(taken=0.8).taken
    assert taken.dtype == np.bool_
    assert agrees_with(0.8, taken)
    assert counted_as(stats.binom.pmf(np.arange(51), 50, 0.8), taken.sum(axis=1))


def test_doses_follow_independently():
    taken = draw(taken="30 %").taken
    assert agrees_with(0.09, taken[:, 0::2] & taken[:, 1::2])
    assert agrees_with(0.09, taken[0::2] & taken[1::2])


def test_mornings_end_at_noon():
    """0 and 1 leave nothing to chance; at noon a time that rounding has made earlier is not before noon."""
    time = np.array([0.0, 8.0, 11.99, 12.0 - 1e-12, 12.0, 20.0, 24.0 - 1e-12, 24.0, 36.0, 44.0, 8400.0 + 8.0])
    morning = [True, True, True, False, False, False, True, True, False, False, True]
    assert draw(time, taken={"morning": 1, "evening": 0}).taken.tolist() == [morning] * len(MANY)
    evening = draw(time, taken={"morning": 0, "evening": "100 %"}).taken
    assert (evening == ~np.array(morning)).all()


def test_mornings_and_evenings_have_their_own_probability():
    taken = draw(taken={"morning": 0.95, "evening": 0.8}).taken
    assert agrees_with(0.95, taken[:, 0::2])
    assert agrees_with(0.8, taken[:, 1::2])


def mixed(low, high, doses):
    """P(k doses), where the probability of each differs between people and is uniform on low..high."""
    return [
        integrate.quad(lambda p, k=k: stats.binom.pmf(k, doses, p), low, high)[0] / (high - low)
        for k in range(doses + 1)
    ]


def test_each_has_a_probability_of_their_own():
    taken = draw(taken="uniform(0.6, 1)").taken
    assert counted_as(mixed(0.6, 1.0, 50), taken.sum(axis=1))


def test_two_kinds_of_people():
    """A tenth takes nothing, the others everything."""
    count = draw(taken="0: 0.1, 1: 0.9").taken.sum(axis=1)
    assert set(count.tolist()) == {0, 50}
    assert agrees_with(0.1, count == 0)


# -- spells


IRREGULAR = np.array([0.0, 0.0, 5.0, 12.0, 100.0, 101.0, 500.0, 2000.0])


def test_change_is_the_exponential_of_the_generator():
    """Truth: expm of the generator of the chain; absolute, as probabilities are of the size of 1."""
    spells = adherence(spells=SPELLS).spells
    good, bad = 1.0 / 336.0, 1.0 / 72.0
    for at, width in enumerate(np.diff(IRREGULAR), start=1):
        exact = linalg.expm(np.array([[-bad, bad], [good, -good]]) * width)
        leaving = spells.change(IRREGULAR)[at]
        np.testing.assert_allclose(leaving, [exact[0, 1], exact[1, 0]], rtol=0, atol=1e-14)


def test_spells_are_settled_from_the_first_dose_on():
    """In the long run 14 of 17 days are good, and they are from the beginning, however the doses are spaced."""
    good = draw(IRREGULAR, spells=SPELLS).taken
    for dose in range(len(IRREGULAR)):
        assert agrees_with(14 / 17, good[:, dose])


def test_spells_are_remembered():
    """P(good now and after t) = p**2 + p (1 - p) exp(-(1/g + 1/b) t)."""
    good, share = draw(IRREGULAR, spells=SPELLS).taken, 14 / 17
    for one in range(len(IRREGULAR)):
        for other in range(one):
            memory = np.exp(-(1 / 336 + 1 / 72) * (IRREGULAR[one] - IRREGULAR[other]))
            assert agrees_with(share**2 + share * (1 - share) * memory, good[:, one] & good[:, other])


def test_doses_in_good_and_bad_spells():
    taken = draw(IRREGULAR, spells={**SPELLS, "good": 0.95, "bad": "30 %"}).taken
    assert agrees_with(14 / 17 * 0.95 + 3 / 17 * 0.3, taken[:, 4])


def test_lengths_of_spells():
    """Minute by minute, good spells that have ended are exponential with their mean; found to within a minute."""
    minutes = np.arange(0, 400 * 60) / 60
    people = np.arange(1, 41, dtype=np.uint64)
    good = draw(minutes, people, spells={**SPELLS, "good_lasts": "5 h", "bad_lasts": "2 h"}).taken
    first_end = []
    for row in good:
        begins = np.flatnonzero(~row[:-1] & row[1:]) + 1
        ends = np.flatnonzero(row[:-1] & ~row[1:]) + 1
        # those that begin in the first 300 h: all of them end before 400 h but for exp(-20)
        for begin in begins[begins < 300 * 60]:
            first_end.append((ends[ends > begin][0] - begin) / 60)
    assert len(first_end) > 1000
    assert stats.kstest(first_end, stats.expon(scale=5).cdf).pvalue > RARE


def test_walk_through_spells_against_plain_python():
    """The same uniform numbers, one person after another."""
    habits = adherence(spells={**SPELLS, "good": 0.9, "bad": 0.2, "good_lasts": "30 h", "bad_lasts": "20 h"})
    people, streams = MANY[:200], Streams(5)
    taken = habits.draw(streams, people, IRREGULAR).taken
    dose = np.arange(len(IRREGULAR))
    spell = streams.uniform("spell", people, occasion=dose)
    chance = streams.uniform("taken", people, occasion=dose)
    for i in range(len(people)):
        good = spell[i, 0] < 30 / 50
        for d in dose:
            if d > 0:
                settled = 1 - np.exp(-(IRREGULAR[d] - IRREGULAR[d - 1]) * (1 / 30 + 1 / 20))
                turns = spell[i, d] < settled * (20 / 50 if good else 30 / 50)
                good = good != turns
            assert taken[i, d] == (chance[i, d] < (0.9 if good else 0.2))


# -- holidays


def test_share_of_days_on_holiday():
    """Nobody is away on day d who began none on it or the days - 1 before: (1 - p)**min(d + 1, days)."""
    taken = draw(np.arange(40) * 24.0, holidays={"per_year": 30, "days": 3}).taken
    for day in (0, 1, 2, 3, 39):
        assert agrees_with((1 - 30 / 365.25) ** min(day + 1, 3), taken[:, day])


def test_holidays_against_plain_python():
    """Doses of one day share their fate; a dose is left out where a holiday began on its day or one of the 4 before."""
    time = np.array([1.0, 8.0, 20.0, 24.0, 47.9, 100.0, 100.5, 240.0, 263.0, 24.0 * 300])
    habits, people, streams = adherence(holidays={"per_year": 60, "days": "5 days"}), MANY[:500], Streams(6)
    taken = habits.draw(streams, people, time).taken
    begins = streams.uniform("holiday", people, occasion=np.arange(301)) < 60 / 365.25
    for dose, hour in enumerate(time):
        day = int(hour // 24)
        assert (taken[:, dose] == ~begins[:, max(0, day - 4) : day + 1].any(axis=1)).all()


def test_the_ends_of_holidays():
    assert draw(holidays={"per_year": 0, "days": 3}).taken.all()
    assert not draw(holidays={"per_year": 365.25, "days": 1}).taken.any()
    long = draw(np.arange(400) * 24.0, MANY[:200], holidays={"per_year": 1, "days": 366}).taken
    assert (np.diff(long[:, :366].astype(int), axis=1) <= 0).all()


def test_a_holiday_takes_away_and_adds_nothing():
    without = draw(taken=0.8).taken
    taken = draw(taken=0.8, holidays={"per_year": 30, "days": 2}).taken
    days = draw(holidays={"per_year": 30, "days": 2}).taken
    assert (taken == (without & days)).all()


def test_days_begin_at_midnight_but_for_rounding():
    assert days_of(np.array([0.0, 23.9, 24.0 - 1e-12, 24.0, 48.0, 24 * 1e5 - 1e-8])).tolist() == [
        0, 0, 1, 1, 2, 100_000,
    ]  # fmt: skip


# -- late


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("normal(0 h, 1 h)", stats.norm(0, 1)),
        ("normal(0 h, 60 min) within -2..4", stats.truncnorm(-2, 4)),
        ("exponential(1 h) within 0..6 h", stats.truncexpon(6)),
        ("uniform(-1 h, 3 h)", stats.uniform(-1, 4)),
    ],
)
def test_how_late(text, truth):
    shift = draw(TWICE_DAILY + 12.0, late=text).shift
    assert shift.shape == (len(MANY), 50)
    assert shift.dtype == np.float64
    assert stats.kstest(shift[:, 7], truth.cdf).pvalue > RARE
    assert stats.kstest(shift[3], truth.cdf).pvalue > RARE
    # two doses: independent, so their rank correlation is 0
    assert stats.spearmanr(shift[:, 0], shift[:, 1]).pvalue > RARE


def test_nothing_is_taken_before_time_zero():
    """The first dose would be early for half of all people: they take it at time zero."""
    time = np.array([0.0, 1.0, 12.0])
    shift = draw(time, late="normal(0 h, 1 h)").shift
    assert (time + shift >= 0).all()
    assert agrees_with(0.5, shift[:, 0] == 0.0)
    assert agrees_with(stats.norm.cdf(-1), shift[:, 1] == -1.0)
    assert stats.kstest(shift[:, 2], "norm").pvalue > RARE


# -- meals


def test_meals_of_doses():
    meal = draw(meals={"snack": 0.2, "fed": 0.5, "fasted": 0.3}).meal
    assert meal.dtype == np.int8
    names = adherence(meals={"snack": 0.2, "fed": 0.5, "fasted": 0.3}).meal_names
    assert names == ("fasted", "fed", "snack")
    for at, share in enumerate([0.3, 0.5, 0.2]):
        assert agrees_with(share, meal == at)
    assert agrees_with(0.25, (meal[:, 0::2] == 1) & (meal[:, 1::2] == 1))


def test_meals_of_days():
    """Twice daily: both doses of a day alike, days independent."""
    meal = draw(meals={"fed": 0.7, "fasted": 0.3}, meals_by="day").meal
    assert (meal[:, 0::2] == meal[:, 1::2]).all()
    assert counted_as(stats.binom.pmf(np.arange(26), 25, 0.7), meal[:, 0::2].sum(axis=1))


@pytest.mark.parametrize(
    "meals", [{"fed": "uniform(0.4, 1)", "fasted": "rest"}, {"fed": "rest", "low": "uniform(0, 0.6)"}]
)
def test_habits_of_meals(meals):
    """Each has a share of fed doses of their own, uniform on 0.4..1."""
    fed = draw(meals=meals).meal == sorted(meals).index("fed")
    assert counted_as(mixed(0.4, 1.0, 50), fed.sum(axis=1))


def test_the_rest():
    """The rest may stand anywhere, and be nothing."""
    same = [
        draw(meals={"a": 0.25, "b": 0.25, "c": 0.5}).meal,
        draw(meals={"a": "rest", "b": 0.25, "c": 0.5}).meal,
        draw(meals={"a": 0.25, "b": "rest", "c": 0.5}).meal,
        draw(meals={"a": 0.25, "b": 0.25, "c": "rest"}).meal,
    ]
    assert all((meal == same[0]).all() for meal in same)
    assert set(np.unique(draw(meals={"a": 0.4, "b": "rest", "c": 0.6}).meal)) == {0, 2}
    assert (draw(meals={"fed": 1}).meal == 0).all()


def test_the_last_meal_takes_what_rounding_leaves():
    """Probabilities may miss 1 by 1e-9: the highest number below 1 still has a meal."""
    meals = adherence(meals={"a": 0.5, "b": 0.5 - 1e-10}).meals
    assert meals.chosen(np.array([[0.0, 0.6, 1 - 2**-53]]), habit=None).tolist() == [[0, 1, 1]]


# -- together


def test_what_is_drawn_is_independent():
    """Taken, early, fed: each pair of them in a table of four."""
    taken, shift, meal = draw(taken=0.7, late="normal(0 h, 1 h)", meals={"fed": 0.6, "fasted": 0.4})
    seen = [taken[:, 9], shift[:, 9] < 0, meal[:, 9] == 1]
    for one in range(3):
        for other in range(one):
            table = np.array(
                [[np.sum((seen[one] == a) & (seen[other] == b)) for a in (0, 1)] for b in (0, 1)]
            )
            assert stats.chi2_contingency(table).pvalue > RARE


def test_nothing_said_is_as_prescribed():
    taken, shift, meal = draw()
    assert taken.all()
    assert not shift.any()
    assert (meal == -1).all()
