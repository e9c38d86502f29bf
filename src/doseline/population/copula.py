"""Covariates drawn together: a Gaussian copula, so that each keeps its own distribution exactly."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from doseline.errors import InputError, did_you_mean
from doseline.model.matrix import Rows, cholesky

PLACE = "cohort correlations"


class Joined(NamedTuple):
    """Covariates that are drawn together.

    Attributes
    ----------
    names : tuple of str            In the order of the alphabet: the order in which they were given decides nothing.
    factor : rows of floats         Lower triangle L with L L' the correlations of the standard normals behind them.
    """

    names: tuple[str, ...]
    factor: Rows


def read_correlations(given: Any, drawn: Collection[str]) -> list[Joined]:
    """Groups of covariates that hang together.

    Parameters
    ----------
    given : mapping of pairs of names to correlations
        Of the normal scores: what is not named is 0.
    drawn : names of the covariates that are drawn from distributions.
    """
    pairs = _pairs(given, drawn)
    groups: list[set[str]] = []
    for pair in pairs:
        touched = [group for group in groups if group & set(pair)]
        groups = [group for group in groups if group not in touched] + [set(pair).union(*touched)]
    return [_joined(tuple(sorted(group)), pairs) for group in sorted(groups, key=min)]


def _pairs(given: Any, drawn: Collection[str]) -> dict[tuple[str, str], float]:
    """Each pair in the order of the alphabet."""
    example = "such as correlations={('WT', 'HT'): 0.6}"
    if not isinstance(given, Mapping):
        raise InputError(f"found {given!r:.60}", place=PLACE, advice=f"give a mapping of pairs, {example}")
    found: dict[tuple[str, str], float] = {}
    for pair, value in given.items():
        two = isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(name, str) for name in pair)
        if not two or pair[0] == pair[1]:
            raise InputError(f"found {pair!r:.60}", place=PLACE, advice=f"expected two names, {example}")
        for name in pair:
            if name not in drawn:
                known = did_you_mean(name, drawn, "drawn here")
                raise InputError(f"'{name}' is not drawn from a distribution", place=PLACE, advice=known)
        try:
            number = math.nan if isinstance(value, (bool, str)) else float(value)
        except (TypeError, ValueError):
            number = math.nan
        first, second = sorted(pair)
        if not -1.0 <= number <= 1.0:
            raise InputError(
                f"found {value!r:.60} for {first} and {second}",
                place=PLACE,
                advice="expected a number from -1 to 1",
            )
        if found.get((first, second), number) != number:
            raise InputError(
                f"{first} and {second} are given twice", place=PLACE, advice="give every pair once"
            )
        found[first, second] = number
    return found


def _joined(names: tuple[str, ...], pairs: Mapping[tuple[str, str], float]) -> Joined:
    # names are in the order of the alphabet, and so are those of a pair
    lower = tuple(
        (*(pairs.get((other, one), 0.0) for other in names[:at]), 1.0) for at, one in enumerate(names)
    )
    factor = cholesky(lower, singular=True)
    if factor is None:
        told = ", ".join(
            f"{one} and {other} {value:g}" for (one, other), value in pairs.items() if one in names
        )
        raise InputError(
            f"no people can have these correlations: {told}",
            place=PLACE,
            advice="pairs that are left out count as 0: give those too, or smaller numbers",
        )
    return Joined(names, factor)
