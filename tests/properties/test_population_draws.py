"""Distributions of individual parameters, occasions, estimates and observations of whole simulations.

Truth: scipy's distributions, and the definitions of docs/reference/model_files.md. Seeds are fixed, so each test passes
or fails for ever. Were they drawn anew, each test would fail correct draws once in a thousand times: ``ALARM`` is
shared out evenly among its comparisons (Bonferroni).
"""

import numpy as np
import pytest
from scipy import stats
from scipy.special import logit

import doseline as dl

ALARM = 1e-3
PEOPLE = 4000
MADE = {"source": "test", "status": "assumption"}
MODEL = dl.build_model(
    "drawn",
    parameters={"CL": "5 L/h", "V": "50 L", "F": "0.6", "KA": "1.1 1/h"},
    compartments={"gut": "mg", "central": "mg"},
    flows={"gut -> central": "KA", "central -> out": "CL / V"},
    routes={"oral": {"into": "gut", "bioavailability": "F", "label": "x"}},
    outputs={"plasma": ("central / V", "mg/L")},
)
KINDS = {
    "omega2": ("CL", {"omega2": 0.09}, stats.norm(np.log(5.0), 0.3), np.log),
    "sd of the logarithm": ("CL", {"sd": 0.5}, stats.norm(np.log(5.0), 0.5), np.log),
    "cv": ("V", {"cv": "60 %"}, stats.lognorm(np.sqrt(np.log1p(0.36)), scale=50.0), None),
    "normal": ("V", {"distribution": "normal", "sd": 6.0}, stats.norm(50.0, 6.0), None),
    "normal, cv": ("V", {"distribution": "normal", "cv": "10 %"}, stats.norm(50.0, 5.0), None),
    "logit-normal": ("F", {"distribution": "logit-normal", "sd": 0.8}, stats.norm(logit(0.6), 0.8), logit),
    "logit-normal between": (
        "F", {"distribution": "logit-normal", "omega2": 0.25, "low": 0.2, "high": 0.9},
        stats.norm(logit(0.4 / 0.7), 0.5), lambda value: logit((value - 0.2) / 0.7),
    ),
    # TV exp((exp(eta) ** shape - 1) / shape), turned round for eta
    "box-cox": (
        "KA", {"distribution": "box-cox", "sd": 0.4, "shape": 0.7},
        stats.norm(0.0, 0.4), lambda value: np.log1p(0.7 * np.log(value / 1.1)) / 0.7,
    ),
    "box-cox, negative": (
        "KA", {"distribution": "box-cox", "sd": 0.4, "shape": -0.6},
        stats.norm(0.0, 0.4), lambda value: np.log1p(-0.6 * np.log(value / 1.1)) / -0.6,
    ),
    "uniform": ("F", {"distribution": "uniform", "low": 0.3, "high": 0.8}, stats.uniform(0.3, 0.5), None),
}  # fmt: skip
"""Parameter, entry of the file, what its values should be distributed like, and after what."""


def run(model, *, people=PEOPLE, regimen="100 mg once", times=(0.0, 4.0), **more):
    return dl.simulate(model, regimen, dl.cohort(people, seed=17), times=np.array(times), **more)


def same_law(found, law, comparisons=1):
    """Kolmogorov-Smirnov."""
    return stats.kstest(found, law.cdf).pvalue > ALARM / comparisons


@pytest.mark.parametrize("kind", KINDS)
def test_individual_parameters(kind):
    name, entry, law, turned = KINDS[kind]
    values = run(MODEL.edit(variability={name: entry | MADE}))[name].values
    assert same_law(values if turned is None else turned(values), law)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "uniform"])
