"""The expression language: it says what Python says, knows units and linearity, and refuses the rest."""

from __future__ import annotations

import math
import pickle
import re
from time import perf_counter

import numpy as np
import pint
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from doseline.errors import InputError, ModelError
from doseline.model.expression import DEEPEST, LONGEST, ExpressionError, parse
from doseline.model.tree import FUNCTIONS, NEGATIVE, Apply, Name, Number, names_in, written
from doseline.units import dimension, registry

CALM = settings(deadline=None, max_examples=200)  # no deadline: the first example may load pint
NAMES = ("A", "B", "K", "WT")
UNITS = {"A": "mg", "B": "mg", "K": "1/h", "WT": "kg"}
# few digits: long ones would test the reading of numbers over and over
NUMBERS = st.builds(lambda whole, power: whole * 10.0**power, st.integers(0, 999), st.integers(-3, 3))
VALUES = st.fixed_dictionaries({name: st.floats(0.01, 100.0) for name in NAMES})


def _grown(children):
    """One rule over smaller trees."""
    pair = st.tuples(children, children)
    return st.one_of(
        st.builds(Apply, st.sampled_from(["+", "-", "*", "/", "**"]), pair),
        st.builds(Apply, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), pair),
        st.builds(Apply, st.just(NEGATIVE), st.tuples(children)),
        st.builds(Apply, st.sampled_from(["exp", "log", "sqrt"]), st.tuples(children)),
        st.builds(Apply, st.sampled_from(["min", "max"]), st.tuples(children, children, children)),
        st.builds(Apply, st.just("where"), st.tuples(children, children, children)),
    )


TREES = st.recursive(
    st.builds(Number, NUMBERS) | st.builds(Name, st.sampled_from(NAMES)), _grown, max_leaves=12
)

NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:e[-+]?\d+)?")
PYTHON = {
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
    "min": min,
    "max": max,
    "where": lambda condition, yes, no: yes if condition else no,
}


def python_says(text, values):
    """Truth: the text evaluated by Python itself; None where Python has no real number for it.

    Python works out both branches of `where` and may raise in the one not taken: no test either.
    """
    floats = NUMBER.sub(
        lambda number: repr(float(number[0])), text
    )  # else 9**9**9 is worked out digit by digit
    try:
        value = eval(floats, {"__builtins__": {}}, PYTHON | values)
    except (ArithmeticError, ValueError, TypeError):  # TypeError: a comparison with a complex number
        return None
    return None if isinstance(value, complex) or not math.isfinite(value) else float(value)


@CALM
@given(tree=TREES)
def test_what_is_written_reads_back(tree):
    """Truth: writing and reading are inverse."""
    assert parse(written(tree)).tree == tree


@CALM
@given(tree=TREES, values=VALUES)
def test_evaluation_agrees_with_python(tree, values):
    """Truth: Python's own arithmetic. Tolerance: numpy's exp, log and power may differ in the last bits, which
    subtraction magnifies; trees are compared where no last bit moves the result by 1e-10.
    """
    expected = python_says(written(tree), values)
    assume(expected is not None and _stable(tree, values))
    assert parse(written(tree)).evaluate(values) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def _stable(tree, values):
    """Whether no last bit decides: moving every value by 1e-14 leaves the result where it is."""
    with np.errstate(all="ignore"):
        moved = [
            parse(written(tree)).evaluate({k: v * (1 + s) for k, v in values.items()})
            for s in (-1e-14, 0, 1e-14)
        ]
    return all(math.isfinite(m) for m in moved) and max(moved) - min(moved) <= 1e-10 * (1 + abs(moved[1]))


@CALM
@given(tree=TREES, values=VALUES)
def test_a_subject_alone_is_the_same_as_among_others(tree, values):
    """Truth: the first 3 of 1000 subjects are the same 3, to the last bit."""
    expression = parse(written(tree))
    spread = np.linspace(0.5, 2.0, 1000)
    many = {name: value * spread for name, value in values.items()}
    together = np.broadcast_to(expression.evaluate(many), (1000,))
    alone = np.broadcast_to(expression.evaluate({name: value[:3] for name, value in many.items()}), (3,))
    strided = np.broadcast_to(
        expression.evaluate({name: value[::-1] for name, value in many.items()}), (1000,)
    )
    np.testing.assert_array_equal(together[:3], alone)
    np.testing.assert_array_equal(together, strided[::-1])


