"""Columns of events: who, what and where, as arrays; what cannot be read is among the mistakes."""

from collections.abc import Mapping

import numpy as np

from doseline.dosing.record_checks import EVENT_NUMBERS
from doseline.dosing.record_columns import Column, Texts, numbers_in
from doseline.dosing.record_mistakes import Mistakes, shown

_MOST_COMPARTMENTS = 1_000_000


def read_subjects(ids: Column | None, mistakes: Mistakes) -> tuple[np.ndarray, np.ndarray]:
    """Identifiers (subject,) in the order of the table, and where the records of each begin (subject + 1,)."""
    count = len(mistakes.table)
    if ids is None:
        return np.array([1]), np.array([0, count])
    if isinstance(ids, Texts):
        codes, missing = ids.codes, ids.codes < 0
    elif ids.dtype.kind in "Mm":
        mistakes.add_general("ID holds dates or durations", "expected numbers or texts")
        return np.array([1]), np.array([0, count])
    else:
        codes, missing = ids, ~np.isfinite(ids)
    mistakes.add(
        missing,
        lambda row: (
            f"ID is {shown(ids, row)}",
            "every record needs the ID of its subject: a number or text",
        ),
        spoil=True,
    )
    begins = np.ones(count, dtype=bool)
    begins[1:] = (codes[1:] != codes[:-1]) & ~(missing[1:] & missing[:-1])
    starts = np.flatnonzero(begins)
    _, earliest = np.unique(codes[starts], return_index=True)
    again = np.zeros(count, dtype=bool)
    again[np.delete(starts, earliest)] = True
    mistakes.add(
        again & ~missing,
        lambda row: (
            f"ID {shown(ids, row)} comes again after ID {shown(ids, row - 1)}",
            "put the records of a subject together: sort the table by ID and TIME",
        ),
    )
    return _identifiers(ids, starts), np.append(starts, count)


def _identifiers(ids: Column, starts: np.ndarray) -> np.ndarray:
    if isinstance(ids, Texts):
        return Texts(ids.codes[starts], ids.values).cells()
    own = ids[starts]
    whole = own.dtype.kind == "f" and np.all(np.isfinite(own) & (own == np.rint(own)) & (np.abs(own) < 2**53))
    return own.astype(np.int64) if whole else own


def read_event_numbers(events: Mapping[str, Column], mistakes: Mistakes) -> dict[str, np.ndarray]:
    """Every column of `EVENT_NUMBERS` as float64, with NONMEM's defaults where cells or columns are missing."""
    numbers = {}
    for name in EVENT_NUMBERS:
        if name in events:
            found = mistakes.numbers(name, events[name])
            numbers[name] = np.where(np.isnan(found), 0.0, found)
        else:
            numbers[name] = np.zeros(len(mistakes.table))
    if "EVID" not in events:
        numbers["EVID"] = ((numbers["AMT"] != 0) | (numbers["RATE"] != 0)).astype(np.float64)
    if "MDV" not in events:
        numbers["MDV"] = (numbers["EVID"] != 0).astype(np.float64)
    return numbers


def read_compartments(column: Column | None, mistakes: Mistakes) -> tuple[np.ndarray, np.ndarray]:
    """CMT as numbers (int64) or names, and its direction: -1 switches off, 0 the default, 1 names a compartment."""
    if column is None:
        nothing = np.zeros(len(mistakes.table), dtype=np.int64)
        return nothing, nothing
    if isinstance(column, Texts) and np.isnan(numbers_in(column.values)).any():
        return _names_of_compartments(column, mistakes)
    found = mistakes.numbers("CMT", column)
    found = np.where(np.isnan(found), 0.0, found)
    wrong = (np.abs(found) > _MOST_COMPARTMENTS) | (found != np.rint(found))
    mistakes.add(
        wrong,
        lambda row: (
            f"CMT is {shown(column, row)}",
            "expected the number of a compartment, counted from 1, or its name",
        ),
        spoil=True,
    )
    numbers = np.where(wrong, 0.0, found).astype(np.int64)
    return numbers, np.sign(numbers)


def _names_of_compartments(column: Texts, mistakes: Mistakes) -> tuple[np.ndarray, np.ndarray]:
    numbers = numbers_in(column.values)
    mistakes.add(
        column.spread(numbers != 0, missing=False) & column.spread(~np.isnan(numbers), missing=False),
        lambda row: (
            f"CMT is {shown(column, row)}, and other records have names",
            "use names everywhere, or numbers everywhere",
        ),
        spoil=True,
    )
    names = np.array(
        ["" if number == 0 else name for name, number in zip(column.values, numbers, strict=True)]
    )
    off = np.char.startswith(names, "-")
    names = np.where(off, np.char.add("-", np.char.strip(names, "- ")), names)
    direction = np.where(off, -1, np.where(names == "", 0, 1))
    return column.spread(names, missing=""), column.spread(direction, missing=0)


def read_names(name: str, column: Column | None, mistakes: Mistakes) -> np.ndarray | None:
    """ROUTE, FORMULATION or MEAL as texts, "" where it is left open; None where it always is."""
    if isinstance(column, Texts):
        return column.cells()
    if column is not None and (column.dtype.kind in "Mm" or not np.isnan(column).all()):
        mistakes.add_general(
            f"{name} holds {'numbers' if column.dtype.kind in 'iuf' else 'dates or durations'}",
            f"{name} names what the model file has, such as {_EXAMPLES[name]}; rename a covariate",
        )
    return None


_EXAMPLES = {"ROUTE": "oral", "FORMULATION": "lidose", "MEAL": "fed"}
