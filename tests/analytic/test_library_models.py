"""The teaching models of the library against matrix exponentials at 50 digits.

Truth: each model's balance equations, written out here by hand as a matrix and solved by ``mpmath.expm``; the files are
not looked at. Every parameter is moved away from the value in its file, so that one which acts nowhere, or in the wrong
place, shows. Textbook sums of exponentials stand beside the matrices where there are any: the truth has two witnesses.

Tolerance: 1e-12 of each profile's maximum, what the engine promises; the matrices are made of the very doubles that the
simulator gets. The two witnesses agree to 40 digits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import mpmath as mp
import numpy as np
import pytest

import doseline as dl
from doseline.model.expression import parse

DIGITS = 50
ENGINE = 1e-12
TIMES = [0.3, 1.1, 2.6, 7.0, 11.9, 12.6, 20.0, 37.3]


@dataclass(frozen=True)
class Into:
    """How one dose enters: compartment (from 0), share, lag [h], duration [h]."""

    state: int
    share: mp.mpf | float = 1.0
    lag: mp.mpf | float = 0.0
    duration: mp.mpf | float = 0.0


@dataclass(frozen=True)
class Truth:
    """Parameters; and from them the matrix [1/h], the outputs as rows, and how doses enter by each route."""

    values: dict[str, float]
    equations: Callable


def one(p, *, k, v, depot):
    """One compartment, with its depot in front where there is one."""
    if not depot:
        return [[-k]], {"plasma": [1 / v]}, {"iv": Into(0)}
    return [[-p["KA"], 0], [p["KA"], -k]], {"plasma": [0, 1 / v]}, {"oral": Into(0, p["F"]), "iv": Into(1)}


def mammillary(p, *, k, v, pairs, depot):
    """Peripheral compartments (there, back) around the central one."""
    n = 1 + len(pairs)
    matrix = [[mp.mpf(0)] * n for _ in range(n)]
    matrix[0][0] = -k - sum(there for there, _ in pairs)
    for i, (there, back) in enumerate(pairs, start=1):
        matrix[i][0], matrix[0][i], matrix[i][i] = there, back, -back
    row = [1 / v] + [0] * (n - 1)
    if not depot:
        return matrix, {"plasma": row}, {"iv": Into(0)}
    matrix = [[-p["KA"], *[0] * n], *([0, *line] for line in matrix)]
    matrix[1][0] = p["KA"]
    return matrix, {"plasma": [0, *row]}, {"oral": Into(0, p["F"]), "iv": Into(1)}


def lagged(p):
    matrix, rows, routes = one(p, k=p["CL"] / p["V"], v=p["V"], depot=True)
    return matrix, rows, routes | {"oral": Into(0, p["F"], p["TLAG"])}


def zero_order(p):
    return (
        [[-p["CL"] / p["V"]]],
        {"plasma": [1 / p["V"]]},
        {"oral": Into(0, p["F"], duration=p["D"]), "iv": Into(0)},
    )


def transit(p):
    """Depot, central, transit 1, transit 2, gut: three steps at KTR, so MTT = 3 / KTR, then KA."""
    ktr, ka, k = 3 / p["MTT"], p["KA"], p["CL"] / p["V"]
    matrix = [
        [-ktr, 0, 0, 0, 0],
        [0, -k, 0, 0, ka],
        [ktr, 0, -ktr, 0, 0],
        [0, 0, ktr, -ktr, 0],
        [0, 0, 0, ktr, -ka],
    ]
    return matrix, {"plasma": [0, 1 / p["V"], 0, 0, 0]}, {"oral": Into(0, p["F"]), "iv": Into(1)}


def parallel(p):
    matrix = [[-p["KA1"], 0, 0], [0, -p["KA2"], 0], [p["KA1"], p["KA2"], -p["CL"] / p["V"]]]
    routes = {
        "fast": Into(0, p["F"] * p["FR"]),
        "slow": Into(1, p["F"] * (1 - p["FR"]), p["TLAG2"]),
        "iv": Into(2),
    }
    return matrix, {"plasma": [0, 0, 1 / p["V"]]}, routes


def parent_metabolite(p):
    ka, k, km = p["KA"], p["CL"] / p["V"], p["CLM"] / p["VM"]
    matrix = [[-ka, 0, 0], [ka, -k, 0], [0, p["FM"] * k, -km]]
    rows = {"plasma": [0, 1 / p["V"], 0], "metabolite": [0, 0, p["MW_RATIO"] / p["VM"]]}
    return matrix, rows, {"oral": Into(0, p["F"]), "iv": Into(1)}


def reversible(p):
    ka, v, vm = p["KA"], p["V"], p["VM"]
    matrix = [
        [-ka, 0, 0],
        [ka, -(p["CL10"] + p["CL12"]) / v, p["CL21"] / vm],
        [0, p["CL12"] / v, -(p["CL20"] + p["CL21"]) / vm],
    ]
    rows = {"plasma": [0, 1 / v, 0], "metabolite": [0, 0, 1 / vm]}
    return matrix, rows, {"oral": Into(0, p["F"]), "iv": Into(1), "iv_metabolite": Into(2)}


def enterohepatic(p):
    """Gut, central, bile."""
    matrix = [
        [-p["KA"] - p["KF"], 0, p["KB"]],
        [p["KA"], -(p["CL"] + p["CLB"]) / p["V"], 0],
        [0, p["CLB"] / p["V"], -p["KB"]],
    ]
    return matrix, {"plasma": [0, 1 / p["V"], 0], "bile": [0, 0, 1]}, {"oral": Into(0), "iv": Into(1)}


def urinary(p):
    kr, kn = p["CLR"] / p["V"], p["CLNR"] / p["V"]
    matrix = [[-p["KA"], 0, 0], [p["KA"], -kr - kn, 0], [0, kr, 0]]
    rows = {"plasma": [0, 1 / p["V"], 0], "urine": [0, 0, 1], "excretion": [0, kr, 0]}
    return matrix, rows, {"oral": Into(0, p["F"]), "iv": Into(1)}


ORAL = {"KA": 0.83, "F": 0.63}
ONE, ONE_K = {"CL": 3.7, "V": 41.0}, {"K": 0.09, "V": 41.0}

TRUTHS = {
    "one-compartment-iv": Truth(ONE, lambda p: one(p, k=p["CL"] / p["V"], v=p["V"], depot=False)),
    "one-compartment-iv-micro": Truth(ONE_K, lambda p: one(p, k=p["K"], v=p["V"], depot=False)),
    "one-compartment-oral-lag": Truth({**ORAL, **ONE, "TLAG": 0.7}, lagged),
    "one-compartment-oral-micro": Truth({**ORAL, **ONE_K}, lambda p: one(p, k=p["K"], v=p["V"], depot=True)),
    "two-compartment-iv": Truth(
        {"CL": 4.3, "V1": 17.0, "Q": 9.1, "V2": 52.0},
        lambda p: mammillary(
            p, k=p["CL"] / p["V1"], v=p["V1"], pairs=[(p["Q"] / p["V1"], p["Q"] / p["V2"])], depot=False
        ),
    ),
    "two-compartment-iv-micro": Truth(
        {"K": 0.23, "K12": 0.61, "K21": 0.19, "V": 17.0},
        lambda p: mammillary(p, k=p["K"], v=p["V"], pairs=[(p["K12"], p["K21"])], depot=False),
    ),
    "two-compartment-oral": Truth(
        {**ORAL, "CL": 4.3, "V2": 17.0, "Q": 9.1, "V3": 52.0},
        lambda p: mammillary(
            p, k=p["CL"] / p["V2"], v=p["V2"], pairs=[(p["Q"] / p["V2"], p["Q"] / p["V3"])], depot=True
        ),
    ),
    "two-compartment-oral-micro": Truth(
        {**ORAL, "K": 0.23, "K23": 0.61, "K32": 0.19, "V": 17.0},
        lambda p: mammillary(p, k=p["K"], v=p["V"], pairs=[(p["K23"], p["K32"])], depot=True),
    ),
    "three-compartment-iv": Truth(
        {"CL": 4.3, "V1": 11.0, "Q2": 7.3, "V2": 23.0, "Q3": 1.7, "V3": 61.0},
        lambda p: mammillary(
            p,
            k=p["CL"] / p["V1"],
            v=p["V1"],
            pairs=[(p["Q2"] / p["V1"], p["Q2"] / p["V2"]), (p["Q3"] / p["V1"], p["Q3"] / p["V3"])],
            depot=False,
        ),
    ),
    "three-compartment-iv-micro": Truth(
        {"K": 0.43, "K12": 0.71, "K21": 0.37, "K13": 0.16, "K31": 0.03, "V1": 11.0},
        lambda p: mammillary(
            p, k=p["K"], v=p["V1"], pairs=[(p["K12"], p["K21"]), (p["K13"], p["K31"])], depot=False
        ),
    ),
    "three-compartment-oral": Truth(
        {**ORAL, "CL": 4.3, "V2": 11.0, "Q3": 7.3, "V3": 23.0, "Q4": 1.7, "V4": 61.0},
        lambda p: mammillary(
            p,
            k=p["CL"] / p["V2"],
            v=p["V2"],
            pairs=[(p["Q3"] / p["V2"], p["Q3"] / p["V3"]), (p["Q4"] / p["V2"], p["Q4"] / p["V4"])],
            depot=True,
        ),
    ),
    "three-compartment-oral-micro": Truth(
        {**ORAL, "K": 0.43, "K23": 0.71, "K32": 0.37, "K24": 0.16, "K42": 0.03, "V2": 11.0},
        lambda p: mammillary(
            p, k=p["K"], v=p["V2"], pairs=[(p["K23"], p["K32"]), (p["K24"], p["K42"])], depot=True
        ),
    ),
    "zero-order-absorption": Truth({**ONE, "D": 2.3, "F": 0.63}, zero_order),
    "transit-absorption": Truth({**ONE, **ORAL, "MTT": 1.3}, transit),
    "parallel-absorption": Truth(
        {**ONE, "KA1": 1.4, "KA2": 0.27, "FR": 0.55, "TLAG2": 1.7, "F": 0.63}, parallel
    ),
    "parent-metabolite": Truth(
        {**ONE, **ORAL, "FM": 0.37, "CLM": 8.3, "VM": 27.0, "MW_RATIO": 1.13}, parent_metabolite
    ),
    "reversible-metabolism": Truth(
        {**ORAL, "CL10": 2.7, "CL12": 4.3, "CL20": 0.9, "CL21": 2.3, "V": 37.0, "VM": 19.0}, reversible
    ),
    "enterohepatic-recirculation": Truth(
        {"KA": 1.1, "CL": 2.7, "CLB": 5.3, "V": 31.0, "KB": 0.43, "KF": 0.21}, enterohepatic
    ),
    "urinary-excretion": Truth({**ORAL, "CLR": 1.7, "CLNR": 2.9, "V": 47.0}, urinary),
}


def exact(values):
    return {name: mp.mpf(value) for name, value in values.items()}


def solved(matrix, into, *, duration):
    """Amounts (compartment,) at an age after a unit dose, as a function of the age."""
    n = len(matrix)

    @cache
    def bolus(age):
        return mp.expm(mp.matrix(matrix) * age, method="taylor")

    @cache
    def amounts(age):
        if not duration:
            return bolus(age)[:, into.state]
        # one more state that never changes feeds the dose in at a constant rate
        fed = mp.zeros(n + 1)
        for i in range(n):
            for j in range(n):
                fed[i, j] = matrix[i][j]
        fed[into.state, n] = 1 / duration
        entered = mp.expm(fed * min(age, duration), method="taylor")[:n, n]
        return bolus(age - duration) * entered if age > duration else entered

    return lambda age: amounts(age) if age >= 0 else mp.zeros(n, 1)


def levels(truth, given, *, output, times):
    """Levels of an output at `times`; `given` holds (route, time, amount, duration) of each dose."""
    matrix, rows, routes = truth.equations(exact(truth.values))
    total = [mp.mpf(0)] * len(times)
    for route, begin, amount, duration in given:
        into = routes[route]
        after = solved(matrix, into, duration=mp.mpf(duration or into.duration))
        for i, t in enumerate(times):
            state = after(mp.mpf(t) - begin - into.lag)
            total[i] += amount * into.share * sum(w * a for w, a in zip(rows[output], state, strict=True))
    return total


def worst(found, truth):
    """Largest difference, as a fraction of the profile's maximum."""
    off = max(abs(mp.mpf(float(x)) - y) for x, y in zip(found, truth, strict=True))
    return float(off / max(truth))


