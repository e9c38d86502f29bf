"""The small expression language of model files.

Python's own parser reads the text, and a whitelist turns what it found into the nodes of
:mod:`doseline.model.tree`. Only these are ever worked on. Nothing is evaluated as Python: a file from
anywhere can be wrong, but cannot run code.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from doseline.errors import InputError, ModelError, did_you_mean
from doseline.model.algebra import KindError, coefficients, kind_of
from doseline.model.tree import FUNCTIONS, MANY, NEGATIVE, RULES, Apply, Name, Node, Number, names_in, written
from doseline.units import Dimension, dimension

LONGEST = 2000
"""Characters of one expression."""
DEEPEST = 50
"""Levels of one tree: brackets within brackets, terms of one sum."""

LANGUAGE = "an expression has numbers, names, + - * / **, comparisons, and exp log sqrt min max where"
_FOREIGN = re.compile(r"[^A-Za-z0-9_.+\-*/()<>=!, ]")
_OPERATORS: dict[type, str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}


class ExpressionError(ModelError):
    """An expression that is not of the language, or whose units do not fit."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A formula of a model file, parsed.

    Attributes
    ----------
    text : str                As written.
    names : tuple of str      The names in it, in order of first appearance.
    tree : Node               What it is made of.

    >>> clearance = parse("CL * (WT / 70) ** 0.75")
    >>> clearance.names
    ('CL', 'WT')
    >>> clearance.evaluate({"CL": 8.0, "WT": 70.0})
    8.0
    """

    text: str
    names: tuple[str, ...]
    tree: Node

    @classmethod
    def of(cls, tree: Node) -> Expression:
        """Write a tree down as an expression."""
        return cls(written(tree), tuple(dict.fromkeys(names_in(tree))), tree)

    def __str__(self) -> str:
        """Give the text."""
        return self.text

    def evaluate(self, values: Mapping[str, float | np.ndarray]) -> float | np.ndarray:
        """Give the value, from the values of the names: floats, or arrays (subject,).

        Arithmetic is numpy's: a division by zero is inf, the logarithm of a negative number NaN.

        >>> parse("max(WT, 50) / 10").evaluate({"WT": np.array([40.0, 80.0])}).tolist()
        [5.0, 8.0]
        """
        missing = [name for name in self.names if name not in values]
        if missing:
            raise InputError(
                f"no value for '{missing[0]}' in '{self.text}'", advice=did_you_mean(missing[0], values)
            )
        # contiguous: strided arrays may take another loop of numpy, with another last bit
        arrays = {name: np.asarray(values[name], dtype=np.float64, order="C") for name in self.names}
        with np.errstate(all="ignore"):
            result = _value(self.tree, arrays)
        return np.array(result) if np.ndim(result) else float(result)

    def unit(self, units: Mapping[str, str], *, place: str = "") -> str:
        """Give the coherent unit of the value, from the units of the names.

        Raises :class:`ExpressionError` with the part whose units do not fit.

        >>> parse("central / V").unit({"central": "mg", "V": "L"})
        'mg/L'
        """
        kinds = {name: dimension(units[name], place=place) for name in self.names if name in units}
        return self.kind(kinds, place=place).unit

    def kind(self, kinds: Mapping[str, Dimension], *, place: str = "") -> Dimension:
        """Give the kind of unit of the value, as :meth:`unit` does, from kinds."""
        missing = [name for name in self.names if name not in kinds]
        if missing:
            raise ExpressionError(
                f"unknown name '{missing[0]}'", place=place, advice=did_you_mean(missing[0], kinds)
            )
        try:
            return kind_of(self.tree, kinds)
        except KindError as error:
            raise ExpressionError(str(error), place=place, advice=error.advice) from None

    def linear_in(self, names: Collection[str]) -> dict[str, Expression] | None:
        """Give the coefficients, if this is a sum of coefficient * name with nothing else; otherwise None.

        >>> {name: str(part) for name, part in parse("(2 * a - b) / V").linear_in(["a", "b"]).items()}
        {'a': '2 / V', 'b': '-1 / V'}
        """
        found = coefficients(self.tree, names)
        return None if found is None else {name: Expression.of(tree) for name, tree in found.items()}


def parse(text: str, place: str = "") -> Expression:
    """Read an expression. Raises :class:`ExpressionError` for all that is not of the language."""
    reader = _Reader(place)
    if len(text) > LONGEST:
        raise reader.error(
            f"an expression of {len(text)} characters",
            f"at most {LONGEST}: name its parts in [individual] or [variables]",
        )
    reader.shown = flat = " ".join(text.split())
    foreign = _FOREIGN.search(flat)
    if foreign:
        power = "write ** for a power" if foreign[0] == "^" else LANGUAGE
        raise reader.error(f"'{foreign[0]}' in '{flat}' is not part of the language", power)
    try:
        found = ast.parse(flat, mode="eval").body
    except (RecursionError, MemoryError):
        raise reader.too_deep() from None
    except (SyntaxError, ValueError) as error:
        why = error.msg if isinstance(error, SyntaxError) else str(error)
        raise reader.error(f"'{_cut(flat)}' does not parse: {why}", LANGUAGE) from None
    if _depth(found) > DEEPEST:
        raise reader.too_deep()
    tree = reader.node(found)
    return Expression(flat, tuple(dict.fromkeys(names_in(tree))), tree)


def _value(node: Node, values: Mapping[str, np.ndarray]) -> np.ndarray:
    if isinstance(node, Number):
        return np.float64(node.value)  # type: ignore[return-value]
    if isinstance(node, Name):
        return values[node.name]
    return RULES[node.rule].compute(*[_value(arg, values) for arg in node.args])


def _depth(found: ast.AST) -> int:
    """Levels of what Python's parser found, counted without recursion and no further than needed."""
    level, depth = [found], 0
    while level and depth <= DEEPEST:
        level = [
            child for node in level for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)
        ]
        depth += 1
    return depth


