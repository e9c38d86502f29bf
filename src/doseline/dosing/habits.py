"""Habits of taking doses, one class each: mornings and evenings, good and bad spells, holidays, meals.

Each turns uniform numbers into what happens at the doses. Which numbers, `doseline.dosing.adherence` says.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from doseline.distribution import Distribution, is_distribution, read_distribution
from doseline.dosing.amounts import TOLERANCE
from doseline.dosing.dose import NAME, plain
from doseline.errors import InputError, did_you_mean
from doseline.units import read_quantity

YEAR = 365.25
"""Days in a year."""

LONGEST_HOLIDAY = 366
"""Days; a longer break is a pause, and stands in the regimen."""

MOST_MEALS = 100
"""Kinds of meals that one habit may name: their numbers have to fit into eight bits."""

REST = "rest"
_SUM_TOLERANCE = 1e-9


def days_of(time: np.ndarray) -> np.ndarray:
    """The day of each time [h], counted from 0; what rounding has left just before midnight is after it."""
    return np.floor(time / 24.0 * (1.0 + TOLERANCE)).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Halves:
    """Probabilities of taking a dose before noon, and from noon on."""

    morning: float
    evening: float

    def chance(self, time: np.ndarray) -> np.ndarray:
        """The probability at each time [h]."""
        clock = (time * (1.0 + TOLERANCE)) % 24.0
        return np.where(clock < 12.0, self.morning, self.evening)

    def to_dict(self) -> dict[str, Any]:
        """What was given to `adherence`."""
        return {"morning": self.morning, "evening": self.evening}


@dataclass(frozen=True, slots=True)
class Spells:
    r"""Good and bad spells that follow one another, each as long as chance has it.

    Parameters
    ----------
    good, bad : float              Probability of taking a dose in either.
    good_lasts, bad_lasts : float  Mean lengths :math:`g` and :math:`b`. [h]

    Lengths are exponential. Of a good spell, after a time t,

    .. math:: P(\text{bad}) = b / (g + b) \cdot (1 - e^{-(1/g + 1/b) t})

    and the other way round. The spells are those of a person: they do not change when the doses are spaced otherwise.
    """

    good: float
    bad: float
    good_lasts: float
    bad_lasts: float

    def change(self, time: np.ndarray) -> np.ndarray:
        """Probability that a bad, a good spell is one of the other kind at the next dose, shape (dose, 2).

        That of the first dose leads from "bad" into the mix in which spells stand in the long run.
        """
        share = self.good_lasts / (self.good_lasts + self.bad_lasts)
        settled = -np.expm1(-np.diff(time) * (1.0 / self.good_lasts + 1.0 / self.bad_lasts))
        return np.outer(np.concatenate([[1.0], settled]), [share, 1.0 - share])

    def taken(self, *, spell: np.ndarray, chance: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Which doses are taken (subject, dose), from uniform numbers of that shape and dose times (dose,) [h]."""
        from doseline.kernels.adherence import taken_in_spells  # numba takes half a second to import

        taken = np.empty(spell.shape, dtype=np.bool_)
        taken_in_spells(self.change(time), np.array([self.bad, self.good]), spell, chance, taken)
        return taken

    def to_dict(self) -> dict[str, Any]:
        """What was given to `adherence`."""
        lasts = {name: f"{plain(getattr(self, name))} h" for name in ("good_lasts", "bad_lasts")}
        return {"good": self.good, "bad": self.bad, **lasts}


@dataclass(frozen=True, slots=True)
class Holidays:
    """Days on end without any dose.

    Parameters
    ----------
    per_year : float  How many begin in a year; on each day one begins with the probability per_year / 365.25.
    days : int        How long each lasts; one that begins during another makes it longer.
    """

    per_year: float
    days: int

    def needed(self, day: np.ndarray) -> np.ndarray:
        """Days on which a holiday could begin that is not over on one of ``day``, ascending."""
        around = np.unique(day)[:, None] - np.arange(self.days)
        return np.unique(around[around >= 0])

    def away(self, begins: np.ndarray, *, needed: np.ndarray, day: np.ndarray) -> np.ndarray:
        """Who is on holiday on each ``day``, shape (subject, dose), from uniform numbers (subject, needed)."""
        begun = np.zeros((len(begins), len(needed) + 1), dtype=np.int32)
        np.cumsum(begins < self.per_year / YEAR, axis=1, out=begun[:, 1:])
        before = np.searchsorted(needed, day - self.days, side="right")
        until = np.searchsorted(needed, day, side="right")
        return begun[:, until] > begun[:, before]

    def to_dict(self) -> dict[str, Any]:
        """What was given to `adherence`."""
        return {"per_year": self.per_year, "days": self.days}


