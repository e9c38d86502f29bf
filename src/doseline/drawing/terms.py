"""What rates are made of: terms with a sign, which of them move the same thing, and which compartments act in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from doseline.model.algebra import kind_of
from doseline.model.spec import Model
from doseline.model.tree import BUILT_IN, NEGATIVE, Apply, Name, Node, Number, names_in, written
from doseline.units import Dimension, dimension

MOST_OPENED, DEEPEST_OPENED = 8, 3
"""Summands of a bracket that is multiplied out, and how often that may happen within one another."""


class Term(NamedTuple):
    """A part of a rate.

    `gain` tells whether it is added. `acting` are the compartments in it, through variables too. Terms of two
    compartments with the same `moves` carry the same thing: they are equal but for factors without time in their unit,
    such as a volume or a ratio of masses. `follows` are the compartments without which it is zero.
    """

    gain: bool
    text: str
    acting: frozenset[str]
    moves: frozenset[tuple[int, float]]
    follows: frozenset[str]


class _Product(NamedTuple):
    """A number times powers of factors, which are told by their numbers in :class:`Formulas`."""

    number: float
    powers: dict[int, float]


class Formulas:
    """The formulas of a model, read as far as a picture needs it."""

    def __init__(self, model: Model) -> None:
        self._rates = model.rates
        self._compartments = frozenset(model.compartments)
        self._variables = {name: value.tree for name, value in model.variables.items()}
        self._kinds = _kinds(model)
        self._acting: dict[str, frozenset[str]] = {name: frozenset((name,)) for name in model.compartments}
        self._moving = {*model.compartments, *BUILT_IN}
        self._factors: dict[object, int] = {}
        self._nodes: list[Node] = []
        self._products: dict[str, _Product] = {}
        for name, tree in self._variables.items():
            self._kinds[name] = kind_of(tree, self._kinds)
            self._acting[name] = self.acting(tree)
            self._products[name] = self._product(tree)
            if not self._moving.isdisjoint(names_in(tree)):
                self._moving.add(name)

    def acting(self, node: Node) -> frozenset[str]:
        """Compartments in a formula, through variables too."""
        return frozenset().union(*(self._acting.get(name, frozenset()) for name in names_in(node)))

    def terms(self, compartment: str) -> list[Term]:
        """The rate of a compartment, taken apart."""
        found = self._split(self._rates[compartment].tree, True, compartment, DEEPEST_OPENED)
        return [self._term(gain, node) for gain, node in found if node != Number(0.0)]

    def _term(self, gain: bool, node: Node) -> Term:
        powers = self._product(node).powers
        moves = frozenset((factor, power) for factor, power in powers.items() if not self._scales(factor))
        heads = {self._nodes[factor] for factor, power in powers.items() if power > 0.0}
        follows = frozenset(name for name in self._compartments if Name(name) in heads)
        return Term(gain, written(node), self.acting(node), moves, follows)

    def _split(self, node: Node, gain: bool, own: str, depth: int) -> Iterator[tuple[bool, Node]]:
        """Signed terms of a tree."""
        positive, node = _unsigned(node)
        gain = gain == positive
        parts = list(_summands(node)) if _is_sum(node) else self._opened(node, gain, own) if depth else []
        if not parts:
            yield gain, node
        for added, part in parts:
            yield from self._split(part, gain == added, own, depth - (not _is_sum(node)))

    def _opened(self, node: Node, gain: bool, own: str) -> list[tuple[bool, Node]]:
        """Multiply a bracket out where its parts are losses and gains, as in KE0 * (CP - effect), or ways to leave, as
        in (KOFF + KINT) * bound. Others tell how much is gained or lost, as in KIN * (1 - I), and stay whole."""
        for path, factor in _factors(node):
            tree = self._variables.get(factor.name, factor) if isinstance(factor, Name) else factor
            parts = list(_summands(tree))
            if not 1 < len(parts) <= MOST_OPENED:
                continue
            lost = any(gain != added and own in self.acting(part) for added, part in parts)
            paces = all(added and self._is_pace(part) for added, part in parts)
            if paces if own in self.acting(_put(node, path, Number(1.0))) else lost:
                return [(added, _put(node, path, part)) for added, part in parts]
        return []

    def _product(self, node: Node) -> _Product:
        """The factors of a tree, with variables put in."""
        if isinstance(node, Number):
            return _Product(node.value, {})
        if isinstance(node, Name):
            return self._products.get(node.name) or _Product(1.0, {self._factor(node.name, node): 1.0})
        if _is_sum(node):
            signed = [(1.0 if added else -1.0, self._product(part)) for added, part in _summands(node)]
            told = sorted((sign * part.number, *sorted(part.powers.items())) for sign, part in signed)
            return _Product(1.0, {self._factor(("sum", *told), node): 1.0})
        parts = [self._product(arg) for arg in node.args]
        match node.rule, parts:
            case "negative", [only]:
                return _Product(-only.number, only.powers)
            case "*", [left, right]:
                return _Product(left.number * right.number, _added(left.powers, right.powers, 1.0))
            case "/", [left, right] if right.number:
                return _Product(left.number / right.number, _added(left.powers, right.powers, -1.0))
        inside = [(part.number, *sorted(part.powers.items())) for part in parts]
        return _Product(1.0, {self._factor((node.rule, *inside), node): 1.0})

    def _factor(self, key: object, node: Node) -> int:
        """Number of a factor: the same for all that look the same."""
        number = self._factors.setdefault(key, len(self._factors))
        if number == len(self._nodes):
            self._nodes.append(node)
        return number

    def _scales(self, factor: int) -> bool:
        """Whether a factor stays the same and has no time in its unit."""
        node = self._nodes[factor]
        return self._stays(node) and not self._per_time(node)

    def _is_pace(self, node: Node) -> bool:
        """Whether a formula is a rate constant."""
        return self._stays(node) and self._per_time(node)

    def _stays(self, node: Node) -> bool:
        return self._moving.isdisjoint(names_in(node))

    def _per_time(self, node: Node) -> bool:
        return "time" in kind_of(node, self._kinds).named()


def _kinds(model: Model) -> dict[str, Dimension]:
    """What each name of a model measures; that of a variable comes later."""
    kinds = {name: dimension(entry.unit) for name, entry in model.parameters.items()}
    kinds |= {name: dimension(entry.unit) for name, entry in model.covariates.items()}
    kinds |= {name: dimension(entry.unit) for name, entry in model.compartments.items()}
    kinds |= {name: dimension(unit) for name, unit in BUILT_IN.items()}
    for name, value in model.individual.items():
        kinds[name] = kind_of(value.tree, kinds)
    return kinds


def _added(left: dict[int, float], right: dict[int, float], times: float) -> dict[int, float]:
    total = dict(left)
    for factor, power in right.items():
        total[factor] = total.get(factor, 0.0) + times * power
    return {factor: power for factor, power in total.items() if power}


def _is_sum(node: Node) -> bool:
    return isinstance(node, Apply) and node.rule in ("+", "-")


def _summands(node: Node) -> Iterator[tuple[bool, Node]]:
    """What is added up in a tree, and whether it is added."""
    if isinstance(node, Apply) and node.rule in ("+", "-"):
        yield from _summands(node.args[0])
        for added, part in _summands(node.args[1]):
            yield added == (node.rule == "+"), part
    else:
        yield True, node


def _unsigned(node: Node) -> tuple[bool, Node]:
    """A product without its minus signs, and whether it is positive then."""
    if isinstance(node, Apply) and node.rule == NEGATIVE:
        positive, inner = _unsigned(node.args[0])
        return not positive, inner
    if isinstance(node, Apply) and node.rule in ("*", "/"):
        (one, left), (other, right) = map(_unsigned, node.args)
        return one == other, Apply(node.rule, (left, right))
    return True, node


def _factors(node: Node, path: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Node]]:
    """Factors of a product that are not divided by, each with the way to it."""
    if isinstance(node, Apply) and node.rule in ("*", "/"):
        for number, arg in enumerate(node.args[: 2 if node.rule == "*" else 1]):
            yield from _factors(arg, (*path, number))
    else:
        yield path, node


def _put(node: Node, path: tuple[int, ...], new: Node) -> Node:
    """Put another factor at the end of a way; a factor of 1 is left out."""
    if not path:
        return new
    assert isinstance(node, Apply)
    args = [_put(arg, path[1:], new) if i == path[0] else arg for i, arg in enumerate(node.args)]
    if node.rule == "*" and Number(1.0) in args:
        args.remove(Number(1.0))
        return args[0]
    return Apply(node.rule, tuple(args))