def _cut(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."


class _Reader:
    """From Python's nodes to ours; what has no counterpart is refused."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.shown = ""

    def error(self, problem: str, advice: str) -> ExpressionError:
        return ExpressionError(problem, place=self.place, advice=advice)

    def too_deep(self) -> ExpressionError:
        return self.error(
            f"'{_cut(self.shown)}' is nested too deeply",
            f"at most {DEEPEST} levels or terms: name its parts in [individual] or [variables]",
        )

    def node(self, found: ast.expr) -> Node:
        """Translate one node and those below it."""
        match found:
            case ast.Constant(value=bool() | None):
                pass
            case ast.Constant(value=int() | float()):
                return self._number(found)
            case ast.Name(id=name) if not name.startswith("_"):
                if name in FUNCTIONS:
                    raise self.error(f"'{name}' is a function", f"write {name}(...)")
                return Name(name)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                return Apply(_OPERATORS[type(op)], (self.node(left), self.node(right)))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return Apply(NEGATIVE, (self.node(operand),))
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.node(operand)
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _OPERATORS:
                return Apply(_OPERATORS[type(op)], (self.node(left), self.node(right)))
            case ast.Compare(ops=[_, _, *_]):
                raise self.error(
                    f"'{self._part(found)}' compares more than two values", "compare two at a time"
                )
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
                return self._call(name, args)
        raise self.error(f"'{self._part(found)}' is not part of the language", LANGUAGE)

    def _call(self, name: str, args: list[ast.expr]) -> Apply:
        if name not in FUNCTIONS:
            raise self.error(f"unknown function '{name}'", did_you_mean(name, FUNCTIONS))
        rule = RULES[name]
        if not rule.least <= len(args) <= rule.most:
            wanted = f"{rule.least}" if rule.most < MANY else f"{rule.least} or more"
            raise self.error(f"{name} with {len(args)} arguments", f"{name} takes {wanted}")
        return Apply(name, tuple(self.node(arg) for arg in args))

    def _number(self, found: ast.Constant) -> Number:
        try:
            value = float(found.value)  # type: ignore[arg-type]
        except OverflowError:
            value = math.inf
        if not math.isfinite(value):
            raise self.error(f"the number {self._part(found)} is too large", "at most 1.8e308")
        return Number(value)

    def _part(self, found: ast.expr) -> str:
        return _cut(ast.get_source_segment(self.shown, found) or self.shown)
