"""Derivatives of a model's equations, by formula and as compiled.

Truth: mpmath's differences at 30 digits, of formulas evaluated rule by rule (tests/agreement/formulas.py); closed forms
at zero, where differences of one side converge slowly. Tolerance: formulas are evaluated at 30 digits, and their
numbers are floats: 1e-12 of the larger of the derivative and the value. Compiled ones: 1e-12 likewise.
"""

import mpmath as mp
import numpy as np
import pytest
from formulas import CLOSE, CORNER, STATES, Formulas, Value
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from doseline.compile_lanes import LaneModel
from doseline.jacobian import derivatives
from doseline.kernels import lanes
from doseline.model.expression import Expression, parse
from doseline.model.read import read_model

POINT = {"x": 1.7, "y": 0.6, "t": 31.25, "arrived": 24.0, "dose": 80.0, "K": 2.3, "G": 1.45}

RULES = [
    "x + y * t",
    "K - x - (y - x) - 2 * x",
    "x * y * x * t * K",
    "x / (K + x) - K / y / x + (x / y) / (y / x)",
    "-x * -(-y)",
    "x ** 2 + y ** 3 + x ** 4 * y ** 5 + x ** 1 + x ** 0",
    "x ** -1 + y ** -2 + x ** -0.5",
    "x ** 0.5 + y ** 1.5 + (x * y) ** 2.5 + (x - y) ** 0.75",
    "(y - x) ** 2 + (y - x) ** 3 + (y - x) ** -3",
    "(y - x) ** 1.5 + (y - x) ** G + sqrt(y - x)",
    "x ** G + (x / K) ** G + (x * y / K) ** (G + 1)",
    "(x / K) ** G / (1 + (x / K) ** G)",
    "G ** x + 2 ** -y + K ** (x * t / 10)",
    "x ** y + (1 + x) ** (y / x) + t ** (x / (x + y))",
    "x ** y ** 2",
    "exp(x) + exp(-x * y) + exp(-t / 10) * exp(G * log(x))",
    "log(x) + log(x * y / K) ** 2 + x * log(1 + exp(y))",
    "sqrt(x) + sqrt(x / K) + sqrt(x ** 2 + y ** 2) * sqrt(t)",
    "min(x, y) + min(y, x) * max(x, y) * max(y, x)",
    "min(x, y, K) * max(x, y, G) + max(y, G * x, K * x * y, t) + min(y * t, x * x, x, K)",
    "min(max(x, y), max(K * y, x * y), max(0, y - x)) + max(min(x, y, 1), min(K, x ** 2, t))",
    "max(x - K, 0) ** G + sqrt(max(0, y - x)) + max(0, x - y) ** 0.5",
    "where(x > y, x * y, y ** 2) + where(x < y, x * y, y ** 2)",
    "where(x >= K, x, y) * where(x <= K, x * x, y) + where(x == y, x, y * y) + where(x != y, x * t, y)",
    "where(max(x, y, 1) > K, x * x, y * y) + where(min(x, y) < K, x ** 3, y ** 3)",
    "where(max(x, y) < G, x * x, y * y) + where(max(y, x) < max(G, x), x * y, x - y)",
    "where((x > 1) == (y > 1), x * y, x * x) + where((x > 1) != (y > 1), x * y, x ** 3)",
    "where((x > 1) * (y > 1), x * y, x * x) + where((x > 1) + (y > 1), x * y, x ** 3)",
    "where((x > 1) - (y < 1), x * y, x * x) + where(where(x > y, y, x) < 1, x ** 2 * y, y)",
    "where(x - y, x, y) + where(0, x, y * y) + where(1, x * y, y)",
    "(x > y) * x ** 2 + (x < y) * y - (t > 24) * (tad < 12) * x * t + -(x >= y) * y * t",
    "where(tad < 5, tad * x, t * y) + where(tad >= 5, tad ** 2 * x, t ** 2 * y)",
    "dose * exp(-tad / 5) * x + dose * t * tad + min(t, tad) * max(t, tad)",
    "exp(-(x / K) ** G) * (1 - min(1, x / K) ** G) * log(1 + tad * x) / sqrt(1 + y * t)",
    "x / x + x - x + (x * 0) * y + 0 * t + 1e300 * (x * 1e-300)",
    "K + G * dose",
]
"""Every rule, and what they do within one another."""
POINTS = {
    "above": {},
    "below": {"x": 0.4, "y": 1.2},
    "large": {"x": 700.0, "y": 3.0, "K": 11.0, "t": 25.5},
    "small": {"x": 1e-4, "y": 1e-3, "G": 3.0, "K": 0.7},
}


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("text", RULES)
def test_every_rule(text, point):
    """Truth: mpmath's differences."""
    if "exp(x)" in text and point == "large":
        point = "below"
    with mp.workdps(30):
        Formulas(text, {}).holds(**(POINT | POINTS[point]))


