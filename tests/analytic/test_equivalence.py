"""Bioequivalence against published results, hand computation and identities.

Truth: data sets of `bioequivalence_data`, with what was published of them. Tolerances are the digits that are printed.
Where no source has a number, a plain least-squares fit with a column for every subject stands for it.
"""

import numpy as np
import pandas as pd
import pytest
from bioequivalence_data import (
    CROSSOVER_A,
    CROSSOVER_B,
    DUAL,
    EMA_I,
    EMA_II,
    PARALLEL_1,
    PARALLEL_4,
    crossover,
    parallel,
)
from scipy import stats

import doseline as dl


def values(found, *names):
    return [float(found[name].sel(metric="AUC")) for name in names]


INTERVAL = ("GMR_lower", "GMR_upper", "GMR")


@pytest.mark.parametrize(
    ("text", "interval", "cv", "limits", "df"),
    [
        (EMA_I, (107.1057, 124.8948, 115.6587), 46.96431, (71.22698, 140.3962), 217),
        (EMA_II, (97.31555, 107.4649, 102.2644), 11.17076, (80, 125), 45),
        (DUAL, (96.26997, 107.5861, 101.7709), 9.506099, (80, 125), 33),
    ],
)
def test_replicates(text, interval, cv, limits, df):
    """Truth: method.A of rds01, rds02 and rds10 in tests/testthat/testthat.R of replicateBE (cran/replicateBE, commit
    0c9858eb), 7 digits. Degrees of freedom: MetidaBioeq.jl, test/csv/ciref.csv, for method B, which has the same."""
    plain = dl.equivalence(crossover(text), metric="AUC", reference="R")
    widened = dl.equivalence(crossover(text), metric="AUC", reference="R", scaled="EMA")
    for found in (plain, widened):
        np.testing.assert_allclose(100 * np.array(values(found, *INTERVAL)), interval, rtol=5e-7)
        np.testing.assert_allclose(100 * values(found, "CVwR")[0], cv, rtol=5e-7)
        assert values(found, "df") == [df]
        assert bool(found["equivalent"].item())
    np.testing.assert_allclose(
        100 * np.array(values(widened, "limit_lower", "limit_upper")), limits, rtol=5e-7
    )
    assert values(plain, "limit_lower", "limit_upper") == [0.8, 1.25]
    assert bool(widened["scaled"].item()) == (cv > 30)


@pytest.mark.parametrize(
    ("text", "printed"), [(CROSSOVER_A, (95.09, 90.76, 99.62)), (CROSSOVER_B, (71.10, 51.45, 98.26))]
)
def test_crossovers(text, printed):
    """Truth: Schütz, Labes, Fuglsang, AAPS J 16 (2014) 1292, as listed in MetidaBioeq.jl, test/csv/ciref.csv."""
    found = dl.equivalence(crossover(text), metric="AUC", reference="R")
    assert found.attrs["design"] == "2x2"
    np.testing.assert_allclose(
        100 * np.array(values(found, "GMR", "GMR_lower", "GMR_upper")), printed, atol=0.00501
    )


@pytest.mark.parametrize(
    ("groups", "pooled", "printed"),
    [
        (PARALLEL_1, False, (48.58, 26.78, 88.14)),
        (PARALLEL_1, True, (48.58, 27.15, 86.94)),
        (PARALLEL_4, False, (71.97, 38.05, 136.15)),
        (PARALLEL_4, True, (71.97, 38.60, 134.21)),
    ],
)
def test_parallel_groups(groups, pooled, printed):
    """Truth: Fuglsang, Schütz, Labes, AAPS J 17 (2015) 400, as listed in MetidaBioeq.jl, test/csv/ciref.csv."""
    found = dl.equivalence(parallel(groups), metric="AUC", reference="R", pooled=pooled)
    assert found.attrs["design"] == "parallel"
    np.testing.assert_allclose(
        100 * np.array(values(found, "GMR", "GMR_lower", "GMR_upper")), printed, atol=0.00501
    )


