"""Power of bioequivalence studies against exact integrals, published numbers and simulated values of subjects.

Tolerances are standard errors: of a simulated number 4, of the difference of two simulations 4 of both together.
"""

import numpy as np
import pytest
from scipy import integrate, stats

import doseline as dl


def exact(delta: float, error: float, df: int, limits: tuple[float, float] = (0.8, 1.25)) -> float:
    """Power of two one-sided tests: over the residual standard deviation, the chance that the estimate is inside."""
    t = stats.t.isf(0.05, df)
    low, high = np.log(limits)

    def inside(ratio):
        reach = t * error * ratio
        found = stats.norm.cdf((high - reach - delta) / error) - stats.norm.cdf((low + reach - delta) / error)
        return max(found, 0.0) * stats.chi.pdf(ratio * np.sqrt(df), df) * np.sqrt(df)

    return integrate.quad(inside, 0, (high - low) / (2 * t * error), epsabs=1e-10, points=[1.0])[0]


def spread(cv: float) -> float:
    return np.sqrt(np.log1p(cv**2))


EXACT = [
    # design, n, cv, gmr, error in residual standard deviations, degrees of freedom
    ("2x2", 20, 0.20, 0.95, np.sqrt(0.5 * (1 / 10 + 1 / 10)), 18),
    ("2x2", 21, 0.25, 1.00, np.sqrt(0.5 * (1 / 11 + 1 / 10)), 19),
    ("2x2", 40, 0.30, 1.05, np.sqrt(0.5 * (1 / 20 + 1 / 20)), 38),
    ("2x2x4", 24, 0.35, 0.95, np.sqrt(0.25 * (1 / 12 + 1 / 12)), 3 * 24 - 4),
    ("2x2x3", 24, 0.30, 0.95, np.sqrt(0.375 * (1 / 12 + 1 / 12)), 2 * 24 - 3),
    ("2x3x3", 24, 0.30, 0.95, np.sqrt(1 / 6 * (1 / 8 + 1 / 8 + 1 / 8)), 2 * 24 - 3),
]


@pytest.mark.parametrize(("design", "n", "cv", "gmr", "error", "df"), EXACT)
def test_against_the_exact_integral(design, n, cv, gmr, error, df):
    """Truth: an integral over the chi distribution, with the degrees of freedom of PowerTOST's list of designs."""
    found = dl.equivalence_power(design, n=n, cv=cv, gmr=gmr)
    expected = exact(np.log(gmr), error * spread(cv), df)
    assert abs(found["power"] - expected) < 4 * found["standard_error"]


def test_pooled_groups_against_the_exact_integral():
    found = dl.equivalence_power("parallel", n=101, cv=0.35, pooled=True)
    expected = exact(np.log(0.95), spread(0.35) * np.sqrt(1 / 51 + 1 / 50), 99)
    assert abs(found["power"] - expected) < 4 * found["standard_error"]


def test_the_integral_gives_what_is_published():
    """Truth: README of PowerTOST 1.5.2.9000: sampleN.TOST(CV = 0.2) 0.834680; power.TOST, parallel, 52 and 49,
    0.8011186; sampleN.TOST(CV = 0.45, theta0 = 0.9, design = "2x2x3") 0.800125 with 124."""
    assert abs(exact(np.log(0.95), spread(0.2) * np.sqrt(0.1), 18) - 0.834680) < 1e-6
    assert abs(exact(np.log(0.95), spread(0.35) * np.sqrt(1 / 52 + 1 / 49), 99) - 0.8011186) < 1e-7
    assert abs(exact(np.log(0.9), spread(0.45) * np.sqrt(0.375 * 2 / 62), 245) - 0.800125) < 1e-6


PUBLISHED = [
    # README (1.5.2.9000), RSABE vignette and power.scABEL.Rd of PowerTOST, each simulated there with 1e5 studies
    ({"design": "2x3x3", "n": 39, "cv": 0.45, "scaled": "EMA"}, 0.8059),
    ({"design": "2x3x3", "n": 36, "cv": 0.45, "scaled": "EMA"}, 0.7755),
    ({"design": "2x3x3", "n": 42, "cv": 0.55, "scaled": "EMA"}, 0.8085),
    ({"design": "2x3x3", "n": 29, "cv": 0.40, "scaled": "EMA"}, 0.66113),
    ({"design": "2x3x3", "n": 54, "cv": 0.50, "gmr": 1.15, "scaled": "EMA"}, 0.81727),
    ({"design": "2x3x3", "n": 48, "cv": 0.6109, "cv_reference": 0.4852, "scaled": "EMA"}, 0.8161),
    ({"design": "2x2x4", "n": 28, "cv": 0.45, "scaled": "EMA"}, 0.81116),
    ({"design": "2x2x3", "n": 42, "cv": 0.45, "scaled": "EMA"}, 0.80017),
    ({"design": "2x2x4", "n": 20, "cv": 0.40, "cv_reference": 0.50, "scaled": "FDA"}, 0.81509),
    ({"design": "2x3x3", "n": 30, "cv": 0.55, "scaled": "FDA"}, 0.80034),
    ({"design": "2x3x3", "n": 24, "cv": 0.55, "scaled": "FDA"}, 0.72002),
]