def test_variables_made_of_variables():
    """Truth: mpmath's differences, through all of them."""
    definitions = {
        "a": "x / K + tad / 10",
        "b": "a ** G / (1 + a ** G) * exp(-t / 40)",
        "c": "where(a > b, a * b, min(a, b, y)) + max(a, b, x * y)",
        "d": "b * c + c / (1 + b) - a",
        "unused": "d * d * x",
        "still": "K * G + dose",
        "e": "still * d ** 2 + 1",
    }
    with mp.workdps(30):
        formulas = Formulas("e * d - c * y + sqrt(a * a + d * d) + tad * b", definitions)
        for point in POINTS.values():
            formulas.holds(**(POINT | point))


def test_forty_variables_each_twice_the_one_before():
    """Truth: 2**40, from a chain that would have 2**40 terms if written out."""
    definitions = {"v0": "x * t"} | {f"v{k}": f"v{k - 1} + v{k - 1}" for k in range(1, 41)}
    with mp.workdps(30):
        formulas = Formulas("v40", definitions)
        values = {name: mp.mpf(value) for name, value in POINT.items()}
        assert formulas.derivative(values, "x") == 2**40 * values["t"]
        assert formulas.derivative(values, "t") == 2**40 * values["x"]
        assert formulas.derivative(values, "y") == 0


def pairs(forms, parts):
    return st.builds(lambda form, *args: form.format(*args), st.sampled_from(forms), parts, parts, parts)


FORMS = [
    *("({0} + {1})", "({0} - {1})", "({0} * {1})", "({0} / {1})", "(-{0})"),
    *("({0} ** 2)", "({0} ** 3)", "({0} ** -1)", "({0} ** 1.5)", "({0} ** G)", "({0} ** {1})"),
    *("exp({0} / 5)", "log({0})", "sqrt({0})"),
    *("min({0}, {1})", "max({0}, {1})", "min({0}, {1}, {2})", "max({0}, {1}, {2})"),
    *("where({0} < {1}, {1}, {2})", "where({0} >= {1}, {2}, {0})", "where({0}, {1}, {2})"),
    *("({0} > {1})", "({0} <= {1})", "where({0} == {1}, {0}, {2})", "where({0} != {1}, {2}, {0})"),
]


def texts(*names):
    """Formulas of these names."""
    leaves = st.sampled_from([*names, "x", "y", "t", "tad", "dose", "K", "G", "0", "1", "2.5", "0.3"])
    return st.recursive(leaves, lambda parts: pairs(FORMS, parts), max_leaves=8)


POSITIVE = st.floats(0.05, 20.0)


@settings(max_examples=300, deadline=None)
@given(
    first=texts(),
    second=texts("a"),
    equation=texts("a", "b"),
    values=st.fixed_dictionaries(dict.fromkeys(("x", "y", "K", "G", "dose", "arrived"), POSITIVE)),
    after=POSITIVE,
)
def test_any_formula(first, second, equation, values, after):
    """Truth: mpmath's differences, where no corner is near and no number is beyond what can be told."""
    with mp.workdps(30):
        formulas = Formulas(equation, {"a": first, "b": second})
        exact = {name: mp.mpf(value) for name, value in {**values, "t": values["arrived"] + after}.items()}
        value = Value()
        found = formulas.value(exact, value)
        assume(mp.isfinite(found) and abs(found) < 1e12 and value.nearest > CORNER)
        for by in (*STATES, "t"):
            truth = formulas.difference(exact, by)
            assume(mp.isfinite(truth) and abs(truth) < 1e12)
            assert abs(formulas.derivative(exact, by) - truth) <= CLOSE * max(1, abs(truth), abs(found)), by


