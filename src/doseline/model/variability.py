"""How far subjects and occasions differ: the entries of [variability], [occasions] and [blocks].

An effect turns a typical value TV into the value of one subject, or of one of the subject's occasions, by a random
number: eta, of mean 0 and the standard deviation that the effect says, or a uniform one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Context, Decimal
from functools import lru_cache
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field, Strict, ValidationInfo, field_validator, model_validator

from doseline.errors import InputError
from doseline.model.entries import STATUS_HINT, Entry, Evidence, Real, Text
from doseline.model.matrix import Rows, cholesky, correlations, deviations, full_matrix, lower_triangle
from doseline.units import QUANTITY

LARGEST_CV = 5.0
"""Coefficients of variation above 500 % are mistakes."""


def _percent(value: Any) -> str:
    """Give "22 %" as a file has it; a bare number is refused, for 0.22 and 22 could mean the same."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise InputError(f"found {value:g}, without %", advice=f"write {_examples(float(value))}")
    match = QUANTITY.fullmatch(value.strip()) if isinstance(value, str) and len(value) <= 60 else None
    if match is None:
        raise InputError("found no number of percent", advice='expected a text such as "22 %"')
    if match[2] != "%":
        raise InputError(f"found '{value.strip()}', without %", advice=f"write {_examples(float(match[1]))}")
    number = float(match[1])
    if not number >= 0.0:
        raise InputError(f"found '{value.strip()}'", advice="expected 0 % or more")
    if not number <= 100.0 * LARGEST_CV:
        raise InputError(
            f"found '{value.strip()}'", advice=f"expected at most {100.0 * LARGEST_CV:g} %: is it a variance?"
        )
    return f"{number!r}".removesuffix(".0") + " %"


def _examples(number: float) -> str:
    """What a number without % may have meant."""
    if 0.0 < number <= LARGEST_CV:
        return f'"{100.0 * number:g} %" for a fraction, "{number:g} %" for percent'
    return f'"{number:g} %"' if 0.0 < number <= 100.0 * LARGEST_CV else 'a text such as "22 %"'


def fraction(cv: str) -> float:
    """Give the number that a text of percent stands for.

    >>> fraction("22 %")
    0.22
    """
    return float(cv.removesuffix("%")) / 100.0


@lru_cache(maxsize=1024)
def log_deviation(cv: float) -> float:
    """Standard deviation of the logarithm of a log-normal quantity, from its coefficient of variation.

    It is sqrt(log(1 + CV^2)). The logarithm is that of `decimal`, whose digits do not depend on the machine.

    >>> print(f"{log_deviation(0.3):.6f}")
    0.293560
    """
    digits = Context(prec=40)
    return float(digits.sqrt(digits.ln(digits.fma(Decimal(cv), Decimal(cv), Decimal(1)))))


NotNegative = Annotated[float, Strict(), Field(allow_inf_nan=False, ge=0)]
Percent = Annotated[str, BeforeValidator(_percent)]
Distribution = Literal["log-normal", "normal", "logit-normal", "box-cox", "uniform", "discrete"]
Triangle = tuple[tuple[Real, ...], ...]


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

    @property
    def spread(self) -> str | None:
        """The key that says how far subjects differ; None where a block says it, and where there is no eta."""
        return next((key for key in SPREADS if getattr(self, key) is not None), None)

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

    every: Literal["dose", "day", "visit", "course"] = Field(
        description='what an occasion is: "dose", "day", "visit" or "course"'
    )


class Block(Entry):
    """Effects that go together: their covariance, or their correlations."""

    effects: tuple[Text, ...] = Field(description='a list of names, such as ["CL", "V1"]')
    between: Literal["subjects", "occasions"] = "subjects"
    omega2: Triangle | None = None
    correlations: Triangle | None = None
    source: Text = Field(description="where the numbers come from, in quotes")
    status: Evidence = Field(description=STATUS_HINT)

    @field_validator("omega2", "correlations")
    @classmethod
    def _triangle(cls, rows: Rows | None, info: ValidationInfo) -> Rows | None:
        effects = info.data.get("effects")
        if rows is None or effects is None:
            return rows
        return lower_triangle(rows, len(effects), ones=info.field_name == "correlations")

    def correlation(self) -> Rows:
        """Correlations of the etas: the full matrix, by rows."""
        return full_matrix(self._correlations())

    def sds(self) -> tuple[float, ...] | None:
        """Standard deviations of the etas, each on its scale; None where the effects have them."""
        return None if self.omega2 is None else deviations(self.omega2)

    def factor(self) -> Rows:
        """Lower factor L of L L' = correlation: L times independent normal numbers has the correlations."""
        factor = cholesky(self._correlations())
        if factor is None:  # refused when the file is read
            raise InputError("not positive definite", place="/".join(self.effects))
        return factor

    def _correlations(self) -> Rows:
        return correlations(self.omega2) if self.omega2 is not None else (self.correlations or ())
