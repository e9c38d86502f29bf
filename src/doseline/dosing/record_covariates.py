"""Covariates of an event table: which columns they are, their gaps, units and modes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from doseline.dosing.record_columns import Column, Texts, converted, numbers_in
from doseline.dosing.record_mistakes import Mistakes, shown
from doseline.dosing.records import MODES, per_record
from doseline.errors import InputError, did_you_mean
from doseline.units import STANDARD_UNITS, parse_unit


@dataclass(frozen=True)
class Covariates:
    """Columns of numbers beside those of events."""

    values: dict[str, np.ndarray]
    units: dict[str, str | None]
    left_out: list[str]


def read_covariates(
    others: Mapping[str, Column], *, first: np.ndarray, units: Mapping[str, str], mistakes: Mistakes
) -> Covariates:
    """Every column of numbers without gaps, in its standard unit where it has one; columns of texts are left out.

    ``units`` are those that the user gave, by the names of the table.
    """
    found = Covariates({}, {}, [])
    for name, column in others.items():
        standard, own = STANDARD_UNITS.get(name.upper()), units.get(name)
        place = f'units["{name}"]'
        unit = None if own is None else parse_unit(own, place=place)
        if not _is_covariate(column, expected=standard is not None or own is not None):
            found.left_out.append(name)
            continue
        numbers = mistakes.numbers(name, column)
        _refuse_values(name, numbers, column, standard or unit, mistakes)
        numbers = _filled(name, numbers, first, mistakes)
        if standard is not None and unit is not None:
            numbers = converted(numbers, unit, standard, place=place)
        found.values[name] = numbers
        found.units[name] = standard or unit
    return found


def _is_covariate(column: Column, *, expected: bool) -> bool:
    """Numbers, or texts that mostly are: a single typing error does not make a weight a remark."""
    if isinstance(column, Texts):
        is_number = ~np.isnan(numbers_in(column.values))
        share = column.spread(is_number, missing=False).sum() / np.sum(column.codes >= 0)
        return expected or bool(share > 0.5)
    return column.dtype.kind not in "Mm" and not bool(np.isnan(column).all())


def _refuse_values(
    name: str, numbers: np.ndarray, column: Column, unit: str | None, mistakes: Mistakes
) -> None:
    """Infinite values, and those not above zero where the field agrees that there are none."""
    wrong, what = np.isinf(numbers), "a finite number"
    if name.upper() in STANDARD_UNITS:
        wrong, what = wrong | (numbers <= 0), f"a value above 0 [{unit}]"
    mistakes.add(wrong, lambda row: (f"{name} is {shown(column, row)}", f"expected {what}"))


def _filled(name: str, numbers: np.ndarray, first: np.ndarray, mistakes: Mistakes) -> np.ndarray:
    """Gaps take the value before, of the same subject."""
    gap = np.isnan(numbers)
    if not gap.any():
        return numbers
    latest = np.maximum.accumulate(np.where(gap, -1, np.arange(len(numbers))))
    begin = per_record(first[:-1], first)
    nothing = np.zeros(len(numbers), dtype=bool)
    nothing[first[:-1]] = gap[first[:-1]]
    mistakes.add(
        nothing & ~mistakes.spoilt,
        lambda _: (
            f"{name} is missing",
            "the first record of a subject needs a value; later gaps take the one before. "
            f"Fill it in, or drop the column {name}",
        ),
    )
    return numbers[np.maximum(latest, begin)]


def read_modes(modes: Any, covariates: Covariates) -> dict[str, str]:
    """How each covariate goes on between records."""
    if not isinstance(modes, Mapping):
        _refuse_mode(modes, "modes")
        return dict.fromkeys(covariates.values, modes)
    for name, mode in modes.items():
        if name not in covariates.values:
            text = name in covariates.left_out
            raise InputError(
                f"'{name}' is a column of texts, or empty" if text else f"unknown covariate '{name}'",
                place="modes",
                advice=did_you_mean(str(name), covariates.values, "covariates"),
            )
        _refuse_mode(mode, f'modes["{name}"]')
    return {name: modes.get(name, MODES[0]) for name in covariates.values}


def _refuse_mode(mode: object, place: str) -> None:
    if mode not in MODES:
        raise InputError(
            f"found {mode!r:.60}",
            place=place,
            advice='give "nocb" (up to a record its value holds) or "locf" (the one before), '
            'or a dict such as {"WT": "locf"}',
        )