COEFFICIENTS = st.recursive(
    st.builds(Number, NUMBERS) | st.builds(Name, st.sampled_from(["K", "WT"])),
    lambda inner: st.builds(Apply, st.sampled_from(["+", "*"]), st.tuples(inner, inner)),
    max_leaves=4,
)


def _sums(children):
    return st.one_of(
        st.builds(Apply, st.sampled_from(["+", "-"]), st.tuples(children, children)),
        st.builds(lambda one, two: Apply("*", (one, two)), children, COEFFICIENTS),
        st.builds(lambda one, two: Apply("*", (one, two)), COEFFICIENTS, children),
        st.builds(lambda one: Apply("/", (one, Name("K"))), children),
        st.builds(lambda one: Apply(NEGATIVE, (one,)), children),
        st.builds(
            lambda one, two: Apply("where", (Apply("<", (Name("WT"), Number(50.0))), one, two)),
            children,
            children,
        ),
    )


LINEAR = st.recursive(st.builds(Name, st.sampled_from(["A", "B"])), _sums, max_leaves=8)


@CALM
@given(tree=LINEAR, values=VALUES)
def test_coefficients_of_a_linear_expression_rebuild_it(tree, values):
    """Truth: f(a, b) = c_a a + c_b b for every a and b, at these and at other amounts."""
    expression = parse(written(tree))
    found = expression.linear_in(["A", "B"])
    assert found is not None
    for amounts in ({"A": 1.0, "B": 0.0}, {"A": 0.0, "B": 1.0}, {"A": 3.0, "B": 7.0}):
        at = values | amounts
        parts = [part.evaluate(at) * at[name] for name, part in found.items()]
        assert abs(expression.evaluate(at) - math.fsum(parts)) <= 1e-13 * _size(tree, at)
    assert all(not {"A", "B"} & set(part.names) for part in found.values())
    assert all(parse(part.text).tree == part.tree for part in found.values())


def _size(tree, values):
    """The value with every minus made a plus: what rounding errors are measured by."""
    if isinstance(tree, Apply):
        args = [_size(arg, values) for arg in tree.args]
        return {"/": args[0] / (args[-1] or 1.0), "*": args[0] * args[-1]}.get(tree.rule, sum(args))
    return abs(values[tree.name]) if isinstance(tree, Name) else tree.value


@CALM
@given(tree=TREES, values=VALUES)
def test_what_is_called_linear_is(tree, values):
    """Truth: a linear function of A with no constant doubles with A (differences, for any tree).

    Tolerance: doubling is exact in floats, but for results too small to keep their digits.
    """
    expression = parse(written(tree))
    one, two = (expression.evaluate(values | {"A": amount}) for amount in (1.0, 2.0))
    assume(math.isfinite(one) and math.isfinite(two))
    assert expression.linear_in(["A"]) is None or abs(two - 2.0 * one) <= 1e-300


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A / WT", {"A": "1 / WT"}),
        ("A + B", {"A": "1", "B": "1"}),
        ("K * (A - B) / WT", {"A": "K / WT", "B": "K * -1 / WT"}),
        ("A * 0 + 0", {"A": "0"}),
        ("where(WT > 50, A, 0)", {"A": "where(WT > 50, 1, 0)"}),
        ("A + 1", None),
        ("A * B", None),
        ("1 / A", None),
        ("A ** 1", None),
        ("max(A, B)", None),
        ("where(A > 1, A, B)", None),
        ("K", None),
        ("A - A + K", None),
    ],
)
def test_linear_in(text, expected):
    found = parse(text).linear_in(["A", "B"])
    assert (None if found is None else {name: str(part) for name, part in found.items()}) == expected


KINDED = st.recursive(
    st.builds(Name, st.sampled_from(NAMES)) | st.builds(Number, NUMBERS),
    lambda inner: st.one_of(
        st.builds(Apply, st.sampled_from(["*", "/", "+"]), st.tuples(inner, inner)),
        st.builds(lambda one: Apply("sqrt", (one,)), inner),
        st.builds(lambda one, power: Apply("**", (one, Number(float(power)))), inner, st.integers(1, 3)),
    ),
    max_leaves=6,
)


