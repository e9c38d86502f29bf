"""Doses, targets and blocks: the pieces of a regimen, checked and in one fixed order.

What is wrong with a value is said where it enters, whether it was typed in a text or handed over in Python.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np

from doseline.dosing.amounts import MASS, SIZES, milligrams
from doseline.errors import InputError, UnitError

LIMIT = 5_000_000
"""The most doses one regimen may hold."""

NAME = re.compile(r"[^\W\d][\w-]*")
"""A meal, formulation or route as the text form can name it."""


@dataclass(frozen=True, slots=True)
class Dose:
    """What is given at one time.

    Parameters
    ----------
    amount : float                        Mass, above 0. [unit]
    unit : str                            A unit of mass; kept as mg, so ``Dose(1, "g") == Dose(1000)``.
    per : None, "WT" or "BSA"             The amount is per kg of body weight or per m2 of body surface.
    meal, formulation, route : str, None  Names from the model; None leaves the choice open.
    duration : float, None                Length of the infusion [h]; None leaves it to the route.

    >>> Dose(0.5, per="WT", meal="fed")
    Dose(amount=0.5, unit='mg', per='WT', meal='fed', formulation=None, route=None, duration=None)
    """

    amount: float
    unit: str = "mg"
    per: str | None = None
    meal: str | None = None
    formulation: str | None = None
    route: str | None = None
    duration: float | None = None

    def __post_init__(self) -> None:
        _settle_amount(self, "dose")
        for name in ("meal", "formulation", "route"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, str) and NAME.fullmatch(value)):
                raise InputError(
                    f"{name} is {value!r}", place="dose", advice=f"a {name} is one word, such as 'fed'"
                )
        if self.duration is not None:
            hours = number(self.duration, place="dose duration", above=0.0)
            object.__setattr__(self, "duration", hours)

    def filled(self, *, meal: str | None, formulation: str | None, route: str | None) -> Self:
        """The same dose with what it leaves open taken from here."""
        return replace(
            self,
            meal=self.meal or meal,
            formulation=self.formulation or formulation,
            route=self.route or route,
        )

    def __str__(self) -> str:
        """The dose as the text form writes it: ``0.5 mg/kg over 0.5 h fed as lidose``."""
        words = [_amount_text(self)]
        if self.duration is not None:
            words.append(f"over {plain(self.duration)} h")
        return " ".join(words) + choices_text(meal=self.meal, formulation=self.formulation, route=self.route)


@dataclass(frozen=True, slots=True)
class Target:
    """A cumulative amount at which a course ends: the dose that reaches it is the last one.

    >>> str(Target(120))
    '120 mg/kg'
    """

    amount: float
    unit: str = "mg"
    per: str | None = "WT"

    def __post_init__(self) -> None:
        _settle_amount(self, "target")

    def __str__(self) -> str:
        """The target as the text form writes it."""
        return _amount_text(self)


@dataclass(frozen=True, slots=True)
class Block:
    """A pattern of doses, repeated.

    Parameters
    ----------
    start : float      Start of the first period. [h]
    pattern : tuple    Pairs of offset within the period [h] and `Dose`, in any order; kept sorted.
    period : float     [h]
    repeats : int      Number of periods, at least 1.
    until : Target     Only in the last block of a regimen: each subject stops after the dose that reaches the
                       target, counted over the whole regimen, and ``repeats`` is the most anyone takes.
    """

    start: float
    pattern: tuple[tuple[float, Dose], ...]
    period: float
    repeats: int
    until: Target | None = None

    def __post_init__(self) -> None:
        place = "block"
        start = number(self.start, place=f"{place} start", least=0.0)
        period = number(self.period, place=f"{place} period", above=0.0)
        entries = [(number(at, place=f"{place} pattern", least=0.0), dose) for at, dose in self.pattern]
        if not entries or max(at for at, _ in entries) >= period:
            found = f"has offsets up to {max(at for at, _ in entries):g} h" if entries else "has no dose"
            raise InputError(
                f"the pattern {found}", place=place, advice=f"give offsets from 0 to below {period:g} h"
            )
        object.__setattr__(self, "start", start)
        object.__setattr__(self, "period", period)
        object.__setattr__(
            self, "pattern", tuple(sorted(entries, key=lambda entry: (entry[0], dose_order(entry[1]))))
        )
        object.__setattr__(self, "repeats", whole(self.repeats, place=f"{place} repeats"))

    @property
    def count(self) -> int:
        """Number of doses."""
        return self.repeats * len(self.pattern)

    @property
    def last(self) -> float:
        """Time of the last dose. [h]"""
        return self.start + (self.repeats - 1) * self.period + self.pattern[-1][0]

    def times(self) -> np.ndarray:
        """Dose times, shape (count,). [h]"""
        starts = self.start + np.arange(self.repeats) * self.period
        return (starts[:, None] + np.array([at for at, _ in self.pattern])).ravel()

    def filled(self, *, meal: str | None, formulation: str | None, route: str | None) -> Self:
        """The same block with what its doses leave open taken from here."""
        filled = (
            (at, dose.filled(meal=meal, formulation=formulation, route=route)) for at, dose in self.pattern
        )
        return replace(self, pattern=tuple(filled))

    def shifted(self, hours: float) -> Self:
        """The same block ``hours`` later."""
        return replace(self, start=self.start + hours)


def number(value: Any, *, place: str, above: float = -math.inf, least: float = -math.inf) -> float:
    """``value`` as a finite float above ``above`` and not below ``least``."""
    try:
        found = math.nan if isinstance(value, str) else float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not (math.isfinite(found) and found > above and found >= least):
        limit = (
            f" above {above:g}" if above > -math.inf else f" from {least:g} on" if least > -math.inf else ""
        )
        raise InputError(f"found {value!r}", place=place, advice=f"give a finite number{limit}")
    return found


def whole(value: Any, *, place: str) -> int:
    """``value`` as a whole number, at least 1."""
    found = number(value, place=place, least=1.0)
    if found != int(found):
        raise InputError(f"found {value!r}", place=place, advice="give a whole number")
    return int(found)


def plain(value: float) -> str:
    """``value`` with every digit it has, but no '.0'.

    >>> plain(24.0), plain(0.1)
    ('24', '0.1')
    """
    return repr(value).removesuffix(".0")


def choices_text(*, meal: str | None, formulation: str | None, route: str | None) -> str:
    """The choices as the text form writes them, each with a space before it.

    >>> choices_text(meal="fed", formulation="lidose", route=None)
    ' fed as lidose'
    """
    meal_words = f" {meal}" if meal in ("fed", "fasted") else f" with {meal}" if meal else ""
    return meal_words + (f" as {formulation}" if formulation else "") + (f" by {route}" if route else "")


def repeated(blocks: Iterable[Block], *, length: float, n: int) -> list[Block]:
    """A course of ``length`` [h], ``n`` times end to end; not written out where one block can say it."""
    result = []
    for block in blocks:
        if block.repeats * block.period == length:
            result.append(replace(block, repeats=n * block.repeats))
        elif block.repeats == 1 and block.pattern[-1][0] < length:
            result.append(replace(block, period=length, repeats=n))
        else:
            result.extend(block.shifted(i * length) for i in range(n))
    return result


def canonical_text(blocks: Iterable[Block]) -> str:
    """A text that reads back as the same doses; with ``until`` only where that block stands alone."""
    courses = []
    for block in blocks:
        for at, dose in block.pattern:
            first = block.start + at
            pause = f"nothing for {plain(first)} h, then " if first else ""
            end = f"until {block.until}" if block.until else f"x {block.repeats}"
            courses.append(f"{pause}{dose} every {plain(block.period)} h {end}")
    return courses[0] if len(courses) == 1 else " and ".join(f"({course})" for course in courses)


def dose_order(dose: Dose) -> tuple[Any, ...]:
    """A key that sorts doses, so that the order of entry leaves no trace."""
    return tuple(
        (value is not None, value) if value is not None else (False,) for value in asdict(dose).values()
    )


def block_order(block: Block) -> tuple[Any, ...]:
    """A key that sorts blocks by time, the one with ``until`` last."""
    entries = tuple((at, dose_order(dose)) for at, dose in block.pattern)
    return (block.until is not None, block.start, block.period, block.repeats, entries)


def _settle_amount(item: Any, place: str) -> None:
    """Check amount, unit and ``per`` of a dose or a target, and turn the amount into mg."""
    amount = number(item.amount, place=f"{place} amount", above=0.0)
    if item.unit not in MASS:
        raise UnitError(
            f"{item.unit!r} is not a unit of mass",
            place=f"{place} unit",
            advice=f"give one of {', '.join(MASS)}; 'per' holds the body size, as in per='WT'",
        )
    if item.per is not None and item.per not in SIZES:
        raise InputError(
            f"per is {item.per!r}", place=place, advice="give per=None, 'WT' (per kg) or 'BSA' (per m2)"
        )
    object.__setattr__(item, "amount", milligrams(amount, item.unit))
    object.__setattr__(item, "unit", "mg")


def _amount_text(item: Any) -> str:
    return f"{plain(item.amount)} mg" + (f"/{SIZES[item.per]}" if item.per else "")
