"""Populations that cannot be: every argument that is random or makes people, and in which words it is refused.

Truth: messages name the argument or the section, what was found, and what to write instead, in the words of the field.
"""

import math
import warnings

import numpy as np
import pandas as pd
import pytest

import doseline as dl
from doseline.errors import InputError, ModelError, UnitError
from doseline.model.read import read_model

NAN = math.nan
BASE = dl.load_model("one-compartment-oral")
MODEL = BASE.edit(variability={"CL": "30 %", "V": "20 %"}, residual={"plasma": "15 %"})
VISITED = BASE.edit(occasions={"CL": ("20 %", "visit")})
LISTED = dl.cohort(WT=[60, 70])
DRAWN = dl.cohort(5, seed=7, WT="normal(70 kg, 14 kg) within 40..120")
COURSE = "20 mg twice daily for 2 days"
FROM = {"source": "a trial", "status": "D"}
SEED = "give a whole number from 0 on, such as 7: the same one gives the same draws"
UNSEEDED = "there is no seed\n  add seed=7, or draw the cohort with one: dl.cohort(1000, seed=7)"
STEP = "give a step such as '4 weeks', or an array of hours"


def simulate(model=MODEL, people=DRAWN, course=COURSE, **more):
    return dl.simulate(model, course, people, times="6 h", **more)


def refused(act, kind, message):
    with pytest.raises(kind) as caught:
        act()
    assert str(caught.value) == message


# ------------------------------------------------------------------ spreads of a model

SPREADS = {
    "a covariance too large for its variances": (
        dict(
            variability={"CL": FROM, "V": FROM},
            blocks={"disposition": {"effects": ["CL", "V"], "omega2": [[0.09], [0.2, 0.04]], **FROM}},
        ),
        "[blocks.disposition]: omega2: not positive definite: the covariance 0.2 of CL and V is a correlation of 3.33\n"
        "  the nearest that is: [[0.09], [0.05999, 0.04]]",
    ),
    "correlations that contradict each other": (
        dict(
            variability={"CL": "30 %", "V": "20 %", "KA": "40 %"},
            blocks={
                "disposition": {
                    "effects": ["CL", "V", "KA"],
                    "correlations": [[1], [0.9, 1], [0.9, -0.9, 1]],
                    **FROM,
                }
            },
        ),
        "[blocks.disposition]: correlations: not positive definite: an eigenvalue of the correlations is -0.8\n"
        "  the nearest that is: [[1], [0.4999, 1], [0.4999, -0.4999, 1]]",
    ),
    "a correlation above 1": (
        dict(
            variability={"CL": "30 %", "V": "20 %"},
            blocks={"disposition": {"effects": ["CL", "V"], "correlations": [[1], [1.5, 1]], **FROM}},
        ),
        "[blocks.disposition]: correlations: the correlation of CL and V is 1.5\n  expected a number from -1 to 1",
    ),
    "a CV above 500 %": (
        dict(variability={"CL": "501 %"}),
        "[variability.CL]: cv: found '501 %'\n  expected at most 500 %",
    ),
    "a CV without percent": (
        dict(variability={"CL": 0.3}),
        '[variability.CL]: found 0.3\n  expected variability={"CL": "30 %"}, or a table of its keys',
    ),
    "a spread of occasions that names none": (
        dict(occasions={"F": "20 %"}),
        '[occasions.F]: found \'20 %\'\n  expected occasions={"F": ("20 %", "dose")}, or a table of its keys',
    ),
    "a residual error above 500 %": (
        dict(residual={"plasma": "600 %"}),
        "[residual.plasma]: cv: found '600 %'\n  expected at most 500 %",
    ),
}


@pytest.mark.parametrize("mistake", SPREADS)
def test_a_spread_that_cannot_be(mistake):
    sections, message = SPREADS[mistake]
    refused(lambda: BASE.edit(**sections), ModelError, f"one-compartment-oral.edit(...) {message}")


def test_the_largest_spread_is_none_too_large():
    assert BASE.edit(variability={"CL": "500 %"}).variability["CL"].cv == "500 %"


# ------------------------------------------------------------------ people

