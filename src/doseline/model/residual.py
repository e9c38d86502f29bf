"""How far observations are from what a model predicts: the entries of [residual]."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple

from pydantic import Field, model_validator

from doseline.errors import InputError
from doseline.families import log_deviation
from doseline.model.entries import STATUS_HINT, Entry, Evidence, Positive, Real, Text
from doseline.model.percent import NotNegative, Percent, check_log_spread, fraction


class ErrorKind(NamedTuple):
    """What an error model is, and the keys that go with it."""

    formula: str  # what is observed; y is the level, e a normal number of standard deviation 1
    needs: tuple[str, ...]
    either: tuple[str, ...] = ()  # exactly one of them


ERRORS: Mapping[str, ErrorKind] = {
    "additive": ErrorKind("y + sd * e", ("sd",)),
    "proportional": ErrorKind("y + cv * y * e", ("cv",)),
    "combined": ErrorKind("y + sqrt(sd ** 2 + (cv * y) ** 2) * e", ("sd", "cv")),
    "power": ErrorKind("y + cv * y ** power * e", ("cv", "power")),
    "log-normal": ErrorKind("y * exp(log_sd * e)", (), ("log_sd", "cv")),
}
"""Residual errors of an output."""
MEANING: Mapping[str, str] = {
    "sd": "a number in the output's unit",
    "cv": 'a text such as "15 %"',
    "power": "a number, 1 for errors in proportion to the level",
    "log_sd": "the standard deviation of the logarithm",
}
"""Keys that only some of them have."""


class Residual(Entry):
    """How far observations of one output are from the level; `sd` and `lloq` are in the output's unit."""

    error: Literal["additive", "proportional", "combined", "power", "log-normal"] = Field(
        description='"additive", "proportional", "combined", "power" or "log-normal"'
    )
    sd: NotNegative | None = None
    cv: Percent | None = None
    power: Real | None = None
    log_sd: NotNegative | None = None
    lloq: Positive | None = None
    source: Text = Field(description="where the numbers come from, in quotes")
    status: Evidence = Field(description=STATUS_HINT)

    @model_validator(mode="after")
    def _fits(self) -> Residual:
        kind, named = ERRORS[self.error], f"error = '{self.error}'"
        given = [key for key in MEANING if getattr(self, key) is not None]
        for key in given:
            if key not in (*kind.needs, *kind.either):
                users = ", ".join(name for name, each in ERRORS.items() if key in (*each.needs, *each.either))
                raise InputError(f"{key} with {named}", advice=f"remove it: '{key}' goes with {users}")
        for key in kind.needs:
            if key not in given:
                raise InputError(f"{named} without '{key}'", advice=f"add {key} = ...: {MEANING[key]}")
        if kind.either and len(given) != 1:
            told = "both log_sd and cv" if given else f"{named} without a size"
            raise InputError(told, advice='give one of log_sd = ... and cv = "15 %"')
        if self.log_sd is not None:
            check_log_spread("log_sd", self.log_sd)
        return self

    @property
    def relative(self) -> float:
        """The CV as a fraction, of the level or of its power; 0 where there is none."""
        return 0.0 if self.cv is None else fraction(self.cv)

    @property
    def log_deviation(self) -> float:
        """Standard deviation of the logarithm of a log-normal observation."""
        return self.log_sd if self.log_sd is not None else log_deviation(self.relative)

    def sd_of(self, level: float) -> float:
        """Standard deviation of an observation of this level, in the output's unit; not for log-normal errors."""
        additive = self.sd or 0.0
        relative = self.relative * level ** (1.0 if self.power is None else self.power)
        return math.hypot(additive, relative)
