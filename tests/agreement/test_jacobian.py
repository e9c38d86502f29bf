"""Derivatives of a model's equations, by formula and as compiled, and the stiff method that stands on them.

Truth: mpmath's differences at 30 digits, of formulas evaluated here rule by rule; closed forms at zero, where
differences of one side converge slowly; scipy's Radau at 1e-12. Tolerances: formulas are evaluated at 30 digits, and
their numbers are floats: 1e-12 of the larger of the derivative and what it is made of. Compiled ones: 1e-12 likewise.
"""

import operator
from itertools import pairwise

import mpmath as mp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import doseline as dl
from doseline.compile_lanes import LaneModel
from doseline.jacobian import derivatives
from doseline.kernels import lanes
from doseline.model.expression import Expression, parse
from doseline.model.read import read_model
from doseline.model.tree import Name, Number

CLOSE = 1e-12
CORNER = mp.mpf(10) ** -6
"""How far from a corner of a formula one has to be for a difference to say anything."""


def may_move(node):
    """May a power's exponent move? Below zero a power jumps between whole exponents and others."""
    return not isinstance(node.args[1], Number)


class Value:
    """The value of a formula in mpmath, as docs/reference/model_files.md says what its rules do."""

    def __init__(self):
        self.nearest = mp.inf  # distance from the nearest corner

    def of(self, node, names):
        if isinstance(node, Number):
            return mp.mpf(node.value)
        if isinstance(node, Name):
            return names[node.name]
        args = [self.of(arg, names) for arg in node.args]
        found = getattr(self, WORDS.get(node.rule, node.rule))(*args)
        if not mp.isfinite(found) or (node.rule == "**" and args[0] <= 0 and may_move(node)):
            self.corner(0)
        return found

    def corner(self, distance):
        self.nearest = min(self.nearest, abs(distance))

    def compared(self, rule, a, b):
        self.corner(a - b)
        return mp.mpf(bool(rule(a, b)))

    def less(self, a, b):
        return self.compared(operator.lt, a, b)

    def at_most(self, a, b):
        return self.compared(operator.le, a, b)

    def more(self, a, b):
        return self.compared(operator.gt, a, b)

    def at_least(self, a, b):
        return self.compared(operator.ge, a, b)

    def equal(self, a, b):
        return self.compared(operator.eq, a, b)

    def unequal(self, a, b):
        return self.compared(operator.ne, a, b)

    def plus(self, a, b):
        return a + b

    def minus(self, a, b):
        return a - b

    def times(self, a, b):
        return a * b

    def over(self, a, b):
        self.corner(b)
        return a / b if b else mp.nan

    def negative(self, a):
        return -a

    def power(self, a, b):
        if b == mp.floor(b):
            return a**b if a or b >= 0 else mp.nan
        self.corner(a)
        return a**b if a > 0 else mp.mpf(0)

    def exp(self, a):
        return mp.exp(a)

    def log(self, a):
        self.corner(a)
        return mp.log(a) if a > 0 else mp.nan

    def sqrt(self, a):
        self.corner(a)
        return mp.sqrt(a) if a > 0 else mp.mpf(0)

    def min(self, *args):
        self.ties(args)
        return min(args)

    def max(self, *args):
        self.ties(args)
        return max(args)

    def ties(self, args):
        for at, a in enumerate(args):
            for b in args[:at]:
                self.corner(a - b)

    def where(self, condition, yes, no):
        return yes if condition else no


WORDS = {
    "<": "less",
    "<=": "at_most",
    ">": "more",
    ">=": "at_least",
    "==": "equal",
    "!=": "unequal",
    "+": "plus",
    "-": "minus",
    "*": "times",
    "/": "over",
    "**": "power",
}
STATES = ("x", "y")


