"""Study files that draw people: what is read, what a run writes, and every mistake in its words.

Truth: the scripting interface asked the same; messages name file, section and key, and advise as a TOML file has it.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import doseline as dl
from doseline.cli import main
from doseline.errors import StudyError
from doseline.model.read import library
from doseline.study import read_study, run_study

MODEL = """
[variability]
CL = { cv = "30 %", source = "chosen", status = "assumption" }

[residual]
plasma = { error = "proportional", cv = "15 %", source = "chosen", status = "assumption" }
"""
GOOD = """
[study]
title = "Thirty people"
model = "mine.toml"

[cohort]
count = 30
seed = 7
SEX = "F: 0.5, M: 0.5"
AGE = "uniform(18 year, 50 year)"
WT = "normal(70 kg, 14 kg) within 40..120"
HT = "normal(170 cm, 10 cm)"
include = ["AGE >= 20", "WT / (HT/100)**2 < 35"]
correlations = { "WT and HT" = 0.6 }
draws = "sobol"

[regimens]
low = "20 mg once daily for 4 days"
high = "20 mg twice daily for 4 days"

[adherence]
taken = "80 %"
meals = { fed = "uniform(0.4, 1)", fasted = "rest" }

[population]
typical = true

[sweep]
times = "2 h"
"""
COHORT = GOOD[GOOD.index("count = 30") : GOOD.index("[regimens]")]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = library()["one-compartment-oral"].read_text(encoding="utf-8")
    Path("mine.toml").write_text(text.replace("[[check]]", MODEL + "\n[[check]]", 1), encoding="utf-8")


def read(text=GOOD, pieces=()):
    """The study whose text has some pieces replaced."""
    for old, new in dict(pieces).items():
        assert old in text
        text = text.replace(old, new)
    Path("s.toml").write_text(text, encoding="utf-8")
    return read_study("s.toml")


def ran(text=GOOD, pieces=()):
    return run_study(read(text, pieces), Path("out"))


def written():
    return sorted(file.name for file in Path("out").iterdir() if not file.name.startswith("."))


# ------------------------------------------------------------------ what is read


def test_people_are_those_of_the_script():
    people = dl.cohort(
        30,
        seed=7,
        SEX="F: 0.5, M: 0.5",
        AGE="uniform(18 year, 50 year)",
        WT="normal(70 kg, 14 kg) within 40..120",
        HT="normal(170 cm, 10 cm)",
        include=["AGE >= 20", "WT / (HT/100)**2 < 35"],
        correlations={("WT", "HT"): 0.6},
        draws="sobol",
    )
    found = read().people
    assert list(found.covariates) == list(people.covariates)
    for name, values in people.covariates.items():
        np.testing.assert_array_equal(found.covariates[name], values)
    assert (found.seed, found.sobol, found.rejected) == (7, True, people.rejected)


def test_bodies_of_growth_charts():
    pieces = {'WT = "normal(70 kg, 14 kg) within 40..120"\nHT = "normal(170 cm, 10 cm)"': 'body = "CDC 2000"',
              'correlations = { "WT and HT" = 0.6 }\n': ""}  # fmt: skip
    people = read(pieces=pieces).people
    assert set(people.covariates) == {"SEX", "AGE", "HT", "WT"}


@pytest.mark.parametrize(
    ("written", "size", "kilograms"),
    [
        ('WT = "70 kg"', 1, [70]),
        ('count = 3\nWT = "70 kg"', 3, [70, 70, 70]),
        ('WT = { values = [45, 90], unit = "kg" }\nSEX = "F"\nseed = 7', 2, [45, 90]),
        ('WT = { values = [45, 90], unit = "kg" }\nSEX = { values = ["F", "M"] }\nseed = 7', 2, [45, 90]),
        ('WT = { values = [45, 90], unit = "kg" }\nAGE = "uniform(18, 50 year)"\nseed = 7', 2, [45, 90]),
        ('count = 3\nWT = { from = 50, to = 90, count = 3, unit = "kg" }', 3, [50, 70, 90]),
    ],
)
def test_texts_beside_values(written, size, kilograms):
    people = read(pieces={COHORT: written + "\n", "[adherence]": "[population]\nseed = 8\n[adherence]",
                          "[population]\ntypical = true\n": ""}).people  # fmt: skip
    assert len(people) == size
    assert people.values("WT", "kg").tolist() == kilograms


def test_habits_and_the_rest():
    study = read(
        pieces={"typical = true": 'effects = ["CL"]\nreplicates = 3\nobserved = true\nvisits = "1 day"'}
    )
    assert study.habit == dl.adherence("80 %", meals={"fed": "uniform(0.4, 1)", "fasted": "rest"})
    assert (study.varying.effects, study.varying.replicates, study.varying.observed) == (["CL"], 3, True)
    assert study.drawn


def test_a_study_without_anything_random_is_not_drawn():
    assert not read_study("isotretinoin").drawn
    assert read_study("isotretinoin").habit is None


# ------------------------------------------------------------------ what a run writes


def test_a_run_is_what_the_script_gives():
    results, study = ran(), read()
    levels = dl.simulate(
        study.model, study.regimens, study.people, adherence=study.habit, typical=True, times="2 h"
    )
    assert dl.replay(results.levels).identical(levels)
    assert written() == [
        "course.png", "exposure-AGE.png", "exposure-HT.png", "exposure.csv", "exposure.png", "levels.nc",
        "population.png", "study.toml",
    ]  # fmt: skip
    with xr.open_dataset(Path("out/levels.nc"), engine="h5netcdf") as file:
        stored = file.load()
    np.testing.assert_array_equal(stored["dose_taken"], levels["dose_taken"])
    np.testing.assert_array_equal(stored["SEX"], levels["SEX"])
    table = pd.read_csv(Path("out/exposure.csv"))
    assert table["SEX"].tolist() == [*study.people.covariates["SEX"].tolist()] * 2
    np.testing.assert_allclose(table["CL (L/h)"], np.tile(levels["CL"].values, 2), rtol=1e-5)
    np.testing.assert_allclose(table["eta_CL"], np.tile(levels["eta_CL"].values, 2), rtol=1e-4, atol=1e-6)
    assert results.notes == ()


def test_replicates_leave_pictures_of_one_subject_to_the_first():
    results = ran(pieces={"typical = true": "replicates = 3"})
    assert results.levels.sizes["replicate"] == 3
    assert results.notes == (
        "course.png, exposure-AGE.png, exposure.png, exposure-HT.png: the first of 3 replicates; "
        "population.png shows all of them together",
    )
    assert len(results.table) == 3 * 2 * 30
    assert {"course.png", "population.png"} <= set(written())


def test_meals_that_are_compared_have_their_picture():
    pieces = {
        'meals = { fed = "uniform(0.4, 1)", fasted = "rest" }\n': "",
        '"2 h"': '"2 h"\nmeal = ["fed", "fasted"]',
    }
    ran(pieces=pieces)
    assert {"meals.png", "population.png"} <= set(written())


def test_listed_people_who_forget_doses_need_the_seed_of_the_population():
    pieces = {COHORT: 'WT = { values = [50, 70, 90], unit = "kg" }\n', "typical = true": "seed = 7"}
    first = ran(pieces=pieces).levels
    study = read(pieces=pieces)
    script = dl.simulate(
        study.model, study.regimens, {"WT": [50, 70, 90]}, adherence=study.habit, seed=7, times="2 h"
    )
    np.testing.assert_array_equal(first["plasma"], script["plasma"])
    assert "population.png" in written()


def test_the_terminal_shows_medians_and_nine_of_ten(monkeypatch, capsys):
    """Truth: quantiles of the exposure table, by numpy."""
    Path("s.toml").write_text(GOOD, encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["doseline", "run", "s.toml", "--out", "out"])
    with pytest.raises(SystemExit) as caught:
        main()
    shown = capsys.readouterr()
    assert (caught.value.code or 0, shown.err) == (0, "")
    assert "Median of 30 subjects (second line: from 5 % to 95 %)." in shown.out
    assert (
        "Doses may be missed, late or with another meal: no interval need be like the one before."
        in shown.out
    )
    table = pd.read_csv(Path("out/exposure.csv"))
    for regimen in ("low", "high"):
        cmax = table.loc[table["regimen"] == regimen, "Cmax (mg/L)"]
        low, median, high = np.quantile(cmax, [0.05, 0.5, 0.95])
        assert re.search(rf"{median:.3g}", shown.out)
        assert re.search(rf"{low:.3g}-{high:.3g}", shown.out)


def test_the_terminal_shows_who_the_middle_subject_is(monkeypatch, capsys):
    text = GOOD[: GOOD.index("[adherence]")].replace(COHORT, 'WT = "70 kg"\n') + '[sweep]\ntimes = "2 h"\n'
    Path("s.toml").write_text(text, encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["doseline", "run", "s.toml", "--out", "out"])
    with pytest.raises(SystemExit):
        main()
    assert "Subject: WT 70 kg." in capsys.readouterr().out


# ------------------------------------------------------------------ mistakes

SEED = "give a whole number from 0 on, such as 7: the same one gives the same draws"
UNSEEDED = "there is no seed\n  add seed = 7 to [cohort] or [population]"
CHANCE = "a probability lies between 0 and 1: write 0.8, or '80 %'"
LIST = 'WT = { values = [50, 70], unit = "kg" }\n'
NORMAL = '"normal(70 kg, 14 kg) within 40..120"'
REFUSED = [
    # [cohort]
    ({"count = 30": "count = 0"},
     "s.toml [cohort]: count = 0\n  expected how many people, a whole number from 1 to 50000000"),
    ({"count = 30": "count = 3.5"},
     "s.toml [cohort]: count = 3.5\n  expected how many people, a whole number from 1 to 50000000"),
    ({"count = 30\n": ""},
     "s.toml [cohort]: SEX is drawn, and nothing says for how many people\n  add count = 1000"),
    ({"count = 30\nseed = 7\n": ""},
     "s.toml [cohort]: SEX is drawn, and nothing says for how many people\n  add count = 1000\n"
     "s.toml [cohort]: SEX is drawn, and there is no seed\n"
     "  add seed = 7: the same one gives the same people"),
    ({"seed = 7": "seed = 7.5"}, f"s.toml [cohort] seed: found 7.5 (float)\n  {SEED}"),
    ({"seed = 7": 'seed = "seven"'}, f"s.toml [cohort] seed: found 'seven' (str)\n  {SEED}"),
    ({NORMAL: '"normal(70 kg, 1 kg) within 200..300"'},
     "s.toml [cohort.WT]: 'within 200..300' leaves nothing of 'normal(70 kg, 1 kg)'\n"
     "  widen the bounds: they have to leave a probability of at least 1e-12"),
    ({NORMAL: '"norml(70 kg, 14 kg)"'},
     "s.toml [cohort.WT]: unknown distribution 'norml'\n"
     "  did you mean 'normal'? there are: normal, lognormal, uniform, exponential, beta, or A: 0.5, B: 0.5"),
    ({NORMAL: '"heavy"'}, "s.toml [cohort.WT]: found 'heavy'\n  expected a number in kg"),
    ({NORMAL: '"normal(70 L, 14 L)"', '"F: 0.5, M: 0.5"': '"F: 0.5, M: 0.6"'},
     "s.toml [cohort.SEX]: the probabilities of 'F: 0.5, M: 0.6' add up to 1.1\n  they have to add up to 1\n"
     "s.toml [cohort.WT]: '70 L' is volume\n  expected mass, in a unit such as kg"),
    ({'"F: 0.5, M: 0.5"': "{ values = [] }"},
     's.toml [cohort.SEX]: \'unit\' is missing\n  add unit = ...: a unit in quotes, such as "kg"'),
    ({'"F: 0.5, M: 0.5"': '{ values = ["F", "M"] }'},
     "s.toml [cohort]: lengths differ: cohort 30, SEX 2\n"
     "  give one value a subject for each covariate, or a single one for all subjects"),
    ({"SEX =": "crossed ="}, "s.toml [cohort.crossed]: 'crossed' cannot be a covariate\n  give it another name"),
    ({"WT =": "wt =", "WT / (HT/100)**2 < 35": "wt > 40", "WT and HT": "wt and HT"},
     "s.toml [cohort]: the cohort has no WT, only SEX, AGE, wt, HT\n"
     "  one-compartment-oral needs it: add WT, body weight, in kg, to the cohort"),
    ({"AGE >= 20": "AGE >= 60"},
     "s.toml [cohort] include: 0 of 30 subjects are kept after 1000 attempts each: 'AGE >= 60' rejects 100 %\n"
     "  give distributions that are nearer to the rules, or wider rules"),
    ({"AGE >= 20": "Age >= 20"},
     "s.toml [cohort] include: 'Age >= 20' has the unknown name 'Age'\n"
     "  did you mean 'AGE'? known here: SEX, AGE, WT, HT, F, M"),
    ({'"WT and HT" = 0.6': '"WT and HT" = 1.6'},
     "s.toml [cohort] correlations: found 1.6 for HT and WT\n  expected a number from -1 to 1"),
    ({'"WT and HT" = 0.6': '"WT, HT" = 0.6'},
     "s.toml [cohort] correlations: found 'WT, HT'\n  expected two names, such as { \"WT and HT\" = 0.6 }"),
    ({'{ "WT and HT" = 0.6 }': "0.6"},
     "s.toml [cohort] correlations: found 0.6\n"
     "  give a correlation for each pair, such as { \"WT and HT\" = 0.6 }"),
    ({'"WT and HT" = 0.6': '"WT and BMI" = 0.6'},
     "s.toml [cohort] correlations: 'BMI' is not drawn from a distribution\n"
     "  drawn here: SEX, AGE, WT, HT"),
    ({'"sobol"': '"halton"'}, "s.toml [cohort] draws: found 'halton'\n  expected 'random' or 'sobol'"),
    ({'draws = "sobol"': 'body = "CDC 2000"'},
     "s.toml [cohort] body: HT is given, and comes from CDC 2000 too\n  leave HT out"),
    # [adherence]
    ({'"80 %"': "80"}, f"s.toml [adherence] taken: found 80\n  {CHANCE}"),
    ({'"80 %"': '"80 %"\ntake = 1'}, "s.toml [adherence]: unknown key 'take'\n"
     "  did you mean 'taken'? known here: taken, spells, holidays, late, meals, meals_by"),
    ({'"80 %"': "{ morning = 0.9 }"},
     "s.toml [adherence] taken: 'evening' is missing\n"
     "  give all of it, as in {morning = 0.95, evening = 0.8}"),
    ({'"80 %"': "1.2", '"uniform(0.4, 1)"': "0.9", '"rest"': "0.3"},
     f"s.toml [adherence] taken: found 1.2\n  {CHANCE}\n"
     "s.toml [adherence] meals: the probabilities add up to 1.2\n"
     "  they have to add up to 1; 'rest' fills up what is missing"),
    ({'taken = "80 %"': "taken = 0.8\nholidays = 6"},
     "s.toml [adherence] holidays: found 6\n  give a mapping, such as {per_year = 6, days = 3}"),
    ({'taken = "80 %"': 'taken = 0.8\nspells = { good = 1, bad = 0, good_lasts = "9 days", bad_lasts = "1 day" }'},
     "s.toml [adherence]: taken and spells are both given\n"
     "  leave taken out: the spells say how likely a dose is taken"),
    ({"fed =": "brunch ="}, "s.toml [adherence] meals: unknown meal 'brunch'\n"
     "  one-compartment-oral has: fed, fasted"),
    ({'"2 h"': '"2 h"\nmeal = "fed"'},
     "s.toml [adherence] meals: found 'fed', and the adherence draws a meal for each dose\n"
     "  leave one of them out; a dose that names its own meal keeps it"),
    ({COHORT: LIST}, f"s.toml [adherence]: {UNSEEDED}"),
    # [population]
    ({COHORT: LIST, "typical = true": "replicates = 3"}, f"s.toml [population] replicates: {UNSEEDED}"),
    ({"typical": "typicl"}, "s.toml [population]: unknown key 'typicl'\n"
     "  did you mean 'typical'? known here: seed, effects, replicates, observed, typical, visits"),
    ({"typical = true": "typical = 1"}, "s.toml [population] typical: found 1\n  expected True or False"),
    ({"typical = true": 'effects = ["KA"]'}, "s.toml [population] effects: KA does not vary\n"
     "  one-compartment-oral has: CL, eta_CL"),
    ({"typical = true": "replicates = 0"},
     "s.toml [population] replicates: found 0\n  expected a whole number from 1 to 1,000,000"),
    ({"typical = true": "seed = -1"}, f"s.toml [population] seed: found -1 (int)\n  {SEED}"),
    ({"typical = true": "visits = 3"}, "s.toml [population] visits: found 3 without a unit\n"
     "  give a step such as '4 weeks', or an array of hours"),
    ({"typical = true": "observed = true", '"mine.toml"': '"one-compartment-oral"'},
     "s.toml [population] observed: one-compartment-oral has no residual error\n"
     "  add [residual.plasma] to its file, or say model.edit(residual={'plasma': '15 %'})"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("pieces", "message"), REFUSED, ids=[f"{at}-{row[1].split(':')[0]}" for at, row in enumerate(REFUSED)]
)
def test_one_mistake(pieces, message):
    with pytest.raises(StudyError) as caught:
        read(pieces=pieces)
    assert str(caught.value) == message


# ------------------------------------------------------------------ the study that comes with doseline


def test_the_shipped_population_runs():
    """The whole of it with 20 people over a week: sections and names are those that are shipped."""
    text = read_study("isotretinoin-population").text
    results = ran(text, {"count = 300": "count = 20", "for 16 weeks": "for 1 week", '"1 h"': '"4 h"'})
    assert results.levels["plasma"].dims == ("regimen", "subject", "time")
    assert "plasma_typical" in results.levels
    assert "population.png" in written()