def courses(name):
    """Regimens in words, and the same as doses."""
    truth = TRUTHS[name]
    _, _, routes = truth.equations(exact(truth.values))
    for route in routes:
        yield f"100 mg every 12 h by {route} x 3", [(route, 12.0 * i, 100, 0) for i in range(3)]
    if "iv" in routes:
        yield "100 mg over 90 min once by iv", [("iv", 0.0, 100, 1.5)]
    if {"fast", "slow"} <= set(routes):
        yield "(100 mg once by fast) and (100 mg once by slow)", [("fast", 0, 100, 0), ("slow", 0, 100, 0)]


@pytest.mark.parametrize("name", TRUTHS)
def test_levels(name):
    """Truth: the matrix exponential of the equations above."""
    truth = TRUTHS[name]
    given = dict(courses(name))
    model = dl.load_model(name).with_(**truth.values)
    found = dl.simulate(model, {text: text for text in given}, times=TIMES)
    with mp.workdps(DIGITS):
        _, rows, _ = truth.equations(exact(truth.values))
        assert list(model.outputs) == list(rows)
        for text, output in ((text, output) for text in given for output in rows):
            profile = found[output].sel(regimen=text).values.ravel()
            assert worst(profile, levels(truth, given[text], output=output, times=TIMES)) < ENGINE