def pint_says(tree):
    """Truth: the tree evaluated with pint quantities. Raises where pint finds that units do not fit."""
    if isinstance(tree, Number):
        return registry().Quantity(1.0, "")
    if isinstance(tree, Name):
        return registry().Quantity(1.0, UNITS[tree.name])
    args = [pint_says(arg) for arg in tree.args]
    if tree.rule == "**":
        return args[0] ** tree.args[1].value
    if tree.rule == "sqrt":
        return args[0] ** 0.5
    return {"*": lambda a, b: a * b, "/": lambda a, b: a / b, "+": lambda a, b: a + b}[tree.rule](*args)


@CALM
@given(tree=KINDED)
def test_units_agree_with_pint(tree):
    """Truth: pint's quantities; where pint refuses the tree, so do we."""
    assume(Number(0.0) not in _nodes(tree))  # a zero is of any kind here, not for pint
    expression = parse(written(tree))
    try:
        expected = pint_says(tree)
    except pint.DimensionalityError:
        with pytest.raises(ExpressionError):
            expression.unit(UNITS)
    else:
        assert registry().Quantity(1.0, expression.unit(UNITS)).is_compatible_with(expected)


def _nodes(tree):
    yield tree
    for arg in tree.args if isinstance(tree, Apply) else ():
        yield from _nodes(arg)


@pytest.mark.parametrize(
    ("text", "problem", "advice"),
    [
        (
            "K * (A + WT * K)",
            "in 'A + WT * K', 'A' is mass and 'WT * K' is mass / time",
            "what '+' takes must be of one kind; make a number that has a unit a parameter",
        ),
        (
            "exp(-K)",
            "in 'exp(-K)', '-K' is 1 / time",
            "exp takes a plain number: divide by something of the same kind",
        ),
        ("2 ** WT", "in '2 ** WT', the exponent 'WT' is mass", "an exponent is a plain number"),
        (
            "WT ** (A / B)",
            "in 'WT ** (A / B)', 'WT' is mass and its exponent is not a number",
            "make the base a plain number, as in (WT / WT_STD) ** ALLO_CL",
        ),
        (
            "WT ** 9 ** 999",
            "in 'WT ** 9 ** 999', the exponent is not finite",
            "an exponent is a plain number",
        ),
        (
            "where(WT, 1, 2)",
            "in 'where(WT, 1, 2)', the condition 'WT' is mass",
            "write a comparison, as in where(WT > WT_STD, 1, 2)",
        ),
        (
            "max(A, K, 0)",
            "in 'max(A, K, 0)', 'A' is mass and 'K' is 1 / time",
            "what 'max' takes must be of one kind; make a number that has a unit a parameter",
        ),
        ("Wt * K", "unknown name 'Wt'", "did you mean 'WT'? known here: K, WT"),
    ],
)
def test_units_that_do_not_fit(text, problem, advice):
    units = {name: UNITS[name] for name in ("K", "WT")} if "Wt" in text else UNITS
    with pytest.raises(ExpressionError) as caught:
        parse(text).kind({name: dimension(unit) for name, unit in units.items()}, place="m.toml [x]")
    assert str(caught.value) == f"m.toml [x]: {problem}\n  {advice}"


@pytest.mark.parametrize(("text", "unit"), [("max(A, 0)", "mg"), ("WT ** 0.75", "mg**0.75"), ("A < B", "1")])
def test_units_that_fit(text, unit):
    assert parse(text).unit(UNITS) == unit


def test_a_missing_value_is_named():
    with pytest.raises(InputError) as caught:
        parse("CL / V").evaluate({"CL": 1.0, "V1": 2.0})
    assert str(caught.value) == "no value for 'V' in 'CL / V'\n  did you mean 'V1'? known here: CL, V1"


def test_expressions_travel_between_processes():
    expression = parse("CL * (WT / 70) ** 0.75")
    assert pickle.loads(pickle.dumps(expression)) == expression


def test_result_is_not_the_input_itself():
    weights = np.array([50.0, 60.0])
    result = parse("WT").evaluate({"WT": weights})
    assert not np.shares_memory(result, weights)


