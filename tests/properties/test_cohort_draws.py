"""What must not move a drawn cohort: more subjects, other covariates, their order, rules that somebody passes.

Truth: the arguments differ in what may not matter, so every bit has to be the same.
"""

import numpy as np
import pytest

from doseline.population.cohort import cohort

SOME = {
    "WT": "normal(70 kg, 14 kg) within 40..120",
    "SEX": "F: 0.5, M: 0.5",
    "ALB": "lognormal(40 g/L, 10 %)",
}
TABLE = {"CRCL": [60.0, 80.0, 100.0], "SITE": ["a", "b", "c"]}


def same(one, other, *names, rows=slice(None)):
    for name in names or one.covariates:
        np.testing.assert_array_equal(one.covariates[name], other.covariates[name][rows])


@pytest.mark.parametrize("draws", ["random", "sobol"])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"correlations": {("WT", "ALB"): 0.5}},
        {"include": ["WT < 90", "SEX == F"]},
        {"bootstrap": TABLE},
        {"AGE": "uniform(2, 40 year)", "body": "CDC 2000", "drop": "WT"},
    ],
    ids=["plain", "correlations", "include", "bootstrap", "body"],
)
def test_the_first_hundred_of_a_thousand(more, draws):
    given = {name: text for name, text in SOME.items() if name != more.get("drop")}
    given |= {name: value for name, value in more.items() if name != "drop"}
    few, many = cohort(100, seed=7, draws=draws, **given), cohort(1000, seed=7, draws=draws, **given)
    same(few, many, rows=slice(0, 100))
    np.testing.assert_array_equal(few.subject, np.arange(1, 101))


@pytest.mark.parametrize("draws", ["random", "sobol"])
def test_other_covariates_and_their_order(draws):
    alone = cohort(500, seed=7, draws=draws, WT=SOME["WT"])
    same(alone, cohort(500, seed=7, draws=draws, **SOME))
    turned = dict(reversed(SOME.items()))
    same(cohort(500, seed=7, draws=draws, **SOME), cohort(500, seed=7, draws=draws, **turned))
    more = cohort(500, seed=7, draws=draws, HT=[170] * 500, bootstrap=TABLE, **SOME)
    same(alone, more)
    assert list(more.covariates) == ["HT", *SOME, *TABLE]


def test_the_order_of_correlations():
    """Truth: the factor is of names in the order of the alphabet."""
    drawn = {**SOME, "HT": "normal(170 cm, 10 cm)"}
    pairs = {("WT", "HT"): 0.6, ("ALB", "WT"): -0.2}
    one = cohort(500, seed=7, correlations=pairs, **drawn)
    turned = {(second, first): value for (first, second), value in reversed(pairs.items())}
    same(one, cohort(500, seed=7, correlations=turned, **dict(reversed(drawn.items()))))
    same(one, cohort(500, seed=7, **SOME), "SEX")
    # with no correlation at all it is the same as without
    same(
        cohort(500, seed=7, correlations={("WT", "HT"): 0.0}, **drawn),
        cohort(500, seed=7, **drawn),
        "SEX",
        "ALB",
    )


def test_a_body_is_drawn_apart_from_the_rest():
    given = dict(SEX=SOME["SEX"], AGE="uniform(12, 50 year)", body="CDC 2000")
    same(cohort(300, seed=7, **given), cohort(300, seed=7, ALB=SOME["ALB"], **given))


def test_rules_keep_those_who_pass():
    """Truth: whoever passes at the first attempt is not drawn again."""
    free, ruled = cohort(1000, seed=7, **SOME), cohort(1000, seed=7, include="WT < 75", **SOME)
    light = free.covariates["WT"] < 75
    assert 0 < light.sum() < 1000
    for name in SOME:
        np.testing.assert_array_equal(ruled.covariates[name][light], free.covariates[name][light])
    assert (ruled.covariates["WT"] < 75).all()


def test_two_rules_are_one_after_the_other_in_any_order():
    rules = ["WT < 75", "SEX == F"]
    one, other = (cohort(1000, seed=7, include=each, **SOME) for each in (rules, rules[::-1]))
    same(one, other)
    assert one.rejected.rules == other.rejected.rules


def test_who_is_who_decides_and_not_where():
    """Truth: draws are found by the number of a subject; that of a text by its letters."""
    ids = ["anna", "ben", "carla", "dora"]
    one = cohort(subject=ids, seed=7, **SOME)
    other = cohort(subject=ids[::-1], seed=7, **SOME)
    for name in SOME:
        np.testing.assert_array_equal(one.covariates[name], other.covariates[name][::-1])
    first = cohort(100, seed=7, **SOME)
    same(cohort(subject=[40, 7], seed=7, **SOME), first, rows=[39, 6])
    same(cohort(subject=[40.0, 7.0], seed=7, **SOME), first, rows=[39, 6])


@pytest.mark.parametrize("change", [{"seed": 8}, {"draws": "sobol"}])
def test_what_does_change_everything(change):
    one, other = cohort(200, **{"seed": 7, **SOME}), cohort(200, **{"seed": 7, **SOME, **change})
    assert (one.covariates["WT"] != other.covariates["WT"]).all()


def test_constants_and_drawn_covariates_stand_side_by_side():
    people = cohort({"ID": ["a", "b"], "WT": [50, 60]}, seed=7, AGE="uniform(18, 40 year)", SEX="F")
    assert people.covariates["WT"].tolist() == [50, 60]
    assert people.covariates["SEX"].tolist() == ["F", "F"]
    assert ((people.covariates["AGE"] > 18) & (people.covariates["AGE"] < 40)).all()
