"""Derivatives of a model's equations by its states, and by time: one rule for each rule of the language.

Variables keep their names: each formula is differentiated by the names it has, and the chain rule joins them. Written
out instead, variables made of variables would grow beyond all bounds.

Formulas have values where amounts are zero, and so have their derivatives here: that of ``(x / K) ** G`` is made of
``(x / K) ** (G - 1)`` and not of ``(x / K) ** G / x``, which is 0 / 0 before the first dose.
"""

from collections.abc import Mapping, Sequence
from functools import reduce

from doseline.model.tree import NEGATIVE, RULES, Apply, Name, Node, Number, names_in

_ZERO, _ONE = Number(0.0), Number(1.0)


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
    sums = {by: reduce(_plus, each) for by, each in terms.items()}
    return {by: total for by, total in sums.items() if total != _ZERO}


def _derivative(node: Node, name: str) -> Node:
    """Derivative of a formula by one of its names, as if all others stood still.

    At a corner it is that of one side.
    """
    if not isinstance(node, Apply):
        return _ONE if node == Name(name) else _ZERO
    args = node.args
    inner = [_derivative(arg, name) for arg in args]
    match node.rule:
        case "+":
            return _plus(*inner)
        case "-":
            return _minus(*inner)
        case "*":
            return _plus(_times(inner[0], args[1]), _times(args[0], inner[1]))
        case "/":
            return _over(_minus(inner[0], _times(node, inner[1])), args[1])
        case "**":
            return _plus(_times(_of_power(*args), inner[0]), _times(_of_exponent(node), inner[1]))
        case "exp":
            return _times(node, inner[0])
        case "log":
            return _over(inner[0], args[0])
        case "sqrt":
            slope = Apply("/", (Number(0.5), node))
            return _times(Apply("where", (Apply(">", (args[0], _ZERO)), slope, _ZERO)), inner[0])
        case "min" | "max":
            return _of_extreme("<" if node.rule == "min" else ">", node, inner)
        case "where":
            return _choice(args[0], inner[1], inner[2])
    if node.rule == NEGATIVE:
        return _minus(_ZERO, inner[0])
    if RULES[node.rule].kind != "comparison":
        raise NotImplementedError(f"no derivative of '{node.rule}'")
    return _ZERO


def _of_power(base: Node, exponent: Node) -> Node:
    """Derivative of a power by its base.

    An exponent below 1 makes it infinite at zero. There it is that from below, 0, as such powers of what is below
    zero count as 0.
    """
    slope = _times(exponent, _raised(base, _minus(exponent, _ONE)))
    if isinstance(exponent, Number) and (exponent.value >= 1.0 or exponent.value <= 0.0):
        return slope
    at_zero = _ZERO if isinstance(exponent, Number) else Apply("==", (exponent, _ONE))
    return Apply("where", (Apply("==", (base, _ZERO)), at_zero, slope))


def _of_exponent(power: Apply) -> Node:
    """Derivative of a power by its exponent; 0 where the power is, though the logarithm is infinite there."""
    slope = Apply("*", (power, Apply("log", (power.args[0],))))
    return Apply("where", (Apply("!=", (power, _ZERO)), slope, _ZERO))


def _of_extreme(sign: str, node: Apply, inner: Sequence[Node]) -> Node:
    """Derivative of the smallest or largest of several: that of the one it is."""
    best, slope = node.args[0], inner[0]
    for arg, own in zip(node.args[1:], inner[1:], strict=True):
        slope = _choice(Apply(sign, (best, arg)), slope, own)
        best = Apply(node.rule, (best, arg))
    return slope


def _choice(condition: Node, yes: Node, no: Node) -> Node:
    return yes if yes == no else Apply("where", (condition, yes, no))


def _raised(base: Node, exponent: Node) -> Node:
    return _ONE if exponent == _ZERO else base if exponent == _ONE else Apply("**", (base, exponent))


def _times(left: Node, right: Node) -> Node:
    if _ZERO in (left, right):
        return _ZERO
    return right if left == _ONE else left if right == _ONE else Apply("*", (left, right))


def _over(left: Node, right: Node) -> Node:
    return _ZERO if left == _ZERO else Apply("/", (left, right))


def _plus(left: Node, right: Node) -> Node:
    return right if left == _ZERO else left if right == _ZERO else Apply("+", (left, right))


def _minus(left: Node, right: Node) -> Node:
    if isinstance(left, Number) and isinstance(right, Number):
        return Number(left.value - right.value)
    if right == _ZERO:
        return left
    return Apply(NEGATIVE, (right,)) if left == _ZERO else Apply("-", (left, right))
