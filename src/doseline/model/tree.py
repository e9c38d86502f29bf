"""What an expression is made of: numbers, names, and the rules of one table applied to them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple

import numpy as np


@dataclass(frozen=True, slots=True)
class Number:
    """A literal."""

    value: float


@dataclass(frozen=True, slots=True)
class Name:
    """A parameter, covariate, individual value, compartment or variable, or one of :data:`BUILT_IN`."""

    name: str


@dataclass(frozen=True, slots=True)
class Apply:
    """A rule of :data:`RULES` with its arguments."""

    rule: str
    args: tuple[Node, ...]


Node = Number | Name | Apply


class Rule(NamedTuple):
    """One operator or function, with all there is to know about it."""

    compute: Callable[..., Any]  # over floats and arrays (subject,)
    kind: str  # what it does to units, see algebra.py
    least: int  # number of arguments: at least, at most
    most: int
    binding: int  # how tightly an operator binds when written; 0: a function


def _compare(ufunc: Callable[..., Any]) -> Callable[..., Any]:
    return lambda left, right: ufunc(left, right) * 1.0


def _fold(ufunc: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args: reduce(ufunc, args)


def _where(condition: Any, yes: Any, no: Any) -> Any:
    return np.where(condition != 0.0, yes, no)


MANY = 1000
NEGATIVE = "negative"

RULES: dict[str, Rule] = {
    "<": Rule(_compare(operator.lt), "comparison", 2, 2, 1),
    "<=": Rule(_compare(operator.le), "comparison", 2, 2, 1),
    ">": Rule(_compare(operator.gt), "comparison", 2, 2, 1),
    ">=": Rule(_compare(operator.ge), "comparison", 2, 2, 1),
    "==": Rule(_compare(operator.eq), "comparison", 2, 2, 1),
    "!=": Rule(_compare(operator.ne), "comparison", 2, 2, 1),
    "+": Rule(np.add, "same", 2, 2, 2),
    "-": Rule(np.subtract, "same", 2, 2, 2),
    "*": Rule(np.multiply, "product", 2, 2, 3),
    "/": Rule(np.divide, "quotient", 2, 2, 3),
    NEGATIVE: Rule(np.negative, "same", 1, 1, 4),
    "**": Rule(np.power, "power", 2, 2, 5),
    "exp": Rule(np.exp, "plain", 1, 1, 0),
    "log": Rule(np.log, "plain", 1, 1, 0),
    "sqrt": Rule(np.sqrt, "root", 1, 1, 0),
    "min": Rule(_fold(np.minimum), "same", 2, MANY, 0),
    "max": Rule(_fold(np.maximum), "same", 2, MANY, 0),
    "where": Rule(_where, "choice", 3, 3, 0),
}
FUNCTIONS: tuple[str, ...] = tuple(name for name, rule in RULES.items() if not rule.binding)
"""Names that nothing else may have."""
BUILT_IN: dict[str, str] = {"t": "h", "tad": "h", "dose": "mg"}
"""Names with a meaning of their own, and their units: the subject's clock, the time since the last dose arrived (before
the first: since the subject's start), the amount of the last dose after bioavailability (before the first: 0)."""

_ATOM = 6


def names_in(node: Node) -> Iterator[str]:
    """Names of a tree from left to right, repeated as they are."""
    if isinstance(node, Name):
        yield node.name
    elif isinstance(node, Apply):
        for arg in node.args:
            yield from names_in(arg)


def written(node: Node) -> str:
    """Text of a tree, with no more brackets than needed; reading it gives the tree back."""
    if isinstance(node, Number):
        return repr(node.value).removesuffix(".0")
    if isinstance(node, Name):
        return node.name
    binding = RULES[node.rule].binding
    if not binding:
        return f"{node.rule}({', '.join(map(written, node.args))})"
    if node.rule == NEGATIVE:
        return f"-{_bracketed(node.args[0], binding)}"
    # a power reads from the right and its exponent may carry a sign; all others read from the left
    left, right = (_ATOM, RULES[NEGATIVE].binding) if node.rule == "**" else (binding, binding + 1)
    if RULES[node.rule].kind == "comparison":
        left = right
    return f"{_bracketed(node.args[0], left)} {node.rule} {_bracketed(node.args[1], right)}"


def _bracketed(node: Node, least: int) -> str:
    own = (RULES[node.rule].binding or _ATOM) if isinstance(node, Apply) else _ATOM
    return written(node) if own >= least else f"({written(node)})"
