"""What can be told from an expression without its values: the kind of its unit, and whether it is linear."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

import numpy as np

from doseline.model.tree import NEGATIVE, RULES, Apply, Name, Node, Number, names_in, written
from doseline.units import Dimension

PLAIN = Dimension()


class KindError(Exception):
    """Units that do not fit together: the problem with its sub-expression, and the advice."""

    def __init__(self, problem: str, advice: str) -> None:
        super().__init__(problem)
        self.advice = advice


def kind_of(node: Node, kinds: Mapping[str, Dimension]) -> Dimension:
    """Kind of the value of a tree, from the kinds of its names. Raises :class:`KindError`."""
    if isinstance(node, Number):
        return PLAIN
    if isinstance(node, Name):
        return kinds[node.name]
    return _KINDS[RULES[node.rule].kind](node, [kind_of(arg, kinds) for arg in node.args])


def _same(node: Apply, found: list[Dimension]) -> Dimension:
    """All alike; a literal zero is of any kind."""
    pairs = [pair for pair in zip(node.args, found, strict=True) if pair[0] != Number(0.0)]
    for arg, kind in pairs[1:]:
        if kind != pairs[0][1]:
            raise KindError(
                f"in '{written(node)}', {_told(*pairs[0])} and {_told(arg, kind)}",
                f"what '{node.rule}' takes must be of one kind; make a number that has a unit a parameter",
            )
    return pairs[0][1] if pairs else PLAIN


def _plain(node: Apply, found: list[Dimension]) -> Dimension:
    if found[0] != PLAIN:
        raise KindError(
            f"in '{written(node)}', {_told(node.args[0], found[0])}",
            f"{node.rule} takes a plain number: divide by something of the same kind",
        )
    return PLAIN


def _power(node: Apply, found: list[Dimension]) -> Dimension:
    base, exponent = node.args
    if found[1] != PLAIN:
        raise KindError(
            f"in '{written(node)}', the exponent {_told(exponent, found[1])}", "an exponent is a plain number"
        )
    if found[0] == PLAIN:
        return PLAIN
    if any(True for _ in names_in(exponent)):
        raise KindError(
            f"in '{written(node)}', {_told(base, found[0])} and its exponent is not a number",
            "make the base a plain number, as in (WT / WT_STD) ** ALLO_CL",
        )
    with np.errstate(all="ignore"):
        power = _constant(exponent)
    if not math.isfinite(power):
        raise KindError(f"in '{written(node)}', the exponent is not finite", "an exponent is a plain number")
    return found[0] ** power


def _constant(node: Node) -> float:
    if isinstance(node, Apply):
        return float(RULES[node.rule].compute(*map(_constant, node.args)))
    return node.value if isinstance(node, Number) else float("nan")


def _comparison(node: Apply, found: list[Dimension]) -> Dimension:
    _same(node, found)
    return PLAIN


def _choice(node: Apply, found: list[Dimension]) -> Dimension:
    if found[0] != PLAIN:
        raise KindError(
            f"in '{written(node)}', the condition {_told(node.args[0], found[0])}",
            "write a comparison, as in where(WT > WT_STD, 1, 2)",
        )
    return _same(Apply(node.rule, node.args[1:]), found[1:])


_KINDS: dict[str, Callable[[Apply, list[Dimension]], Dimension]] = {
    "same": _same,
    "plain": _plain,
    "comparison": _comparison,
    "choice": _choice,
    "power": _power,
    "product": lambda node, found: found[0] * found[1],
    "quotient": lambda node, found: found[0] / found[1],
    "root": lambda node, found: found[0] ** 0.5,
}


def _told(node: Node, kind: Dimension) -> str:
    return f"'{written(node)}' is {kind.words}"


def substituted(node: Node, trees: Mapping[str, Node]) -> Node:
    """Put trees in the place of names.

    >>> written(substituted(Apply("*", (Name("K"), Name("C"))), {"C": Apply("/", (Name("A"), Name("V")))}))
    'K * (A / V)'
    """
    if isinstance(node, Apply):
        return Apply(node.rule, tuple(substituted(arg, trees) for arg in node.args))
    return trees.get(node.name, node) if isinstance(node, Name) else node


class Size(NamedTuple):
    """Of a tree."""

    nodes: int
    levels: int


def size(node: Node, sizes: Mapping[str, Size] | None = None) -> Size:
    """Measure a tree; names in `sizes` count as trees of that size."""
    if isinstance(node, Apply):
        args = [size(arg, sizes) for arg in node.args]
        return Size(1 + sum(arg.nodes for arg in args), 1 + max(arg.levels for arg in args))
    one = Size(1, 1)
    return (sizes or {}).get(node.name, one) if isinstance(node, Name) else one


class _Sum(NamedTuple):
    """constant + sum of coefficient * name; None is zero."""

    constant: Node | None
    coefficients: dict[str, Node]


def coefficients(node: Node, names: Collection[str]) -> dict[str, Node] | None:
    """Coefficients of a tree that is a sum of coefficient * name; None where it is anything else."""
    found = _linear(node, frozenset(names))
    if found is None or found.constant is not None:
        return None
    return found.coefficients


def _linear(node: Node, names: frozenset[str]) -> _Sum | None:
    """Write a tree as a sum over `names`, or find that it is not one."""
    if isinstance(node, Number):
        return _Sum(None if node == Number(0.0) else node, {})
    if isinstance(node, Name):
        return _Sum(None, {node.name: Number(1.0)}) if node.name in names else _Sum(node, {})
    parts = [_linear(arg, names) for arg in node.args]
    if not any(part is None or part.coefficients for part in parts):
        return _Sum(node, {})
    if node.rule == "where":
        return _linear_choice(node.args[0], parts)
    if node.rule not in ("+", "-", "*", "/", NEGATIVE) or any(part is None for part in parts):
        return None
    left, right = parts[0], parts[-1]
    assert left is not None
    assert right is not None
    match node.rule:
        case "+" | "-":
            keys = dict.fromkeys([*left.coefficients, *right.coefficients])
            each = {k: _add(node.rule, left.coefficients.get(k), right.coefficients.get(k)) for k in keys}
            return _Sum(
                _add(node.rule, left.constant, right.constant),
                {k: v for k, v in each.items() if v is not None},
            )
        case "*" if not right.coefficients:
            return _scaled(left, lambda part: _times(part, node.args[1]))
        case "*" if not left.coefficients:
            return _scaled(right, lambda part: _times(node.args[0], part))
        case "/" if not right.coefficients:
            return _scaled(left, lambda part: Apply("/", (part, node.args[1])))
        case "negative":
            return _scaled(left, lambda part: Apply(NEGATIVE, (part,)))
    return None


def _linear_choice(condition: Node, parts: list[_Sum | None]) -> _Sum | None:
    """Choose between two sums under a condition that does not move with them."""
    asked, first, second = parts
    if asked is None or asked.coefficients or first is None or second is None:
        return None

    def choose(one: Node | None, other: Node | None) -> Node:
        return Apply("where", (condition, one or Number(0.0), other or Number(0.0)))

    keys = dict.fromkeys([*first.coefficients, *second.coefficients])
    some = first.constant is not None or second.constant is not None
    return _Sum(
        choose(first.constant, second.constant) if some else None,
        {key: choose(first.coefficients.get(key), second.coefficients.get(key)) for key in keys},
    )


def _scaled(total: _Sum, change: Callable[[Node], Node]) -> _Sum:
    constant = None if total.constant is None else change(total.constant)
    return _Sum(constant, {name: change(part) for name, part in total.coefficients.items()})


def _add(rule: str, left: Node | None, right: Node | None) -> Node | None:
    if right is None:
        return left
    if left is None:
        return right if rule == "+" else Apply(NEGATIVE, (right,))
    return Apply(rule, (left, right))


def _times(left: Node, right: Node) -> Node:
    one = Number(1.0)
    return right if left == one else left if right == one else Apply("*", (left, right))