@pytest.mark.parametrize("name", TRUTHS)
def test_nothing_of_the_file_is_left_out(name):
    """Truth: none needed; what is left at its default, or never taken, would be tested less than this file says."""
    truth, model = TRUTHS[name], dl.load_model(name)
    assert set(truth.values) == set(model.parameters)
    assert all(model.parameters[key].value != value for key, value in truth.values.items())
    assert list(truth.equations(exact(truth.values))[2]) == list(model.routes)


# ------------------------------------------------------------------ the truth has a second witness


def rates_of(k, pairs):
    """Decay rates after a bolus: the root of a line, of a quadratic, of a cubic (Viète's cosines)."""
    if not pairs:
        return [k]
    if len(pairs) == 1:
        ((k12, k21),) = pairs
        total = k + k12 + k21
        root = mp.sqrt(total**2 - 4 * k * k21)
        return [(total + root) / 2, (total - root) / 2]
    (k12, k21), (k13, k31) = pairs
    a2 = k + k12 + k13 + k21 + k31
    a1 = k * k21 + k * k31 + k21 * k31 + k12 * k31 + k13 * k21
    a0 = k * k21 * k31
    p, q = a1 - a2**2 / 3, 2 * a2**3 / 27 - a1 * a2 / 3 + a0
    radius = mp.sqrt(-p / 3)
    angle = mp.acos(-q / (2 * radius**3)) / 3
    return [a2 / 3 - 2 * radius * mp.cos(angle + 2 * mp.pi * i / 3) for i in range(3)]


