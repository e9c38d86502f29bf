"""From formulas to functions over lanes: trees in, the text of one small function out, compiled and kept.

What does not move is not computed here: the largest parts of a formula without a compartment, a variable or the clock
in them become constants, worked out once a subject by numpy. What occurs twice is computed once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from doseline.errors import ModelError
from doseline.kernels import lanes
from doseline.model.tree import NEGATIVE, RULES, Apply, Name, Node, Number

CLOCK: Mapping[str, str] = {
    "t": f"w[{lanes.TIME} + l]",
    "tad": f"(w[{lanes.TIME} + l] - w[{lanes.GIVEN} + l])",
    "dose": f"w[{lanes.DOSE} + l]",
}
"""What the built-in names are in code."""
TIMED = ("t", "tad")
"""Those that move while nothing else does."""


def row(block: int, position: int) -> str:
    """A row of a block, in code."""
    return f"w[{block + lanes.LANES * position} + l]"


@dataclass
class Constants:
    """Parts of formulas that do not move, numbered; shared by the functions of one model."""

    moving: Collection[str]
    position: dict[Node, int] = field(default_factory=dict)
    _moves: dict[Node, bool] = field(default_factory=dict)

    def moves(self, node: Node) -> bool:
        """Does a formula change in time?"""
        if node not in self._moves:
            if isinstance(node, Apply):
                # every part is looked at, so that deep formulas are known from the bottom up
                self._moves[node] = any([self.moves(arg) for arg in node.args])
            else:
                self._moves[node] = isinstance(node, Name) and node.name in self.moving
        return self._moves[node]

    def code(self, node: Node) -> str:
        """A number, or the constant that a formula has become."""
        if isinstance(node, Number):
            return repr(node.value)
        at = self.position.setdefault(node, len(self.position))
        if at >= lanes.MOST_CONSTANTS:
            raise ModelError(
                f"more than {lanes.MOST_CONSTANTS:,} parts of formulas that do not move",
                advice="the model is too large for the solver",
            )
        return row(lanes.CONSTANT, at)


class _Writer:
    """Writes one function: each part of a formula that moves becomes a line of its own."""

    def __init__(self, constants: Constants, places: Mapping[str, str]) -> None:
        self.constants = constants
        self.places = dict(places)
        self.known: dict[Node, str] = {}
        self.lines: list[str] = []

    def code(self, node: Node) -> str:
        """The name of a formula's value, computed by the lines so far."""
        if not self.constants.moves(node):
            return self.constants.code(node)
        if isinstance(node, Name):
            return self.places[node.name]
        if node not in self.known:
            assert isinstance(node, Apply)
            applied = self._applied(node)
            name = f"v{len(self.known)}"
            self.lines.append(f"{name} = {applied}")
            self.known[node] = name
        return self.known[node]

    def _applied(self, node: Apply) -> str:
        values = [self.code(arg) for arg in node.args]
        kind = RULES[node.rule].kind
        if kind == "comparison":
            return f"1.0 if {values[0]} {node.rule} {values[1]} else 0.0"
        if node.rule == "**":
            return _power(values[0], node.args[1], values[1])
        if node.rule in ("min", "max"):
            sign = "<" if node.rule == "min" else ">"
            folded = values[0]
            for at, value in enumerate(values[1:]):
                # written into one another, the text would grow threefold with each of many
                if at:
                    self.lines.append(f"v{len(self.known)}_{at} = {folded}")
                    folded = f"v{len(self.known)}_{at}"
                # as numpy's: NaN on either side is NaN
                folded = f"{folded} if {folded} {sign} {value} or {folded} != {folded} else {value}"
            return folded
        if node.rule == "where":
            return f"{values[1]} if {values[0]} != 0.0 else {values[2]}"
        if node.rule == NEGATIVE:
            return f"-{values[0]}"
        if node.rule == "sqrt":
            return f"math.sqrt(0.0 if {values[0]} < 0.0 else {values[0]})"
        if RULES[node.rule].binding:
            return f"{values[0]} {node.rule} {values[1]}"
        return f"math.{node.rule}({values[0]})"


def _power(base: str, exponent: Node, code: str) -> str:
    """A power, without the function where a product does."""
    value = exponent.value if isinstance(exponent, Number) else None
    if value in (1.0, 2.0, 3.0, 4.0):
        return " * ".join([base] * int(value))
    return f"power({base}, {code})"


def written_function(
    name: str,
    rows: Sequence[tuple[str, Node, str]],
    definitions: Mapping[str, Node],
    constants: Constants,
    places: Mapping[str, str],
) -> str:
    """The text of a function over lanes.

    Parameters
    ----------
    name : str         What it is called.
    rows               Where each value goes, its formula, and code around the value, with ``{}`` for it.
    definitions        Formulas that have names of their own, in an order in which each needs only earlier ones.
    constants          Of the model.
    places             Code for each name that moves.
    """
    writer = _Writer(constants, {**places, **CLOCK})
    for defined, node in definitions.items():
        writer.places[defined] = writer.code(node)
    stores = [f"{where} = {around.format(writer.code(node))}" for where, node, around in rows]
    body = "\n        ".join([*writer.lines, *stores] or ["pass"])
    return f"def {name}(w):\n    for l in range({lanes.LANES}):\n        {body}\n"


def uses(name: str, nodes: Collection[Node]) -> bool:
    """Does any formula look at a name?"""
    return any(_has(node, name) for node in nodes)


def _has(node: Node, name: str) -> bool:
    if isinstance(node, Apply):
        return any(_has(arg, name) for arg in node.args)
    return isinstance(node, Name) and node.name == name


def divisors(node: Node) -> set[str]:
    """Names that a formula divides by, alone or as a factor."""
    if not isinstance(node, Apply):
        return set()
    own = _factors(node.args[1]) if node.rule == "/" else set()
    return own.union(*map(divisors, node.args))


def _factors(node: Node) -> set[str]:
    if isinstance(node, Name):
        return {node.name}
    if isinstance(node, Apply) and node.rule == "*":
        return _factors(node.args[0]) | _factors(node.args[1])
    return set()