def test_an_interval_by_its_definition():
    """Truth: CI.BE(pe=0.95, CV=0.20, n=20) of PowerTOST prints 0.8522362 to 1.0589787 (forum.bebac.at, entry 23749)."""
    half = np.sqrt(np.log1p(0.2**2)) * np.sqrt(18 / 20)
    away = np.array([half, -half] * 5)
    rows = []
    for who in range(20):
        order = "TR" if who < 10 else "RT"
        # the difference of a subject is ln 0.95 plus what has the variance 2 s^2, without any period effect
        difference = np.log(0.95) + np.sqrt(2) * away[who % 10]
        logs = {"T": 3 + difference / 2, "R": 3 - difference / 2}
        rows += [(who, period, what, np.exp(logs[what])) for period, what in enumerate(order)]
    table = pd.DataFrame(rows, columns=["subject", "period", "treatment", "AUC"])
    found = dl.equivalence(table, metric="AUC", reference="R")
    np.testing.assert_allclose(
        values(found, "GMR", "CVw", "GMR_lower", "GMR_upper"), [0.95, 0.2, 0.8522362, 1.0589787], rtol=1e-7
    )


def test_by_hand():
    """Truth: two subjects of each sequence. Period differences in logarithms, TR: 0.1 and 0.3; RT: 0.2 and 0.0.

    Estimate (0.2 - 0.1) / 2 = 0.05; residual variance half the variance of the differences, (0.02 + 0.02) / 2 / 2;
    error sqrt(0.01 / 2 (1/2 + 1/2)); t of 95 % with 2 degrees of freedom 2.919986.
    """
    logs = {1: (5.1, 5.0), 2: (6.3, 6.0), 3: (4.2, 4.0), 4: (7.0, 7.0)}
    rows = [
        (who, period, "TR"[period] if who < 3 else "RT"[period], np.exp(logs[who][period]))
        for who in logs
        for period in (0, 1)
    ]
    found = dl.equivalence(
        pd.DataFrame(rows, columns=["subject", "period", "treatment", "AUC"]), metric="AUC", reference="R"
    )
    assert values(found, "df") == [2]
    np.testing.assert_allclose(np.log(values(found, "GMR")), 0.05, rtol=1e-10)
    np.testing.assert_allclose(values(found, "CVw"), np.sqrt(np.exp(0.01) - 1), rtol=1e-10)
    np.testing.assert_allclose(
        np.log(values(found, "GMR_upper")), 0.05 + 2.919986 * np.sqrt(0.005), rtol=1e-6
    )
    below = (0.05 - np.log(0.8)) / np.sqrt(0.005)
    # the t distribution with 2 degrees of freedom has a closed form
    np.testing.assert_allclose(values(found, "p_lower"), 0.5 - below / 2 / np.sqrt(2 + below**2), rtol=1e-9)


def plain_anova(table: pd.DataFrame) -> tuple[float, float, int]:
    """Estimate, error and degrees of freedom with one column for each subject, period and treatment."""
    shown = pd.get_dummies(table[["subject", "period"]].astype(str)).astype(float)
    columns = np.column_stack([shown, table["treatment"] == "T"])
    logs = np.log(table["AUC"].to_numpy())
    found, *_ = np.linalg.lstsq(columns, logs, rcond=None)
    rest = logs - columns @ found
    df = len(logs) - np.linalg.matrix_rank(columns)
    covariance = np.linalg.pinv(columns.T @ columns) * (rest @ rest) / df
    return found[-1], np.sqrt(covariance[-1, -1]), df


