"""How far subjects and occasions differ: the entries of [variability] and [occasions].

An effect turns a typical value TV into the value of one subject, or of one of the subject's occasions, by a random
number: eta, of mean 0 and the standard deviation that the effect says, or a uniform one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from pydantic import Field, model_validator

from doseline.errors import InputError
from doseline.families import log_deviation
from doseline.model.entries import STATUS_HINT, Entry, Evidence, Real, Text
from doseline.model.percent import NotNegative, Percent, check_log_spread, fraction

Distribution = Literal["log-normal", "normal", "logit-normal", "box-cox", "uniform", "discrete"]


class Kind(NamedTuple):
    """What a distribution is, and the keys that go with it."""

    formula: str  # the value of a subject; TV is the typical value, eta the random number
    spreads: tuple[str, ...]  # exactly one of them, unless a block says it
    needs: tuple[str, ...]


DISTRIBUTIONS: Mapping[str, Kind] = {
    "log-normal": Kind("TV * exp(eta)", ("omega2", "sd", "cv"), ()),
    "normal": Kind("TV + eta", ("omega2", "sd", "cv"), ()),
    "logit-normal": Kind("logit(p) = logit(p of TV) + eta, p = (value - low) / (high - low)",
                         ("omega2", "sd"), ("low", "high")),
    "box-cox": Kind("TV * exp((exp(eta) ** shape - 1) / shape)", ("omega2", "sd"), ("shape",)),
    "uniform": Kind("anything from low to high, instead of TV", (), ("low", "high")),
    "discrete": Kind("one of values, with its probability, instead of TV", (), ("values", "probabilities")),
}  # fmt: skip
"""Distributions of a parameter.

Source of the Box-Cox form: Petersson, Hanze, Savic and Karlsson, Semiparametric distributions with estimated shape
parameters, Pharm Res 2009;26:2174-2185.
"""
SPREADS = ("omega2", "sd", "cv")
MEANING: Mapping[str, str] = {
    "shape": "a number other than 0, the power",
    "low": "the smallest value, in the parameter's unit",
    "high": "the largest value, in the parameter's unit",
    "values": "a list of numbers in the parameter's unit",
    "probabilities": "a list of numbers that add up to 1",
}
"""Keys that only some distributions have."""
_SUM = 1e-9  # how far probabilities may miss 1


class Effect(Entry):
    """How a parameter differs between subjects."""

    distribution: Distribution = "log-normal"
    omega2: NotNegative | None = None
    sd: NotNegative | None = None
    cv: Percent | None = None
    shape: Real | None = None
    low: Real | None = None
    high: Real | None = None
    values: tuple[Real, ...] = ()
    probabilities: tuple[Real, ...] = ()
    source: Text = Field(description="where the spread comes from, in quotes")
    status: Evidence = Field(description=STATUS_HINT)

    @model_validator(mode="before")
    @classmethod
    def _unit_interval(cls, given: Any) -> Any:
        """A logit-normal value lies between 0 and 1 unless it is told where."""
        if isinstance(given, dict) and given.get("distribution") == "logit-normal":
            return {"low": 0.0, "high": 1.0} | given
        return given

    @model_validator(mode="after")
    def _fits(self) -> Effect:
        """Hold the keys to the distribution."""
        kind, named = DISTRIBUTIONS[self.distribution], f"distribution = '{self.distribution}'"
        given = [key for key in (*SPREADS, *MEANING) if getattr(self, key) not in (None, ())]
        for key in given:
            if key not in (*kind.spreads, *kind.needs):
                users = ", ".join(
                    name for name, each in DISTRIBUTIONS.items() if key in (*each.spreads, *each.needs)
                )
                instead = "give omega2 or sd, of eta" if key == "cv" and kind.spreads else "remove it"
                raise InputError(f"{key} with {named}", advice=f"{instead}: '{key}' goes with {users}")
        for key in kind.needs:
            if key not in given:
                raise InputError(f"{named} without '{key}'", advice=f"add {key} = ...: {MEANING[key]}")
        spreads = [key for key in given if key in SPREADS]
        if len(spreads) > 1:
            raise InputError(f"both {spreads[0]} and {spreads[1]}", advice="give one of them")
        self._sizes()
        return self

    def _sizes(self) -> None:
        """Hold the numbers to what they mean."""
        if self.shape == 0.0:
            raise InputError("shape = 0", advice="the limit of a small shape is the log-normal distribution")
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise InputError(f"low = {self.low:g} and high = {self.high:g}", advice="expected low < high")
        if len(self.values) != len(self.probabilities):
            raise InputError(
                f"values has {len(self.values)} numbers and probabilities {len(self.probabilities)}",
                advice="give each value its probability",
            )
        for value in self.probabilities:
            if not 0.0 <= value <= 1.0:
                raise InputError(f"a probability of {value:g}", advice="expected 0 to 1")
        if self.values and not abs(math.fsum(self.probabilities) - 1.0) <= _SUM:
            raise InputError(
                f"the probabilities add up to {math.fsum(self.probabilities):.10g}", advice="expected 1"
            )
        if self.distribution == "log-normal":
            for key in ("omega2", "sd"):
                value = getattr(self, key)
                if value is not None:
                    check_log_spread(key, value)

    @property
    def spread(self) -> str | None:
        """The key that says how far subjects differ; None where a block says it, and where there is no eta."""
        return next((key for key in SPREADS if getattr(self, key) is not None), None)

    @property
    def replaces(self) -> bool:
        """Whether the value takes the place of the typical one, instead of being about it: then there is no eta."""
        return not DISTRIBUTIONS[self.distribution].spreads

    @property
    def limits(self) -> tuple[float, float]:
        """Smallest and largest value of a logit-normal or uniform effect, in the parameter's unit."""
        assert self.low is not None
        assert self.high is not None
        return self.low, self.high

    def sd_of(self, typical: float) -> float:
        """Standard deviation of eta, from the effect's own spread.

        Parameters
        ----------
        typical : float or array   The typical value [the parameter's unit]. Only the CV of a normal effect needs it.

        Returns
        -------
        float or array : on the scale of eta: of the logarithm for log-normal, of the logit for logit-normal, in the
            parameter's unit for normal.

        Raises
        ------
        InputError : the effect has no spread of its own.

        >>> print(f"{Effect(cv='30 %', source='test', status='M').sd_of(5.0):.4f}")
        0.2936
        """
        if self.sd is not None:
            return self.sd
        if self.omega2 is not None:
            return math.sqrt(self.omega2)
        if self.cv is None:
            raise InputError("the effect has no spread of its own", advice="ask Model.spread_of")
        cv = fraction(self.cv)
        return cv * abs(typical) if self.distribution == "normal" else log_deviation(cv)


class Occasional(Effect):
    """How a parameter differs between the occasions of one subject."""

    every: Literal["dose", "day", "visit", "course"] = Field(description='"dose", "day", "visit" or "course"')

    @model_validator(mode="after")
    def _about_the_subject(self) -> Occasional:
        """An occasion is a change of the subject's own value."""
        if self.replaces:
            known = ", ".join(name for name, kind in DISTRIBUTIONS.items() if kind.spreads)
            raise InputError(
                f"distribution = '{self.distribution}' takes the place of the subject's own value",
                advice=f"between occasions, expected one of {known}",
            )
        return self