class Formulas:
    """An equation and the definitions in it, as a function of states and time."""

    def __init__(self, equation, definitions):
        self.definitions = {name: parse(text).tree for name, text in definitions.items()}
        self.equation = parse(equation).tree
        self.found = derivatives(self.definitions, [self.equation], STATES)

    def names(self, values, value):
        names = dict(values)
        names["tad"] = names["t"] - names["arrived"]
        for name, tree in self.definitions.items():
            names[name] = value.of(tree, names)
        return names

    def value(self, values, value=None):
        value = value or Value()
        return value.of(self.equation, self.names(values, value))

    def difference(self, values, by):
        return mp.diff(lambda moved: self.value({**values, by: moved}), values[by])

    def derivative(self, values, by):
        return Value().of(self.found[0, by], self.names(values, Value()))

    def holds(self, **values):
        values = {name: mp.mpf(value) for name, value in values.items()}
        for by in (*STATES, "t"):
            truth, found = self.difference(values, by), self.derivative(values, by)
            # what is subtracted in a difference cannot be told apart below its own rounding
            assert abs(found - truth) <= CLOSE * max(1, abs(truth), abs(self.value(values))), (by, truth)


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


# ---------------------------------------------------------------- the stiff method

STIFF = model_of(
    "stiff-by-the-clock",
    {
        "KA": (1.1, "1/h"), "KM": (3.0, "mg/L"), "VMAX": (9.0, "mg/h"), "V": (20.0, "L"), "G": (1.6, "1"),
        "EC50": (1.4, "mg/L"), "KFAST": (4000.0, "1/h"), "KOUT": (0.3, "1/h"), "DAY": (0.26, "1/h"),
        "LONG": (6.0, "h"), "SIZE": (80.0, "mg"), "TOP": (2.0, "1"),
    },
    """[compartments]
depot = { unit = "mg", label = "x" }
central = { unit = "mg", label = "x" }
site = { unit = "mg/L", label = "x" }
answer = { unit = "1", label = "x" }
[variables]
CP = "central / V"
swing = "1 + 0.6 * exp(-DAY * t) + 0.3 * (DAY * t / 6) ** 2 / (1 + (DAY * t / 6) ** 2)"
fresh = "exp(-tad / LONG) * dose / SIZE"
drive = "(site / EC50) ** G / (1 + (site / EC50) ** G)"
[flows]
"depot -> central" = "KA * swing"
"central -> out" = "VMAX * swing / (KM * V + central)"
[rates]
site = "KFAST * (CP * (1 + fresh) - site) * swing"
answer = "KOUT * (swing + TOP * drive * max(fresh, 0.2) - answer)"
[initial]
answer = "1"
[routes.oral]
label = "x"
into = "depot"
[outputs]
plasma = { value = "CP", unit = "mg/L", label = "x" }
site = { value = "site", unit = "mg/L", label = "x" }
answer = { value = "answer", unit = "1", label = "x" }
swing = { value = "answer * swing * (1 + fresh)", unit = "1", label = "x" }
""",
)  # fmt: skip


def followed(times, doses):
    """The model above by hand: the outputs at each time, by Radau at 1e-12, begun anew at doses and at the corner."""

    def parts(t, y, begin, dose):
        wave = (0.26 * t / 6) ** 2
        swing = 1 + 0.6 * np.exp(-0.26 * t) + 0.3 * wave / (1 + wave)
        fresh = np.exp(-(t - begin) / 6.0) * dose / 80.0
        # an integrator may try what is a little below zero
        hill = (max(y[2], 0.0) / 1.4) ** 1.6
        return swing, fresh, hill / (1 + hill)

    def slope(t, y, begin, dose):
        swing, fresh, drive = parts(t, y, begin, dose)
        absorbed, lost = 1.1 * swing * y[0], 9.0 * swing / (60.0 + y[1]) * y[1]
        return [
            -absorbed,
            absorbed - lost,
            4000.0 * (y[1] / 20.0 * (1 + fresh) - y[2]) * swing,
            0.3 * (swing + 2.0 * drive * max(fresh, 0.2) - y[3]),
        ]

    given = dict(doses)
    # where exp(-tad / 6) * dose / 80 falls to 0.2
    corners = [begin + 6.0 * np.log(dose / 80.0 / 0.2) for begin, dose in doses]
    edges = np.unique([0.0, *times, *given, *corners])
    y, begin, dose, found = np.array([0.0, 0.0, 0.0, 1.0]), 0.0, 0.0, []
    for now, then in pairwise([*edges, edges[-1] + 1.0]):
        if now in given:
            begin, dose = now, given[now]
            y[0] += dose
        if now in times:
            swing, fresh, _ = parts(now, y, begin, dose)
            found.append([y[1] / 20.0, y[2], y[3], y[3] * swing * (1 + fresh)])
        y = (
            solve_ivp(slope, (now, then), y, "Radau", args=(begin, dose), rtol=1e-12, atol=1e-14)
            .y[:, -1]
            .copy()
        )
    return np.array(found).T


