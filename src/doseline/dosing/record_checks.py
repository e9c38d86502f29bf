"""What an event table may not say: a table of checks, each with its message.

The cells are checked as they stand in the table, before units, so that messages show what the user wrote.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from doseline.dosing.record_columns import Column
from doseline.dosing.record_mistakes import Mistakes, shown

_CLOCK = re.compile(r"'\d{1,2}:")
MOST_ADDITIONAL = 1_000_000
"""The most additional doses that one record may ask for."""
LIMIT = 50_000_000
"""The most doses that one table may hold, additional ones included."""

OF_DOSES = ("AMT", "RATE", "DUR", "ADDL", "SS", "II")
EVENT_NUMBERS = (*OF_DOSES, "EVID", "MDV")
"""Columns of numbers that say what happens; 0 where they are missing."""


@dataclass(frozen=True)
class Cells:
    """The cells that say what happens, as numbers, and groups of records."""

    numbers: Mapping[str, np.ndarray]  # each of EVENT_NUMBERS
    direction: np.ndarray  # of CMT: -1 switches off, 0 the default, 1 names a compartment

    def __getitem__(self, name: str) -> np.ndarray:
        return self.numbers[name]

    def is_evid(self, *codes: int) -> np.ndarray:
        """Records of these kinds."""
        return np.logical_or.reduce([self["EVID"] == code for code in codes])

    @cached_property
    def dose(self) -> np.ndarray:
        """Doses."""
        return self.is_evid(1, 4)

    @cached_property
    def replace(self) -> np.ndarray:
        """Replacements of an amount."""
        return self.is_evid(8)

    @cached_property
    def quiet(self) -> np.ndarray:
        """Records that give nothing."""
        return self.is_evid(0, 2, 3)

    @cached_property
    def steady(self) -> np.ndarray:
        """Doses at steady state."""
        return self.dose & (self["SS"] != 0)

    @cached_property
    def constant(self) -> np.ndarray:
        """Constant infusions that have gone on for ever."""
        return self.steady & (self["AMT"] == 0) & ((self["RATE"] > 0) | (self["RATE"] == -1))

    def says_more(self, names: tuple[str, ...]) -> np.ndarray:
        """Where any of these columns is not 0."""
        return np.logical_or.reduce([self[name] != 0 for name in names])


@dataclass(frozen=True)
class Check:
    """Which records are wrong, and what is said about them; {AMT} is the cell, {given} lists ``lists``."""

    wrong: Callable[[Cells], np.ndarray]
    problem: str
    advice: str
    lists: tuple[str, ...] = ()


CHECKS = (
    Check(
        lambda c: c.is_evid(5, 6, 7),
        "EVID is {EVID}",
        "5, 6 and 7 are numbers of rxode2: to replace an amount (5 there) write 8; 6 and 7 have no counterpart",
    ),
    Check(
        lambda c: ~c.is_evid(0, 1, 2, 3, 4, 5, 6, 7, 8),
        "EVID is {EVID}",
        "expected 0 (observation), 1 (dose), 2 (other), 3 (reset), 4 (reset and dose) or 8 (replace)",
    ),
    Check(
        lambda c: (c["MDV"] != 0) & (c["MDV"] != 1),
        "MDV is {MDV}",
        "expected 0 (DV counts) or 1 (it does not)",
    ),
    Check(
        lambda c: c.quiet & c.says_more(OF_DOSES),
        "{given} on a record with EVID {EVID}",
        "a dose has EVID 1; on other records these columns are 0 or .",
        OF_DOSES,
    ),
    Check(
        lambda c: c.replace & c.says_more(OF_DOSES[1:]),
        "{given} on a record with EVID 8",
        "EVID 8 sets the amount in CMT to AMT: the other columns of doses are 0 or .",
        OF_DOSES[1:],
    ),
    Check(
        lambda c: c.replace & (c.direction == 0),
        "EVID is 8 and CMT is {CMT}",
        "name the compartment whose amount becomes AMT",
    ),
    Check(
        lambda c: (c.dose | c.replace) & (c.direction < 0),
        "CMT is {CMT} on a record with EVID {EVID}",
        "a minus sign switches a compartment off: put it on a record with EVID 2 or 0",
    ),
    Check(lambda c: (c.dose | c.replace) & (c["AMT"] < 0), "AMT is {AMT}", "an amount is 0 or more"),
    Check(
        lambda c: c.dose & (c["RATE"] < 0) & (c["RATE"] != -1) & (c["RATE"] != -2),
        "RATE is {RATE}",
        "expected 0 or more, -1 (the model has the rate) or -2 (the model has the duration)",
    ),
    Check(lambda c: c.dose & (c["DUR"] < 0), "DUR is {DUR}", "a duration is 0 or more"),
    Check(lambda c: c.dose & (c["II"] < 0), "II is {II}", "an interval between doses is 0 or more"),
    Check(
        lambda c: c.dose & (c["RATE"] != 0) & (c["DUR"] != 0),
        "RATE is {RATE} and DUR is {DUR}",
        "give the one or the other: with AMT either says how long the infusion runs",
    ),
    Check(
        lambda c: c.dose & (c["AMT"] == 0) & ((c["RATE"] > 0) | (c["RATE"] == -1)) & ~c.steady,
        "AMT is 0 and RATE is {RATE}",
        "such an infusion lasts no time: give AMT, or SS 1 for an infusion that has gone on for ever",
    ),
    Check(
        lambda c: c.dose & (c["AMT"] == 0) & (c["RATE"] == -2),
        "AMT is 0 and RATE is -2",
        "the model gives the duration: give AMT",
    ),
    Check(
        lambda c: c.dose & (c["AMT"] == 0) & (c["DUR"] > 0),
        "AMT is 0 and DUR is {DUR}",
        "an infusion over DUR hours needs AMT",
    ),
    Check(
        lambda c: c.dose & (c["SS"] != 0) & (c["SS"] != 1) & (c["SS"] != 2),
        "SS is {SS}",
        "expected 0, 1 (steady state instead of what is there) or 2 (on top of it)",
    ),
    Check(
        lambda c: c.steady & ~c.constant & (c["II"] == 0),
        "SS is {SS} and II is {II}",
        "give II, the interval between the doses; a constant infusion has AMT 0 and RATE above 0",
    ),
    Check(
        lambda c: c.constant & (c["II"] > 0),
        "a constant infusion (AMT 0, SS {SS}) has II {II}",
        "write II 0, or give AMT for repeated infusions",
    ),
    Check(
        lambda c: c.constant & (c["ADDL"] != 0),
        "a constant infusion (AMT 0, SS {SS}) has ADDL {ADDL}",
        "it ends at its record: write ADDL 0, and give what follows in a record of its own",
    ),
    Check(
        lambda c: c.dose & ((c["ADDL"] < 0) | (c["ADDL"] != np.floor(c["ADDL"]))),
        "ADDL is {ADDL}",
        "a number of additional doses is a whole number, 0 or more",
    ),
    Check(
        lambda c: c.dose & (c["ADDL"] > MOST_ADDITIONAL),
        "ADDL is {ADDL}",
        f"at most {MOST_ADDITIONAL:,} additional doses a record",
    ),
    Check(
        lambda c: c.dose & ~c.constant & (c["ADDL"] > 0) & (c["II"] == 0),
        "ADDL is {ADDL} and II is {II}",
        "additional doses need II, the interval between them, above 0",
    ),
)
"""Each looks at one record at a time; where several find something, they speak in this order."""


def check_records(cells: Cells, columns: Mapping[str, Column], mistakes: Mistakes) -> None:
    """Put every record that contradicts itself among the mistakes."""
    for name in EVENT_NUMBERS:
        mistakes.add(np.isinf(cells[name]), _tell_infinite(name, columns), spoil=True)
    sound = ~mistakes.spoilt
    for check in CHECKS:
        mistakes.add(check.wrong(cells) & sound, _tell(check, cells, columns))
    total = float(np.sum(np.maximum(cells["ADDL"], 0.0) + 1.0, where=cells.dose & sound))
    if total > LIMIT:
        mistakes.add_general(
            f"{total:,.0f} doses, additional ones included",
            f"at most {LIMIT:,}: lower ADDL, or read the subjects in parts",
        )


def check_order(
    time: np.ndarray, first: np.ndarray, columns: Mapping[str, Column], mistakes: Mistakes
) -> None:
    """Times of a subject never go down."""
    goes_down = np.zeros(len(time), dtype=bool)
    goes_down[1:] = time[1:] < time[:-1]
    goes_down[first[:-1]] = False

    def tell(row: int) -> tuple[str, str]:
        here, before = (
            " ".join(shown(columns[name], at) for name in ("DATE", "TIME") if name in columns)
            for at in (row, row - 1)
        )
        clock = "past midnight add a column DATE; " if _CLOCK.match(before) else ""
        return (
            f"TIME is {here} after {before}",
            f"{clock}sort the records of a subject by time; after a reset (EVID 3, 4) too time goes on: "
            "add the time that has elapsed, or give the occasion an ID of its own",
        )

    mistakes.add(goes_down, tell)


def _tell(check: Check, cells: Cells, columns: Mapping[str, Column]) -> Callable[[int], tuple[str, str]]:
    def tell(row: int) -> tuple[str, str]:
        known = {name: _cell(name, row, columns) for name in (*EVENT_NUMBERS, "CMT")}
        given = [f"{name} is {known[name]}" for name in check.lists if cells[name][row] != 0]
        return check.problem.format(given=" and ".join(given), **known), check.advice

    return tell


def _tell_infinite(name: str, columns: Mapping[str, Column]) -> Callable[[int], tuple[str, str]]:
    return lambda row: (f"{name} is {_cell(name, row, columns)}", "expected a finite number")


def _cell(name: str, row: int, columns: Mapping[str, Column]) -> str:
    text = shown(columns[name], row) if name in columns else "0"
    return "0" if text == "missing" else text
