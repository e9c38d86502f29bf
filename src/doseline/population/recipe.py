"""Drawing covariates: from distributions, alone or together, from the rows of a table, and bodies that fit an age.

Every draw comes from a stream with a name ("covariate WT", "bootstrap", "body height", "body BMI"): adding or
reordering covariates changes nothing for the others, and the first 100 of 1000 subjects are the same 100.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from doseline.distribution import Distribution, read_distribution
from doseline.errors import InputError, UnitError
from doseline.families import normal_share
from doseline.population.anthropometry import FILLED, drawn_bodies
from doseline.population.copula import Joined
from doseline.population.given import Given
from doseline.streams import Streams, correlated
from doseline.units import STANDARD_UNITS

MOST_BELOW_ZERO = 1e-3
"""Share of a distribution at or below zero that is cut off without asking, of a covariate that has to be above."""
_ALMOST_ONE = 1.0 - 2.0**-53


@dataclass(frozen=True)
class Recipe:
    """How each covariate of a cohort comes about.

    Attributes
    ----------
    given : dict of Given               Values that are known, (subject,).
    distributions : dict                Covariates drawn from a distribution.
    joined : list of Joined             Those of them that are drawn together.
    table : dict of Given               Columns of which each subject gets the values of one row.
    body : str or None                  Reference for height and weight.
    order : tuple of str                All covariates, in the order of the cohort.
    """

    given: Mapping[str, Given] = field(default_factory=dict)
    distributions: Mapping[str, Distribution] = field(default_factory=dict)
    joined: list[Joined] = field(default_factory=list)
    table: Mapping[str, Given] = field(default_factory=dict)
    body: str | None = None
    order: tuple[str, ...] = ()

    @property
    def draws(self) -> bool:
        """Whether anything is left to chance."""
        return bool(self.distributions or self.table or self.body)

    def unit(self, name: str) -> str | None:
        """Unit of a covariate."""
        if name in self.distributions:
            return self.distributions[name].unit
        known = self.given.get(name) or self.table.get(name)
        return known.unit if known else STANDARD_UNITS[name]

    def words(self) -> dict[str, list[str]]:
        """Covariates of words, with all words that they can have."""
        found = {name: list(each.words) for name, each in self.distributions.items() if each.words}
        for name, (values, _) in [*self.given.items(), *self.table.items()]:
            if values.dtype.kind == "U":
                found[name] = np.unique(values).tolist()
        return found

    def sample(
        self, streams: Streams | None, number: np.ndarray, rows: np.ndarray, attempt: int
    ) -> dict[str, np.ndarray]:
        """Values of the subjects at ``rows``, whose numbers are ``number[rows]``."""
        found = {name: values[rows] for name, (values, _) in self.given.items()}
        if streams is not None:
            whose = number[rows]
            found |= self._from_distributions(streams, whose, attempt)
            found |= self._from_table(streams, whose, attempt)
            if self.body:
                found |= drawn_bodies(found["SEX"], found["AGE"], streams, whose, attempt)
        return {name: found[name] for name in self.order}

    def _from_distributions(
        self, streams: Streams, number: np.ndarray, attempt: int
    ) -> dict[str, np.ndarray]:
        together = {name for group in self.joined for name in group.names}
        shares = {
            name: streams.uniform(_effect(name), number, attempt=attempt)
            for name in self.distributions
            if name not in together
        }
        for group in self.joined:
            effects = [_effect(name) for name in group.names]
            scores = correlated(streams, effects, group.factor, number, attempt=attempt)
            # eight standard deviations out the share rounds to 1, which no distribution has a value for
            shares |= {
                name: np.minimum(normal_share(scores[_effect(name)]), _ALMOST_ONE) for name in group.names
            }
        return {name: each.quantile(shares[name]) for name, each in self.distributions.items()}

    def _from_table(self, streams: Streams, number: np.ndarray, attempt: int) -> dict[str, np.ndarray]:
        if not self.table:
            return {}
        size = next(values.size for values, _ in self.table.values())
        share = streams.uniform("bootstrap", number, attempt=attempt)
        row = np.minimum((share * size).astype(np.int64), size - 1)
        return {name: values[row] for name, (values, _) in self.table.items()}


def _effect(name: str) -> str:
    return f"covariate {name}"


def read_drawn(name: str, text: Any) -> Distribution:
    """Read the distribution of a covariate; that of a weight or an age has no share at or below zero."""
    place = f"cohort {name}"
    unit = STANDARD_UNITS.get(name)
    found = read_distribution(text, place=place, unit=unit)
    if unit is None:
        return found
    if found.words:
        raise UnitError(f"found {found.words[0]!r:.60}", place=place, advice=f"expected numbers in {unit}")
    lowest, _ = found.support
    if lowest > 0.0 or (lowest == 0.0 and found.family != "discrete"):
        return found
    below = found.probability(-np.inf, 0.0)
    if below > MOST_BELOW_ZERO or found.family == "discrete":
        raise InputError(
            f"'{found}' has {100.0 * below:.2g} % of its values at or below 0",
            place=place,
            advice="they have to be above: add bounds, such as 'within 40..120'",
        )
    return replace(found, low=0.0)


def refuse_twice(*sources: Mapping[str, Any]) -> None:
    """No covariate comes from two places."""
    seen: set[str] = set()
    for source in sources:
        for name in source:
            if name in seen:
                raise InputError(
                    f"{name} is given twice", place="cohort", advice="give it in the data frame or by name"
                )
            seen.add(name)


def refuse_without(recipe: Recipe) -> None:
    """A body needs an age and a sex, and brings its own height and weight."""
    if recipe.body is None:
        return
    here = {*recipe.given, *recipe.distributions, *recipe.table}
    for name in FILLED:
        if name in here:
            raise InputError(
                f"{name} is given, and comes from {recipe.body} too",
                place="cohort body",
                advice=f"leave {name} out",
            )
    for name, example in (("SEX", "SEX='F: 0.5, M: 0.5'"), ("AGE", "AGE='uniform(12 year, 50 year)'")):
        if name not in here:
            raise InputError(
                f"there is no {name}",
                place="cohort body",
                advice=f"height and weight depend on it: give {example}",
            )
