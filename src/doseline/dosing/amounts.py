"""How much is taken: masses in mg, amounts that follow body size, and the dose that reaches a target.

An amount is a mass [mg] times 1, body weight [kg] or body surface [m2]; its ``per`` names which. Everything
here is arithmetic over subjects and knows nothing about times.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from doseline.errors import InputError

TOLERANCE = 1e-9
"""Relative slack of a target or an end: decimals added up in binary miss it by 1e-16 to 1e-12."""

MASS = {
    "ng": (1.0, 1e6),
    "ug": (1.0, 1e3),
    "µg": (1.0, 1e3),  # the micro sign
    "μg": (1.0, 1e3),  # the Greek letter
    "mcg": (1.0, 1e3),
    "mg": (1.0, 1.0),
    "g": (1e3, 1.0),
}
"""Each unit of mass in mg, as (multiply by, divide by): whole numbers, so that decimals come out as typed."""

SIZES = {"WT": "kg", "BSA": "m2"}
"""The covariates an amount can follow, and the unit of each."""

Sizes = Mapping[str | None, np.ndarray]
"""What ``per`` stands for, by subject: ``{None: 1, "WT": [62, 80], ...}``."""


class Amount(Protocol):
    """A mass [mg] that may follow a body size: a dose or a target."""

    @property
    def amount(self) -> float: ...
    @property
    def per(self) -> str | None: ...


def milligrams(amount: float, unit: str) -> float:
    """``amount`` in mg; ``KeyError`` where ``unit`` is not a mass.

    >>> milligrams(0.5, "g"), milligrams(250, "ug")
    (500.0, 0.25)
    """
    multiply, divide = MASS[unit]
    return amount * multiply / divide


def body_sizes(*, place: str, **covariates: Any) -> Sizes:
    """The body sizes that were given, as float arrays of one shape; each must be finite and above 0."""
    given = {name: np.asarray(value, dtype=float) for name, value in covariates.items() if value is not None}
    for name, value in given.items():
        wrong = ~(np.isfinite(value) & (value > 0.0))
        if wrong.any():
            raise InputError(
                f"{name} is {value[wrong].flat[0]:g} {SIZES[name]}",
                place=place,
                advice=f"{name} must be a finite number above 0 [{SIZES[name]}]",
            )
    shape = np.broadcast_shapes(*(value.shape for value in given.values()))
    sizes: dict[str | None, np.ndarray] = {
        name: np.broadcast_to(value, shape) for name, value in given.items()
    }
    sizes[None] = np.ones(shape)
    return sizes


def in_mg(amount: Amount, sizes: Sizes, *, place: str) -> np.ndarray:
    """``amount`` for each subject [mg]; ``InputError`` where it follows a body size that was not given."""
    if amount.per not in sizes:
        unit = SIZES[str(amount.per)]
        raise InputError(
            f"{amount.amount:g} mg/{unit} cannot be turned into mg: {amount.per} is missing",
            place=place,
            advice=f"give {amount.per} [{unit}], as in {amount.per}={62 if amount.per == 'WT' else 1.7}",
        )
    return amount.amount * sizes[amount.per]


def doses_to_reach(missing: np.ndarray, pattern: Sequence[np.ndarray]) -> np.ndarray:
    """How many doses of an endlessly repeated ``pattern`` [mg] bring at least ``missing`` [mg].

    Whole periods come from one division, the rest from one walk through a period: no array over doses.

    >>> doses_to_reach(np.array([100.0, 101.0, 0.0]), [np.array(40.0), np.array(20.0)])
    array([3., 4., 0.])
    """
    period = np.sum(np.broadcast_arrays(*pattern), axis=0)
    periods = np.maximum(np.ceil(missing / period) - 1.0, 0.0)
    given = periods * period
    count = periods * len(pattern)
    for amount in pattern:
        still = given < missing
        count = count + still
        given = given + np.where(still, amount, 0.0)
    return np.where(missing > 0.0, count, 0.0)


def given_after(count: np.ndarray, pattern: Sequence[np.ndarray]) -> np.ndarray:
    """What the first ``count`` doses of a repeated ``pattern`` amount to [mg]."""
    whole, rest = np.divmod(count, len(pattern))
    given = whole * np.sum(np.broadcast_arrays(*pattern), axis=0)
    for position, amount in enumerate(pattern):
        given = given + np.where(rest > position, amount, 0.0)
    return np.asarray(given)
