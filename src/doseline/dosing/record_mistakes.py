"""Mistakes of an event table, found column by column and told in the order of its lines."""

import re
from collections.abc import Callable, Iterator
from itertools import chain, repeat

import numpy as np

from doseline.dosing.record_columns import Column, Texts, numbers_in
from doseline.dosing.record_source import Table
from doseline.dosing.records import Records, place_of
from doseline.errors import Problem, RecordsError

MOST_TOLD = 1000
"""Mistakes that get a sentence of their own; the rest are only counted."""

Tell = Callable[[int], tuple[str, str]]
"""From the position of a record to problem and advice."""

_PLAIN_NUMBER = re.compile(r"[-+]?\d+(\.\d*)?")
DECIMAL_COMMA = re.compile(r"'[-+]?\d*,\d+'")
"""A number as much of Europe writes it, in a cell as messages show it."""


class Mistakes:
    """What is wrong with a table, gathered until everything has been looked at."""

    def __init__(self, table: Table | Records) -> None:
        self.table = table
        self.spoilt = np.zeros(len(table), dtype=bool)
        """Records with a cell that could not be read: what else is said about them would mislead."""
        self._general: list[Problem] = []
        self._found: list[tuple[np.ndarray, Tell]] = []

    def add(self, wrong: np.ndarray, tell: Tell, *, spoil: bool = False) -> None:
        """A mistake wherever ``wrong``, shape (record,)."""
        if wrong.any():
            self._found.append((np.flatnonzero(wrong), tell))
            if spoil:
                self.spoilt |= wrong

    def add_general(self, problem: str, advice: str) -> None:
        """A mistake of the table as a whole."""
        self._general.append(Problem(self.table.name, problem, advice))

    def raise_if_any(self) -> None:
        """Raise RecordsError with all mistakes, in the order of the records."""
        if not (self._general or self._found):
            return
        rows = np.concatenate([np.empty(0, dtype=np.int64), *(rows for rows, _ in self._found)])
        which = np.repeat(np.arange(len(self._found)), [len(rows) for rows, _ in self._found])
        order = np.argsort(rows, kind="stable")
        told = self._told(rows[order[:MOST_TOLD]], which[order[:MOST_TOLD]])
        rest = Problem(self.table.name, "a mistake further down", "mend those above first")
        raise RecordsError.collect(chain(self._general, told, repeat(rest, max(len(rows) - MOST_TOLD, 0))))

    def _told(self, rows: np.ndarray, which: np.ndarray) -> Iterator[Problem]:
        for row, check in zip(rows.tolist(), which.tolist(), strict=True):
            problem, advice = self._found[check][1](row)
            yield Problem(self.place(row), problem, advice)

    def place(self, row: int) -> str:
        """What messages call a record."""
        return place_of(self.table.name, self.table.line[row])

    def numbers(self, name: str, column: Column) -> np.ndarray:
        """A column as float64, NaN where missing; cells that are no numbers are mistakes."""
        if isinstance(column, Texts):
            found = numbers_in(column.values)
            wrong = column.spread(np.isnan(found), missing=False)
            self.add(wrong, lambda row: no_number(name, shown(column, row)), spoil=True)
            return column.spread(found, missing=np.nan)
        if column.dtype.kind in "Mm":
            what = "dates" if column.dtype.kind == "M" else "durations"
            self.add_general(f"{name} holds {what}", "expected numbers")
            return np.full(len(column), np.nan)
        return column.astype(np.float64, copy=False)


def shown(column: Column, row: int) -> str:
    """A cell as messages show it.

    >>> shown(np.array([0.5, 100.0]), 1)
    '100'
    """
    if isinstance(column, Texts):
        if column.codes[row] < 0:
            return "missing"
        cell = column.values[column.codes[row]]
        text = cell if _PLAIN_NUMBER.fullmatch(cell) else repr(cell)
        return text if len(text) <= 60 else text[:57] + "..."
    value = column[row]
    if column.dtype.kind in "Mm":
        return str(value.astype(f"{column.dtype.kind}8[s]")).replace("T", " ")
    return "missing" if value != value else repr(value.item()).removesuffix(".0")


def no_number(name: str, cell: str) -> tuple[str, str]:
    """Problem and advice for a cell that should be a number."""
    if DECIMAL_COMMA.fullmatch(cell):
        point = cell.strip("'").replace(",", ".")
        read = 'dl.read_records(pd.read_csv(path, sep=";", decimal=","))'
        return f"{name} is {cell}", f"write {point}, with a decimal point; or hand over a frame: {read}"
    return f"{name} is {cell}", "expected a number, or . where there is none"
