"""Targets that individual values are held against: numbers, texts with units, ranges, and several of them by name."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from doseline.errors import InputError, did_you_mean
from doseline.units import read_quantity

WITHIN = "within"
COMPARE: dict[str, Callable[[np.ndarray, float, float], np.ndarray]] = {
    ">=": lambda value, low, high: value >= low,
    ">": lambda value, low, high: value > low,
    "<=": lambda value, low, high: value <= low,
    "<": lambda value, low, high: value < low,
    WITHIN: lambda value, low, high: (value >= low) & (value <= high),
}
"""How a value is held against a target, of which ``low`` is the only end but for a range. NaN attains nothing."""


@dataclass(frozen=True)
class Targets:
    """Targets in the unit of their metric.

    Attributes
    ----------
    labels : tuple of str or float   Names, or the targets themselves.
    low, high : tuple of float       Ends of each; the same but for a range.
    unit : str                       Of both.
    compare : str                    A key of `COMPARE`.
    listed : bool                    Several were asked for, or one by name: a dimension of results.
    """

    labels: tuple[Any, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    unit: str
    compare: str
    listed: bool

    def attained(self, value: np.ndarray) -> Iterator[np.ndarray]:
        """Where values attain each target."""
        for low, high in zip(self.low, self.high, strict=True):
            yield COMPARE[self.compare](value, low, high)

    def coordinates(self) -> dict[str, Any]:
        """Labels along ``target``, and the targets beside them where labels are names."""
        plain = all(isinstance(label, float) for label in self.labels)
        units = self.unit if plain else "1"
        coords: dict[str, Any] = {
            "target": ("target", np.array(self.labels), {"units": units, "long_name": "target"})
        }
        ends = {"target_low": self.low, "target_high": self.high}
        for name, each in ends.items() if self.compare == WITHIN else {"target_level": self.low}.items():
            if not plain:
                told = {"units": self.unit, "long_name": name.replace("_", " ")}
                coords[name] = ("target", np.array(each), told)
        return coords


def read_targets(target: Any, compare: Any, unit: str) -> Targets:
    """Targets of a metric in this unit.

    Raises
    ------
    InputError : an unknown comparison, no target, one that is not finite, a range where one end is expected or the
        other way round, the same name twice. UnitError : a target in a unit of another kind.
    """
    if not isinstance(compare, str) or compare not in COMPARE:
        raise InputError(
            f"unknown comparison {compare!r:.60}",
            place="compare",
            advice=did_you_mean(str(compare), COMPARE, "comparisons"),
        )
    listed = isinstance(target, (list, Mapping, np.ndarray)) and getattr(target, "ndim", 1) > 0
    if isinstance(target, Mapping):
        given = {str(name): each for name, each in target.items()}
        places = [f"target '{name}'" for name in given]
        each = list(given.values())
        labels = list(given)
    else:
        each = list(target) if listed else [target]
        places = [f"target {at + 1}" for at in range(len(each))] if listed else ["target"]
        labels = []
    if not each:
        raise InputError("there are none", place="target", advice=f"give at least one, such as '1 {unit}'")
    ends = [_read(one, compare, unit, place) for one, place in zip(each, places, strict=True)]
    shown: list[Any] = labels or [f"{low:g} to {high:g}" if compare == WITHIN else low for low, high in ends]
    twice = next((label for at, label in enumerate(shown) if label in shown[:at]), None)
    if twice is not None:
        raise InputError(f"{twice} is there twice", place="target", advice="give each target once")
    low, high = zip(*ends, strict=True)
    return Targets(tuple(shown), low, high, unit, compare, listed)


def _read(target: Any, compare: str, unit: str, place: str) -> tuple[float, float]:
    """Both ends of one target."""
    pair = isinstance(target, tuple)
    if pair and compare != WITHIN:
        raise InputError(
            f"found {target!r:.60}, with compare='{compare}'",
            place=place,
            advice=f"of a range say compare='{WITHIN}'; several targets are a list",
        )
    if compare == WITHIN and not (pair and len(target) == 2):
        raise InputError(
            f"found {target!r:.60}, with compare='{WITHIN}'",
            place=place,
            advice=f"give both ends, the lower one first: (1, 2) or ('1 {unit}', '2 {unit}')",
        )
    low, high = (_number(end, unit, place) for end in (target if pair else (target, target)))
    if low > high:
        raise InputError(
            f"found {target!r:.60}, which goes down", place=place, advice="give the lower end first"
        )
    return low, high


def _number(given: Any, unit: str, place: str) -> float:
    number = read_quantity(given, unit, place=place)
    if np.ndim(number):
        raise InputError(
            f"found {given!r:.60}", place=place, advice=f"give one number, or a text such as '1 {unit}'"
        )
    return float(number)