@pytest.mark.parametrize(
    "sequences", [("TR", "RT"), ("TRT", "RTR"), ("TRR", "RTR"), ("TR", "RT", "TT", "RR")]
)
def test_unbalanced_studies_against_a_plain_fit(sequences):
    """Truth: least squares with a column for every subject, 13 subjects in unequal sequences, some rows missing."""
    random = np.random.default_rng(5)
    rows = [
        (who, period, what, np.exp(random.normal(4 + who / 10 + 0.2 * period, 0.3)))
        for who in range(13)
        for period, what in enumerate(sequences[min(who // 3, len(sequences) - 1)])
    ]
    table = pd.DataFrame(rows, columns=["subject", "period", "treatment", "AUC"])
    if len(sequences[0]) > 2:
        table = table.drop(index=[4, 17])
    estimate, error, df = plain_anova(table)
    found = dl.equivalence(table, metric="AUC", reference="R")
    np.testing.assert_allclose(np.log(values(found, "GMR")), estimate, rtol=1e-9)
    np.testing.assert_allclose(
        np.log(values(found, "GMR_upper")), estimate + stats.t.isf(0.05, df) * error, rtol=1e-9
    )
    assert values(found, "df") == [df]


def test_howe_by_the_published_steps():
    """Truth: the steps of the FDA's Draft Guidance on Progesterone (February 2011), taken one by one on data set II."""
    table = crossover(EMA_II)
    wide = table.assign(log=np.log(table["AUC"])).sort_values("period").groupby(["sequence", "subject"])
    contrast, repeat = [], []
    for (sequence, _), rows in wide:
        reference = rows.loc[rows["treatment"] == "R", "log"].to_numpy()
        contrast.append((sequence, rows.loc[rows["treatment"] == "T", "log"].item() - reference.mean()))
        repeat.append((sequence, reference[0] - reference[1]))
    ilat, dlat = (
        pd.DataFrame(column, columns=["seq", "x"]).groupby("seq")["x"] for column in (contrast, repeat)
    )
    estimate, stderr = ilat.mean().mean(), np.sqrt(((ilat.var() * 7).sum() / 21) * (3 / 8)) / 3
    s2wr = (dlat.var() * 7).sum() / 21 / 2
    low, high = estimate + stats.t.ppf([0.05, 0.95], 21) * stderr
    x, y = estimate**2 - stderr**2, -((np.log(1.25) / 0.25) ** 2) * s2wr
    boundx, boundy = max(abs(low), abs(high)) ** 2, y * 21 / stats.chi2.ppf(0.95, 21)
    critbound = x + y + np.sqrt((boundx - x) ** 2 + (boundy - y) ** 2)
    found = dl.equivalence(table, metric="AUC", reference="R", scaled="FDA")
    np.testing.assert_allclose(values(found, "criterion"), critbound, rtol=1e-10)
    np.testing.assert_allclose(np.log(values(found, "GMR_lower", "GMR_upper")), [low, high], rtol=1e-10)
    np.testing.assert_allclose(values(found, "CVwR"), np.sqrt(np.exp(s2wr) - 1), rtol=1e-10)
    assert not found["scaled"].item()
    assert found["equivalent"].item()


def test_fda_scaling_leaves_out_who_is_incomplete():
    """Data set I: eight subjects lack a period; sWR is above 0.294, so that the criterion decides."""
    found = dl.equivalence(crossover(EMA_I), metric="AUC", reference="R", scaled="FDA")
    assert found["subjects"].sum() == 69
    assert found.attrs["left_out"].count("lacks a period") == 8
    assert found["scaled"].item()
    assert found["equivalent"].item() == (values(found, "criterion")[0] <= 0)
    # without scaling the interval is too wide
    assert values(found, "GMR_upper")[0] > 1.25


def test_the_ratio_has_to_lie_within_the_limits_too():
    """EMA and FDA: with wide limits a ratio above 1.25 is refused all the same."""
    table = crossover(EMA_I)
    table.loc[table["treatment"] == "T", "AUC"] *= 1.26 / 1.1565872777
    for scaled in ("EMA", "FDA"):
        found = dl.equivalence(table, metric="AUC", reference="R", scaled=scaled)
        assert found["scaled"].item()
        assert not found["equivalent"].item()
    assert values(dl.equivalence(table, metric="AUC", reference="R", scaled="EMA"), "GMR_upper")[0] < 1.403963


@pytest.mark.parametrize("text", [EMA_I, EMA_II, CROSSOVER_A, "\n".join([*CROSSOVER_B.split("\n")[:-4], ""])])
def test_identities(text):
    """The other way round the ratio is inverted; period effects, units and the order of rows change nothing."""
    table = crossover(text)
    found = dl.equivalence(table, metric="AUC", reference="R")
    swapped = dl.equivalence(table, metric="AUC", reference="T")
    np.testing.assert_allclose(
        values(found, "GMR", "GMR_lower"), 1 / np.array(values(swapped, "GMR", "GMR_upper"))
    )
    np.testing.assert_allclose(values(found, "CVw", "df"), values(swapped, "CVw", "df"))
    later = table.assign(AUC=table["AUC"] * 1.7 ** table["period"])
    scaled = table.assign(AUC=table["AUC"] * 1000)
    shuffled = table.sample(frac=1, random_state=3)
    derived = table.drop(columns="sequence")
    for other in (later, scaled, shuffled, derived):
        same = dl.equivalence(other, metric="AUC", reference="R")
        np.testing.assert_allclose(
            values(same, "GMR", "GMR_lower", "CVw", "p_upper"),
            values(found, "GMR", "GMR_lower", "CVw", "p_upper"),
            rtol=1e-9,
        )
        assert same["subjects"].equals(found["subjects"])


def test_tests_and_interval_agree():
    """Two one-sided tests reject at alpha exactly where the interval of 1 - 2 alpha lies within the limits."""
    table = crossover(EMA_I)
    p_upper = values(dl.equivalence(table, metric="AUC", reference="R"), "p_upper")[0]
    for alpha, expected in ((p_upper * 1.001, True), (p_upper * 0.999, False)):
        assert (
            dl.equivalence(table, metric="AUC", reference="R", alpha=alpha)["equivalent"].item() is expected
        )


def test_several_metrics_and_tests():
    """Every cell is that of the metric and the test alone."""
    random = np.random.default_rng(2)
    orders = ["ABR", "BRA", "RAB", "RBA", "ARB", "BAR"] * 3
    rows = [
        (who, period, what, *np.exp(random.normal(3, 0.2, 2)))
        for who, order in enumerate(orders)
        for period, what in enumerate(order)
    ]
    table = pd.DataFrame(rows, columns=["subject", "period", "treatment", "AUC", "Cmax"])
    found = dl.equivalence(table, metric=["AUC", "Cmax"], reference="R")
    assert found.attrs["design"] == "crossover"
    assert found["GMR"].dims == ("treatment", "metric")
    assert found["subjects"].sum("sequence").values.tolist() == [18, 18]
    for test in "AB":
        pair = table[table["treatment"] != {"A": "B", "B": "A"}[test]]
        for metric in ("AUC", "Cmax"):
            renamed = pair.assign(AUC=pair[metric], treatment=np.where(pair["treatment"] == test, "T", "R"))
            estimate, _, df = plain_anova(renamed)
            cell = found.sel(treatment=test, metric=metric)
            np.testing.assert_allclose(np.log(cell["GMR"]), estimate, rtol=1e-9, atol=1e-12)
            assert cell["df"] == df


def test_who_lacks_a_period_is_left_out_and_named():
    table = crossover(CROSSOVER_A)
    cut = table[~((table["subject"] == 7) & (table["period"] == 2))]
    found = dl.equivalence(cut, metric="AUC", reference="R")
    assert found.attrs["left_out"] == "subject 7 has no T (T)"
    whole = dl.equivalence(table[table["subject"] != 7], metric="AUC", reference="R")
    assert whole.attrs["left_out"] == "nobody"
    xr_names = ["GMR", "GMR_lower", "GMR_upper", "subjects"]
    assert found[xr_names].equals(whole[xr_names])
