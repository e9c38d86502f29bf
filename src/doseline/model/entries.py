"""The entries of a model file, frozen: one class for each kind.

Values stand in the unit they were written in. `to_coherent` and `from_coherent` are the factors between that
unit and the one used inside (h, mg, L, mmol).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    Strict,
    StringConstraints,
    model_validator,
)

from doseline.errors import InputError
from doseline.model.expression import Expression, parse
from doseline.units import coherent, dimension, factor, parse_unit

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
"""Names in a model file."""


WORD = re.compile(r"[^\W\d_][^,:\n]{0,59}")
"""Words for the numbers of a covariate: they stand in texts such as "F: 0.5, M: 0.5"."""
_WORDS = "a word has a letter, then up to 59 characters that are no comma and no colon"


def _formula(value: Any) -> Expression:
    if isinstance(value, Expression):
        return value
    if isinstance(value, str):
        return parse(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return parse(repr(value))
    raise InputError("found no expression", advice='expected an expression in quotes, such as "CL / V"')


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Real = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Positive = Annotated[float, Strict(), Field(allow_inf_nan=False, gt=0)]
Unit = Annotated[str, AfterValidator(parse_unit)]
Formula = Annotated[InstanceOf[Expression], BeforeValidator(_formula)]
Evidence = Literal["R", "R2", "D", "M", "assumption", "calibrated"]
"""Where a number comes from: read, read in a source that quotes it, derived, from memory, assumed, fitted to checks."""

UNIT_HINT = 'a unit in quotes, such as "L/h", or "1" for a plain number'
STATUS_HINT = (
    '"R" read in the source, "R2" read in a source that quotes it, "D" derived, "M" from memory, '
    '"assumption" or "calibrated"'
)


class Entry(BaseModel):
    """What all entries share: frozen, and no key goes unnoticed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(Entry):
    """Where the model comes from."""

    citation: Text = Field(description="the publication or label, in quotes")
    doi: str = ""
    pmid: str = ""
    url: str = ""
    note: str = ""


class Header(Entry):
    """The first lines of a model file."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")] | None = Field(
        default=None, description="letters, digits, - and _"
    )
    title: Text = Field(description="one line in quotes")
    version: Text = Field(description='a text in quotes, such as "1.0"')


class Covariate(Entry):
    """A property of a subject: unit, reference value, the range the model is meant for, words for its numbers."""

    unit: Unit = Field(description=UNIT_HINT)
    reference: Real = Field(description="the value of the reference subject, a number")
    label: Text = Field(description="a few words in quotes")
    low: Annotated[float, Strict()] = -math.inf
    high: Annotated[float, Strict()] = math.inf
    codes: dict[str, Real] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _ordered(self) -> Covariate:
        if not self.low <= self.reference <= self.high:
            raise InputError(
                f"reference = {self.reference:g} is not between low = {self.low:g} and high = {self.high:g}",
                advice="expected low <= reference <= high",
            )
        for word, number in self.codes.items():
            if not WORD.fullmatch(word):
                raise InputError(f"codes: '{word[:60]}' cannot be a word", advice=_WORDS)
            if not self.low <= number <= self.high:
                raise InputError(
                    f"codes: {word} = {number:g} is not between low = {self.low:g} and high = {self.high:g}",
                    advice="expected low <= number <= high",
                )
        if len(set(self.codes.values())) < len(self.codes):
            raise InputError("codes: two words for one number", advice="give each word a number of its own")
        return self

    @property
    def to_coherent(self) -> float:
        """Factor from `unit` to the unit inside."""
        return coherent(self.unit)[0]


class Parameter(Entry):
    """A number of the model, with its unit and where it comes from."""

    value: Real = Field(description="a finite number, without quotes")
    unit: Unit = Field(description=UNIT_HINT)
    label: Text = Field(description="a few words in quotes")
    source: Text = Field(description="where the value comes from, in quotes")
    status: Evidence = Field(description=STATUS_HINT)

    @model_validator(mode="after")
    def _possible(self) -> Parameter:
        kind = positive_kind(self.unit)
        if kind and self.value <= 0.0:
            raise InputError(f"value = {self.value:g} {self.unit}", advice=f"expected a {kind} above 0")
        return self

    @property
    def to_coherent(self) -> float:
        """Factor from `unit` to the unit inside."""
        return coherent(self.unit)[0]


def positive_kind(unit: str) -> str:
    """Give 'volume' or 'clearance' for units of these (also per kg), which are above 0; otherwise ""."""
    powers = dimension(unit).named()
    if powers.get("mass") == -1.0:
        del powers["mass"]
    return {(("volume", 1.0),): "volume", (("time", -1.0), ("volume", 1.0)): "clearance"}.get(
        tuple(sorted(powers.items())), ""
    )


class Compartment(Entry):
    """What moves in time and is followed, counted in `unit`: drug at a place, an effect, cells."""

    unit: Unit = "mg"
    label: Text = Field(description="a few words in quotes")

    @property
    def to_coherent(self) -> float:
        """Factor from `unit` to the unit inside."""
        return coherent(self.unit)[0]


class Flow(Entry):
    """Transport at `rate` times the amount in `source`; `target` None: out of the body."""

    source: str
    target: str | None
    rate: Formula


class Route(Entry):
    """A way into the body. What is left out is 1 (bioavailability) or 0 (lag, duration, rate: a bolus)."""

    into: str = Field(description="the compartment that doses enter, in quotes")
    bioavailability: Formula | None = None
    lag: Formula | None = None
    duration: Formula | None = None
    rate: Formula | None = None
    label: Text = Field(description="a few words in quotes")

    @model_validator(mode="after")
    def _one_way(self) -> Route:
        if self.duration is not None and self.rate is not None:
            raise InputError(
                "a duration and a rate", advice="give one of them: the amount over the one is the other"
            )
        return self


class Meal(Entry):
    """What a meal changes for one formulation: parameters that reach routes, or the compartment entered."""

    label: Text = Field(description="a few words in quotes")
    source: Text = Field(description="where this comes from, in quotes")
    into: str | None = None
    overrides: dict[str, Parameter] = Field(default_factory=dict)


class Formulation(Entry):
    """A form the drug is sold in; the first meal is the default."""

    label: Text = Field(description="a few words in quotes")
    strengths: tuple[Positive, ...] = Field(
        default=(), description="the amounts in one capsule, as in [10, 20, 40]"
    )
    strength_unit: Unit = "mg"
    meals: dict[str, Meal] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _masses(self) -> Formulation:
        factor(self.strength_unit, "mg", place="strength_unit")
        if len(set(self.strengths)) < len(self.strengths):
            raise InputError("strengths has an amount twice", advice="name each strength once")
        return self


class Output(Entry):
    """Something that is reported over time."""

    value: Formula = Field(description='an expression in quotes, such as "central / V"')
    unit: Unit = Field(description=UNIT_HINT)
    label: Text = Field(description="a few words in quotes")

    @property
    def from_coherent(self) -> float:
        """Factor from the unit inside to `unit`."""
        return factor(coherent(self.unit)[1], self.unit)


def set_by_every_meal(name: str, formulations: Mapping[str, Formulation]) -> bool:
    """Whether each meal has a value of its own of this parameter, so that nobody has the typical one."""
    meals = [meal for each in formulations.values() for meal in each.meals.values()]
    return bool(meals) and all(name in meal.overrides for meal in meals)
