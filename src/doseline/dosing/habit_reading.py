"""Reads what `doseline.dosing.adherence.adherence` is given: probabilities, spells, holidays, meals."""

import math
from collections.abc import Mapping
from typing import Any

from doseline.distribution import SUM_TOLERANCE, Distribution, is_distribution, read_distribution
from doseline.dosing.dose import NAME
from doseline.dosing.habits import REST, YEAR, Halves, Holidays, Meals, Spells
from doseline.errors import InputError, did_you_mean
from doseline.units import read_quantity

LONGEST_HOLIDAY = 366
"""Days; a longer break is a pause, and stands in the regimen."""

MOST_MEALS = 100
"""Kinds of meals that one habit may name: their numbers have to fit into eight bits."""


def read_chance(value: Any, *, place: str) -> float:
    """A probability, such as 0.8 or "80 %"."""
    percent = isinstance(value, str) and value.rstrip().endswith("%")
    found = _read_one(
        value, "%" if percent else "1", place=place, advice="give a probability, such as 0.8 or '80 %'"
    )
    found /= 100.0 if percent else 1.0  # and not times 0.01: 70 % is 0.7 in every bit
    if not 0.0 <= found <= 1.0:
        raise InputError(
            f"found {value!r:.60}",
            place=place,
            advice="a probability lies between 0 and 1: write 0.8, or '80 %'",
        )
    return found


def _read_one(value: Any, unit: str, *, place: str, advice: str) -> float:
    """One finite number in ``unit``; a wrong unit is told as such, all else that is wrong with ``advice``."""
    try:
        found = read_quantity(value, unit, place=place, require_unit=unit == "h")
    except InputError as error:
        raise InputError(error.problem, place=place, advice=advice) from None
    if not isinstance(found, float):
        raise InputError(f"found {value!r:.60}", place=place, advice=advice)
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
    for name in value:
        if name in ("taken", "spells", "holidays", "late", "meals", "meals_by"):
            raise InputError(
                f"'{name}' is an argument of adherence",
                place=place,
                advice="write dl.adherence(taken=0.8, late=...) for several habits at once",
            )
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
    advice = "give a time above 0, such as '14 days'"
    hours = _read_one(value, "h", place=place, advice=advice)
    if hours <= 0.0:
        raise InputError(f"found {value!r:.60}", place=place, advice=advice)
    return hours


def read_holidays(value: Any, *, place: str) -> Holidays:
    """Read ``{"per_year": 6, "days": 3}``."""
    given = read_fields(value, {"per_year": "6", "days": "3"}, place=place)
    where, advice = f"{place} per_year", f"give how many begin in a year, from 0 to {YEAR:g}"
    per_year = _read_one(given["per_year"], "1", place=where, advice=advice)
    if not 0.0 <= per_year <= YEAR:
        raise InputError(f"found {given['per_year']!r:.60}", place=where, advice=advice)
    where, advice = f"{place} days", f"give a whole number of days, from 1 to {LONGEST_HOLIDAY}"
    days = _read_one(given["days"], "day", place=where, advice=advice)
    if not (1.0 <= days <= LONGEST_HOLIDAY and days == int(days)):
        raise InputError(
            f"found {given['days']!r:.60}",
            place=where,
            advice=f"{advice}; a break that everybody makes stands in the regimen, as in 'nothing for 4 weeks'",
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
    if total > 1.0 + SUM_TOLERANCE or (not rests and total < 1.0 - SUM_TOLERANCE):
        most = "as much as " if habits else ""
        raise InputError(
            f"the probabilities add up to {most}{total:.10g}",
            place=place,
            advice=f"they have to add up to 1; '{REST}' fills up what is missing",
        )


def read_late(value: Any, *, place: str) -> Distribution:
    """Read "normal(0 h, 1 h) within -2..4"."""
    example = "normal(0 h, 1 h) within -2..4"
    if not is_distribution(value):
        raise InputError(
            f"found {value!r:.60}", place=place, advice=f"give a distribution, such as '{example}'"
        )
    found = read_distribution(value, place=place, unit="h")
    refuse_words(found, place=place, example=example)
    return found