def test_stiff_with_rates_that_follow_the_clock():
    """Truth: scipy's Radau at 1e-12, of equations written by hand. Tolerance: 1e-7 of each output's maximum."""
    times = np.array([0.0, 0.25, 0.7, 2.0, 3.0, 5.5, 9.0, 12.0, 12.5, 14.0, 19.0, 24.0])
    doses = [(0.0, 100.0), (12.0, 100.0)]
    truth = followed(times, doses)
    for method in ("rodas5p", None):
        found = dl.simulate(STIFF, "100 mg every 12 h x 2", times=times, method=method)
        levels = np.stack([found[name].values[0] for name in ("plasma", "site", "answer", "swing")])
        errors = np.abs(levels - truth).max(axis=1) / truth.max(axis=1)
        assert errors.max() < 1e-7, (method, errors)
        assert found["method"].item() == 2


DISSOLVING = model_of(
    "dissolving",
    {"KD": (4.0, "mg/h"), "MG": (1.0, "mg"), "KM": (2.0, "mg"), "VMAX": (6.0, "mg/h"), "G": (1.5, "1")},
    """[compartments]
solid = { unit = "mg", label = "x" }
body = { unit = "mg", label = "x" }
[rates]
solid = "-KD * (solid / MG) ** (2 / 3)"
body = "KD * (solid / MG) ** (2 / 3) - VMAX * (body / KM) ** G / (1 + (body / KM) ** G)"
[routes.oral]
label = "x"
into = "solid"
[outputs]
solid = { value = "solid", unit = "mg", label = "x" }
body = { value = "body", unit = "mg", label = "x" }
""",
)


def test_powers_of_what_is_not_there_yet():
    """Truth: a cube root that falls evenly, (m**(1/3) - KD t / 3)**3 of 64 mg; then DOP853 of scipy at 1e-13.

    Both compartments are empty before the dose, where the first power has an infinite derivative.
    """
    times = np.linspace(0.0, 4.0, 17)
    table = dl.read_records({"TIME": [0, 1], "EVID": [2, 1], "AMT": [0, 64], "CMT": [0, 1]})
    found = dl.simulate(DISSOLVING, table, times=times, method="rodas5p")
    truth = np.where(times >= 1.0, np.maximum(4.0 - 4.0 * (times - 1.0) / 3.0, 0.0) ** 3, 0.0)
    np.testing.assert_allclose(found["solid"].values[0], truth, rtol=0, atol=1e-7 * 64)

    def slope(t, y):
        hill = (max(y[0], 0.0) / 2.0) ** 1.5
        return [4.0 * (4.0 - 4.0 * t / 3.0) ** 2 - 6.0 * hill / (1.0 + hill)]

    solved = solve_ivp(slope, (0.0, 3.0), [0.0], "DOP853", t_eval=times[4:] - 1.0, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(found["body"].values[0, 4:], solved.y[0], rtol=0, atol=1e-7 * solved.y.max())
