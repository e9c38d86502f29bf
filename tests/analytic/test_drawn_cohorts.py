"""Drawn cohorts against closed forms: distributions, correlations, rates of rejection, rows of a table, grids.

Seeds are fixed. A test by chance states how often another seed would fail although nothing is wrong.
"""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from doseline.model.matrix import cholesky
from doseline.population.cohort import cohort
from doseline.population.copula import read_correlations

SEED = 20_240_501
N = 50_000
RARE = 1e-4
"""False-alarm rate of one test by chance: the p-value below which it fails."""


@pytest.mark.parametrize(
    ("name", "text", "truth"),
    [
        ("WT", "normal(70 kg, 14 kg) within 40..120", stats.truncnorm(-30 / 14, 50 / 14, 70, 14)),
        ("WT", "normal(70 kg, 14 kg)", stats.truncnorm(-5, np.inf, 70, 14)),
        ("AGE", "uniform(12, 50 year)", stats.uniform(12, 38)),
        ("CRCL", "lognormal(90 mL/min, 30 %)", stats.lognorm(math.sqrt(math.log(1.09)), scale=90)),
        ("CRP", "exponential(5 mg/L)", stats.expon(scale=5)),
        ("FU", "beta(0.1, 0.05)", stats.beta(0.1 * 35, 0.9 * 35)),
    ],
)
def test_distributions(name, text, truth):
    """Truth: scipy.stats, by Kolmogorov and Smirnov. False alarm: 1 of 10 000 seeds."""
    values = cohort(N, seed=SEED, **{name: text}).covariates[name]
    assert stats.kstest(values, truth.cdf).pvalue > RARE


def test_words_and_numbers_with_probabilities():
    """Truth: the probabilities given, by chi squared. False alarm: 1 of 10 000 seeds each."""
    people = cohort(N, seed=SEED, SEX="F: 0.3, M: 0.7", CHILD="0: 0.2, 1: 0.5, 2: 0.3")
    for name, values, shares in [("SEX", ["F", "M"], [0.3, 0.7]), ("CHILD", [0, 1, 2], [0.2, 0.5, 0.3])]:
        counts = [(people.covariates[name] == value).sum() for value in values]
        assert stats.chisquare(counts, N * np.array(shares)).pvalue > RARE


def fisher(found, truth, n):
    """Two-sided p-value of a correlation found, by Fisher's z, whose standard error is 1 / sqrt(n - 3)."""
    return 2 * stats.norm.sf(abs(math.atanh(found) - math.atanh(truth)) * math.sqrt(n - 3))


def test_correlations():
    """Truth: normal scores have the correlations asked for, margins their distributions. False alarm: 1e-4 each."""
    asked = {("WT", "HT"): 0.6, ("HT", "AGE"): -0.3, ("WT", "ALB"): 0.2}
    margins = {
        "WT": ("lognormal(70 kg, 20 %)", stats.lognorm(math.sqrt(math.log(1.04)), scale=70)),
        "HT": ("normal(170 cm, 10 cm)", stats.norm(170, 10)),
        "AGE": ("uniform(18, 60 year)", stats.uniform(18, 42)),
        "ALB": ("normal(40 g/L, 4 g/L)", stats.norm(40, 4)),
        "X": ("normal(0, 1)", stats.norm()),
    }
    people = cohort(N, seed=SEED, correlations=asked, **{name: text for name, (text, _) in margins.items()})
    scores = {}
    for name, (_, truth) in margins.items():
        assert stats.kstest(people.covariates[name], truth.cdf).pvalue > RARE
        scores[name] = stats.norm.ppf(truth.cdf(people.covariates[name]))
    for one, other in itertools.combinations(margins, 2):
        truth = asked.get((one, other), asked.get((other, one), 0.0))
        found = np.corrcoef(scores[one], scores[other])[0, 1]
        assert fisher(found, truth, N) > RARE, (one, other)


def test_rank_correlation():
    """Truth: Spearman's rho of a Gaussian copula is 6/pi asin(rho/2), whatever the margins. False alarm: 1e-4."""
    people = cohort(
        N, seed=SEED, WT="exponential(70 kg)", AGE="uniform(18, 60 year)", correlations={("AGE", "WT"): 0.8}
    )
    found = stats.spearmanr(people.covariates["WT"], people.covariates["AGE"]).statistic
    # the standard error of Spearman's rho is at most that of independence
    assert abs(found - 6 / math.pi * math.asin(0.4)) < stats.norm.isf(RARE / 2) / math.sqrt(N)


def test_a_correlation_with_words():
    """Truth: F is the lower half, so E[z | F] = -rho sqrt(2/pi) for the other score. False alarm: 1e-4."""
    people = cohort(
        N, seed=SEED, SEX="F: 0.5, M: 0.5", HT="normal(170 cm, 10 cm)", correlations={("SEX", "HT"): 0.5}
    )
    of_women = (people.covariates["HT"][people.covariates["SEX"] == "F"] - 170) / 10
    error = of_women.std() / math.sqrt(len(of_women))
    assert abs(of_women.mean() + 0.5 * math.sqrt(2 / math.pi)) < stats.norm.isf(RARE / 2) * error


@pytest.mark.parametrize("rho", [1.0, -1.0])
def test_perfect_correlation(rho):
    """Truth: one is a rising or falling function of the other; a normal share carries 1e-16, its quantile 1e-9 in the
    tails of 1000 draws."""
    people = cohort(
        1000,
        seed=SEED,
        HT="normal(170 cm, 10 cm)",
        WT="normal(70 kg, 7 kg)",
        correlations={("WT", "HT"): rho},
    )
    expected = (people.covariates["HT"] - 170) / 10 * 7 * rho + 70
    np.testing.assert_allclose(people.covariates["WT"], expected, rtol=1e-10)


