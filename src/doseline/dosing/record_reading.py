"""Event tables from files and data frames: every cell read, every mistake told with its line."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from doseline.dosing.record_cells import read_compartments, read_event_numbers, read_names, read_subjects
from doseline.dosing.record_checks import EVENT_NUMBERS, Cells, check_order, check_records
from doseline.dosing.record_columns import Column, converted
from doseline.dosing.record_covariates import read_covariates, read_modes
from doseline.dosing.record_mistakes import Mistakes
from doseline.dosing.record_source import Table, open_table
from doseline.dosing.record_times import read_times
from doseline.dosing.records import CHOICES, Records
from doseline.errors import InputError, RecordsError, did_you_mean
from doseline.units import factor

EVENT_COLUMNS = ("ID", "TIME", "DATE", *EVENT_NUMBERS, "CMT", "DV", *(name.upper() for name in CHOICES))
"""Columns with a meaning of their own, whatever their case; every other column of numbers is a covariate."""

_INSIDE = {"TIME": "h", "AMT": "mg", "RATE": "mg/h", "DUR": "h", "II": "h"}
_WITH_FORMAT = 'call the column DATE, and say how it is written, as in date_format="{}"'
_REFUSED = {
    "CONT": "continued records are not supported: drop the column",
    "CALL": "calls are not supported: drop the column",
    "DAT1": _WITH_FORMAT.format("%d/%m/%y"),
    "DAT2": _WITH_FORMAT.format("%y/%m/%d"),
    "DAT3": _WITH_FORMAT.format("%y/%d/%m"),
}
"""Columns that change the meaning of a record and are not read."""


def read_records(
    source: Any,
    *,
    units: Mapping[str, str] | None = None,
    modes: str | Mapping[str, str] = "nocb",
    date_format: str | None = None,
) -> Records:
    """Read an event table: who got and gave what when, one record a line, in the columns of NONMEM.

    Columns, whatever their case: ID TIME AMT RATE DUR II ADDL SS EVID MDV CMT DV, DATE beside clock times, and names in
    ROUTE, FORMULATION and MEAL. Only TIME has to be there. Every other column of numbers is a covariate under its own
    name; other columns of texts are left out, and `Records.left_out` lists them. "." and empty cells are missing: 0 in
    columns of events, the value before in covariates. Without EVID, records with AMT or RATE are doses.

    Parameters
    ----------
    source : path of a CSV or Parquet file, data frame (pandas, polars), or mapping of columns
    units : dict, optional
        Units of columns, as in ``{"TIME": "day", "AMT": "ug", "WT": "lb"}``. Otherwise times are in h and amounts in
        mg; II and DUR are in the unit of TIME, RATE in that of AMT over that of TIME; WT in kg, HT in cm, BSA in m**2,
        BMI in kg/m**2, AGE in year, CRCL in mL/min, and other covariates in the unit of the model file.
    modes : "nocb", "locf", or dict such as {"WT": "locf"}
        Between two records, covariates have the value of the later one ("nocb") or of the earlier one ("locf").
    date_format : str, optional
        How dates are written in DATE, or dates and times in TIME, in the form of `time.strptime`: "%m/%d/%y". ISO dates
        (2026-03-01 08:30) need none.

    Returns
    -------
    Records
        Times in h: as they stand; from midnight for clock times ("08:30"); from each subject's first record for dates.

    Raises
    ------
    InputError : no table, or an argument that does not fit it.
    RecordsError : the table has mistakes; ten of them are printed with their lines, the rest counted.

    >>> read_records({"ID": [1, 1, 1], "TIME": [0, 1, 8], "AMT": [100, 0, 0], "WT": [70, 70, 71]})
    <Records of 1 subject: 3 records, 1 dose, 2 observations; covariates WT [kg] nocb>
    """
    table = open_table(source)
    events, others = _sorted_out(table)
    own_units = _by_column(units, table)
    event_units = _event_units(own_units)
    mistakes = Mistakes(table)
    subject, first = read_subjects(events.get("ID"), mistakes)
    time = read_times(
        events,
        first=first,
        date_format=date_format,
        unit=own_units.get("TIME"),
        mistakes=mistakes,
    )
    numbers = read_event_numbers(events, mistakes)
    compartment, direction = read_compartments(events.get("CMT"), mistakes)
    dv = mistakes.numbers("DV", events["DV"]) if "DV" in events else None
    names = {name: read_names(name.upper(), events.get(name.upper()), mistakes) for name in CHOICES}
    covariates = read_covariates(others, first=first, units=own_units, mistakes=mistakes)
    check_order(time, first, events, mistakes)
    check_records(Cells(numbers, direction), events, mistakes)
    mistakes.raise_if_any()
    inside = {name: _inside(name, numbers[name], event_units[name]) for name in ("AMT", "RATE", "DUR", "II")}
    return Records(
        name=table.name,
        line=table.line,
        subject=subject,
        first=first,
        time=time,
        evid=numbers["EVID"].astype(np.int64),
        amount=inside["AMT"],
        rate=inside["RATE"],
        duration=inside["DUR"],
        interval=inside["II"],
        additional=numbers["ADDL"].astype(np.int64),
        steady=numbers["SS"].astype(np.int64),
        compartment=compartment,
        mdv=numbers["MDV"].astype(np.int64),
        dv=dv,
        choices={name: words for name, words in names.items() if words is not None},
        covariates=covariates.values,
        units=covariates.units,
        modes=read_modes(modes, covariates),
        left_out=(*table.nameless, *covariates.left_out),
    )


def _sorted_out(table: Table) -> tuple[dict[str, Column], dict[str, Column]]:
    """Columns of events by their upper-case names, and the others as they are called."""
    by_upper = {name.upper(): name for name in table.columns}
    if "TIME" not in by_upper:
        known = did_you_mean("TIME", table.columns, "columns here")
        raise RecordsError("there is no column TIME", place=table.name, advice=known)
    if not len(table):
        raise RecordsError(
            "there are no records", place=table.name, advice="give one a line, below the names"
        )
    for name in filter(by_upper.__contains__, _REFUSED):
        column = table.columns[by_upper[name]]
        if not isinstance(column, np.ndarray) or column.dtype.kind not in "if" or np.nan_to_num(column).any():
            raise RecordsError(f"there is a column {by_upper[name]}", place=table.name, advice=_REFUSED[name])
    events = {name: table.columns[by_upper[name]] for name in EVENT_COLUMNS if name in by_upper}
    meant = {*EVENT_COLUMNS, *_REFUSED}
    return events, {name: column for name, column in table.columns.items() if name.upper() not in meant}


def _by_column(units: Any, table: Table) -> dict[str, str]:
    """The units that the user gave, with events in upper case and covariates as the table calls them."""
    by_upper = {name.upper(): name for name in table.columns}
    by_upper.update((name, name) for name in EVENT_COLUMNS)
    if not isinstance(units or {}, Mapping):
        advice = 'give a dict, such as {"TIME": "day", "AMT": "ug"}'
        raise InputError(f"found {units!r:.60}", place="units", advice=advice)
    own = {}
    for name, unit in (units or {}).items():
        known = by_upper.get(str(name).upper())
        if known is None:
            columns = did_you_mean(str(name), table.columns, "columns here")
            raise InputError(f"unknown column '{name}'", place="units", advice=columns)
        if known in EVENT_COLUMNS and known not in _INSIDE:
            advice = f"leave {known} out: among the columns of events {', '.join(_INSIDE)} have units"
            raise InputError(f"{known} has no unit", place="units", advice=advice)
        own[known] = unit
    return own


def _event_units(own: Mapping[str, str]) -> dict[str, str]:
    """Unit of each column of events, those that follow others included; each of the right kind."""
    time, amount = own.get("TIME", "h"), own.get("AMT", "mg")
    for name in filter(own.__contains__, _INSIDE):
        factor(own[name], _INSIDE[name], place=f'units["{name}"]')
    follow = {"TIME": time, "AMT": amount, "RATE": f"{amount}/{time}", "DUR": time, "II": time}
    return {name: own.get(name, unit) for name, unit in follow.items()}


def _inside(name: str, values: np.ndarray, unit: str) -> np.ndarray:
    """A column of events in h and mg; negative rates are codes and stay."""
    if unit == _INSIDE[name]:
        return values
    inside = converted(values, unit, _INSIDE[name])
    return np.where(values < 0, values, inside) if name == "RATE" else inside