@dataclass(frozen=True, slots=True)
class Meals:
    """With which meal doses are taken.

    Parameters
    ----------
    names : tuple of str  In alphabetical order, so that the order of entry leaves no trace.
    shares : tuple        Probability of each; a distribution of it over subjects in one place at most; None where a
                          meal takes the rest.
    """

    names: tuple[str, ...]
    shares: tuple[float | Distribution | None, ...]

    @property
    def habit(self) -> Distribution | None:
        """What differs between subjects, if anything does."""
        return next((share for share in self.shares if isinstance(share, Distribution)), None)

    def chosen(self, u: np.ndarray, *, habit: np.ndarray | None) -> np.ndarray:
        """Position of the meal in ``names``, int8, shape of ``u`` (subject, dose), which is uniform.

        ``habit`` (subject,) is what each subject has of `habit`.
        """
        filled: list[Any] = [
            habit[:, None] if isinstance(share, Distribution) and habit is not None else share
            for share in self.shares
        ]
        rest = 1.0 - sum(share for share in filled if share is not None)
        chosen = np.zeros(u.shape, dtype=np.int8)
        edge: Any = 0.0
        for share in filled[:-1]:
            edge = edge + (rest if share is None else share)
            chosen += u >= edge
        return chosen

    def to_dict(self) -> dict[str, Any]:
        """What was given to `adherence`."""
        told = [REST if share is None else share_plain(share) for share in self.shares]
        return dict(zip(self.names, told, strict=True))


def share_plain(share: float | Distribution) -> float | str:
    """A probability as it was given: a number, or the text of a distribution."""
    return str(share) if isinstance(share, Distribution) else share


def read_chance(value: Any, *, place: str) -> float:
    """A probability, such as 0.8 or "80 %"."""
    found = read_quantity(value, "1", place=place)
    if not isinstance(found, float):
        raise InputError(
            f"found {value!r:.60}", place=place, advice="give one probability, such as 0.8 or '80 %'"
        )
    if not 0.0 <= found <= 1.0:
        raise InputError(
            f"found {value!r:.60}",
            place=place,
            advice="a probability lies between 0 and 1: write 0.8, or '80 %'",
        )
    return found


def read_share(value: Any, *, place: str) -> float | Distribution:
    """A probability, or a distribution of it over subjects."""
    if not is_distribution(value):
        return read_chance(value, place=place)
    found = read_distribution(value, place=place, unit="1")
    refuse_words(found, place=place, example="uniform(0.6, 1)")
    low, high = found.support
    if low < 0.0 or high > 1.0:
        raise InputError(
            f"'{found}' goes {'below 0' if low < 0.0 else 'above 1'}",
            place=place,
            advice="a probability lies between 0 and 1: add 'within 0..1'",
        )
    return found


def refuse_words(found: Distribution, *, place: str, example: str) -> None:
    """Refuse a distribution of words where numbers are drawn."""
    if found.words:
        raise InputError(
            f"'{found}' is a distribution of words", place=place, advice=f"give numbers, such as '{example}'"
        )


def read_fields(value: Any, known: Mapping[str, str], *, place: str) -> dict[str, Any]:
    """A mapping that has each of the ``known`` names, and no other; with an example for each."""
    example = "{" + ", ".join(f"'{name}': {shown}" for name, shown in known.items()) + "}"
    if not isinstance(value, Mapping):
        raise InputError(f"found {value!r:.60}", place=place, advice=f"give a mapping, such as {example}")
    for name in value:
        if name not in known:
            raise InputError(f"unknown name {name!r:.60}", place=place, advice=did_you_mean(str(name), known))
    missing = [name for name in known if name not in value]
    if missing:
        raise InputError(f"'{missing[0]}' is missing", place=place, advice=f"give all of it, as in {example}")
    return dict(value)


def read_halves(value: Any, *, place: str) -> Halves:
    """Read ``{"morning": 0.95, "evening": 0.8}``."""
    given = read_fields(value, {"morning": "0.95", "evening": "0.8"}, place=place)
    return Halves(**{name: read_chance(each, place=f"{place} {name}") for name, each in given.items()})