WEIGHTS = "normal(70 kg, 14 kg) within 40..120"
PEOPLE = {
    "bounds far from the mean": (
        dict(WT="normal(70 kg, 1 kg) within 200..300"), InputError,
        "cohort WT: 'within 200..300' leaves nothing of 'normal(70 kg, 1 kg)'\n"
        "  widen the bounds: they have to leave a probability of at least 1e-12"),
    "bounds beside a uniform": (
        dict(WT="uniform(50 kg, 60 kg) within 70..80"), InputError,
        "cohort WT: 'within 70..80' leaves nothing of 'uniform(50 kg, 60 kg)'\n"
        "  widen the bounds: they have to leave a probability of at least 1e-12"),
    "bounds the wrong way round": (
        dict(WT="normal(70 kg, 14 kg) within 120..40"), InputError,
        "cohort WT: found 'within 120..40'\n  the first bound has to be below the second"),
    "bounds beside all values": (
        dict(DOSES="1: 0.5, 2: 0.5 within 3..4"), InputError,
        "cohort DOSES: 'within 3..4' leaves no value of '1: 0.5, 2: 0.5'\n  widen the bounds"),
    "weights below zero": (
        dict(WT="normal(70 kg, 40 kg)"), InputError,
        "cohort WT: 'normal(70 kg, 40 kg)' has 4 % of its values at or below 0\n"
        "  they have to be above: add bounds, such as 'within 40..120'"),
    "probabilities above 1": (
        dict(SEX="F: 0.5, M: 0.6"), InputError,
        "cohort SEX: the probabilities of 'F: 0.5, M: 0.6' add up to 1.1\n  they have to add up to 1"),
    "a correlation above 1": (
        dict(WT=WEIGHTS, HT="normal(170 cm, 10 cm)", correlations={("WT", "HT"): 1.2}), InputError,
        "cohort correlations: found 1.2 for HT and WT\n  expected a number from -1 to 1"),
    "a correlation that is no number": (
        dict(WT=WEIGHTS, HT="normal(170 cm, 10 cm)", correlations={("WT", "HT"): NAN}), InputError,
        "cohort correlations: found nan for HT and WT\n  expected a number from -1 to 1"),
    "correlations that contradict each other": (
        dict(WT=WEIGHTS, HT="normal(170 cm, 10 cm)", AGE="uniform(18, 50 year)",
             correlations={("WT", "HT"): 0.9, ("WT", "AGE"): 0.9, ("HT", "AGE"): -0.9}), InputError,
        "cohort correlations: no people can have these correlations: "
        "HT and WT 0.9, AGE and WT 0.9, AGE and HT -0.9\n"
        "  pairs that are left out count as 0: give those too, or smaller numbers"),
    "a rule that nobody meets": (
        dict(WT=WEIGHTS, AGE="uniform(18, 50 year)", include=["WT > 130", "AGE > 20"]), InputError,
        "cohort include: 0 of 10 subjects are kept after 1000 attempts each: 'WT > 130' rejects 100 %\n"
        "  give distributions that are nearer to the rules, or wider rules"),
    "a rule over a covariate that is not there": (
        dict(WT=WEIGHTS, include="wt > 50"), InputError,
        "cohort include: 'wt > 50' has the unknown name 'wt'\n  did you mean 'WT'? known here: WT"),
    "no seed": (
        dict(WT=WEIGHTS, seed=None), InputError,
        "cohort: covariates are drawn, and there is no seed\n"
        "  give one, such as seed=7: the same one gives the same people"),
    "a seed with a point": (
        dict(WT=WEIGHTS, seed=7.0), InputError, f"cohort seed: found 7.0 (float)\n  {SEED}"),
    "a seed in quotes": (
        dict(WT=WEIGHTS, seed="7"), InputError, f"cohort seed: found '7' (str)\n  {SEED}"),
    "a gap in a table to draw from": (
        dict(bootstrap=pd.DataFrame({"WT": [60, 70, None]})), InputError,
        "cohort WT: found nan (subject 3 of 3)\n"
        "  expected a finite number in kg: fill it in, or leave the subject out"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", PEOPLE)
def test_people_that_cannot_be(mistake):
    given, kind, message = PEOPLE[mistake]
    refused(lambda: dl.cohort(10, **({"seed": 7} | given)), kind, message)


def test_a_number_of_people_is_whole():
    message = "cohort: found 10.5 subjects\n  give a whole number, such as cohort(1000, seed=7, ...)"
    refused(lambda: dl.cohort(10.5, seed=7, WT=WEIGHTS), InputError, message)


def test_nobody_of_those_listed_meets_a_rule():
    message = (
        "cohort include: no subject is left of 2: 'WT > 130' rejects 100 %\n"
        "  give other people, or wider rules"
    )
    refused(lambda: dl.cohort(WT=[50, 60], include="WT > 130"), InputError, message)


@pytest.mark.parametrize("people", [dict(WT=[60, NAN]), dict(people=pd.DataFrame({"WT": [60, None]}))])
def test_a_covariate_that_is_not_known(people):
    message = (
        "cohort WT: found nan (subject 2 of 2)\n"
        "  expected a finite number in kg: fill it in, or leave the subject out"
    )
    refused(lambda: dl.cohort(**people), InputError, message)


# ------------------------------------------------------------------ words of a covariate

SEXES = read_model(
    BASE.text.replace(
        "[parameters]\n",
        'SEX = { unit = "1", reference = 0, low = 0, high = 1, label = "sex", codes = { F = 0, M = 1 } }\n'
        "[parameters]\n",
        1,
    ).replace('** ALLO_CL"', '** ALLO_CL * (1 + 0.25 * SEX)"', 1)
)


def test_words_are_the_numbers_of_the_model_file():
    """Truth: the same people with the numbers written out have the same levels, in every bit."""
    words = dl.simulate(SEXES, COURSE, dl.cohort(WT=[60, 60, 70], SEX=["M", "F", "M"]), times="6 h")
    numbers = dl.simulate(SEXES, COURSE, dl.cohort(WT=[60, 60, 70], SEX=[1, 0, 1]), times="6 h")
    np.testing.assert_array_equal(words["plasma"], numbers["plasma"])
    assert words["SEX"].values.tolist() == ["M", "F", "M"]
    assert (words["plasma"][0] != words["plasma"][1]).any()
    assert dl.replay(words).identical(words)


@pytest.mark.parametrize(
    ("model", "people", "message"),
    [
        (SEXES, dl.cohort(WT=60, SEX=["F", "woman"]),
         "cohort SEX: found 'woman'\n  one-compartment-oral has codes for: F, M"),
        (SEXES, dl.cohort(WT=60, SEX=["F", "f"]),
         "cohort SEX: found 'f'\n  did you mean 'F'? one-compartment-oral has codes for: F, M"),
        (read_model(SEXES.text.replace(", codes = { F = 0, M = 1 }", "")), dl.cohort(WT=60, SEX=["F", "M"]),
         "cohort SEX: found 'F'\n"
         "  one-compartment-oral computes with SEX (sex) and has no codes for words: give numbers, "
         "or add [covariates.SEX] codes = { F = ... } to the model"),
    ],
)  # fmt: skip
def test_words_that_the_model_does_not_have(model, people, message):
    refused(lambda: simulate(model, people), InputError, message)


# ------------------------------------------------------------------ arguments of simulate

REPLICATES = "expected a whole number from 1 to 1,000,000"
HAS = "one-compartment-oral has: CL, V, eta_CL, eta_V"
CHANCE = "a probability lies between 0 and 1: write 0.8, or '80 %'"
ARGUMENTS = [
    # seed
    (dict(seed=7.0), InputError, f"seed: found 7.0 (float)\n  {SEED}"),
    (dict(seed="7"), InputError, f"seed: found '7' (str)\n  {SEED}"),
    (dict(seed=-1), InputError, f"seed: found -1 (int)\n  {SEED}"),
    (dict(seed=True), InputError, f"seed: found True (bool)\n  {SEED}"),
    (dict(seed=NAN), InputError, f"seed: found nan (float)\n  {SEED}"),
    (dict(people=LISTED, effects=["CL"]), InputError, f"effects: {UNSEEDED}"),
    (dict(people=LISTED, replicates=3), InputError, f"replicates: {UNSEEDED}"),
    (dict(people=LISTED, observed=True), InputError, f"observed: {UNSEEDED}"),
    (dict(people=LISTED, adherence=0.8), InputError, f"adherence: {UNSEEDED}"),
    (dict(people=LISTED, visits="1 day"), InputError, f"visits: {UNSEEDED}"),
    (dict(people=LISTED, uncertainty={"CL": [10, 12]}), InputError, f"uncertainty: {UNSEEDED}"),
    # effects
    (dict(effects=["CLL"]), InputError, f"effects: unknown effect 'CLL'\n  did you mean 'CL'? {HAS}"),
    (dict(effects="eta_Cl"), InputError, f"effects: unknown effect 'eta_Cl'\n  did you mean 'eta_CL'? {HAS}"),
    (dict(effects=["kappa_CL"]), InputError, f"effects: CL does not vary between occasions\n  {HAS}"),
    (dict(effects=["eta_KA"]), InputError, f"effects: KA does not vary between subjects\n  {HAS}"),
    (dict(effects=["KA"]), InputError, f"effects: KA does not vary\n  {HAS}"),
    (dict(model=BASE, effects=["CL"]), InputError,
     "effects: CL does not vary\n  one-compartment-oral has no [variability] and no [occasions]"),
    (dict(effects=3), InputError,
     "effects: found 3\n  give a list of names, such as ['CL', 'kappa_F'], or [] for none"),
    (dict(effects=[3]), InputError,
     "effects: found [3]\n  give a list of names, such as ['CL', 'kappa_F'], or [] for none"),
    # replicates
    (dict(replicates=0), InputError, f"replicates: found 0\n  {REPLICATES}"),
    (dict(replicates=2.5), InputError, f"replicates: found 2.5\n  {REPLICATES}"),
    (dict(replicates="3"), InputError, f"replicates: found '3'\n  {REPLICATES}"),
    (dict(replicates=True), InputError, f"replicates: found True\n  {REPLICATES}"),
    (dict(replicates=10**9), InputError, f"replicates: found 1000000000\n  {REPLICATES}"),
    (dict(model=BASE, replicates=3), InputError,
     "replicates: all replicates would be the same\n"
     "  one-compartment-oral has no variability and no uncertainty: leave replicates out"),
    (dict(effects=[], replicates=3), InputError,
     "replicates: all replicates would be the same\n"
     "  no effect was asked for, and one-compartment-oral has no uncertainty: leave replicates out"),
    # uncertainty
    (dict(uncertainty={"CL": [10, 12]}), InputError,
     "uncertainty: draws of the estimates without replicates\n"
     "  add replicates=..., one for each row that is to be used"),
    (dict(replicates=2, uncertainty=3), InputError,
     "uncertainty: found 3\n  give a data frame, or a mapping of lists, with a column for each parameter"),
    (dict(replicates=2, uncertainty={"CLL": [10, 12]}), InputError,
     "uncertainty: unknown parameter 'CLL'\n"
     "  did you mean 'CL'? known here: KA, CL, V, F, WT_STD, ALLO_CL, ALLO_V"),
    (dict(replicates=2, uncertainty={"KA": [1, NAN]}), InputError,
     "uncertainty KA: found nan (row 2 of 2)\n  expected a finite number in 1/h"),
    (dict(replicates=2, uncertainty={"CL": [10, -5]}), InputError,
     "uncertainty CL: found -5 (row 2 of 2)\n  expected a clearance above 0 in L/h"),
    (dict(replicates=2, uncertainty={"V": [0, 10]}), InputError,
     "uncertainty V: found 0 (row 1 of 2)\n  expected a volume above 0 in L"),
    (dict(replicates=2, uncertainty={"ALLO_V": ["half", "all"]}), InputError,
     "uncertainty ALLO_V: found ['half', 'all']\n  give a list of numbers, one for each replicate"),
    (dict(replicates=2, uncertainty={"CL": 12}), InputError,
     "uncertainty CL: found 12\n  give a list of numbers in L/h, one for each replicate"),
    (dict(replicates=2, uncertainty={"CL": []}), InputError,
     "uncertainty CL: found []\n  give a list of numbers in L/h, one for each replicate"),
    (dict(replicates=2, uncertainty={}), InputError,
     "uncertainty: there is no column\n  give one for each uncertain parameter"),
    (dict(replicates=2, uncertainty={"CL": [10, 12], "V": [90]}), InputError,
     "uncertainty: the columns differ in length\n  give each parameter in every row"),
    (dict(replicates=3, uncertainty={"CL": [10, 12]}), InputError,
     "uncertainty: 3 replicates, and 2 rows of draws\n"
     "  a replicate takes a row of its own: give at most replicates=2, or more draws"),
    # adherence
    (dict(adherence=1.2), InputError, f"adherence taken: found 1.2\n  {CHANCE}"),
    (dict(adherence=-0.1), InputError, f"adherence taken: found -0.1\n  {CHANCE}"),
    (dict(adherence="120 %"), InputError, f"adherence taken: found '120 %'\n  {CHANCE}"),
    (dict(adherence=NAN), InputError, "adherence taken: found nan\n  give a probability, such as 0.8 or '80 %'"),
    (dict(adherence="often"), InputError,
     "adherence taken: found 'often'\n  give a probability, such as 0.8 or '80 %'"),
    (dict(adherence={"morning": 0.9}), InputError,
     "adherence taken: 'evening' is missing\n  give all of it, as in {'morning': 0.95, 'evening': 0.8}"),
    (dict(adherence={"taken": 0.8, "late": "exponential(1 h)"}), InputError,
     "adherence taken: 'taken' is an argument of adherence\n"
     "  write dl.adherence(taken=0.8, late=...) for several habits at once"),
    (dict(adherence=dl.adherence(meals={"brunch": 1})), InputError,
     "adherence meals: unknown meal 'brunch'\n  one-compartment-oral has: fed, fasted"),
    (dict(adherence=dl.adherence(meals={"fed": 1}), meal="fed"), InputError,
     "meal: found 'fed', and the adherence draws a meal for each dose\n"
     "  leave one of them out; a dose that names its own meal keeps it"),
    (dict(model="one-compartment-iv", adherence=dl.adherence(meals={"fed": 1})), InputError,
     "adherence meals: the adherence draws meals, and one-compartment-iv has none\n  leave them out"),
    # visits
    (dict(model=VISITED), InputError,
     "visits: one-compartment-oral varies from visit to visit, and nothing says when these are\n"
     "  give a step such as visits='4 weeks', or an array of hours"),
    (dict(model=VISITED, visits="often"), InputError, f"visits: found 'often'\n  {STEP}"),
    (dict(model=VISITED, visits=3), UnitError, f"visits: found 3 without a unit\n  {STEP}"),
    (dict(model=VISITED, visits=[]), InputError, f"visits: there are no times\n  {STEP}"),
    (dict(model=VISITED, visits=[-24, 0, 24]), InputError,
     "visits: found -24 h\n  expected times from 0 h on"),
    (dict(model=VISITED, visits=[24, 24]), InputError,
     "visits: 24 h is there twice (positions 0 and 1)\n"
     "  give every time once, in ascending order: np.unique(times) does it"),
    (dict(model=VISITED, visits=[NAN]), InputError,
     "visits: found nan at position 0\n  expected finite numbers in h"),
    # observed, typical
    (dict(observed="yes"), InputError, "observed: found 'yes'\n  expected True or False"),
    (dict(typical=1), InputError, "typical: found 1\n  expected True or False"),
    (dict(model=VISITED, visits="1 day", observed=True), InputError,
     "observed: one-compartment-oral has no residual error\n"
     "  add [residual.plasma] to its file, or say model.edit(residual={'plasma': '15 %'})"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    ARGUMENTS,
    ids=[f"{at}-{row[2].split(':')[0]}" for at, row in enumerate(ARGUMENTS)],
)
def test_an_argument_that_cannot_be(given, kind, message):
    refused(lambda: simulate(**given), kind, message)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (dict(model=BASE, people=LISTED, seed=7),
         "seed: nothing is random here, for one-compartment-oral has no variability"),
        (dict(visits="1 day"), "visits: nothing in one-compartment-oral varies from visit to visit"),
    ],
)  # fmt: skip
def test_an_argument_that_does_nothing_is_told_where_it_stands(given, told):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        simulate(**given)
    assert [(str(each.message), each.filename) for each in caught] == [(told, __file__)]


# ------------------------------------------------------------------ event tables

RECORDS = pd.DataFrame({"ID": [1, 1], "TIME": [0, 1], "AMT": [20, 0], "EVID": [1, 0], "WT": [70, 70]})
OF_TABLES = [
    (dict(adherence=0.8), "adherence: found 0.8\n  an event table says what was taken: leave adherence out"),
    (dict(visits="1 day"),
     "visits: found '1 day'\n  an event table says it itself: number the visits in a column OCC"),
    (dict(seed=7.5), f"seed: found 7.5 (float)\n  {SEED}"),
    (dict(observed=True), f"observed: {UNSEEDED}"),
    (dict(seed=7, effects=["KA"]), f"effects: KA does not vary\n  {HAS}"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "message"), OF_TABLES, ids=[row[1].split(":")[0] for row in OF_TABLES])
def test_an_argument_that_event_tables_do_not_take(given, message):
    refused(lambda: dl.simulate(MODEL, dl.read_records(RECORDS), **given), InputError, message)


def test_event_tables_are_not_told_of_visits_that_nobody_asked_for():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dl.simulate(MODEL, dl.read_records(RECORDS), seed=7)
