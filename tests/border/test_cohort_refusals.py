"""Cohorts that cannot be drawn, and in which words they are refused."""

import numpy as np
import pandas as pd
import pytest

from doseline.errors import DoselineError, InputError
from doseline.population.cohort import cohort

WT = "normal(70 kg, 14 kg) within 40..120"
SEX, AGE = "F: 0.5, M: 0.5", "uniform(12 year, 50 year)"
BODY = {"seed": 7, "body": "CDC 2000"}
PAIR = "expected two names, such as correlations={('WT', 'HT'): 0.6}"

REFUSED = [
    # how many, and the seed
    ((), dict(WT=WT, seed=7),
     "cohort: nothing says how many subjects to draw\n  say it first, as in cohort(1000, seed=7, ...)"),
    ((0,), dict(), "cohort: found 0 subjects\n  a cohort needs at least one subject"),
    ((-5,), dict(), "cohort: found -5 subjects\n  a cohort needs at least one subject"),
    ((True,), dict(),
     "cohort: found True\n"
     "  give covariates by name, such as cohort(WT=[50, 70]), or a data frame with a column for each"),
    ((10,), dict(WT=WT),
     "cohort: covariates are drawn, and there is no seed\n"
     "  give one, such as seed=7: the same one gives the same people"),
    ((10,), dict(WT=WT, seed=0.5),
     "cohort seed: found 0.5 (float)\n  give a whole number from 0 on, such as 7: the same one gives the same draws"),
    ((10,), dict(WT=WT, seed=-1),
     "cohort seed: found -1 (int)\n  give a whole number from 0 on, such as 7: the same one gives the same draws"),
    ((10,), dict(WT=WT, seed=True),
     "cohort seed: found True (bool)\n  give a whole number from 0 on, such as 7: the same one gives the same draws"),
    ((10,), dict(WT=WT, seed=7, draws="halton"), "cohort draws: found 'halton'\n  expected 'random' or 'sobol'"),
    ((10,), dict(WT=[50, 60]),
     "cohort: lengths differ: cohort 10, WT 2\n"
     "  give one value a subject for each covariate, or a single one for all subjects"),
    ((10,), dict(subject=["a"]),
     "cohort: lengths differ: cohort 10, subject 1\n"
     "  give one value a subject for each covariate, or a single one for all subjects"),
    # distributions
    ((10,), dict(seed=7, WT="normal(70 kg)"), "cohort WT: 'normal(70 kg)' has 1 number\n  expected normal(mean, SD)"),
    ((10,), dict(seed=7, WT="normal(70 h, 14 h)"), "cohort WT: '70 h' is time\n  expected mass, in a unit such as kg"),
    ((10,), dict(seed=7, WT="F: 0.5, M: 0.5"), "cohort WT: found 'F'\n  expected numbers in kg"),
    ((10,), dict(seed=7, WT="normal(10 kg, 20 kg)"),
     "cohort WT: 'normal(10 kg, 20 kg)' has 31 % of its values at or below 0\n"
     "  they have to be above: add bounds, such as 'within 40..120'"),
    ((10,), dict(seed=7, AGE="uniform(-1, 50)"),
     "cohort AGE: 'uniform(-1 year, 50 year)' has 2 % of its values at or below 0\n"
     "  they have to be above: add bounds, such as 'within 40..120'"),
    ((10,), dict(seed=7, AGE="0: 0.5, 1: 0.5"),
     "cohort AGE: '0 year: 0.5, 1 year: 0.5' has 50 % of its values at or below 0\n"
     "  they have to be above: add bounds, such as 'within 40..120'"),
    # correlations
    ((10,), dict(WT=WT, seed=7, correlations=0.6),
     "cohort correlations: found 0.6\n  give a mapping of pairs, such as correlations={('WT', 'HT'): 0.6}"),
    ((10,), dict(WT=WT, seed=7, correlations={"WT": 0.6}), f"cohort correlations: found 'WT'\n  {PAIR}"),
    ((10,), dict(WT=WT, seed=7, correlations={("WT", "WT"): 0.6}),
     f"cohort correlations: found ('WT', 'WT')\n  {PAIR}"),
    ((10,), dict(WT=WT, HT=170, seed=7, correlations={("WT", "HT"): 0.6}),
     "cohort correlations: 'HT' is not drawn from a distribution\n  drawn here: WT"),
    ((10,), dict(WT=WT, AGE=AGE, seed=7, correlations={("WT", "AGE"): 1.5}),
     "cohort correlations: found 1.5 for AGE and WT\n  expected a number from -1 to 1"),
    ((10,), dict(WT=WT, AGE=AGE, seed=7, correlations={("WT", "AGE"): "0.5"}),
     "cohort correlations: found '0.5' for AGE and WT\n  expected a number from -1 to 1"),
    ((10,), dict(WT=WT, AGE=AGE, seed=7, correlations={("WT", "AGE"): np.nan}),
     "cohort correlations: found nan for AGE and WT\n  expected a number from -1 to 1"),
    ((10,), dict(WT=WT, AGE=AGE, seed=7, correlations={("WT", "AGE"): 0.5, ("AGE", "WT"): 0.4}),
     "cohort correlations: AGE and WT are given twice\n  give every pair once"),
    ((10,), dict(WT=WT, AGE=AGE, X=AGE, seed=7, correlations={("WT", "AGE"): 0.9, ("AGE", "X"): 0.9}),
     "cohort correlations: no people can have these correlations: AGE and WT 0.9, AGE and X 0.9\n"
     "  pairs that are left out count as 0: give those too, or smaller numbers"),
    # rules
    ((10,), dict(WT=WT, seed=7, include=18),
     "cohort include: found 18\n  give a rule as text, such as 'AGE >= 18', or a list of them"),
    ((10,), dict(WT=WT, seed=7, include=["WT"]),
     "cohort include: 'WT' compares nothing\n  write a comparison, such as 'AGE >= 18'"),
    ((10,), dict(WT=WT, seed=7, include="WT > 50 and WT < 90"),
     "cohort include: found 'WT > 50 and WT < 90'\n"
     "  give one comparison a rule, and the rules in a list: all of them have to hold"),
    ((10,), dict(SEX=SEX, seed=7, include="SEX == 'F'"),
     "cohort include: found 'SEX == 'F''\n  write words without quotes, such as 'SEX == F'"),
    ((10,), dict(WT=WT, seed=7, include="WT >"),
     "cohort include: 'WT >' does not parse: invalid syntax\n"
     "  an expression has numbers, names, + - * / **, comparisons, and exp log sqrt min max where"),
    ((10,), dict(WT=WT, seed=7, include="AEG > 18"),
     "cohort include: 'AEG > 18' has the unknown name 'AEG'\n  known here: WT"),
    ((10,), dict(WT=WT, SEX=SEX, seed=7, include="SEX == W"),
     "cohort include: 'SEX == W' has the unknown name 'W'\n  did you mean 'WT'? known here: WT, SEX, F, M"),
    ((10,), dict(SEX=SEX, seed=7, include="F == M"),
     "cohort include: 'F == M' has no covariate in it\n  covariates: SEX"),
    ((10,), dict(SEX=SEX, seed=7, include="SEX > 1"),
     "cohort include: 'SEX > 1' computes with words\n  words are compared with == and !="),
    ((10,), dict(WT=WT, seed=7, include=["WT > 50", "WT < 40"]),
     "cohort include: 0 of 10 subjects are kept after 1000 attempts each: 'WT < 40' rejects 100 %\n"
     "  give distributions that are nearer to the rules, or wider rules"),
    ((), dict(WT=[50, 60], include="WT > 70"),
     "cohort include: no subject is left of 2: 'WT > 70' rejects 100 %\n  give other people, or wider rules"),
    # rows of a table
    ((10,), dict(seed=7, bootstrap=[1, 2]),
     "cohort bootstrap: found [1, 2]\n"
     "  give covariates by name, such as cohort(WT=[50, 70]), or a data frame with a column for each"),
    ((10,), dict(seed=7, bootstrap={}), "cohort bootstrap: there are no columns\n  give at least one covariate"),
    ((10,), dict(seed=7, bootstrap={"WT": []}),
     "cohort bootstrap: WT has no values\n  a cohort needs at least one subject"),
    ((10,), dict(seed=7, bootstrap={"WT": [50, 60], "AGE": [1, 2, 3]}),
     "cohort bootstrap: lengths differ: WT 2, AGE 3\n"
     "  give one value a subject for each covariate, or a single one for all subjects"),
    ((10,), dict(seed=7, WT=WT, bootstrap={"WT": [50]}),
     "cohort: WT is given twice\n  give it in the data frame or by name"),
    ((), dict(seed=7, bootstrap=pd.DataFrame({"WT": [50]})),
     "cohort: nothing says how many subjects to draw\n  say it first, as in cohort(1000, seed=7, ...)"),
    # grids
    ((10,), dict(WT=[50, 60], crossed=True),
     "cohort crossed: a grid is not drawn\n  give lists of values only, or leave crossed out"),
    ((), dict(WT=[50, 60], AGE=AGE, crossed=True),
     "cohort crossed: a grid is not drawn\n  give lists of values only, or leave crossed out"),
    ((), dict(WT=np.ones(10**5), AGE=np.ones(10**5), crossed=True),
     "cohort: a grid of 10,000,000,000 subjects: WT 100000 x AGE 100000\n"
     "  at most 100,000,000: give fewer values, or draw them"),
    # bodies
    ((10,), dict(seed=7, SEX=SEX, AGE=AGE, body="WHO"), "cohort body: unknown reference 'WHO'\n  known here: CDC 2000"),
    ((10,), dict(SEX=SEX, AGE=AGE, body="CDC 2000"),
     "cohort: covariates are drawn, and there is no seed\n"
     "  give one, such as seed=7: the same one gives the same people"),
    ((10,), dict(AGE=AGE, **BODY),
     "cohort body: there is no SEX\n  height and weight depend on it: give SEX='F: 0.5, M: 0.5'"),
    ((10,), dict(SEX=SEX, **BODY),
     "cohort body: there is no AGE\n  height and weight depend on it: give AGE='uniform(12 year, 50 year)'"),
    ((10,), dict(SEX=SEX, AGE=AGE, WT=WT, **BODY),
     "cohort body: WT is given, and comes from CDC 2000 too\n  leave WT out"),
    ((10,), dict(SEX="0: 0.5, 1: 0.5", AGE=AGE, **BODY),
     "cohort body: SEX is a number\n  give it in words, such as SEX='F: 0.5, M: 0.5', which of them is which"),
    ((10,), dict(SEX="girl", AGE=AGE, **BODY),
     "cohort body: found 'girl' for SEX\n  expected F or M, female or male"),
    ((10,), dict(SEX=SEX, AGE="1.5 year", **BODY),
     "cohort body: found 1.5 year for AGE\n  its charts begin at 2 years: bound AGE, such as 'within 2..'"),
]  # fmt: skip


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("people", "given", "message"),
    REFUSED,
    ids=[f"{at}-{' '.join(row[1])}" for at, row in enumerate(REFUSED)],
)
def test_what_is_refused(people, given, message):
    with pytest.raises(DoselineError) as caught:
        cohort(*people, **given)
    assert str(caught.value) == message


def test_sobol_points_are_of_numbered_subjects():
    """Truth: a text has a number of 64 bits, and the sequence has 2**32 points."""
    with pytest.raises(InputError, match="Sobol"):
        cohort(subject=["anna"], seed=7, draws="sobol", WT=WT)


def test_a_weight_is_never_drawn_below_zero():
    """Truth: the bound is at 0; what lies below, 1 in 1000 at most, is cut off."""
    people = cohort(20_000, seed=7, WT="normal(3.2 kg, 1 kg)")
    assert people.covariates["WT"].min() > 0
    # without a standard unit, and with none that has to be above zero, nothing is cut off
    assert cohort(20_000, seed=7, BASE="normal(3.2, 1)").covariates["BASE"].min() < 0
