"""Formulas of the language in mpmath, rule by rule, and their differences: what they mean, written a second time."""

import operator

import mpmath as mp

from doseline.jacobian import derivatives
from doseline.model.expression import parse
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