LANGUAGE = "an expression has numbers, names, + - * / **, comparisons, and exp log sqrt min max where"
REFUSED = [
    ("CL ^ 2", "'^' in 'CL ^ 2' is not part of the language", "write ** for a power"),
    ("CL.real", "'CL.real' is not part of the language", LANGUAGE),
    ("CL[0]", "'[' in 'CL[0]' is not part of the language", LANGUAGE),
    ("'a'", "''' in ''a'' is not part of the language", LANGUAGE),
    ("__class__", "'__class__' is not part of the language", LANGUAGE),
    ("1 + True", "'True' is not part of the language", LANGUAGE),
    ("2j", "'2j' is not part of the language", LANGUAGE),
    ("CL if V else 1", "'CL if V else 1' is not part of the language", LANGUAGE),
    ("CL and V", "'CL and V' is not part of the language", LANGUAGE),
    ("CL // V", "'CL // V' is not part of the language", LANGUAGE),
    ("lambda: 1", "':' in 'lambda: 1' is not part of the language", LANGUAGE),
    ("min(CL, V, key=exp)", "'min(CL, V, key=exp)' is not part of the language", LANGUAGE),
    ("exp(CL)(V)", "'exp(CL)(V)' is not part of the language", LANGUAGE),
    ("0 < CL < 3", "'0 < CL < 3' compares more than two values", "compare two at a time"),
    ("open(CL)", "unknown function 'open'", "known here: exp, log, sqrt, min, max, where"),
    ("mx(CL, V)", "unknown function 'mx'", "did you mean 'max'? known here: exp, log, sqrt, min, max, where"),
    ("exp(CL, V)", "exp with 2 arguments", "exp takes 1"),
    ("max(CL)", "max with 1 arguments", "max takes 2 or more"),
    ("exp + 1", "'exp' is a function", "write exp(...)"),
    ("1e999 * CL", "the number 1e999 is too large", "at most 1.8e308"),
]


@pytest.mark.parametrize(("text", "problem", "advice"), REFUSED, ids=[case[0] for case in REFUSED])
def test_what_is_not_of_the_language_is_refused(text, problem, advice):
    with pytest.raises(ExpressionError) as caught:
        parse(text, "m.toml [flows]")
    assert str(caught.value) == f"m.toml [flows]: {problem}\n  {advice}"
    assert isinstance(caught.value, ModelError)


@pytest.mark.parametrize("text", ["", "CL +", "(CL", "CL V", "1 2", "* CL", "CL,"])
def test_what_does_not_parse_is_refused(text):
    with pytest.raises(ExpressionError):
        parse(text)


HOSTILE = {
    "10,000 brackets": "(" * 10_000 + "CL" + ")" * 10_000,
    "as many brackets as fit": "(" * 990 + "CL" + ")" * 990,
    "as many signs as fit": "-" * (LONGEST - 1) + "1",
    "as many terms as fit": "+".join("a" * 990),
    "nested calls": "exp(" * 400 + "CL" + ")" * 400,
    "ten million characters": "a" * 10_000_000,
    "a number of 1990 digits": "9" * 1990,
    "attribute walk": "().__class__.__bases__[0].__subclasses__()",
    "import": "__import__('os').system('true')",
    "null byte": "CL\0",
    "generator": "max(x for x in CL)",
    "star": "max(*CL)",
    "await": "await CL",
    "walrus": "(a := 1)",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_refused_at_once(name):
    started = perf_counter()
    with pytest.raises(ExpressionError) as caught:
        parse(HOSTILE[name])
    assert perf_counter() - started < 1.0  # milliseconds
    assert len(str(caught.value)) < 400


def test_a_tower_of_powers_is_only_infinite():
    """Python would work out 9**9**9**9 digit by digit; in floats it is inf at once."""
    started = perf_counter()
    assert parse("9**9**9**9").evaluate({}) == math.inf
    assert perf_counter() - started < 1.0


def test_the_deepest_tree_is_read():
    assert parse("-" * (DEEPEST - 1) + "CL").evaluate({"CL": 2.0}) == -2.0


@CALM
@given(text=st.text(alphabet="aT1.+-*/()<>=!, _eE", max_size=60) | st.text(max_size=40))
def test_any_text_is_read_or_refused(text):
    """Truth: there is no third way, such as a SyntaxError or a RecursionError."""
    try:
        expression = parse(text)
    except ExpressionError:
        return
    assert set(expression.names) == set(names_in(expression.tree))
    assert not set(expression.names) & set(FUNCTIONS)