def test_levels_have_the_occasions(kind):
    """Truth: the distribution again, of what the peak of a bolus says of each dose's own bioavailability.

    Doses are 1000 h apart, so that nothing is left of the one before; with one occasion for each of 4 doses.
    """
    name, entry, law, turned = KINDS[kind]
    typical = MODEL.parameters[name].value
    bolus = dl.build_model(
        "bolus",
        parameters={"X": f"{typical}", "CL": "5 L/h", "V": "50 L"},
        compartments={"central": "mg"},
        flows={"central -> out": "CL / V"},
        routes={"iv": {"into": "central", "bioavailability": "X", "label": "x"}},
        outputs={"amount": ("central", "mg")},
        occasions={"X": entry | MADE | {"every": "dose"}},
    )
    told = run(bolus, people=PEOPLE // 4, regimen="1 mg every 1000 h x 4", times=np.arange(4) * 1000.0)
    values = told["amount"].values
    assert same_law(values.ravel() if turned is None else turned(values.ravel()), law, 2)
    between = stats.spearmanr(values[:, 0], values[:, 1]).pvalue
    assert between > ALARM / 2, "occasions of one person are independent"


def test_discrete_frequencies():
    """Truth: the multinomial distribution, by chi-squared; the values are those of the file, and no others."""
    entry = {"distribution": "discrete", "values": [0.2, 0.5, 0.9], "probabilities": [0.1, 0.6, 0.3]}
    values = run(MODEL.edit(variability={"F": entry | MADE}))["F"].values
    each, count = np.unique(values, return_counts=True)
    assert each.tolist() == [0.2, 0.5, 0.9]
    assert stats.chisquare(count, PEOPLE * np.array([0.1, 0.6, 0.3])).pvalue > ALARM


def correlation_score(x, y, rho):
    """Fisher's z of a correlation: nearly a standard normal where it is rho."""
    return (np.arctanh(np.corrcoef(x, y)[0, 1]) - np.arctanh(rho)) * np.sqrt(len(x) - 3)


@pytest.mark.parametrize("between", ["subjects", "occasions"])
def test_blocks(between):
    """Truth: the covariance of the file. Three variances by chi-squared, three correlations by Fisher's z."""
    omega = np.array([[0.09, 0.03, -0.02], [0.03, 0.04, 0.01], [-0.02, 0.01, 0.16]])
    names, section = ["CL", "V", "KA"], "variability" if between == "subjects" else "occasions"
    entry = MADE | ({} if between == "subjects" else {"every": "dose"})
    rows = [omega[i, : i + 1].tolist() for i in range(3)]
    block = {"effects": names, "between": between, "omega2": rows, **MADE}
    model = MODEL.edit(blocks={"all": block}, **{section: dict.fromkeys(names, entry)})
    told = run(model)
    prefix = "eta" if between == "subjects" else "kappa"
    etas = [told[f"{prefix}_{name}"].values.reshape(PEOPLE, -1)[:, 0] for name in names]
    furthest = stats.norm.isf(ALARM / 12)
    for i in range(3):
        chance = stats.chi2(PEOPLE - 1).cdf((PEOPLE - 1) * etas[i].var(ddof=1) / omega[i, i])
        assert ALARM / 12 < chance < 1 - ALARM / 12, names[i]
        for j in range(i):
            rho = omega[i, j] / np.sqrt(omega[i, i] * omega[j, j])
            assert abs(correlation_score(etas[i], etas[j], rho)) < furthest, (names[i], names[j])
    if between == "subjects":
        np.testing.assert_allclose(told["CL"].values, 5.0 * np.exp(etas[0]), rtol=1e-15)


def test_correlations_of_effects_with_spreads_of_their_own():
    """Truth: each distribution by itself, and Pearson's correlation of their etas."""
    block = {"effects": ["CL", "F"], "correlations": [[1.0], [-0.6, 1.0]], **MADE}
    logit_normal = {"distribution": "logit-normal", "sd": 0.8, **MADE}
    told = run(MODEL.edit(blocks={"both": block}, variability={"CL": "30 %", "F": logit_normal}))
    assert same_law(np.log(told["CL"].values / 5.0), stats.norm(0.0, np.sqrt(np.log1p(0.09))), 3)
    assert same_law(logit(told["F"].values), stats.norm(logit(0.6), 0.8), 3)
    score = correlation_score(told["eta_CL"].values, told["eta_F"].values, -0.6)
    assert abs(score) < stats.norm.isf(ALARM / 6)


@pytest.mark.parametrize("scale", ["natural", "log"])
def test_uncertainty(scale):
    """Truth: the covariance of the file, over 2000 replicates. Two distributions and a correlation."""
    covariance = (
        np.array([[0.25, 0.9], [0.9, 9.0]])
        if scale == "natural"
        else np.array([[0.01, 0.006], [0.006, 0.0144]])
    )
    told = {"parameters": ["CL", "V"], "scale": scale, "covariance": covariance.tolist(), **MADE}
    found = run(MODEL.edit(uncertainty=told), people=1, replicates=2000)
    values = np.stack([found[name].values[:, 0] for name in ("CL", "V")])
    typical = np.array([5.0, 50.0])
    if scale == "log":
        values, typical = np.log(values), np.log(typical)
    for row, center, variance in zip(values, typical, covariance.diagonal(), strict=True):
        assert same_law(row, stats.norm(center, np.sqrt(variance)), 3)
    rho = covariance[0, 1] / np.sqrt(covariance.diagonal().prod())
    assert abs(correlation_score(*values, rho)) < stats.norm.isf(ALARM / 6)


def test_draws_of_estimates_are_taken_row_by_row():
    """Truth: the table itself, from the model file and from the call."""
    table = {"CL": [4.0, 5.5, 7.0], "V": [40.0, 44.0, 60.0]}
    in_file = run(MODEL.edit(uncertainty={"draws": table, **MADE}), people=2, replicates=3)
    in_call = run(MODEL, people=2, replicates=3, uncertainty=table)
    for told in (in_file, in_call):
        for name, column in table.items():
            np.testing.assert_allclose(told[name].values[:, 0], column, rtol=1e-15)


ERRORS = {
    "additive": ({"sd": 0.2}, lambda level: 0.2 + 0.0 * level),
    "proportional": ({"cv": "15 %"}, lambda level: 0.15 * level),
    "combined": ({"sd": 0.2, "cv": "15 %"}, lambda level: np.hypot(0.2, 0.15 * level)),
    "power": ({"cv": "15 %", "power": 0.6}, lambda level: 0.15 * level**0.6),
    "log-normal": ({"log_sd": 0.25}, None),
    "log-normal, cv": ({"cv": "40 %"}, None),
}
"""What is asked for, and the standard deviation at a level."""


@pytest.mark.parametrize("lloq", [None, 0.6])
@pytest.mark.parametrize("error", ERRORS)
def test_observations(error, lloq):
    """Truth: the definition, with the level of each person; two times, which must not share their errors.

    Below the limit of quantification there is no number, and a flag; what is above is distributed as if cut off there.
    """
    asked, spread = ERRORS[error]
    entry = {"error": error.partition(",")[0], **asked, **({} if lloq is None else {"lloq": lloq}), **MADE}
    told = run(
        MODEL.edit(residual={"plasma": entry}, variability={"CL": "30 %"}), times=[1.0, 8.0], observed=True
    )
    level, seen = told["plasma"].values, told["plasma_observed"].values
    if spread is None:
        sd = asked.get("log_sd", np.sqrt(np.log1p(0.4**2)))
        score, limit = np.log(seen / level) / sd, np.log((lloq or 1.0) / level) / sd
    else:
        score, limit = (seen - level) / spread(level), ((lloq or 1.0) - level) / spread(level)
    if lloq is None:
        assert "plasma_blq" not in told
        limit = np.full_like(level, -np.inf)
    else:
        assert (np.isnan(seen) == told["plasma_blq"].values).all()
        assert np.nanmin(seen) >= lloq
        below, chance = told["plasma_blq"].values, stats.norm.cdf(limit)
        off = (below.sum() - chance.sum()) / np.sqrt((chance * (1 - chance)).sum())
        assert abs(off) < stats.norm.isf(ALARM / 8)
    # above the limit, the chance of a smaller number is uniform
    rest = (stats.norm.cdf(score) - stats.norm.cdf(limit)) / stats.norm.sf(limit)
    for column in rest.T:
        assert same_law(column[np.isfinite(column)], stats.uniform, 4)
    both = np.isfinite(score).all(axis=1)
    assert stats.spearmanr(rest[both, 0], rest[both, 1]).pvalue > ALARM / 4


def test_sobol_etas_are_even():
    """Truth: a normal distribution, met 10 times more closely than independent draws usually would."""
    people = dl.cohort(1024, seed=17, draws="sobol", WT="uniform(60 kg, 80 kg)")
    told = dl.simulate(
        MODEL.edit(variability={"CL": {"sd": 0.3, **MADE}}), "100 mg once", people, times=[0.0, 1.0]
    )
    distance = stats.kstest(told["eta_CL"].values, stats.norm(0.0, 0.3).cdf).statistic
    assert distance < 0.1 * stats.kstwobign.mean() / np.sqrt(1024)