@pytest.mark.parametrize(("given", "published"), PUBLISHED, ids=range(len(PUBLISHED)))
def test_scaled_limits_against_published_power(given, published):
    told = {"gmr": 0.9} | given
    found = dl.equivalence_power(told.pop("design"), **told)
    assert abs(found["power"] - published) < 4 * np.sqrt(2) * found["standard_error"]


@pytest.mark.parametrize(
    ("design", "given", "published"),
    [
        ("2x2", {"cv": 0.20}, 20),
        ("2x2", {"cv": 0.17}, 14),
        ("2x2x4", {"cv": 0.40, "gmr": 0.9, "limits": (0.75, 1 / 0.75)}, 30),
        ("2x2x4", {"cv": 0.45, "gmr": 0.9, "scaled": "EMA"}, 28),
        ("2x3x3", {"cv": 0.45, "gmr": 0.9, "scaled": "EMA"}, 39),
        ("2x2x4", {"cv": 0.40, "cv_reference": 0.50, "gmr": 0.9, "scaled": "FDA"}, 20),
    ],
)
def test_subjects_against_published_sample_sizes(design, given, published):
    """Truth: README of PowerTOST 1.5.2.9000."""
    found = dl.equivalence_subjects(design, **given)
    assert found["subjects"] == published
    assert found["power"] >= 0.8
    fewer = dl.equivalence_power(design, n=published - len(found.attrs["sequences"].split(",")), **given)
    assert fewer["power"] < 0.8


@pytest.mark.parametrize("scaled", [None, "EMA", "FDA"])
@pytest.mark.parametrize("design", ["2x2x3", "2x2x4", "2x3x3"])
def test_against_studies_of_subjects(design, scaled):
    """Truth: values of every subject are drawn, and each study is analysed by `equivalence`: its metrics."""
    import pandas as pd

    orders = {"2x2x3": ["TRT", "RTR"], "2x2x4": ["TRTR", "RTRT"], "2x3x3": ["TRR", "RTR", "RRT"]}[design]
    random, runs, n = np.random.default_rng(11), 4000, 18
    rows = [(who, p, what) for who in range(n) for p, what in enumerate(orders[who % len(orders)])]
    subject, period, treatment = zip(*rows, strict=True)
    cv = {"T": 0.45, "R": 0.35}
    noise = random.standard_normal((len(rows), runs)) * np.array([[spread(cv[what])] for what in treatment])
    people = random.standard_normal((n, runs))[list(subject)]
    shift = np.where(np.array(treatment) == "T", np.log(0.93), 0.0) + 0.1 * np.array(period)
    values = np.exp(5 + people + noise + shift[:, np.newaxis])
    names = [f"m{run}" for run in range(runs)]
    table = pd.DataFrame(values, columns=names)
    table = table.assign(subject=subject, period=period, treatment=treatment)
    shown = dl.equivalence(table, metric=names, reference="R", scaled=scaled)["equivalent"].values.mean()
    found = dl.equivalence_power(design, n=n, cv=0.45, cv_reference=0.35, gmr=0.93, scaled=scaled)[
        "power"
    ].item()
    assert abs(shown - found) < 4 * np.sqrt(found * (1 - found) / runs)


def test_welch_against_studies_of_subjects():
    """Truth: the same for two groups with unequal variances, 12 and 11 subjects."""
    import pandas as pd

    random, runs = np.random.default_rng(12), 4000
    treatment = np.array(["T"] * 12 + ["R"] * 11)
    size = np.where(treatment == "T", spread(0.3), spread(0.15))[:, np.newaxis]
    names = [f"m{run}" for run in range(runs)]
    table = pd.DataFrame(np.exp(random.standard_normal((23, runs)) * size), columns=names)
    table = table.assign(subject=range(23), treatment=treatment)
    shown = dl.equivalence(table, metric=names, reference="R")["equivalent"].values.mean()
    found = dl.equivalence_power("parallel", n=23, cv=0.3, cv_reference=0.15, gmr=1.0)["power"].item()
    assert abs(shown - found) < 4 * np.sqrt(found * (1 - found) / runs)


def test_lists_become_dimensions():
    found = dl.equivalence_power("2x2", n=[12, 24], cv=0.25, gmr=[0.95, 1.0], runs=2000, seed=3)
    assert found["power"].dims == ("n", "gmr")
    alone = dl.equivalence_power("2x2", n=24, cv=0.25, gmr=1.0, runs=2000, seed=3)
    assert found["power"].sel(n=24, gmr=1.0) == alone["power"]
    needed = dl.equivalence_subjects("2x2", cv=[0.15, 0.25], runs=2000)
    assert needed["subjects"].dims == ("cv",)
    assert needed["subjects"].values[0] < needed["subjects"].values[1]


def test_a_ratio_at_the_limit_is_shown_in_one_of_twenty():
    """Truth: a test of level 5 % rejects a true hypothesis in 5 % of studies, once the other limit is far away."""
    found = dl.equivalence_power("2x2", n=60, cv=0.1, gmr=1.25)
    assert abs(found["power"] - 0.05) < 4 * found["standard_error"]