def test_singular_correlations():
    """Truth: L L' by hand; two that go in step leave nothing for the second, and a third goes with both or neither."""
    assert cholesky(((1.0,), (1.0, 1.0), (0.6, 0.6, 1.0)), singular=True) == (
        (1.0, 0.0, 0.0),
        (1.0, 0.0, 0.0),
        (0.6, 0.0, 0.8),
    )
    assert cholesky(((1.0,), (1.0, 1.0))) is None
    assert cholesky(((1.0,), (1.1, 1.0)), singular=True) is None
    assert cholesky(((1.0,), (1.0, 1.0), (0.0, 0.5, 1.0)), singular=True) is None


def test_groups_of_correlated_covariates():
    groups = read_correlations({("d", "c"): 0.1, ("a", "b"): 0.2, ("b", "e"): 0.3}, "abcdef")
    assert [group.names for group in groups] == [("a", "b", "e"), ("c", "d")]


def within(rate, truth, n):
    """Whether a rate of n trials is where it should be, at a false-alarm rate of 1e-4."""
    return stats.binomtest(round(rate * n), n, truth).pvalue > RARE


def test_rates_of_rejection():
    """Truth: each rule rejects with the probability of its covariate's distribution. False alarm: 1e-4."""
    rules = ["AGE >= 18", "WT < 80", "SEX != M"]
    given = dict(AGE="uniform(10, 60 year)", WT="normal(70 kg, 10 kg)", SEX="F: 0.7, M: 0.3")
    people = cohort(N, seed=SEED, include=rules, **given)
    found = people.rejected
    assert found.kept == len(people) == N
    truths = [0.16, stats.norm.sf(1), 0.3]
    for rule, truth in zip(rules, truths, strict=True):
        assert within(found.rules[rule], truth, found.drawn)
    assert within(1 - found.share, math.prod(1 - truth for truth in truths), found.drawn)
    ages, weights = people.covariates["AGE"], people.covariates["WT"]
    assert stats.kstest(ages, stats.uniform(18, 42).cdf).pvalue > RARE
    assert stats.kstest(weights, stats.truncnorm(-7, 1, 70, 10).cdf).pvalue > RARE
    assert set(people.covariates["SEX"]) == {"F"}


def test_a_rule_over_two_covariates():
    """Truth: BMI by hand, and the rule seen in every subject."""
    people = cohort(
        2000,
        seed=SEED,
        WT="normal(70 kg, 14 kg) within 40..120",
        HT="normal(170 cm, 10 cm)",
        include=["WT / (HT/100)**2 < 30", "WT / (HT/100)**2 > 18.5"],
    )
    bmi = people.covariates["WT"] / (people.covariates["HT"] / 100) ** 2
    assert ((bmi > 18.5) & (bmi < 30)).all()


def test_rules_leave_rows_of_a_table_out():
    """Truth: by hand. Nobody is drawn again where people were given."""
    table = {"ID": ["a", "b", "c", "d"], "AGE": [12, 20, 30, 40], "SEX": ["F", "F", "M", "F"]}
    people = cohort(table, include=["AGE > 18", "SEX == F"])
    assert people.subject.tolist() == ["b", "d"]
    assert people.covariates["AGE"].tolist() == [20, 40]
    assert (people.rejected.drawn, people.rejected.kept) == (4, 2)
    assert people.rejected.rules == {"AGE > 18": 0.25, "SEX == F": 0.25}
    assert cohort(table, include="AGE > 0").rejected.share == 0.0


def test_rows_of_a_table():
    """Truth: rows stay together, and each is as likely as the others. False alarm: 1e-4."""
    table = {
        "ID": list("abcde"),
        "WT": [50, 60, 70, 80, 90],
        "SEX": ["F", "M", "F", "M", "F"],
        "AGE": "30 year",
    }
    people = cohort(N, seed=SEED, bootstrap=table)
    row = ((people.covariates["WT"] - 50) / 10).astype(int)
    np.testing.assert_array_equal(people.covariates["SEX"], np.array(table["SEX"])[row])
    assert set(people.covariates["AGE"]) == {30.0}
    assert stats.chisquare(np.bincount(row, minlength=5)).pvalue > RARE
    assert dict(people.units) == {"WT": "kg", "SEX": None, "AGE": "year"}


def test_a_grid():
    """Truth: itertools.product."""
    people = cohort(crossed=True, WT=[40, 80], AGE="30 year", SEX=["F", "M"], CRCL=[60, 90, 120])
    rows = zip(*people.covariates.values(), strict=True)
    assert list(rows) == list(itertools.product([40, 80], [30], ["F", "M"], [60, 90, 120]))
    assert people.units["CRCL"] == "mL/min"
    assert cohort(
        {"WT": [40, 80], "AGE": [20, 30]}, crossed=True, include="WT + AGE > 65"
    ).subject.tolist() == [2, 3, 4]


def test_sobol_points_fill_space_evenly():
    """Truth: the mean of 4096 points of a Sobol sequence errs by about 1/4096, that of random ones by 0.3/64. The bound
    lies between: a random sequence passes it in 1 of 6 seeds for one covariate, in 1 of 33 for both."""
    people = cohort(4096, seed=SEED, draws="sobol", WT="uniform(0 kg, 1 kg)", AGE="uniform(0 year, 1 year)")
    assert people.sobol
    for values in people.covariates.values():
        assert abs(values.mean() - 0.5) < 1e-3
