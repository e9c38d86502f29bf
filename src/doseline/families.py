"""Families of distributions: for each, what it takes, and its distribution function with the inverse, from both ends.

Both ends, because a truncation far out needs them: near 1 a probability has no digits left, its complement has all of
them. Every function takes the family's numbers as a tuple and an array, and gives an array of the same shape.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Context, Decimal
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from doseline.streams import normal_quantile

LARGEST_CV = 5.0
"""Coefficients of variation of log-normal quantities above 500 % are mistakes."""

Numbers = tuple[float, ...]
Curve = Callable[[Numbers, Any], Any]


class Family(NamedTuple):
    """One family; `FAMILIES` is the table of them.

    Attributes
    ----------
    takes : tuple of str     What the numbers are called, in their order.
    below, above : callable  P(X <= x) and P(X > x).
    at, at_above : callable  x with P(X <= x) = p, and x with P(X > x) = p.
    complaint : callable     What is wrong with the numbers; nothing where they will do.
    least, most : float      Values are between these; ``most`` of `beta` is 1 as a plain number.
    """

    takes: tuple[str, ...]
    below: Curve
    above: Curve
    at: Curve
    at_above: Curve
    complaint: Callable[[Numbers], str]
    least: float = -math.inf
    most: float = math.inf


def _special() -> Any:
    """Import scipy's special functions when first needed: ``import doseline`` does without them."""
    from scipy import special

    return special


def _standard(numbers: Numbers, x: Any) -> Any:
    mean, sd = numbers
    return (np.asarray(x, dtype=np.float64) - mean) / sd


@lru_cache(maxsize=1024)
def log_deviation(cv: float) -> float:
    """Standard deviation of the logarithm of a log-normal quantity, from its coefficient of variation.

    It is sqrt(log(1 + CV^2)). The logarithm is that of `decimal`, whose digits do not depend on the machine.

    >>> print(f"{log_deviation(0.3):.6f}")
    0.293560
    """
    digits = Context(prec=40)
    return float(digits.sqrt(digits.ln(digits.fma(Decimal(cv), Decimal(cv), Decimal(1)))))


def _log_standard(numbers: Numbers, x: Any) -> Any:
    median, cv = numbers
    ratio = np.maximum(np.asarray(x, dtype=np.float64), 0.0) / median
    with np.errstate(divide="ignore"):
        return np.log(ratio) / log_deviation(cv)


def _from_log(numbers: Numbers, z: Any) -> Any:
    return numbers[0] * np.exp(log_deviation(numbers[1]) * z)


def _share(numbers: Numbers, x: Any) -> Any:
    low, high = numbers
    return np.clip((np.asarray(x, dtype=np.float64) - low) / (high - low), 0.0, 1.0)


def _ratio(numbers: Numbers, x: Any) -> Any:
    return np.maximum(np.asarray(x, dtype=np.float64), 0.0) / numbers[0]


def beta_shapes(numbers: Numbers) -> tuple[float, float]:
    """Both shapes of a beta distribution from its mean and SD: a + b = mean (1 - mean) / SD**2 - 1.

    >>> beta_shapes((0.5, 0.25))
    (1.5, 1.5)
    """
    mean, sd = numbers
    total = mean * (1.0 - mean) / (sd * sd) - 1.0
    return mean * total, (1.0 - mean) * total


def _fraction(x: Any) -> Any:
    return np.clip(np.asarray(x, dtype=np.float64), 0.0, 1.0)


def _normal_complaint(numbers: Numbers) -> str:
    return "" if numbers[1] > 0.0 else "the SD is not above 0"


def _lognormal_complaint(numbers: Numbers) -> str:
    median, cv = numbers
    if median <= 0.0:
        return "the median is not above 0"
    return "" if 0.0 < cv <= LARGEST_CV else f"the CV is not above 0 and up to {100.0 * LARGEST_CV:g} %"


def _uniform_complaint(numbers: Numbers) -> str:
    low, high = numbers
    if not low < high:
        return "the first number is not below the second"
    return "" if math.isfinite(high - low) else "the numbers are too far apart"


def _exponential_complaint(numbers: Numbers) -> str:
    return "" if numbers[0] > 0.0 else "the mean is not above 0"


def _beta_complaint(numbers: Numbers) -> str:
    mean, sd = numbers
    if not 0.0 < mean < 1.0:
        return "the mean is not between 0 and 1"
    if sd <= 0.0:
        return "the SD is not above 0"
    most = math.sqrt(mean * (1.0 - mean))
    return (
        "" if sd < most else f"the SD is not below {most:.4g}, the largest that values from 0 to 1 can have"
    )


FAMILIES: dict[str, Family] = {
    "normal": Family(
        takes=("mean", "SD"),
        below=lambda numbers, x: _special().ndtr(_standard(numbers, x)),
        above=lambda numbers, x: _special().ndtr(-_standard(numbers, x)),
        at=lambda numbers, p: numbers[0] + numbers[1] * normal_quantile(p),
        at_above=lambda numbers, p: numbers[0] - numbers[1] * normal_quantile(p),
        complaint=_normal_complaint,
    ),
    "lognormal": Family(
        takes=("median", "CV"),
        below=lambda numbers, x: _special().ndtr(_log_standard(numbers, x)),
        above=lambda numbers, x: _special().ndtr(-_log_standard(numbers, x)),
        at=lambda numbers, p: _from_log(numbers, normal_quantile(p)),
        at_above=lambda numbers, p: _from_log(numbers, -normal_quantile(p)),
        complaint=_lognormal_complaint,
        least=0.0,
    ),
    "uniform": Family(
        takes=("lowest", "highest"),
        below=_share,
        above=lambda numbers, x: 1.0 - _share(numbers, x),
        at=lambda numbers, p: numbers[0] + p * (numbers[1] - numbers[0]),
        at_above=lambda numbers, p: numbers[1] - p * (numbers[1] - numbers[0]),
        complaint=_uniform_complaint,
    ),
    "exponential": Family(
        takes=("mean",),
        below=lambda numbers, x: -np.expm1(-_ratio(numbers, x)),
        above=lambda numbers, x: np.exp(-_ratio(numbers, x)),
        at=lambda numbers, p: -numbers[0] * np.log1p(-p),
        at_above=lambda numbers, p: -numbers[0] * np.log(p),
        complaint=_exponential_complaint,
        least=0.0,
    ),
    "beta": Family(
        takes=("mean", "SD"),
        below=lambda numbers, x: _special().betainc(*beta_shapes(numbers), _fraction(x)),
        above=lambda numbers, x: _special().betaincc(*beta_shapes(numbers), _fraction(x)),
        at=lambda numbers, p: _special().betaincinv(*beta_shapes(numbers), p),
        at_above=lambda numbers, p: _special().betainccinv(*beta_shapes(numbers), p),
        complaint=_beta_complaint,
        least=0.0,
        most=1.0,
    ),
}
"""Name -> family. A beta distribution is of fractions, and counts in them whatever unit its values are told in."""


def normal_share(z: Any) -> Any:
    """Share of a standard normal distribution below ``z``.

    >>> float(normal_share(0.0))
    0.5
    """
    return _special().ndtr(z)
