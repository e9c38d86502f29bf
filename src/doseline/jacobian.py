"""Derivatives of a model's equations by its states, and by time: sympy differentiates, formula by formula.

Variables keep their names: each formula is differentiated by the names it has, and the chain rule joins them. Written
out instead, variables made of variables would grow beyond all bounds.
"""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import sympy

from doseline.model.tree import NEGATIVE, RULES, Apply, Name, Node, Number, names_in

_FUNCTIONS = {"exp": sympy.exp, "log": sympy.log, "sqrt": sympy.sqrt}
_RELATIONS = {
    "<": sympy.Lt,
    "<=": sympy.Le,
    ">": sympy.Gt,
    ">=": sympy.Ge,
    "==": sympy.Eq,
    "!=": sympy.Ne,
}
_SIGNS = {relation: sign for sign, relation in _RELATIONS.items()}
_ZERO, _ONE = Number(0.0), Number(1.0)


class _Power(sympy.Function):
    """A power whose exponent stays together: sympy's n * x**n / x has no value at zero, n * x**(n - 1) has."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> Any:
        base, exponent = self.args
        if argindex == 1:
            return exponent * _Power(base, exponent - 1)
        return sympy.log(base) * self


def derivatives(
    definitions: Mapping[str, Node], equations: Sequence[Node], states: Sequence[str]
) -> dict[tuple[int, str], Node]:
    """Derivative of each equation by each state, and by ``"t"``: {(equation, name): formula}, zeros included."""
    totals: dict[str, dict[str, Node]] = {}
    for name, node in definitions.items():
        totals[name] = _total(node, totals, states)
    found = {}
    for at, equation in enumerate(equations):
        total = _total(equation, totals, states)
        for name in (*states, "t"):
            found[at, name] = total.get(name, _ZERO)
    return found


def _total(node: Node, totals: Mapping[str, Mapping[str, Node]], states: Sequence[str]) -> dict[str, Node]:
    """Total derivatives of a formula: its own, and by way of the definitions in it."""
    terms: dict[str, list[Node]] = {}
    for name in dict.fromkeys(names_in(node)):
        # time since a dose runs with time; the amount of the dose stays
        outer = (
            {"t": _ONE} if name in ("t", "tad") else {name: _ONE} if name in states else totals.get(name, {})
        )
        if outer:
            inner = _derivative(node, name)
            for by, part in outer.items():
                terms.setdefault(by, []).append(_times(inner, part))
    sums = {by: _sum([term for term in each if term != _ZERO]) for by, each in terms.items()}
    return {by: total for by, total in sums.items() if total != _ZERO}


def _derivative(node: Node, name: str) -> Node:
    """Derivative of a formula by one of its names, as if all others stood still."""
    if isinstance(node, Name):
        return _ONE
    return _from_sympy(sympy.diff(_to_sympy(node), sympy.Symbol(name)))


def _to_sympy(node: Node) -> Any:
    if isinstance(node, Number):
        return (
            sympy.Integer(int(node.value)) if node.value == int(node.value) else sympy.Float(node.value, 17)
        )
    if isinstance(node, Name):
        return sympy.Symbol(node.name)
    args = [_to_sympy(arg) for arg in node.args if node.rule != "where"]
    match node.rule:
        case "+":
            return args[0] + args[1]
        case "-":
            return args[0] - args[1]
        case "*":
            return args[0] * args[1]
        case "/":
            return args[0] / args[1]
        case "**":
            return args[0] ** args[1] if args[1].is_Integer else _Power(*args)
        case "min" | "max":
            relation = sympy.Le if node.rule == "min" else sympy.Ge
            return reduce(lambda a, b: sympy.Piecewise((a, relation(a, b)), (b, True)), args)
        case "where":
            yes, no = _to_sympy(node.args[1]), _to_sympy(node.args[2])
            return sympy.Piecewise((yes, _condition(node.args[0])), (no, True))
    if node.rule == NEGATIVE:
        return -args[0]
    if node.rule in _FUNCTIONS:
        return _FUNCTIONS[node.rule](args[0])
    return sympy.Piecewise((1, _condition(node)), (0, True))


def _condition(node: Node) -> Any:
    if isinstance(node, Apply) and RULES[node.rule].kind == "comparison":
        return _RELATIONS[node.rule](*map(_to_sympy, node.args))
    return sympy.Ne(_to_sympy(node), 0)


def _from_sympy(found: Any) -> Node:
    if found.is_Symbol:
        return Name(found.name)
    if found.is_number and not found.free_symbols:
        return Number(float(found))
    if found.is_Add:
        return _sum([_from_sympy(arg) for arg in found.args])
    if found.is_Mul:
        return reduce(_times, map(_from_sympy, found.args))
    if found.is_Pow:
        base, exponent = found.args
        if exponent == -1:
            return Apply("/", (_ONE, _from_sympy(base)))
        return Apply("**", (_from_sympy(base), _from_sympy(exponent)))
    if found.is_Piecewise:
        *parts, last = found.args
        return reduce(
            lambda rest, part: Apply("where", (_relation(part.cond), _from_sympy(part.expr), rest)),
            reversed(parts),
            _from_sympy(last.expr),
        )
    if isinstance(found, _Power):
        return Apply("**", (_from_sympy(found.args[0]), _from_sympy(found.args[1])))
    name = {sympy.exp: "exp", sympy.log: "log"}[found.func]
    return Apply(name, (_from_sympy(found.args[0]),))


def _relation(found: Any) -> Node:
    if found in (sympy.true, sympy.false):
        return Number(float(bool(found)))
    if found.func in _SIGNS:
        return Apply(_SIGNS[found.func], tuple(map(_from_sympy, found.args)))
    rule = "min" if found.func is sympy.And else "max"
    return Apply(rule, tuple(map(_relation, found.args)))


def _times(left: Node, right: Node) -> Node:
    if _ZERO in (left, right):
        return _ZERO
    return right if left == _ONE else left if right == _ONE else Apply("*", (left, right))


def _sum(parts: Sequence[Node]) -> Node:
    return reduce(lambda a, b: Apply("+", (a, b)), parts) if parts else _ZERO
