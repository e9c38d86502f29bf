"""How a model is solved: method, tolerances, most steps."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from doseline.errors import InputError, did_you_mean
from doseline.method import METHODS
from doseline.model.entries import Entry
from doseline.model.spec import Model
from doseline.units import read_quantity

EXACT, STIFF = "exact", "rodas5p"
LOOSE = 1e-5
"""From this relative tolerance on, Tsit5 needs less work than DOP853."""
RTOL, ATOL, MOST_STEPS = 1e-8, 1e-10, 100_000
TIGHTEST, LOOSEST = 1e-13, 0.1
"""Relative tolerances that make sense in double precision."""


@dataclass(frozen=True)
class Solver:
    """What was asked for, settled; ``method`` None: the one that fits the model and the tolerance."""

    method: str | None = None
    rtol: float = RTOL
    atol: float | Mapping[str, float] = ATOL
    max_steps: int = MOST_STEPS

    def absolute(self, model: Model) -> np.ndarray:
        """Absolute tolerance of each compartment (state,) in coherent units."""
        given = self.atol
        own = {
            name: given.get(name, ATOL) if isinstance(given, Mapping) else given
            for name in model.compartments
        }
        return np.array([own[name] * entry.to_coherent for name, entry in model.compartments.items()])

    def exact(self, model: Model) -> bool:
        """Is the model solved exactly?"""
        return self.method == EXACT or (self.method is None and model.linear)

    @property
    def first(self) -> str:
        """The method that an ODE model is begun with."""
        return self.method or ("tsit5" if self.rtol >= LOOSE else "dop853")

    def engine(self, model: Model) -> str:
        """What a Dataset says of it."""
        if self.exact(model):
            return "linear, exact: propagators of the state matrix"
        told = METHODS[self.first].title
        if self.method is None:
            told += f"; where stiff, {METHODS[STIFF].title}"
        return f"{told}; rtol {self.rtol:g}, atol {self._told()}"

    def _told(self) -> str:
        given = self.atol
        if not isinstance(given, Mapping):
            return f"{given:g}"
        return ", ".join(f"{name} {value:g}" for name, value in given.items()) + f", others {ATOL:g}"

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values."""
        atol = dict(self.atol) if isinstance(self.atol, Mapping) else self.atol
        return {"method": self.method, "rtol": self.rtol, "atol": atol, "max_steps": self.max_steps}


class Solving(Entry):
    """``[solver]`` of a study file: what `simulate` takes; whether it can be used is for `solver_of` to say."""

    method: Any = None
    rtol: Any = RTOL
    atol: Any = ATOL
    max_steps: Any = MOST_STEPS


def solver_of(model: Model, *, method: Any, rtol: Any, atol: Any, max_steps: Any) -> Solver:
    """Check what a call asks for.

    Raises
    ------
    InputError : an unknown method, one that cannot solve the model, or numbers out of range.
    """
    if method is not None and (not isinstance(method, str) or method not in METHODS):
        raise InputError(
            f"unknown method {method!r:.60}",
            place="method",
            advice=did_you_mean(str(method), METHODS, "methods"),
        )
    if method == EXACT and not model.linear:
        raise InputError(
            f"{model.name} is not linear",
            place="method",
            advice="the exact engine solves linear models only: leave method out",
        )
    if not _number(rtol) or not TIGHTEST <= rtol <= LOOSEST:
        raise InputError(
            f"found {rtol!r:.60}",
            place="rtol",
            advice=f"expected a number from {TIGHTEST:g} to {LOOSEST:g}, such as 1e-8",
        )
    if isinstance(max_steps, bool) or not isinstance(max_steps, (int, np.integer)) or max_steps < 1:
        raise InputError(
            f"found {max_steps!r:.60}", place="max_steps", advice="expected a whole number from 1 on"
        )
    return Solver(method, float(rtol), _absolute(model, atol), min(int(max_steps), 2**62))


def _absolute(model: Model, given: Any) -> float | dict[str, float]:
    if not isinstance(given, Mapping):
        return _tolerance(given, given if _number(given) else np.nan, "atol")
    for name in given:
        if name not in model.compartments:
            raise InputError(
                f"unknown compartment '{name}'",
                place="atol",
                advice=did_you_mean(str(name), model.compartments),
            )
    read = {
        name: value
        if _number(value)
        else read_quantity(value, model.compartments[name].unit, place=f"atol {name}")
        for name, value in given.items()
    }
    return {name: _tolerance(given[name], value, f"atol {name}") for name, value in read.items()} or ATOL


def _tolerance(given: Any, number: Any, place: str) -> float:
    """An absolute tolerance, as it was given and as the number that it is."""
    if isinstance(number, np.floating):
        number = float(number)
    if np.ndim(number) or not 0.0 < number <= sys.float_info.max:
        raise InputError(
            f"found {given!r:.60}",
            place=place,
            advice="expected a number above 0, such as 1e-10, or one for each of some compartments",
        )
    return float(number)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
