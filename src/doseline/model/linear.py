"""Whether a model is linear, found from its formulas: then its matrices can be written down and solved exactly."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from doseline.model.algebra import size, substituted
from doseline.model.entries import Flow, Output
from doseline.model.expression import Expression
from doseline.model.tree import BUILT_IN, Node

MOST_NODES, DEEPEST = 2000, 150
"""Numbers, names and rules of a formula with its variables written out, and its levels. Variables made of variables
grow fast when written out; beyond this a model counts as one that is not linear, which is right too, only slower."""


@dataclass(frozen=True)
class LinearForm:
    """A linear model without its variables.

    Attributes
    ----------
    rates : tuple of Expression   Rate constant of each flow, free of what moves. [1/h]
    outputs : dict                For each output the coefficient of each compartment in it.
    """

    rates: tuple[Expression, ...]
    outputs: dict[str, dict[str, Expression]]


def linear_form(
    compartments: Collection[str],
    variables: Mapping[str, Expression],
    flows: Collection[Flow],
    rates: Mapping[str, Expression],
    outputs: Mapping[str, Output],
) -> LinearForm | None:
    """Give the rate constants and the coefficients of the outputs; None where the model is not linear.

    It is linear when no rate constant has an amount, `t`, `tad` or `dose` in it, nothing has a rate of its own, and
    each output is a sum of amounts times factors of that kind. Variables are put in where they stand.
    """
    if rates:
        return None
    trees = _written_out(variables)
    constants = [_put_in(flow.rate, trees) for flow in flows]
    sums = {name: _put_in(output.value, trees) for name, output in outputs.items()}
    rows = {name: None if value is None else value.linear_in(compartments) for name, value in sums.items()}
    still = [*constants, *(part for row in rows.values() if row is not None for part in row.values())]
    moving = {*compartments, *BUILT_IN}
    if None in rows.values() or not all(each and moving.isdisjoint(each.names) for each in still):
        return None
    return LinearForm(
        tuple(each for each in constants if each is not None),
        {name: row for name, row in rows.items() if row is not None},
    )


def _written_out(variables: Mapping[str, Expression]) -> dict[str, Node | None]:
    """Trees of the variables without other variables in them; None where one would be too large."""
    trees: dict[str, Node | None] = {}
    for name, value in variables.items():
        whole = _put_in(value, trees)
        trees[name] = None if whole is None else whole.tree
    return trees


def _put_in(value: Expression, trees: Mapping[str, Node | None]) -> Expression | None:
    """Write an expression out; None where it would be too large."""
    used = {name: trees[name] for name in value.names if name in trees}
    known = {name: tree for name, tree in used.items() if tree is not None}
    if not used:
        return value
    nodes, levels = size(value.tree, {name: size(tree) for name, tree in known.items()})
    if len(known) < len(used) or nodes > MOST_NODES or levels > DEEPEST:
        return None
    return Expression.of(substituted(value.tree, known))