# ---------------------------------------------------------------- where amounts are zero

AT_ZERO = [
    # formula, its derivative by x at x = 0: closed forms with G = 1.45, K = 2.3, y = 0.6
    ("x ** G", 0.0),
    ("x ** 1.5", 0.0),
    ("(x / K) ** G", 0.0),
    ("(x / K) ** 1.5", 0.0),
    ("(x / K) ** 1", 1 / 2.3),
    ("(x / K) ** (G - 0.45)", 1 / 2.3),
    ("x ** (G - 1.45)", 0.0),
    ("(x / K) ** 2 + (x / K) ** 3", 0.0),
    ("(x * y) ** G", 0.0),
    ("x ** G / (K ** G + x ** G)", 0.0),
    ("(x / K) ** G / (1 + (x / K) ** G)", 0.0),
    ("x / (K + x)", 1 / 2.3),
    ("K * (x / K) ** G + K * x", 2.3),
    ("exp(-(x / K) ** G) * (1 + x)", 1.0),
    ("max(0 - x, 0) ** G + x * y", 0.6),
    ("max(x - y, 0) ** 0.5 + x", 1.0),
    ("sqrt(max(x - y, 0)) + x", 1.0),
    ("where(x > 0, x * log(x), 0) + x", 1.0),
    ("x ** (1 + x)", 1.0),
    ("y ** (1 + x)", 0.6 * np.log(0.6)),
    ("x ** (2 + y * x)", 0.0),
    # infinite from above; such powers of what is below zero are 0, and so is the derivative from there
    ("x ** 0.75 + sqrt(x) + (x / K) ** (G / 2)", 0.0),
]


@pytest.mark.parametrize(("text", "truth"), AT_ZERO)
def test_at_zero(text, truth):
    """Truth: the closed forms above. Tolerance: some roundings."""
    (node,) = [node for (_, by), node in derivatives({}, [parse(text).tree], ["x"]).items() if by == "x"]
    values = {"x": 0.0, "y": 0.6, "K": 2.3, "G": 1.45}
    found = Expression.of(node).evaluate(values)
    np.testing.assert_allclose(found, truth, rtol=1e-14, atol=1e-14)


# ---------------------------------------------------------------- compiled

HEAD = 'name = "{}"\ntitle = "x"\nversion = "1"\n[source]\ncitation = "test"\n[parameters]\n'
PARAMETER = '{} = {{ value = {}, unit = "{}", label = "x", source = "test", status = "assumption" }}\n'


def model_of(name, parameters, rest):
    entries = "".join(PARAMETER.format(key, *each) for key, each in parameters.items())
    return read_model(HEAD.format(name) + entries + rest, place=name)


PARAMETERS = {
    "K": (2.3, "1"),
    "G": (1.45, "1"),
    "MG": (50.0, "mg"),
    "LONG": (10.0, "h"),
    "KA": (0.7, "1/h"),
    "KIN": (1.9, "1/h"),
}
VARIABLES = {
    "u": "x / (K + x) + tad / LONG",
    "v": "min(u, y, 1.5) ** G + max(x, y, 0.2) * exp(-t / LONG)",
    "w": "where(u > v, u * v, sqrt(1 + y * u)) - (x <= y) * log(2 + v) / -K",
}
RATES = {
    "x": "KIN * w ** 2 - KA * x ** 3 * (x > y) + KIN * dose / MG",
    "y": "KIN * (x / K) ** G * v - KA * y ** 0.5 + KIN * where(tad >= 4 * LONG / 10, t / LONG, w * y)",
}
WHOLE = {
    "x": f"{RATES['x']} - KA * v * x + KIN * y / (1 + u) * y",
    "y": f"{RATES['y']} + KA * v * x - KIN * y / (1 + u) * y",
}
"""The rates, and what the flows below do: written out by hand."""
COMPILED = model_of(
    "compiled",
    PARAMETERS,
    '[compartments]\nx = { unit = "1", label = "x" }\ny = { unit = "1", label = "x" }\n'
    'gut = { unit = "mg", label = "x" }\n'
    + "[variables]\n"
    + "".join(f'{name} = "{text}"\n' for name, text in VARIABLES.items())
    + '[flows]\n"x -> y" = "KA * v"\n"y -> x" = "KIN * y / (1 + u)"\n"gut -> out" = "KA"\n[rates]\n'
    + "".join(f'{name} = "{text}"\n' for name, text in RATES.items())
    + '[routes.oral]\nlabel = "x"\ninto = "gut"\n[outputs]\nx = { value = "x", unit = "1", label = "x" }\n',
)