def read_spells(value: Any, *, place: str) -> Spells:
    """Read ``{"good": 0.95, "bad": 0.3, "good_lasts": "14 days", "bad_lasts": "3 days"}``."""
    known = {"good": "0.95", "bad": "0.3", "good_lasts": "'14 days'", "bad_lasts": "'3 days'"}
    given = read_fields(value, known, place=place)
    chances = {name: read_chance(given[name], place=f"{place} {name}") for name in ("good", "bad")}
    lasts = {name: _read_length(given[name], place=f"{place} {name}") for name in ("good_lasts", "bad_lasts")}
    return Spells(**chances, **lasts)


def _read_length(value: Any, *, place: str) -> float:
    hours = read_quantity(value, "h", place=place, require_unit=True)
    if not isinstance(hours, float) or hours <= 0.0:
        raise InputError(
            f"found {value!r:.60}", place=place, advice="give one time above 0, such as '14 days'"
        )
    return hours


def read_holidays(value: Any, *, place: str) -> Holidays:
    """Read ``{"per_year": 6, "days": 3}``."""
    given = read_fields(value, {"per_year": "6", "days": "3"}, place=place)
    per_year = read_quantity(given["per_year"], "1", place=f"{place} per_year")
    if not isinstance(per_year, float) or not 0.0 <= per_year <= YEAR:
        raise InputError(
            f"found {given['per_year']!r:.60}",
            place=f"{place} per_year",
            advice=f"give how many begin in a year, from 0 to {YEAR:g}",
        )
    days = read_quantity(given["days"], "day", place=f"{place} days")
    if not isinstance(days, float) or not (1.0 <= days <= LONGEST_HOLIDAY and days == int(days)):
        raise InputError(
            f"found {given['days']!r:.60}",
            place=f"{place} days",
            advice=f"give a whole number of days, from 1 to {LONGEST_HOLIDAY}; "
            "a break that everybody makes stands in the regimen, as in 'nothing for 4 weeks'",
        )
    return Holidays(per_year, int(days))


def read_meals(value: Any, *, place: str) -> Meals:
    """Read ``{"fed": 0.7, "fasted": 0.3}`` or ``{"fed": "uniform(0.4, 1)", "fasted": "rest"}``."""
    example = "{'fed': 0.7, 'fasted': 0.3}"
    if not isinstance(value, Mapping) or not 0 < len(value) <= MOST_MEALS:
        raise InputError(
            f"found {value!r:.60}",
            place=place,
            advice=f"give the probability of each of up to {MOST_MEALS} meals, such as {example}",
        )
    for name in value:
        if not (isinstance(name, str) and NAME.fullmatch(name)):
            raise InputError(f"meal is {name!r:.60}", place=place, advice="a meal is one word, such as 'fed'")
    names = tuple(sorted(value))
    shares = tuple(
        None if value[name] == REST else read_share(value[name], place=f"{place} {name}") for name in names
    )
    meals = Meals(names, shares)
    _refuse_sum(meals, place=place)
    return meals


def _refuse_sum(meals: Meals, *, place: str) -> None:
    """Refuse probabilities that cannot add up to 1, for one subject or for all."""
    habits = [share for share in meals.shares if isinstance(share, Distribution)]
    rests = meals.shares.count(None)
    if rests > 1 or len(habits) > 1:
        raise InputError(
            f"two meals are '{REST}'" if rests > 1 else "two meals differ between subjects",
            place=place,
            advice=f"give numbers, one distribution at most, and '{REST}' once, "
            "as in {'fed': 'uniform(0.4, 1)', 'fasted': 'rest'}",
        )
    if habits and not rests:
        raise InputError(
            f"'{habits[0]}' and fixed probabilities do not add up to 1 for each subject",
            place=place,
            advice=f"write '{REST}' for one of the meals, as in {{'fed': 'uniform(0.4, 1)', 'fasted': 'rest'}}",
        )
    total = math.fsum(share for share in meals.shares if isinstance(share, float))
    total += habits[0].support[1] if habits else 0.0
    if total > 1.0 + _SUM_TOLERANCE or (not rests and total < 1.0 - _SUM_TOLERANCE):
        up_to = "up to " if habits else ""
        raise InputError(
            f"the probabilities add up to {up_to}{total:.10g}",
            place=place,
            advice=f"they have to add up to 1; '{REST}' fills up what is missing",
        )