def exponentials(k, pairs):
    """Textbook (coefficient, rate) of the amount in the central compartment after a unit bolus."""
    rates = rates_of(k, pairs)
    return [
        (mp.fprod(back - x for _, back in pairs) / mp.fprod(y - x for j, y in enumerate(rates) if j != i), x)
        for i, x in enumerate(rates)
    ]


WITNESSES = {
    "one-compartment-oral-micro": lambda p: (p["K"], []),
    "two-compartment-oral-micro": lambda p: (p["K"], [(p["K23"], p["K32"])]),
    "three-compartment-oral-micro": lambda p: (p["K"], [(p["K23"], p["K32"]), (p["K24"], p["K42"])]),
}


@pytest.mark.parametrize("name", WITNESSES)
@pytest.mark.parametrize("route", ["oral", "iv"])
def test_matrix_and_textbook_agree(name, route):
    """Truth: sums of exponentials with the coefficients of the textbooks, and Bateman's form of each by mouth."""
    truth = TRUTHS[name]
    with mp.workdps(DIGITS):
        p = exact(truth.values)
        ka = p["KA"]
        modes = exponentials(*WITNESSES[name](p))
        volume = p["V2"] if "V2" in p else p["V"]
        for t, found in zip(
            TIMES, levels(truth, [(route, 0, 100, 0)], output="plasma", times=TIMES), strict=True
        ):
            t = mp.mpf(t)
            if route == "iv":
                level = sum(c * mp.exp(-r * t) for c, r in modes)
            else:
                level = p["F"] * sum(c * ka / (ka - r) * (mp.exp(-r * t) - mp.exp(-ka * t)) for c, r in modes)
            assert abs(100 * level / volume - found) < mp.mpf(10) ** -40