def test_compiled_in_sixteen_lanes():
    """Truth: mpmath's differences of the equations written out; in the first lane, where x is 0, there are numbers."""
    model = LaneModel(COMPILED, (), False)
    values = {name: each.value * each.to_coherent for name, each in COMPILED.parameters.items()}
    jacobian = model.jacobian
    constants = model.constants_of(values, count=1)[0]
    w = np.full(lanes.JACOBIAN + lanes.LANES * 9, np.nan)
    w[lanes.CONSTANT : lanes.CONSTANT + lanes.LANES * len(constants)] = np.repeat(constants, lanes.LANES)
    x, y, gut, arrived, tad, dose = np.random.default_rng(4).uniform(0.05, 3.0, (6, lanes.LANES))
    x[0], t = 0.0, arrived + 4.0 * tad
    w[lanes.STATE : lanes.STATE + lanes.LANES * 3] = np.concatenate([x, y, gut])
    for start, block in ((lanes.TIME, t), (lanes.GIVEN, arrived), (lanes.DOSE, dose)):
        w[start : start + lanes.LANES] = block
    jacobian(w)
    found = w[lanes.JACOBIAN :].reshape(3, 3, lanes.LANES)
    drift = w[lanes.DRIFT : lanes.DRIFT + lanes.LANES * 3].reshape(3, lanes.LANES)
    assert np.isfinite(found).all()
    assert np.isfinite(drift).all()
    assert (found[2, :2] == 0.0).all()
    assert (found[:2, 2] == 0.0).all()
    np.testing.assert_array_equal(found[2, 2], -0.7)
    np.testing.assert_array_equal(drift[2], 0.0)
    moving = {"x": x, "y": y, "t": t, "arrived": arrived, "dose": dose}
    with mp.workdps(30):
        for row, name in enumerate(STATES):
            formulas = Formulas(WHOLE[name], VARIABLES)
            for lane in range(1, lanes.LANES):
                point = values | {key: block[lane] for key, block in moving.items()}
                point = {key: mp.mpf(value) for key, value in point.items()}
                truth = np.array([formulas.difference(point, by) for by in (*STATES, "t")], dtype=float)
                mine = [*found[row, :2, lane], drift[row, lane]]
                np.testing.assert_allclose(
                    mine, truth, rtol=CLOSE, atol=CLOSE, err_msg=f"{name}, lane {lane}"
                )


def test_smallest_of_thirty():
    """Truth: the smallest one, told from the numbers; the text must not grow threefold with each of them."""
    shares = np.random.default_rng(5).permutation(np.arange(1.0, 31.0))
    least = ", ".join(f"x / {share:.0f} + y * {share:.0f}" for share in shares)
    model = LaneModel(
        model_of(
            "thirty",
            {"KA": (1.0, "1/h")},
            '[compartments]\nx = { unit = "1", label = "x" }\ny = { unit = "1", label = "x" }\n'
            'gut = { unit = "mg", label = "x" }\n'
            f'[rates]\nx = "KA * min({least})"\ny = "KA * max({least})"\n'
            '[routes.oral]\nlabel = "x"\ninto = "gut"\n[outputs]\nx = { value = "x", unit = "1", label = "x" }\n',
        ),
        (),
        False,
    )
    w = np.ones(lanes.JACOBIAN + lanes.LANES * 9)
    x, y = np.random.default_rng(6).uniform(0.05, 3.0, (2, lanes.LANES))
    x[3] = np.nan
    w[lanes.STATE : lanes.STATE + lanes.LANES * 2] = np.concatenate([x, y])
    model.rhs(w)
    found = w[lanes.RATE : lanes.RATE + lanes.LANES * 2].reshape(2, lanes.LANES)
    each = x / shares[:, np.newaxis] + y * shares[:, np.newaxis]
    np.testing.assert_allclose(found, [each.min(axis=0), each.max(axis=0)], rtol=1e-14, equal_nan=True)