# ------------------------------------------------------------------ two ways to say the same

SAME = {
    "one-compartment-iv": ("one-compartment-iv-micro", {"K": "CL / V", "V": "V"}),
    "one-compartment-oral": ("one-compartment-oral-micro", {"KA": "KA", "K": "CL / V", "V": "V", "F": "F"}),
    "two-compartment-iv": (
        "two-compartment-iv-micro",
        {"K": "CL / V1", "K12": "Q / V1", "K21": "Q / V2", "V": "V1"},
    ),
    "two-compartment-oral": (
        "two-compartment-oral-micro",
        {"KA": "KA", "K": "CL / V2", "K23": "Q / V2", "K32": "Q / V3", "V": "V2"},
    ),
    "three-compartment-iv": (
        "three-compartment-iv-micro",
        {"K": "CL / V1", "K12": "Q2 / V1", "K21": "Q2 / V2", "K13": "Q3 / V1", "K31": "Q3 / V3", "V1": "V1"},
    ),
    "three-compartment-oral": (
        "three-compartment-oral-micro",
        {
            **{"KA": "KA", "K": "CL / V2", "K23": "Q3 / V2", "K32": "Q3 / V3"},
            **{"K24": "Q4 / V2", "K42": "Q4 / V4", "V2": "V2"},
        },
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_clearances_and_rate_constants_say_the_same(name):
    """Truth: the definition of the rate constants, such as K12 = Q / V1; both models then hold the same doubles,
    so the levels are equal to the last bit. The file of the rate constants holds the constants of the clearances."""
    other, rules = SAME[name]
    model, micro = dl.load_model(name), dl.load_model(other)
    values = {key: parameter.value for key, parameter in model.parameters.items()}
    constants = {key: parse(rule).evaluate(values) for key, rule in rules.items()}
    found = dl.simulate(micro.with_(**constants), "100 mg every 12 h x 3", times="0.5 h")
    wanted = dl.simulate(model, "100 mg every 12 h x 3", times="0.5 h")
    np.testing.assert_array_equal(found["plasma"].values.ravel(), wanted["plasma"].values.ravel())
    if name != "one-compartment-oral":  # older than its pair, with values of its own
        for key, value in constants.items():
            assert micro.parameters[key].value == pytest.approx(value, rel=1e-15)
